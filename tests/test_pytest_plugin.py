"""The plugin in test runs of its own, as users have them."""

import pytest

ASK = """
import json, os, urllib.error, urllib.request

def ask(body, base_url=None):
    request = urllib.request.Request(
        (base_url or os.environ["OPENAI_BASE_URL"]) + "/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + os.environ.get("OPENAI_API_KEY", "k")},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code

def hello(text="Hello!", **more):
    return {"messages": [{"role": "user", "content": text}], **more}
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a test file in a process of its own; return its result."""
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)

    def run(source, *arguments, ini=""):
        pytester.makeini(
            "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
            f"addopts = --strict-markers -W error\n{ini}"
        )
        pytester.makepyfile(client=ASK, test_it=source)
        return pytester.runpytest_subprocess("-p", "no:randomly", *arguments, timeout=60)

    return run


def test_the_fixture_points_the_client_at_a_fresh_server(run):
    result = run(
        """
        import os
        from client import ask, hello

        seen = set()

        def test_one(mockgpt):
            assert os.environ["OPENAI_BASE_URL"] == os.environ["OPENAI_API_BASE"] == mockgpt.base_url
            assert ask(hello()) == ask(hello())
            assert len(mockgpt.journal) == 2
            seen.add(mockgpt.url)

        def test_two(mockgpt):
            assert len(mockgpt.journal) == 0
            assert mockgpt.url not in seen

        def test_three():
            assert "OPENAI_BASE_URL" not in os.environ
        """
    )
    result.assert_outcomes(passed=3)


def test_a_refused_request_fails_the_test_even_if_the_client_swallowed_the_error(run):
    result = run(
        """
        from client import ask, hello

        def test_swallowed(mockgpt):
            assert ask(hello(temperature=3)) == 400
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*refused_request: POST /v1/chat/completions was refused*"])


def test_the_marker_gives_scenarios_options_and_what_is_allowed(run):
    result = run(
        """
        import pytest
        from client import ask, hello

        @pytest.mark.mockgpt("documentation", strict=True, allow=["refused_request"])
        def test_it(mockgpt):
            assert ask(hello("You are a helpful assistant.")).startswith("Thank you!")
            assert ask(hello(top_p=0.5)) == 400

        @pytest.mark.mockgpt("nothing")
        def test_unknown(mockgpt):
            pass
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*expected a shipped scenario (chat-bot, content-filter*"])


def test_the_variables_can_be_left_alone(run):
    result = run(
        """
        import os
        from client import ask, hello

        def test_it(mockgpt):
            assert "OPENAI_BASE_URL" not in os.environ
            assert ask(hello(), mockgpt.base_url)
        """,
        ini="mockgpt_env = false\n",
    )
    result.assert_outcomes(passed=1)


def test_async_tests_and_classes_may_use_it(run):
    result = run(
        """
        import asyncio, unittest
        import pytest
        from client import ask, hello

        async def test_async(mockgpt):
            assert await asyncio.to_thread(ask, hello())

        class TestClass:
            def test_it(self, mockgpt):
                assert ask(hello())

        @pytest.mark.usefixtures("mockgpt")
        class TestUnittest(unittest.TestCase):
            def test_it(self):
                assert ask(hello())
        """
    )
    result.assert_outcomes(passed=3)


def test_it_works_in_parallel(run):
    result = run(
        """
        import pytest
        from client import ask, hello

        @pytest.mark.parametrize("number", range(20))
        def test_it(mockgpt, number):
            assert ask(hello(str(number)))
            assert len(mockgpt.journal) == 1
        """,
        "-n2",
    )
    result.assert_outcomes(passed=20)


def test_the_marker_and_the_option_are_listed(run):
    result = run("def test_it(): pass", "--markers")
    assert "@pytest.mark.mockgpt(*scenarios, allow=(), **options): " in result.stdout.str()


def test_a_run_that_does_not_use_it_loads_nothing(run):
    result = run(
        """
        import sys

        def test_it():
            assert "mockgpt.pytest_plugin" in sys.modules
            assert not {"msgspec", "mockgpt.mock", "mockgpt.core"} & set(sys.modules)
        """,
        "-p",
        "no:aiohttp",
    )
    result.assert_outcomes(passed=1)
