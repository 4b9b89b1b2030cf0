"""The injected clock: what time an answer says, and how much time has passed."""

import re
from collections.abc import Callable

from mockgpt.core.pace import DURATION, Duration
from mockgpt.core.pace import seconds as in_seconds

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

    def advance(self, duration: Duration) -> None:
        """Let time pass at once: seconds, or a duration as scenarios have it, such as `"2m"`.

        Raises ValueError for a negative number, too large a one, or another text, TypeError for what
        is neither, RuntimeError for a clock that is not frozen.
        """
        if not self.frozen:
            raise RuntimeError(
                "expected a frozen clock, found the real time; leave out clock='real'"
            )
        wanted = "expected seconds, or a duration such as '200ms', '1.5s' or '2m'"
        if not isinstance(duration, str | int | float):
            raise TypeError(f"{wanted}, found {duration!r}")
        if isinstance(duration, str) and not re.search(DURATION, duration):
            raise ValueError(f"{wanted}, found {duration!r}")
        seconds = in_seconds(duration)
        if seconds < 0:
            raise ValueError(f"expected seconds that are not negative, found {seconds}")
        if not self.now() + seconds <= _END:
            raise ValueError(f"expected a time before the year 10000, found {seconds} seconds more")
        self._advanced += seconds
