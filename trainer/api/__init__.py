"""The ways in from Python: a run, or several; and scikit-learn's estimators."""
