"""The command line: `mockgpt serve` and `mockgpt tokens`. The only module that prints."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, get_args

import click

from mockgpt import __version__
from mockgpt.core import tokens
from mockgpt.core.exchange import Exchange
from mockgpt.core.service import Dialect


class _Unusable(click.ClickException):
    """A file or an option that the user must mend: one line on standard error."""

    exit_code = 2


def _option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option that is an environment variable too: `--max-body` is MOCKGPT_MAX_BODY."""
    variable = "MOCKGPT_" + names[-1].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, show_default=True, **settings)


class _Listen(click.ParamType[tuple[str, int]]):
    """HOST:PORT, [HOST]:PORT for IPv6, or a PORT of the loopback interface."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) < 2**16):
            self.fail(
                f"expected HOST:PORT with a port from 0 to 65535, found '{value}'", param, ctx
            )
        return host.strip("[]") or "127.0.0.1", int(port)


_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class _Size(click.ParamType[int]):
    """A size in bytes, or with a unit: 16MiB, 500KB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([1-9][0-9]{0,12}) ?([a-z]*)", str(value).strip().lower())
        if found is None or found[2] not in _UNITS:
            self.fail(f"expected a size such as 16MiB or 1000000, found '{value}'", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mockgpt %(version)s")
def main() -> None:
    """Stand in locally for the OpenAI-compatible service at openai.pgpt.cloud.

    For testing its clients offline: the same endpoints, schemas, streams and errors.
    """


@main.command()
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1)
@_option(
    "--listen",
    type=_Listen(),
    default="127.0.0.1:8080",
    help="Where to listen; port 0 picks a free one.",
)
@_option(
    "--seed",
    type=int,
    default=None,
    help="Seed of ids and filler.  [default: the scenario's, or 0]",
)
@_option(
    "--clock",
    type=click.Choice(["frozen", "real"]),
    default="frozen",
    help="What `created` says: always the same second, or the time.",
)
@_option(
    "--api-key",
    multiple=True,
    metavar="KEY",
    help="Accept only this key; repeatable. By default any key is accepted.",
)
@_option(
    "--errors",
    type=click.Choice(get_args(Dialect)),
    default="openai",
    help="In whose words and shape errors are answered.",
)
@_option(
    "--on-miss",
    type=click.Choice(["error", "filler"]),
    default=None,
    help="What no rule answers.  [default: error with a scenario, else filler]",
)
@_option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    help="Divide every wait of a pace or fault by this.",
)
@_option("--strict", is_flag=True, help="Refuse parameters that are otherwise ignored.")
@_option("--service", default="pgpt", metavar="NAME|FILE", help="The service to imitate.")
@_option("--max-body", type=_Size(), default="16MiB", help="Largest request body that is accepted.")
@_option(
    "--tokenizer",
    type=click.Choice(["fake", "exact"]),
    default="fake",
    help="Count tokens by rules, or truly with ranks on this disk.",
)
@_option("-q", "--quiet", is_flag=True, help="No line per request.")
def serve(
    scenarios: tuple[str, ...],
    listen: tuple[str, int],
    *,
    quiet: bool,
    api_key: tuple[str, ...],
    **options: Any,
) -> None:
    """Serve until interrupted; SCENARIO is a shipped name or a .yaml file.

    Without a scenario every answer is filler: deterministic prose and vectors.
    """
    # aiohttp takes longer to import than the rest of the command line together.
    from mockgpt.files.documents import ScenarioError
    from mockgpt.files.exact import ExactTokensUnavailable
    from mockgpt.mock import API_KEY, build
    from mockgpt.server.run import bind

    try:
        handler = build(
            *scenarios,
            api_keys=list(api_key),
            observer=None if quiet else _print_exchange,
            **options,
        )
    except (ScenarioError, ExactTokensUnavailable, ValueError) as error:
        raise _Unusable(str(error)) from error
    host, port = listen
    try:
        listener = bind(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: no host has such a name
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", str(error))
        message = f"cannot listen on {host}:{port} ({reason}); choose another with --listen HOST:PORT, port 0 picks a free one"
        raise click.ClickException(message) from error
    key = "<one of your keys>" if api_key else API_KEY  # which are secret
    asyncio.run(_serve(handler, listener, key=key, quiet=quiet))


async def _serve(handler: Any, listener: socket.socket, *, key: str, quiet: bool) -> None:
    from mockgpt.server.run import serving, url_of

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not loop.add_signal_handler: Windows has none.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with serving(handler, listener):
        _print_banner(url_of(listener), handler.engine.scenario.name, key=key, quiet=quiet)
        await stop.wait()


def _print_banner(url: str, scenario: str, *, key: str, quiet: bool) -> None:
    from mockgpt.mock import environment

    first = f"mockgpt {__version__} on {url}" + (f" with {scenario}" if scenario else "")
    values = {**environment(url), "OPENAI_API_KEY": key}
    variables = "\n".join(f"  export {name}={value}" for name, value in values.items())
    click.echo(
        first if quiet else _BANNER.format(first=first, variables=variables, url=url, key=key)
    )


_BANNER = """\
{first}

Point a client at it:

{variables}

Or try it:

  curl {url}/v1/chat/completions \\
    -H 'Content-Type: application/json' -H 'Authorization: Bearer {key}' \\
    -d '{{"messages": [{{"role": "user", "content": "Hello!"}}]}}'

Stop with Ctrl-C. A line per request follows.
"""


def _print_exchange(exchange: Exchange) -> None:
    """Print the access log's line: what was asked, what was sent, and what was not acted on."""
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
        parts.append(f"{exchange.error}: {exchange.message}")
    line = "  ".join(parts)
    click.echo("".join(c if c.isprintable() else "?" for c in line), err=True)


@main.command("tokens")
@click.argument("text", required=False)
@_option(
    "--tokenizer",
    type=click.Choice(["fake", "exact"]),
    default="fake",
    help="Count tokens by rules, or truly with ranks on this disk.",
)
def count_tokens(text: str | None, tokenizer: str) -> None:
    """Show how TEXT, or standard input, is cut into tokens, and count them."""
    from mockgpt.files.exact import ExactTokensUnavailable, load_split

    if text is None:
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        split = load_split() if tokenizer == "exact" else tokens.split
    except ExactTokensUnavailable as error:
        raise _Unusable(str(error)) from error
    pieces = split(text)
    click.echo("|".join(pieces))
    click.echo(f"{len(pieces)} tokens")
