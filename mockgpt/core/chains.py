"""Calls as a journal shows them: equal requests that follow each other's failures are attempts of one.

Unlike `calls.py`, which decides while it answers, this reads what was answered: limits, misses and
refusals, too, have calls.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable

from msgspec import Struct

from mockgpt.core.exchange import Exchange, may_wait
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
    equal: dict[tuple[bytes, str], list[Exchange]] = {}
    begun: dict[tuple[str, str | None, int], tuple[bytes, str]] = {}
    for exchange in exchanges:
        if exchange.method == "POST" and exchange.content:
            same = (exchange.content, exchange.key)
            counted = (exchange.chosen, exchange.rule, exchange.call)
            if exchange.attempt == 1:
                begun[counted] = same
            elif exchange.attempt > 1:  # with other parameters, perhaps, or by another key
                same = begun.get(counted, same)
            equal.setdefault(same, []).append(exchange)
    chains = [chain for same in equal.values() for chain in _chains(same, window)]
    chains.sort(key=lambda chain: chain[0].number)
    return tuple(Call(tuple(chain)) for chain in chains)


def _chains(equal: list[Exchange], window: float) -> list[list[Exchange]]:
    """Return the calls among equal requests, each the attempts of one.

    Where the client counts its retries, one that it does not count is a call beside another whose
    retry is still to come.
    """
    found: list[list[Exchange]] = []
    # Those that wait for a further attempt, by the count of their last one, in the order of its end.
    waiting: defaultdict[int, deque[list[Exchange]]] = defaultdict(deque)
    to_come = Counter(exchange.retries for exchange in equal)
    for exchange in equal:
        to_come[exchange.retries] -= 1
        chain = None
        for count in sorted(waiting, key=lambda count: count + 1 != exchange.retries):
            if chain is None and (exchange.retries or not to_come[count + 1]):
                chain = _taken(waiting[count], exchange, window)
        if chain is None:
            chain = []
            found.append(chain)
        chain.append(exchange)
        if exchange.failed or refused(exchange):
            waiting[exchange.retries].append(chain)
    return found


def _taken(
    waiting: deque[list[Exchange]], exchange: Exchange, window: float
) -> list[Exchange] | None:
    """Take the first call that a request is soon enough for; those before it are over."""
    while waiting:
        chain = waiting.popleft()
        if follows(chain[-1], exchange, window):
            return chain
    return None


def follows(before: Exchange, after: Exchange, window: float) -> bool:
    """Tell whether a request came soon enough after a failure to be its retry."""
    return after.elapsed - before.ended < window + may_wait(before.sent)


def refused(exchange: Exchange) -> bool:
    """Tell whether an attempt ended in a way that trying again cannot mend."""
    return not exchange.failed and (exchange.status or 0) >= 400  # noqa: PLR2004
