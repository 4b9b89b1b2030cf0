"""The words of a reply: one text for each choice, from what it says and, for a template, the request."""

from typing import Any

from msgspec import UNSET, Struct

from mockgpt.core.decode import Decoded
from mockgpt.core.matching import Captures
from mockgpt.core.prose import locale_of, prose
from mockgpt.core.replies import Filler, Piece, Reply
from mockgpt.core.requests import ChatRequest, Text
from mockgpt.core.templates import rendered


class Moment(Struct, frozen=True, kw_only=True):
    """What words may depend on beside the request: the seed, and the call and attempt, from 1."""

    seed: int
    call: int
    attempt: int


def texts_of(
    reply: Reply,
    decoded: Decoded,
    prompt: ChatRequest | Text,
    captures: Captures,
    moment: Moment,
) -> tuple[str, ...]:
    """Return the texts of a reply to a conversation or a prompt: several only for `choices`.

    Raises TemplateFailedError.
    """
    if reply.say is not UNSET:
        return (reply.say,)
    if reply.choices is not UNSET:
        return reply.choices
    if reply.pieces is not UNSET:
        return ("".join(p.text if isinstance(p, Piece) else p for p in reply.pieces),)
    if reply.template is not UNSET:
        return (rendered(reply.template, _values(decoded, prompt, captures, moment)),)
    assert reply.filler is not UNSET, "the loader refuses a reply that says nothing"
    return (_filler(prompt, decoded.model.answers_as, reply.filler, moment.seed),)


def _values(
    decoded: Decoded, prompt: ChatRequest | Text, captures: Captures, moment: Moment
) -> dict[str, Any]:
    """Return what a template may name; a capture wins. A prompt is what the user said in it."""
    if isinstance(prompt, ChatRequest):
        user, system, turn = prompt.user or "", prompt.system or "", prompt.turn
    else:
        user, system, turn = prompt if isinstance(prompt, str) else "", "", 0
    return {
        "user": user,
        "system": system,
        "model": decoded.request.model,
        "turn": turn,
        "call": moment.call,
        "attempt": moment.attempt,
        "request": decoded.body,
        **captures,
    }


def _filler(prompt: ChatRequest | Text, model: str, filler: Filler, seed: int) -> str:
    """Return prose for a conversation or a prompt: equal ones, whatever the rest, get the same."""
    if isinstance(prompt, ChatRequest):
        about = repr([(m.role, m.content, m.name) for m in prompt.messages])
        spoken = prompt.user or prompt.messages[-1].content
    else:
        about = repr(prompt)
        spoken = prompt if isinstance(prompt, str) else ""
    locale = locale_of(spoken) if filler.locale is UNSET else filler.locale
    return prose(locale, seed, "filler", model, about)
