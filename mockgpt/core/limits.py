"""What a service grants: requests and tokens per minute, requests at once, tokens in all.

The limits of the language, as types, and the buckets that keep them.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from mockgpt.core.entry import Entry

Positive = Annotated[int, Meta(ge=1)]


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
