"""The command line, a module a command. The only package that prints."""

import io
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module

import click

from mockgpt import __version__

_NAMES = ("check", "explain", "run", "scenarios", "schema", "serve", "tokens")


class _Commands(Mapping[str, click.Command]):
    """The commands by their names, each imported when it is asked for: one of them runs."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in _NAMES:
            raise KeyError(name)
        command: click.Command = import_module(f"mockgpt.cli.{name}").command
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


@click.group(commands=_Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mockgpt %(version)s")
def main() -> None:
    """Stand in locally for the OpenAI-compatible service at openai.pgpt.cloud.

    For testing its clients offline: the same endpoints, schemas, streams and errors.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot show is no reason to end
        sys.stdout.reconfigure(errors="backslashreplace")
