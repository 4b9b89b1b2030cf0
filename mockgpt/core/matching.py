"""Which rule answers a request. A match is an empty tuple of differences.

The explanation of a miss is the matcher's own result, so the two cannot disagree.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from mockgpt.core.conditions import Text, TextMatch, When
from mockgpt.core.replies import attempts_of
from mockgpt.core.requests import (
    Asked,
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Request,
)
from mockgpt.core.scenario import Rule, replies_of

Captures = Mapping[str, str]  # named groups of `matches`, and what they hold

_SHOWN, _LISTED = 200, 5  # characters of a text and texts of a request that a difference shows


class Difference(Struct, frozen=True):
    """One condition that does not hold: its key, what was wanted, what the request has."""

    key: str
    wanted: str
    got: str


class Choice(Struct, frozen=True):
    """The rule that answers."""

    rule: Rule


class Miss(Struct, frozen=True):
    """No rule answers; the nearest one and why not, or None where there are no rules at all."""

    nearest: Rule | None
    differences: tuple[Difference, ...] = ()


def explained(step: Choice | Miss, rule: Choice | Miss, places: Mapping[str, str]) -> str:
    """Say why no step and no rule answers; `places` are their files and lines, by their ids."""
    told = [
        f"{what} {_told(miss, kind, places)}"
        for what, kind, miss in (("due is", "step", step), ("nearest is", "rule", rule))
        if isinstance(miss, Miss) and miss.nearest is not None
    ]
    return "; ".join(told) or "the scenario has no rules"


def _told(miss: Miss, kind: str, places: Mapping[str, str]) -> str:
    assert miss.nearest is not None, "asked for a miss that has one"
    name = miss.nearest.id
    where = f"{places[name]} " if name in places else ""
    told = "; ".join(f"{d.key}: wanted {d.wanted}, got {d.got}" for d in miss.differences)
    return f"{where}{kind} '{name}' ({told})"


def choose(rules: Sequence[Rule], asked: Asked) -> Choice | Miss:
    """Return the first rule whose conditions all hold, or the one with the fewest that do not."""
    nearest = Miss(None)
    for rule in rules:
        found = (*differences(rule.when, asked), *_unfit(rule, asked.request))
        if not found:
            return Choice(rule)
        if nearest.nearest is None or len(found) < len(nearest.differences):
            nearest = Miss(rule, found)
    return nearest


def meant_for(when: When, asked: Asked) -> tuple[Captures | None, ...]:
    """Return for each prompt or input the captures of conditions that the request meets.

    None stands for a text that the answer is not meant for: conditions on a text are meant for the
    texts that meet them, others for all.
    """
    request = asked.request
    if isinstance(request, ChatRequest):
        return ({},)
    name = "prompts" if isinstance(request, CompletionRequest) else "inputs"
    singles = (
        replace(asked, request=replace(request, **{name: (text,)})) for text in request.texts
    )
    return tuple(None if differences(when, single) else {} for single in singles)


def _unfit(rule: Rule, request: Request) -> Iterator[Difference]:
    """Yield a difference where a text would answer a request for vectors, or the reverse."""
    embeddings = isinstance(request, EmbeddingRequest)
    attempts = [attempt for reply in replies_of(rule) for attempt in attempts_of(reply)]
    if embeddings and any(attempt.say is not UNSET for attempt in attempts):
        yield Difference("reply", "a request for text", "embeddings")
    if not embeddings and any(attempt.vectors is not UNSET for attempt in attempts):
        yield Difference("reply", "a request for embeddings", "a request for text")


def differences(when: When, asked: Asked) -> tuple[Difference, ...]:
    """Return the conditions that the request does not meet; none means that it matches."""
    return tuple(_differences(when, asked))


def _differences(when: When, asked: Asked) -> Iterator[Difference]:
    request = asked.request
    endpoint = request.__struct_config__.tag
    if when.endpoint is not UNSET:
        wanted = (when.endpoint,) if isinstance(when.endpoint, str) else when.endpoint
        if endpoint not in wanted:
            yield Difference("endpoint", " or ".join(wanted), str(endpoint))
    if when.model is not UNSET:
        globs = (when.model,) if isinstance(when.model, str) else when.model
        if not any(_glob(glob, ignore_case=False).match(request.model) for glob in globs):
            yield Difference("model", " or ".join(globs), request.model)
    for key in ("user", "system", "assistant"):
        text = getattr(request, key) if isinstance(request, ChatRequest) else None
        yield from _text_difference(key, getattr(when, key), () if text is None else (text,))
    yield from _text_difference("text", when.text, _strings(request))
    prompts = _strings(request) if isinstance(request, CompletionRequest) else ()
    yield from _text_difference("prompt", when.prompt, prompts)
    inputs = _strings(request) if isinstance(request, EmbeddingRequest) else ()
    yield from _text_difference("input", when.input, inputs)
    if when.stream is not UNSET:
        stream = not isinstance(request, EmbeddingRequest) and request.stream
        if stream != when.stream:
            yield Difference("stream", str(when.stream).lower(), str(stream).lower())


def _strings(request: Request) -> tuple[str, ...]:
    return tuple(text for text in request.texts if isinstance(text, str))


def _text_difference(
    key: str, wanted: Text | UnsetType, texts: tuple[str, ...]
) -> Iterator[Difference]:
    """Yield a difference unless one of the texts meets the condition."""
    if wanted is UNSET:
        return
    match = TextMatch(equals=wanted) if isinstance(wanted, str) else wanted
    if not any(_meets(match, text) for text in texts):
        shown = " | ".join(repr(text[:_SHOWN]) for text in texts[:_LISTED])
        yield Difference(key, _described(match), shown or "no such text")


def _meets(match: TextMatch, text: str) -> bool:
    fold = str.casefold if match.ignore_case else str
    return (
        (match.equals is UNSET or fold(match.equals) == fold(text))
        and (match.contains is UNSET or fold(match.contains) in fold(text))
        and (
            match.matches is UNSET
            or _regex(match.matches, ignore_case=match.ignore_case).search(text) is not None
        )
        and (
            match.glob is UNSET
            or _glob(match.glob, ignore_case=match.ignore_case).match(text) is not None
        )
    )


def _described(match: TextMatch) -> str:
    given = [(k, getattr(match, k)) for k in ("equals", "contains", "matches", "glob")]
    parts = [f"{key} {value!r}" for key, value in given if value is not UNSET]
    return " and ".join(parts) + (" (ignoring case)" if match.ignore_case else "")


@lru_cache(maxsize=1024)
def _regex(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE if ignore_case else re.NOFLAG)


@lru_cache(maxsize=1024)
def _glob(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(translate(pattern), re.IGNORECASE if ignore_case else re.NOFLAG)
