"""What a session's journal says of its client: findings, as pure functions of the exchanges."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from mockgpt.core.codes import BUG, MISSES, Severity, severity
from mockgpt.core.conduct import conduct
from mockgpt.core.exchange import Exchange
from mockgpt.core.scenario import Step, steps_of

_SHOWN = 10  # exchanges of a finding


class Finding(Struct, frozen=True):
    """One thing that should not have happened: what, what to do about it, what shows it."""

    code: str
    message: str
    exchanges: tuple[Exchange, ...] = ()
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __repr__(self) -> str:
        shown_by = "".join(f" #{exchange.number}" for exchange in self.exchanges[:_SHOWN])
        return f"<{self.severity}{shown_by} {self}>"


def amiss(exchange: Exchange) -> Finding | None:
    """Return what is wrong with one exchange by itself.

    An error that a rule answered is the scenario's wish; one without a rule is the client's fault.
    """
    if exchange.error is None:
        return None
    what = f"{exchange.method} {exchange.path}".strip() or "bytes that are no HTTP request"
    if exchange.bug is not None:
        message = f"{what}: mockgpt failed with {exchange.bug!r}; please report it"
        return Finding(BUG, message, (exchange,))
    if exchange.error in MISSES:
        return Finding(MISSES[exchange.error], f"{what}: {exchange.message}", (exchange,))
    if exchange.rule is None and exchange.limit is None:
        status = f" with {exchange.status}" if exchange.sent is not None else ""
        message = (
            f"{what} was refused{status}, as the real service would ({exchange.message}); "
            f"{exchange.advice or 'mend the request'}, or expect it: allow refused_request"
        )
        return Finding("refused_request", message, (exchange,))
    return None


def stray(target: str) -> Finding:
    """Return the finding of a host, with its port where that is known, that was not to be reached."""
    host = target.rpartition(":")[0] or target
    message = (
        f"a client tried to reach {target}; keep it from that, answer in its place with "
        f"--intercept {host}, or expect it: --allow unexpected_host"
    )
    return Finding("unexpected_host", message)


def unmet_steps(
    script: tuple[Step, ...], met: frozenset[str], places: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield a finding for each step of a script that nothing has met, unless it is optional."""
    for step in steps_of(script):
        if step.id not in met and not step.optional:
            where = f"{places.get(step.id, '')} step '{step.id}'".strip()
            message = f"{where} was never met; send what it expects, or make it optional: true"
            yield Finding("unmet_step", message)


def unasked(
    bare: Mapping[str, str], made: Mapping[str, str], unused: Collection[str]
) -> Iterator[Finding]:
    """Yield a finding for each rule that a test made for nothing; rules of files may be for others.

    `bare` are those without a reply, `made` the others: their lines by their ids.
    """
    for name, line in bare.items():
        message = f"{line} rule '{name}' has no reply, so it is not tried; give it one: .reply(…)"
        yield Finding("no_reply", message)
    for name, line in made.items():
        if name in unused:
            message = f"{line} rule '{name}' was never asked; ask what it answers, or leave it out"
            yield Finding("never_asked", message)


def unvisited() -> Finding:
    """Return the finding of a server that a command was given and asked nothing."""
    message = (
        "no request came; let the client's base URL be OPENAI_BASE_URL, answer in the place of the "
        "host that it asks with --intercept, or expect it: --allow never_asked"
    )
    return Finding("never_asked", message)


def judged(exchanges: Sequence[Exchange], window: float) -> Iterator[Finding]:
    """Yield what the conduct of a client shows. `window` is the retry window, in seconds."""
    for shown in conduct(exchanges, window):
        first = shown.exchanges[0]
        what = f"{first.method} {first.path} (#{first.number})"
        yield Finding(shown.code, f"{what}: {shown.message}", shown.exchanges)


def weighed(
    found: Iterable[Finding], allow: frozenset[str], deny: frozenset[str]
) -> Iterator[Finding]:
    """Yield the findings that are not allowed, each as severe as it is where some are denied.

    What their messages repeat of a request is redacted: here they are first shown.
    """
    for finding in found:
        if finding.code not in allow:
            message = finding.message
            for exchange in finding.exchanges:
                message = exchange.tell(message)
            yield Finding(finding.code, message, finding.exchanges, severity(finding.code, deny))
