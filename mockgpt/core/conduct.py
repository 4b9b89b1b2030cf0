"""What a client's conduct shows: retries, waits, cuts, connections, as findings of a journal.

All of it is read off the exchanges: what was asked, when, and what had been sent before.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from mockgpt.core.chains import calls_of, follows, refused
from mockgpt.core.codes import MISSES
from mockgpt.core.exchange import Exchange
from mockgpt.core.redaction import SECRETS
from mockgpt.core.requests import ChatRequest

_SLACK = 0.99  # of a wait: clocks of two processes round differently
_AT_ONCE = 0.05  # seconds: a retry sooner than this had no back-off
_STORM = 10  # attempts of one call
_BURST, _BURST_SECONDS = 5, 1.0  # attempts within so short a time
_JITTER = 0.02  # the share by which waits must differ to be no constants
_WAITS = 3  # that look alike before they are called constant
_CUTTING = frozenset({"disconnect", "truncate_body"})
_STALL = 1.0  # seconds of silence within a stall
_IN_TURN = 5  # requests that a connection should have been used for again
_APART = (
    0.02  # seconds behind an answer: requests sent at once may come sooner, since answers take less
)


class Shown(Struct, frozen=True):
    """What some exchanges show: a code, what happened, and what to do about it."""

    code: str
    message: str
    exchanges: tuple[Exchange, ...]


def conduct(exchanges: Sequence[Exchange], window: float) -> Iterator[Shown]:
    """Yield what the exchanges of one session show. `window` is the retry window in seconds."""
    answered = {one.content: one for one in exchanges if not (one.failed or refused(one))}
    drifts = [*_drift(exchanges, window)]
    drifted = {shown.exchanges[0].number for shown in drifts}
    for call in calls_of(exchanges, window):
        yield from _retries(call.attempts)
        last = call.attempts[-1]
        other = answered.get(last.content)  # by another key, perhaps
        settled = (
            other is not None and last.elapsed <= other.elapsed and follows(last, other, window)
        )
        if last.failed and not settled and last.number not in drifted:
            yield from _end(call.attempts)
    yield from drifts
    yield from _connections(exchanges)
    for exchange in exchanges:
        yield from _sat_through(exchange)
    yield from _sent_amiss(exchanges)


def _retries(chain: Sequence[Exchange]) -> Iterator[Shown]:
    waits = []
    at_once = []
    for before, after in pairwise(chain):
        wait = after.elapsed - before.ended
        if before.error in MISSES:
            continue
        if refused(before):
            assert before.sent is not None, "what was refused was sent"
            message = (
                f"asked again after {before.sent.status}, which trying again cannot mend; retry 408, "
                "409, 429, 5xx and broken connections alone"
            )
            yield Shown("retried_refusal", message, (before, after))
        elif (told := _told(before)) is not None:
            if wait < told * _SLACK:
                message = (
                    f"tried again after {wait:.2f} s, though Retry-After said "
                    f"{told:g} s; wait as long as it says"
                )
                yield Shown("retry_after_ignored", message, (before, after))
        else:
            waits.append(wait)
            if wait < _AT_ONCE:
                at_once += [before, after]
    if at_once:
        message = "tried again at once; wait longer from attempt to attempt, with jitter"
        yield Shown("no_backoff", message, tuple({one.number: one for one in at_once}.values()))
    elif len(waits) >= _WAITS and max(waits) - min(waits) < _JITTER * max(waits):
        message = (
            f"waited {waits[0]:.2f} s before every attempt; clients that wait alike come back all at "
            "once, so let waits grow, with jitter"
        )
        yield Shown("constant_backoff", message, tuple(chain))
    yield from _storm(chain)


def _told(exchange: Exchange) -> float | None:
    return None if exchange.sent is None else exchange.sent.retry_after


def _storm(chain: Sequence[Exchange]) -> Iterator[Shown]:
    if len(chain) > _STORM:
        message = f"asked {len(chain)} times for the same; give up after a few attempts"
        yield Shown("retry_storm", message, tuple(chain))
        return
    for first, last in zip(chain, chain[_BURST - 1 :], strict=False):
        if last.elapsed - first.elapsed < _BURST_SECONDS:
            message = f"asked {_BURST} times within {_BURST_SECONDS:g} s; wait between attempts"
            yield Shown("retry_storm", message, tuple(chain))
            return


def _end(chain: Sequence[Exchange]) -> Iterator[Shown]:
    last = chain[-1]
    left = (
        "disconnect" not in last.faults if last.sent is None else last.sent.ending == "client_left"
    )
    if left:
        return
    if last.error == "insufficient_quota":  # a 429 that no waiting mends
        return
    if last.sent is not None and last.sent.status == 200:  # noqa: PLR2004
        if last.sent.ending == "aborted" and _CUTTING.isdisjoint(last.faults):
            return  # by the server's own end
        message = (
            "the answer was cut and nobody asked again; treat an answer without its end ([DONE], "
            "or as many bytes as its Content-Length says) as a failure"
        )
        yield Shown("cut_unnoticed", message, (last,))
    else:
        what = "the connection broke" if last.sent is None else f"the answer was {last.sent.status}"
        times = "once" if len(chain) == 1 else f"{len(chain)} times"
        message = f"{what} and nobody asked again (asked {times}); such failures pass, so try again"
        yield Shown("gave_up", message, (last,))


def _drift(exchanges: Sequence[Exchange], window: float) -> Iterator[Shown]:
    latest = {exchange.content: exchange for exchange in exchanges}
    for before, after in pairwise(exchanges):
        if (
            not before.failed
            or latest[before.content] is not before  # it was asked again as it was
            or before.request is None
            or type(before.request) is not type(after.request)
            or not follows(before, after, window)
        ):
            continue
        changed = _changed(before, after)
        if changed and (after.retries > 0 or before.request.texts == after.request.texts):
            message = (
                f"a retry asked for something else ({', '.join(changed)}); send the same again"
            )
            yield Shown("drifting_retry", message, (before, after))


def _changed(before: Exchange, after: Exchange) -> list[str]:
    """Return the parameters of two requests that differ, but for their texts."""
    assert before.request is not None, "compared with a request that was understood"
    names = before.request.__struct_fields__
    texts = "messages" if isinstance(before.request, ChatRequest) else names[1]
    return [
        name
        for name in names
        if name != texts and getattr(before.request, name) != getattr(after.request, name)
    ]


def _connections(exchanges: Sequence[Exchange]) -> Iterator[Shown]:
    """Yield a finding where each of many requests in turn came on a connection of its own."""
    whole = [e for e in exchanges if e.sent is not None and e.sent.ending == "complete"]
    in_turn = [
        after
        for before, after in pairwise(whole)
        if after.connection and after.elapsed >= before.ended + (0.0 if after.alone else _APART)
    ]
    fresh = {exchange.connection for exchange in in_turn}
    if len(in_turn) >= _IN_TURN and len(fresh) == len(in_turn):
        message = (
            f"{len(in_turn)} requests that came after another's answer came on as many connections; "
            "keep one client and its connection pool for all of them"
        )
        yield Shown("connection_not_reused", message, tuple(in_turn))


def _sat_through(exchange: Exchange) -> Iterator[Shown]:
    sent = exchange.sent
    if "stall" not in exchange.faults or sent is None:  # a slow model is none
        return
    if sent.ending != "client_left" and sent.silence >= _STALL:
        message = (
            f"waited through {sent.silence:.1f} s of silence; set a read time-out, since a server "
            "that stalls may never go on"
        )
        yield Shown("sat_through_stall", message, (exchange,))


def _sent_amiss(exchanges: Sequence[Exchange]) -> Iterator[Shown]:
    told: set[tuple[str, ...]] = set()
    for exchange in exchanges:
        if exchange.ignored and exchange.ignored not in told:
            told.add(exchange.ignored)
            message = (
                f"sent what the service does not support ({', '.join(exchange.ignored)[:200]}); it "
                "changes nothing there, so leave it out"
            )
            yield Shown("unsupported_parameter", message, (exchange,))
        texts = () if exchange.request is None else exchange.request.texts
        if any(SECRETS.search(text) for text in texts if isinstance(text, str)):
            message = "the request's text has what looks like a key; keep secrets out of prompts"
            yield Shown("secret_in_prompt", message, (exchange,))
