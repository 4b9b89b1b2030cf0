"""docs/clients-and-faults.md says what each client does under each fault; this is where it is seen.

The READMEs have the table of streams in short, made from that page.
"""

import re
from typing import get_args

import msgspec
import pytest
import yaml

from mockgpt import MockGPT
from mockgpt.core.conditions import When
from mockgpt.core.faults import Fault, Stall
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario

CLIENTS = {
    "Python 0.28.1": "legacy",
    "Python 3": "today",
    "Node 6.49": "openai-today",
    "Node 4.104": "openai-v4",
}

STREAMED = (
    "latency {delay: 50ms}",
    "latency {delay: 10m}",
    "stall {after: 4, for: 50ms}",
    "stall {after: 4}",
    "disconnect {how: reset}",
    "disconnect {how: close}",
    "disconnect {after: 4, how: reset}",
    "disconnect {after: 4, how: close}",
    "disconnect {after: 4, how: hang}",
    "bandwidth {bytes_per_second: 100000}",
    "slice {bytes: 1}",
    "slice {inside: utf8}",
    "slice {inside: json}",
    "slice {inside: newline}",
    "coalesce {events: 3}",
    "newline {style: crlf}",
    "newline {style: cr}",
    "no_space",
    "comments",
    "event_lines {event: message}",
    "event_lines {event: error}",
    "garble {event: 5}",
    "duplicate {event: 5}",
    "reorder {event: 5}",
    "drop {event: 5}",
    "error_event {after: 4}",
    "no_finish",
    "no_done",
    "cut_last",
    "content_type {type: application/json}",
    "content_type {type: text/html}",
    "torture",
)
WHOLE = (
    "latency {delay: 50ms}",
    "latency {delay: 10m}",
    "stall {after: {bytes: 100}, for: 50ms}",
    "stall {after: {bytes: 100}}",
    "disconnect {how: reset}",
    "disconnect {how: close}",
    "disconnect {after: {bytes: 100}, how: reset}",
    "disconnect {after: {bytes: 100}, how: close}",
    "disconnect {after: {bytes: 100}, how: hang}",
    "bandwidth {bytes_per_second: 1000}",
    "slice {bytes: 1}",
    "slice {inside: utf8}",
    "garble",
    "truncate_body {bytes: 100}",
    "content_type {type: text/plain}",
    "content_type {type: text/html}",
)
TABLES = {"fault in a stream": STREAMED, "fault in a whole answer": WHOLE}

# The READMEs' columns, by the page's; and their words, by what the page's cells have in them.
SHORT_CLIENTS = {
    "openai 0.28.1": ("Python 0.28.1",),
    "openai 3.x": ("Python 3",),
    "node": ("Node 6.49", "Node 4.104"),
}
SHORT_WORDS = {
    "unnoticed": ("unnoticed", "未察觉"),
    "time-out": ("time-out", "超时"),
    "**hangs**": ("**hangs**", "**挂起**"),
    "**wrong text**": ("**wrong text**", "**文本错误**"),
    "**no finish reason**": ("**no finish reason**", "**没有结束原因**"),
    "`": ("exception", "异常"),
}
READMES = (("README.md", "fault in a stream", " or "), ("README.zh-CN.md", "流中的故障", "或"))

TEXT = "Hello, 世界! How may I help?"
BEFORE = "Hello, "  # what four events carry: the role, and three tokens
SILENT = ("latency", "stall", "disconnect", "truncate_body")  # where a client may wait for ever
SHORT, LONG = 2, 20  # s, a client's time-out: there, and where it must not matter

_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def faults(row):
    kind, _, options = row.partition(" ")
    fault = msgspec.convert({"kind": kind, **yaml.safe_load(options or "{}")}, Fault)
    if kind == "disconnect" and fault.after:
        # An end that comes at once overtakes what was sent, at times and with some clients.
        return fault, Stall(after=fault.after, for_="100ms")
    return (fault,)


# The silent ones last: where their time is short, nothing else is to take any.
CASES = sorted(
    ((row, rows is STREAMED) for rows in TABLES.values() for row in rows),
    key=lambda case: case[0].startswith(SILENT),
)
SCENARIO = Scenario(
    rules=tuple(
        Rule(when=When(user=row, stream=stream), reply=Reply(say=TEXT, faults=faults(row)))
        for row, stream in CASES
    )
)
ASKED = [
    {"user": row, "stream": stream, "timeout": SHORT if row.startswith(SILENT) else LONG}
    for row, stream in CASES
]


