"""The steps: what is recorded."""
