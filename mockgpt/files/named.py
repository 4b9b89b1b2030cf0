"""What is named by users: files that are read, and what is shipped; what else they may have meant."""

from collections.abc import Collection
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from mockgpt.core.entry import did_you_mean
from mockgpt.files.documents import Complaint, ScenarioError
from mockgpt.files.unreadable import undecoded

_LARGEST = 16 * 2**20  # bytes
_LOOKED_AT = 1_000  # files of a folder


def read_file(name: str, kind: str) -> str:
    """Return the text of a file. Raises ScenarioError for one that cannot be read, or is too large."""
    try:
        with Path(name).open("rb") as file:
            data = file.read(_LARGEST + 1)  # /dev/zero has no end
        if len(data) > _LARGEST:
            message = f"expected {kind} of up to {_LARGEST:,} bytes, found more; make several of it"
            raise ScenarioError(Complaint(message, name))
        return _decoded(data, name, kind)
    except OSError as error:
        message = f"expected {kind}, found none ({error.strerror}){_beside(Path(name))}"
        raise ScenarioError(Complaint(message, name)) from error


def _decoded(data: bytes, name: str, kind: str) -> str:
    try:
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        (line, column), found = undecoded(error)
        message = f"expected {kind} in UTF-8, found {found}; save it as UTF-8"
        raise ScenarioError(Complaint(message, name, line, column)) from error


def _beside(path: Path) -> str:
    """Return the end of a message about a file that is not there: one like it in its folder, if any."""
    try:
        found = list(islice(path.parent.glob(f"*{path.suffix}"), _LOOKED_AT))
    except (OSError, ValueError, NotImplementedError):  # of a folder or a suffix that cannot be
        return ""
    near = get_close_matches(path.stem, sorted(one.stem for one in found if one.is_file()), 1)
    return f"; did you mean '{path.with_name(near[0] + path.suffix)}'?" if near else ""


def unknown_name(name: str, kind: str, known: Collection[str]) -> ScenarioError:
    """Return what to raise for a name that is not shipped: a file beside, or what is close to it."""
    paths = (f"{name}.yaml", f"{name}.yml", f"./{name}")
    try:
        beside = [path for path in paths if Path(path).is_file()]
    except OSError:  # too long for a file's name
        beside = []
    hint = f"; did you mean '{beside[0]}'?" if beside else did_you_mean(name, known)
    listed = "" if hint else f" ({', '.join(known)})"
    message = f"expected {kind}{listed} or a path to a .yaml file, found '{name}'{hint}"
    return ScenarioError(Complaint(message))
