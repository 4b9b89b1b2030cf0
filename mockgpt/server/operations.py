"""The control API's operations: what each does, and the table of them."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw
from msgspec.structs import replace

from mockgpt import __version__
from mockgpt.core.entry import did_you_mean
from mockgpt.core.exchange import Exchange
from mockgpt.core.merging import patched
from mockgpt.core.pace import seconds
from mockgpt.core.redaction import hidden
from mockgpt.core.reports.data import ExchangeView, exchange_view
from mockgpt.core.reports.har import har
from mockgpt.core.reports.lines import json_lines
from mockgpt.core.scenario import Loaded
from mockgpt.core.session import Session
from mockgpt.server.control import JSON, LINES, YAML, Call, ControlError, Controlled, Operation
from mockgpt.server.metrics import TEXT
from mockgpt.server.openapi import described
from mockgpt.server.parameters import (
    Advance,
    Named,
    NewSession,
    Nothing,
    OfJournal,
    OfRule,
    OfScenario,
    OfSession,
    RuleData,
    ScenarioData,
    SomeScenario,
)
from mockgpt.server.views import (
    ClockView,
    FindingList,
    Health,
    JournalPage,
    SessionList,
    SessionView,
    clock_view,
    finding_list,
    session_view,
)

_PATCHES = (JSON, "application/merge-patch+json")  # RFC 7386, section 4


def health(call: Call[Nothing, None]) -> Health:
    """Tell that the server is up, and what it serves."""
    engine = call.of.engine
    return Health(
        version=__version__,
        scenario=engine.loaded.scenario.name,
        sessions=len(engine.sessions),
        clock=clock_view(call.of.clock),
    )


def get_scenario(call: Call[OfScenario, None]) -> ScenarioData:
    """Show the scenario, as a file could have it."""
    return _shown(_data(_loaded(call)))


def put_scenario(call: Call[OfScenario, SomeScenario]) -> ScenarioData:
    """Answer by another scenario from now on; every rule is at its first call."""
    loaded = _usable(call.of, call.body, None)
    if call.parameters.session is UNSET:
        call.of.engine.load(loaded)
    else:
        _session(call.of, call.parameters.session).load(loaded)
    return _shown(_data(loaded))


def patch_rule(call: Call[OfRule, dict[str, Any]]) -> RuleData:
    """Change keys of one rule by a merge patch (RFC 7386); all rules keep their counts."""
    while True:
        before = _loaded(call)
        loaded, index = _patched(call, before)
        if _loaded(call) is before:  # while it was read, a test may have made a rule
            break
    if call.parameters.session is UNSET:
        call.of.engine.amend(loaded)
    else:
        _session(call.of, call.parameters.session).amend(loaded)
    return _shown(_data(loaded)["rules"][index])


def _patched(call: Call[OfRule, dict[str, Any]], before: Loaded) -> tuple[Loaded, int]:
    """Return a scenario with the rule of that id patched, and which of the rules it is."""
    data, name = _data(before), call.parameters.id
    rules = data.get("rules", [])
    ids = [rule["id"] for rule in rules]
    if name not in ids:
        raise ControlError(
            404, f"expected the id of a rule, found '{name}'{did_you_mean(name, ids)}"
        )
    index = ids.index(name)
    rules[index] = patched(rules[index], call.body)
    if rules[index].get("id") != name:
        raise ControlError(422, f"id: expected '{name}' to stay, since its calls are counted by it")
    loaded = _usable(call.of, data, before.scenario.seed or 0)
    return Loaded(loaded.scenario, before.places, before.files), index


def list_sessions(call: Call[Nothing, None]) -> SessionList:
    """List all sessions, closed ones included."""
    sessions = call.of.engine.sessions.values()
    return SessionList(sessions=tuple(_view(call.of, session) for session in sessions))


def open_session(call: Call[Nothing, NewSession]) -> SessionView:
    """Begin a session with a scenario and settings of its own, or begin anew one that was closed.

    One that is still open keeps what it was asked and has found.
    """
    engine, body = call.of.engine, call.body
    before = engine.sessions.get(body.name)
    if before is not None and not before.closed and (len(before.journal) or before.noted):
        raise ControlError(
            409,
            f"name: expected one that is not in use, found '{body.name}', which has been asked "
            "something; close it by DELETE, which tells its findings, or begin it anew by /reset",
        )
    loaded = None
    seed = None if body.seed is UNSET else body.seed
    if body.scenario is not UNSET:
        loaded = _usable(call.of, body.scenario, seed)
    elif seed is not None:
        loaded = replace(engine.loaded, scenario=replace(engine.loaded.scenario, seed=seed))
    given = {
        ("dialect" if name == "errors" else name): getattr(body, name)
        for name in ("api_keys", "errors", "strict", "speed", "on_miss")
        if getattr(body, name) is not UNSET
    }
    try:
        session = engine.open(body.name, loaded, replace(engine.settings, **given))
    except ValueError as error:
        raise ControlError(422, f"name: {error}") from None
    return _view(call.of, session)


def get_session(call: Call[Named, None]) -> SessionView:
    """Show a session."""
    return _view(call.of, _session(call.of, call.parameters.name))


def reset_session(call: Call[Named, None]) -> SessionView:
    """Begin a session anew, if closed, too: an empty journal, no findings, each rule's first call."""
    session = _session(call.of, call.parameters.name)
    session.reset()
    return _view(call.of, session)


