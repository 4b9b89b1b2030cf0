"""What every test may use."""

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings

# A machine may be slow: no example fails for that. None is remembered: each run tries its own.
settings.register_profile(
    "noisy",
    parent=settings.default,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("noisy")

pytest.register_assert_rewrite("bodies", "sources", "wire")

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser):
    parser.addoption(
        "--write-fixtures",
        action="store_true",
        help="Write golden files anew instead of only comparing them; review the difference.",
    )

    parser.addoption(
        "--slow-path",
        action="store_true",
        help="Hand every request to aiohttp: the front door's tests apart, all must pass.",
    )


def pytest_configure(config):
    if config.getoption("--slow-path"):
        from mockgpt.server import door

        door.TESTED = "none"


@pytest.fixture(scope="session")
def root():
    return ROOT


def _chat(mock, text, *, key="k", **more):
    url = urlsplit(mock.base_url)
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    body = json.dumps({"messages": [{"role": "user", "content": text}], **more})
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    try:
        connection.request("POST", f"{url.path}/chat/completions", body, headers)
        response = connection.getresponse()
        answer = json.load(response)
    finally:
        connection.close()
    if response.status == 200:
        return answer["choices"][0]["message"]["content"]
    return response.status, answer.get("error", answer)["message"]  # Azure's 401 has no error


@pytest.fixture(scope="session")
def chat():
    """Ask a server or session: the text of the answer, or the status and message of an error."""
    return _chat
