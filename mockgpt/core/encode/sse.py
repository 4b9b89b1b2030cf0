"""Server-sent events as the service frames them (WHATWG HTML, section 9.2.5; protocol.md, 2.1)."""

import re

import msgspec

DONE = b"data: [DONE]\n\n"

# Raw, these are line ends to some old clients' readers (protocol.md, 4.2); escaped, to none.
_ESCAPED = (
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
    ("\u0085".encode(), b"\\u0085"),
)


def json_bytes(value: object) -> bytes:
    """Return compact JSON in raw UTF-8, but for the three line ends beyond ASCII."""
    text = msgspec.json.encode(value)
    if text.isascii():
        return text
    for raw, escaped in _ESCAPED:
        if raw in text:
            text = text.replace(raw, escaped)
    return text


def event(data: bytes) -> bytes:
    """Return one event: one `data:` line, one blank line."""
    return b"data: %b\n\n" % data


def broken(data: bytes) -> bytes:
    """Return an event or a body whose JSON is none any more, in as many bytes."""
    begin = data.find(b"\ndata:") + 1  # behind other lines
    found = re.search(rb"[{[]", data[begin:])
    at = begin + (0 if found is None else found.start())
    return data[:at] + (b"[" if data[at : at + 1] == b"{" else b"{") + data[at + 1 :]
