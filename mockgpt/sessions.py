"""A session in the hands of its test: its address, what it answers, what it has seen.

The server's thread answers while those of tests ask and change; the handler's lock keeps them apart.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import count
from types import TracebackType
from typing import Self, Unpack

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core.chains import Call, calls_of
from mockgpt.core.codes import check_codes
from mockgpt.core.engine import DEFAULT
from mockgpt.core.exchange import Exchange
from mockgpt.core.journal import Journal
from mockgpt.core.records import Record, record_of
from mockgpt.core.scenario import Scenario, Step, entries_of
from mockgpt.core.session import Session
from mockgpt.core.verdict import Finding
from mockgpt.files.scenarios import Source, dump, load_scenarios, spelt
from mockgpt.given import check_sources
from mockgpt.keywords import WhenKeys
from mockgpt.server.app import Handler
from mockgpt.spelling import AnyOrder, Data, Expectation, LiveRule, caller, keys_of

API_KEY = "sk-mock"  # any key will do; clients refuse to start without one


class Server(Struct, frozen=True, kw_only=True):
    """What the sessions of one server share."""

    handler: Handler
    url: Callable[[], str]  # its root; RuntimeError while it does not serve
    settle: Callable[[], None]  # wait until what clients have read is recorded


class MockSession:
    """One session of a server: with rules, a journal and findings of its own.

    Requests belong to it by its `url` or, under the server's own, by its `api_key`. Leaving a
    `with` closes it.
    """

    def __init__(self, server: Server, session: Session, seed: int | None) -> None:
        self.name = session.name
        self._server = server
        self._session = session
        self._seed = seed
        self._made: list[LiveRule] = []
        self._places: dict[str, str] = {}  # of what was made, by ids

    @property
    def url(self) -> str:
        """The session's root, such as `http://127.0.0.1:41234/s/name`."""
        return address(self._server.url(), self.name)

    @property
    def base_url(self) -> str:
        """What OpenAI's clients call their base URL: the root and `/v1`."""
        return f"{self.url}/v1"

    @property
    def api_key(self) -> str:
        """A key that leads to the session without its path, unless `api_keys` has others."""
        return key_of(self.name)

    @property
    def journal(self) -> Journal:
        """The exchanges so far, complete for every response that a client has read to its end."""
        self._server.settle()
        return self._session.journal

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What should not have happened so far, and the steps that nothing has met."""
        self._server.settle()
        with self._server.handler.lock:
            return self._session.findings()

    @property
    def calls(self) -> tuple[Call, ...]:
        """What the client wanted, oldest first: equal requests after a failure are one call."""
        return calls_of(self.journal, self._session.play.window)

    @property
    def last(self) -> Call:
        """The last call. Raises IndexError where there is none; one counts once it is answered."""
        calls = self.calls
        if not calls:
            raise IndexError("no call so far; a request counts once its answer has ended")
        return calls[-1]

    def record(self, name: str = "", outcome: str = "") -> Record:
        """Return all that reports are made of, by the name and outcome of a test."""
        self._server.settle()
        with self._server.handler.lock:
            return record_of(self._session, name, outcome)

    def check(self, allow: Collection[str] = (), deny: Collection[str] = ()) -> None:
        """Raise AssertionError for what should not have happened; see `MockGPT.check`."""
        raise_unless(self.findings, allow, deny)

    def reset(self) -> None:
        """Begin anew: an empty journal, no findings, every rule at its first call."""
        self._server.settle()
        with self._server.handler.lock:
            self._session.reset()

    def close(self) -> None:
        """End the session: a later request is answered by 410, and is one of its findings."""
        with self._server.handler.lock:
            self._session.closed = True

    def load(self, *scenarios: Source) -> None:
        """Answer by these scenarios instead of all that was there, every rule at its first call.

        What `on` and `script` made is gone, too; the journal stays. Raises ScenarioError, and TypeError
        for what is no scenario.
        """
        check_sources(scenarios)
        handler = self._server.handler
        loaded = load_scenarios(scenarios, handler.engine.service, seed=self._seed)
        with handler.lock:
            self._made, self._places = [], {}
            self._session.load(loaded)

    def to_yaml(self) -> str:
        """Return all that the session answers by as a scenario file; it loads to equal values."""
        return dump(self._session.loaded.scenario)

    def on(self, *, id: str = "", **when: Unpack[WhenKeys]) -> LiveRule:  # noqa: A002 - the language's
        """Make a rule, which is tried from its first reply on.

        Rules made so are tried in the order of their making, before those of scenarios. `id` names
        it, the default is on-1, on-2, …. Raises ScenarioError for conditions that the language
        refuses, ValueError for an id that is taken.
        """
        asked = keys_of(when)
        with self._server.handler.lock:
            name = self._named(id, "on", self._ids(), caller())
            self._spelt("rules", [{"id": name, "when": asked, "reply": ""}])
            rule = LiveRule(name, asked, self._install, self._answered)
            self._made.append(rule)
            self._session.bare[name] = self._places[name]
        return rule

    def script(self, *steps: Expectation | AnyOrder) -> None:
        """Append steps to the script, which comes before every rule.

        Raises ScenarioError for what the language refuses, ValueError for an id that is taken,
        TypeError for what is no step.
        """
        for step in steps:
            if not isinstance(step, Expectation | AnyOrder):
                raise TypeError(
                    f"expected expect(…) or any_order(…), found {step!r}; steps as data are loaded: "
                    "load({'script': […]})"
                )
        with self._server.handler.lock:
            taken = self._ids()
            data = [
                self._step(step, taken)
                if isinstance(step, Expectation)
                else {"any_order": [self._step(one, taken) for one in step.steps]}
                for step in steps
            ]
            self._amend(self._spelt("script", data).script)

    def _step(self, step: Expectation, taken: set[str]) -> Data:
        return {**step.data, "id": self._named(step.data["id"], "expect", taken, step.line)}

    def _install(self, rule: LiveRule, data: Data) -> None:
        with self._server.handler.lock:
            if rule not in self._made:
                raise RuntimeError(f"load() has replaced {rule!r}; make it anew with on()")
            (rule.rule,) = self._spelt("rules", [data]).rules
            self._amend()
            self._session.bare.pop(rule.id, None)
            self._session.made[rule.id] = self._places[rule.id]

    def _spelt(self, kind: str, entries: Sequence[Data]) -> Scenario:
        return spelt({kind: entries}, self._server.handler.engine.service, caller())

    def _amend(self, steps: tuple[Step, ...] = ()) -> None:
        """Answer by the rules made so far and by these steps, too."""
        loaded = self._session.loaded
        scenario = loaded.scenario
        made = {rule.id: rule.rule for rule in self._made if rule.rule is not None}
        others = (rule for rule in scenario.rules if rule.id not in made)
        amended = replace(
            scenario,
            script=(*scenario.script, *steps),
            rules=(*made.values(), *others),
        )
        places = loaded.places | self._places
        self._session.amend(replace(loaded, scenario=amended, places=places))

    def _ids(self) -> set[str]:
        loaded = {entry.id for _, entry in entries_of(self._session.loaded.scenario)}
        return loaded | {rule.id for rule in self._made}

    def _named(self, name: str, kind: str, taken: set[str], line: str) -> str:
        """Return an id for a rule or step that has this one or none; it is taken from then on."""
        if name in taken:
            raise ValueError(
                f"id={name!r}: expected an id of its own, found another rule's or step's"
            )
        name = name or next(one for n in count(1) if (one := f"{kind}-{n}") not in taken)
        taken.add(name)
        self._places[name] = line
        return name

    def _answered(self, rule: str) -> tuple[Exchange, ...]:
        return tuple(exchange for exchange in self.journal if exchange.rule == rule)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def address(root: str, session: str) -> str:
    """Return the root of a session of the server with this root."""
    return root if session == DEFAULT else f"{root}/s/{session}"


def key_of(session: str) -> str:
    """Return a key that leads to a session."""
    return API_KEY if session == DEFAULT else f"{API_KEY}-{session}"


def raise_unless(
    found: Sequence[Finding], allow: Collection[str] = (), deny: Collection[str] = ()
) -> None:
    """Raise AssertionError for findings that are errors, from the bug where one of them is that.

    Raises ValueError for an unknown code.
    """
    check_codes("allow", allow)
    check_codes("deny", deny)
    errors = [
        finding
        for finding in found
        if finding.code not in allow and (finding.severity == "error" or finding.code in deny)
    ]
    if not errors:
        return
    lines = [f"mockgpt: {len(errors)} finding{'s' if len(errors) > 1 else ''}"]
    lines += [f"  {finding}" for finding in errors]
    bug = next((e.bug for finding in errors for e in finding.exchanges if e.bug), None)
    raise AssertionError("\n".join(lines)) from bug
