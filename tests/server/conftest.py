"""A server for the tests of the wire, and the proof after each test that it is unharmed."""

from collections.abc import Iterator

import pytest
from wire import Response, Wire, check_quiet, check_shape, check_usable, chunked, request_bytes

from mockgpt import MockGPT
from mockgpt.core.conditions import When
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario

_NORMAL = {"messages": [{"role": "user", "content": "Are you well?"}], "max_tokens": 3}


class Client:
    """What the tests need of a server: connections, and the proof that it is unharmed."""

    Wire = Wire
    request = staticmethod(request_bytes)
    chunked = staticmethod(chunked)
    check_shape = staticmethod(check_shape)
    check_usable = staticmethod(check_usable)

    def __init__(self, mock: MockGPT) -> None:
        self.mock = mock

    def connect(self) -> Wire:
        return Wire(self.mock.url)

    def ask(self, data: bytes, method: str = "POST") -> Response:
        """Send one request on a connection of its own, and prove the connection afterwards."""
        with self.connect() as wire:
            response = wire.ask(data, method)
            check_shape(response, method=method)
            check_usable(wire, response)
        return response

    def post(self, body: object, path: str = "/v1/chat/completions", **settings) -> Response:
        return self.ask(request_bytes(path, body, **settings))

    def check_alive(self) -> None:
        with self.connect() as wire:
            response = wire.ask(request_bytes(body=_NORMAL))
        assert response.status == 200
        check_shape(response)

    def check_clean(self, caplog: pytest.LogCaptureFixture) -> None:
        """Assert that the server still serves, has met no bug, and logged nothing as an error."""
        self.check_alive()
        assert [e.bug for e in self.mock.journal if e.bug is not None] == []
        check_quiet(caplog)


@pytest.fixture(scope="module")
def shared_server() -> Iterator[MockGPT]:
    """One server for a whole module: what one case breaks, the next one meets."""
    with MockGPT() as mock:
        yield mock


@pytest.fixture
def client(shared_server: MockGPT, caplog: pytest.LogCaptureFixture) -> Iterator[Client]:
    """The module's server, which must be none the worse for the test."""
    shared_server.reset()
    client = Client(shared_server)
    yield client
    client.check_clean(caplog)


@pytest.fixture(scope="module")
def strict_server() -> Iterator[MockGPT]:
    """The same, refusing what is otherwise ignored."""
    with MockGPT(strict=True) as mock:
        yield mock


@pytest.fixture
def strict_client(strict_server: MockGPT, caplog: pytest.LogCaptureFixture) -> Iterator[Client]:
    strict_server.reset()
    client = Client(strict_server)
    yield client
    client.check_clean(caplog)


@pytest.fixture
def serve(caplog: pytest.LogCaptureFixture) -> Iterator:
    """Start servers of one's own: `serve(*scenarios, **options)` gives a client of a fresh one."""
    started: list[Client] = []

    def start(*scenarios: Scenario, **options) -> Client:
        started.append(Client(MockGPT(*scenarios, **options).start()))
        return started[-1]

    yield start
    for client in started:
        client.mock.stop()
    check_quiet(caplog)
    assert [e.bug for client in started for e in client.mock.journal if e.bug is not None] == []


@pytest.fixture
def script():
    """Return a maker of scenarios that answer every request with one reply."""

    def of(**reply) -> Scenario:
        return Scenario(name="scripted", rules=(Rule(when=When(), reply=Reply(**reply)),))

    return of
