"""The pytest fixtures `mockgpt` and `mockgpt_session`, and what a run tells of their findings.

pytest loads this in every run of every project that has mockgpt installed, so it imports nothing
of mockgpt until a test asks for a fixture. With xdist the workers run the tests and the controller
tells: a test's record goes there with its report, what comes after its end with the worker's output.
"""

import re
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from mockgpt.core.records import Record
    from mockgpt.core.verdict import Finding
    from mockgpt.mock import MockGPT
    from mockgpt.sessions import MockSession

_MARKER = (
    "mockgpt(*scenarios, allow=(), deny=(), **options): the scenarios and options of this test's "
    "`mockgpt` or `mockgpt_session` fixture, the findings that it expects, such as "
    "'refused_request', and the warnings that fail it; each from the closest marker that has it"
)
_REPORT = "--mockgpt-report"
_SHARED = "mockgpt_session"  # whose server's findings are no single test's
_NAME = 40  # characters of a test's name in its session's, which may have 64

_Location = tuple[str, int | None, str]
_Late = tuple[str, _Location, str, str, bytes]  # a test, where it is, errors, transcript, record

_used = pytest.StashKey[list["MockGPT | MockSession"]]()
_outcome = pytest.StashKey[str]()
_late = pytest.StashKey[list[_Late]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the option and the ini options."""
    parser.getgroup("mockgpt").addoption(
        _REPORT,
        metavar="DIR",
        help="Write what tests asked mockgpt, what it sent and what it found to DIR: JSON and a page.",
    )
    parser.addini(
        "mockgpt_env",
        "Whether mockgpt's fixtures set OPENAI_BASE_URL, OPENAI_API_BASE and OPENAI_API_KEY.",
        type="bool",
        default=True,
    )
    parser.addini("mockgpt_allow", "Findings of mockgpt that every test expects.", type="args")
    parser.addini("mockgpt_deny", "Warnings of mockgpt that fail every test.", type="args")
    parser.addini("mockgpt_redact", "What mockgpt is not to show, a line each.", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and what tells the user of a run."""
    config.addinivalue_line("markers", _MARKER)
    config.stash[_late] = []
    if not hasattr(config, "workeroutput"):
        config.pluginmanager.register(_Run(config))


@pytest.fixture
def mockgpt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator["MockGPT"]:
    """Start a stand-in server for this test; fail the test where its client strayed."""
    from mockgpt.files.documents import ScenarioError
    from mockgpt.mock import MockGPT
    from mockgpt.options import Options

    scenarios, options = _marked(request, Options.__annotations__)
    with _told(ScenarioError):
        server = MockGPT(*scenarios, **options)
    with server as mock:
        _begin(request, monkeypatch, mock)
        yield mock
    _check(request, mock.findings)  # after the stop: what was still open is recorded then


@pytest.fixture
def mockgpt_session(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _mockgpt_server: "_Server"
) -> Iterator["MockSession"]:
    """Begin a session for this test, on one server for all; fail the test where its client strayed.

    Its name, which ids and chances are drawn from, is the test's in whatever order tests run.
    """
    from mockgpt.files.documents import ScenarioError
    from mockgpt.options import SessionOptions

    scenarios, options = _marked(request, SessionOptions.__annotations__)
    short = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name)[:_NAME]
    digest = blake2b(request.node.nodeid.encode(), digest_size=4).hexdigest()
    with _told(ScenarioError):
        begun = _mockgpt_server.mock.session(f"{short}-{digest}", *scenarios, **options)
    with begun as session:
        _begin(request, monkeypatch, session)
        yield session
    found = session.findings
    _mockgpt_server.over.append((request.node, session, found))
    _check(request, found)


class _Server(NamedTuple):
    """The server of all sessions, and those whose tests are over, with what was found by then."""

    mock: "MockGPT"
    over: list[tuple[pytest.Item, "MockSession", tuple["Finding", ...]]]


@pytest.fixture(scope="session")
def _mockgpt_server(request: pytest.FixtureRequest) -> Iterator[_Server]:
    """Start the server of all sessions; note at the end what came after a test's own end."""
    from mockgpt.mock import MockGPT

    config = request.config
    project = {name: config.getini(f"mockgpt_{name}") for name in ("allow", "deny", "redact")}
    with MockGPT(**project) as mock:
        server = _Server(mock, [])
        yield server
    late = config.stash[_late]
    for item, session, before in server.over:
        errors = _errors(session.findings) - _errors(before)
        if errors:
            record = session.record(item.nodeid, "failed")
            late.append((item.nodeid, item.location, *_shown(errors, record, config)))
    errors = _errors(mock.findings)
    if errors:
        record = mock.record(_SHARED, "failed")
        late.append((_SHARED, ("", None, _SHARED), *_shown(errors, record, config)))


@contextmanager
def _told(*errors: type[Exception]) -> Iterator[None]:
    """Fail a test that is set up wrongly by what is wrong; where mockgpt found that helps nobody."""
    try:
        yield
    except errors as error:
        message = f"{type(error).__name__}: {error}"
        raise pytest.fail.Exception(message, pytrace=False) from None


