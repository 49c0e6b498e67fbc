"""What to train: one file an experiment, each with a `get_config()`."""
