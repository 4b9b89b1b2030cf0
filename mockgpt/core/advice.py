"""What would mend a request that the service refuses, where more can be said than the service says.

The service does not tell where its endpoints are, nor which models it has; who tests a client asks.
"""

import re
from difflib import get_close_matches

from mockgpt.core.endpoints import find
from mockgpt.core.errors import ApiError
from mockgpt.core.keys import SESSION
from mockgpt.core.service import Service

_LONGEST = 200  # characters of a path that others are compared with
# Of no session's name: the path of one that can be comes without it (`core/engine.py`).
_MISNAMED = re.compile(f"/s/(?!{SESSION}/)[^/]*/.")


def advice(error: ApiError, service: Service) -> str:
    """Return the next step, such as "let the base URL end in /v1"; empty where nothing is known.

    It repeats nothing of the request, in which there may be secrets.
    """
    match error.name:
        case "unknown_url":
            return _path(str(error.values["path"]), service)
        case "model_not_found":
            return f"name a model that it has: {', '.join(error.values['allowed'])}"
        case "invalid_input":
            return _input(error.instead["fastapi"])
        case "missing_body":
            return "send a JSON object as its body"
        case "malformed_json":
            return _json(error)
        case _:
            return ""


def _json(error: ApiError) -> str:
    """Return where the body ceases to be JSON. Python's words for that repeat nothing of it."""
    if error.instead:  # FastAPI, too, tells apart what is not UTF-8
        return "encode the body in UTF-8"
    return f"mend its JSON: {error.values['reason']}"


def _input(violation: ApiError) -> str:
    """Return what an input has to be, which the service leaves to its reference."""
    if violation.name == "too_long":
        return f"send at most {violation.values['limit']} inputs at once"
    return "send a text, token ids or a list of such, none of them empty"


def _path(path: str, service: Service) -> str:
    """Return what to change of a path: of its base URL where it ends in an endpoint."""
    if _MISNAMED.match(path):
        return "name the session with 1 to 64 of A-Z a-z 0-9 _ . - alone"
    route, bare = service.routes[0], path.rstrip("/")
    served = [
        f"/{name}"
        for endpoint in service.endpoints.values()
        if endpoint.state == "served"
        for name in endpoint.paths
        if "{" not in name
    ]
    if bare in [f"{route}{name}" for name in served]:
        return "leave out the slash at the end"
    if "//" in bare and find(re.sub("/+", "/", bare), service):
        return "leave out the slash at the end of the base URL"
    if bare.endswith(tuple(served)):
        return f"let the base URL end in {route}"
    near = get_close_matches(bare[:_LONGEST].lower().removeprefix(route), served, 1)
    return f"ask for {route}{f' or {route}'.join(near or served)}"
