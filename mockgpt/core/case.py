"""A request on its way to an answer, and what is known of it for its record."""

from typing import Any

from msgspec import Struct

from mockgpt.core.exchange import Incoming
from mockgpt.core.redaction import Redaction
from mockgpt.core.responses import Manner


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
    return {
        "session": session,
        "redaction": redaction,
        "at": incoming.at,
        "elapsed": incoming.elapsed,
        "connection": incoming.connection,
        "method": incoming.method,
        "path": incoming.path,
    }
