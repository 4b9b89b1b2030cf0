"""`mockgpt scenarios`: the shipped scenarios, to choose from and to begin one's own with."""

import textwrap

import click

from mockgpt.cli.options import Unusable

_WIDTH = 100  # characters of a line
_INDENT = "    "


@click.command("scenarios")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the shipped scenarios, or print the file of NAME, to begin one's own with."""
    from mockgpt.files.documents import read
    from mockgpt.files.scenarios import shipped

    texts = {one: path.read_text("utf-8") for one, path in shipped().items()}
    if name is None:
        for one, text in texts.items():
            about = read(text, one).data["about"]
            indented = textwrap.fill(
                about, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
            )
            click.echo(f"{one}\n{indented}")
    elif name in texts:
        click.echo(texts[name], nl=False)
    else:
        raise Unusable(f"expected one of {', '.join(texts)}; found '{name}'")
