"""A run's files, and the one process that may write them."""
