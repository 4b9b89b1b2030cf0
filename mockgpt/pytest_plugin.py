"""The pytest fixtures `mockgpt` and `mockgpt_session`, and what a run tells of their findings.

pytest loads this in every run of every project that has mockgpt installed, so it imports nothing
of mockgpt until a test asks for a fixture. With xdist the workers run the tests and the controller
tells: a test's record goes there with its report, what comes after its end with the worker's output.
"""

from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockgpt.core.records import Record
    from mockgpt.core.verdict import Finding
    from mockgpt.mock import MockGPT
    from mockgpt.sessions import MockSession
    from mockgpt.shared import Shared

_MARKER = (
    "mockgpt(*scenarios, allow=(), deny=(), **options): the scenarios and options of this test's "
    "`mockgpt` or `mockgpt_session` fixture, the findings that it expects, such as "
    "'refused_request', and the warnings that fail it; each from the closest marker that has it"
)
_REPORT = "--mockgpt-report"
_SHARED = "mockgpt_session"  # whose server's findings are no single test's

_Location = tuple[str, int | None, str]
_Late = tuple[str, _Location, str, str, bytes]  # a test, where it is, errors, transcript, record

_used = pytest.StashKey[list["MockGPT | MockSession"]]()
_pointing = pytest.StashKey[Any]()  # of what the test's variables were before
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
    """Register the marker, and what tells the user of a run. Refuse a configuration that cannot be."""
    config.addinivalue_line("markers", _MARKER)
    config.stash[_late] = []
    try:
        given = _project(config)
        if any(given.values()):
            from mockgpt.project import check_project

            check_project(given)
    except (TypeError, ValueError) as error:
        file = config.inipath.name if config.inipath else "pytest's configuration"
        raise pytest.UsageError(f"{file}: {error}") from None
    if not hasattr(config, "workeroutput"):
        config.pluginmanager.register(_Run(config))


@pytest.fixture
def mockgpt(request: pytest.FixtureRequest) -> Iterator["MockGPT"]:
    """Start a stand-in server for this test; fail the test where its client strayed."""
    from mockgpt.mock import MockGPT
    from mockgpt.options import Options

    with _told(request):
        scenarios, options = _marked(request, Options.__annotations__)
        server = MockGPT(*scenarios, **options)
    with server as mock, _pointed(request, mock):
        yield mock
    _check(request, mock.findings)  # after the stop: what was still open is recorded then


@pytest.fixture
def mockgpt_session(
    request: pytest.FixtureRequest, _mockgpt_server: "Shared"
) -> Iterator["MockSession"]:
    """Begin a session for this test, on one server for all; fail the test where its client strayed."""
    from mockgpt.options import SessionOptions

    test = request.node
    with _told(request):
        scenarios, options = _marked(request, SessionOptions.__annotations__)
        begun = _mockgpt_server.session(test.nodeid, test.name, scenarios, options)
    with begun as session, _pointed(request, session):
        yield session
    found = session.findings
    _mockgpt_server.end(test.nodeid, session, found)
    _check(request, found)


@pytest.fixture(scope="session")
def _mockgpt_server(request: pytest.FixtureRequest) -> Iterator["Shared"]:
    """Start the server of all sessions; note at the end what came after a test's own end."""
    from mockgpt.mock import MockGPT
    from mockgpt.shared import Shared

    config = request.config
    with MockGPT(**_project(config)) as mock:
        shared = Shared(mock, _SHARED)
        yield shared
    places = {item.nodeid: item.location for item in request.session.items}
    for late in shared.late():
        place = places.get(late.test, ("", None, late.test))
        told = (late.told, _transcript(late.record), _packed(late.record, config))
        config.stash[_late].append((late.test, place, *told))


def _project(config: pytest.Config) -> dict[str, Any]:
    return {name: config.getini(f"mockgpt_{name}") for name in ("allow", "deny", "redact")}


@contextmanager
def _told(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that is set up wrongly by what is wrong; where mockgpt found that helps nobody."""
    from mockgpt.markers import REFUSALS

    try:
        yield
    except REFUSALS as error:
        marker = request.node.get_closest_marker("mockgpt")
        place = "" if marker is None else "this test's marker mockgpt: "
        message = f"{place}{type(error).__name__}: {error}"
        raise pytest.fail.Exception(message, pytrace=False) from None


def _marked(
    request: pytest.FixtureRequest, known: Collection[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the scenarios and options of a test."""
    from mockgpt.markers import marked

    return marked(request.node.iter_markers("mockgpt"), request.path, request.config.getini, known)


@contextmanager
def _pointed(request: pytest.FixtureRequest, mock: "MockGPT | MockSession") -> Iterator[None]:
    """Point clients at a server."""
    from mockgpt.pointing import Pointing
    from mockgpt.variables import direct, environment

    request.node.stash.setdefault(_used, []).append(mock)
    pointing = request.node.stash.setdefault(_pointing, Pointing())
    if request.config.getini("mockgpt_env"):
        pointing.point(direct() | environment(mock.base_url, mock.api_key))
    try:
        yield
    finally:
        pointing.put_back()


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that passed without the scenario that its marker names: no fixture read it."""
    try:
        yield
    finally:
        if _pointing in item.stash:
            item.stash[_pointing].put_back()
    named = {"mockgpt", _SHARED} & {*getattr(item, "fixturenames", ())}
    # Others of a class or module may be the ones that its marker is for.
    markers = item.iter_markers("mockgpt") if named else item.own_markers
    marked = any(marker.name == "mockgpt" for marker in markers)
    if marked and _used not in item.stash and item.stash.get(_outcome, "") == "passed":
        found = "a fixture of the project's own by that name" if named else "neither"
        step = "give that another name" if named else "add one"
        message = (
            "mockgpt: expected the argument mockgpt or mockgpt_session, which reads this test's "
            f"marker, found {found}; {step}, or take the marker off"
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
        records = [mock.record(item.nodeid, outcome) for mock in used]
        if report.failed:
            report.sections.extend(("mockgpt", _transcript(record)) for record in records)
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


def _transcript(record: "Record") -> str:
    from mockgpt.core.reports.transcript import transcript

    return transcript(record)


def _packed(record: "Record", config: pytest.Config) -> bytes:
    """Return a record as bytes for the controller; without exchanges where no report is wanted."""
    from mockgpt.packing import packed

    return packed(record, whole=config.getoption(_REPORT) is not None)
