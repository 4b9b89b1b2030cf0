"""Writes reports: the folder, the files' names, and that each is there whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path

from mockgpt.core.records import Record
from mockgpt.core.reports.data import report_json
from mockgpt.core.reports.page import report_html


def write_reports(records: Sequence[Record], folder: str | os.PathLike[str]) -> list[Path]:
    """Write report.json and report.html into a folder, which is made, and return their paths.

    Raises OSError where that cannot be.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    return [
        write_whole(root / "report.json", report_json(records)),
        write_whole(root / "report.html", report_html(records).encode()),
    ]


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file under another name first, so that nobody reads half of it.

    What is there and no file, such as a pipe or a device, stays and is written to.
    """
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        path.write_bytes(data)
        return path
    target = path.resolve()  # a link stays one
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return path
