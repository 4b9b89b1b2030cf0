"""Texts that look the same and are not: Unicode has several forms of one character.

Only the words of a difference know of them: what is compared is what was sent.
"""

from unicodedata import normalize

from msgspec import UNSET

from mockgpt.core.conditions import Text, TextMatch

_HINT = "; they differ only in Unicode form"


def form_hint(wanted: object, got: object) -> str:
    """Return the end of a difference between two values, if their form is all of it."""
    if isinstance(wanted, str) and isinstance(got, str) and _normal(wanted) == _normal(got):
        return _HINT
    return ""


def unmet_hint(wanted: Text, texts: tuple[str, ...]) -> str:
    """Return the end of a difference of texts from a condition that some meet but for their form."""
    match = TextMatch(equals=wanted) if isinstance(wanted, str) else wanted
    if match.matches is not UNSET or match.glob is not UNSET:
        return ""  # a form of `？` is an operator of theirs
    fold = str.casefold if match.ignore_case else str
    for text in map(fold, map(_normal, texts)):
        if (match.equals is UNSET or fold(_normal(match.equals)) == text) and (
            match.contains is UNSET or fold(_normal(match.contains)) in text
        ):
            return _HINT
    return ""


def _normal(text: str) -> str:
    return normalize("NFKC", text)
