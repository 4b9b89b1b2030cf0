"""What is allowed in a scenario but cannot be meant: rules that never answer, faults that never act.

Each is a warning with its place; a scenario with warnings can be served.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mockgpt.core import faults
from mockgpt.core.conditions import When
from mockgpt.core.entry import Place
from mockgpt.core.errors import ApiError, render
from mockgpt.core.exchange import retryable
from mockgpt.core.implication import answerable, shadows
from mockgpt.core.patterns import glob
from mockgpt.core.regexes import exponential
from mockgpt.core.replies import ErrorReply, Reply, attempts_of, faults_of, reply_of
from mockgpt.core.scenario import Rule, Scenario, Step, entries_of
from mockgpt.core.service import Service
from mockgpt.core.templates import names_in

# Faults of events: a whole body has none.
_OF_STREAMS = (
    faults.Coalesce, faults.Newline, faults.NoSpace, faults.Comments, faults.EventLines,
    faults.Duplicate, faults.Reorder, faults.Drop, faults.NoFinish, faults.NoDone, faults.CutLast,
    faults.ErrorEvent, faults.Torture,
)  # fmt: skip
_REPEATS = re.compile(r"[*+{]")  # without one of these a pattern has only so many ways
# Whatever else happens, clients have their answer, and soon.
_HARMLESS = (
    faults.Slice, faults.Coalesce, faults.Newline, faults.NoSpace, faults.Comments, faults.EventLines,
    faults.Torture,
)  # fmt: skip


class Lint(Struct, frozen=True):
    """One thing that cannot be meant: where, a short code, and a sentence with the next step."""

    place: Place
    code: str
    message: str


def lint(scenario: Scenario, service: Service) -> Iterator[Lint]:
    """Yield what cannot be meant in a scenario that has no problems."""
    yield from _shadowed(scenario.rules)
    yield from _answering_nothing(scenario.rules)
    for place, entry in entries_of(scenario):
        key = "when" if isinstance(entry, Rule) else "expect"
        when = getattr(entry, key)
        yield from _unknown_models(when, service, (*place, key, "model"))
        yield from _slow_patterns(msgspec.to_builtins(when), (*place, key))
        yield from _unused_captures(when, entry, (*place, key))
        for at, reply, number, last in _attempts(entry, place):
            yield from _idle_faults(reply, when, at, number=number, last=last)
            if not last and not _tried_again(reply, scenario, service):
                yield Lint(
                    at,
                    "unreachable_attempt",
                    "clients do not try again after this attempt, so the next is never asked for; "
                    "let it be a retryable error or a broken connection, or remove what follows",
                )
    if scenario.seed is UNSET:
        yield from _chances(msgspec.to_builtins(scenario), ())


def _shadowed(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    for index, earlier in shadows(rules):
        first = rules[earlier]
        name = f"rule '{first.id}'" if first.id else f"rules[{earlier}]"
        message = f"{name} stands before it and answers all that it would; put this one first, or remove it"
        yield Lint(("rules", index), "shadowed_rule", message)


def _answering_nothing(rules: tuple[Rule, ...]) -> Iterator[Lint]:
    for index, rule in enumerate(rules):
        if not answerable(rule):
            message = (
                "no request meets its conditions and fits its reply, a text for chats and completions, "
                "vectors for embeddings; change one of them"
            )
            yield Lint(("rules", index), "answers_nothing", message)


def _unknown_models(when: When, service: Service, place: Place) -> Iterator[Lint]:
    if when.model is UNSET:
        return
    known = [name for one in service.models.values() for name in (one.name, *one.aliases)]
    globs = (when.model,) if isinstance(when.model, str) else when.model
    if not any(glob(one).match(name) for one in globs for name in known):
        message = (
            "the service has no such model, and refuses a request for it before any rule is asked; "
            f"it has {', '.join(service.models)}"
        )
        yield Lint(place, "unknown_model", message)


def _slow_patterns(value: Any, place: Place) -> Iterator[Lint]:
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _slow_patterns(item, (*place, index))
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        pattern = item if key in ("matches", "$matches") and isinstance(item, str) else ""
        reason = exponential(pattern) if _REPEATS.search(pattern) else None
        if reason is not None:
            message = f"this regular expression can take exponential time: {reason}"
            yield Lint((*place, key), "slow_pattern", message)
        yield from _slow_patterns(item, (*place, key))


def _unused_captures(when: When, entry: Rule | Step, place: Place) -> Iterator[Lint]:
    used: set[str] = set()
    for _, reply, _, _ in _attempts(entry, ()):
        if reply.template is not UNSET:
            used |= names_in(reply.template)
    for name in sorted(when.capture_names - used):
        message = f"nothing uses the capture '{name}'; use it in a template, or write (?:…)"
        yield Lint(place, "unused_capture", message)


def _attempts(entry: Rule | Step, place: Place) -> Iterator[tuple[Place, Reply, int, bool]]:
    """Yield every reply of a rule or step with its place, its attempt, and whether it is the last."""
    if isinstance(entry, Step):
        assert entry.reply is not UNSET, "the loader refuses a step without a reply"
        replies = [((*place, "reply"), reply_of(entry.reply))]
    else:
        listed = isinstance(entry.reply, tuple)
        replies = [
            ((*place, "reply", index) if listed else (*place, "reply"), reply)
            for index, reply in enumerate(entry.replies)
        ]
    for at, reply in replies:
        attempts = attempts_of(reply)
        for index, attempt in enumerate(attempts):
            there = at if reply.attempts is UNSET else (*at, "attempts", index)
            yield there, attempt, index + 1, index + 1 == len(attempts)


def _tried_again(reply: Reply, scenario: Scenario, service: Service) -> bool:
    """Tell whether clients may try again after an attempt with this reply."""
    given = faults_of(reply, scenario.defaults)
    if _is_slow(reply) or any(not isinstance(fault, _HARMLESS) for fault in given):
        return True
    told = [one for one in (reply, reply.raw, reply.error) if not isinstance(one, str | UnsetType)]
    if any("x-should-retry" in map(str.lower, one.headers) for one in told):
        return True
    if reply.raw is not UNSET:
        return retryable(reply.raw.status)
    if reply.error is UNSET:
        return False
    error = ErrorReply(preset=reply.error) if isinstance(reply.error, str) else reply.error
    if error.status is not UNSET:
        return retryable(error.status)
    return retryable(render((ApiError(error.preset),), service, "openai").status)


def _is_slow(reply: Reply) -> bool:
    """Tell whether a reply has waits of its own, which clients may time out on."""
    pieces = () if reply.pieces is UNSET else reply.pieces
    chunks = () if reply.raw is UNSET or reply.raw.chunks is UNSET else reply.raw.chunks
    waits = any(not isinstance(one, str) and one.after for one in (*pieces, *chunks))
    return waits or reply.pace is not UNSET


def _idle_faults(
    reply: Reply, when: When, place: Place, *, number: int, last: bool
) -> Iterator[Lint]:
    why_whole = _never_streamed(reply, when)
    for index, fault in enumerate(faults_of(reply)):
        kind = fault.__struct_config__.tag
        reason = None
        if isinstance(fault, _OF_STREAMS):
            reason = why_whole
        elif isinstance(fault, faults.TruncateBody) and when.stream is True:
            reason = "the rule asks for a stream, which has no Content-Length"
        if fault.on_attempt is not UNSET and (
            fault.on_attempt < number or (fault.on_attempt > number and not last)
        ):
            reason = f"this is the reply to attempt {number}"
        if fault.chance == 0:
            reason = "its chance is 0"
        if reason is not None:
            message = f"`{kind}` can never act here: {reason}; remove it"
            yield Lint((*place, "faults", index), "idle_fault", message)


def _never_streamed(reply: Reply, when: When) -> str | None:
    if when.stream is False:
        return "the rule asks for no stream"
    if when.endpoint in ("embeddings", ("embeddings",)):
        return "embeddings are not streamed"
    sources = ("error", "vectors", "similar")
    source = next((key for key in sources if getattr(reply, key) is not UNSET), None)
    if source is None and reply.raw is not UNSET and reply.raw.chunks is UNSET:
        source = "raw.body"
    return None if source is None else f"`{source}` is not streamed"


def _chances(value: Any, place: Place) -> Iterator[Lint]:
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key == "chance" and "faults" in place and 0 < item < 1:
            message = "this chance depends on a seed that the scenario does not fix; give it a seed"
            yield Lint((*place, key), "chance_without_seed", message)
        yield from _chances(item, (*place, key))
