"""What starting leaves out: no clock is needed to tell whether that stays so."""

import http.client
import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

# Of other commands, of clients, of TLS, of answers that nobody asked for, of names beyond ASCII.
LATER = {
    *("mockgpt.cli.check", "mockgpt.cli.explain", "mockgpt.cli.run", "mockgpt.core.lint"),
    *("mockgpt.core.sandbox", "mockgpt.files.reports"),
    *("_ssl", "_hashlib", "hmac"),
    *("aiohttp.client", "aiohttp.connector", "mockgpt.server.operations", "mockgpt.server.views"),
    *("faker", "jinja2", "prometheus_client", "trustme", "tiktoken", "bpe_openai"),
    *("unittest", "xml.etree.ElementTree", "importlib.resources", "encodings.idna"),
}


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    """Start processes without coverage, which imports what is to be left out."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


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


@pytest.mark.parametrize(
    "begun",
    [
        "import mockgpt.mock",
        "with lean(): import mockgpt.mock\nassert 'aiohttp.client' not in sys.modules",
        "import aiohttp\nwith lean(): import mockgpt.mock\nassert 'aiohttp.client' in sys.modules",
    ],
)
def test_aiohttp_has_its_client_for_whoever_asks(begun, tmp_path, monkeypatch):
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    code = (
        f"import sys\nfrom mockgpt.cli.lean import lean\n{begun}\nimport aiohttp\n"
        "from aiohttp import ClientSession, web\n"
        "trusted = aiohttp.connector._SSL_CONTEXT_VERIFIED\n"
        "print(ClientSession.__module__, aiohttp.__version__, hasattr(aiohttp, 'nothing'))\n"
        "print(trusted.cert_store_stats()['x509_ca'], trusted.verify_mode.name, trusted.check_hostname)"
    )
    found = ["aiohttp.client", version("aiohttp"), "False", "1", "CERT_REQUIRED", "True"]
    assert printed(code) == found


def test_an_aiohttp_without_its_version_is_imported_as_ever(tmp_path):
    (tmp_path / "aiohttp.py").write_text("# as of some other day\n__version__ = '9'\n")
    code = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom mockgpt.cli.lean import lean\n"
        "with lean(): print('aiohttp' in sys.modules)"
    )
    assert printed(code) == ["False"]


def test_openssl_is_left_out_for_whoever_speaks_no_tls():
    code = (
        "import sys\nfrom mockgpt.cli.lean import lean\n"
        "with lean(tls=False): import mockgpt.mock\n"
        "print(sys.modules.keys().isdisjoint(('_ssl', '_hashlib')))\n"
        "from asyncio import sslproto\nprint(sslproto.ssl)\n"
        "import hashlib, hmac, http.client, ssl\n"
        "print(hashlib.sha256(b'').hexdigest()[:8], hashlib.md5(b'').hexdigest()[:8])\n"
        "print(hmac.new(b'', b'', 'sha256').hexdigest()[:8], '_ssl' in sys.modules)\n"
        "print(bool(ssl.create_default_context()), http.client.ssl is ssl, '_ssl' in sys.modules)"
    )
    said = ["True", "None", "e3b0c442", "d41d8cd9", "b613679a", "False", "True", "True", "True"]
    assert printed(code) == said


@pytest.mark.parametrize(
    "name", ["prometheus_client", "trustme", "jinja2", "urllib3", "requests", "faker", "httpx"]
)
def test_without_openssl_other_packages_are_imported_as_ever(name):
    pytest.importorskip(name)
    code = f"from mockgpt.cli.lean import lean\nwith lean(tls=False): import {name}\nprint(1)"
    assert printed(code) == ["1"]


@pytest.mark.parametrize(
    ("begun", "tls"),
    [
        ("pass", "True"),
        ("import ssl", "False"),
        ("import hashlib", "False"),
        ("from mockgpt.cli import lean as l; l._HASHES += ('_none',)", "False"),
    ],
)
def test_openssl_is_there_where_it_is_needed_or_was_before(begun, tls):
    code = (
        f"{begun}\nfrom mockgpt.cli.lean import lean\nwith lean(tls={tls}): import mockgpt.mock\n"
        "import hashlib, ssl\nfrom asyncio import sslproto\n"
        "print(sslproto.ssl is ssl, hashlib.sha256.__name__)"
    )
    assert printed(code) == ["True", "openssl_sha256"]


def test_garbage_is_collected_again_but_for_what_stays():
    code = (
        "import gc\nfrom mockgpt.cli.lean import lean\n"
        "with lean():\n print(gc.isenabled())\nprint(gc.isenabled(), gc.get_freeze_count() > 0)"
    )
    assert printed(code) == ["False", "True", "True"]
