"""The one stateful object: it takes requests, decides answers and keeps the journal.

It touches no socket, file or clock; the edges hand it what came in and tell it what was sent.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core import keys, tokens, vectors
from mockgpt.core.answers import Makings, Split, make
from mockgpt.core.decode import Decoded, decode, model_not_found
from mockgpt.core.draws import between, draw, uuid4
from mockgpt.core.encode import models
from mockgpt.core.endpoints import Route, encode, find, unserved
from mockgpt.core.errors import ApiError, render
from mockgpt.core.exchange import Exchange, Incoming, Journal, Sent
from mockgpt.core.matching import Choice, choose
from mockgpt.core.plan import Headers, Plan, stream, whole
from mockgpt.core.scenario import Reply, Scenario, reply_of
from mockgpt.core.service import Dialect, Endpoint, Service

_SESSION = "default"
_VECTORS = 256  # kept for texts that come again
_REMEMBERED = 65_536  # distinct requests whose repetitions are told apart
_HEADER_SHOWN = 1_000  # characters of a header that repeats what the client sent

Observer = Callable[[Exchange], None]


class Settings(Struct, frozen=True, kw_only=True):
    """How an engine behaves; the command line's options, as values."""

    seed: int = 0
    api_keys: frozenset[str] = frozenset()
    dialect: Dialect = "openai"
    strict: bool = False
    split: Split = tokens.split


class Outcome(Struct, frozen=True):
    """A decided response, and its record but for what will really be sent."""

    plan: Plan
    exchange: Exchange


