"""A request on its way to an answer, what is known of it for its record, and what was decided."""

from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core import keys
from mockgpt.core.answers import Usage
from mockgpt.core.calls import Attempt, Calls, Wanted
from mockgpt.core.decode import DECODED, Decoded, decode
from mockgpt.core.draws import draw
from mockgpt.core.endpoints import Route, find, preflight, refusal
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import NOBODY, Author, Exchange, Incoming, Sent
from mockgpt.core.faults import Fault
from mockgpt.core.journal import Journal
from mockgpt.core.keys import Caller
from mockgpt.core.limits import Granted
from mockgpt.core.parsing import canonical
from mockgpt.core.plan import Plan
from mockgpt.core.redaction import Redaction, repeated
from mockgpt.core.replies import Reply
from mockgpt.core.requests import Asked
from mockgpt.core.responses import Manner, Prepared
from mockgpt.core.scenario import Loaded, Rule, Scenario
from mockgpt.core.service import Service
from mockgpt.core.settings import Settings, remembering

if TYPE_CHECKING:
    from mockgpt.core.session import Session

_NONE = Attempt("", 0, 0)
_REMEMBERED, _SHORT = 256, 4_096  # requests that are known when they come again, and their bytes


class Known(Struct, kw_only=True, eq=False):
    """What is known of a request whenever it comes: nothing of it depends on those before.

    `record` is what equal requests have alike in their records. `errors` refuse it; else there is a
    `route`, and where that leads to what has a body, what is `decoded`, `asked` and `wanted`.

    `choice`, `why` nothing answers and what is `prepared` are filled in once they are found, and
    hold for that scenario alone, `prepared` for that rule and reply; most requests `came` only once,
    so what is prepared is kept from the second time on.
    """

    caller: Caller
    record: Exchange
    route: Route | None = None
    errors: tuple[ApiError, ...] = ()
    decoded: Decoded | None = None
    asked: Asked | None = None
    wanted: Wanted | None = None
    choice: tuple[Scenario, Rule | None] | None = None
    why: tuple[Scenario, str] | None = None
    came: bool = False
    prepared: tuple[Loaded, str, Reply, Prepared] | None = None

    def __repr__(self) -> str:
        return f"<Known of a request by {self.caller!r}>"  # without the keys


class Case(Struct, eq=False):
    """A request, what is known of it, and what was decided so far: all of it goes into its record.

    `key` is that of its draws. `attempt` is of its call, which `calls` counted: those of the
    scenario that was played then, whatever is by the time it ends. `by` is who answers it, and
    `hidden` is of an API key, and not to be recorded. Of the faults `given`, those at the indices that
    `acted` changed something of what was sent so far, and `spoils` tells of their kinds whether they
    left no answer while the next attempt gets another. `before` is what had been decided of one that mockgpt failed on:
    its attempt and its place among a key's requests end with this.
    """

    incoming: Incoming
    known: Known
    session: str
    manner: Manner
    key: bytes = b""
    attempt: Attempt | None = None
    calls: Calls | None = None
    by: Author = NOBODY
    granted: Granted | None = None
    limit: str | None = None
    error: str | None = None
    message: str = ""
    advice: str = ""
    hidden: str = ""
    given: tuple[Fault, ...] = ()
    acted: Collection[int] = ()
    spoils: Callable[[tuple[str, ...]], bool] = lambda _: False
    usage: Usage | None = None
    bug: Exception | None = None
    before: "Case | None" = None

    def __repr__(self) -> str:
        return f"<Case of {self.incoming!r}>"  # without the keys

    def exchange(self, sent: Sent | None = None, number: int = 0) -> Exchange:
        """Return its record, where this was sent."""
        incoming, by = self.incoming, self.by
        # A call whose rule had no reply left is answered by nobody.
        attempt = _NONE if by is NOBODY or self.attempt is None else self.attempt
        # Of more than fourteen keywords in one call CPython makes a dictionary, which takes longer.
        exchange = replace(
            self.known.record,
            session=self.session,
            number=number,
            connection=incoming.connection,
            at=incoming.at,
            elapsed=incoming.elapsed,
            rule=by.rule,
            place=by.place,
            chosen=by.chosen,
            call=attempt.call,
            attempt=attempt.attempt,
            faults=self._faults() if self.acted else (),
            usage=self.usage,
            sent=sent,
        )
        if incoming.alone:
            exchange = replace(exchange, alone=True)
        if self.error is None:
            return exchange
        return replace(
            exchange,
            error=self.error,
            limit=self.limit,
            message=self.message,
            advice=self.advice,
            bug=self.bug,
        )

    def _faults(self) -> tuple[str, ...]:
        return tuple([str(self.given[n].__struct_config__.tag) for n in sorted(self.acted)])

    def end(self, exchange: Exchange) -> None:
        """Note in its call how its attempt ended; give back its place among its key's requests."""
        if self.attempt is not None:
            assert self.calls is not None, "they counted the attempt"
            content, failed = (
                self.known.record.content,
                exchange.failed or self.spoils(exchange.faults),
            )
            self.calls.ended(content, self.attempt, exchange.sent, exchange.ended, failed=failed)
        if self.granted is not None:
            self.granted.release(0 if exchange.usage is None else exchange.usage.total_tokens)


