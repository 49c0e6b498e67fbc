"""The strategy that a job runs on, and TensorFlow's start."""
