"""How to start the trainer somewhere: no TensorFlow, no training code."""
