"""The laws of the architecture, read off the source."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mockgpt"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
WORLDLY = {
    *("aiohttp", "asyncio", "socket", "threading", "os", "pathlib"),
    *("time", "datetime", "random", "uuid", "yaml", "subprocess", "logging"),
}


def imports(path, *, top_level_only=False):
    """Return the absolute names of all modules that a file imports, but for type checkers."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found.update(
                f"{node.module}.{alias.name}"
                for alias in node.names
                if f"{node.module}.{alias.name}" in MODULES
            )
    return found


def roots(names):
    return {name.partition(".")[0] for name in names}


def below(prefix):
    return {n: p for n, p in MODULES.items() if n == prefix or n.startswith(prefix + ".")}


@pytest.mark.parametrize("name", below("mockgpt.core"))
def test_core_touches_nothing_of_the_world(name):
    assert not roots(imports(MODULES[name])) & WORLDLY


@pytest.mark.parametrize("name", below("mockgpt.core"))
def test_core_imports_only_core(name):
    inner = {n for n in imports(MODULES[name]) if n.startswith("mockgpt.")}
    assert all(n.startswith("mockgpt.core") for n in inner)


def test_faker_is_imported_by_prose_alone_and_late():
    users = {n for n, p in MODULES.items() if "faker" in p.read_text("utf-8").lower()}
    importers = {n for n in users if "import_module" in MODULES[n].read_text("utf-8")}
    assert importers == {"mockgpt.core.prose"}
    assert not any("faker" in roots(imports(p)) for p in MODULES.values())


@pytest.mark.parametrize(
    ("library", "layers"),
    [
        ("aiohttp", ("mockgpt.server.",)),
        ("yaml", ("mockgpt.files.",)),
        ("click", ("mockgpt.cli",)),
        ("pytest", ("mockgpt.pytest_plugin",)),
        ("tiktoken", ("mockgpt.files.exact",)),
        ("jinja2", ("mockgpt.core.templates", "mockgpt.core.sandbox")),
        ("trustme", ("mockgpt.server.tls",)),
        ("prometheus_client", ("mockgpt.server.metrics",)),
    ],
)
def test_a_library_has_one_layer(library, layers):
    users = {name for name, path in MODULES.items() if library in roots(imports(path))}
    assert all(user.startswith(layers) for user in users)


def test_files_and_server_do_not_know_each_other():
    for name in below("mockgpt.files"):
        assert not any(n.startswith("mockgpt.server") for n in imports(MODULES[name]))
    for name in below("mockgpt.server"):
        assert not any(n.startswith("mockgpt.files") for n in imports(MODULES[name]))


def test_only_the_command_line_prints():
    for name, path in MODULES.items():
        calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
        printed = [c for c in calls if ast.unparse(c.func) in ("print", "click.echo")]
        assert not printed or name.startswith("mockgpt.cli.")


def test_no_import_cycles():
    graph = {
        name: {n for n in imports(path, top_level_only=True) if n in MODULES and n != name}
        for name, path in MODULES.items()
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


def places(needle, *, of=None):
    """Return the places where a call's or attribute's source reads like this."""
    return [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and needle in ast.unparse(node.func)
        if of is None or name == of
    ]


def test_the_journal_is_appended_to_in_one_place():
    assert len(places("journal.append")) == 1


def test_responses_are_written_in_one_module():
    assert not [*places("web.Response"), *places("web.StreamResponse"), *places("json_response")]
    assert {place.partition(":")[0] for place in places("head_bytes")} == {"mockgpt.server.send"}
    written = {place.partition(":")[0] for place in places("transport.write")}
    assert written == {"mockgpt.server.send", "mockgpt.server.proxy"}  # what CONNECT is answered


def test_everything_is_caught_in_one_place():
    broad = [
        f"{name}:{handler.lineno}"
        for name, path in MODULES.items()
        for handler in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(handler, ast.ExceptHandler)
        if handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")
    ]
    assert [place.partition(":")[0] for place in broad] == ["mockgpt.server.app"]


def test_modules_stay_readable():
    for name, path in MODULES.items():
        if name != "mockgpt.core.token_tables":
            assert len(path.read_text("utf-8").splitlines()) <= 300, name


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
    inner = imports(MODULES["mockgpt.pytest_plugin"], top_level_only=True)
    assert not any(name.startswith("mockgpt") for name in inner)
    code = (
        "import pytest, sys; before = {*sys.modules}; import mockgpt.pytest_plugin;"
        "print(*sorted(sys.modules.keys() - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["mockgpt", "mockgpt.pytest_plugin"]