class Outcome(Struct, eq=False):
    """A decided response to a request. `journal` is the session's when it was asked."""

    session: "Session"
    journal: Journal
    case: Case
    plan: Plan

    def __repr__(self) -> str:
        return f"<Outcome for {self.exchange!r}>"

    @property
    def exchange(self) -> Exchange:
        """What the record would be if nothing were sent."""
        return self.case.exchange()


Know = Callable[[Incoming, Caller, Settings], Known]


def knowing(service: Service) -> Know:
    """Return what knows a service's requests; short ones that come again it knows already."""
    again = lru_cache(maxsize=_REMEMBERED)(partial(_known, service=service))

    def know(incoming: Incoming, caller: Caller, settings: Settings) -> Known:
        said = (incoming.method, incoming.path, incoming.query, incoming.body)
        if incoming.trouble:
            trouble = ApiError(incoming.trouble, incoming.trouble_values)
            return _known(said, caller, settings, service=service, trouble=trouble)
        if len(incoming.body) > _SHORT:
            return _known(said, caller, settings, service=service)
        return again(said, caller, settings)

    return know


def _known(
    said: tuple[str, str, str, bytes],
    caller: Caller,
    settings: Settings,
    *,
    service: Service,
    trouble: ApiError | None = None,
) -> Known:
    method, path, query, body = said
    accepted = settings.api_keys
    route = find(path, service)
    asks_first = preflight(method, caller.headers)
    error = None if asks_first else refusal(method, path, route, service, query)
    if error is None and method != "OPTIONS":  # browsers send their pre-flight without a key
        error = keys.refusal(caller.keys, accepted, caller.bearer) or trouble
    errors: tuple[ApiError, ...] = () if error is None else (error,)
    endpoint: str | None = None
    decoded: Decoded | None = None
    if error is None and route is not None:
        endpoint = route.endpoint.name
        if method != "OPTIONS" and endpoint in DECODED:
            found = decode(
                body,
                caller.headers.get("content-type"),
                endpoint=route.endpoint,
                path_model=route.model,
                service=service,
                split=remembering(settings.split),
                strict=settings.strict,
            )
            if isinstance(found, Decoded):
                decoded = found
            else:
                errors = found
    content = body if decoded is None else canonical(decoded.body)
    secrets = repeated(caller.secret, (path, query, *caller.headers.values()), body)
    record = Exchange(
        at=0.0,
        method=method,
        path=path,
        query=query,
        headers=caller.headers,
        body=body,
        content=draw(0, method, path, query, content, size=16),
        key=keys.fingerprint(keys.decisive(caller.keys, accepted)),
        endpoint=endpoint,
        request=None if decoded is None else decoded.request,
        retries=caller.retries,
        ignored=() if decoded is None else decoded.ignored,
        redaction=settings.redaction.knowing(secrets),
    )
    known = Known(caller=caller, record=record, route=route, errors=errors)
    if decoded is not None:
        known.decoded = decoded
        known.wanted = Wanted(record.key, decoded.request)
        known.asked = Asked(
            request=decoded.request, body=decoded.body, headers=caller.sent, api_keys=caller.keys
        )
    return known


def unread(incoming: Incoming, redaction: Redaction) -> Known:
    """Return what is known of a request that nothing is decided of yet: little for its record."""
    by = redaction.with_secrets((incoming.caller or keys.caller(incoming.headers)).secret)
    record = Exchange(at=0.0, method=incoming.method, path=incoming.path, redaction=by)
    return Known(caller=keys.caller({}), record=record)  # else its headers are not looked at