def close_session(call: Call[Named, None]) -> FindingList:
    """Close a session and tell what it found; requests that still come are answered with 410."""
    session = _session(call.of, call.parameters.name)
    session.closed = True
    return finding_list(session)


def journal(call: Call[OfJournal, None]) -> JournalPage:
    """Show what a session was asked and what it sent, page by page."""
    asked, last = call.parameters, call.parameters.after
    page: list[ExchangeView] = []
    kept = _session(call.of, asked.session).journal
    for exchange in kept:
        if exchange.number > asked.after:
            if len(page) == asked.limit:
                break
            last = exchange.number
            if _is_asked_for(exchange, asked):
                page.append(exchange_view(exchange))
    return JournalPage(exchanges=tuple(page), next=last, dropped=kept.dropped)


def journal_har(call: Call[OfSession, None]) -> Raw:
    """Show a session's journal as an HTTP archive (HAR 1.2), for browsers' developer tools."""
    return Raw(har(_session(call.of, call.parameters.session).journal))


def journal_lines(call: Call[OfSession, None]) -> bytes:
    """Show a session's journal as JSON Lines: the exchanges, one on each line."""
    return b"".join(json_lines(_session(call.of, call.parameters.session).journal))


def findings(call: Call[OfSession, None]) -> FindingList:
    """Tell what should not have happened in a session, and what should have but did not."""
    return finding_list(_session(call.of, call.parameters.session))


def get_clock(call: Call[Nothing, None]) -> ClockView:
    """Tell what time the server says it is."""
    return clock_view(call.of.clock)


def advance_clock(call: Call[Nothing, Advance]) -> ClockView:
    """Let time pass at once: limits refill, retry windows end."""
    clock = call.of.clock
    if not clock.frozen:
        raise ControlError(
            409, "expected a frozen clock, found the real one; serve with --clock frozen"
        )
    try:
        clock.advance(seconds(call.body.advance))
    except ValueError as error:
        raise ControlError(422, f"advance: {error}") from None
    return clock_view(clock)


def metrics(call: Call[Nothing, None]) -> bytes:
    """Show what was counted so far, in Prometheus's text format."""
    counted = call.of.metrics
    if counted is None:
        raise ControlError(
            404,
            "expected a server that counts, found one that does not; "
            "run: pip install 'mockgpt[metrics]', and serve with --metrics",
        )
    return counted.text()


def openapi(call: Call[Nothing, None]) -> dict[str, Any]:
    """Describe these operations and the imitated service's endpoints as OpenAPI 3.1."""
    return described(OPERATIONS, call.of.engine.service)


OPERATIONS = (
    Operation("GET", "/health", health, alike=True),
    Operation("GET", "/scenario", get_scenario),
    Operation("PUT", "/scenario", put_scenario, accepts=(JSON, YAML)),
    Operation("PATCH", "/scenario/rules/{id}", patch_rule, accepts=_PATCHES),
    Operation("GET", "/sessions", list_sessions),
    Operation("POST", "/sessions", open_session, status=201),
    Operation("GET", "/sessions/{name}", get_session),
    Operation("POST", "/sessions/{name}/reset", reset_session),
    Operation("DELETE", "/sessions/{name}", close_session),
    Operation("GET", "/journal", journal),
    Operation("GET", "/journal.har", journal_har),
    Operation("GET", "/journal.jsonl", journal_lines, gives=LINES),
    Operation("GET", "/findings", findings),
    Operation("GET", "/clock", get_clock, alike=True),
    Operation("POST", "/clock", advance_clock),
    Operation("GET", "/metrics", metrics, gives=TEXT),
    Operation("GET", "/openapi.json", openapi, alike=True),
)


def _session(of: Controlled, name: str) -> Session:
    session = of.engine.sessions.get(name)
    if session is None:
        hint = did_you_mean(name, of.engine.sessions) or "; POST /sessions opens it"
        raise ControlError(404, f"expected the name of a session, found '{name}'{hint}")
    return session


def _view(of: Controlled, session: Session) -> SessionView:
    return session_view(session, of.engine.loaded.scenario)


def _loaded(call: Call[Any, Any]) -> Loaded:
    name = call.parameters.session
    return call.of.engine.loaded if name is UNSET else _session(call.of, name).loaded


def _usable(of: Controlled, sent: dict[str, Any] | str, seed: int | None) -> Loaded:
    loaded = of.load(sent, seed)
    if isinstance(loaded, Loaded):
        return loaded
    raise ControlError(422, loaded[0], *loaded)


def _data(loaded: Loaded) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(loaded.scenario))
    return {"mockgpt": 1, **data}


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    """Return data without the keys that its author may have put into conditions."""
    shown: dict[str, Any] = msgspec.json.decode(hidden(msgspec.json.encode(data).decode()))
    return shown


def _is_asked_for(exchange: Exchange, asked: OfJournal) -> bool:
    status = None if exchange.sent is None else exchange.sent.status
    pairs = (
        (asked.endpoint, exchange.endpoint),
        (asked.rule, exchange.rule),
        (asked.status, status),
        (asked.error, exchange.error),
    )
    return all(wanted is UNSET or wanted == found for wanted, found in pairs)
