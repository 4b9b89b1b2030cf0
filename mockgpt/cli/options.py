"""What the commands share: how options are written, their types, and how a user is told of an error."""

import re
from collections.abc import Callable
from typing import Any, get_args

import click

from mockgpt.core.codes import CODES
from mockgpt.core.entry import did_you_mean
from mockgpt.core.pace import seconds
from mockgpt.core.redaction import redaction
from mockgpt.core.service import Dialect


class Unusable(click.ClickException):
    """A file or an option that the user must mend: one line on standard error."""

    exit_code = 2


def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option that is an environment variable too: `--max-body` is MOCKGPT_MAX_BODY."""
    variable = "MOCKGPT_" + names[-1].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, show_default=True, **settings)


class Listen(click.ParamType[tuple[str, int]]):
    """HOST:PORT, [HOST]:PORT for IPv6, or a PORT of the loopback interface."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return host and port; click calls this."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) < 2**16):
            self.fail(
                f"expected HOST:PORT with a port from 0 to 65535, found '{value}'", param, ctx
            )
        return host.strip("[]") or "127.0.0.1", int(port)


_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class Size(click.ParamType[int]):
    """A size in bytes, or with a unit: 16MiB, 500KB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the size in bytes; click calls this."""
        found = re.fullmatch(r"([1-9][0-9]{0,12}) ?([a-z]*)", str(value).strip().lower())
        if found is None or found[2] not in _UNITS:
            self.fail(f"expected a size such as 16MiB or 1000000, found '{value}'", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


class Seconds(click.ParamType[float]):
    """A duration as scenarios write it, 500ms, 30s or 2m, or a number of seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return it in seconds; click calls this."""
        found = re.fullmatch(r"([0-9]{1,8}(?:\.[0-9]{1,8})?)(ms|s|m)?", str(value).strip().lower())
        duration = 0.0 if found is None else seconds(found[1] + (found[2] or "s"))
        if not duration:
            self.fail(f"expected a duration such as 500ms, 30s or 2m, found '{value}'", param, ctx)
        return duration


class Code(click.ParamType[str]):
    """The code of a finding."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code; click calls this."""
        if value not in CODES:
            known = ", ".join(sorted(CODES))
            hint = did_you_mean(str(value), CODES) or f"; there are {known}"
            self.fail(f"expected the code of a finding, found '{value}'{hint}", param, ctx)
        return str(value)


class Host(click.ParamType[str]):
    """The name of a host, or its address."""

    name = "host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it in small letters; click calls this."""
        if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", str(value)):
            self.fail(f"expected a host such as openai.pgpt.cloud, found '{value}'", param, ctx)
        return str(value).lower()


class Redact(click.ParamType[str]):
    """What is not to be shown."""

    name = "what"
    envvar_list_splitter = "\n"  # within an expression anything else may stand

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the rule; click calls this."""
        try:
            redaction([value])
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


redact_option = option(
    "--redact",
    type=Redact(),
    multiple=True,
    metavar="WHAT",
    help="Do not show what this regular expression matches, or prompts, replies, emails; repeatable.",
)
service_option = option(
    "--service", default="pgpt", metavar="NAME|FILE", help="The service to imitate."
)
tokenizer_option = option(
    "--tokenizer",
    type=click.Choice(["fake", "exact"]),
    default="fake",
    help="Count tokens by rules, or truly with ranks on this disk.",
)
_OF_SERVERS = (
    option(
        "--seed",
        type=int,
        default=None,
        help="Seed of ids and filler.  [default: the scenario's, or 0]",
    ),
    option(
        "--clock",
        type=click.Choice(["frozen", "real"]),
        default="frozen",
        help="What `created` says: always the same second, or the time.",
    ),
    option(
        "--api-key",
        multiple=True,
        metavar="KEY",
        help="Accept only this key; repeatable. By default any key is accepted.",
    ),
    option(
        "--errors",
        type=click.Choice(get_args(Dialect)),
        default="openai",
        help="In whose words and shape errors are answered.",
    ),
    option(
        "--on-miss",
        type=click.Choice(["error", "filler"]),
        default=None,
        help="What no rule answers.  [default: error with rules or a script, else filler]",
    ),
    option(
        "--speed",
        type=click.FloatRange(min=0, min_open=True),
        default=1.0,
        help="Divide every wait of a pace or fault by this.",
    ),
    option("--strict", is_flag=True, help="Refuse parameters that are otherwise ignored."),
    service_option,
    option(
        "--max-body", type=Size(), default="16MiB", help="Largest request body that is accepted."
    ),
    tokenizer_option,
    redact_option,
    option(
        "fast_path",
        "--no-fast-path",
        is_flag=True,
        callback=lambda _, __, value: not value,
        help="Hand every request to aiohttp; the answers are the same.",
    ),
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that serves the options which every such command has."""
    for add in reversed(_OF_SERVERS):
        command = add(command)
    return command
