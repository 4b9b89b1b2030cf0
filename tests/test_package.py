"""The wheel, built and installed into an empty folder, has what it needs and nothing else."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions

import pytest
from sources import imports

ELSEWHERE = {"pytest", "tiktoken"}  # pytest loads the plugin; tiktoken is used where it is


@pytest.fixture(scope="session")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_has_the_package_the_services_and_the_scenarios(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith("mockgpt-")}
    source = {
        str(path.relative_to(root))
        for path in (root / "mockgpt").rglob("*")
        if path.suffix in (".py", ".yaml", ".typed")
    }
    scenarios = {f"mockgpt/scenarios/{path.name}" for path in (root / "scenarios").iterdir()}
    assert names == source | scenarios
    assert "mockgpt/py.typed" in names


def test_the_oldest_dependencies_that_are_tested_are_those_that_are_declared(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    declared = {
        re.split(r"[<>=]", line)[0]: re.search(r">=([\d.]+)", line)[1]
        for line in sum(extras, project["dependencies"])
    }
    pinned = dict(line.split("==") for line in (root / ".ci/oldest.txt").read_text().split())
    assert pinned.keys() == declared.keys()
    for name, version in declared.items():
        assert pinned[name] == version or pinned[name].startswith(version + ".")


def test_the_wheel_asks_for_just_what_it_imports(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        asked = re.findall(
            r"^Requires-Dist: ([\w-]+)", archive.read(metadata).decode(), re.MULTILINE
        )
        sources = [archive.read(name) for name in archive.namelist() if name.endswith(".py")]
    imported = {name.partition(".")[0] for source in sources for name in imports(source)}
    foreign = imported - sys.stdlib_module_names - ELSEWHERE - {"mockgpt"}
    owners = packages_distributions()
    needed = {owners.get(name, [name])[0].lower().replace("_", "-") for name in foreign}
    assert needed == set(asked)


def test_the_sbom_of_a_wheel_is_the_same_bytes_whenever_it_is_made(wheel, root):
    made = []
    for seed in "12":
        subprocess.run(
            [sys.executable, root / ".ci/sbom.py", wheel],
            env={"PYTHONHASHSEED": seed},
            check=True,
            timeout=60,
        )
        (path,) = wheel.parent.glob("*.cdx.json")
        made.append(path.read_bytes())
        path.unlink()
    assert made[0] == made[1]
    document = json.loads(made[0])
    (digest,) = document["metadata"]["component"]["hashes"]
    assert digest["content"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    names = {one["name"] for one in document["components"]}
    assert {"aiohttp", "yarl"} <= names  # which is needed by the other only
    assert not names & {"pip", "pytest", "trustme"}


def test_the_unpacked_wheel_finds_its_own_files(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import mockgpt, json, urllib.request\n"
        "from mockgpt.files.scenarios import shipped\n"
        f"assert mockgpt.__file__.startswith({str(tmp_path)!r}), mockgpt.__file__\n"
        f"assert all(str(p).startswith({str(tmp_path)!r}) for p in shipped().values())\n"
        "with mockgpt.MockGPT('documentation') as mock:\n"
        "    body = {'model': 'gpt-3.5-turbo', 'prompt': 'I am a', 'max_tokens': 7}\n"
        "    headers = {'api-key': 'k', 'content-type': 'application/json'}\n"
        "    url = mock.base_url + '/completions'\n"
        "    request = urllib.request.Request(url, json.dumps(body).encode(), headers)\n"
        "    print(urllib.request.urlopen(request, timeout=20).read().decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"text":" 20 year old female and I"' in done.stdout
