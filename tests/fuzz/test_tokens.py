"""The fake tokenizer takes any text: nothing lost, the same again, and no more work than text."""

import sys

from fuzz import strategies

from mockgpt.core import tokens


def test_tokens(fuzz):
    tokens.split(
        "The tables are built once, that of lengths for longer pieces: ü, internationalisation."
    )

    def law(text):
        tokens._cached.cache_clear()
        pieces, lines = lines_of(text)
        assert "".join(pieces) == text
        assert tokens.split(text) == pieces
        size = len(text.encode("utf-8", "surrogatepass"))
        assert bool(text) <= len(pieces) <= size
        assert lines <= 100 * size + 100

    fuzz("tokens", law, text=strategies.tokenized)


def lines_of(text):
    """Split a text, and count the lines of Python that this takes: a time that is always the same."""
    lines = 0

    def trace(frame, event, _):
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_globals.get("__name__") == tokens.__name__ else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        pieces = tokens.split(text)
    finally:
        sys.settrace(before)
    return pieces, lines
