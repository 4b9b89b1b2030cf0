"""The plugin in test runs of its own, as users have them."""

import json
import os
import re
from textwrap import dedent

import pytest
from warm import UNUSED, Warm

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


@pytest.fixture(scope="module")
def warm():
    """Return a process that forks for each run, where one can."""
    if not hasattr(os, "fork"):
        yield None
        return
    process = Warm()
    yield process
    process.close()


@pytest.fixture
def run(pytester, monkeypatch, warm):
    """Run a test file in a process of its own; return its result. `cold`: one that loads all itself."""
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)

    def run(source, *arguments, ini="", cold=False):
        pytester.makeini(
            "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
            f"addopts = --strict-markers -W error\n{ini}"
        )
        pytester.makepyfile(client=ASK, test_it=source)
        if not any(argument.startswith("-prandomly") for argument in arguments):
            arguments = ("-pno:randomly", *arguments)
        arguments = (*UNUSED, *arguments)
        if cold or warm is None:
            return pytester.runpytest_subprocess(*arguments, timeout=60)
        return warm.run(pytester.path, *arguments)

    return run


def records(pytester):
    """Return what a run has reported, by the names of its tests."""
    text = (pytester.path / "out" / "report.json").read_text("utf-8")
    return {record["name"].partition("::")[2]: record for record in json.loads(text)["records"]}


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


