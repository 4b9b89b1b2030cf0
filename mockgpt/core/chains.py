"""Calls as a journal shows them: equal requests that follow each other's failures are attempts of one.

Unlike `calls.py`, which decides while it answers, this reads what was answered: limits, misses and
refusals, too, have calls.
"""

from collections.abc import Iterable

from msgspec import Struct

from mockgpt.core.exchange import Exchange
from mockgpt.core.requests import Request


class Call(Struct, frozen=True):
    """One thing that the client's code wanted: its attempts, oldest first."""

    attempts: tuple[Exchange, ...]

    @property
    def request(self) -> Request | None:
        """What was asked; None for what the service would not have understood."""
        return self.attempts[-1].request

    @property
    def status(self) -> int | None:
        """The status of the last attempt, None where nothing was sent."""
        return self.attempts[-1].status

    @property
    def rule(self) -> str | None:
        """The id of the rule or step that answered the last attempt, None for filler."""
        return self.attempts[-1].rule

    @property
    def cancelled_after(self) -> int | None:
        """After how many events of the last attempt's stream the client left; None if it did not."""
        sent = self.attempts[-1].sent
        return sent.events if sent is not None and sent.ending == "client_left" else None


def calls_of(exchanges: Iterable[Exchange], window: float) -> tuple[Call, ...]:
    """Return the calls of one session. `window` is the retry window, in seconds."""
    found: list[list[Exchange]] = []
    open_: dict[tuple[bytes, str], list[Exchange]] = {}
    for exchange in exchanges:
        if exchange.method != "POST" or not exchange.content:
            continue
        same = (exchange.content, exchange.key)
        chain = open_.get(same)
        if chain is not None and exchange.elapsed - chain[-1].ended < window:
            chain.append(exchange)
        else:
            chain = [exchange]
            found.append(chain)
        if exchange.failed or refused(exchange):
            open_[same] = chain
        else:
            open_.pop(same, None)
    return tuple(Call(tuple(chain)) for chain in found)


def refused(exchange: Exchange) -> bool:
    """Tell whether an attempt ended in a way that trying again cannot mend."""
    return not exchange.failed and (exchange.status or 0) >= 400  # noqa: PLR2004
