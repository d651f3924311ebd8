"""Sources, contract, dataset, splits and weights."""
