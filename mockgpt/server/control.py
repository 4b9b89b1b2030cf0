"""The control API under /_mockgpt/: who may ask, which operation is meant, and whether the types agree.

What the operations do is in `operations.py`; nothing here knows any of them.
"""

import re
from collections.abc import Callable, Collection
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Generic, TypeVar, get_args, get_type_hints
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import Struct

from mockgpt.core.clock import Clock
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.engine import Engine
from mockgpt.core.entry import did_you_mean
from mockgpt.core.exchange import Incoming
from mockgpt.core.plan import Headers, Plan, whole
from mockgpt.core.redaction import hidden
from mockgpt.core.scenario import Loaded
from mockgpt.server.metrics import Metrics

ROOT = "/_mockgpt"
JSON = "application/json"
YAML = "application/yaml"
LINES = "application/x-ndjson"

MAX_BODY = 2**20  # bytes; a scenario of these takes seconds to load

_BODY_TOO_LARGE = "body_too_large"
_ONE_OF_MANY = "expected the only process of a server, found one of several workers, each with a journal and sessions of its own; serve by one process to ask this"

# Loads data or YAML text, with a seed or its own; or tells everything that is wrong with it.
Load = Callable[[dict[str, Any] | str, int | None], Loaded | tuple[str, ...]]
P = TypeVar("P")
B = TypeVar("B")


