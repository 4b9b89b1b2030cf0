"""What servers and sessions may be told: the facade's keyword options, their checks and values."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, TypedDict

import msgspec

from mockgpt.core import tokens
from mockgpt.core.codes import check_codes
from mockgpt.core.entry import did_you_mean
from mockgpt.core.redaction import Redaction, redaction
from mockgpt.core.service import Dialect
from mockgpt.core.settings import OnMiss, Settings
from mockgpt.files.exact import load_split
from mockgpt.server.app import Observer


class SessionOptions(TypedDict, total=False):
    """What a session may be told; each has the default that the command line has."""

    seed: int | None  # of ids and filler; None takes the scenarios', or 0
    api_keys: Collection[str]  # accepted keys; empty accepts any
    errors: Dialect
    strict: bool  # refuse parameters that are otherwise ignored
    tokenizer: Literal["fake", "exact"]
    speed: float  # divides every wait of a pace or fault
    on_miss: OnMiss | None  # what no rule answers; None: an error where there are rules
    allow: Collection[str]  # findings that are expected
    deny: Collection[str]  # warnings that are errors
    redact: Collection[str]  # of what is shown: regular expressions, prompts, replies, emails


class Options(SessionOptions, total=False):
    """What a server may be told: what its sessions may, and what is the same for all of them."""

    clock: Literal["frozen", "real"]
    service: str  # a shipped service's name, or a file
    max_body: int  # bytes
    metrics: bool  # count for Prometheus, at /_mockgpt/metrics
    control_token: str | None  # what the control API asks for; None: that it be this machine
    fast_path: (
        bool  # answer plain requests without aiohttp's request machinery, byte for byte alike
    )
    observer: Observer | None  # called with every finished exchange, on the server's thread


def settings_of(options: SessionOptions, default: Settings) -> Settings:
    """Return the settings of a session: its options, and for others the default."""
    split = default.split
    if "tokenizer" in options:
        split = load_split() if options["tokenizer"] == "exact" else tokens.split
    return Settings(
        api_keys=frozenset(options.get("api_keys", default.api_keys)),
        dialect=options.get("errors", default.dialect),
        strict=options.get("strict", default.strict),
        split=split,
        speed=options.get("speed", default.speed),
        on_miss=options.get("on_miss", default.on_miss),
        allow=frozenset(options.get("allow", default.allow)),
        deny=frozenset(options.get("deny", default.deny)),
        redaction=_redaction(options["redact"]) if "redact" in options else default.redaction,
    )


def _redaction(rules: Collection[str]) -> Redaction:
    try:
        return redaction(rules)
    except ValueError as error:
        raise ValueError(f"option redact: {error}") from None


def check_options(options: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse what a type checker would: the options of a pytest marker have none.

    Raises TypeError for an option that is not known, ValueError for a value that does not fit.
    """
    for name, given in options.items():
        value = given
        if name not in known and name in Options.__annotations__:
            raise TypeError(
                f"option '{name}' is that of a whole server; give it to MockGPT or, in pytest, use "
                "the `mockgpt` fixture"
            )
        if name not in known:
            hint = did_you_mean(name, known) or f"; known are {', '.join(known)}"
            raise TypeError(f"unknown option '{name}'{hint}")
        if name in ("allow", "deny"):
            check_codes(name, value)
        listed = name in ("api_keys", "redact")
        if listed and isinstance(value, Collection) and not isinstance(value, str):
            value = list(value)
        kind, wanted = _CHECKED.get(name, (Any, ""))
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            typed = f"{name} (--{_TYPED[name]})" if name in _TYPED else name
            raise ValueError(
                f"option {typed}: expected {wanted}, found {_found(name, value)}"
            ) from None


def _found(name: str, value: object) -> str:
    """Say what was given instead, and the next step; nothing of a key or token is repeated."""
    if name in ("api_keys", "redact") and isinstance(value, str):
        return "a string; put it in a list"
    if name not in ("api_keys", "control_token"):
        names = re.findall(r"'(\w+)'", _CHECKED[name][1])
        return f"{value!r}{did_you_mean(value, names) if isinstance(value, str) else ''}"
    values = value if isinstance(value, list) else [value]
    if "" in values:
        return "an empty one"
    others = [type(one).__name__ for one in values if not isinstance(one, str)]
    return f"one of type {others[0]}" if others else "one with other characters"


_TYPED = {"api_keys": "api-key", "control_token": "control-token"}  # where a shell has another name
_CHECKED: dict[str, tuple[Any, str]] = {
    "seed": (int | None, "an integer or None"),
    "clock": (Literal["frozen", "real"], "'frozen' or 'real'"),
    "api_keys": (
        list[Annotated[str, msgspec.Meta(min_length=1)]],
        "keys of at least one character",
    ),
    "errors": (Dialect, "'openai', 'azure' or 'fastapi'"),
    "redact": (
        list[Annotated[str, msgspec.Meta(min_length=1)]],
        "strings of at least one character",
    ),
    "strict": (bool, "True or False"),
    "service": (str, "a service's name or a path to a .yaml file"),
    "max_body": (Annotated[int, msgspec.Meta(ge=1)], "an integer of at least 1"),
    "fast_path": (bool, "True or False"),
    "tokenizer": (Literal["fake", "exact"], "'fake' or 'exact'"),
    "speed": (Annotated[float, msgspec.Meta(gt=0)], "a number above 0"),
    "on_miss": (OnMiss | None, "'error', 'filler' or None"),
    "metrics": (bool, "True or False"),
    "control_token": (
        Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")] | None,
        "a token of visible ASCII characters",
    ),
}
