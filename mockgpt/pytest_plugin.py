"""The pytest fixture `mockgpt`: a fresh server for each test, and its findings at the end.

pytest loads this in every run of every project that has mockgpt installed, so it imports nothing
of mockgpt until a test asks for the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mockgpt.mock import MockGPT

_MARKER = (
    "mockgpt(*scenarios, allow=(), **options): the scenarios and options of this test's `mockgpt` "
    "fixture, and the findings that it expects, such as 'refused_request'"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini option."""
    parser.addini(
        "mockgpt_env",
        "Whether the mockgpt fixture sets OPENAI_BASE_URL, OPENAI_API_BASE and OPENAI_API_KEY.",
        type="bool",
        default=True,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def mockgpt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator["MockGPT"]:
    """Start a stand-in server for this test; fail the test where its client strayed."""
    from mockgpt.mock import MockGPT, environment

    marker = request.node.get_closest_marker("mockgpt")
    scenarios, options = (marker.args, dict(marker.kwargs)) if marker else ((), {})
    allow = options.pop("allow", ())
    with MockGPT(*scenarios, **options) as mock:
        if request.config.getini("mockgpt_env"):
            for name, value in environment(mock.url).items():
                monkeypatch.setenv(name, value)
        yield mock
    mock.check(allow)  # after the stop: what was still open is recorded then
