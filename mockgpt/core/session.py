"""One session: what a scenario has answered so far, its journal and its findings.

It decides answers and touches no socket, file or clock; the edges hand it what came in and tell it
what was sent.
"""

from contextlib import ExitStack
from functools import partial

from msgspec import UNSET
from msgspec.structs import replace

from mockgpt.core import keys, responses
from mockgpt.core.advice import advice
from mockgpt.core.answers import Answer, Embed, Makings, make
from mockgpt.core.blotting import discreet
from mockgpt.core.calls import Attempt, Repetitions
from mockgpt.core.case import Case, Know, Known, Outcome, unread
from mockgpt.core.decode import Decoded, told
from mockgpt.core.draws import drawing, part
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import Exchange, Incoming, Sent
from mockgpt.core.journal import Journal
from mockgpt.core.limits import Quotas, refusal_error
from mockgpt.core.noted import Noted
from mockgpt.core.plan import Plan
from mockgpt.core.playing import Play
from mockgpt.core.replies import Raw, Reply, faults_of, pace_of
from mockgpt.core.responses import Prepared
from mockgpt.core.scenario import Loaded
from mockgpt.core.service import Service
from mockgpt.core.settings import Settings, remembering
from mockgpt.core.unruled import unruled
from mockgpt.core.verdict import Finding, amiss, judged, unasked, unmet_steps, weighed


