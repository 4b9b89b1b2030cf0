"""Exact mode: true cl100k_base tokens from an installed tokenizer whose ranks are on this disk.

Nothing here can open a connection: the ranks are read from tiktoken's cache by its own naming rule,
or come inside the bpe-openai package; tiktoken is never asked to find them.
"""

import base64
import hashlib
import importlib
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

__all__ = ["ExactTokensUnavailable", "load_split"]

# tiktoken/load.py, read_file_cached: a cached file is named after the SHA-1 of the address it came
# from; this is that of cl100k_base, and below it the SHA-256 that openai_public.py demands of it.
RANKS_NAME: Final = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
RANKS_SHA256: Final = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"

# tiktoken_ext/openai_public.py, cl100k_base.
PATTERN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)

CONTINUES: Final = 0b10
"""The first two bits of a byte of UTF-8 that continues a character."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class ExactTokensUnavailable(Exception):  # noqa: N818 -- it states a condition, not a fault
    """No true ranks are at hand; the message says where they were looked for and what to do."""


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...

    def decode_tokens_bytes(self, tokens: Sequence[int]) -> list[bytes]: ...


class _NotFoundError(Exception):
    """One source is not there; the message says what of it was missing."""


def load_split() -> Callable[[str], tuple[str, ...]]:
    """Return a lossless `split` that gives true cl100k_base tokens.

    A character that takes several tokens stands in the first of them and each further one is `""`,
    as in `mockgpt.core.tokens`. Names of special tokens such as `<|endoftext|>` are ordinary text.
    Raises ExactTokensUnavailable when neither tiktoken with cached ranks nor bpe-openai is there.
    """
    missing = []
    for source in (_from_tiktoken, _from_bpe_openai):
        try:
            encoding = source()
        except _NotFoundError as reason:
            missing.append(str(reason))
        else:
            return _splitter(encoding)
    raise ExactTokensUnavailable(
        f"exact tokens need the ranks of cl100k_base on this disk: {'; '.join(missing)}. "
        "Next step: pip install bpe-openai (which brings the ranks), or let tiktoken fetch them once "
        "where there is a network (tiktoken.get_encoding('cl100k_base')) and set TIKTOKEN_CACHE_DIR "
        "to that cache; or leave exact mode off, the built-in counts come within a few per cent."
    )


def _from_tiktoken() -> _Encoding:
    try:
        tiktoken = importlib.import_module("tiktoken")
    except ImportError:
        raise _NotFoundError("tiktoken is not installed") from None
    encoding: _Encoding = tiktoken.Encoding(
        "cl100k_base", pat_str=PATTERN, mergeable_ranks=_cached_ranks(), special_tokens={}
    )
    return encoding


def _from_bpe_openai() -> _Encoding:
    try:
        with warnings.catch_warnings():  # it reads its ranks by a name that Python deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            bpe_openai = importlib.import_module("bpe_openai")
    except ImportError:
        raise _NotFoundError("bpe-openai is not installed") from None
    encoding: _Encoding = bpe_openai.get_encoding("cl100k_base")
    return encoding


def _cached_ranks() -> dict[bytes, int]:
    """Read the ranks that tiktoken has cached; a damaged file is refused, and left alone."""
    path = _cache_directory() / RANKS_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _NotFoundError(
            f"tiktoken is installed, but its cached ranks {path} cannot be read ({error.strerror})"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != RANKS_SHA256:
        raise _NotFoundError(
            f"tiktoken is installed, but its cached ranks {path} are not those of cl100k_base: "
            f"expected SHA-256 {RANKS_SHA256[:12]}..., found {found[:12]}..."
        )
    pairs = (line.split() for line in content.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def _cache_directory() -> Path:
    """Find tiktoken's cache as it does itself; set but empty means that it keeps none."""
    for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        directory = os.environ.get(name)
        if directory == "":
            raise _NotFoundError(f"tiktoken is installed, but {name} is empty: it keeps no cache")
        if directory is not None:
            return Path(directory)
    return Path(tempfile.gettempdir()) / "data-gym-cache"


def _splitter(encoding: _Encoding) -> Callable[[str], tuple[str, ...]]:
    def split(text: str) -> tuple[str, ...]:
        # A lone surrogate has no UTF-8; the replacement character has three bytes as well.
        tokens = encoding.encode_ordinary(_SURROGATE.sub("\ufffd", text))
        return tuple(_characters(text, encoding.decode_tokens_bytes(tokens)))

    return split


def _characters(text: str, tokens: list[bytes]) -> Iterator[str]:
    """Give each token the characters whose first byte it holds."""
    at = 0
    for token in tokens:
        begun = len(token) - sum(byte >> 6 == CONTINUES for byte in token)
        yield text[at : at + begun]
        at += begun