class ControlError(Exception):
    """A control request that is not carried out: a status, and what is to be mended."""

    def __init__(self, status: int, message: str, *errors: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors or (message,)
        self.headers = headers


class Controlled(Struct, frozen=True, kw_only=True):
    """What the control API works on; `alone` unless other processes listen on the same port."""

    engine: Engine
    clock: Clock
    load: Load
    metrics: Metrics | None = None
    alone: bool = True


class Call(Struct, Generic[P, B], frozen=True):
    """One request of an operation: what it is about, its parameters and its body."""

    of: Controlled
    parameters: P
    body: B


class Operation(Struct, frozen=True):
    """A row of the API. The types that `act` is annotated with are those of the wire."""

    method: str
    path: str  # below ROOT; {names} are parameters
    act: Callable[[Call[Any, Any]], Any]
    status: int = 200
    accepts: tuple[str, ...] = (JSON,)  # media types of the body
    alike: bool = False  # whether every process on a port answers the same
    gives: str = JSON  # the media type of the answer; of another one `act` returns the bytes

    @property
    def parameters(self) -> type[Struct]:
        """The type of the path's names and the query."""
        kind: type[Struct] = _hints(self.act)[0]
        return kind

    @property
    def body(self) -> Any:
        """The type of the body; NoneType for none."""
        return _hints(self.act)[1]

    @property
    def result(self) -> Any:
        """The type of the answer."""
        return _hints(self.act)[2]

    @property
    def names(self) -> list[str]:
        """The parameters in the path."""
        return re.findall(r"{(\w+)}", self.path)


@cache
def _hints(act: Callable[..., Any]) -> tuple[Any, Any, Any]:
    hints = get_type_hints(act, include_extras=True)
    return (*get_args(hints["call"]), hints["return"])


def concerns(path: str) -> bool:
    """Tell whether a path is the control API's."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def refusal(
    incoming: Incoming, peer: str | None, token: str | None, *, exposed: bool = False
) -> Plan | None:
    """Return what a stranger is answered, before anything of the request's body is read.

    With a token everybody needs it. Without one only this machine may ask, nobody where the server
    is `exposed` to others, and no page in its browser: a page's requests have an Origin or say in
    Sec-Fetch-Site that they are a page's, or, where its name was bound to this address, have its
    name as their Host.
    """
    if token is not None:
        from hmac import compare_digest  # it loads OpenSSL

        scheme, _, given = incoming.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and compare_digest(given.strip().encode(), token.encode()):
            return None
        message = (
            "expected the control token, as Authorization: Bearer TOKEN, found another or none"
        )
        return _refused(ControlError(401, message, headers=(("www-authenticate", "Bearer"),)))
    remedy = "; serve with --control-token TOKEN and send it to control mockgpt from elsewhere"
    if exposed:
        found = "expected a server that listens on loopback only, found one that others reach"
    elif not is_loopback(peer):
        found = f"expected a client on this machine, found {peer or 'one without an address'}"
    elif "origin" in incoming.headers:
        found = "expected a client that is no web page, found an Origin header"
    elif (
        incoming.headers.get("sec-fetch-site", "none") != "none"
    ):  # W3C Fetch Metadata, section 2.3
        found = "expected a client that is no web page, found a Sec-Fetch-Site header"
    elif not _is_address(incoming.headers.get("host", "")):
        found = "expected localhost or an IP address as the Host, found another name or none"
    else:
        return None
    return _refused(ControlError(403, found + remedy))


def is_loopback(host: str | None) -> bool:
    """Tell whether an address is one that only this machine reaches."""
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _is_address(host: str) -> bool:
    """Tell whether a Host header holds what no name server decides."""
    name = re.sub(r":\d*$", "", host)
    if name.lower() in ("localhost", "localhost."):
        return True
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def answer(incoming: Incoming, of: Controlled, operations: tuple[Operation, ...]) -> Plan:
    """Carry out a control request; what cannot be carried out is told."""
    try:
        operation, names = _found(incoming, operations, alone=of.alone)
        if incoming.trouble:
            raise _unread(incoming)
        parameters = _parameters(operation, names, incoming.query)
        body = _body(operation, incoming)
        result = operation.act(Call(of, parameters, body))
    except ControlError as refused:
        return _refused(refused)
    body = json_bytes(result) if operation.gives == JSON else result
    return _told(operation.status, operation.gives, body)


def _refused(refused: ControlError) -> Plan:
    from mockgpt.server.views import ErrorDetail, ErrorView  # most servers refuse nobody

    errors = tuple(map(hidden, refused.errors))  # which repeat what was sent
    detail = ErrorDetail(message=hidden(refused.message), errors=errors)
    return _told(refused.status, JSON, json_bytes(ErrorView(error=detail)), refused.headers)


def _told(status: int, media: str, body: bytes, headers: Headers = ()) -> Plan:
    own = (("content-type", media), ("cache-control", "no-store"))
    return whole(status, (*own, ("x-content-type-options", "nosniff"), *headers), body)


def _found(
    incoming: Incoming, operations: tuple[Operation, ...], *, alone: bool
) -> tuple[Operation, dict[str, str]]:
    """Return the operation that a request asks for, and the names in its path."""
    method = "GET" if incoming.method == "HEAD" else incoming.method
    matched = [
        (operation, names)
        for operation in operations
        if (names := _names(ROOT + operation.path, incoming.path)) is not None
    ]
    for operation, names in matched:
        if operation.method == method:
            if not (alone or operation.alike):
                raise ControlError(409, _ONE_OF_MANY)
            return operation, names
    if not matched:
        hint = did_you_mean(incoming.path, {ROOT + operation.path for operation in operations})
        message = f"expected a path of {ROOT}/openapi.json, found {incoming.path[:200]}{hint}"
        raise ControlError(404, message)
    methods = [operation.method for operation, _ in matched]
    allow = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
    message = f"expected {' or '.join(methods)} for {incoming.path}, found {incoming.method}"
    raise ControlError(405, message, headers=(("allow", allow),))


def _names(pattern: str, path: str) -> dict[str, str] | None:
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    names = {}
    for part, segment in zip(wanted, given, strict=True):
        if part.startswith("{") and segment:
            names[part.strip("{}")] = unquote(segment)
        elif part != segment:
            return None
    return names


def _unread(incoming: Incoming) -> ControlError:
    values = incoming.trouble_values
    if incoming.trouble == _BODY_TOO_LARGE:
        hint = "serve it from a file" if values["limit"] == MAX_BODY else "see --max-body"
        message = f"expected a body of up to {values['limit']} bytes, found more; {hint}"
        return ControlError(413, message)
    return ControlError(400, f"expected a body that can be read, found that {values['reason']}")


def _parameters(operation: Operation, names: dict[str, str], query: str) -> Any:
    known = set(operation.parameters.__struct_fields__) - set(operation.names)
    given = dict(names)
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            wanted = f"one of {', '.join(sorted(known))}" if known else "none here"
            hint = did_you_mean(name, known)
            raise ControlError(400, f"query: expected {wanted}, found '{name[:100]}'{hint}")
        if name in given:
            raise ControlError(400, f"query: expected '{name}' once, found it again")
        given[name] = value
    try:
        return msgspec.convert(given, operation.parameters, strict=False)
    except msgspec.ValidationError as error:
        raise ControlError(400, f"query: {_words(error, known)}") from None


def _body(operation: Operation, incoming: Incoming) -> Any:
    if operation.body is type(None):
        if incoming.body:
            raise ControlError(400, f"expected no body, found {len(incoming.body)} bytes")
        return None
    given = incoming.headers.get("content-type", "")
    media = given.partition(";")[0].strip().lower()
    if media not in operation.accepts:
        wanted = " or ".join(operation.accepts)
        raise ControlError(415, f"expected a Content-Type of {wanted}, found '{given[:100]}'")
    try:
        if media == YAML:
            return incoming.body.decode()
        return msgspec.json.decode(incoming.body, type=operation.body)
    except msgspec.ValidationError as error:
        known = getattr(operation.body, "__struct_fields__", ())
        raise ControlError(422, f"body: {_words(error, known)}") from None
    except (ValueError, RecursionError) as error:  # DecodeError is a ValueError, too
        raise ControlError(400, f"body: expected {media}, found an error: {error}") from None


def _words(error: msgspec.ValidationError, known: Collection[str]) -> str:
    """Return msgspec's words in the form of all other messages, with the place before them."""
    message, _, place = str(error).partition(" - at `$")
    place = place.removesuffix("`").removeprefix(".")
    unknown = re.fullmatch("Object contains unknown field `(.*)`", message)
    if unknown is not None:
        hint = did_you_mean(unknown[1], known)
        return f"expected one of {', '.join(sorted(known))}, found '{unknown[1]}'{hint}"
    message = re.sub("`str` matching regex .*", "a duration, such as 200ms, 1.5s or 2m", message)
    message = (message[:1].lower() + message[1:]).replace("`", "'").replace(", got ", ", found ")
    return f"{place}: {message}" if place else message
