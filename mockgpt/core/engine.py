"""The one stateful object: it takes requests, decides answers and keeps the journal.

It touches no socket, file or clock; the edges hand it what came in and tell it what was sent.
"""

import re
from collections import OrderedDict, deque
from functools import lru_cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core import keys, tokens, vectors
from mockgpt.core.answers import Makings, Split, make
from mockgpt.core.calls import Attempt, Calls
from mockgpt.core.decode import Decoded, decode
from mockgpt.core.draws import draw
from mockgpt.core.endpoints import Route, find, unserved
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import Exchange, Incoming, Journal, Sent
from mockgpt.core.matching import Choice, choose, meant_for
from mockgpt.core.pace import seconds
from mockgpt.core.plan import Plan
from mockgpt.core.replies import Filler, Reply
from mockgpt.core.requests import Asked
from mockgpt.core.responses import (
    Manner,
    allowed,
    answered,
    disturbed,
    failed,
    listed,
    preflight,
    refused,
)
from mockgpt.core.scenario import Loaded, Rule, replies_of, reply_for
from mockgpt.core.service import Dialect, Endpoint, Service
from mockgpt.core.verdict import Finding, findings

_SESSION = "default"
_FINDINGS = 1_000
_VECTORS = 256  # kept for texts that come again
_REMEMBERED = 65_536  # distinct requests whose repetitions are told apart
_UNSCRIPTED = Rule(id="(filler)", reply=Reply(filler=Filler()))

OnMiss = Literal["error", "filler"]


class Settings(Struct, frozen=True, kw_only=True):
    """How an engine behaves; the command line's options, as values."""

    seed: int = 0
    api_keys: frozenset[str] = frozenset()
    dialect: Dialect = "openai"
    strict: bool = False
    split: Split = tokens.split
    speed: float = 1.0
    on_miss: OnMiss | None = None  # None: an error where there are rules, else filler


class Outcome(Struct, frozen=True):
    """A decided response, its record but for what will really be sent, and the attempt that it is."""

    plan: Plan
    exchange: Exchange
    content: bytes = b""
    attempt: Attempt | None = None


