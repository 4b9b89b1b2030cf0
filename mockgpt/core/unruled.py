"""What is answered without a rule: about models, and to browsers that ask first."""

from mockgpt.core.decode import model_not_found
from mockgpt.core.encode import models
from mockgpt.core.endpoints import Route, allowed
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import Incoming
from mockgpt.core.headers import printable
from mockgpt.core.plan import Plan, whole
from mockgpt.core.responses import Manner, common


def unruled(incoming: Incoming, route: Route | None, manner: Manner, key: bytes) -> Plan | ApiError:
    """Return the response; `route` is None where a browser asks first about a path that there is not."""
    if incoming.method == "OPTIONS":
        return _options(incoming, route, manner, key)
    assert route is not None, "an unknown path is an error"
    return _listed(route, manner, key)


def _listed(route: Route, manner: Manner, key: bytes) -> Plan | ApiError:
    """Return the response with all models or the one that the path names."""
    body = models.listed(manner.service)
    if route.item is not None:
        model = manner.service.model(route.item)
        if model is None:
            return model_not_found(route.item, route.endpoint, manner.service)
        body = models.one(model)
    return whole(200, (*common(manner, key), ("content-type", "application/json")), body)


def _options(incoming: Incoming, route: Route | None, manner: Manner, key: bytes) -> Plan:
    """Answer what a browser asks before it sends a request of another origin (Fetch, section 3.3).

    The requested headers are repeated: `*` does not cover Authorization. Of a path that there is not,
    the method is, so that the request itself comes and is refused: a browser shows of this nothing.
    """
    asked = incoming.headers.get("access-control-request-headers", "*")
    method = printable(incoming.headers.get("access-control-request-method", ""))
    methods = ", ".join((method, "OPTIONS") if route is None else allowed(route.endpoint))
    headers = (
        *common(manner, key),
        ("allow", methods),
        ("access-control-allow-methods", methods),
        ("access-control-allow-headers", printable(asked)),
        ("access-control-max-age", "86400"),
    )
    return whole(204, headers, b"")
