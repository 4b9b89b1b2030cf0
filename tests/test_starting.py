"""What starting leaves out: no clock is needed to tell whether that stays so."""

import http.client
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

# Of other commands, of answers that nobody asked for, of names beyond ASCII.
LATER = {
    *("mockgpt.cli.check", "mockgpt.cli.explain", "mockgpt.cli.run", "mockgpt.core.lint"),
    *("mockgpt.core.sandbox", "mockgpt.files.reports"),
    *("faker", "jinja2", "prometheus_client", "trustme", "tiktoken", "bpe_openai"),
    *("unittest", "xml.etree.ElementTree", "importlib.resources", "encodings.idna"),
}


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """Have one authority that clients trust."""
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))


def printed(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_serve_imports_what_its_first_answer_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("hi.yaml").write_text("mockgpt: 1\nrules: [{when: {user: Hi}, reply: Hello}]\n")
    log = Path("imports")
    command = [sys.executable, "-v", "-m", "mockgpt", "serve", "hi.yaml", "--quiet"]
    with (
        log.open("w") as told,
        subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=told, text=True
        ) as process,
    ):
        try:
            address = process.stdout.readline().split()[3]
            body = json.dumps({"messages": [{"role": "user", "content": "Hi"}]})
            headers = {"content-type": "application/json", "api-key": "k"}
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
            connection.request("POST", "/v1/chat/completions", body, headers)
            assert b"Hello" in connection.getresponse().read()
            connection.close()
        finally:
            process.kill()
    imported = set(re.findall(r"^import '(\S+)'", log.read_text(), re.MULTILINE))
    assert {"mockgpt.cli.serve", "mockgpt.core.tokens", "aiohttp.web"} <= imported
    assert sorted(imported & LATER) == []


@pytest.mark.parametrize(("module", "loaded"), [("lean", 0), ("mock", 1)])
@pytest.mark.usefixtures("authority")
def test_only_a_process_that_is_no_client_has_no_authorities(module, loaded):
    """Whoever has a fixture beside an aiohttp client gets aiohttp's own verification."""
    context = "from mockgpt.cli.lean import lean\nwith lean():\n " if module == "lean" else ""
    code = (
        f"{context}import mockgpt.mock\n"
        "from aiohttp.connector import _SSL_CONTEXT_VERIFIED as it\n"
        "print(it.cert_store_stats()['x509_ca'], it.verify_mode.name, it.check_hostname)"
    )
    assert printed(code) == [str(loaded), "CERT_REQUIRED", "True"]


@pytest.mark.parametrize("file", [None, "mine.pem"])
def test_what_a_lean_start_changes_is_restored(file, monkeypatch):
    if file is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", file)
    code = (
        "import gc, os\nfrom mockgpt.cli.lean import lean\n"
        "with lean():\n print(gc.isenabled(), os.environ['SSL_CERT_FILE'])\n"
        "print(gc.isenabled(), os.environ.get('SSL_CERT_FILE'), gc.get_freeze_count() > 0)"
    )
    assert printed(code) == ["False", os.devnull, "True", str(file), "True"]
