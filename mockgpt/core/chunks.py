"""What one event of a stream says: a text cut by tokens, words, characters, or as a reply wrote it.

No cut loses a character or a token: what the parts say is the text, and what they count its tokens.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from mockgpt.core.pace import Grain, seconds
from mockgpt.core.replies import Piece

# A word takes the space before it. Han characters and kana are written without spaces: each is one.
# Compiled by `re` when it is first needed, and kept there: that takes milliseconds.
_WORDS = (
    "\\s*(?:[\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\\s\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]+)"
    "|\\s+"
)


# The text of one event, the completion tokens that end in it, and the seconds before it. A plain
# tuple: every token of every stream becomes one.
Part = tuple[str, int, float]


def by_tokens(tokens: Sequence[str]) -> Iterator[Part]:
    """Yield a part for every token; those without text count for the next that has one."""
    count = 0
    for token in tokens:
        count += 1
        if token:
            yield token, count, 0.0
            count = 0


def by_grain(tokens: Sequence[str], grain: Grain) -> tuple[Part, ...]:
    """Return the parts of a text in tokens, each as large as a pace says."""
    text = "".join(tokens)
    match grain:
        case int():
            groups = range(0, len(tokens), grain)
            texts = ["".join(tokens[start : start + grain]) for start in groups]
        case "word":
            texts = re.findall(_WORDS, text)
        case "character":
            texts = [*text]
        case "token":
            return tuple(by_tokens(tokens))
    return tuple(_counted(tokens, ((piece, 0.0) for piece in texts if piece)))


def by_pieces(tokens: Sequence[str], pieces: Iterable[str | Piece]) -> tuple[Part, ...]:
    """Return a reply's own pieces, as far as the tokens go, which a request may have cut."""
    left = sum(map(len, tokens))
    kept = []
    for piece in pieces:
        text, after = (piece, 0.0) if isinstance(piece, str) else (piece.text, seconds(piece.after))
        if text and not left:
            break
        kept.append((text[:left], after))
        left -= len(text[:left])
    return tuple(_counted(tokens, kept))


def _counted(tokens: Sequence[str], texts: Iterable[tuple[str, float]]) -> Iterator[Part]:
    """Yield texts with the tokens that end in them."""
    ends = _ends(tokens)
    at, count = next(ends, (0, 0))
    end = 0
    for text, after in texts:
        end += len(text)
        found = 0
        while count and at <= end:
            found += count
            at, count = next(ends, (0, 0))
        yield text, found, after


def _ends(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the places where texts of tokens end, and how many tokens have come with each."""
    end = 0
    for text, count, _ in by_tokens(tokens):
        end += len(text)
        yield end, count
