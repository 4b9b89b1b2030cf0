"""One session: what a scenario has answered so far, its journal and its findings.

It decides answers and touches no socket, file or clock; the edges hand it what came in and tell it
what was sent.
"""

import re
from collections import deque
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from mockgpt.core import keys, responses, tokens, vectors
from mockgpt.core.answers import Makings, make
from mockgpt.core.calls import Attempt, Repetitions
from mockgpt.core.decode import Decoded, decode
from mockgpt.core.draws import draw
from mockgpt.core.endpoints import find, refusal
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import Exchange, Incoming, Journal, Sent
from mockgpt.core.limits import Granted, Quotas, refusal_error
from mockgpt.core.matching import meant_for
from mockgpt.core.plan import Plan
from mockgpt.core.playing import Play
from mockgpt.core.replies import Raw
from mockgpt.core.requests import Asked
from mockgpt.core.scenario import Loaded
from mockgpt.core.service import Endpoint, Service
from mockgpt.core.settings import Settings
from mockgpt.core.verdict import Finding, amiss, judged, unmet_steps, weighed

_FINDINGS = 1_000
_VECTORS = 256  # kept for texts that come again


class Outcome(Struct, frozen=True, kw_only=True):
    """A decided response, its record but for what will really be sent, and what its end concerns."""

    session: "Session"
    plan: Plan
    exchange: Exchange
    hidden: str = ""  # of a key, and not to be recorded
    attempt: Attempt | None = None
    granted: Granted | None = None


class _Case(Struct, frozen=True, kw_only=True):
    """A request on its way to an answer: what is known of it so far."""

    incoming: Incoming
    presented: tuple[str, ...]
    key: bytes  # of this one's draws
    manner: responses.Manner
    exchange: Exchange


