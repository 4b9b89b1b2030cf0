"""What is named by users: files that are read, and what is shipped; what else they may have meant."""

from collections.abc import Collection
from pathlib import Path

from mockgpt.core.entry import did_you_mean
from mockgpt.files.documents import Complaint, ScenarioError

_LARGEST = 16 * 2**20  # bytes


def read_file(name: str, kind: str) -> str:
    """Return the text of a file. Raises ScenarioError for one that cannot be read, or is too large."""
    try:
        with Path(name).open("rb") as file:
            data = file.read(_LARGEST + 1)  # /dev/zero has no end
        if len(data) > _LARGEST:
            message = f"expected {kind} of up to {_LARGEST:,} bytes, found more; make several of it"
            raise ScenarioError(Complaint(message, name))
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        message = f"expected {kind}, found none ({error.strerror})"
        raise ScenarioError(Complaint(message, name)) from error
    except UnicodeDecodeError as error:
        message = f"expected {kind} in UTF-8, found {error}"
        raise ScenarioError(Complaint(message, name)) from error


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
