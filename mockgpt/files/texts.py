"""Texts that stand beside a scenario: each `file` of a reply becomes what it `say`s."""

from pathlib import Path

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from mockgpt.core.entry import Place, Problem
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario, Step


class Reading(Struct):
    """What is read for a scenario from a folder: which files (absolute), and what cannot be."""

    folder: Path
    files: list[str] = []
    problems: list[Problem] = []


def with_texts(scenario: Scenario, reading: Reading) -> Scenario:
    """Return a scenario whose replies say the texts of their files, as they stand in UTF-8."""
    return replace(
        scenario,
        rules=tuple(_rule(r, ("rules", i), reading) for i, r in enumerate(scenario.rules)),
        script=tuple(_step(s, ("script", i), reading) for i, s in enumerate(scenario.script)),
    )


def _rule(rule: Rule, place: Place, reading: Reading) -> Rule:
    place = (*place, "reply")
    if isinstance(rule.reply, tuple):
        return replace(rule, reply=_replies(rule.reply, place, reading))
    return replace(rule, reply=_reply(rule.reply, place, reading))


def _step(step: Step, place: Place, reading: Reading) -> Step:
    group: tuple[Step, ...] | UnsetType = UNSET
    if step.any_order is not UNSET:
        at = (*place, "any_order")
        group = tuple(_step(one, (*at, i), reading) for i, one in enumerate(step.any_order))
    reply = UNSET if step.reply is UNSET else _reply(step.reply, (*place, "reply"), reading)
    return replace(step, reply=reply, any_order=group)


def _replies(
    replies: tuple[str | Reply, ...], place: Place, reading: Reading
) -> tuple[str | Reply, ...]:
    return tuple(_reply(reply, (*place, i), reading) for i, reply in enumerate(replies))


def _reply(reply: str | Reply, place: Place, reading: Reading) -> str | Reply:
    if isinstance(reply, str):
        return reply
    if reply.attempts is not UNSET:
        attempts = _replies(reply.attempts, (*place, "attempts"), reading)
        return replace(reply, attempts=attempts)
    if reply.file is UNSET:
        return reply
    path = reading.folder / reply.file
    try:
        # Not `read_text`: it would change the newlines.
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        problem = f"expected a text file in UTF-8, found {error}"
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        why = error.strerror if isinstance(error, OSError) else error
        problem = f"expected a text file, found none at '{reply.file}' ({why})"
    else:
        reading.files.append(str(path.absolute()))
        return replace(reply, file=UNSET, say=text)
    reading.problems.append(((*place, "file"), problem))
    return reply
