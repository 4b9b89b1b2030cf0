"""What a journal says of the client: findings, as a pure function of the exchanges."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from mockgpt.core.exchange import Exchange
from mockgpt.core.scenario import Step, steps_of

_MISSES = {
    "no_rule_answers": "unmatched_request",
    "replies_used_up": "beyond_script",
    "script_over": "beyond_script",
    "session_closed": "late_request",
    "template_failed": "template_failed",
}
CODES = frozenset({"refused_request", "unmet_step", *_MISSES.values()})  # may be allowed


class Finding(Struct, frozen=True):
    """One thing that should not have happened: its code, one sentence, an exchange that shows it."""

    code: str
    message: str
    exchange: Exchange | None


def findings(exchanges: Iterable[Exchange]) -> Iterator[Finding]:
    """Yield the findings of a journal, in its order.

    An error that a rule answered is the scenario's wish; one without a rule is the client's fault.
    """
    for exchange in exchanges:
        what = f"{exchange.method} {exchange.path}".strip() or "bytes that are no HTTP request"
        if exchange.bug is not None:
            message = f"{what}: mockgpt failed with {exchange.bug!r}; please report it"
            yield Finding("mockgpt_bug", message, exchange)
        elif exchange.error in _MISSES:
            yield Finding(_MISSES[exchange.error], f"{what}: {exchange.message}", exchange)
        elif exchange.error is not None and exchange.rule is None and exchange.limit is None:
            status = f" with {exchange.sent.status}" if exchange.sent is not None else ""
            message = (
                f"{what} was refused{status}, as the real service would ({exchange.message}); "
                f"mend the request, or expect it: allow=['refused_request']"
            )
            yield Finding("refused_request", message, exchange)


def unmet_steps(
    script: tuple[Step, ...], met: frozenset[str], places: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield a finding for each step of a script that nothing has met, unless it is optional."""
    for step in steps_of(script):
        if step.id not in met and not step.optional:
            where = f"{places.get(step.id, '')} step '{step.id}'".strip()
            message = f"{where} was never met; send what it expects, or make it optional: true"
            yield Finding("unmet_step", message, None)
