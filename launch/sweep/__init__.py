"""Many runs: a search, seeds and folds, by the trainer's command line."""
