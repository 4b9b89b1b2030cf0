"""What the control API's operations take, as types: parameters of paths and queries, and bodies."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from mockgpt.core.pace import Duration
from mockgpt.core.service import Dialect
from mockgpt.core.settings import OnMiss

REFERENCE = "#/components/schemas/{name}"  # to a type in the API's description

# The loader tells better than a decoder what a scenario has wrong, so these are data until then.
ScenarioData = Annotated[
    dict[str, Any],
    Meta(
        description="A scenario.",
        extra_json_schema={"$ref": REFERENCE.format(name="Scenario")},
    ),
]
RuleData = Annotated[
    dict[str, Any],
    Meta(description="A rule.", extra_json_schema={"$ref": REFERENCE.format(name="Rule")}),
]
SomeScenario = ScenarioData | Annotated[str, Meta(description="A scenario as YAML text.")]

SessionName = Annotated[str, Meta(description="The session's name.")]


class Nothing(Struct, frozen=True):
    """No parameters."""


class Named(Struct, frozen=True, kw_only=True):
    """The session of the path."""

    name: SessionName


class OfSession(Struct, frozen=True, kw_only=True):
    """A session, by default that of requests that name none."""

    session: SessionName = "default"


class OfScenario(Struct, frozen=True, kw_only=True):
    """A session's scenario, or the server's: that of all sessions without one of their own."""

    session: Annotated[
        str | UnsetType, Meta(description="The session; without one, the server's scenario.")
    ] = UNSET


class OfRule(OfScenario, frozen=True, kw_only=True):
    """A rule of a scenario."""

    id: Annotated[str, Meta(description="The rule's id.")]


class OfJournal(OfSession, frozen=True, kw_only=True):
    """What of a journal."""

    endpoint: Annotated[str | UnsetType, Meta(description="Of this endpoint only.")] = UNSET
    rule: Annotated[str | UnsetType, Meta(description="Answered by this rule only.")] = UNSET
    status: Annotated[int | UnsetType, Meta(description="With this HTTP status only.")] = UNSET
    error: Annotated[str | UnsetType, Meta(description="With this error only.")] = UNSET
    after: Annotated[
        int, Meta(ge=0, description="Behind the exchange with this number: `next` of a page.")
    ] = 0
    limit: Annotated[int, Meta(ge=1, le=1000, description="At most so many.")] = 100


class NewSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session to open. What is absent is as the server has it."""

    name: Annotated[str, Meta(description="1 to 64 of A-Z a-z 0-9 _ . -")]
    scenario: Annotated[SomeScenario | UnsetType, Meta(description="A scenario of its own.")] = (
        UNSET
    )
    seed: Annotated[int | UnsetType, Meta(description="Of ids and filler.")] = UNSET
    api_keys: Annotated[
        frozenset[Annotated[str, Meta(min_length=1)]] | UnsetType,
        Meta(description="The keys that it accepts; none: any."),
    ] = UNSET
    errors: Annotated[
        Dialect | UnsetType, Meta(description="In whose words and shape errors are answered.")
    ] = UNSET
    strict: Annotated[
        bool | UnsetType, Meta(description="Refuse parameters that are otherwise ignored.")
    ] = UNSET
    speed: Annotated[
        Annotated[float, Meta(gt=0)] | UnsetType, Meta(description="Divides every wait.")
    ] = UNSET
    on_miss: Annotated[OnMiss | UnsetType | None, Meta(description="What no rule answers.")] = UNSET


class Advance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time that is to pass at once."""

    advance: Duration