class Session:
    """Answers the requests of one test by a scenario, in the manner of a service."""

    def __init__(self, name: str, loaded: Loaded, service: Service, settings: Settings) -> None:
        self.name = name
        self._service = service
        self.open(loaded, settings)

    def open(self, loaded: Loaded, settings: Settings) -> None:
        """Begin, or begin anew; whoever holds the session goes on holding it."""
        self.settings = settings
        self.closed = False
        self.loaded = loaded
        self._embed = lru_cache(maxsize=_VECTORS)(vectors.embed)
        self._count = (
            tokens.count
            if settings.split is tokens.split
            else lambda text: len(settings.split(text))
        )
        self.reset()

    def load(self, loaded: Loaded) -> None:
        """Answer by this scenario from now on, every rule at its first call."""
        self._use(loaded)
        self.play = Play(loaded, self.settings.on_miss)
        self._quotas = Quotas(loaded.scenario.limits)

    def amend(self, loaded: Loaded) -> None:
        """Answer by a scenario with other rules; those that were there stand where they stood."""
        self._use(loaded)
        self.play.amend(loaded, self.settings.on_miss)

    def _use(self, loaded: Loaded) -> None:
        self.loaded = loaded
        scenario = loaded.scenario
        self.seed = 0 if scenario.seed is UNSET else scenario.seed
        self._manner = responses.Manner(
            service=self._service,
            dialect=self.settings.dialect,
            seed=self.seed,
            speed=self.settings.speed,
        )

    def reset(self) -> None:
        """Begin anew: no journal, no findings, and every rule at its first call."""
        self.journal = Journal()
        self._findings: deque[Finding] = deque(maxlen=_FINDINGS)  # outlive the journal's entries
        self._repetitions = Repetitions()
        self.load(self.loaded)

    def findings(self) -> tuple[Finding, ...]:
        """Return what should not have happened so far, what is not met, and what was careless."""
        scenario, settings = self.loaded.scenario, self.settings
        found = (
            *self._findings,
            *unmet_steps(scenario.script, self.play.met, self.loaded.places),
            *judged(tuple(self.journal), self.play.window),
        )
        allow, deny = settings.allow | {*scenario.allow}, settings.deny | {*scenario.deny}
        return tuple(weighed(found, allow, deny))

    def answer(self, incoming: Incoming, presented: tuple[str, ...]) -> Outcome:
        """Decide the response to a request with these API keys."""
        case = self._case(incoming, presented)
        route = find(incoming.path, self._service)
        error = refusal(incoming, route, presented, self.settings.api_keys, self._service)
        if error is not None:
            return self._refuse(case, error)
        assert route is not None, "an unknown path is a refusal"
        case = _with(case, endpoint=route.endpoint.name)
        if incoming.method == "OPTIONS":
            return self._outcome(
                case, responses.preflight(incoming, route.endpoint, case.manner, case.key)
            )
        if route.endpoint.name == "models":
            models = responses.listed(route, case.manner, case.key)
            if isinstance(models, ApiError):
                return self._refuse(case, models)
            return self._outcome(case, models)
        decoded = decode(
            incoming.body,
            incoming.headers.get("content-type"),
            endpoint=route.endpoint,
            path_model=route.model,
            service=self._service,
            count=self._count,
            strict=self.settings.strict,
        )
        if not isinstance(decoded, Decoded):
            return self._refuse(case, *decoded)
        case = _with(case, request=decoded.request, ignored=decoded.ignored)
        if self._quotas.limited:
            return self._limited(case, decoded, route.endpoint)
        return self._reply(case, decoded, route.endpoint)

    def refuse(self, incoming: Incoming, name: str, **values: str) -> Outcome:
        """Answer what is not to be decided, bytes that are no HTTP or a late request, by an error."""
        return self._refuse(self._case(incoming, ()), ApiError(name, values))

    def fail(self, incoming: Incoming, bug: Exception) -> Outcome:
        """Answer a request that mockgpt itself failed on, and keep the bug for the test."""
        exchange = replace(
            self.begun(incoming).exchange, error="mockgpt_bug", message=repr(bug), bug=bug
        )
        return Outcome(session=self, plan=responses.failed(repr(bug)[:200]), exchange=exchange)

    def begun(self, incoming: Incoming) -> Outcome:
        """Return what there is to record of a request that nothing is decided of yet."""
        exchange = Exchange(
            session=self.name,
            at=incoming.at,
            elapsed=incoming.elapsed,
            connection=incoming.connection,
            method=incoming.method,
            path=incoming.path,
        )
        return Outcome(session=self, plan=iter(()), exchange=exchange)

    def record(self, outcome: Outcome, sent: Sent | None) -> Exchange:
        """Append a finished exchange to the journal: the only place that does."""
        number = self.journal.dropped + len(self.journal) + 1
        if sent is not None and outcome.hidden:
            sent = replace(sent, body=sent.body.replace(outcome.hidden.encode(), b"***"))
        exchange = replace(outcome.exchange, sent=sent, number=number)
        if outcome.attempt is not None:
            self.play.calls.ended(exchange.content, outcome.attempt, sent, exchange.ended)
        if outcome.granted is not None:
            outcome.granted.release(0 if exchange.usage is None else exchange.usage.total_tokens)
        self.journal.append(exchange)
        finding = amiss(exchange)
        if finding is not None:
            self._findings.append(finding)
        return exchange

    def _case(self, incoming: Incoming, presented: tuple[str, ...]) -> _Case:
        """Begin with a request. Its key is its content, and how often that came before.

        Not the order of arrival: concurrent requests that differ must not swap their ids.
        """
        content = draw(0, incoming.method, incoming.path, incoming.query, incoming.body, size=16)
        count = incoming.headers.get("x-stainless-retry-count", "0")
        exchange = replace(
            self.begun(incoming).exchange,
            retries=int(count) if re.fullmatch("[0-9]{1,9}", count) else 0,
            headers=keys.without_secrets(incoming.headers),
            body=incoming.body,
            content=content,
            key=keys.fingerprint(keys.decisive(presented, self.settings.api_keys)),
        )
        return _Case(
            incoming=incoming,
            presented=presented,
            key=draw(0, self.name, content, self._repetitions.count(content)),
            manner=self._manner,
            exchange=exchange,
        )

    def _outcome(self, case: _Case, plan: Plan) -> Outcome:
        return Outcome(session=self, plan=plan, exchange=case.exchange)

    def _refuse(self, case: _Case, *errors: ApiError) -> Outcome:
        plan, message = responses.refused(errors, case.manner, case.key)
        hidden = str(errors[0].values.get("key", ""))  # not even the ends of a key are recorded
        if hidden:
            message = message.replace(hidden, "***")
        case = _with(case, error=errors[0].name, message=message)
        return replace(self._outcome(case, plan), hidden=hidden)

    def _limited(self, case: _Case, decoded: Decoded, endpoint: Endpoint) -> Outcome:
        """Answer a request that its key's limits admit; tell on every response what is left."""
        at = case.incoming.elapsed
        most = getattr(decoded.request, "max_tokens", None) or 0
        needed = sum(decoded.prompt_tokens) + most
        granted = self._quotas.of(case.exchange.key, at)
        refused_by = granted.admit(needed, at)
        case = replace(case, manner=replace(case.manner, headers=granted.headers(at)))
        if refused_by is not None:
            error = refusal_error(refused_by, decoded.model.name)
            return self._refuse(_with(case, limit=refused_by.limit), error)
        with ExitStack() as undo:  # a bug on the way must not hold a place for ever
            undo.callback(granted.release, 0)
            outcome = replace(self._reply(case, decoded, endpoint), granted=granted)
            undo.pop_all()
        return outcome

    def _reply(self, case: _Case, decoded: Decoded, endpoint: Endpoint) -> Outcome:
        asked = Asked(
            request=decoded.request,
            body=decoded.body,
            headers=case.incoming.headers,
            api_keys=case.presented,
        )
        retries = case.exchange.retries
        attempt = self.play.attempt(case.exchange.content, retries, asked, case.incoming.elapsed)
        if isinstance(attempt, ApiError):
            return self._refuse(case, attempt)
        outcome = self._reply_to(attempt, case, decoded, asked, endpoint=endpoint)
        return replace(outcome, attempt=attempt)

    def _reply_to(
        self, attempt: Attempt, case: _Case, decoded: Decoded, asked: Asked, *, endpoint: Endpoint
    ) -> Outcome:
        rule = self.play.rule(attempt)
        reply = self.play.reply(attempt)
        if isinstance(reply, ApiError):
            return self._refuse(case, reply)
        case = _with(case, **self.play.record(attempt))
        makings = Makings(
            seed=self.seed,
            created=int(case.incoming.at),
            split=self.settings.split,
            embed=self._embed,
            defaults=self.loaded.scenario.defaults,
            call=attempt.call,
            attempt=attempt.attempt,
            rule=self.play.named(rule),
        )
        meant = meant_for(rule.when, asked)
        answer = make(reply, decoded, makings, meant=meant, occasion=case.key)
        if isinstance(answer, ApiError):
            outcome = self._refuse(case, answer)
        elif isinstance(answer, Raw):
            outcome = self._outcome(case, responses.verbatim(answer))
        else:
            case = _with(case, usage=answer.usage)
            plan = responses.answered(decoded, endpoint, answer, case.manner, case.key)
            outcome = self._outcome(case, plan)
        plan, faults = responses.disturbed(
            outcome.plan,
            reply,
            attempt,
            defaults=self.loaded.scenario.defaults,
            manner=case.manner,
            key=case.key,
        )
        return replace(outcome, plan=plan, exchange=replace(outcome.exchange, faults=faults))


def _with(case: _Case, **known: Any) -> _Case:
    """Return a case of which more is known for its record."""
    return replace(case, exchange=replace(case.exchange, **known))