def test_a_marker_that_nothing_reads_fails_the_test_that_it_stands_at(run):
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.mockgpt("overloaded")  # for those of the module that use it

        @pytest.fixture
        def server(mockgpt):
            return mockgpt

        def test_without(): pass

        @pytest.mark.mockgpt("documentation")
        def test_lost(): pass

        @pytest.mark.mockgpt("documentation")
        def test_within(server): pass

        @pytest.mark.mockgpt("documentation")
        def test_by_name(request): request.getfixturevalue("mockgpt_session")

        @pytest.mark.mockgpt("documentation")
        def test_that_fails(): assert False
        """
    )
    result.assert_outcomes(passed=4, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        "mockgpt: expected the argument mockgpt or mockgpt_session, which reads this test's marker, "
        "found neither; add one, or take the marker off"
    )


def test_a_marker_that_a_fixture_of_the_same_name_does_not_read_fails_the_test(run):
    result = run(
        """
        import pytest
        from mockgpt import MockGPT

        pytestmark = pytest.mark.mockgpt("overloaded")

        @pytest.fixture(scope="module")
        def mockgpt():
            with MockGPT() as mock:
                yield mock

        def test_lost(mockgpt): pass

        def test_read(mockgpt, mockgpt_session): pass

        def test_without(): pass
        """
    )
    result.assert_outcomes(passed=3, errors=1)
    assert "ERROR at teardown of test_lost" in result.stdout.str()
    assert (
        "mockgpt: expected the argument mockgpt or mockgpt_session, which reads this test's marker, "
        "found a fixture of the project's own by that name; give that another name, or take the marker off"
    ) in result.stdout.str()


def test_a_project_may_extend_the_fixture(run, pytester):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def mockgpt(mockgpt):
            mockgpt.on(user="hi").reply("from the project")
            return mockgpt
        """
    )
    result = run(
        """
        import pytest
        from client import ask, hello

        @pytest.mark.mockgpt("overloaded", strict=True)
        def test_extended(mockgpt):
            assert ask(hello("hi")) == "from the project"
            assert ask(hello()) == 429

        def test_strays(mockgpt):
            ask(hello("hi", temperature=3))
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_strays*"])


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


def test_an_undo_in_the_test_does_not_lead_its_client_to_the_service(run):
    result = run(
        """
        import os
        import pytest
        from client import ask, hello

        def test_undo(mockgpt, monkeypatch):
            monkeypatch.setenv("OTHER", "1")
            monkeypatch.undo()
            assert os.environ["OPENAI_BASE_URL"] == mockgpt.base_url
            assert ask(hello())

        def test_undo_of_an_older_one(monkeypatch, mockgpt_session):
            monkeypatch.undo()
            assert ask(hello())
        """
    )
    result.assert_outcomes(passed=2)


def test_the_variables_are_as_before_whoever_else_changed_them(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "the user's")
    result = run(
        """
        import os
        import pytest

        NAMES = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY", "NO_PROXY", "no_proxy")
        before = {name: os.environ.get(name) for name in NAMES}

        @pytest.fixture(autouse=True)
        def clean():
            assert {name: os.environ.get(name) for name in NAMES} == before

        @pytest.fixture
        def early(monkeypatch):
            monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere")
            monkeypatch.setenv("NO_PROXY", "elsewhere")

        def change(monkeypatch):
            monkeypatch.delenv("OPENAI_API_KEY")
            monkeypatch.setenv("OPENAI_BASE_URL", "http://other")

        def test_before(early, mockgpt): pass
        def test_before_and_after(early, mockgpt, monkeypatch): change(monkeypatch)
        def test_older(monkeypatch, mockgpt): change(monkeypatch)
        def test_younger(mockgpt, monkeypatch): change(monkeypatch)
        def test_both(monkeypatch, mockgpt, mockgpt_session): change(monkeypatch)
        def test_to_the_same(monkeypatch, mockgpt):
            monkeypatch.setenv("OPENAI_BASE_URL", mockgpt.base_url)
        def test_at_the_end(): pass
        """
    )
    result.assert_outcomes(passed=7)


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
    assert "@pytest.mark.mockgpt(*scenarios, allow=(), deny=(), **options): " in result.stdout.str()


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
        cold=True,
    )
    result.assert_outcomes(passed=1)


def test_sessions_share_a_server_and_nothing_else(run):
    result = run(
        """
        import os, re
        import pytest
        from client import ask, hello

        roots = set()

        @pytest.mark.parametrize("text", ["a", "b/c d", "x" * 99])
        def test_it(mockgpt_session, text):
            assert os.environ["OPENAI_BASE_URL"] == mockgpt_session.base_url
            assert os.environ["OPENAI_API_KEY"] == "sk-mock-" + mockgpt_session.name
            assert re.fullmatch("test_it-[a-zA-Z0-9_.-]{1,56}", mockgpt_session.name)
            root = mockgpt_session.url.removesuffix("/s/" + mockgpt_session.name)
            assert ask(hello()) == ask(hello(), root + "/v1")  # by path, and by key
            assert len(mockgpt_session.calls) == 2
            roots.add(root)
            assert len(roots) == 1

        @pytest.mark.mockgpt("overloaded")
        def test_scenario(mockgpt_session):
            assert ask(hello()) == 429
            assert mockgpt_session.last.status == 429

        def test_neither(request):
            assert "OPENAI_BASE_URL" not in os.environ
        """
    )
    result.assert_outcomes(passed=5)


def test_a_test_gets_the_same_bytes_in_whatever_order(run):
    source = """
        import pytest
        from client import ask, hello

        @pytest.mark.parametrize("number", range(3))
        def test_it(mockgpt_session, number):
            ask(hello())
            print("bytes", number, mockgpt_session.journal[0].sent.body)
        """
    told = []
    for order in ("0 1 2", "2 0 1"):
        names = [f"test_it.py::test_it[{number}]" for number in order.split()]
        text = run(source, "-s", *names).stdout.str()
        told.append(sorted(re.findall(r"bytes \d b'.*", text)))
    assert len(set(told[0])) == 3
    assert told[0] == told[1]


def test_the_closest_marker_wins_for_scenarios_and_each_option(run):
    result = run(
        """
        import pytest
        from client import ask, hello

        pytestmark = pytest.mark.mockgpt("overloaded", strict=True, allow=["refused_request"])

        @pytest.mark.mockgpt(on_miss="filler")
        class TestClass:
            def test_module(self, mockgpt_session):
                assert ask(hello()) == 429
                assert ask(hello(top_p=0.5)) == 400

            @pytest.mark.mockgpt("documentation", strict=False)
            def test_closest(self, mockgpt):
                assert isinstance(ask(hello("no rule has this", top_p=0.5)), str)

        def test_only_the_module(mockgpt_session):
            assert ask(hello(top_p=0.5)) == 400
        """
    )
    result.assert_outcomes(passed=3)


def test_the_project_allows_and_denies_and_a_marker_may_say_the_contrary(run):
    result = run(
        """
        import pytest
        from client import ask, hello

        def test_allowed(mockgpt):
            ask(hello(temperature=3))

        def test_allowed_besides(mockgpt_session):
            ask(hello(temperature=3))

        @pytest.mark.mockgpt(deny=["refused_request"])
        def test_not_allowed(mockgpt):
            ask(hello(temperature=3))

        def test_denied(mockgpt_session):
            ask(hello(top_p=0.5))

        @pytest.mark.mockgpt(allow=["unsupported_parameter"])
        def test_not_denied(mockgpt_session):
            ask(hello(top_p=0.5))
        """,
        ini="mockgpt_allow = late_request refused_request\nmockgpt_deny = unsupported_parameter\n",
    )
    result.assert_outcomes(passed=5, errors=2)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_not_allowed*", "*ERROR at teardown of test_denied*"]
    )


def test_a_project_and_markers_redact(run):
    result = run(
        """
        import pytest
        from client import ask, hello

        @pytest.mark.mockgpt(redact=["emails"])
        def test_it(mockgpt):
            ask(hello(user="ann@example.com", stop=["tea-time"], top_p="blue"))
            assert not mockgpt.journal[0]
        """,
        ini="mockgpt_redact =\n    prompts\n    b[l]ue\n",
    )
    result.assert_outcomes(failed=1)
    told = result.stdout.str()
    assert "‹redacted, " in told
    assert "ann@example.com" not in told.split("def test_it", 1)[1].split("assert not", 1)[1]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "clock='real'",
            "TypeError: option 'clock' is that of a whole server; give it to MockGPT o",
        ),
        ("allow=3", "ValueError: allow=3: expected a list of beyond_script, connection"),
        ("sped=2", "TypeError: unknown option 'sped'; did you mean 'speed'?"),
        (
            "allow='late_request'",
            "ValueError: allow='late_request': expected a list of beyond_scri",
        ),
        (
            "deny=['late']",
            "ValueError: deny=['late']: expected a list of beyond_script, connection",
        ),
    ],
)
def test_an_option_that_cannot_be_is_refused(run, option, message):
    result = run(
        f"""
        import pytest

        @pytest.mark.mockgpt({option})
        def test_it(mockgpt_session):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    assert message in result.stdout.str()


@pytest.mark.parametrize("fixture", ["mockgpt", "mockgpt_session"])
@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("redact=['(']", "ValueError: option redact: expected prompts, replies, emails or a regul"),
        ("tokenizer='exact'", "ExactTokensUnavailable: "),
        ("{1: 2}", "TypeError: "),
        ("{'rules': [{'reply': object()}]}", "TypeError: "),
    ],
)
def test_a_marker_that_cannot_be_met_is_told_without_a_traceback(
    run, fixture, marker, message, monkeypatch
):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/nowhere")
    result = run(
        f"""
        import pytest, sys

        sys.modules["bpe_openai"] = None

        @pytest.mark.mockgpt({marker})
        def test_it({fixture}):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    assert f"this test's marker mockgpt: {message}" in result.stdout.str()
    assert "/mockgpt/" not in result.stdout.str().partition("ExactTokens")[0]


def test_metrics_without_their_package_are_told_without_a_traceback(run):
    result = run(
        """
        import pytest, sys

        sys.modules["prometheus_client"] = None

        @pytest.mark.mockgpt(metrics=True)
        def test_it(mockgpt):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    told = result.stdout.str()
    assert "marker mockgpt: MetricsUnavailableError: metrics need the package prometheus_" in told
    assert "/mockgpt/" not in told


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("mockgpt_allow = late_request refused", "mockgpt_allow: expected some of beyond_script, "),
        ("mockgpt_deny = gave-up", "mockgpt_deny: expected some of beyond_script, "),
        (
            "mockgpt_redact = (",
            "mockgpt_redact: expected prompts, replies, emails or a regular exp",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_told_once(run, ini, message):
    result = run("def test_it(mockgpt): pass\ndef test_two(mockgpt): pass", ini=ini + "\n")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (told,) = (line for line in result.errlines if line)
    assert told.startswith(f"ERROR: tox.ini: {message}")
    hint = {"allow": "found 'refused'; did you mean 'refused_request'?", "deny": "'gave_up'?"}
    assert told.endswith(hint.get(ini.partition(" ")[0].removeprefix("mockgpt_"), ""))


@pytest.mark.parametrize("fixture", ["mockgpt", "mockgpt_session"])
def test_a_scenario_stands_beside_its_test_or_in_the_working_directory(run, pytester, fixture):
    scenario = "mockgpt: 1\nrules: [{reply: %s}]\n"
    folder = pytester.mkdir("sub")
    for file, said in ((folder / "a.yaml", "near"), ("a.yaml", "far"), ("b.yaml", "far")):
        (pytester.path / file).write_text(scenario % said, "utf-8")
    (folder / "test_sub.py").write_text(
        dedent(
            f"""
            import pytest
            from client import ask, hello

            @pytest.mark.parametrize(
                ("found", "place"),
                [
                    pytest.param("near", "a.yaml:2", marks=pytest.mark.mockgpt("a.yaml")),
                    pytest.param("far", "b.yaml:2", marks=pytest.mark.mockgpt("./b.yaml")),
                ],
            )
            def test_found({fixture}, found, place):
                assert ask(hello()) == found
                assert {fixture}.journal[0].place.endswith(place)
            """
        ),
        "utf-8",
    )
    run("", "sub").assert_outcomes(passed=2)


@pytest.mark.parametrize("fixture", ["mockgpt", "mockgpt_session"])
@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("'none.yaml'", "ValueError: expected a scenario file 'none.yaml' beside test_it.py in "),
        (
            "['a.yaml']",
            "TypeError: expected the names or paths of scenarios, or mappings, found ['",
        ),
        (
            "'broken.yaml'",
            "ScenarioError: broken.yaml:2:1: rule: expected a known key, found 'rule'",
        ),
        ("'none'", "ScenarioError: expected a shipped scenario (chat-bot, "),
    ],
)
def test_a_scenario_that_cannot_be_is_told_in_a_line(run, pytester, fixture, marker, message):
    (pytester.path / "broken.yaml").write_text("mockgpt: 1\nrule: []\n", "utf-8")
    result = run(
        f"""
        import pytest

        @pytest.mark.mockgpt({marker})
        def test_it({fixture}):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    assert message in result.stdout.str()
    assert "/mockgpt/" not in result.stdout.str()


@pytest.mark.parametrize("fixture", ["mockgpt", "mockgpt_session"])
def test_a_failing_test_shows_what_happened_and_fails_once(run, fixture):
    result = run(
        f"""
        import pytest
        from client import ask, hello

        @pytest.fixture
        def broken({fixture}):
            ask(hello("before the test"))
            raise OSError

        def test_fails({fixture}):
            ask(hello("What is this?"))
            assert ask(hello(temperature=3)) == 200

        def test_strays({fixture}):
            assert ask(hello(temperature=3)) == 400

        def test_skips({fixture}):
            ask(hello("never shown", temperature=3))
            pytest.skip("not today")

        @pytest.mark.xfail(strict=True)
        def test_xfails({fixture}):
            ask(hello("never shown", temperature=3))
            assert 0

        def test_set_up({fixture}, broken):
            pass
        """
    )
    result.assert_outcomes(failed=1, passed=1, skipped=1, xfailed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_strays*",
            "mockgpt: 1 finding",
            "  refused_request: POST /v1/chat/completions was refused with 400*",
            "*- mockgpt -*",
            "*test_strays*1 finding",
            "  error refused_request (#1): *",
            "*ERROR at setup of test_set_up*",
            "*- mockgpt -*",
            '  #1 *chat "before the test" -> filler*: 200, *',
            "*_ test_fails _*",
            "*- mockgpt -*",
            '  #1 *chat "What is this?" -> filler*: 200, *',
            "  #2 *-> error above_maximum: 400, *",
        ]
    )
    assert "During handling" not in result.stdout.str()
    assert "never shown" not in result.stdout.str()


def test_a_bug_in_mockgpt_is_raised_with_its_traceback(run, pytester):
    result = run(
        """
        import pytest
        from client import ask, hello

        class Bug(Exception):
            def __init__(self, one, two):  # cannot be unpickled
                super().__init__(one + two)

        @pytest.fixture(autouse=True)
        def broken(monkeypatch):
            def answer(*_):
                raise Bug("by ", "design")

            from mockgpt.core.session import Session

            monkeypatch.setattr(Session, "answer", answer)

        def test_it(mockgpt_session):
            assert ask(hello()) == 500
        """,
        "--mockgpt-report=out",
        "-n1",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            '*raise Bug("by ", "design")',
            "*The above exception was the direct cause of*",
            "E * mockgpt_bug: POST /v1/chat/completions: mockgpt failed with Bug('by design'); please*",
        ]
    )
    assert records(pytester)["test_it"]["outcome"] == "failed"


STRAYS = """
    import os
    import pytest
    from client import ask, hello

    left = []

    @pytest.mark.mockgpt("overloaded")
    def test_leaves(mockgpt_session):
        assert ask(hello()) == 429
        left.append((os.environ["OPENAI_BASE_URL"], mockgpt_session.url.partition("/s/")[0]))

    def test_meets(mockgpt_session, monkeypatch):
        (late, root), = left
        assert ask(hello("too late"), late) == 410
        monkeypatch.setenv("OPENAI_API_KEY", "sk-mock-nobody")
        assert ask(hello(temperature=3), root + "/v1") == 400
    """


@pytest.mark.parametrize("parallel", [(), ("-n2", "--dist=loadfile")])
def test_what_comes_after_the_end_of_a_test_fails_it(run, pytester, parallel):
    result = run(STRAYS, "--mockgpt-report=out", *parallel)
    result.assert_outcomes(passed=2, errors=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_leaves*",
            "mockgpt: late_request: POST /v1/chat/completions: The session 'test_leaves-*",
            "*- mockgpt -*",
            '  #2 *"too late"*error session_closed: 410*',
            "*ERROR at teardown of mockgpt_session*",
            "mockgpt: refused_request: session 'nobody': POST /v1/chat/completions was refused*",
            "ERROR test_it.py::test_leaves - mockgpt: late_request: *",
        ],
    )
    late = records(pytester)["test_leaves"]
    assert [finding["code"] for finding in late["findings"]] == ["late_request", "gave_up"]
    assert (late["outcome"], len(late["exchanges"])) == ("failed", 2)


RUN_AGAIN = """
    from _pytest.runner import runtestprotocol

    def pytest_runtest_protocol(item, nextitem):  # as pytest-rerunfailures does
        runtestprotocol(item, nextitem=nextitem, log=False)
        item._initrequest()
        runtestprotocol(item, nextitem=nextitem)
        return True
    """


def test_a_test_that_is_run_again_is_told_of_by_its_own_findings(run, pytester):
    pytester.makeconftest(RUN_AGAIN)
    result = run(
        """
        from client import ask, hello

        runs = []

        def test_strays_at_last(mockgpt_session):
            runs.append(ask(hello()))
            assert len(mockgpt_session.journal) == 1
            assert runs == [runs[0]] * len(runs)
            assert len(runs) == 2
            ask(hello(temperature=3))

        def test_strays_at_first(mockgpt_session):
            runs.append(ask(hello(temperature=3 if len(runs) == 2 else 1)))
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_strays_at_last*"])


def test_what_came_late_to_a_run_before_is_told(run, pytester):
    pytester.makeconftest(RUN_AGAIN)
    result = run(
        """
        import os
        import pytest
        from client import ask, hello

        left = []

        @pytest.fixture
        def later():
            if left:
                assert ask(hello("late"), left.pop()) == 410

        def test_leaves(later, mockgpt_session):
            left.append(mockgpt_session.base_url)

        def test_other(): pass  # so that the server of all sessions stays for the run behind it
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["mockgpt: late_request: POST *"])


@pytest.mark.parametrize("arguments", [(), ("--mockgpt-report=out",), ("-n2",)])
def test_warnings_are_counted_and_fail_nothing(run, arguments):
    result = run(
        """
        import pytest
        from client import ask, hello

        @pytest.mark.parametrize("number", range(3))
        def test_it(mockgpt_session, number):
            ask(hello(top_p=0.5))
            if number == 1:
                ask(hello(n=2))

        @pytest.mark.mockgpt("overloaded")
        def test_other(mockgpt):
            assert ask(hello()) == 429

        @pytest.mark.mockgpt(allow=["unsupported_parameter"])
        def test_allowed(mockgpt):
            ask(hello(top_p=0.5))
        """,
        *arguments,
    )
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(
        [
            "*= mockgpt warnings =*",
            "gave_up (1), first in test_it.py::test_other: POST /v1/chat/completions (#1): the answ*",
            "unsupported_parameter (4), first in test_it.py::test_it[[]?]: POST *",
        ]
    )


def test_a_run_without_warnings_says_nothing_of_them(run):
    result = run("def test_it(mockgpt): pass")
    assert "mockgpt warnings" not in result.stdout.str()
    assert "mockgpt report" not in result.stdout.str()


@pytest.mark.parametrize("parallel", [(), ("-n2",)])
def test_a_run_is_reported(run, pytester, parallel):
    result = run(
        """
        import pytest
        from client import ask, hello

        @pytest.mark.parametrize("number", range(5))
        def test_it(mockgpt_session, number):
            mockgpt_session.on(id="used").reply("a")
            mockgpt_session.on(id="unused").reply("b")
            assert ask(hello(str(number))) == "a"

        def test_other(mockgpt):
            ask(hello(temperature=3))
            assert 0

        def test_skipped(mockgpt):
            pytest.skip("not today")

        def test_without():
            pass
        """,
        "--mockgpt-report=out",
        *parallel,
    )
    result.assert_outcomes(passed=6, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*mockgpt report: */out/report.json*", "*/out/report.html*"])
    told = records(pytester)
    assert list(told) == [*(f"test_it[{number}]" for number in range(5)), "test_other"]
    assert told["test_it[3]"]["unused"] == ["unused"]
    assert told["test_it[3]"]["exchanges"][0]["body"]["messages"][0]["content"] == "3"
    assert told["test_it[3]"]["outcome"] == "passed"
    assert told["test_other"]["outcome"] == "failed"
    assert "test_it[3]" in (pytester.path / "out" / "report.html").read_text("utf-8")


@pytest.mark.parametrize("arguments", [("-prandomly",), ("-prandomly", "-n2")])
def test_sessions_work_in_random_order_and_in_parallel(run, arguments):
    result = run(
        """
        import pytest
        from client import ask, hello

        @pytest.mark.parametrize("number", range(20))
        class TestAll:
            def test_rule(self, mockgpt_session, number):
                mockgpt_session.on().reply(str(number))
                assert ask(hello()) == str(number)
                assert len(mockgpt_session.journal) == 1

            def test_filler(self, mockgpt_session, number):
                assert len(ask(hello())) > 5
                assert len(mockgpt_session.journal) == 1
        """,
        *arguments,
    )
    result.assert_outcomes(passed=40)


@pytest.mark.parametrize("fixture", ["mockgpt", "mockgpt_session"])
@pytest.mark.parametrize(
    ("mark", "mode"), [("anyio", "strict"), ("asyncio", "strict"), ("asyncio", "auto")]
)
def test_it_works_in_any_loop(run, fixture, mark, mode):
    result = run(
        f"""
        import aiohttp, openai, pytest
        from client import hello

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.{mark}
        async def test_openai({fixture}):
            async with openai.AsyncOpenAI() as client:
                stream = await client.chat.completions.create(model="gpt-4", stream=True, **hello())
                assert [chunk async for chunk in stream]
            assert {fixture}.last.request.stream

        @pytest.mark.{mark}
        async def test_aiohttp({fixture}):
            async with aiohttp.ClientSession(headers={{"api-key": "k"}}) as client:
                async with client.get({fixture}.base_url + "/models") as response:
                    assert response.status == 200
            assert len({fixture}.journal) == 1
        """,
        f"-oasyncio_mode={mode}",
    )
    result.assert_outcomes(passed=2)


def test_it_works_beside_the_fixtures_of_pytest_aiohttp(run):
    result = run(
        """
        import os
        import openai
        from aiohttp import web

        async def test_it(aiohttp_client, mockgpt):
            async def answer(request):
                async with openai.AsyncOpenAI() as client:
                    messages = [{"role": "user", "content": await request.text()}]
                    said = await client.chat.completions.create(model="gpt-4", messages=messages)
                return web.Response(text=said.choices[0].message.content)

            mockgpt.on(user="a").reply("b")
            app = web.Application()
            app.router.add_post("/", answer)
            client = await aiohttp_client(app)
            assert await (await client.post("/", data="a")).text() == "b"
        """
    )
    result.assert_outcomes(passed=1)


def test_unittest_classes_may_use_it(run):
    result = run(
        """
        import unittest
        import pytest
        from client import ask, hello

        class TestAutouse(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _stand_in(self, mockgpt_session):
                self.mockgpt = mockgpt_session

            def test_it(self):
                self.mockgpt.on().reply("scripted")
                self.assertEqual(ask(hello()), "scripted")
                self.assertEqual(len(self.mockgpt.calls), 1)

            def test_strays(self):
                self.assertEqual(ask(hello(temperature=3)), 400)

            @unittest.expectedFailure
            def test_fails(self):
                ask(hello(temperature=3))
                self.fail()

            def test_skips(self):
                ask(hello(temperature=3))
                self.skipTest("not today")

        @pytest.mark.usefixtures("mockgpt")
        class TestUsed(unittest.IsolatedAsyncioTestCase):
            async def test_it(self):
                self.assertIsInstance(ask(hello()), str)
        """
    )
    result.assert_outcomes(passed=3, xfailed=1, skipped=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of TestAutouse.test_strays*"])


def test_a_report_that_cannot_be_written_hides_nothing(run, pytester):
    (pytester.path / "out").write_text("a file")
    result = run("def test_it(mockgpt): pass", "--mockgpt-report=out")
    assert result.ret == 1
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*mockgpt report: not written: *out*; give --mockgpt-report ano*"])


def test_a_worker_that_crashes_loses_only_the_test_that_it_was_at(run, pytester):
    result = run(
        """
        import os
        import pytest
        from client import ask, hello

        @pytest.mark.parametrize("number", range(4))
        def test_it(mockgpt_session, number):
            ask(hello())
            if number == 2:
                os._exit(1)
        """,
        "--mockgpt-report=out",
        "-n1",
    )
    result.assert_outcomes(passed=3, failed=1)
    assert list(records(pytester)) == [f"test_it[{number}]" for number in (0, 1, 3)]
