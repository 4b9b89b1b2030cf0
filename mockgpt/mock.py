"""The facade: a stand-in server in a few lines of Python, and the application for pytest-aiohttp."""

import asyncio
import time
from collections.abc import Collection
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from msgspec.structs import replace

from mockgpt.core.chains import Call
from mockgpt.core.clock import Clock
from mockgpt.core.engine import DEFAULT, Engine
from mockgpt.core.journal import Journal
from mockgpt.core.records import Record
from mockgpt.core.scenario import Loaded
from mockgpt.core.settings import Settings
from mockgpt.core.verdict import Finding
from mockgpt.files.documents import ScenarioError
from mockgpt.files.scenarios import Source, check_uncounted, load_scenarios, load_sent
from mockgpt.files.services import load_service
from mockgpt.given import check_sources, shown
from mockgpt.keywords import WhenKeys
from mockgpt.options import Options, SessionOptions, check_options, settings_of
from mockgpt.server.app import MAX_BODY, Handler, application
from mockgpt.server.metrics import Metrics
from mockgpt.server.run import ServerThread, bind, url_of
from mockgpt.sessions import MockSession, Server, raise_unless
from mockgpt.spelling import AnyOrder, Expectation, LiveRule

if TYPE_CHECKING:
    from aiohttp import web

FROZEN = 1_686_986_070.0  # `created` of the documentation's first example: 2023-06-17T07:14:30Z


def build(*scenarios: Source, alone: bool = True, **options: Unpack[Options]) -> Handler:
    """Build what answers requests; one that is not `alone` on its port answers by nothing counted.

    Raises ScenarioError for a scenario or service file that cannot be used and
    ExactTokensUnavailable where `tokenizer="exact"` finds no ranks, MetricsUnavailableError where
    `metrics=True` finds no package; TypeError and ValueError for an unknown option or value.
    """
    check_options(options, Options.__annotations__)
    check_sources(scenarios)
    service = load_service(options.get("service", "pgpt"))
    loaded = load_scenarios(scenarios, service, seed=options.get("seed"))
    if not alone:
        check_uncounted(loaded)
    settings = replace(settings_of(options, Settings()), counts=alone)
    engine = Engine(loaded, service, settings)
    frozen = options.get("clock") != "real"
    clock = Clock((lambda: FROZEN) if frozen else time.time, time.monotonic, frozen=frozen)

    def load(sent: dict[str, Any] | str, seed: int | None) -> Loaded | tuple[str, ...]:
        try:
            return load_sent(sent, service, seed=options.get("seed") if seed is None else seed)
        except ScenarioError as error:
            return tuple(map(str, error.errors))

    return Handler(
        engine,
        clock,
        load=load,
        max_body=options.get("max_body", MAX_BODY),
        observer=options.get("observer"),
        control_token=options.get("control_token"),
        fast_path=options.get("fast_path", True),
        alone=alone,
        metrics=Metrics() if options.get("metrics") else None,
    )


def create_app(*scenarios: Source, **options: Unpack[Options]) -> "web.Application":
    """Create an application for `aiohttp_client` and `aiohttp_server` of pytest-aiohttp."""
    return application(build(*scenarios, **options))


