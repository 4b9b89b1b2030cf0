"""`mockgpt explain`: which rule or step answers a request, and why the others do not."""

import codecs
from collections.abc import Iterator
from typing import Any, BinaryIO

import click
import msgspec

from mockgpt.cli.options import Unusable, option, redact_option, service_option
from mockgpt.core.explanation import Explanation, Tried, explain, request_of
from mockgpt.core.redaction import redaction


class _Header(click.ParamType[tuple[str, str]]):
    """A request header, written as in HTTP."""

    name = "name: value"
    envvar_list_splitter = "\n"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return name and value; click calls this."""
        name, colon, text = str(value).partition(":")
        if not (colon and name.strip()):
            self.fail(f"expected 'name: value', found '{value}'", param, ctx)
        return name.strip(), text.strip()


@click.command("explain")
@click.argument("scenario")
@click.argument("request", type=click.File("rb"))
@option(
    "--endpoint",
    type=click.Choice(["chat", "completions", "embeddings"]),
    default=None,
    help="What the body is sent to.  [default: as its messages, prompt or input say]",
)
@option(
    "--header", type=_Header(), multiple=True, metavar="'NAME: VALUE'", help="A header; repeatable."
)
@service_option
@redact_option
@option("as_json", "--json", is_flag=True, help="Print JSON.")
def command(
    scenario: str,
    request: BinaryIO,
    *,
    endpoint: str | None,
    header: tuple[tuple[str, str], ...],
    service: str,
    redact: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say which rule or step of SCENARIO answers REQUEST, and why the others do not.

    REQUEST is a JSON file, or - for standard input: a request's body, or a mapping of method, path,
    headers and body. The exit code is 1 where nothing answers.
    """
    from mockgpt.files.documents import ScenarioError
    from mockgpt.files.scenarios import load_scenarios
    from mockgpt.files.services import load_service

    try:
        imitated = load_service(service)
        loaded = load_scenarios([scenario], imitated)
    except ScenarioError as error:
        raise Unusable(str(error)) from error
    try:
        # Editors of Windows begin a file so; those of scenarios are read without it, too.
        body = request.read().removeprefix(codecs.BOM_UTF8)
        incoming = request_of(body, imitated, endpoint=endpoint, headers=dict(header))
    except ValueError as error:
        raise Unusable(f"{_name_of(request)}: {error}") from error
    explanation = explain(loaded, imitated, incoming, redaction(redact))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(explanation), indent=2))
    else:
        for line in _lines(explanation):
            click.echo("".join(c if c.isprintable() else "?" for c in line))
    if not explanation.answered:
        raise click.exceptions.Exit(1)


def _name_of(request: BinaryIO) -> str:
    """Return the name of a request's file; what is piped in has one that nobody gave it."""
    name = str(getattr(request, "name", "<stdin>"))
    return "standard input" if name == "<stdin>" else name


def _lines(explanation: Explanation) -> Iterator[str]:
    yield explanation.verdict
    for tried in explanation.tried:
        place = f" ({tried.place})" if tried.place else ""
        yield f"{tried.kind} {tried.id}{place}: {_STATES[tried.state]}{_would(tried)}"
        for difference in tried.differences:
            yield f"  {difference}"


_STATES = {
    "answers": "answers",
    "differs": "does not answer",
    "not due": "not due yet",
    "not tried": "not tried, an earlier one answers",
}


def _would(tried: Tried) -> str:
    if tried.state in ("answers", "differs"):
        return ""
    return "; it would not match" if tried.differences else "; it would match, too"
