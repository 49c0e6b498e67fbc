"""Who is in the job, and how its processes meet; no TensorFlow."""
