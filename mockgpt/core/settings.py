"""How a session behaves: the command line's options, as values."""

from functools import lru_cache
from typing import Literal

from msgspec import Struct

from mockgpt.core import tokens
from mockgpt.core.decode import Split
from mockgpt.core.redaction import NOTHING, Redaction
from mockgpt.core.service import Dialect

OnMiss = Literal["error", "filler"]

_TEXTS, _SHORT = 1_024, 2_048  # texts that are kept in tokens, and their characters at most
_LONG_TEXTS, _LONG = 8, 2**15  # and of the longer ones


@lru_cache(maxsize=8)
def remembering(split: Split) -> Split:
    """Return what splits like another, most texts once: roles, prompts and replies come again."""
    short, long = (lru_cache(maxsize=most)(split) for most in (_TEXTS, _LONG_TEXTS))

    def once(text: str) -> tuple[str, ...]:
        size = len(text)
        return short(text) if size <= _SHORT else long(text) if size <= _LONG else split(text)

    return once


class Settings(Struct, frozen=True, kw_only=True, eq=False):
    """Options of a session, equal to themselves alone; `allow` and `deny` are codes of findings, besides the scenario's.

    `counts` is False where other processes are asked the same: then equal requests have equal
    answers, ids included, however often they come.
    """

    api_keys: frozenset[str] = frozenset()
    dialect: Dialect = "openai"
    strict: bool = False
    split: Split = tokens.split
    speed: float = 1.0
    on_miss: OnMiss | None = None  # None: an error where there are rules, else filler
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    redaction: Redaction = NOTHING
    counts: bool = True

    def __repr__(self) -> str:
        return f"<Settings of {self.dialect} with {len(self.api_keys)} keys>"
