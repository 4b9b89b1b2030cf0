"""Notices that the files of a scenario have changed, and loads them anew.

It looks when it is told to and knows no time: who calls `look` decides how often.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from mockgpt.core.scenario import Loaded
from mockgpt.files.documents import ScenarioError

_Stamps = dict[str, tuple[int, int, int] | None]


class Reload(Struct, frozen=True):
    """Files that have changed, and what they are now: a scenario, or what is wrong with them."""

    changed: tuple[str, ...]
    result: Loaded | ScenarioError


class Watch:
    """Watches all files that a scenario was read from."""

    def __init__(self, load: Callable[[], Loaded], loaded: Loaded) -> None:
        self._load = load
        self._served = self._last = _stamps(loaded.files)

    def look(self) -> Reload | None:
        """Load anew if files have changed, and are as they were at the last look.

        One that is still being written, or missing while an editor puts another in its place, will
        have changed again by the next.
        """
        now, before = _stamps(self._served), self._last
        self._last = now
        if now == self._served or now != before:
            return None
        changed = tuple(file for file in now if now[file] != self._served[file])
        self._served = now
        try:
            loaded = self._load()
        except ScenarioError as error:
            # What is wrong may be a text that was not named before, and is to be written yet.
            self._served = self._last = _stamps(error.files) | now
            return Reload(changed, error)
        # What changed while it was loaded is noticed, as its stamp is from before.
        kept = {file: now[file] for file in loaded.files if file in now}
        self._served = self._last = _stamps(loaded.files) | kept
        return Reload(changed, loaded)


def _stamps(files: Iterable[str]) -> _Stamps:
    """Return what tells whether a file is another: size, time and inode; None for a missing one."""
    return {file: _stamp(Path(file)) for file in files}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in its name
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
