"""The ways in from Python: a run by a call, and scikit-learn's estimators."""
