"""The careful client has a bad day, and nothing is found, not even a warning."""

import pytest
from careful import Client

pytestmark = pytest.mark.mockgpt("conduct.yaml")
DENIED = [
    "no_backoff", "constant_backoff", "gave_up", "sat_through_stall", "cut_unnoticed",
    "connection_not_reused", "unsupported_parameter", "drifting_retry", "secret_in_prompt",
]  # fmt: skip


@pytest.fixture
def client(mockgpt):
    client = Client(
        mockgpt.base_url, mockgpt.api_key, read_timeout=0.5, sleep=mockgpt.clock.advance
    )
    yield client
    client.close()
    mockgpt.check(deny=DENIED)


@pytest.mark.parametrize("question", ["Throttled?", "Overloaded?", "Hello!"])
def test_a_question_gets_its_answer(client, question):
    assert client.ask(question) == "At last"


@pytest.mark.parametrize("question", ["Throttled?", "Overloaded?", "Cut?", "Stalled?", "Hello!"])
def test_a_stream_gets_its_end(client, question):
    assert client.stream(question) == "At last"


def test_many_questions_share_a_connection(client, mockgpt):
    for number in range(8):
        assert client.ask(f"Question {number}") == "At last"
    assert len({exchange.connection for exchange in mockgpt.journal}) == 1
