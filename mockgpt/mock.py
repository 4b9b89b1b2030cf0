"""The facade: a stand-in server in a few lines of Python, and the application for pytest-aiohttp."""

import time
from collections.abc import Collection
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypedDict, Unpack

from msgspec import UNSET

from mockgpt.core import tokens
from mockgpt.core.engine import Engine, Observer, OnMiss, Settings
from mockgpt.core.exchange import Journal
from mockgpt.core.scenario import Scenario
from mockgpt.core.service import Dialect
from mockgpt.core.verdict import findings
from mockgpt.files.exact import load_split
from mockgpt.files.scenarios import load_scenarios
from mockgpt.files.services import load_service
from mockgpt.server.app import MAX_BODY, Handler, application
from mockgpt.server.run import ServerThread, bind, url_of

if TYPE_CHECKING:
    from aiohttp import web

FROZEN = 1_686_986_070  # `created` of the documentation's first example: 2023-06-17T07:14:30Z
API_KEY = "sk-mock"  # any key will do; clients refuse to start without one


class Options(TypedDict, total=False):
    """What a server may be told; each has the default that the command line has."""

    seed: int | None  # of ids and filler; None takes the scenarios', or 0
    clock: Literal["frozen", "real"]
    api_keys: Collection[str]  # accepted keys; empty accepts any
    errors: Dialect
    strict: bool  # refuse parameters that are otherwise ignored
    service: str  # a shipped service's name, or a file
    max_body: int  # bytes
    tokenizer: Literal["fake", "exact"]
    speed: float  # divides every wait of a pace or fault
    on_miss: OnMiss | None  # what no rule answers; None: an error where there are rules
    observer: Observer | None  # called with every finished exchange, on the server's thread


def build(*scenarios: str | PathLike[str] | Scenario, **options: Unpack[Options]) -> Handler:
    """Build what answers requests.

    Raises ScenarioError for a scenario or service file that cannot be used and
    ExactTokensUnavailable where `tokenizer="exact"` finds no ranks.
    """
    service = load_service(options.get("service", "pgpt"))
    loaded = load_scenarios(scenarios, service, seed=options.get("seed"))
    settings = Settings(
        seed=0 if loaded.scenario.seed is UNSET else loaded.scenario.seed,
        api_keys=frozenset(options.get("api_keys", ())),
        dialect=options.get("errors", "openai"),
        strict=options.get("strict", False),
        split=load_split() if options.get("tokenizer") == "exact" else tokens.split,
        speed=options.get("speed", 1.0),
        on_miss=options.get("on_miss"),
    )
    engine = Engine(loaded, service, settings, options.get("observer"))
    clock = time.time if options.get("clock") == "real" else lambda: float(FROZEN)
    return Handler(engine, clock, options.get("max_body", MAX_BODY))


def create_app(
    *scenarios: str | PathLike[str] | Scenario, **options: Unpack[Options]
) -> "web.Application":
    """Create an application for `aiohttp_client` and `aiohttp_server` of pytest-aiohttp."""
    return application(build(*scenarios, **options))


def environment(url: str) -> dict[str, str]:
    """Return the variables that point OpenAI's clients at a server: today's and 2023's names."""
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_BASE": f"{url}/v1",
        "OPENAI_API_KEY": API_KEY,
    }


class MockGPT:
    """A stand-in server in a thread of its own, on a free port of the loopback interface.

    Use it in a `with` or `async with`, or call `start()` and `stop()`. Scenarios are shipped names,
    paths or values; the options are those of `Options`.
    """

    def __init__(
        self, *scenarios: str | PathLike[str] | Scenario, **options: Unpack[Options]
    ) -> None:
        self._handler = build(*scenarios, **options)
        self._thread: ServerThread | None = None
        self._url = ""

    def start(self) -> Self:
        """Start serving; the URL is known and the socket listens when this returns."""
        if self._thread is not None:
            raise RuntimeError(f"this MockGPT serves already, on {self._url}; make another one")
        listener = bind("127.0.0.1", 0)
        self._url = url_of(listener)
        self._thread = ServerThread(self._handler, listener)
        return self

    def stop(self) -> None:
        """Stop serving and end open streams; a second call does nothing. The journal stays."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    @property
    def url(self) -> str:
        """The server's root, such as `http://127.0.0.1:41234`; raises RuntimeError before a start."""
        if not self._url:
            raise RuntimeError("this MockGPT has no URL yet; use it in a `with`, or call start()")
        return self._url

    @property
    def base_url(self) -> str:
        """What OpenAI's clients call their base URL: the root and `/v1`."""
        return f"{self.url}/v1"

    @property
    def journal(self) -> Journal:
        """The exchanges so far, complete for every response that a client has read to its end."""
        if self._thread is not None:
            self._thread.settle()
        return self._handler.engine.journal

    def check(self, allow: Collection[str] = ()) -> None:
        """Raise AssertionError for what should not have happened, such as a refused request.

        `allow` names findings that are expected: `refused_request`, `unmatched_request`,
        `beyond_script`.
        """
        found = [f for f in findings(self.journal) if f.code not in allow]
        if not found:
            return
        lines = [f"mockgpt: {len(found)} finding{'s' if len(found) > 1 else ''}"]
        lines += [f"  {finding.code}: {finding.message}" for finding in found]
        bug = next((f.exchange.bug for f in found if f.exchange.bug is not None), None)
        raise AssertionError("\n".join(lines)) from bug

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
        self.stop()
