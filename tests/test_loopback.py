"""Nothing that mockgpt does opens a socket elsewhere than on this machine's loopback interface."""

import json
import ssl
import subprocess
import sys
import urllib.request

import pytest

PATIENCE = 60  # seconds until a command that does not end is a failure

# Writes what a process, and all that it imports, does with addresses and names; then runs the command.
WATCHED = """
import json, sys
told = open(sys.argv.pop(1), "a", buffering=1)
shown = dict.fromkeys(["getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo"], 0)
shown |= dict.fromkeys(["connect", "bind", "sendto", "sendmsg"], 1)
def note(event, arguments):
    kind, _, what = event.partition(".")
    if kind == "socket" and what in shown:
        told.write(json.dumps([what, str(arguments[shown[what]])]) + "\\n")
sys.addaudithook(note)
"""
COMMAND = f"{WATCHED}from mockgpt.cli import main\nmain(prog_name='mockgpt')"
COMMANDS = f"{WATCHED}from mockgpt.cli import main\nfor one in sys.argv[1:]:\n    main(one.split(), standalone_mode=False)"
TESTED = f"{WATCHED}import pytest\nsys.exit(pytest.main(sys.argv[1:]))"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ASK = """
import json, os, urllib.request
headers = {"api-key": "k", "content-type": "application/json"}
body = json.dumps({"messages": [{"role": "user", "content": "Hello!"}]}).encode()
request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, headers)
urllib.request.urlopen(request, timeout=20).close()
"""


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Return the command that runs watched code, and a look at the addresses that it used."""
    monkeypatch.chdir(tmp_path)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)

    def addresses():
        text = (tmp_path / "told").read_text("utf-8")
        return [" ".join(json.loads(line)) for line in text.splitlines()]

    return lambda code: [sys.executable, "-c", code, tmp_path / "told"], addresses


def is_loopback(used):
    return any(host in used for host in LOOPBACK)


def test_what_serves_nothing_uses_no_address(watched, tmp_path, root):
    (tmp_path / "request.json").write_text('{"messages": [{"role": "user", "content": "Hi"}]}')
    command, addresses = watched
    words = [
        f"check {root}/scenarios", "explain documentation request.json", "tokens Hello", "schema",
    ]  # fmt: skip
    subprocess.run([*command(COMMANDS), *words], capture_output=True, check=True, timeout=PATIENCE)
    assert addresses() == []


def test_a_run_uses_this_machine_s_addresses_alone(watched):
    command, addresses = watched
    words = ["run", "documentation", "--report", "out", "--intercept", "openai.pgpt.cloud"]
    words += ["--", sys.executable, "-c", ASK]
    subprocess.run([*command(COMMAND), *words], capture_output=True, check=True, timeout=PATIENCE)
    used = addresses()
    assert any(one.startswith("bind ") for one in used)
    assert all(map(is_loopback, used)), used


@pytest.mark.parametrize("options", [["--watch"], ["--tls"]])
def test_serving_uses_this_machine_s_addresses_alone(watched, options):
    command, addresses = watched
    words = ["serve", "documentation", "--listen", "127.0.0.1:0", "-q", *options]
    with subprocess.Popen(
        [*command(COMMAND), *words], stdout=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().split()[3]
        request = urllib.request.Request(f"{url}/v1/models", headers={"api-key": "k"})
        anybody = ssl._create_unverified_context()
        with urllib.request.urlopen(request, context=anybody, timeout=PATIENCE) as response:
            assert response.status == 200
        process.terminate()
    used = addresses()
    assert any(one.startswith("bind ") for one in used)
    assert all(map(is_loopback, used)), used


def test_the_fixtures_use_this_machine_s_addresses_alone(watched, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    asking = "\n    ".join(ASK.strip().splitlines())
    tests = "".join(
        f"def test_{name}({name}):\n    {asking}\n\n" for name in ("mockgpt", "mockgpt_session")
    )
    (tmp_path / "test_it.py").write_text(tests)
    command, addresses = watched
    plain = ["-pmockgpt.pytest_plugin", "--rootdir", tmp_path, tmp_path / "test_it.py"]
    subprocess.run([*command(TESTED), *plain], capture_output=True, check=True, timeout=PATIENCE)
    used = addresses()
    assert sum(one.startswith("connect ") for one in used) == 2
    assert all(map(is_loopback, used)), used
