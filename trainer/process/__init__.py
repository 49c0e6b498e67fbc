"""How a command hears, speaks and ends; no TensorFlow."""
