"""What programs read: JSON, JSON Lines, HAR and JUnit XML."""

import json
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from mockgpt import __version__
from mockgpt.core.answers import Usage
from mockgpt.core.exchange import Sent
from mockgpt.core.reports.data import report_json
from mockgpt.core.reports.har import har
from mockgpt.core.reports.junit import junit
from mockgpt.core.reports.lines import json_lines
from mockgpt.core.reports.transcript import transcript

SECRET = b"a1B2a1B2"


def some(*required, **properties):
    return {"type": "object", "required": list(required), "properties": properties}


def several(items):
    return {"type": "array", "items": items}


TEXT, NUMBER, COUNT = {"type": "string"}, {"type": "number", "minimum": 0}, {"type": "integer"}
PAIR = several(some("name", "value", name=TEXT, value=TEXT))
# HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/: what each object must have.
REQUEST = some(
    *("method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize"),
    "bodySize",
    method=TEXT,
    url={"type": "string", "pattern": "^http://[^ ]+$"},
    httpVersion=TEXT,
    cookies={"const": []},
    headers=PAIR,
    queryString=PAIR,
    postData=some("mimeType", "text", mimeType=TEXT, text=TEXT),
    headersSize=COUNT,
    bodySize=COUNT,
)
RESPONSE = some(
    *("status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL"),
    *("headersSize", "bodySize"),
    status=COUNT,
    statusText=TEXT,
    httpVersion=TEXT,
    cookies={"const": []},
    headers=PAIR,
    content=some("size", "mimeType", size=COUNT, mimeType=TEXT, text=TEXT, comment=TEXT),
    redirectURL=TEXT,
    headersSize=COUNT,
    bodySize=COUNT,
    comment=TEXT,
)
ENTRY = some(
    *("startedDateTime", "time", "request", "response", "cache", "timings"),
    startedDateTime={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
    time=NUMBER,
    request=REQUEST,
    response=RESPONSE,
    cache=some(),
    timings=some("send", "wait", "receive", send=NUMBER, wait=NUMBER, receive=NUMBER),
    connection=TEXT,
    comment=TEXT,
)
LOG = some(
    *("version", "creator", "entries"),
    version={"const": "1.2"},
    creator=some("name", "version", name=TEXT, version=TEXT),
    entries=several(ENTRY),
)


def test_a_report_has_everything_in_one_order(record):
    data = report_json([record])
    assert data == report_json([record])
    report = json.loads(data)
    assert list(report) == ["version", "mockgpt", "records"]
    assert (report["version"], report["mockgpt"]) == (1, __version__)
    (shown,) = report["records"]
    assert list(shown) == [
        *("name", "session", "scenario", "seed", "outcome", "findings", "unused", "dropped"),
        "exchanges",
    ]
    assert shown["findings"][0] == {
        "code": "refused_request",
        "message": "POST was <refused>",
        "severity": "error",
        "exchanges": [4],
    }
    assert shown["unused"] == ["bye", "<never>"]
    first, cut, gone, broken = shown["exchanges"]
    assert first["body"]["messages"][0]["content"] == "你好,世界"
    assert (first["rule"], first["place"], first["chosen"]) == ("greet", "a.yaml:3", "rule")
    assert first["why"] == "this is the first rule whose conditions it meets"
    assert first["sent"]["writes"][3] == {"seconds": 0.8, "bytes": 9}
    assert first["sent"]["body"].startswith("data: 0\n\n")
    assert (cut["faults"], cut["sent"]["ending"]) == (["stall", "disconnect"], "aborted")
    assert gone["sent"] is None
    assert broken["body"] == "{broken"
    assert broken["sent"]["body"] == {"error": {"message": "<b>"}}
    assert SECRET not in data


def test_usage_and_bugs_are_shown(asked):
    odd = replace(asked(1, "a"), usage=Usage(3, None), bug=ValueError("x"))
    shown = json.loads(b"".join(json_lines([odd])))
    assert shown["bug"] == "ValueError('x')"
    assert shown["usage"] == {"prompt_tokens": 3, "completion_tokens": None, "total_tokens": 3}


def test_every_exchange_is_one_line(record, asked):
    spread = replace(asked(5, "a"), body=b'{\r\n "a":\n\r"b\\n"}')
    lines = list(json_lines([*record.exchanges, spread]))
    assert [line.count(b"\n") for line in lines] == [1] * 5
    assert not any(b"\r" in line for line in lines)
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert json.loads(lines[4])["body"] == {"a": "b\n"}
    assert SECRET not in b"".join(lines)


def test_an_archive_is_har(record):
    data = har(record.exchanges)
    archive = json.loads(data)
    Draft202012Validator(some("log", log=LOG)).validate(archive)
    assert SECRET not in data
    first, cut, gone, broken = archive["log"]["entries"]
    assert [one["startedDateTime"] for one in (first, cut, gone, broken)] == [
        "2023-06-17T07:14:30.000Z",
        "2023-06-17T07:14:31.000Z",
        "2023-06-17T07:14:32.000Z",
        "2023-06-17T07:14:34.500Z",
    ]
    assert first["request"]["url"] == "http://127.0.0.1:8000/v1/chat/completions"
    assert broken["request"]["url"] == "http://localhost/v1/completions"
    assert first["timings"] == {"send": 0, "wait": 100.0, "receive": 900.0}
    assert first["time"] == sum(first["timings"].values())
    assert first["comment"] == (
        "rule greet (a.yaml:3) 1.1: this is the first rule whose conditions it meets"
    )
    assert "comment" not in first["response"]["content"]
    assert cut["response"]["content"]["comment"] == "the first 9 of 100000 bytes are kept"
    assert (gone["response"]["status"], gone["response"]["bodySize"]) == (0, 0)
    assert broken["request"]["postData"] == {"mimeType": "", "text": "{broken"}
    assert (broken["response"]["status"], broken["response"]["statusText"]) == (400, "Bad Request")


def test_an_archive_of_nothing_is_one():
    assert json.loads(har([]))["log"]["entries"] == []


def test_what_is_not_known_is_minus_one_or_empty(asked):
    odd = replace(asked(1, "a"), body=b"", bodies=False, sent=Sent(status=299))
    (entry,) = json.loads(har([odd]))["log"]["entries"]
    assert entry["request"]["bodySize"] == -1
    assert "postData" not in entry["request"]
    assert entry["response"]["statusText"] == ""


def test_the_query_is_told_without_its_secrets(asked):
    query = "api-version=2023-05-15&api_key=0123456789abcdef0123&empty="
    told = "api-version=2023-05-15&api_key=***&empty="
    one = replace(asked(1, "a"), query=query)
    (entry,) = json.loads(har([one]))["log"]["entries"]
    assert entry["request"]["url"].endswith(f"/v1/chat/completions?{told}")
    assert entry["request"]["queryString"] == [
        {"name": "api-version", "value": "2023-05-15"},
        {"name": "api_key", "value": "***"},
        {"name": "empty", "value": ""},
    ]
    assert json.loads(b"".join(json_lines([one])))["query"] == told


def test_the_media_type_is_known_however_it_is_spelt(asked):
    sent = Sent(status=200, told=(("Content-Type", "text/html"),))
    (entry,) = json.loads(har([replace(asked(1, "a"), sent=sent)]))["log"]["entries"]
    assert entry["response"]["content"]["mimeType"] == "text/html"


@pytest.mark.parametrize(
    ("at", "date"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (0.9996, "1970-01-01T00:00:01.000Z"),
        (951_827_696.1234, "2000-02-29T12:34:56.123Z"),
        (253_402_300_799.0, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_times_are_iso_8601(asked, at, date):
    (entry,) = json.loads(har([replace(asked(1, "a"), at=at)]))["log"]["entries"]
    assert entry["startedDateTime"] == date


def test_junit_has_a_case_for_every_record(record):
    passed = replace(record, name="b", findings=record.findings[2:], outcome="passed")
    alone = replace(record, name="", findings=(), outcome="failed", exchanges=())
    data = junit([record, passed, alone], suite="s <1>", seconds=2.5, failure="it ended with 3")
    root = ET.fromstring(data)
    (suite,) = root
    assert suite.attrib == {"name": "s <1>", "time": "2.500", "tests": "4", "failures": "2"}
    first, second, third, whole = suite
    assert first.attrib == {
        "classname": "s <1>",
        "name": "tests/test_a.py::test_a[<中>]",
        "time": "4.500",
    }
    failure, out = first
    assert failure.tag == "failure"
    assert failure.get("message") == "error refused_request (#4): POST was <refused>"
    assert failure.text == transcript(record)
    assert (out.tag, out.text) == ("system-out", "warning cut_unnoticed (#2): the answer was cut")
    assert [child.tag for child in second] == ["system-out"]
    assert list(third) == []  # the command's failure is nobody else's
    assert whole.attrib == {"classname": "s <1>", "name": "s <1>", "time": "2.500"}
    assert [child.get("message") for child in whole] == ["it ended with 3"]
    assert (third.get("name"), third.get("time")) == ("default", "0.000")
    assert SECRET not in data
