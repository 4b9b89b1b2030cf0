"""What the commands share: how options are written, their types, and how a user is told of an error."""

import re
from collections.abc import Callable
from typing import Any

import click


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
