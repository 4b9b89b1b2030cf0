"""A request on its way to an answer, and what is known of it for its record."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from msgspec import Struct

from mockgpt.core import keys
from mockgpt.core.calls import Wanted
from mockgpt.core.decode import DECODED, Decoded, decode
from mockgpt.core.draws import draw
from mockgpt.core.endpoints import Route, find, refusal
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import Incoming
from mockgpt.core.keys import Caller
from mockgpt.core.redaction import Redaction, repeated
from mockgpt.core.replies import Reply
from mockgpt.core.requests import Asked
from mockgpt.core.responses import Manner, Prepared
from mockgpt.core.scenario import Loaded, Rule, Scenario
from mockgpt.core.service import Service
from mockgpt.core.settings import Settings, remembering

_REMEMBERED, _SHORT = 256, 4_096  # requests that are known when they come again, and their bytes


class Known(Struct, kw_only=True, eq=False):
    """What is known of a request whenever it comes: nothing of it depends on those before.

    `digest` is equal for equal requests. `errors` refuse it; else there is a `route`, and where
    that leads to what has a body, what is `asked` and `wanted`. `facts` are fields of its `Exchange`.

    `choice`, `why` nothing answers and what is `prepared` are filled in once they are found, and
    hold for that scenario alone, `prepared` for that rule and reply; most requests `came` only once,
    so what is prepared is kept from the second time on.
    """

    caller: Caller
    digest: bytes
    facts: dict[str, Any]
    route: Route | None
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


class Case(Struct, kw_only=True):
    """A request, and what is known of it so far: `facts` are fields of its `Exchange`."""

    incoming: Incoming
    known: Known
    key: bytes  # of this one's draws
    manner: Manner
    facts: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Case of {self.incoming!r}>"  # without the keys


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
    secrets = repeated(caller.secret, (path, *caller.headers.values()), body)
    key = keys.fingerprint(keys.decisive(caller.keys, accepted))
    digest = draw(0, method, path, query, body, size=16)
    facts = {
        "method": method,
        "path": path,
        "headers": caller.headers,
        "retries": caller.retries,
        "key": key,
        "body": body,
        "content": digest,
        "redaction": settings.redaction.knowing(secrets),
    }
    route = find(path, service)
    known = Known(caller=caller, digest=digest, facts=facts, route=route)
    error = refusal(method, path, route, service, query)
    if error is None and method != "OPTIONS":  # browsers send their pre-flight without a key
        error = keys.refusal(caller.keys, accepted, caller.bearer) or trouble
    if error is not None:
        known.errors = (error,)
        return known
    assert route is not None, "an unknown path is a refusal"
    facts["endpoint"] = route.endpoint.name
    if method == "OPTIONS" or route.endpoint.name not in DECODED:
        return known
    decoded = decode(
        body,
        caller.headers.get("content-type"),
        endpoint=route.endpoint,
        path_model=route.model,
        service=service,
        split=remembering(settings.split),
        strict=settings.strict,
    )
    if not isinstance(decoded, Decoded):
        known.errors = decoded
        return known
    facts |= {"request": decoded.request, "ignored": decoded.ignored}
    known.decoded = decoded
    known.wanted = Wanted(key, decoded.request)
    known.asked = Asked(
        request=decoded.request, body=decoded.body, headers=caller.sent, api_keys=caller.keys
    )
    return known


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