def _marked(
    request: pytest.FixtureRequest, known: Collection[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the scenarios and options of a test; fail one whose markers cannot be."""
    from mockgpt.markers import marked

    with _told(TypeError, ValueError):
        markers = request.node.iter_markers("mockgpt")
        return marked(markers, request.path, request.config.getini, known)


def _begin(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, mock: "MockGPT | MockSession"
) -> None:
    from mockgpt.variables import direct, environment

    request.node.stash.setdefault(_used, []).append(mock)
    if request.config.getini("mockgpt_env"):
        variables = direct() | environment(mock.base_url, mock.api_key)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)


def _check(request: pytest.FixtureRequest, found: tuple["Finding", ...]) -> None:
    """Fail a test that passed so far; one failure is enough, and a skipped test is none."""
    from mockgpt.sessions import raise_unless

    if request.node.stash.get(_outcome, "") != "passed":
        return
    try:
        raise_unless(found)
    except AssertionError as error:
        if error.__cause__ is not None:  # a bug: its traceback is what helps
            raise
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.hookimpl(trylast=True)  # before pytest's own it would keep that from being done
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Fail a test that passed without the scenario that its own marker names: no fixture read it."""
    marked = any(marker.name == "mockgpt" for marker in item.own_markers)
    read = _used in item.stash or {"mockgpt", _SHARED} & {*getattr(item, "fixturenames", ())}
    if marked and not read and item.stash.get(_outcome, "") == "passed":
        message = (
            "mockgpt: expected the argument mockgpt or mockgpt_session, which reads this test's "
            "marker, found neither; add one, or take the marker off"
        )
        raise pytest.fail.Exception(message, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what happened beside a failure, and send the records of a test that is over."""
    report = yield
    over = call.when == "teardown"
    if call.when == "call" or not report.passed:
        item.stash[_outcome] = report.outcome
    outcome = item.stash.get(_outcome, "")
    used = item.stash.get(_used, [])
    if used and (report.failed or over):
        from mockgpt.core.reports.transcript import transcript

        records = [mock.record(item.nodeid, outcome) for mock in used]
        if report.failed:
            report.sections.extend(("mockgpt", transcript(record)) for record in records)
        if over and outcome != "skipped":
            vars(report)["mockgpt"] = [_packed(record, item.config) for record in records]
    if over:
        used.clear()  # the test's item lives as long as the run
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the controller of xdist what came late."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["mockgpt"] = session.config.stash[_late]


class _Run:
    """What the tests of a run told, in the process that tells the user."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._records: dict[tuple[str, str], Record] = {}  # by their tests' names and sessions
        self._late = config.stash[_late]
        self._reports: list[str] = []  # where they are, or why not

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the records of a test."""
        self._keep(getattr(report, "mockgpt", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Keep what came late in a worker; one that crashed has nothing to say."""
        self._late += getattr(node, "workeroutput", {}).get("mockgpt", ())

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the tests that something came late of, and write the reports."""
        for nodeid, location, told, shown, packed in self._late:
            self._keep([packed])
            report = pytest.TestReport(nodeid, location, {}, "failed", told, "teardown")
            report.sections.append(("mockgpt", shown))
            self._config.hook.pytest_runtest_logreport(report=report)
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        folder = self._config.getoption(_REPORT)
        if folder is not None:
            from mockgpt.files.reports import write_reports

            records = sorted(self._records.values(), key=lambda one: (one.name, one.session))
            try:
                paths = write_reports(records, self._config.invocation_params.dir / folder)
            except OSError as error:  # a traceback would hide what tests said
                self._reports = [f"not written: {error}; give {_REPORT} another folder"]
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
            else:
                self._reports = [str(path) for path in paths]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Count the warnings, with an example of each, and say where the reports are."""
        if self._records:
            from mockgpt.core.outcome import warned

            if lines := [*warned(self._records.values())]:
                terminalreporter.write_sep("=", "mockgpt warnings")
                terminalreporter.write_line("\n".join(lines))
        for report in self._reports:
            terminalreporter.write_sep("-", f"mockgpt report: {report}")

    def _keep(self, packed: Iterable[bytes]) -> None:
        for data in packed:
            from mockgpt.packing import unpacked

            record = unpacked(data)
            self._records[record.name, record.session] = record


def _errors(found: Iterable["Finding"]) -> set[tuple[str, str]]:
    return {(one.code, one.message) for one in found if one.severity == "error"}


def _shown(
    errors: set[tuple[str, str]], record: "Record", config: pytest.Config
) -> tuple[str, str, bytes]:
    from mockgpt.core.reports.transcript import transcript

    told = "\n".join(f"mockgpt: {code}: {message}" for code, message in sorted(errors))
    return told, transcript(record), _packed(record, config)


def _packed(record: "Record", config: pytest.Config) -> bytes:
    """Return a record as bytes for the controller; without exchanges where no report is wanted."""
    from mockgpt.packing import packed

    return packed(record, whole=config.getoption(_REPORT) is not None)