def outcome(case, got):
    """Say in the table's words what a client made of a case."""
    text = got["text"]
    if got.get("hangs") or got["raised"]:
        assert TEXT.startswith(text)
        if case["stream"] and "after: 4" in case["user"]:
            assert text == BEFORE
    if got.get("hangs"):
        return "**hangs**"
    if got["raised"]:
        late = got["seconds"] >= case["timeout"]
        return f"{'time-out, ' if late else ''}`{got['raised']}`"
    if text != TEXT:
        return "**wrong text**"
    return "unnoticed" if got["finish"] == "stop" else "**no finish reason**"


def read(page):
    """Return a page's cells: for each case what CLIENTS do, in their order."""
    cells = {}
    for rows, table in zip(TABLES.values(), _TABLE.findall(page), strict=True):
        for line in table.splitlines()[2:]:
            row, *found = (cell.strip() for cell in line.strip("|").split("|"))
            cells[row.strip("`"), rows is STREAMED] = found
    return cells


def written(page, cells):
    """Return a page with its tables written anew."""
    tables = []
    for title, rows in TABLES.items():
        lines = [[title, *CLIENTS], ["---"] * (1 + len(CLIENTS))]
        lines += [[f"`{row}`", *cells[row, rows is STREAMED]] for row in rows]
        tables.append("".join(f"| {' | '.join(line)} |\n" for line in lines))
    return _TABLE.sub(lambda _: tables.pop(0), page)


def short(page, title, comma, language):
    """Return the table of streams in short: a row for each kind of fault, what clients may do."""
    cells = read(page)
    kinds = {}
    for row in STREAMED:
        kinds.setdefault(row.partition(" ")[0], []).append(cells[row, True])
    lines = [[title, *SHORT_CLIENTS], ["---"] * (1 + len(SHORT_CLIENTS))]
    for kind, rows in kinds.items():
        line = [f"`{kind}`"]
        for clients in SHORT_CLIENTS.values():
            met = [row[place] for row in rows for place in map([*CLIENTS].index, clients)]
            said = [next(w[language] for part, w in SHORT_WORDS.items() if part in m) for m in met]
            line.append(comma.join(dict.fromkeys(said)))
        lines.append(line)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@pytest.fixture
def path(root):
    return root / "docs/clients-and-faults.md"


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_do_what_the_table_says(met, path, client, request):
    with MockGPT(SCENARIO) as mock:
        groups = [[case for case in ASKED if case["timeout"] == time] for time in (LONG, SHORT)]
        seen = met(CLIENTS[client], groups, mock.url)
    mock.check()
    assert len(mock.journal) == len(CASES)  # nobody has tried again
    column = dict(zip(CASES, map(outcome, ASKED, seen), strict=True))
    place = list(CLIENTS).index(client)
    if request.config.getoption("--write-fixtures"):
        page = path.read_text("utf-8")
        cells = dict.fromkeys(CASES, ("",) * len(CLIENTS)) | read(page)
        for case, cell in column.items():
            cells[case] = [*cells[case][:place], cell, *cells[case][place + 1 :]]
        path.write_text(written(page, cells), "utf-8")
    cells = read(path.read_text("utf-8"))
    assert {case: cells[case][place] for case in cells} == column


def test_the_page_has_these_tables_and_every_kind_of_fault(path):
    page = path.read_text("utf-8")
    assert written(page, read(page)) == page
    kinds = {kind.__struct_config__.tag for kind in get_args(Fault)}
    assert {row.partition(" ")[0] for row in STREAMED + WHOLE} == kinds


@pytest.mark.parametrize("language", range(len(READMES)))
def test_the_readmes_have_the_table_of_streams_in_short(language, path, root, request):
    name, title, comma = READMES[language]
    wanted = short(path.read_text("utf-8"), title, comma, language)
    table = re.compile(rf"^\| {title} \|.*\n(?:\|.*\n)+", re.MULTILINE)
    readme = root / name
    if request.config.getoption("--write-fixtures"):
        readme.write_text(table.sub(lambda _: wanted, readme.read_text("utf-8")), "utf-8")
    assert table.findall(readme.read_text("utf-8")) == [wanted]
