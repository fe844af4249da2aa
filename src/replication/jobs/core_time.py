"""Core-seconds of a job."""

import time


class CoreTime:
    """Core-seconds of this process, not what other programs took, and of what was done before a stop."""

    def __init__(self) -> None:
        self.start, self.before = time.process_time(), 0.0

    def spent(self) -> float:
        """Core-seconds so far."""
        return self.before + time.process_time() - self.start
