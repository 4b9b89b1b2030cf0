"""Headers that a scenario gives: which would break HTTP, and how they join those of the service."""

import re
from collections.abc import Iterable, Iterator, Mapping

from mockgpt.core.plan import Headers

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, section 5.5
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
