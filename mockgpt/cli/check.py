"""`mockgpt check`: what is wrong with scenario files, and what in them cannot be meant."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from mockgpt.cli.options import Unusable, option, service_option
from mockgpt.core.reports.wording import counted

if TYPE_CHECKING:
    from mockgpt.files.documents import Complaint

_SCENARIO = re.compile(r"""^\{?\s*["']?mockgpt["']?\s*[:：]""", re.MULTILINE)
_LEFT_OUT = re.compile(r"\.|node_modules$")  # folders


@click.command("check")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@service_option
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")  # MOCKGPT_STRICT is another
@option("as_json", "--json", is_flag=True, help="Print JSON.")
def command(paths: tuple[str, ...], *, service: str, strict: bool, as_json: bool) -> None:
    """Check scenario files: what keeps them from being used, and what cannot be meant.

    PATH is a file, a folder (of whose .yaml and .yml files those that begin as scenarios do), or a
    shipped scenario's name. With GITHUB_ACTIONS set, the lines are annotations. The exit code is 1
    where something is wrong.
    """
    from mockgpt.files.documents import ScenarioError
    from mockgpt.files.scenarios import complaints_of
    from mockgpt.files.services import load_service

    try:
        imitated = load_service(service)
    except ScenarioError as error:
        raise Unusable(str(error)) from error
    files = [file for path in paths for file in _files(path)]
    complaints = [complaint for file in files for complaint in complaints_of(file, imitated)]
    errors = sum(one.more or 1 for one in complaints if not one.code)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(complaints), indent=2))
    else:
        written = _annotation if os.environ.get("GITHUB_ACTIONS") else str
        for complaint in complaints:
            click.echo(written(complaint))
        warnings = sum(one.more or 1 for one in complaints if one.code)
        click.echo(
            f"{counted(len(files), 'file')}, {counted(errors, 'error')}, {counted(warnings, 'warning')}"
        )
    if errors or (strict and complaints):
        raise click.exceptions.Exit(1)


def _files(path: str) -> Iterator[str]:
    folder = Path(path)
    if not folder.is_dir():
        yield path
        return
    found = [
        str(file)
        for file in _below(folder)
        if file.suffix in (".yaml", ".yml")
        and _SCENARIO.search(file.read_text("utf-8-sig", "replace"))
    ]
    if not found:
        raise Unusable(f"{path}: expected .yaml files with a line 'mockgpt: 1', found none")
    yield from found


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, but for hidden and linked folders and installed packages."""
    for path in sorted(folder.iterdir()):
        if path.is_file():  # a link may lead nowhere
            yield path
        elif path.is_dir() and not (_LEFT_OUT.match(path.name) or path.is_symlink()):
            yield from _below(path)


def _annotation(complaint: "Complaint") -> str:
    """Return a complaint as GitHub reads it from a job's log (its "workflow commands")."""
    level = "warning" if complaint.code else "error"
    where = [f"file={_escaped(complaint.file)}"] if complaint.file else []
    if complaint.line is not None:
        where += [f"line={complaint.line}", f"col={complaint.column}"]
    title = complaint.code or complaint.path
    where += [f"title={_escaped(title)}"] if title else []
    message = f"{complaint.path}: {complaint.message}" if complaint.path else complaint.message
    text = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} {','.join(where)}::{text}"


def _escaped(value: str) -> str:
    for character in "%\r\n:,":
        value = value.replace(character, f"%{ord(character):02X}")
    return value
