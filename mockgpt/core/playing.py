"""How far a scenario has been played: calls and attempts of its rules, steps of its script.

Which rule or step answers a request is decided here, once, with what has been answered so far.
"""

from functools import partial
from typing import Literal

from msgspec import UNSET

from mockgpt.core.calls import Attempt, Calls
from mockgpt.core.case import Known
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import Author
from mockgpt.core.faults import SPOILING
from mockgpt.core.matching import (
    Captures,
    UndecidedError,
    choose,
    explained,
    meant_for,
)
from mockgpt.core.replies import Filler, Reply, faults_of
from mockgpt.core.requests import Asked
from mockgpt.core.scenario import Loaded, Rule, due, reply_for, rule_of, steps_of
from mockgpt.core.searching import PatternFailedError
from mockgpt.core.settings import OnMiss

UNSCRIPTED = Rule(id="(filler)", reply=Reply(filler=Filler()))


class Play:
    """A scenario, and what it has answered: `met` has the ids of the script's steps so far."""

    def __init__(self, loaded: Loaded, on_miss: OnMiss | None, *, counts: bool = True) -> None:
        self._counts = counts
        self.window = loaded.scenario.window
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
        self._of_callers = {name: rule for name, rule in self._rules.items() if rule.when.of_caller}
        self._authors = {UNSCRIPTED.id: Author("filler")}  # of those that have answered
        self._on_miss = on_miss or ("error" if self._rules else "filler")
        self._due = self._next()

    def _next(self) -> list[Rule]:
        """Return the steps that the next request may meet, as rules."""
        return [self._steps[step.id] for step in due(self._scenario.script, self.met)]

    def attempt(self, known: Known, at: float) -> Attempt | ApiError:
        """Return which attempt of which call a request is, or why nothing answers it.

        `at` in seconds. A script's next step comes first, then the rules.
        """
        try:
            return self._attempt(known, at)
        except UndecidedError as error:
            return self._undecided(error.rule, error)

    def _attempt(self, known: Known, at: float) -> Attempt | ApiError:
        content, asked = known.record.content, known.asked
        assert asked is not None, "only what is understood is asked about"
        wanted = known.wanted
        if self._counts:
            fits = partial(self._fits, asked)
            further = self.calls.further(content, known.caller.retries, at, wanted, fits)
            if further is not None:
                return further
        steps = self._due
        step = choose(steps, asked) if steps else None
        if step is not None:
            self.met |= {step.id}
            self._due = self._next()
            return self.calls.begin(content, step.id, wanted)
        rule = self._choice(known, asked)
        if rule is not None:
            return self.calls.begin(content, rule.id, wanted)
        if self._on_miss == "filler":
            return self.calls.begin(content, UNSCRIPTED.id, wanted)
        if self._steps and not steps and not self._scenario.rules:
            return self._over()
        return ApiError("no_rule_answers", {"why": self._why(known, asked, steps)})

    def _over(self) -> ApiError:
        """Return what a request gets for which no step is due."""
        for step in steps_of(self._scenario.script):
            if not step.optional and step.id not in self.met:
                passed = ", ".join(f"'{name}'" for name in step.after if name not in self.met)
                why = f"step '{step.id}' waits for {passed}, which others have passed"
                return ApiError("no_rule_answers", {"why": why})
        return ApiError("script_over", {"calls": len(self.met)})

    def _fits(self, asked: Asked, name: str) -> bool:
        """Tell whether a request, whatever its body, may continue a call of that rule or step."""
        rule = self._of_callers.get(name)
        return rule is None or choose((rule,), asked) is not None

    def _choice(self, known: Known, asked: Asked) -> Rule | None:
        """Return the rule of a request; that of one that comes again is known."""
        if known.choice is not None and known.choice[0] is self._scenario:
            return known.choice[1]
        rule = choose(self._scenario.rules, asked, self._scenario.literals)
        known.choice = (self._scenario, rule)
        return rule

    def _why(self, known: Known, asked: Asked, steps: list[Rule]) -> str:
        """Tell why nothing answers a request; where only the rules might have, that is known."""
        if known.why is not None and known.why[0] is self._scenario and not steps:
            return known.why[1]
        why = explained(steps, self._scenario.rules, asked, self._places)
        if not steps:
            known.why = (self._scenario, why)
        return why

    @property
    def unused(self) -> tuple[str, ...]:
        """The ids of the steps and rules that have answered nothing, in their order."""
        return tuple(name for name in self._rules if not self.calls.counted(name))

    def rule(self, attempt: Attempt) -> Rule:
        """Return the rule, or the step as a rule, that an attempt belongs to."""
        return self._rules.get(attempt.rule, UNSCRIPTED)

    def author(self, attempt: Attempt) -> Author:
        """Return who answers an attempt, as its record has it."""
        name = attempt.rule
        if name not in self._authors:
            self._authors[name] = Author(self._kind(name), name, self._places.get(name, ""))
        return self._authors[name]

    def reply(self, attempt: Attempt) -> Reply | ApiError:
        """Return the reply to an attempt; past a rule's end an error."""
        rule = self.rule(attempt)
        reply = reply_for(rule, attempt.call, attempt.attempt)
        if reply is not None:
            return reply
        values = {"rule": self.named(rule), "calls": len(rule.replies)}
        return ApiError("replies_used_up", values)

    def spoils(self, attempt: Attempt, reply: Reply, faults: tuple[str, ...]) -> bool:
        """Tell whether such faults leave no answer, where the next attempt is to get another one."""
        if SPOILING.isdisjoint(faults):
            return False
        following = Attempt(attempt.rule, attempt.call, attempt.attempt + 1)
        given = faults_of(reply, self._scenario.defaults)
        return self.reply(following) != reply or any(one.on_attempt is not UNSET for one in given)

    def meant(self, rule: Rule, asked: Asked) -> tuple[Captures | None, ...] | ApiError:
        """Return for each prompt or input what a rule's conditions captured, where it is meant."""
        try:
            return meant_for(rule.when, asked)
        except PatternFailedError as error:
            return self._undecided(rule, error)

    def _undecided(self, rule: Rule, why: Exception) -> ApiError:
        return ApiError("pattern_failed", {"rule": self.named(rule), "reason": str(why)})

    def named(self, rule: Rule) -> str:
        """Return how messages name a rule or a step: its file and line, where it has one, and its id."""
        return f"{self._places.get(rule.id, '')} {self._kind(rule.id)} '{rule.id}'".strip()

    def _kind(self, name: str) -> Literal["step", "rule"]:
        return "step" if name in self._steps else "rule"
