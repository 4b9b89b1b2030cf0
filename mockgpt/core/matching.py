"""Which rule answers a request. A match is an empty tuple of differences.

The explanation of a miss is the matcher's own result, so the two cannot disagree.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from mockgpt.core import bodies
from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.differences import (
    LISTED,
    TEXTS,
    Difference,
    Tell,
    distance,
    header_values,
    holds,
    meets,
    unmet,
)
from mockgpt.core.literals import Literals
from mockgpt.core.replies import EMBEDDED, SPOKEN
from mockgpt.core.requests import (
    Asked,
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Request,
)
from mockgpt.core.scenario import Rule
from mockgpt.core.searching import PatternFailedError, search

Captures = Mapping[str, str]  # named groups of `matches`, and what they hold


class UndecidedError(Exception):
    """A rule of which it would take too long to tell whether it answers: it, and why."""

    def __init__(self, rule: Rule, why: PatternFailedError) -> None:
        super().__init__(str(why))
        self.rule = rule


def choose(rules: Sequence[Rule], asked: Asked, literals: Literals | None = None) -> Rule | None:
    """Return the first rule whose conditions all hold. `literals` are the rules'.

    Raises UndecidedError.
    """
    candidates = range(len(rules)) if literals is None else literals.candidates(asked.request)
    for position in candidates:
        rule = rules[position]
        if next(_unmet(rule, asked), None) is None:
            return rule
    return None


def explained(
    steps: Sequence[Rule], rules: Sequence[Rule], asked: Asked, places: Mapping[str, str]
) -> str:
    """Say why no step that is due and no rule answers: by the nearest ones, with few differences.

    A rule for the endpoint that was asked is nearer than any for another. `places` are their files
    and lines, by their ids. Raises UndecidedError.
    """
    told = [
        f"{what} {_told(some, kind, asked, places)}"
        for what, kind, some in (("due is", "step", steps), ("nearest is", "rule", rules))
        if some
    ]
    return "; ".join(told) or "the scenario has no rules"


def _told(rules: Sequence[Rule], kind: str, asked: Asked, places: Mapping[str, str]) -> str:
    missed = [(rule, tuple(_unmet(rule, asked))) for rule in rules]
    nearest, tells = min(missed, key=lambda one: distance(one[0].when, asked, one[1]))
    name = nearest.id
    where = f"{places[name]} " if name in places else ""
    # Only these are put in words: of a thousand rules, that takes longer than finding the nearest.
    told = "; ".join(map(str, _worded(nearest, tells[:LISTED])))
    more = len(tells) - LISTED
    return f"{where}{kind} '{name}' ({told}{f'; and {more} more' if more > 0 else ''})"


def reasons(rule: Rule, asked: Asked) -> tuple[Difference, ...]:
    """Return why a rule does not answer a request; none means that it would.

    Raises UndecidedError.
    """
    return _worded(rule, _unmet(rule, asked))


def _worded(rule: Rule, tells: Iterable[Tell]) -> tuple[Difference, ...]:
    try:
        return tuple(tell() for tell in tells)
    except PatternFailedError as error:  # of what had not to be looked at before
        raise UndecidedError(rule, error) from error


def _unmet(rule: Rule, asked: Asked) -> Iterator[Tell]:
    found = None
    try:
        for found in unmet(rule.when, asked):
            yield found
        if found is None:
            yield from _unfit(rule, asked.request)
            yield from _miscounted(rule, asked)
    except PatternFailedError as error:
        if found is None:  # else another condition has ruled it out, whatever this one says
            raise UndecidedError(rule, error) from error


def _unfit(rule: Rule, request: Request) -> Iterator[Tell]:
    """Yield a difference where a text would answer a request for vectors, or the reverse."""
    embeddings = isinstance(request, EmbeddingRequest)
    wrong = SPOKEN if embeddings else EMBEDDED
    if not rule.sources.isdisjoint(wrong):
        texts, vectors = "a request for text", "a request for embeddings"
        wanted, got = (texts, vectors) if embeddings else (vectors, texts)
        yield lambda: Difference("reply", wanted, got)


def _miscounted(rule: Rule, asked: Asked) -> Iterator[Tell]:
    """Yield a difference where a reply has a vector for each input, and there are more or fewer."""
    if not isinstance(asked.request, EmbeddingRequest):
        return
    for wanted in rule.vectors:
        found = sum(captures is not None for captures in meant_for(rule.when, asked))
        if found != wanted:
            vectors = f"{wanted} inputs, one for each vector"
            yield partial(Difference, "reply", vectors, f"{found} inputs")
            return


def meant_for(when: When, asked: Asked) -> tuple[Captures | None, ...]:
    """Return for each prompt or input the captures of conditions that the request meets.

    None stands for a text that the answer is not meant for: conditions on a text are meant for the
    texts that meet them, others for all. So are those that no text meets by itself.
    Every name of `capture_names` is there; a group that took no part is "".
    """
    request = asked.request
    names = when.capture_names
    if isinstance(request, ChatRequest):
        return (_captures(when, asked, names),)
    if not _asks_of_texts(when):
        return (_captures(when, asked, names),) * len(request.texts)
    name = "prompts" if isinstance(request, CompletionRequest) else "inputs"
    alone = [replace(asked, request=replace(request, **{name: (text,)})) for text in request.texts]
    rest = replace(when, body=UNSET, exactly=UNSET)  # these hold for the request, so for each text
    meant = tuple(
        _captures(when, single, names) if holds(rest, single) else None for single in alone
    )
    if all(one is None for one in meant):
        return (_captures(when, asked, names),) * len(meant)
    return meant


def _asks_of_texts(when: When) -> bool:
    """Tell whether any condition is on one prompt or input by itself."""
    branches = (*(when.any_ or ()), *(when.all_ or ()), *((when.not_,) if when.not_ else ()))
    texts = (when.text, when.prompt, when.input)
    return any(text is not UNSET for text in texts) or any(map(_asks_of_texts, branches))


def _captures(when: When, asked: Asked, names: frozenset[str]) -> Captures:
    return dict.fromkeys(names, "") | _captured(when, asked) if names else {}


def _captured(when: When, asked: Asked) -> dict[str, str]:
    """Return what groups hold; of branches that capture the same name the last one that holds."""
    found: dict[str, str] = {}
    for key, texts in TEXTS.items():
        found |= _groups(getattr(when, key), texts(asked.request))
    for name, text in when.headers.items():
        found |= _groups(text, header_values(asked, name))
    if when.body is not UNSET:
        found |= bodies.captures(when.body, asked.body)
    for branch in (*(when.all_ or ()), *(when.any_ or ())):
        if holds(branch, asked):
            found |= _captured(branch, asked)
    return found


def _groups(wanted: Any, texts: tuple[str, ...]) -> dict[str, str]:
    """Return the groups of the first text that meets a condition."""
    if not isinstance(wanted, TextMatch) or wanted.matches is UNSET:
        return {}
    text = next((text for text in texts if meets(wanted, text)), None)
    if text is None:
        return {}
    return dict(search(wanted.matches, text, ignore_case=wanted.ignore_case) or {})
