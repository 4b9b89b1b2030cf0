"""The careless client hides its mistakes; each is found all the same."""

import subprocess
import sys

import pytest
from careless import Client

from mockgpt import MockGPT, expect


def plan(mock):
    mock.script(expect(user="plan").reply("First"), expect(user="bye").reply("Bye"))


def overloaded(times):
    return lambda mock: mock.on().attempts(*[{"error": "overloaded"}] * times, "At last")


def fine(mock):
    return mock.on(user={"matches": "Hello!|Question|key"}).reply("At last")


# Each mistake: what it is made against, and what else it shows.
MISTAKES = {
    "unmatched_request": (fine, set()),
    "unmet_step": (plan, set()),
    "beyond_script": (plan, set()),
    "refused_request": (fine, set()),
    "retry_after_ignored": (
        lambda mock: mock.on().attempts(
            {"error": {"preset": "rate_limit_requests", "retry_after": 2}}, "At last"
        ),
        set(),
    ),
    "retried_refusal": (lambda mock: mock.on().error("invalid_api_key"), set()),
    "retry_storm": (lambda mock: mock.on().error("overloaded"), {"constant_backoff", "gave_up"}),
    "no_backoff": (overloaded(1), set()),
    "constant_backoff": (overloaded(4), set()),
    "gave_up": (overloaded(1), set()),
    "sat_through_stall": (lambda mock: fine(mock).fault("stall", after=2, for_=1.1), set()),
    "cut_unnoticed": (lambda mock: fine(mock).fault("disconnect", after=3, how="close"), set()),
    "connection_not_reused": (fine, set()),
    "unsupported_parameter": (fine, set()),
    "drifting_retry": (lambda mock: mock.on().error("overloaded").then("At last"), set()),
    "secret_in_prompt": (fine, set()),
    "never_asked": (fine, set()),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake):
    prepare, besides = MISTAKES[mistake]
    with MockGPT() as mock:
        prepare(mock)
        client = Client(mock.base_url, mock.api_key, mock.clock.advance)
        getattr(client, mistake)()
        client.close()
        assert {finding.code for finding in mock.findings} == {mistake} | besides
        with pytest.raises(AssertionError, match=mistake):
            mock.check(deny=[mistake])


def test_a_request_of_a_test_that_is_over_is_found():
    with MockGPT() as mock:
        with mock.session("mine") as session:
            client = Client(session.base_url, session.api_key, mock.clock.advance)
        client.late_request()
        client.close()
        assert [finding.code for finding in session.findings] == ["late_request"]


def test_a_host_that_was_not_to_be_reached_is_found():
    code = "import careless; careless.Client('http://127.0.0.1', 'k', print).unexpected_host()"
    run = [sys.executable, "-m", "mockgpt", "run", "--intercept", "openai.pgpt.cloud"]
    command = [*run, "--", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("1 error (unexpected_host)\n")
