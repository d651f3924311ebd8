"""From a source to a checked data set, its contract, its parts and its training weights."""
