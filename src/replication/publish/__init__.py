"""What is finished at a scale, copied to where Git tracks it; and published trials in place of jobs."""
