"""The injected clock: what time an answer says, and how much time has passed."""

from collections.abc import Callable

Source = Callable[[], float]  # seconds

_END = 253_402_300_799.0  # 9999-12-31T23:59:59Z, the last second that a Date header can say


class Clock:
    """Wall time for `created` and Date, elapsed time for limits and retry windows.

    A frozen clock's wall time stands still until it is advanced; elapsed time always runs, so a
    client that waits as long as it was told to is not refused again.
    """

    def __init__(self, wall: Source, elapsed: Source, *, frozen: bool) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._advanced = 0.0
        self.frozen = frozen

    def now(self) -> float:
        """Return the wall time, in seconds of the Unix epoch."""
        return self._wall() + self._advanced

    def elapsed(self) -> float:
        """Return the seconds since any fixed start; they never go back."""
        return self._elapsed() + self._advanced

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once.

        Raises ValueError for a negative number or too large a one, RuntimeError for a clock that is
        not frozen.
        """
        if not self.frozen:
            raise RuntimeError(
                "expected a frozen clock, found the real time; leave out clock='real'"
            )
        if seconds < 0:
            raise ValueError(f"expected seconds that are not negative, found {seconds}")
        if not self.now() + seconds <= _END:
            raise ValueError(f"expected a time before the year 10000, found {seconds} seconds more")
        self._advanced += seconds
