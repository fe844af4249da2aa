"""Publishing: finished results copied to where Git tracks them, and published trials taken in place of jobs."""
