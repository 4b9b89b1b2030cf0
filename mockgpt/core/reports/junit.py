"""Records as JUnit XML, as CI systems read it."""

from collections.abc import Sequence
from xml.etree import ElementTree

from mockgpt.core.records import Record
from mockgpt.core.reports.wording import hidden, one_line


def junit(records: Sequence[Record], *, suite: str, seconds: float) -> bytes:
    """Return a suite with a test case for every record, which `seconds` passed in.

    A case fails by findings that are errors, or because its outcome is `failed`.
    """
    cases = [_case(record, suite) for record in records]
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites")
    top = ElementTree.SubElement(
        root, "testsuite", name=one_line(suite, 1_000), **counts, time=f"{seconds:.3f}"
    )
    top.extend(cases)
    return hidden(ElementTree.tostring(root, encoding="unicode")).encode()


def _case(record: Record, suite: str) -> ElementTree.Element:
    took = max((e.ended for e in record.exchanges), default=0.0) - min(
        (e.elapsed for e in record.exchanges), default=0.0
    )
    return ElementTree.Element(
        "testcase", classname=suite, name=one_line(record.name, 1_000), time=f"{took:.3f}"
    )