class Engine:
    """Answers requests by a scenario, in the manner of a service."""

    def __init__(
        self,
        loaded: Loaded,
        service: Service,
        settings: Settings,
    ) -> None:
        self.scenario = loaded.scenario
        self.settings = settings
        self._places = loaded.places
        self._rules = {rule.id: rule for rule in self.scenario.rules}
        self._on_miss = settings.on_miss or ("error" if self._rules else "filler")
        self._manner = Manner(
            service=service, dialect=settings.dialect, seed=settings.seed, speed=settings.speed
        )
        self._embed = lru_cache(maxsize=_VECTORS)(vectors.embed)
        self._count = (
            tokens.count
            if settings.split is tokens.split
            else lambda text: len(settings.split(text))
        )
        self.reset()

    def reset(self) -> None:
        """Begin anew: no journal, no findings, and every rule at its first call."""
        self.journal = Journal()
        self.findings: deque[Finding] = deque(maxlen=_FINDINGS)  # outlive the journal's entries
        self._calls = Calls(seconds(self.scenario.retry_window))
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def answer(self, incoming: Incoming) -> Outcome:
        """Decide the response to a request."""
        content = draw(0, incoming.method, incoming.path, incoming.query, incoming.body, size=16)
        key = self._key(content)
        presented = keys.presented(incoming.headers)
        exchange = Exchange(
            at=incoming.at,
            method=incoming.method,
            path=incoming.path,
            headers=keys.without_secrets(incoming.headers),
            body=incoming.body,
            key=keys.fingerprint(keys.decisive(presented, self.settings.api_keys)),
        )
        route = find(incoming.path, self._manner.service)
        error = self._refusal(incoming, route, presented)
        if error is not None:
            return self._refuse((error,), exchange, key)
        assert route is not None, "an unknown path is a refusal"
        exchange = replace(exchange, endpoint=route.endpoint.name)
        if incoming.method == "OPTIONS":
            return Outcome(preflight(incoming, route.endpoint, self._manner, key), exchange)
        if route.endpoint.name == "models":
            models = listed(route, self._manner, key)
            if isinstance(models, ApiError):
                return self._refuse((models,), exchange, key)
            return Outcome(models, exchange)
        decoded = decode(
            incoming.body,
            incoming.headers.get("content-type"),
            endpoint=route.endpoint,
            path_model=route.model,
            service=self._manner.service,
            count=self._count,
            strict=self.settings.strict,
        )
        if not isinstance(decoded, Decoded):
            return self._refuse(decoded, exchange, key)
        exchange = replace(exchange, request=decoded.request, ignored=decoded.ignored)
        asked = Asked(
            request=decoded.request,
            body=decoded.body,
            headers=incoming.headers,
            api_keys=presented,
        )
        attempt = self._attempt(asked, incoming, content)
        if isinstance(attempt, ApiError):
            return self._refuse((attempt,), exchange, key)
        outcome = self._reply(decoded, asked, route.endpoint, attempt, exchange=exchange, key=key)
        return replace(outcome, content=content, attempt=attempt)

    def fail(self, incoming: Incoming, bug: Exception) -> Outcome:
        """Answer a request that mockgpt itself failed on, and keep the bug for the test."""
        exchange = Exchange(
            at=incoming.at,
            method=incoming.method,
            path=incoming.path,
            error="mockgpt_bug",
            message=repr(bug),
            bug=bug,
        )
        return Outcome(failed(repr(bug)[:200]), exchange)

    def malformed(self, reason: str, at: float) -> Outcome:
        """Answer bytes that are no HTTP request."""
        error = ApiError("malformed_http", {"reason": reason})
        return self._refuse((error,), Exchange(at=at), self._key(b"malformed"))

    def record(self, outcome: Outcome, sent: Sent | None) -> Exchange:
        """Append a finished exchange to the journal: the only place that does."""
        exchange = replace(outcome.exchange, sent=sent)
        if outcome.attempt is not None:
            self._calls.ended(outcome.content, outcome.attempt, sent, exchange.at)
        self.journal.append(exchange)
        self.findings.extend(findings((exchange,)))
        return exchange

    def _key(self, content: bytes) -> bytes:
        """Return a key for a request's draws: its content, and how often it came before.

        Not the order of arrival: concurrent requests that differ must not swap their ids.
        """
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
            return unserved(route.endpoint, self._manner.service)
        methods = allowed(route.endpoint)
        if incoming.method not in methods:
            values = {"method": incoming.method, "path": incoming.path, "allow": ", ".join(methods)}
            return ApiError("method_not_allowed", values)
        error = keys.refusal(presented, self.settings.api_keys)
        if error is None and incoming.trouble:
            return ApiError(incoming.trouble, incoming.trouble_values)
        return error

    def _refuse(self, errors: tuple[ApiError, ...], exchange: Exchange, key: bytes) -> Outcome:
        plan, message = refused(errors, self._manner, key)
        key_shown = errors[0].values.get("key")  # not even the ends of a key are recorded
        if key_shown is not None:
            message = message.replace(key_shown, "***")
        return Outcome(plan, replace(exchange, error=errors[0].name, message=message))

    def _attempt(self, asked: Asked, incoming: Incoming, content: bytes) -> Attempt | ApiError:
        """Return which attempt of which rule's call a request is, or why nothing answers it."""
        count = incoming.headers.get("x-stainless-retry-count", "0")
        retries = int(count) if re.fullmatch("[0-9]{1,9}", count) else 0
        further = self._calls.further(content, retries, incoming.at)
        if further is not None:
            return further
        chosen = choose(self.scenario.rules, asked)
        if isinstance(chosen, Choice):
            return self._calls.begin(content, chosen.rule.id)
        if self._on_miss == "filler":
            return self._calls.begin(content, _UNSCRIPTED.id)
        return ApiError("no_rule_answers", {"why": chosen.explained(self._places)})

    def _reply(
        self,
        decoded: Decoded,
        asked: Asked,
        endpoint: Endpoint,
        attempt: Attempt,
        *,
        exchange: Exchange,
        key: bytes,
    ) -> Outcome:
        rule = self._rules.get(attempt.rule, _UNSCRIPTED)
        reply = reply_for(rule, attempt.call, attempt.attempt)
        if reply is None:
            place = f"{self._places.get(rule.id, '')} rule '{rule.id}'".strip()
            values = {"rule": place, "calls": len(replies_of(rule))}
            return self._refuse((ApiError("replies_used_up", values),), exchange, key)
        if rule is not _UNSCRIPTED:
            exchange = replace(exchange, rule=rule.id, call=attempt.call, attempt=attempt.attempt)
        makings = Makings(
            seed=self.settings.seed,
            created=int(exchange.at),
            split=self.settings.split,
            embed=self._embed,
        )
        answer = make(
            reply,
            decoded,
            makings,
            meant=meant_for(rule.when, asked),
            occasion=key,
        )
        if isinstance(answer, ApiError):
            outcome = self._refuse((answer,), exchange, key)
        else:
            exchange = replace(exchange, usage=answer.usage)
            outcome = Outcome(answered(decoded, endpoint, answer, self._manner, key), exchange)
        plan = disturbed(
            outcome.plan,
            reply,
            attempt,
            defaults=self.scenario.defaults,
            manner=self._manner,
            key=key,
        )
        return replace(outcome, plan=plan)
