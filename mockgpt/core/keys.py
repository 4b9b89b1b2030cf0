"""API keys: where they stand in a request, which are accepted, how little of them is ever shown."""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

from mockgpt.core.errors import ApiError

_SECRET = re.compile(  # in a header's name
    "auth|cookie|credential|jwt|key|passw|secret|signature|token"
)
_SHOWN_ENDS = 4  # characters at each end, of keys long enough to hide the rest
_LONG = 16


def presented(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of a request: from `api-key` and from `Authorization: Bearer`.

    Header names are lower-case. Old clients cannot leave Authorization out, so it may be empty.
    """
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    keys = (
        headers.get("api-key", "").strip(),
        bearer.strip() if scheme.lower() == "bearer" else "",
    )
    return tuple(key for key in keys if key)


def refusal(keys: tuple[str, ...], accepted: frozenset[str]) -> ApiError | None:
    """Return the error of a request with these keys; without `accepted` keys any will do.

    One valid key is enough: applications of this service send `api-key` beside whatever their
    client puts into Authorization.
    """
    if not keys:
        return ApiError("missing_api_key")
    if accepted and accepted.isdisjoint(keys):
        return ApiError("invalid_api_key", {"key": masked(decisive(keys, accepted))})
    return None


def divided(headers: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the headers whose names do not sound of a secret, and the values of the others."""
    plain: dict[str, str] = {}
    secret: list[str] = []
    for name, value in headers.items():
        if sounds_secret(name):
            secret.append(value)
        else:
            plain[name] = value
    return plain, secret


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


def fingerprint(key: str) -> str:
    """Return eight hexadecimal digits that tell keys apart without showing any; none for no key."""
    return key and blake2b(key.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
