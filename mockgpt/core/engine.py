"""The one stateful object: the sessions of a server, by name.

It finds the session of a request; everything else is the session's.
"""

import re
from functools import lru_cache

from msgspec.structs import replace

from mockgpt.core import keys, vectors
from mockgpt.core.case import Outcome, knowing
from mockgpt.core.exchange import Exchange, Incoming, Sent
from mockgpt.core.redaction import NOTHING
from mockgpt.core.scenario import Loaded
from mockgpt.core.service import Service
from mockgpt.core.session import Session
from mockgpt.core.settings import Settings

DEFAULT = "default"

_PATH = re.compile(f"/s/({keys.SESSION})(/.*)")
_SESSIONS = 10_000
_LONGEST = 64  # characters of a name; see keys.SESSION
_HELD = 2**30  # bytes that the journals of all sessions may hold before closed ones are forgotten
_AT_ONCE = 100  # new sessions between two looks for what may be forgotten


def _worth(session: Session) -> tuple[bool, bool]:
    return not session.closed, bool(session.noted)  # of what is closed, the findings were told


_VECTORS = 512  # kept for texts that come again


class Engine:
    """Hands each request to its session. Sessions begin when they are first asked for."""

    def __init__(self, loaded: Loaded, service: Service, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.loaded = loaded  # of the sessions that have none of their own
        self._embed = lru_cache(maxsize=_VECTORS)(vectors.embed)
        self._know = knowing(service)
        self._opened = 0
        self.sessions: dict[str, Session] = {}
        self.open(DEFAULT)

    @property
    def default(self) -> Session:
        """The session of requests that name none."""
        return self.sessions[DEFAULT]

    def load(self, loaded: Loaded) -> None:
        """Answer by another scenario, in every session that has none of its own."""
        for session in self._replace(loaded):
            session.load(loaded)

    def amend(self, loaded: Loaded) -> None:
        """Answer by other rules in those sessions; rules that were there stand where they stood."""
        for session in self._replace(loaded):
            session.amend(loaded)

    def _replace(self, loaded: Loaded) -> list[Session]:
        before, self.loaded = self.loaded, loaded
        return [session for session in self.sessions.values() if session.loaded is before]

    def open(
        self, name: str, loaded: Loaded | None = None, settings: Settings | None = None
    ) -> Session:
        """Begin a session, or begin it anew. Raises ValueError for a name that cannot be."""
        if not re.fullmatch(keys.SESSION, name):
            found = repr(name) if len(name) <= _LONGEST else f"one of {len(name)} characters"
            wanted = f"a session's name of A-Z a-z 0-9 _ . -, 1 to {_LONGEST} of them"
            raise ValueError(f"expected {wanted}, found {found}")
        loaded, settings = loaded or self.loaded, settings or self.settings
        session = self.sessions.get(name)
        if session is None:
            if self._opened % _AT_ONCE == 0:
                self._make_room()
            self._opened += 1
            session = Session(
                name, loaded, self.service, settings, embed=self._embed, know=self._know
            )
            self.sessions[name] = session
        else:
            session.open(loaded, settings)
        return session

    def _make_room(self) -> None:
        """Forget the oldest sessions where there are too many: closed ones first, strayed ones last.

        Closed ones are forgotten also where all journals together hold too much.
        """
        held = sum(session.journal.held for session in self.sessions.values())
        for session in sorted(self.sessions.values(), key=_worth):
            crowded = len(self.sessions) > _SESSIONS - _AT_ONCE
            if not (crowded or (session.closed and held > _HELD)):
                return
            if session.name != DEFAULT:
                held -= session.journal.held
                del self.sessions[session.name]

    def begun(self, incoming: Incoming) -> Outcome:
        """Return what there is to record of a request that nothing is decided of yet."""
        session, incoming, _ = self._addressed(incoming)
        return session.begun(incoming)

    def answer(self, incoming: Incoming) -> Outcome:
        """Decide the response to a request."""
        session, incoming, caller = self._addressed(incoming)
        if session.closed:
            return session.refuse(incoming, "session_closed", session=session.name)
        return session.answer(incoming, caller)

    def fail(self, incoming: Incoming, bug: Exception, before: Outcome | None = None) -> Outcome:
        """Answer a request that mockgpt itself failed on, and keep the bug for the test.

        `before` is what had been decided: its call and its place among a key's requests end, too.
        """
        session, incoming, _ = self._addressed(incoming)
        return session.fail(incoming, bug, before)

    def _addressed(self, incoming: Incoming) -> tuple[Session, Incoming, keys.Caller]:
        """Return the session of a request, the request without its prefix, and who asks.

        The session is, in this order: that of the path `/s/<name>/v1/…`, that of an API key
        `sk-mock-<name>`, `default`.
        """
        caller = incoming.caller or keys.caller(incoming.headers)
        name = caller.session or DEFAULT
        if incoming.path.startswith("/s/") and (found := _PATH.fullmatch(incoming.path)):
            incoming, name = replace(incoming, path=found[2]), found[1]
        session = self.sessions.get(name)
        if session is None:
            shown = NOTHING.with_secrets(caller.secret).secretless(name)
            if shown != name:  # a client's key, which is shown to nobody
                name = f"key-{keys.fingerprint(name)}"
            session = self.sessions.get(name) or self.open(name)
        return session, incoming, caller

    def record(self, outcome: Outcome, sent: Sent | None) -> Exchange:
        """Record what was sent."""
        return outcome.session.record(outcome, sent)
