"""Who is in the job, how they meet, and by which strategy; no TensorFlow."""
