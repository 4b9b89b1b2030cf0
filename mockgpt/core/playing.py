"""How far a scenario has been played: calls and attempts of its rules, steps of its script.

Which rule or step answers a request is decided here, once, with what has been answered so far.
"""

from typing import Any, Literal

from mockgpt.core.calls import Attempt, Calls
from mockgpt.core.errors import ApiError
from mockgpt.core.keys import Caller
from mockgpt.core.matching import (
    Captures,
    Choice,
    Miss,
    UndecidedError,
    choose,
    explained,
    meant_for,
)
from mockgpt.core.pace import seconds
from mockgpt.core.replies import Filler, Reply
from mockgpt.core.requests import Asked
from mockgpt.core.scenario import Loaded, Rule, due, reply_for, rule_of, steps_of
from mockgpt.core.searching import PatternFailedError

UNSCRIPTED = Rule(id="(filler)", reply=Reply(filler=Filler()))

OnMiss = Literal["error", "filler"]
_REMEMBERED = 256  # requests whose rule is known


class Play:
    """A scenario, and what it has answered: `met` has the ids of the script's steps so far."""

    def __init__(self, loaded: Loaded, on_miss: OnMiss | None, *, counts: bool = True) -> None:
        self._counts = counts
        self.window = seconds(loaded.scenario.retry_window)
        self.calls = Calls(self.window)
        self.met: frozenset[str] = frozenset()
        self.amend(loaded, on_miss)

    def amend(self, loaded: Loaded, on_miss: OnMiss | None) -> None:
        """Go on with other rules or steps; those with the ids of before stand where they stood."""
        scenario = loaded.scenario
        self._scenario = scenario
        self._places = loaded.places
        self._steps = {step.id: rule_of(step) for step in steps_of(scenario.script)}
        self._rules = self._steps | {rule.id: rule for rule in scenario.rules}
        self._on_miss = on_miss or ("error" if self._rules else "filler")
        self._due = self._next()
        self._chosen: dict[tuple[bytes, Caller], Choice | Miss] = {}

    def _next(self) -> list[Rule]:
        """Return the steps that the next request may meet, as rules."""
        return [self._steps[step.id] for step in due(self._scenario.script, self.met)]

    def attempt(
        self, content: bytes, caller: Caller, asked: Asked, at: float
    ) -> Attempt | ApiError:
        """Return which attempt of which call a request is, or why nothing answers it.

        `content` is equal for equal requests; `at` in seconds. A script's next step comes first,
        then the rules.
        """
        try:
            return self._attempt(content, caller, asked, at)
        except UndecidedError as error:
            return self._undecided(error.rule, error)

    def _attempt(
        self, content: bytes, caller: Caller, asked: Asked, at: float
    ) -> Attempt | ApiError:
        if self._counts:
            further = self.calls.further(content, caller.retries, at)
            if further is not None:
                return further
        steps = self._due
        step = choose(steps, asked) if steps else Miss(None)
        if isinstance(step, Choice):
            self.met |= {step.rule.id}
            self._due = self._next()
            return self.calls.begin(content, step.rule.id)
        chosen = self._choice(content, caller, asked)
        if isinstance(chosen, Choice):
            return self.calls.begin(content, chosen.rule.id)
        if self._on_miss == "filler":
            return self.calls.begin(content, UNSCRIPTED.id)
        if self._steps and not steps and not self._scenario.rules:
            return ApiError("script_over", {"calls": len(self.met)})
        return ApiError("no_rule_answers", {"why": explained(step, chosen, self._places)})

    def _choice(self, content: bytes, caller: Caller, asked: Asked) -> Choice | Miss:
        """Return the rule of a request; that of one that comes again is known."""
        chosen = self._chosen.get((content, caller))
        if chosen is None:
            chosen = choose(self._scenario.rules, asked, self._scenario.literals)
            if len(self._chosen) >= _REMEMBERED:
                self._chosen.clear()
            self._chosen[content, caller] = chosen
        return chosen

    @property
    def unused(self) -> tuple[str, ...]:
        """The ids of the steps and rules that have answered nothing, in their order."""
        return tuple(name for name in self._rules if not self.calls.counted(name))

    def rule(self, attempt: Attempt) -> Rule:
        """Return the rule, or the step as a rule, that an attempt belongs to."""
        return self._rules.get(attempt.rule, UNSCRIPTED)

    def record(self, attempt: Attempt) -> dict[str, Any]:
        """Return what the journal says of who answers an attempt."""
        told = {"call": attempt.call, "attempt": attempt.attempt}
        if attempt.rule == UNSCRIPTED.id:
            return {**told, "chosen": "filler"}
        chosen = "step" if attempt.rule in self._steps else "rule"
        place = self._places.get(attempt.rule, "")
        return {**told, "chosen": chosen, "rule": attempt.rule, "place": place}

    def reply(
        self, attempt: Attempt, asked: Asked
    ) -> tuple[Reply, tuple[Captures | None, ...]] | ApiError:
        """Return the reply to an attempt, and what it is meant for; past a rule's end an error."""
        rule = self.rule(attempt)
        reply = reply_for(rule, attempt.call, attempt.attempt)
        if reply is not None:
            try:
                return reply, meant_for(rule.when, asked)
            except PatternFailedError as error:
                return self._undecided(rule, error)
        values = {"rule": self.named(rule), "calls": len(rule.replies)}
        return ApiError("replies_used_up", values)

    def _undecided(self, rule: Rule, why: Exception) -> ApiError:
        return ApiError("pattern_failed", {"rule": self.named(rule), "reason": str(why)})

    def named(self, rule: Rule) -> str:
        """Return how messages name a rule or a step: its file and line, where it has one, and its id."""
        kind = "step" if rule.id in self._steps else "rule"
        return f"{self._places.get(rule.id, '')} {kind} '{rule.id}'".strip()
