"""A request on its way to an answer, and what is known of it for its record."""

from typing import Any

from msgspec import Struct

from mockgpt.core.exchange import Incoming
from mockgpt.core.redaction import Redaction
from mockgpt.core.responses import Manner

_KNOWN = ("at", "elapsed", "connection", "method", "path")  # of a request from its beginning


class Case(Struct, kw_only=True):
    """A request, its keys, and what is known of it so far: `facts` are fields of its `Exchange`."""

    incoming: Incoming
    presented: tuple[str, ...]
    key: bytes  # of this one's draws
    manner: Manner
    facts: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Case of {self.incoming!r}>"  # without the keys


def facts_of(incoming: Incoming, session: str, redaction: Redaction) -> dict[str, Any]:
    """Return what there is to record of a request that nothing is decided of yet."""
    own = {"session": session, "redaction": redaction}
    return own | {name: getattr(incoming, name) for name in _KNOWN}
