"""The laws of the architecture, read off the source."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import sources

PACKAGE = Path(__file__).parents[1] / "mockgpt"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
TEXTS = {name: path.read_text("utf-8") for name, path in MODULES.items()}
WORLDLY = {
    *("aiohttp", "asyncio", "socket", "threading", "os", "pathlib"),
    *("time", "datetime", "random", "uuid", "yaml", "subprocess", "logging"),
}


@cache
def imports(name, **how):
    return sources.imports(TEXTS[name], **how)


@cache
def calls():
    """Return every call: its module, its line and what is called."""
    return [
        (name, node.lineno, ast.unparse(node.func))
        for name, text in TEXTS.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
    ]


def roots(names):
    return {name.partition(".")[0] for name in names}


def below(prefix):
    return {n: p for n, p in MODULES.items() if n == prefix or n.startswith(prefix + ".")}


@pytest.mark.parametrize("name", below("mockgpt.core"))
def test_core_touches_nothing_of_the_world(name):
    assert not roots(imports(name)) & WORLDLY


@pytest.mark.parametrize("name", below("mockgpt.core"))
def test_core_imports_only_core(name):
    inner = {n for n in imports(name) if n.startswith("mockgpt.")}
    assert all(n.startswith("mockgpt.core") for n in inner - {"mockgpt.__version__"})


@pytest.mark.parametrize(
    ("library", "layers"),
    [
        ("aiohttp", ("mockgpt.server.", "mockgpt.cli.lean")),
        ("yaml", ("mockgpt.files.",)),
        ("click", ("mockgpt.cli",)),
        ("pytest", ("mockgpt.pytest_plugin",)),
        ("tiktoken", ("mockgpt.files.exact",)),
        ("bpe_openai", ("mockgpt.files.exact",)),
        ("faker", ("mockgpt.core.prose",)),
        ("jinja2", ("mockgpt.core.templates", "mockgpt.core.sandbox")),
        ("trustme", ("mockgpt.server.tls",)),
        ("prometheus_client", ("mockgpt.server.metrics",)),
    ],
)
def test_a_library_has_one_layer(library, layers):
    users = {name for name in MODULES if library in roots(imports(name))}
    assert users
    assert all(user.startswith(layers) for user in users)


@pytest.mark.parametrize("library", ["faker", "tiktoken", "bpe_openai", "trustme"])
def test_a_library_that_few_need_is_imported_late(library):
    assert not any(library in roots(imports(name, at_once=True)) for name in MODULES)


def test_files_and_server_do_not_know_each_other():
    for name in below("mockgpt.files"):
        assert not any(n.startswith("mockgpt.server") for n in imports(name))
    for name in below("mockgpt.server"):
        assert not any(n.startswith("mockgpt.files") for n in imports(name))


def test_only_the_command_line_prints():
    printing = {name for name, _, called in calls() if called in ("print", "click.echo")}
    assert all(name.startswith("mockgpt.cli.") for name in printing)


def test_no_import_cycles():
    graph = {
        name: {n for n in imports(name, at_once=True) if n in MODULES and n != name}
        for name in MODULES
    }
    done = set()

    def visit(name, trail):
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph[name]:
                visit(other, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])


def places(needle):
    """Return the places where a call's source reads like this."""
    return [f"{name}:{line}" for name, line, called in calls() if needle in called]


def test_the_journal_is_appended_to_in_one_place():
    assert len(places("journal.append")) == 1


def test_responses_are_written_in_one_module():
    assert not [*places("web.Response"), *places("web.StreamResponse"), *places("json_response")]
    assert {place.partition(":")[0] for place in places("head_bytes")} == {"mockgpt.server.send"}
    written = {place.partition(":")[0] for place in places("transport.write")}
    wires = {"mockgpt.server.asked", "mockgpt.server.outbox"}  # what a sender has them write
    assert written == {*wires, "mockgpt.server.proxy"}  # what CONNECT is answered


def test_everything_is_caught_in_one_place():
    broad = [
        f"{name}:{handler.lineno}"
        for name, text in TEXTS.items()
        for handler in ast.walk(ast.parse(text))
        if isinstance(handler, ast.ExceptHandler)
        if handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")
    ]
    assert [place.partition(":")[0] for place in broad] == ["mockgpt.server.app"]


def test_modules_stay_readable():
    for name, text in TEXTS.items():
        if name != "mockgpt.core.token_tables":
            assert len(text.splitlines()) <= 300, name


def test_contributing_has_every_module(root):
    page = (root / "CONTRIBUTING.md").read_text("utf-8")
    table = page.partition("| modules | idea |\n|---|---|\n")[2].partition("\n\n")[0]
    told = []
    for row in table.splitlines():
        first, *others = re.findall(r"`([\w/.]+)`", row.split("|")[1])
        told += [first, *(f"{Path(first).parent}/{other}".removeprefix("./") for other in others)]
    written = {str(path.relative_to(PACKAGE)) for path in MODULES.values()}
    assert sorted(told) == sorted(n for n in written if "__" not in n)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"mockgpt.__main__"}))
def test_every_module_imports_alone_without_a_warning(name):
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {name}"], check=True, timeout=60)


@pytest.mark.parametrize("name", ["mockgpt", "mockgpt.pytest_plugin", "mockgpt.cli"])
def test_what_every_run_imports_loads_no_aiohttp(name):
    code = f"import {name}, sys; print('aiohttp' in sys.modules, 'yaml' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]


def test_the_plugin_imports_what_pytest_has_and_nothing_of_mockgpt():
    inner = imports("mockgpt.pytest_plugin", at_once=True)
    assert not any(name.startswith("mockgpt") for name in inner)
    code = (
        "import pytest, sys; before = {*sys.modules}; import mockgpt.pytest_plugin;"
        "print(*sorted(sys.modules.keys() - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["mockgpt", "mockgpt.pytest_plugin"]
