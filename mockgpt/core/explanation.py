"""Which rule or step answers a request, and why each other one does not.

The engine itself is asked, in a session that has had no request, so what the service would refuse
is refused here, too; the differences are the matcher's own.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from mockgpt.core import keys
from mockgpt.core.differences import Difference
from mockgpt.core.engine import Engine
from mockgpt.core.exchange import Incoming
from mockgpt.core.matching import UndecidedError, reasons
from mockgpt.core.plan import Head
from mockgpt.core.redaction import NOTHING, Change, Redaction
from mockgpt.core.requests import Asked
from mockgpt.core.scenario import Loaded, Rule, due, rule_of, steps_of
from mockgpt.core.service import Service
from mockgpt.core.settings import Settings

Kind = Literal["step", "rule"]
State = Literal["answers", "differs", "not due", "not tried"]

_ASKS = {"messages": "chat", "prompt": "completions", "input": "embeddings"}


class Tried(Struct, frozen=True):
    """A rule or a step, and why it does not answer; without differences it would."""

    kind: Kind
    id: str
    place: str  # file and line, empty for what is in no file
    state: State
    differences: tuple[Difference, ...]


class Explanation(Struct, frozen=True):
    """What becomes of a request, in a sentence, and of every step and rule on the way."""

    answered: bool
    verdict: str
    tried: tuple[Tried, ...] = ()


class _Whole(Struct, frozen=True):
    """A request with its head; an entry of a journal is one, too."""

    path: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: str | dict[str, Any] = ""


def request_of(
    data: bytes, service: Service, *, endpoint: str | None, headers: Mapping[str, str]
) -> Incoming:
    """Return the request that a JSON text describes: a body, or a mapping with a path.

    Without `endpoint` that of a body is guessed by what it asks. Raises ValueError.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    if endpoint is not None:
        return Incoming(method="POST", path=_path(endpoint, service), headers=headers, body=data)
    try:
        fields = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected JSON, found an error: {error}") from error
    if isinstance(fields, dict) and "path" in fields:
        try:
            whole = msgspec.convert(fields, _Whole)
        except msgspec.ValidationError as error:
            raise ValueError(f"expected method, path, headers and body: {error}") from error
        path, _, query = whole.path.partition("?")
        own = {name.lower(): value for name, value in whole.headers.items()}
        body = whole.body
        return Incoming(
            method=whole.method,
            path=path,
            query=query,
            headers=own | headers,
            body=body.encode() if isinstance(body, str) else msgspec.json.encode(body),
        )
    asks = [name for name in _ASKS if isinstance(fields, dict) and name in fields]
    if len(asks) != 1:
        found = " and ".join(asks) or "none of them"
        raise ValueError(
            f"expected `messages`, `prompt` or `input` in the body, found {found}; "
            f"say --endpoint {'|'.join(_ASKS.values())}"
        )
    return Incoming(method="POST", path=_path(_ASKS[asks[0]], service), headers=headers, body=data)


def _path(endpoint: str, service: Service) -> str:
    return f"{service.routes[0]}/{service.endpoints[endpoint].paths[0]}"


def explain(
    loaded: Loaded, service: Service, incoming: Incoming, redaction: Redaction = NOTHING
) -> Explanation:
    """Explain what becomes of the first request of a session; one without a key has some key."""
    presented = keys.presented(incoming.headers)
    with_key = incoming.headers if presented else {**incoming.headers, "api-key": "sk-mock"}
    engine = Engine(loaded, service, Settings(redaction=redaction))
    outcome = engine.answer(msgspec.structs.replace(incoming, headers=with_key))
    exchange = outcome.exchange
    if exchange.request is None or exchange.limit:
        if exchange.error is None:
            return Explanation(
                answered=True, verdict="the service answers by itself: no rule is tried"
            )
        status = next(step.status for step in outcome.plan if isinstance(step, Head))
        verdict = f"the service refuses it with {status}: {exchange.tell(exchange.advised)}"
        return Explanation(answered=False, verdict=verdict)
    if exchange.error == "pattern_failed":
        return Explanation(answered=False, verdict=exchange.message)
    asked = Asked(
        request=exchange.request,
        body=msgspec.json.decode(incoming.body),
        headers=incoming.headers,
        api_keys=presented,
    )
    tried = tuple(_tried(loaded, asked, exchange.tell))
    answers = next((one for one in tried if one.state == "answers"), None)
    if answers is not None:
        return Explanation(
            answered=True, verdict=f"{answers.kind} {answers.id} answers", tried=tried
        )
    if not tried:
        return Explanation(answered=True, verdict="filler answers: the scenario has no rules")
    return Explanation(answered=False, verdict="nothing answers", tried=tried)


def _tried(loaded: Loaded, asked: Asked, tell: Change) -> Iterator[Tried]:
    """Yield the steps and then the rules, each with what it makes of the request."""
    script = loaded.scenario.script
    ready = {step.id for step in due(script, frozenset())}
    candidates: list[tuple[Kind, Rule]] = [("step", rule_of(step)) for step in steps_of(script)]
    candidates += [("rule", rule) for rule in loaded.scenario.rules]
    answered = False
    for kind, rule in candidates:
        found = tuple(
            Difference(one.key, tell(one.wanted), tell(one.got)) for one in _reasons(rule, asked)
        )
        state: State = "differs" if found else "answers"
        if answered:
            state = "not tried"
        elif kind == "step" and rule.id not in ready:
            state = "not due"
        answered = answered or state == "answers"
        yield Tried(kind, rule.id, loaded.places.get(rule.id, ""), state, found)


def _reasons(rule: Rule, asked: Asked) -> tuple[Difference, ...]:
    """Return why a rule does not answer; of one that was never asked that may take too long to tell."""
    try:
        return reasons(rule, asked)
    except UndecidedError as error:
        return (Difference("when", "what can be told in time", str(error)),)
