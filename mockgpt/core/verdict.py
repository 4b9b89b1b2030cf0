"""What a journal says of the client: findings, as a pure function of the exchanges."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from mockgpt.core.exchange import Exchange

CODES = frozenset({"refused_request", "unmatched_request", "beyond_script"})  # may be allowed
_MISSES = {"no_rule_answers": "unmatched_request", "replies_used_up": "beyond_script"}


class Finding(Struct, frozen=True):
    """One thing that should not have happened: its code, one sentence, the exchange that shows it."""

    code: str
    message: str
    exchange: Exchange


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
        elif exchange.error is not None and exchange.rule is None:
            status = f" with {exchange.sent.status}" if exchange.sent is not None else ""
            message = (
                f"{what} was refused{status}, as the real service would ({exchange.message}); "
                f"mend the request, or expect it: allow=['refused_request']"
            )
            yield Finding("refused_request", message, exchange)
