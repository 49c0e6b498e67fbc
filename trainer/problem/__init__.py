"""What is asked of the data, and how an answer is scored."""
