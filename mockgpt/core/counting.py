"""What of a scenario depends on the requests before: several processes do not count them together."""

from collections.abc import Iterable, Iterator

from msgspec import UNSET

from mockgpt.core.faults import Fault
from mockgpt.core.limits import Limits
from mockgpt.core.replies import Reply, attempts_of, faults_of
from mockgpt.core.scenario import Rule, Scenario, steps_of
from mockgpt.core.templates import names_in

_COUNTED = {"call", "attempt"}  # names that a template may use


def counted(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Yield what is answered by count: the id of its rule or step, empty for neither, and what it is."""
    if scenario.limits != Limits():
        yield "", "limits"
    for what in _of_faults(scenario.defaults.faults):
        yield "", f"in its defaults {what}"
    for step in steps_of(scenario.script):
        yield step.id, "a step of a script"
    for rule in scenario.rules:
        for what in dict.fromkeys(_of_rule(rule)):
            yield rule.id, what


def _of_rule(rule: Rule) -> Iterator[str]:
    if isinstance(rule.reply, tuple):
        yield "a list with a reply for each call"
    elif rule.after_last == "fail":
        yield "a reply for one call alone"
    for reply in rule.replies:
        if reply.attempts is not UNSET:
            yield "a reply for each attempt"
        for attempt in attempts_of(reply):
            yield from _of_reply(attempt)


def _of_reply(reply: Reply) -> Iterator[str]:
    if reply.template is not UNSET:
        for name in sorted(names_in(reply.template) & _COUNTED):
            yield f"a template with '{name}'"
    yield from _of_faults(faults_of(reply))


def _of_faults(faults: Iterable[Fault]) -> Iterator[str]:
    for fault in faults:
        if fault.on_call is not UNSET:
            yield "a fault with `on_call`"
        if fault.on_attempt is not UNSET:
            yield "a fault with `on_attempt`"
        if 0 < fault.chance < 1:
            yield "a fault with a `chance`"
