"""A training job for multilayer perceptrons on TensorFlow."""

__version__ = "0.1.0"
