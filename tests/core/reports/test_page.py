"""The page: whole, escaped, bounded, and nothing that it would load or run."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mockgpt import __version__
from mockgpt.core.exchange import Exchange, Sent, Write
from mockgpt.core.records import Record
from mockgpt.core.reports.data import report_json
from mockgpt.core.reports.har import har
from mockgpt.core.reports.junit import junit
from mockgpt.core.reports.lines import json_lines
from mockgpt.core.reports.page import report_html
from mockgpt.core.reports.timeline import timeline, told
from mockgpt.core.reports.transcript import transcript
from mockgpt.core.reports.wording import clipped, one_line
from mockgpt.core.verdict import Finding

VOID = {"meta"}
TAGS = {
    "html": {"lang"},
    "head": set(),
    "meta": {"charset", "http-equiv", "content", "name"},
    "title": set(),
    "style": set(),
    "body": set(),
    "h1": set(),
    "h2": set(),
    "h3": set(),
    "dl": {"class"},
    "dt": set(),
    "dd": set(),
    "div": set(),
    "main": set(),
    "details": {"class", "open"},
    "summary": set(),
    "span": {"class"},
    "p": {"class"},
    "ul": set(),
    "li": set(),
    "strong": {"class"},
    "code": set(),
    "a": {"href"},
    "article": {"id"},
    "q": set(),
    "figure": set(),
    "svg": {"viewbox", "preserveaspectratio", "aria-hidden"},
    "rect": {"x", "y", "width", "height"},
    "path": {"class", "d"},
    "figcaption": set(),
    "pre": {"lang"},
    "footer": {"class"},
}


class Reader(HTMLParser):
    """Reads a page, and refuses what is not well nested or not of the page's own making."""

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.ids, self.links = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert {name for name, _ in attributes} <= TAGS[tag]
        self.ids += [value for name, value in attributes if name == "id"]
        self.links += [value for name, value in attributes if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert {name for name, _ in attributes} <= TAGS[tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data}")

    handle_pi = unknown_decl


def read(page):
    reader = Reader(page)
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    return "".join(reader.text)


def test_a_page_is_as_it_is(record, golden):
    page = report_html([record])
    read(page)
    golden("page.html", page.replace(__version__, "VERSION"))


def test_a_page_of_nothing_is_one():
    assert "mockgpt report" in read(report_html([]))


def test_a_page_loads_and_runs_nothing(record):
    page = report_html([record])
    assert not re.search(r"<script|<link|<img|src=|style=|url\(|@import|https?:", read_tags(page))
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    style = re.search("<style>(.*)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def read_tags(page):
    return "".join(re.findall("<[^>]*>", page)) + page.partition("<body>")[0]


def test_secrets_do_not_stand_in_pages(record):
    assert "a1B2a1B2" not in report_html([record])


def test_of_several_tests_those_that_failed_are_open(record):
    good = replace(record, name="good", findings=(), outcome="passed")
    page = report_html([record, good])
    assert page.count('<details class="test" open>') == 1
    assert page.count('<details class="test">') == 1
    assert "<dt>tests</dt><dd>2</dd>" in page
    assert "<dt>requests</dt><dd>8</dd>" in page
    assert "<dt>errors</dt><dd>2</dd>" in page
    assert "<dt>warnings</dt><dd>1</dd>" in page
    assert report_html([good]).count('<details class="test" open>') == 1


def test_escaped_characters_are_shown_and_other_json_stays_as_it_is(asked):
    def shown(body):
        exchange = replace(asked(1, "a"), body=body)
        record = Record(
            name="t",
            session="s",
            scenario="",
            seed=0,
            exchanges=(exchange,),
            findings=(),
            unused=(),
        )
        return read(report_html([record]))

    assert '{\n  "a": "你好"\n}' in shown(b'{"a": "\\u4f60\\u597d"}')
    assert '{\n  "a": 1.50,\n  "a": 1e999\n}' in shown(b'{"a":1.50,"a":1e999}')
    assert "{broken" in shown(b"{broken")
    assert "\ufffd" in shown(b'"\xff"')
    assert "[" * 500 in shown(b"[" * 5_000 + b"]" * 5_000)


def test_of_very_many_headers_the_first_are_shown(asked):
    headers = {f"x-{number}": "a" for number in range(120)}
    record = Record(
        name="t",
        session="s",
        scenario="",
        seed=0,
        exchanges=(replace(asked(1, "a"), headers=headers, bodies=False),),
        findings=(),
        unused=(),
    )
    shown = read(report_html([record]))
    assert "x-98: a\n… and 21 more" in shown
    assert "The journal had no room left for the bodies." in shown


def test_a_timeline_shows_writes_waits_and_the_ending():
    writes = tuple(Write(at, 1) for at in (0.0, 0.001, 0.0011, 0.5, 0.52))
    sent = Sent(status=200, chunks=5, seconds=1.04, ending="client_left", writes=writes)
    *waits, marks, ending = ET.fromstring(timeline(sent))
    assert [(wait.get("x"), wait.get("width")) for wait in waits] == [("1", "480"), ("500", "500")]
    assert marks.get("d") == "M0 3v14M1 3v14M481 3v14M500 3v14"
    assert (ending.get("class"), ending.get("d")) == ("client_left", "M1000 0v20")
    assert told(sent) == "first write after 0 ms, longest silence 520 ms"


def test_a_timeline_says_nothing_of_writes_that_were_not_kept():
    sent = Sent(status=200, chunks=9, seconds=1.0, writes=(Write(0.25, 1), Write(0.5, 1)))
    *waits, _, _ = ET.fromstring(timeline(sent))
    assert [wait.get("x") for wait in waits] == ["0", "250"]
    assert told(sent) == (
        "first write after 250 ms, longest silence 250 ms; the first 2 of 9 writes are drawn"
    )


def test_a_timeline_of_no_time_is_one():
    sent = Sent(status=200, chunks=1, ending="aborted", writes=(Write(0.0, 1),))
    assert ET.fromstring(timeline(sent))[0].get("d") == "M0 3v14"


def test_large_records_stay_small_and_say_so(asked):
    text = "很长<" * 10_000
    writes = tuple(Write(number / 1_000, 100) for number in range(1_000))
    sent = Sent(
        status=200,
        told=tuple((f"x-{number}", "<" * 600) for number in range(20)),
        kept=(text.encode()[: 2**16],),
        chunks=1_000,
        bytes=2**20,
        seconds=1.0,
        writes=writes,
    )
    exchange = replace(asked(1, text), sent=sent)
    exchanges = tuple(replace(exchange, number=number) for number in range(1, 1_001))
    findings = tuple(Finding("unmet_step", "很" * 5_000, exchanges) for _ in range(1_000))
    record = Record(
        name="t",
        session="s",
        scenario="",
        seed=0,
        exchanges=exchanges,
        findings=findings,
        unused=tuple(f"rule {number} " + "<" * 500 for number in range(1_000)),
    )
    page = report_html([record])
    assert len(page.encode()) < 20_000_000
    shown = "".join(Reader(page).text)
    assert re.search(r"[\d,]+ requests left out to keep this page small", shown)
    assert "The first 2,500 of 30," in shown


ATTACKS = ["</script><img src=x onerror=alert(1)>", "<!--", "]]>", "&lt;&#60;", "</pre>", "\"'`>"]
TOLD = st.text(max_size=30) | st.sampled_from(ATTACKS)  # the server makes UTF-8 of all
NAMED = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(ATTACKS)


@given(NAMED, NAMED, st.lists(TOLD, min_size=10, max_size=10), st.binary(max_size=20))
def test_no_text_gets_out_of_its_place(name, outcome, texts, body):
    session, scenario, rule, place, error, message, header, value, path, fault = texts
    sent = Sent(
        status=200,
        told=((header, value),),
        kept=(body,),
        chunks=2,
        bytes=len(body) + 1,
        ending="aborted",
        writes=(Write(0.0, 1), Write(0.5, 1)),
    )
    exchange = Exchange(
        number=1,
        at=0.0,
        method="POST",
        path=path,
        headers={header: value, "host": value},
        body=body,
        chosen="rule",
        rule=rule,
        place=place,
        call=1,
        attempt=2,
        error=error,
        message=message,
        faults=(fault,),
        ignored=(fault,),
        sent=sent,
    )
    record = Record(
        name=name,
        session=session,
        scenario=scenario,
        seed=0,
        exchanges=(exchange,),
        findings=(Finding("unmet_step", message, (exchange,)),),
        unused=(rule,),
        outcome=outcome,
    )
    shown = read(report_html([record]))
    for text in (name or session, scenario, outcome, rule):
        assert one_line(text, 200) in shown
    for text in (message, fault, header, value, path):
        assert clipped(text, 500) in shown
    lines = transcript(record).split("\n")
    assert len(lines) == 4
    assert not any(re.search("[\x00-\x1f\x7f-\x9f]", line) for line in lines)
    (case,) = ET.fromstring(junit([record], suite=name, seconds=0.0))[0]
    assert case.find("failure").text == transcript(record)
    json.loads(har([exchange]))
    json.loads(report_json([record]))
    assert b"".join(json_lines([exchange])).count(b"\n") == 1
