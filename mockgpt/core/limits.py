"""What a service grants: requests and tokens per minute, requests at once, tokens in all.

The limits of the language, as types, and the buckets that keep them.
"""

import math
from collections import OrderedDict
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from mockgpt.core.entry import Entry
from mockgpt.core.errors import ApiError
from mockgpt.core.plan import Headers

Positive = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]

_MINUTE = 60.0
_KEYS = 10_000  # kept; the one that was asked for longest ago goes first
_ERRORS = {
    "requests_per_minute": "rate_limit_requests",
    "tokens_per_minute": "rate_limit_tokens",
    "concurrent_requests": "too_many_concurrent",
    "total_tokens": "insufficient_quota",
}


class Limits(Entry, frozen=True, kw_only=True):
    """What each API key is granted; beyond it requests are refused as the service would."""

    requests_per_minute: Annotated[
        Positive | UnsetType,
        Meta(description="A bucket of so many requests, refilled evenly within a minute."),
    ] = UNSET
    tokens_per_minute: Annotated[
        Positive | UnsetType,
        Meta(
            description="A bucket of so many tokens, refilled evenly within a minute; a request takes "
            "its prompt tokens and its max_tokens."
        ),
    ] = UNSET
    concurrent_requests: Annotated[
        Positive | UnsetType, Meta(description="So many requests at once; others get a 429.")
    ] = UNSET
    total_tokens: Annotated[
        Positive | UnsetType,
        Meta(description="A budget of tokens; once used, insufficient_quota."),
    ] = UNSET


class Refusal(Struct, frozen=True):
    """A limit that a request goes beyond; `wait` is the seconds until it would not, if ever."""

    limit: str
    granted: int
    used: int
    wait: float | None


class _Bucket:
    """Holds up to `size` units and fills evenly within a minute."""

    def __init__(self, size: int, at: float) -> None:
        self.size = size
        self._level = float(size)
        self._at = at

    def level(self, at: float) -> float:
        self._level = min(self.size, self._level + (at - self._at) * self.size / _MINUTE)
        self._at = at
        return self._level

    def take(self, units: int) -> None:
        self._level -= units

    def wait(self, units: float) -> float:
        """Return the seconds from the last look until so many units are there."""
        return max(0.0, units - self._level) * _MINUTE / self.size


class Granted:
    """What one API key has left. Times are seconds of elapsed time."""

    def __init__(self, limits: Limits, at: float) -> None:
        self._limits = limits
        self._buckets = {
            unit: _Bucket(size, at)
            for unit, size in (
                ("requests", limits.requests_per_minute),
                ("tokens", limits.tokens_per_minute),
            )
            if size is not UNSET
        }
        self._open = 0
        self._total = 0

    def admit(self, tokens: int, at: float) -> Refusal | None:
        """Take what a request needs from every bucket, or from none and say which refuses."""
        limits = self._limits
        if limits.total_tokens is not UNSET and self._total >= limits.total_tokens:
            return Refusal("total_tokens", limits.total_tokens, self._total, None)
        if limits.concurrent_requests is not UNSET and self._open >= limits.concurrent_requests:
            return Refusal("concurrent_requests", limits.concurrent_requests, self._open, None)
        needs = {"requests": 1, "tokens": tokens}
        waits: dict[str, float] = {}
        for unit, bucket in self._buckets.items():
            if needs[unit] > bucket.size:
                return Refusal(f"{unit}_per_minute", bucket.size, needs[unit], None)
            if needs[unit] > bucket.level(at):
                waits[unit] = bucket.wait(needs[unit])
        if waits:  # until all have enough
            unit = max(waits, key=waits.__getitem__)
            bucket = self._buckets[unit]
            used = math.ceil(bucket.size - bucket.level(at)) + needs[unit]
            return Refusal(f"{unit}_per_minute", bucket.size, used, waits[unit])
        for unit, bucket in self._buckets.items():
            bucket.take(needs[unit])
        self._open += 1
        return None

    def release(self, tokens: int) -> None:
        """Note the end of a request that was admitted, and the tokens that it really used."""
        self._open -= 1
        self._total += tokens

    def headers(self, at: float) -> Headers:
        """Return what is left, in OpenAI's headers (protocol.md, section 2.5)."""
        found: list[tuple[str, str]] = []
        for unit, bucket in self._buckets.items():
            level = bucket.level(at)
            found += [
                (f"x-ratelimit-limit-{unit}", str(bucket.size)),
                (f"x-ratelimit-remaining-{unit}", str(max(0, math.floor(level)))),
                (f"x-ratelimit-reset-{unit}", go_duration(bucket.wait(bucket.size))),
            ]
        return tuple(found)


class Quotas:
    """What every API key of a session has left, by its fingerprint."""

    def __init__(self, limits: Limits) -> None:
        self.limited = limits != Limits()
        self._limits = limits
        self._granted: OrderedDict[str, Granted] = OrderedDict()

    def of(self, key: str, at: float) -> Granted:
        """Return what a key has left; all of it for one that is new."""
        granted = self._granted.setdefault(key, Granted(self._limits, at))
        self._granted.move_to_end(key)
        if len(self._granted) > _KEYS:
            self._granted.popitem(last=False)
        return granted


def refusal_error(refusal: Refusal, told: dict[str, Any]) -> ApiError:
    """Return the service's error of a limit, with a Retry-After that is true where there is one.

    `told` is what errors tell of the request.
    """
    values = {**told, "limit": refusal.granted, "current": refusal.used}
    headers: dict[str, str] = {}
    if refusal.wait is not None:
        headers = retry_after(refusal.wait)
        values["retry_after"] = headers["retry-after"]
    never_fits = refusal.limit == "tokens_per_minute" and refusal.wait is None
    name = "tokens_beyond_limit" if never_fits else _ERRORS[refusal.limit]
    return ApiError(name, values, headers=headers)


def retry_after(seconds: float) -> dict[str, str]:
    """Return the headers that ask to wait: whole seconds, and milliseconds, both rounded up."""
    milliseconds = math.ceil(round(seconds * 1000, 3))
    return {"retry-after": str(-(-milliseconds // 1000)), "retry-after-ms": str(milliseconds)}


def go_duration(seconds: float) -> str:
    """Return a duration as Go writes it, to the millisecond: 17ms, 8.64s, 7m12s, 1h0m0s."""
    milliseconds = math.ceil(round(seconds * 1000, 3))
    if milliseconds < 1000:  # noqa: PLR2004 - one second
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    left = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{left}"
    return f"{minutes}m{left}" if minutes else left
