"""What docs/reliability.md says of tests, commands and bounds, beside what the code has."""

import re

import pytest
from fuzz.conftest import CASES

from mockgpt.core import engine, noted, sandbox, searching
from mockgpt.core.journal import Journal
from mockgpt.files import documents, named, texts
from mockgpt.server import app, connection, control, door, send
from mockgpt.server.patience import PATIENCE

_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
_FIGURE = re.compile(r"\d[\d,]*")
_UNITS = {"MiB": 2**20, "KiB": 2**10, "GiB": 2**30}


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/reliability.md").read_text("utf-8")


@pytest.fixture(scope="module")
def tables(page):
    """Return the rows of each table, as cells, by its first head."""
    found = re.findall(r"^\| ([^|]+) \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    return {head: [row.split(" | ") for row in _ROW.findall(rows)] for head, rows in found}


def figures(text):
    return [int(figure.replace(",", "")) for figure in _FIGURE.findall(text)]


def test_every_path_is_there(page, root):
    written = re.findall(r"(?<!\w)(?:mockgpt|tests|benchmarks|\.ci|docs)/[\w./-]*\w", page)
    assert len(written) > 10
    for path in written:
        assert (root / path).exists(), path


def test_every_command_has_its_options(tables, root):
    commands = [cell for _, cell in tables["run"]]
    assert len(commands) == 7
    (soak,) = (cell for cell in commands if "soak" in cell)
    (option,) = re.findall(r"--[\w-]+", soak)
    assert f'"{option}"' in (root / "benchmarks/soak.py").read_text("utf-8")


def test_the_cases_are_those_of_the_long_run(page, tables, root):
    rows = tables["target"]
    assert {name: figures(cases) for name, cases, *_ in rows} == {
        name: [many] for name, (_, many) in CASES.items()
    }
    for name, cases, tried, _ in rows:
        assert figures(tried) <= figures(cases), name
    total = f"{sum(many for _, many in CASES.values()):,}"
    assert f"A long run draws {total} cases" in page
    assert f"tries {total} cases" in (root / "CONTRIBUTING.md").read_text("utf-8")


def test_the_load_is_what_the_tests_have(tables, root):
    pieces = {
        name: piece
        for module in ("test_load.py", "test_faults.py")
        for piece in (root / "tests/load" / module).read_text("utf-8").split("\n\n\n")
        for name in re.findall(r"^def (test_\w+)\(", piece, re.MULTILINE)
    }
    rows = {
        name.strip("`"): f"{few} {long}" for name, few, long, *_ in tables["test in `tests/load`"]
    }
    assert rows.keys() == pieces.keys()
    for name, told in rows.items():
        for figure in figures(told):
            assert re.search(rf"\b{figure:_}\b", pieces[name]), (name, figure)


def test_the_soak_and_the_sessions_are_what_is_said(page, root):
    soak = (root / "benchmarks/soak.py").read_text("utf-8")
    sessions, rate, grown = re.search(
        r"in ([\d,]+) sessions, at (\d+) actions .* grows by more than (\d+) %", page, re.DOTALL
    ).groups()
    assert re.search(rf'"--sessions", type=int, default={figures(sessions)[0]}\b', soak)
    assert re.search(rf'"--rate", type=float, default={rate}\b', soak)
    assert f'"memory": {int(grown) / 100}' in soak
    played = (root / "tests/determinism/test_determinism.py").read_text("utf-8")
    sessions, threads = re.search(
        r"(\d+) sessions in shuffled orders and (\d+) threads", page
    ).groups()
    assert f"digests(tmp_path, {sessions}, {threads}, seed, place)" in played


def bounds():
    """Return the figures that each row of the table is to have, in its units."""
    return {
        "a request's body, decompressed": [app.MAX_BODY],
        "a control request's body": [control.MAX_BODY],
        "a head, from its first byte until it is whole": [PATIENCE.head],
        "the next byte of a body": [PATIENCE.body],
        "a connection between requests": [PATIENCE.idle],
        "an answer of which nothing is taken": [PATIENCE.unread],
        "a refused client that goes on writing": [connection._LINGER],
        "what is written at once of an answer": [send._JOINED],
        "plain requests that are sent ahead of an answer": [door._AHEAD],
        "a scenario file": [named._LARGEST, documents._DEEPEST, documents._MOST],
        "a `file` that a reply names": [texts._MOST],
        "a template": [sandbox.STEPS, sandbox.CHARACTERS],
        "a search by a regular expression": [searching._STEPS],
        "sessions": [engine._SESSIONS],
        "findings of single requests, a session": [noted._KEPT],
        "a session's journal": list(Journal.__init__.__defaults__),
        "journals of all sessions": [engine._HELD],
    }


def test_the_bounds_are_those_of_the_code(tables):
    def told(text):
        return [
            int(number.replace(",", "")) * _UNITS.get(unit, 1)
            for number, unit in re.findall(r"(\d[\d,]*) ?(\w*)", text)
        ]

    assert {name: told(value) for name, value, _ in tables["bound"]} == bounds()
