"""`mockgpt run`: a command whose clients are pointed at a server of its own, and what it came to."""

from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockgpt.cli.child import Ended, execute
from mockgpt.cli.lean import lean
from mockgpt.cli.options import Code, Host, Seconds, Unusable, option, server_options
from mockgpt.cli.serve import built
from mockgpt.core.engine import DEFAULT
from mockgpt.core.outcome import exit_code, judged, summary, warned
from mockgpt.core.records import Record, record_of
from mockgpt.core.reports.junit import junit as junit_xml
from mockgpt.core.reports.transcript import transcript
from mockgpt.core.reports.wording import counted
from mockgpt.core.verdict import Finding, stray, unvisited
from mockgpt.files.reports import write_reports, write_whole
from mockgpt.variables import direct, environment

if TYPE_CHECKING:
    from mockgpt.cli.offline import Witness
    from mockgpt.server.app import Handler

_SHOWN = 3  # sessions; of more, those that have findings
_NOT_OFFLINE = 125  # as of tools that run another one and fail themselves
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells have it


class _Run(click.Command):
    """A command that has another one after `--`, of which no word is an option of ours."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the other command off; click calls this."""
        at = args.index("--") if "--" in args else len(args)
        ctx.params["program"] = args[at + 1 :]
        return super().parse_args(ctx, args[:at])


@click.command("run", cls=_Run)
@click.argument(
    "scenarios", metavar="[SCENARIO]... -- COMMAND...", nargs=-1, envvar="MOCKGPT_SCENARIO"
)
@option(
    "--session", metavar="NAME", default=DEFAULT, help="The session that the command is pointed to."
)
@option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write report.html and report.json there.",
)
@option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the findings as JUnit XML.",
)
@option(
    "--intercept",
    type=Host(),
    multiple=True,
    metavar="HOST",
    help="Answer in this host's place, by TLS; no other one can be reached. Repeatable.",
)
@option("--offline", is_flag=True, help="Leave the command no network but this server.")
@option("--timeout", type=Seconds(), default=None, help="End the command after this: 30s or 2m.")
@option("--allow", type=Code(), multiple=True, metavar="CODE", help="Expect a finding; repeatable.")
@option(
    "--deny",
    type=Code(),
    multiple=True,
    metavar="CODE",
    help="Count a warning as an error; repeatable.",
)
@server_options
@option("-q", "--quiet", is_flag=True, help="Say nothing where nothing is wrong.")
def command(
    scenarios: tuple[str, ...],
    *,
    program: list[str],
    session: str,
    report: Path | None,
    junit: Path | None,
    intercept: tuple[str, ...],
    offline: bool,
    timeout: float | None,
    quiet: bool,
    api_key: tuple[str, ...],
    **options: Any,
) -> None:
    """Run COMMAND with a server of its own, then print what its clients did wrong.

    SCENARIO is a shipped name or a .yaml file; without one, here or in MOCKGPT_SCENARIO, every
    answer is filler. COMMAND finds the server by OPENAI_BASE_URL, OPENAI_API_BASE, OPENAI_API_KEY
    and MOCKGPT_URL. The exit code is COMMAND's, but 1 where it passed with findings that are errors,
    124 after --timeout, and 125 where --offline cannot be enforced.
    """
    if not program:
        raise click.UsageError(
            "expected a command after --, found none; add it: mockgpt run SCENARIO -- npm test"
        )
    witness = _isolated() if offline else None  # before there are threads
    with lean():  # aiohttp takes longer to import than the rest of the command line together
        from mockgpt.sessions import key_of

        handler = _handler(scenarios, session, api_keys=api_key, **options)
    key = api_key[0] if api_key else key_of(session)
    ended = _run(
        program, timeout, handler, session=session, key=key, hosts=intercept, witness=witness
    )
    for target in () if witness is None else witness.tried():
        if target not in intercept:
            _note_stray(handler, session, target)
    if not any(len(one.journal) or one.noted for one in handler.engine.sessions.values()):
        _note(handler, session, unvisited())
    sessions = judged(handler.engine.sessions.values(), session)
    outcome = "failed" if ended.code else "passed"
    records = [record_of(one, one.name, outcome) for one in sessions]
    findings = [finding for one in records for finding in one.findings]
    code = exit_code(ended.code, findings)
    suite = f"mockgpt run {Path(program[0]).name}"
    overdue = (
        f"'{program[0]}' took longer than {timeout:g} s and was ended" if ended.timed_out else ""
    )
    failure = overdue or (f"'{program[0]}' ended with exit code {ended.code}" if ended.code else "")
    written = _written(records, report, junit, suite=suite, seconds=ended.seconds, failure=failure)
    if overdue:
        _say(overdue)
    if code or not quiet:
        _tell(records, failed=code != 0)
        _say(summary(sessions, findings))
    if not written:
        code = code or Unusable.exit_code
    raise click.exceptions.Exit(code)


