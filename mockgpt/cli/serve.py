"""`mockgpt serve`: the server on a terminal, with a line per request."""

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockgpt import __version__
from mockgpt.cli.lean import lean
from mockgpt.cli.options import Listen, Unusable, option, server_options
from mockgpt.cli.secure import secured
from mockgpt.cli.workers import STOPS, begin, check_system, supervise, whole
from mockgpt.variables import environment, trusting

if TYPE_CHECKING:
    import ssl

    from mockgpt.core.exchange import Exchange
    from mockgpt.core.scenario import Loaded
    from mockgpt.files.watch import Watch
    from mockgpt.server.app import Handler

PEM = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_LOOK = 0.3  # seconds between two looks at the files of --watch


@click.command("serve")
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, envvar="MOCKGPT_SCENARIO")
@option(
    "--listen",
    type=Listen(),
    default="127.0.0.1:8080",
    help="Where to listen; port 0 picks a free one.",
)
@server_options
@option(
    "--control-token",
    default=None,
    metavar="TOKEN",
    help="What /_mockgpt/ asks for; without one it answers this machine only.",
)
@option(
    "--workers",
    type=click.IntRange(min=1, max=64),
    default=1,
    help="Serve by so many processes on one port; then nothing is counted.",
)
@option("--metrics", is_flag=True, help="Count for Prometheus, at /_mockgpt/metrics.")
@option("--tls", is_flag=True, help="Serve by TLS, with a certificate made for this run.")
@option("certificate", "--cert", type=PEM, metavar="FILE", help="Serve by TLS with this one.")
@option("key_file", "--key", type=PEM, metavar="FILE", help="Its key, where it is in another file.")
@option("--watch", is_flag=True, help="Load the scenarios anew when their files change.")
@option("-q", "--quiet", is_flag=True, help="No line per request.")
def command(
    scenarios: tuple[str, ...],
    listen: tuple[str, int],
    *,
    quiet: bool,
    watch: bool,
    workers: int,
    tls: bool,
    certificate: Path | None,
    key_file: Path | None,
    api_key: tuple[str, ...],
    **options: Any,
) -> None:
    """Serve until interrupted; SCENARIO is a shipped name or a .yaml file.

    Without a scenario, here or in MOCKGPT_SCENARIO, every answer is filler: deterministic prose and
    vectors.
    """
    if watch and not scenarios:
        raise click.UsageError(
            "expected a scenario to --watch, found none; name it: serve --watch SCENARIO"
        )
    alone = workers == 1
    if not alone:
        check_system()
        for name, given in (("--watch", watch), ("--metrics", options["metrics"])):
            if given:
                raise click.UsageError(
                    f"expected one process for {name}, found --workers {workers}; leave one out"
                )
    # aiohttp takes longer to import than the rest of the command line together.
    with lean(tls=tls or certificate is not None):
        import asyncio

        from mockgpt.files.scenarios import load_scenarios
        from mockgpt.files.watch import Watch
        from mockgpt.server.run import bind_all, is_exposed, url_of
        from mockgpt.sessions import API_KEY

        handler = built(
            scenarios,
            alone=alone,
            api_keys=api_key,
            observer=None if quiet else print_exchange if alone else print_whole,
            **options,
        )
    engine = handler.engine

    def load() -> "Loaded":
        return load_scenarios(scenarios, engine.service, seed=options["seed"])

    host, port = listen
    try:
        listeners = bind_all(host, port, workers)
    except (OSError, UnicodeError) as error:  # UnicodeError: no host has such a name
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", str(error))
        message = f"cannot listen on {host}:{port} ({reason}); choose another with --listen HOST:PORT, port 0 picks a free one"
        raise click.ClickException(message) from error
    key = "<one of your keys>" if api_key else API_KEY  # which are secret
    watched = Watch(load, engine.loaded) if watch else None
    with ExitStack() as held:
        for listener in listeners:
            held.enter_context(listener)
        context, trusted = held.enter_context(
            secured(host, tls=tls, certificate=certificate, key=key_file)
        )
        url = url_of(listeners[0], "http" if context is None else "https")
        if is_exposed(listeners[0]):
            click.echo(_EXPOSED.format(url=url), err=True)
        name = engine.loaded.scenario.name
        tell = partial(_print_banner, name, trusted, url, key=key, quiet=quiet)
        if alone:
            asyncio.run(_serve(handler, listeners[0], context, watched, tell))
        else:
            supervise(
                listeners, lambda one: asyncio.run(_serve(handler, one, context, None, begin)), tell
            )