class Engine:
    """Answers requests by a scenario, in the manner of a service."""

    def __init__(
        self,
        scenario: Scenario,
        service: Service,
        settings: Settings,
        observer: Observer | None = None,
    ) -> None:
        self.scenario = scenario
        self.service = service
        self.settings = settings
        self.journal = Journal()
        self._observer = observer
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._embed = lru_cache(maxsize=_VECTORS)(vectors.embed)
        self._count = (
            tokens.count
            if settings.split is tokens.split
            else lambda text: len(settings.split(text))
        )

    def answer(self, incoming: Incoming) -> Outcome:
        """Decide the response to a request."""
        occasion = self._occasion(incoming)
        presented = keys.presented(incoming.headers)
        exchange = Exchange(
            at=incoming.at,
            method=incoming.method,
            path=incoming.path,
            headers={k: v for k, v in incoming.headers.items() if k not in keys.SECRET_HEADERS},
            body=incoming.body,
            key=keys.fingerprint(presented[0]) if presented else "",
        )
        route = find(incoming.path, self.service)
        refused = self._refusal(incoming, route, presented)
        if refused is not None:
            return self._refuse((refused,), exchange, occasion)
        assert route is not None, "an unknown path is a refusal"
        exchange = replace(exchange, endpoint=route.endpoint.name)
        if incoming.method == "OPTIONS":
            headers = (*self._headers(occasion), *_preflight(incoming, route.endpoint))
            return Outcome(whole(204, headers, b""), exchange)
        if route.endpoint.name == "models":
            return self._models(route, exchange, occasion)
        decoded = decode(
            incoming.body,
            incoming.headers.get("content-type"),
            endpoint=route.endpoint,
            path_model=route.model,
            service=self.service,
            count=self._count,
            strict=self.settings.strict,
        )
        if not isinstance(decoded, Decoded):
            return self._refuse(decoded, exchange, occasion)
        exchange = replace(exchange, request=decoded.request, ignored=decoded.ignored)
        return self._reply(decoded, route.endpoint, exchange, occasion)

    def fail(self, incoming: Incoming, bug: Exception) -> Outcome:
        """Answer a request that mockgpt itself failed on, and keep the bug for the test."""
        error = ApiError("mockgpt_bug", {"reason": repr(bug)[:200]})
        exchange = Exchange(at=incoming.at, method=incoming.method, path=incoming.path, bug=bug)
        return self._refuse((error,), exchange, self._occasion(incoming))

    def malformed(self, reason: str, at: float) -> Outcome:
        """Answer bytes that are no HTTP request."""
        incoming = Incoming(method="", path="", at=at)
        error = ApiError("malformed_http", {"reason": reason})
        return self._refuse((error,), Exchange(at=at), self._occasion(incoming))

    def record(self, exchange: Exchange, sent: Sent | None) -> None:
        """Append a finished exchange to the journal: the only place that does."""
        exchange = replace(exchange, sent=sent)
        self.journal.append(exchange)
        if self._observer is not None:
            self._observer(exchange)

    def _occasion(self, incoming: Incoming) -> bytes:
        """Return a key for this request's draws: its content, and how often it came before.

        Not the order of arrival: concurrent requests that differ must not swap their ids.
        """
        content = draw(0, incoming.method, incoming.path, incoming.query, incoming.body, size=16)
        times = self._seen.get(content, 0) + 1
        self._seen[content] = times
        self._seen.move_to_end(content)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return draw(0, _SESSION, content, times)

    def _refusal(
        self, incoming: Incoming, route: Route | None, presented: tuple[str, ...]
    ) -> ApiError | None:
        """Return what refuses a request before its body is looked at."""
        if route is None:
            return ApiError("unknown_url", {"method": incoming.method, "path": incoming.path})
        if incoming.method == "OPTIONS":
            return None  # browsers send their pre-flight without a key
        if route.endpoint.state != "served":
            return unserved(route.endpoint, self.service)
        allowed = _allowed(route.endpoint)
        if incoming.method not in allowed:
            values = {"method": incoming.method, "path": incoming.path, "allow": ", ".join(allowed)}
            return ApiError("method_not_allowed", values)
        refused = keys.refusal(presented, self.settings.api_keys)
        if refused is not None:
            return refused
        if incoming.trouble:
            return ApiError(incoming.trouble, incoming.trouble_values)
        return None

    def _refuse(self, errors: tuple[ApiError, ...], exchange: Exchange, occasion: bytes) -> Outcome:
        rendered = render(errors, self.service, self.settings.dialect)
        exchange = replace(exchange, error=errors[0].name, message=rendered.message)
        headers = (*self._headers(occasion), *rendered.headers)
        return Outcome(whole(rendered.status, headers, rendered.body), exchange)

    def _models(self, route: Route, exchange: Exchange, occasion: bytes) -> Outcome:
        body = models.listed(self.service)
        if route.item is not None:
            model = self.service.model(route.item)
            if model is None:
                error = model_not_found(route.item, route.endpoint, self.service)
                return self._refuse((error,), exchange, occasion)
            body = models.one(model)
        headers = (*self._headers(occasion), ("content-type", "application/json"))
        return Outcome(whole(200, headers, body), exchange)

    def _reply(
        self, decoded: Decoded, endpoint: Endpoint, exchange: Exchange, occasion: bytes
    ) -> Outcome:
        chosen = choose(self.scenario.rules, decoded.request)
        reply = Reply()
        if isinstance(chosen, Choice):
            reply = reply_of(chosen.rule)
            exchange = replace(exchange, rule=chosen.rule.id)
        makings = Makings(
            seed=self.settings.seed,
            created=int(exchange.at),
            split=self.settings.split,
            embed=self._embed,
        )
        answer = make(reply, decoded, makings, occasion)
        if isinstance(answer, ApiError):
            return self._refuse((answer,), exchange, occasion)
        exchange = replace(exchange, usage=answer.usage)
        headers = (
            *self._headers(occasion),
            *self._endpoint_headers(endpoint.headers, answer.model, occasion),
        )
        if decoded.ignored:
            headers = (*headers, ("x-mockgpt-ignored", _header_text(", ".join(decoded.ignored))))
        encoded = encode(decoded.request, answer)
        if isinstance(encoded, bytes):
            headers = (*headers, ("content-type", "application/json"))
            return Outcome(whole(200, headers, encoded), exchange)
        more = self._endpoint_headers(endpoint.stream_headers, answer.model, occasion)
        headers = (*headers, *more, ("content-type", "text/event-stream"))
        return Outcome(stream(headers, encoded), exchange)

    def _headers(self, occasion: bytes) -> Headers:
        request_id = uuid4(draw(self.settings.seed, occasion, "request id"))
        return tuple(
            (name, text.format_map({"request_id": request_id}))
            for name, text in self.service.headers.items()
        )

    def _endpoint_headers(self, headers: dict[str, str], model: str, occasion: bytes) -> Headers:
        tenths = between(draw(self.settings.seed, occasion, "milliseconds"), 2_000_000, 20_000_000)
        values = {"model": model, "milliseconds": f"{tenths / 10_000:.4f}"}
        return tuple((name, text.format_map(values)) for name, text in headers.items())


def _allowed(endpoint: Endpoint) -> tuple[str, ...]:
    head = ("HEAD",) if "GET" in endpoint.methods else ()
    return (*endpoint.methods, *head, "OPTIONS")


def _preflight(incoming: Incoming, endpoint: Endpoint) -> Headers:
    """Return what a browser asks before it sends a request of another origin (Fetch, section 3.3).

    The requested headers are repeated: `*` does not cover Authorization.
    """
    asked = incoming.headers.get("access-control-request-headers", "*")
    return (
        ("allow", ", ".join(_allowed(endpoint))),
        ("access-control-allow-methods", ", ".join(_allowed(endpoint))),
        ("access-control-allow-headers", _header_text(asked)),
        ("access-control-max-age", "86400"),
    )


def _header_text(text: str) -> str:
    """Return what came from the client as a header's value may be: printable ASCII, bounded."""
    text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return text if len(text) <= _HEADER_SHOWN else text[:_HEADER_SHOWN] + "..."
