"""A request on its way to an answer, and what is known of it for its record."""

from functools import lru_cache
from typing import Any

from msgspec import Struct

from mockgpt.core.draws import draw
from mockgpt.core.exchange import Incoming
from mockgpt.core.keys import Caller
from mockgpt.core.redaction import Redaction, repeated
from mockgpt.core.responses import Manner

_SHORT = 4_096  # bytes of a body that is remembered


class Case(Struct, kw_only=True):
    """A request, who asks, and what is known of it so far: `facts` are fields of its `Exchange`."""

    incoming: Incoming
    caller: Caller
    key: bytes  # of this one's draws
    manner: Manner
    facts: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Case of {self.incoming!r}>"  # without the keys


class Content(Struct, frozen=True):
    """What is known of a request whenever it comes.

    `digest` is equal for equal requests; `secrets` are of its headers, and stand elsewhere, too.
    """

    digest: bytes
    secrets: tuple[str, ...]


def content_of(incoming: Incoming, caller: Caller) -> Content:
    """Return the content of a caller's request."""
    of = _remembered if len(incoming.body) <= _SHORT else _content
    return of(incoming.method, incoming.path, incoming.query, incoming.body, caller)


def _content(method: str, path: str, query: str, body: bytes, caller: Caller) -> Content:
    digest = draw(0, method, path, query, body, size=16)
    return Content(digest, repeated(caller.secret, (path, *caller.headers.values()), body))


_remembered = lru_cache(maxsize=256)(_content)


def facts_of(incoming: Incoming, session: str, redaction: Redaction) -> dict[str, Any]:
    """Return what there is to record of a request that nothing is decided of yet."""
    return {
        "session": session,
        "redaction": redaction,
        "at": incoming.at,
        "elapsed": incoming.elapsed,
        "connection": incoming.connection,
        "method": incoming.method,
        "path": incoming.path,
    }
