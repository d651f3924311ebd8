"""Models: candidates, their search, and what is learned about the winner."""
