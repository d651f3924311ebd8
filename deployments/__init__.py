"""When and where it runs."""
