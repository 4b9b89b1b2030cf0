"""`mockgpt tokens`: how a text is cut into tokens."""

import sys

import click

from mockgpt.cli.options import Unusable, tokenizer_option
from mockgpt.core import tokens
from mockgpt.core.reports.wording import counted


@click.command("tokens")
@click.argument("text", required=False)
@tokenizer_option
def command(text: str | None, tokenizer: str) -> None:
    """Show how TEXT, or standard input, is cut into tokens, and count them."""
    from mockgpt.files.exact import ExactTokensUnavailable, load_split

    if text is None:
        try:
            text = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as error:
            raise Unusable(f"expected text in UTF-8, found {error}") from error
    try:
        split = load_split() if tokenizer == "exact" else tokens.split
    except ExactTokensUnavailable as error:
        raise Unusable(str(error)) from error
    pieces = split(text)
    click.echo("|".join(pieces))
    click.echo(counted(len(pieces), "token"))
