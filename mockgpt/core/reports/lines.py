"""Exchanges as JSON Lines, for tools that read line by line."""

from collections.abc import Iterable, Iterator

from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.exchange import Exchange
from mockgpt.core.reports.data import exchange_view


def json_lines(exchanges: Iterable[Exchange]) -> Iterator[bytes]:
    """Yield a line with its end for every exchange."""
    for exchange in exchanges:
        line = json_bytes(exchange_view(exchange))
        # A body may be written over several lines, between its tokens: within, they are escaped.
        yield line.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
