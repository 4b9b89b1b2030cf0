"""The law that every case is held to, the server that it is tried on, and how many cases there are."""

import logging
import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from wire import Response, Wire, check_shape, request_bytes

from mockgpt import MockGPT
from mockgpt.core.exchange import Exchange

# Of each target: cases of the default run, which are always the same, and of `-m long`, which are
# drawn anew. The long ones come to more than 100,000.
CASES = {
    "bodies": (40, 30_000),
    "heads": (50, 20_000),
    "control": (40, 10_000),
    "streams of bytes": (25, 8_000),
    "segments": (5, 2_000),
    "smuggling": (50, 10_000),
    "the description": (6, 2_000),
    "scenarios, one change away": (15, 4_000),
    "scenarios of any data": (15, 3_000),
    "scenarios of any text": (20, 3_000),
    "tokens": (30, 20_000),
}

PATIENCE = 30  # seconds until a case hangs: long runs share their machine


class Target:
    """A server under fire: the connection that is tried, and another that must not notice."""

    def __init__(self, *scenarios, **options) -> None:
        self.exchanges: list[Exchange] = []
        self.mock = MockGPT(*scenarios, observer=self.exchanges.append, **options).start()
        self.loud: list[logging.LogRecord] = []
        self._witness = Wire(self.mock.url, PATIENCE)

    def close(self) -> None:
        self._witness.close()
        self.mock.stop()

    def reset(self) -> None:
        """Begin anew, so that a case is the same wherever it comes."""
        self.exchanges.clear()
        self.mock.reset()
        sessions = self.mock._handler.engine.sessions
        for name in sessions.keys() - {"default", "witness"}:
            del sessions[name]

    def converse(
        self, *segments: bytes, methods: Iterable[str] = (), check=check_shape, complete=False
    ) -> list[Response]:
        """Send segments and say that this is all; return the answers until the server closes.

        `methods` are those of the requests: an answer to HEAD has no body. What is `complete` says
        so itself; otherwise the half that sends is closed, which ends answers that wait.
        """
        answers: list[Response] = []
        kinds = iter(methods)
        with Wire(self.mock.url, PATIENCE) as wire:
            for segment in segments:
                wire.offer(segment)
            if not complete:
                wire.finish()
            try:
                method = next(kinds, "POST")
                while not wire.ended():
                    response = wire.answer(method)
                    if response.status < 200:
                        continue
                    if method == "HEAD" and response.closes and (rest := wire.rest()):
                        assert response.status == 400  # it was no request yet
                        method, response = "POST", response._replace(body=rest)
                    check(response, method=method)
                    answers.append(response)
                    assert not response.closes or wire.ended()
                    method = next(kinds, "POST")
            except (AssertionError, ValueError):
                if not self.by_the_scenario("wild", *([] if complete else ["paced"])):
                    raise
        return answers

    def by_the_scenario(self, *kinds: str) -> bool:
        """Tell whether an answer was one that the scenario wants to be odd."""
        self.mock._settle()
        rules = [exchange.rule or "" for exchange in self.exchanges]
        return any(rule.startswith(kinds or "wild") for rule in rules)

    def check_unharmed(self) -> None:
        """Assert that another connection gets its answer, and that nobody logged an error."""
        response = self._witness.ask(WITNESS, "GET")
        assert response.status == 200
        assert [(r.getMessage(), r.exc_info) for r in self.loud] == []
        assert [exchange.bug for exchange in self.exchanges if exchange.bug] == []


WITNESS = request_bytes("/s/witness/v1/models", method="GET", headers={"Content-Length": None})


@pytest.fixture
def against() -> Iterator:
    """Start a server to try, and hear everything that anybody logs as an error."""
    started: list[Target] = []

    def start(*scenarios, **options) -> Target:
        started.append(Target(*scenarios, **options))
        handler.emit = started[-1].loud.append
        return started[-1]

    handler = logging.Handler(logging.ERROR)
    logging.getLogger().addHandler(handler)
    yield start
    logging.getLogger().removeHandler(handler)
    for target in started:
        target.close()


@pytest.fixture(
    params=["few", pytest.param("many", marks=[pytest.mark.long, pytest.mark.timeout(7_200)])]
)
def fuzz(request):
    """Try a law on cases: few of them, always the same, or very many."""

    def tried(name: str, law, **strategies: st.SearchStrategy) -> None:
        few, many = CASES[name]
        long = request.param == "many"
        limited = settings(
            max_examples=many if long else few,
            derandomize=not long,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        drawn = request.config.getoption("hypothesis_seed") or random.SystemRandom().getrandbits(32)
        law = given(**strategies)(law)
        try:
            limited(seed(drawn)(law) if long else law)()
        except Exception as found:
            if long:
                found.add_note(f"the same cases again: --hypothesis-seed={drawn}")
            raise

    return tried
