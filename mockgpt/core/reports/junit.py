"""Records as JUnit XML, as CI systems read it."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from mockgpt.core.records import Record
from mockgpt.core.reports.transcript import transcript
from mockgpt.core.reports.wording import heading, one_line

_NAME, _MESSAGE = 200, 2_000  # characters


def junit(records: Sequence[Record], *, suite: str, seconds: float, failure: str = "") -> bytes:
    """Return a suite with a test case for every record; `seconds` is what all of it took.

    A case fails by its findings that are errors; warnings are its output. By what `failure` says the
    command failed, which is a case of its own.
    """
    root = ET.Element("testsuites")
    top = ET.SubElement(root, "testsuite", name=one_line(suite, _NAME), time=f"{seconds:.3f}")
    for record in records:
        top.append(_case(record, one_line(suite, _NAME)))
    if failure:
        name = one_line(suite, _NAME)
        case = ET.SubElement(top, "testcase", classname=name, name=name, time=f"{seconds:.3f}")
        ET.SubElement(case, "failure", message=one_line(failure, _MESSAGE))
    top.set("tests", str(len(top)))
    top.set("failures", str(len(top.findall("testcase/failure"))))
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _case(record: Record, suite: str) -> ET.Element:
    seconds = max((exchange.ended for exchange in record.exchanges), default=0.0)
    seconds -= min((exchange.elapsed for exchange in record.exchanges), default=0.0)
    name = one_line(record.name or record.session, _NAME)
    case = ET.Element("testcase", classname=suite, name=name, time=f"{seconds:.3f}")
    told: dict[str, list[str]] = {"error": [], "warning": []}
    for finding in record.findings:
        text = one_line(finding.message, _MESSAGE)
        told[finding.severity].append(f"{heading(finding)}: {text}")
    errors, warnings = told["error"], told["warning"]
    if errors:
        ET.SubElement(case, "failure", message=errors[0]).text = transcript(record)
    if warnings:
        ET.SubElement(case, "system-out").text = "\n".join(warnings)
    return case
