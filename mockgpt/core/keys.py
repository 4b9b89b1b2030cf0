"""API keys: where they stand in a request, which are accepted, how little of them is ever shown."""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct

from mockgpt.core.errors import ApiError
from mockgpt.core.service import Dialect

_SECRET = re.compile(  # in a header's name
    "auth|cookie|credential|jwt|key|passw|secret|signature|token"
)
SESSION = "[A-Za-z0-9_.-]{1,64}"  # a session's name
_NAMED = re.compile(f"sk-mock-({SESSION})")
_SHOWN_ENDS = 4  # characters at each end, of keys long enough to hide the rest
_LONG = 16
_COUNT = re.compile("[0-9]{1,9}")


class Caller(Struct, frozen=True, kw_only=True, eq=False):
    """What a request's headers say of who asks; equal headers have one.

    `sent` are all headers, `headers` those whose names sound of no secret, and `secret` the values
    of the others. `keys` are its API keys, of which `bearer` came by Authorization, and `retries`
    says how often the client has tried before.
    `session` is the name in a key `sk-mock-<name>`, empty where there is none.
    """

    sent: dict[str, str]
    keys: tuple[str, ...]
    bearer: str
    headers: dict[str, str]
    secret: tuple[str, ...]
    retries: int
    session: str

    def __repr__(self) -> str:
        return f"<Caller with {len(self.keys)} keys>"


def caller(headers: Mapping[str, str]) -> Caller:
    """Return who asks. Header names are lower-case."""
    return _caller(tuple(headers.items()))


@lru_cache(maxsize=256)  # a client's requests have nearly all their heads in common
def _caller(items: tuple[tuple[str, str], ...]) -> Caller:
    headers = dict(items)
    count = headers.get("x-stainless-retry-count", "0")
    found = presented(headers)
    named = next(filter(None, map(_NAMED.fullmatch, found)), None)
    return Caller(
        sent=headers,
        keys=found,
        bearer=_bearer(headers),
        session="" if named is None else named[1],
        headers={name: value for name, value in items if not sounds_secret(name)},
        secret=tuple(value for name, value in items if sounds_secret(name)),
        retries=int(count) if _COUNT.fullmatch(count) else 0,
    )


def presented(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of a request: from `api-key` and from `Authorization: Bearer`.

    Header names are lower-case. Old clients cannot leave Authorization out, so it may be empty.
    """
    keys = (headers.get("api-key", "").strip(), _bearer(headers))
    return tuple(key for key in keys if key)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def refusal(keys: tuple[str, ...], accepted: frozenset[str], bearer: str = "") -> ApiError | None:
    """Return the error of a request with these keys; without `accepted` keys any will do.

    One valid key is enough: applications of this service send `api-key` beside whatever their
    client puts into Authorization. Azure takes a `bearer` for a token (protocol.md, section 3.3).
    """
    if not keys:
        return ApiError("missing_api_key")
    if accepted and accepted.isdisjoint(keys):
        key = decisive(keys, accepted)
        token: dict[Dialect, ApiError] = {"azure": ApiError("invalid_token")}
        instead = token if key == bearer else {}
        return ApiError("invalid_api_key", {"key": masked(key)}, instead=instead)
    return None


@lru_cache(maxsize=1024)  # clients send the same few names again and again
def sounds_secret(name: str) -> bool:
    """Tell whether a header's name sounds of a secret."""
    return _SECRET.search(name.lower()) is not None


def decisive(keys: tuple[str, ...], accepted: frozenset[str]) -> str:
    """Return the key that decides: an accepted one, else the last; none is empty."""
    return next((key for key in keys if key in accepted), keys[-1] if keys else "")


def masked(key: str) -> str:
    """Return a key as the service's own error shows it: its ends, and stars."""
    if len(key) < _LONG or not (key.isascii() and key.isprintable()):
        return "*" * 8
    return f"{key[:_SHOWN_ENDS]}{'*' * (len(key) - 2 * _SHOWN_ENDS)}{key[-_SHOWN_ENDS:]}"


@lru_cache(maxsize=1024)
def fingerprint(key: str) -> str:
    """Return eight hexadecimal digits that tell keys apart without showing any; none for no key."""
    return key and blake2b(key.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
