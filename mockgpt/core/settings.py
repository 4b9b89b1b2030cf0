"""How a session behaves: the command line's options, as values."""

from functools import lru_cache

from msgspec import Struct

from mockgpt.core import tokens
from mockgpt.core.decode import Split
from mockgpt.core.playing import OnMiss
from mockgpt.core.redaction import NOTHING, Redaction
from mockgpt.core.service import Dialect

_TEXTS, _SHORT = 1_024, 2_048  # texts that are kept in tokens, and their characters at most


@lru_cache(maxsize=8)
def remembering(split: Split) -> Split:
    """Return what splits like another, short texts once: roles, prompts and replies come again."""
    once = lru_cache(maxsize=_TEXTS)(split)
    return lambda text: once(text) if len(text) <= _SHORT else split(text)


class Settings(Struct, frozen=True, kw_only=True):
    """Options of a session; `allow` and `deny` are codes of findings, besides the scenario's.

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
