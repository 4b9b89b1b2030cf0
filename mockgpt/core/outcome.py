"""What the run of a command came to: the sessions that count, their findings, the exit code."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mockgpt.core.chains import calls_of
from mockgpt.core.codes import Severity
from mockgpt.core.engine import DEFAULT
from mockgpt.core.records import Record
from mockgpt.core.reports.wording import counted
from mockgpt.core.session import Session
from mockgpt.core.verdict import Finding


def judged(sessions: Iterable[Session], pointed: str) -> tuple[Session, ...]:
    """Return the sessions that count: all that somebody asked for by a request or began.

    `default` and the one that the command was pointed to are there in any case, so they count only
    where they were used; but where nothing was, the latter's script is unmet.
    """
    begun = (DEFAULT, pointed)
    found = tuple(s for s in sessions if len(s.journal) or s.noted or s.name not in begun)
    return found or tuple(s for s in sessions if s.name == pointed)


def exit_code(command: int, findings: Iterable[Finding]) -> int:
    """Return the command's own code, or 1 where it passed and its findings do not."""
    return command or int(any(finding.severity == "error" for finding in findings))


def summary(sessions: Sequence[Session], findings: Sequence[Finding]) -> str:
    """Return a line: how much was asked, and what was found."""
    calls = sum(len(calls_of(session.journal, session.play.window)) for session in sessions)
    requests = sum(len(session.journal) + session.journal.dropped for session in sessions)
    found = [_found(findings, "error"), _found(findings, "warning")]
    told = [counted(requests, "request"), counted(calls, "call"), *filter(None, found)]
    if not findings:
        told.append("no findings")
    if lost := sum(session.journal.dropped for session in sessions):
        told.append(f"of {counted(lost, 'request')} the journal was too full to judge the conduct")
    return ", ".join(told)


def warned(records: Iterable[Record]) -> Iterator[str]:
    """Yield a line for each kind of warning: how many there are, and the first."""
    warnings = [
        (finding.code, f"{record.name}: {finding.message}")
        for record in records
        for finding in record.findings
        if finding.severity == "warning"
    ]
    example = dict(reversed(warnings))
    for code, count in sorted(Counter(code for code, _ in warnings).items()):
        yield f"{code} ({count}), first in {example[code]}"


def _found(findings: Iterable[Finding], severity: Severity) -> str:
    codes = [finding.code for finding in findings if finding.severity == severity]
    named = ", ".join(sorted(set(codes)))
    return f"{counted(len(codes), severity)} ({named})" if codes else ""