class Session:
    """Answers the requests of one test by a scenario, in the manner of a service."""

    def __init__(
        self,
        name: str,
        loaded: Loaded,
        service: Service,
        settings: Settings,
        *,
        embed: Embed,
        know: Know,
    ) -> None:
        self.name = name
        self._drawn = drawing(0, part(name))
        self._service = service
        self._embed = embed
        self._know = know
        self.open(loaded, settings)

    def open(self, loaded: Loaded, settings: Settings) -> None:
        """Begin, or begin anew; whoever holds the session goes on holding it."""
        self.settings = settings
        self.closed = False
        self._split = remembering(settings.split)
        self._forget()
        self.load(loaded)

    def load(self, loaded: Loaded) -> None:
        """Answer by this scenario from now on, every rule at its first call."""
        self.bare: dict[str, str] = {}  # lines of a test that made rules, by their ids
        self.made: dict[str, str] = {}  # of those that have a reply
        self._begin(loaded)

    def _begin(self, loaded: Loaded) -> None:
        self._use(loaded)
        self.play = Play(loaded, self.settings.on_miss, counts=self.settings.counts)
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
        self.closed = False
        self._forget()
        self._begin(self.loaded)

    def _forget(self) -> None:
        self.journal = Journal()
        self.noted = Noted()
        self._underway: dict[Case, None] = {}
        counts = self.settings.counts
        self._repetition = Repetitions().count if counts else (lambda _: 1)

    def findings(self) -> tuple[Finding, ...]:
        """Return what should not have happened so far, what is not met, and what was careless."""
        scenario, settings = self.loaded.scenario, self.settings
        found = (
            *self.noted,
            *unmet_steps(scenario.script, self.play.met, self.loaded.places),
            # A rule may have waited in vain for what strayed, and that is told.
            *unasked(self.bare, {} if self.noted else self.made, self.play.unused),
            *judged(tuple(self.journal), self.play.window),
        )
        allow, deny = settings.allow | {*scenario.allow}, settings.deny | {*scenario.deny}
        return tuple(weighed(found, allow, deny))

    def answer(self, incoming: Incoming, caller: keys.Caller) -> Outcome:
        """Decide the response to a request of this caller's."""
        known = self._know(incoming, caller, self.settings)
        case = self._case(incoming, known)
        if known.errors:
            return self._refuse(case, *known.errors, advised=True)
        if known.decoded is not None:
            return self._limited(case, known.decoded) if self._quotas.limited else self._reply(case)
        plan = unruled(incoming, known.route, case.manner, case.key)
        if isinstance(plan, ApiError):
            return self._refuse(case, plan, advised=True)
        return self._outcome(case, plan)

    def refuse(self, incoming: Incoming, name: str, **values: str) -> Outcome:
        """Answer what is not to be decided, bytes that are no HTTP or a late request, by an error."""
        known = self._know(incoming, keys.caller(incoming.headers), self.settings)
        return self._refuse(self._case(incoming, known), ApiError(name, values))

    def fail(self, incoming: Incoming, bug: Exception, before: Outcome | None = None) -> Outcome:
        """Answer a request that mockgpt itself failed on, and keep the bug for the test.

        `before` is what had been decided: its call and its place among a key's requests end, too.
        """
        known = unread(incoming, self.settings.redaction)
        case = Case(incoming, known, self.name, self._manner)
        case.before = None if before is None else before.case
        case.bug = known.record.redaction.bug(bug)
        case.error, case.message = "mockgpt_bug", repr(case.bug)
        return self._outcome(case, responses.failed(case.message[:200]))

    def begun(self, incoming: Incoming) -> Outcome:
        """Return what there is to record of a request that nothing is decided of yet."""
        known = unread(incoming, self.settings.redaction)
        return self._outcome(Case(incoming, known, self.name, self._manner), iter(()))

    @property
    def underway(self) -> tuple[Exchange, ...]:
        """What is being answered now, as far as it is decided."""
        return tuple([case.exchange() for case in tuple(self._underway)])

    def record(self, outcome: Outcome, sent: Sent | None) -> Exchange:
        """Append a finished exchange to the journal: the only place that does."""
        case, journal = outcome.case, outcome.journal
        self._underway.pop(case, None)
        if case.before is not None:
            self._underway.pop(case.before, None)
        if sent is not None and case.hidden:
            body = sent.body.replace(json_bytes(case.hidden)[1:-1], b"***")
            sent = replace(sent, kept=(body.replace(case.hidden.encode(), b"***"),))
        exchange = case.exchange(sent, journal.next)
        journal.append(exchange)
        if journal is not self.journal:  # the session has begun anew meanwhile
            return exchange
        (case.before or case).end(exchange)
        finding = amiss(exchange)
        if finding is not None:
            self.noted.append(finding, self.settings.allow | {*self.loaded.scenario.allow})
        return exchange

    def _case(self, incoming: Incoming, known: Known) -> Case:
        """Begin with a request. Its key is its content, and how often that came before.

        Not the order of arrival: concurrent requests that differ must not swap their ids.
        """
        digest = known.record.content
        key = self._drawn(part(digest) + part(self._repetition(digest)))
        return Case(incoming, known, self.name, self._manner, key)

    def _outcome(self, case: Case, plan: Plan) -> Outcome:
        self._underway[case] = None
        return Outcome(self, self.journal, case, plan)

    def _refuse(self, case: Case, *errors: ApiError, advised: bool = False) -> Outcome:
        if advised:  # what the scenario does not wish for is to be mended
            case.advice = advice(errors[0], self._service)
        errors = discreet(errors, case.known.record.redaction.secretless)
        plan, message = responses.refused(errors, case.manner, case.key)
        case.hidden = str(errors[0].values.get("key", ""))  # not even a key's ends are recorded
        case.error = errors[0].name
        case.message = message.replace(case.hidden, "***") if case.hidden else message
        return self._outcome(case, plan)

    def _limited(self, case: Case, decoded: Decoded) -> Outcome:
        """Answer a request that its key's limits admit; tell on every response what is left."""
        at = case.incoming.elapsed
        most = getattr(decoded.request, "max_tokens", None) or 0
        needed = sum(decoded.prompt_tokens) + most
        granted = self._quotas.of(case.known.record.key, at)
        refused_by = granted.admit(needed, at)
        case.manner = replace(case.manner, headers=granted.headers(at))
        if refused_by is not None:
            case.limit = refused_by.limit
            self.play.calls.refused(case.known.record.content, case.known.caller.retries)
            return self._refuse(case, refusal_error(refused_by, told(decoded, case.incoming.query)))
        with ExitStack() as undo:  # a bug on the way must not hold a place for ever
            undo.callback(granted.release, 0)
            outcome = self._reply(case)
            case.granted = granted
            undo.pop_all()
        return outcome

    def _reply(self, case: Case) -> Outcome:
        attempt = self.play.attempt(case.known, case.incoming.elapsed)
        if isinstance(attempt, ApiError):
            return self._refuse(case, attempt)
        case.attempt, case.calls = attempt, self.play.calls
        reply = self.play.reply(attempt)
        if isinstance(reply, ApiError):
            return self._refuse(case, reply)
        case.by = self.play.author(attempt)
        made = self._made(reply, attempt, case)
        if isinstance(made, ApiError):
            outcome = self._refuse(case, made)
        elif isinstance(made, Raw):
            outcome = self._outcome(case, responses.verbatim(made))
        else:
            case.usage = made.answer.usage
            plan = responses.answered(made, case.manner, case.key, int(case.incoming.at))
            outcome = self._outcome(case, plan)
        defaults = self.loaded.scenario.defaults
        given = faults_of(reply, defaults)
        acted: set[int] = set()
        if given:
            case.given, case.acted = given, acted
            case.spoils = partial(self.play.spoils, attempt, reply)
        outcome.plan = responses.disturbed(
            outcome.plan,
            reply,
            attempt,
            pace=made.pace if isinstance(made, Prepared) else pace_of(reply, defaults),
            faults=given,
            manner=case.manner,
            key=case.key,
            acted=acted,
        )
        return outcome

    def _made(self, reply: Reply, attempt: Attempt, case: Case) -> Prepared | ApiError | Raw:
        """Make what a reply says to a request; what it says to equal ones is made once."""
        known = case.known
        if known.prepared is not None:
            loaded, name, before, prepared = known.prepared
            if loaded is self.loaded and name == attempt.rule and before is reply:
                return prepared
        decoded, asked, route = known.decoded, known.asked, known.route
        defaults = self.loaded.scenario.defaults
        assert decoded is not None, "only what is understood is replied to"
        assert asked is not None, "of what is understood it is known"
        assert route is not None, "an unknown path is an error"
        rule = self.play.rule(attempt)
        meant = self.play.meant(rule, asked)
        if isinstance(meant, ApiError):
            return meant
        makings = Makings(
            seed=self.seed,
            split=self._split,
            embed=self._embed,
            defaults=defaults,
            call=attempt.call,
            attempt=attempt.attempt,
            rule=self.play.named(rule),
            query=case.incoming.query,
        )
        answer = make(reply, decoded, makings, meant=meant)
        if not isinstance(answer, Answer):
            return answer
        # A template may tell the call and the attempt.
        again = known.came and reply.template is UNSET and responses.is_small(answer)
        known.came = True
        prepared = responses.prepared(
            decoded, route.endpoint, answer, self._service, pace_of(reply, defaults), again=again
        )
        if again:
            known.prepared = (self.loaded, attempt.rule, reply, prepared)
        return prepared