class MockGPT:
    """A stand-in server in a thread of its own, on a free port of the loopback interface.

    Use it in a `with` or `async with`, or call `start()` and `stop()`. Scenarios are shipped names,
    paths, mappings or values; the options are those of `Options`. What it answers and has seen is that of its
    default session; `session()` begins others.
    """

    def __init__(self, *scenarios: Source, **options: Unpack[Options]) -> None:
        self._handler = build(*scenarios, **options)
        self._lock = Lock()  # of start and stop, which several threads may call
        self._thread: ServerThread | None = None
        self._url = ""
        self._seed = options.get("seed")
        self._server = Server(handler=self._handler, url=lambda: self.url, settle=self._settle)
        self._default = MockSession(self._server, self._handler.engine.default, self._seed)
        self._held = {DEFAULT}  # sessions that somebody looks after

    def start(self) -> Self:
        """Start serving; the URL is known and the socket listens when this returns."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError(f"this MockGPT serves already, on {self._url}; make another one")
            listener = bind("127.0.0.1", 0)
            self._url = url_of(listener)
            self._thread = ServerThread(self._handler, listener)
        return self

    def stop(self) -> None:
        """Stop serving and end open streams; a second call does nothing. The journal stays."""
        with self._lock:
            if self._thread is not None:
                self._thread.stop()
                self._thread, self._url = None, ""

    def session(
        self, name: str, *scenarios: Source, **options: Unpack[SessionOptions]
    ) -> MockSession:
        """Begin a session, or begin it anew; in a `with` it is closed at the end.

        Scenarios and options that are not given are the server's. Raises ValueError for a name that
        cannot be, TypeError for what is none and for an option that only a whole server has, else as `build`.
        """
        if not isinstance(name, str):
            raise TypeError(
                f"expected a session's name, found {shown(name)}; scenarios come behind it: "
                "session('name', …)"
            )
        if name == DEFAULT:
            raise ValueError("expected another name than 'default', which is MockGPT's own session")
        check_options(options, SessionOptions.__annotations__)
        check_sources(scenarios)
        engine = self._handler.engine
        settings = settings_of(options, engine.settings)
        seed = options.get("seed", self._seed)
        loaded = engine.loaded
        if scenarios:
            loaded = load_scenarios(scenarios, engine.service, seed=seed)
        elif seed is not None:
            loaded = replace(loaded, scenario=replace(loaded.scenario, seed=seed))
        with self._handler.lock:
            session = engine.open(name, loaded, settings)
            self._held.add(name)
        return MockSession(self._server, session, seed)

    @property
    def clock(self) -> Clock:
        """What time it is for the server: `clock.advance(60)` lets a minute pass at once."""
        return self._handler.clock

    @property
    def url(self) -> str:
        """The server's root, such as `http://127.0.0.1:41234`. RuntimeError while it does not serve."""
        if not self._url:
            raise RuntimeError("this MockGPT does not serve; use it in a `with`, or call start()")
        return self._url

    @property
    def base_url(self) -> str:
        """What OpenAI's clients call their base URL: the root and `/v1`."""
        return self._default.base_url

    @property
    def api_key(self) -> str:
        """A key for clients, which refuse to start without one."""
        return self._default.api_key

    @property
    def journal(self) -> Journal:
        """The exchanges so far, complete for every response that a client has read to its end."""
        return self._default.journal

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What should not have happened, also in sessions that `session()` did not begin."""
        return self._default.findings + self._strays()

    def _strays(self) -> tuple[Finding, ...]:
        with self._handler.lock:
            strays = [s for s in self._handler.engine.sessions.values() if s.name not in self._held]
            return tuple(
                replace(one, message=f"session '{stray.name}': {one.message}")
                for stray in strays
                for one in stray.findings()
            )

    @property
    def calls(self) -> tuple[Call, ...]:
        """What the client wanted of the default session, as `MockSession.calls`."""
        return self._default.calls

    @property
    def last(self) -> Call:
        """The last call of the default session. Raises IndexError where there is none."""
        return self._default.last

    def record(self, name: str = "", outcome: str = "") -> Record:
        """Return all that reports are made of: the default session's, and all of `findings`.

        Those of other sessions are without exchanges, which are not among the record's.
        """
        record = self._default.record(name, outcome)
        strays = (replace(one, exchanges=()) for one in self._strays())
        return replace(record, findings=(*record.findings, *strays))

    def check(self, allow: Collection[str] = (), deny: Collection[str] = ()) -> None:
        """Raise AssertionError for what should not have happened, such as a refused request.

        `allow` names findings that are expected, `deny` warnings that count as errors; the README
        lists both. Raises ValueError for another name. Sessions that `session()` began are checked
        by themselves, all others here.
        """
        raise_unless(self.findings, allow, deny)

    def on(self, *, id: str = "", **when: Unpack[WhenKeys]) -> LiveRule:  # noqa: A002 - the language's
        """Make a rule of the default session, as `MockSession.on` does."""
        return self._default.on(id=id, **when)

    def script(self, *steps: Expectation | AnyOrder) -> None:
        """Append steps to the script of the default session, as `MockSession.script` does."""
        self._default.script(*steps)

    def load(self, *scenarios: Source) -> None:
        """Replace all that the default session answers by, as `MockSession.load` does."""
        self._default.load(*scenarios)

    def to_yaml(self) -> str:
        """Return all that the default session answers by as a scenario file."""
        return self._default.to_yaml()

    def reset(self) -> None:
        """Begin the default session anew: no journal, no findings, every rule at its first call."""
        self._default.reset()

    def _settle(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.settle()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)  # the caller's loop may have what is still open
