"""How a session behaves: the command line's options, as values."""

from msgspec import Struct

from mockgpt.core import tokens
from mockgpt.core.answers import Split
from mockgpt.core.playing import OnMiss
from mockgpt.core.service import Dialect


class Settings(Struct, frozen=True, kw_only=True):
    """Options of a session; `allow` and `deny` are codes of findings, besides the scenario's."""

    api_keys: frozenset[str] = frozenset()
    dialect: Dialect = "openai"
    strict: bool = False
    split: Split = tokens.split
    speed: float = 1.0
    on_miss: OnMiss | None = None  # None: an error where there are rules, else filler
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
