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
    """Write a file under another name first, so that nobody reads half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
