"""`strata jobs`: one way to speak of what every launcher runs."""
