"""The command line, a module a command. The only package that prints."""

import click

from mockgpt import __version__
from mockgpt.cli import check, explain, run, schema, serve, tokens


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mockgpt %(version)s")
def main() -> None:
    """Stand in locally for the OpenAI-compatible service at openai.pgpt.cloud.

    For testing its clients offline: the same endpoints, schemas, streams and errors.
    """


for module in (check, explain, run, schema, serve, tokens):
    main.add_command(module.command)