def built(
    scenarios: tuple[str, ...], *, alone: bool, api_keys: tuple[str, ...], **options: Any
) -> "Handler":
    """Build what answers requests, by the options of the command line. Raises Unusable."""
    from mockgpt.files.documents import ScenarioError
    from mockgpt.files.exact import ExactTokensUnavailable
    from mockgpt.mock import build
    from mockgpt.server.metrics import MetricsUnavailableError

    try:
        return build(*scenarios, alone=alone, api_keys=list(api_keys), **options)
    except (
        ScenarioError,
        ExactTokensUnavailable,
        MetricsUnavailableError,
        ValueError,
    ) as error:
        raise Unusable(str(error)) from error


async def _serve(
    handler: "Handler",
    listener: socket.socket,
    tls: "ssl.SSLContext | None",
    watched: "Watch | None",
    ready: Callable[[], None],
) -> None:
    import asyncio

    from mockgpt.server.run import serving

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in STOPS:
        # Not loop.add_signal_handler: Windows has none. `nohup` ignores that of a closed terminal.
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with serving(handler, listener, tls=tls):
        ready()
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), None if watched is None else _LOOK)
            if watched is not None:
                _reload(watched, handler)


def _reload(watched: "Watch", handler: "Handler") -> None:
    """Serve what has changed, if anything has; what is broken is told, and the old one stays."""
    from mockgpt.core.scenario import Loaded

    found = watched.look()
    if found is None:
        return
    names = ", ".join(Path(file).name for file in found.changed)
    if isinstance(found.result, Loaded):
        with handler.lock:
            handler.engine.load(found.result)
        click.echo(f"reloaded {names}", err=True)
    else:
        click.echo(f"not reloaded, what was served before still is: {found.result}", err=True)


def _print_banner(scenario: str, trusted: Path | None, url: str, *, key: str, quiet: bool) -> None:
    first = f"mockgpt {__version__} on {url}" + (f" with {scenario}" if scenario else "")
    values = environment(f"{url}/v1", key) | ({} if trusted is None else trusting(trusted))
    variables = "\n".join(f"  export {name}={value}" for name, value in values.items())
    short = first if trusted is None else f"{first}; its certificate is trusted by {trusted}"
    click.echo(
        short
        if quiet
        else _BANNER.format(
            first=first,
            variables=variables,
            curl="curl" if trusted is None else f"curl --cacert {trusted}",
            url=url,
            key=key,
        )
    )


_EXPOSED = """\
warning: {url} is reached from other machines, and answers whoever asks; listen on
127.0.0.1 unless that is meant. Without --control-token nobody may use /_mockgpt/ there."""

_BANNER = """\
{first}

Point a client at it:

{variables}

Or try it:

  {curl} {url}/v1/chat/completions \\
    -H 'Content-Type: application/json' -H 'Authorization: Bearer {key}' \\
    -d '{{"messages": [{{"role": "user", "content": "Hello!"}}]}}'

Stop with Ctrl-C. A line per request follows.
"""


def print_exchange(exchange: "Exchange") -> None:
    """Print a line of the access log."""
    sys.stderr.write(f"{_line(exchange)}\n")  # click.echo takes 30 us to find out that it may


def print_whole(exchange: "Exchange") -> None:
    """Print one where other processes print theirs."""
    sys.stderr.write(f"{whole(_line(exchange))}\n")


def _line(exchange: "Exchange") -> str:
    """Return the access log's line: what was asked, what was sent, and what was not acted on."""
    exchange = exchange.shown
    sent = exchange.sent
    parts = [f"{exchange.method or '-'} {exchange.path or '-'}", str(sent.status) if sent else "-"]
    if exchange.usage is not None:
        usage = exchange.usage
        completed = "" if usage.completion_tokens is None else f"+{usage.completion_tokens}"
        parts.append(f"{usage.prompt_tokens}{completed} tokens")
    if sent is not None:
        parts.append(f"{sent.seconds * 1000:.1f} ms")
        if sent.ending != "complete":
            parts.append(sent.ending.replace("_", " "))
    if exchange.rule is not None:
        parts.append(f"rule {exchange.rule}")
    if exchange.ignored:
        parts.append("ignored " + ", ".join(exchange.ignored)[:200])
    if exchange.error is not None:
        parts.append(f"{exchange.error}: {exchange.advised}")
    line = "  ".join(parts)
    if not line.isprintable():
        line = "".join(c if c.isprintable() else "?" for c in line)
    return line