def _tell(records: list[Record], *, failed: bool) -> None:
    """Tell what happened where something failed, or else of each kind of warning the first."""
    if not failed:
        for line in warned(records):
            _say(f"warning {line}")
        return
    used = [record for record in records if record.exchanges or record.findings]
    shown = used
    if len(used) > _SHOWN:
        shown = [record for record in used if record.findings] or used[:_SHOWN]
    for record in shown:
        _say(transcript(record))
    if len(used) > len(shown):
        _say(f"{counted(len(used) - len(shown), 'other session')} without findings")


def _written(records: list[Record], report: Path | None, junit: Path | None, **about: Any) -> bool:
    """Write the reports that are wanted; tell whether that could be done."""
    try:
        if report is not None:
            write_reports(records, report)
        if junit is not None:
            junit.parent.mkdir(parents=True, exist_ok=True)
            write_whole(junit, junit_xml(records, **about))
    except OSError as error:
        _say(
            f"cannot write {error.filename} ({error.strerror}); choose a place that can be written"
        )
        return False
    return True


def _handler(scenarios: tuple[str, ...], session: str, **options: Any) -> "Handler":
    """Return what answers by these scenarios, with the session begun that is pointed to."""
    handler = built(scenarios, alone=True, **options)
    try:
        if session != DEFAULT:
            handler.engine.open(session)
    except ValueError as error:
        raise Unusable(str(error)) from error
    return handler


def _isolated() -> "Witness":
    from mockgpt.cli.offline import OfflineUnavailableError, Witness  # ctypes is for it alone

    try:
        return Witness()
    except OfflineUnavailableError as error:
        _say(
            f"--offline cannot be enforced here ({error}), so the command was not run; run it as "
            "root, allow user namespaces, or leave --offline out"
        )
        raise click.exceptions.Exit(_NOT_OFFLINE) from error


def _note_stray(handler: "Handler", session: str, target: str) -> None:
    """Remember a host that the command tried to reach."""
    _note(handler, session, stray(target))


def _note(handler: "Handler", session: str, finding: Finding) -> None:
    """Remember, once, a finding that no exchange shows, for the session that was pointed to."""
    engine = handler.engine
    with handler.lock:
        noted = engine.sessions.get(session, engine.default).noted
        if finding not in noted:
            noted.append(finding)


def _run(
    program: list[str],
    timeout: float | None,
    handler: "Handler",
    *,
    session: str,
    key: str,
    hosts: tuple[str, ...],
    witness: "Witness | None",
) -> Ended:
    """Run the command while the handler serves; what was still open at its end is recorded."""
    from mockgpt.server.run import ServerThread, bind, url_of
    from mockgpt.sessions import address

    with ExitStack() as stack:
        listener = stack.enter_context(bind("127.0.0.1", 0))
        url = url_of(listener)
        variables = {
            **direct(),
            **environment(f"{address(url, session)}/v1", key),
            "MOCKGPT_URL": url,
        }
        proxy = None
        if hosts:
            from mockgpt.cli.intercept import intercepting

            strayed = partial(_note_stray, handler, session)
            proxy, more = stack.enter_context(intercepting(hosts, listener, strayed, witness))
            variables |= more
        server = ServerThread(handler, listener, proxy)
        stack.callback(server.stop)
        try:
            return execute(program, variables, timeout)
        except OSError as error:
            _say(
                f"cannot run '{program[0]}' ({error.strerror}); expected a program on PATH, or a path"
            )
            code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
            raise click.exceptions.Exit(code) from error


def _say(text: str) -> None:
    with suppress(OSError):  # who does not listen changes nothing of the exit code
        click.echo(f"mockgpt: {text}", err=True)
