"""Texts that stand beside a scenario: each `file` of a reply becomes what it `say`s."""

import os
import stat
from pathlib import Path

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from mockgpt.core.entry import Place, Problem
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario, Step
from mockgpt.files.unreadable import undecoded

_MOST = 4 * 2**20  # bytes of a text


class Reading(Struct):
    """What is to be read for a scenario from a folder: which files (absolute), and what cannot be.

    What a scenario file names may not leave its folder; what a program names may be anywhere.
    """

    folder: Path
    files: list[str] = []
    problems: list[Problem] = []
    confined: bool = True


def with_texts(scenario: Scenario, reading: Reading) -> Scenario:
    """Return a scenario whose replies say the texts of their files, in UTF-8, without a mark of that."""
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
        if reading.confined and not _is_within(path, reading.folder):
            problem = f"expected a file in the scenario's folder, found '{reply.file}', which leads out of it; put it there"
        else:
            reading.files.append(str(path.absolute()))  # before: what is not there may come
            # Not `read_text`: it would change the newlines.
            text = _read(path).decode("utf-8-sig")
            return replace(reply, file=UNSET, say=text)
    except UnicodeDecodeError as error:
        (line, column), found = undecoded(error)
        where = f"'{reply.file}:{line}:{column}'"
        problem = f"expected a text file in UTF-8, found {found}, at {where}; save it as UTF-8"
    except _UnfitError as error:
        problem = f"expected a text file of up to {_MOST:,} bytes, found {error} at '{reply.file}'"
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        why = error.strerror if isinstance(error, OSError) else "no file has such a name"
        problem = f"expected a text file, found none at '{reply.file}' ({why})"
    reading.problems.append(((*place, "file"), problem))
    return reply


class _UnfitError(Exception):
    """What stands there is no text: a device, a pipe, or too large."""


def _is_within(path: Path, folder: Path) -> bool:
    """Tell whether a path stays in a folder, wherever its links lead."""
    return path.resolve().is_relative_to(folder.resolve())


def _read(path: Path) -> bytes:
    """Read a file, and nothing that may never end."""
    # Without O_NONBLOCK, a pipe would be waited for before it can be seen to be one.
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _UnfitError("a pipe or a device")
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise _UnfitError("more")
    return data
