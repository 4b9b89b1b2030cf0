"""Headers that a scenario gives or that repeat a text: what may stand there, and how they join others."""

import re
from collections.abc import Iterable, Iterator, Mapping

from mockgpt.core.plan import Headers

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, section 5.5
_UNPRINTABLE = re.compile("[^ -~]")
_SHOWN = 1_000  # characters of a header that repeats what somebody said
_FRAMING = frozenset({"content-length", "transfer-encoding"})  # these follow from the body


def header_problems(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names of headers that cannot be sent as they are, and why."""
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            yield name, f"expected the name of a header, found '{name}'"
        elif name.lower() in _FRAMING:
            yield name, f"expected other headers, found '{name}', which follows from the body"
        elif not _VALUE.fullmatch(value):
            yield name, f"expected one line of Latin-1, found {value!r}"


def merged(headers: Iterable[tuple[str, str]], more: Mapping[str, str]) -> Headers:
    """Return headers with further ones, which replace those of the same name, whatever its case."""
    if not more:
        return tuple(headers)
    lowered = {name.lower(): value for name, value in more.items()}
    return (*(header for header in headers if header[0].lower() not in lowered), *lowered.items())


def printable(text: str) -> str:
    """Return what a client or a scenario said as a header's value may be: printable ASCII, bounded."""
    text = _UNPRINTABLE.sub("?", text)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
