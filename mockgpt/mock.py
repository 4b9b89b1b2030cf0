"""The facade: a stand-in server in a few lines of Python, and the application for pytest-aiohttp."""

import asyncio
import time
from collections.abc import Collection, Mapping
from os import PathLike
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypedDict, Unpack

import msgspec

from mockgpt.core import tokens
from mockgpt.core.clock import Clock
from mockgpt.core.engine import Engine
from mockgpt.core.entry import did_you_mean
from mockgpt.core.exchange import Journal
from mockgpt.core.playing import OnMiss
from mockgpt.core.scenario import Scenario
from mockgpt.core.service import Dialect
from mockgpt.core.session import Settings
from mockgpt.core.verdict import CODES
from mockgpt.files.exact import load_split
from mockgpt.files.scenarios import load_scenarios
from mockgpt.files.services import load_service
from mockgpt.server.app import MAX_BODY, Handler, Observer, application
from mockgpt.server.run import ServerThread, bind, url_of

if TYPE_CHECKING:
    from aiohttp import web

FROZEN = 1_686_986_070.0  # `created` of the documentation's first example: 2023-06-17T07:14:30Z
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
    ExactTokensUnavailable where `tokenizer="exact"` finds no ranks; TypeError and ValueError for an
    unknown option or value.
    """
    _check_options(options)
    service = load_service(options.get("service", "pgpt"))
    loaded = load_scenarios(scenarios, service, seed=options.get("seed"))
    settings = Settings(
        api_keys=frozenset(options.get("api_keys", ())),
        dialect=options.get("errors", "openai"),
        strict=options.get("strict", False),
        split=load_split() if options.get("tokenizer") == "exact" else tokens.split,
        speed=options.get("speed", 1.0),
        on_miss=options.get("on_miss"),
    )
    engine = Engine(loaded, service, settings)
    frozen = options.get("clock") != "real"
    clock = Clock((lambda: FROZEN) if frozen else time.time, time.monotonic, frozen=frozen)
    return Handler(engine, clock, options.get("max_body", MAX_BODY), options.get("observer"))


def _check_options(options: Mapping[str, object]) -> None:
    """Refuse what a type checker would: the options of a pytest marker have none."""
    known = Options.__annotations__
    for name, given in options.items():
        value = given
        if name not in known:
            hint = did_you_mean(name, known) or f"; known are {', '.join(known)}"
            raise TypeError(f"unknown option '{name}'{hint}")
        if name == "api_keys" and isinstance(value, Collection) and not isinstance(value, str):
            value = list(value)
        try:
            msgspec.convert(value, _CHECKED.get(name, Any))
        except msgspec.ValidationError as error:
            raise ValueError(f"option {name}={value!r}: {error}") from None


_CHECKED: dict[str, Any] = {
    "seed": int | None,
    "clock": Literal["frozen", "real"],
    "api_keys": list[Annotated[str, msgspec.Meta(min_length=1)]],
    "errors": Dialect,
    "strict": bool,
    "service": str,
    "max_body": Annotated[int, msgspec.Meta(ge=1)],
    "tokenizer": Literal["fake", "exact"],
    "speed": Annotated[float, msgspec.Meta(gt=0)],
    "on_miss": OnMiss | None,
}


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
        self._lock = Lock()  # of start and stop, which several threads may call
        self._thread: ServerThread | None = None
        self._url = ""

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

    @property
    def url(self) -> str:
        """The server's root, such as `http://127.0.0.1:41234`. RuntimeError while it does not serve."""
        if not self._url:
            raise RuntimeError("this MockGPT does not serve; use it in a `with`, or call start()")
        return self._url

    @property
    def base_url(self) -> str:
        """What OpenAI's clients call their base URL: the root and `/v1`."""
        return f"{self.url}/v1"

    @property
    def journal(self) -> Journal:
        """The exchanges so far, complete for every response that a client has read to its end."""
        self._settle()
        return self._handler.engine.default.journal

    def reset(self) -> None:
        """Begin anew: an empty journal, no findings, every rule at its first call."""
        self._settle()
        self._handler.engine.default.reset()

    def _settle(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.settle()

    def check(self, allow: Collection[str] = ()) -> None:
        """Raise AssertionError for what should not have happened, such as a refused request.

        `allow` names findings that are expected: `refused_request`, `unmatched_request`,
        `beyond_script`, `unmet_step`, `late_request`, `template_failed`. Raises ValueError for
        another name.
        """
        if isinstance(allow, str) or not CODES.issuperset(allow):
            raise ValueError(f"allow={allow!r}: expected a list of {', '.join(sorted(CODES))}")
        self._settle()
        found = [f for f in self._handler.engine.default.findings() if f.code not in allow]
        if not found:
            return
        lines = [f"mockgpt: {len(found)} finding{'s' if len(found) > 1 else ''}"]
        lines += [f"  {finding.code}: {finding.message}" for finding in found]
        bug = next((f.exchange.bug for f in found if f.exchange and f.exchange.bug), None)
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
        await asyncio.to_thread(self.stop)  # the caller's loop may have what is still open
