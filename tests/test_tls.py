"""`mockgpt serve --tls` and `mockgpt run --intercept`: certificates, variables, what is told."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from mockgpt.cli import main

PATIENCE = 30  # seconds until a command that does not end is a failure
HOST = "openai.pgpt.cloud"
CHAT = json.dumps({"messages": [{"role": "user", "content": "Hi"}]})


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    """Take away what would be read as an option, or lead clients elsewhere."""
    for name in tuple(os.environ):
        led = name.lower().endswith("_proxy") or name.endswith(("_CERT_FILE", "_BUNDLE", "_CERTS"))
        if led or name.startswith(("MOCKGPT_", "OPENAI_", "NODE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def start():
    """Start `mockgpt serve` on a free port; return the process, its URL and the rest of its banner."""
    started = []

    def start(*arguments):
        words = [sys.executable, "-m", "mockgpt", "serve", "--listen", "127.0.0.1:0", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(list(map(str, words)), **pipes)
        started.append(process)
        lines = [process.stdout.readline()]
        while lines[-1] and "Stop with" not in lines[-1] and "-q" not in arguments:
            lines.append(process.stdout.readline())
        return process, re.search(r"https?://[\d.:]+", lines[0])[0], "".join(lines)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def models(url, authority):
    context = ssl.create_default_context(cafile=authority)
    request = urllib.request.Request(f"{url}/v1/models", headers={"api-key": "k"})
    with urllib.request.urlopen(request, context=context, timeout=PATIENCE) as response:
        return json.load(response)["object"]


def test_serve_says_what_makes_clients_trust_it(start):
    process, url, banner = start("--tls")
    assert url.startswith("https://127.0.0.1:")
    variables = dict(re.findall(r"export (\w+)=(\S+)", banner))
    authority = variables["SSL_CERT_FILE"]
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT")
    assert {variables[name] for name in names} == {authority}
    assert variables["OPENAI_BASE_URL"] == f"{url}/v1"
    assert f"curl --cacert {authority} {url}/v1/chat/completions " in banner
    assert "PRIVATE KEY" not in Path(authority).read_text("ascii")
    assert models(url, authority) == "list"
    assert models(url.replace("127.0.0.1", "localhost"), authority) == "list"
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        models(url, None)
    with pytest.raises(OSError, match=r"closed|reset"):  # by plain HTTP
        urllib.request.urlopen(url.replace("https", "http"), timeout=PATIENCE)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert [line.partition("  ")[0] for line in errors.splitlines()] == ["GET /v1/models"] * 2
    assert not Path(authority).parent.exists()


def test_a_quiet_server_says_what_makes_clients_trust_it(start):
    _, url, line = start("--tls", "-q")
    authority = re.fullmatch(r".* on \S+; its certificate is trusted by (\S+)\n", line)[1]
    assert models(url, authority) == "list"


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """Return a folder of certificates and keys, and of what is neither."""
    folder = tmp_path_factory.mktemp("pems")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca")
    one, other = authority.issue_cert("127.0.0.1"), authority.issue_cert("127.0.0.1")
    rsa = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
    one.cert_chain_pems[0].write_to_path(folder / "cert")
    one.private_key_pem.write_to_path(folder / "key")
    one.private_key_and_cert_chain_pem.write_to_path(folder / "both")
    other.private_key_pem.write_to_path(folder / "other")
    rsa.private_key_pem.write_to_path(folder / "rsa")
    (folder / "text").write_text("text")
    encrypt = ["openssl", "ec", "-in", "key", "-aes256", "-passout", "pass:abc", "-out", "locked"]
    subprocess.run(encrypt, cwd=folder, capture_output=True, check=True, timeout=PATIENCE)
    return folder


@pytest.mark.parametrize("names", [("--cert", "cert", "--key", "key"), ("--cert", "both")])
def test_a_certificate_may_be_given(start, pems, names):
    words = [name if name.startswith("--") else pems / name for name in names]
    _, url, banner = start(*words)
    assert models(url, pems / "ca") == "list"
    assert "SSL_CERT_FILE" not in banner  # whose authority that is nobody knows here


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cert", "text"], "expected a certificate in PEM form in 'text', found none"),
        (["--cert", "key"], "expected a certificate in PEM form in 'key', found none"),
        (
            ["--cert", "cert"],
            "expected a private key in PEM form, without a password, in 'cert', found none",
        ),
        (
            ["--cert", "cert", "--key", "text"],
            "expected a private key in PEM form, without a password, in 'text', found none",
        ),
        (
            ["--cert", "cert", "--key", "locked"],
            "expected a private key in PEM form, without a password, in 'locked', found none",
        ),
        (
            ["--cert", "cert", "--key", "other"],
            "expected the key of 'cert' in 'other', found another's",
        ),
        (
            ["--cert", "cert", "--key", "rsa"],
            "expected the key of 'cert' in 'rsa', found another's",
        ),
        (["--key", "key"], "expected --cert beside --key, found none; name the certificate"),
        (
            ["--cert", "none"],
            "Invalid value for '--cert' (env var: 'MOCKGPT_CERT'): File 'none' does",
        ),
        (
            ["--tls"],
            'making a certificate needs the package trustme; run: pip install "mockgpt[tls]"',
        ),
    ],
)
def test_what_cannot_be_served_by_is_one_line(monkeypatch, pems, arguments, message):
    monkeypatch.setitem(sys.modules, "trustme", None)
    monkeypatch.chdir(pems)
    result = CliRunner().invoke(main, ["serve", "--listen", "127.0.0.1:0", *arguments])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")


# --- run

CLIENT = """
import os, sys, urllib.error, urllib.request
for url in sys.argv[1:]:
    request = urllib.request.Request(url, headers={"api-key": os.environ["OPENAI_API_KEY"]})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            response.read()
            print(response.status)
    except urllib.error.HTTPError as error:
        with error:
            print(error.code, error.read().decode())
    except urllib.error.URLError as error:
        print(error.reason)
"""


@pytest.fixture
def run(capfd):
    """Run a command with HOST intercepted; return its code, and what was written to both streams."""

    def run(*arguments, command):
        words = ["run", "--intercept", HOST, *arguments, "--", *command]
        result = CliRunner().invoke(main, words, catch_exceptions=False)
        return result.exit_code, capfd.readouterr().out, result.stderr

    return run


def asking(*urls):
    return [sys.executable, "-c", CLIENT, *urls]


def test_a_host_is_stood_in_for(run):
    urls = [f"https://{HOST}/v1/models", f"https://{HOST.upper()}:8443/v1/models"]
    code, out, err = run(command=asking(*urls, f"http://{HOST}/v1/models"))
    assert (code, out) == (0, "200\n200\n200\n")
    assert err == "mockgpt: 3 requests, 0 calls, no findings\n"


def test_several_hosts_and_a_session(run):
    urls = ["https://api.example/v1/models", f"https://{HOST}/v1/models"]
    code, out, err = run("--intercept", "api.example", "--session", "s", command=asking(*urls))
    assert (code, out, err) == (0, "200\n200\n", "mockgpt: 2 requests, 0 calls, no findings\n")


STRAYED = (
    "unexpected_host: a client tried to reach api.example:{port}; keep it from that, answer in its "
    "place with --intercept api.example, or expect it: --allow unexpected_host"
)


def test_whoever_strays_is_told_once_and_fails_the_run(run):
    command = asking("https://api.example/", "https://api.example/x", "http://api.example/")
    code, out, err = run(command=command)
    refused = f"mockgpt stands in for {HOST}; found api.example"
    tunnel = f"Tunnel connection failed: 403 {refused}:443\n"
    assert (code, out) == (1, tunnel * 2 + f"403 {refused}:80\n")
    assert err.splitlines() == [
        "mockgpt: default (passed): 0 requests, 2 findings",
        f"  error {STRAYED.format(port=443)}",
        f"  error {STRAYED.format(port=80)}",
        "mockgpt: 0 requests, 0 calls, 2 errors (unexpected_host)",
    ]


def test_a_stray_is_of_the_session_that_is_pointed_to(run, tmp_path):
    command = asking("https://api.example/")
    code, _, err = run("--session", "s", "--report", str(tmp_path), command=command)
    assert (code, err.splitlines()[0]) == (1, "mockgpt: s (passed): 0 requests, 1 finding")
    (record,) = json.loads((tmp_path / "report.json").read_text("utf-8"))["records"]
    assert [one["code"] for one in record["findings"]] == ["unexpected_host"]


def test_a_stray_may_be_expected(run):
    code, _, err = run("--allow", "unexpected_host", command=asking("https://api.example/"))
    assert (code, err) == (0, "mockgpt: 0 requests, 0 calls, no findings\n")


def test_a_client_that_does_not_trust_is_told_of(run):
    script = f"import ssl, urllib.request as u; u.urlopen('https://{HOST}', context=ssl.create_default_context(cafile=None))"
    command = ["env", "-u", "SSL_CERT_FILE", sys.executable, "-c", script]
    code, _, err = run(command=command)
    assert code == 1
    assert f"mockgpt: no TLS as {HOST} (TLSV1_ALERT_UNKNOWN_CA) with a client; expected one" in err


SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def test_the_command_is_led_to_the_proxy_and_trusts_it(run, monkeypatch):
    monkeypatch.setenv("NO_PROXY", f"corp.example,{HOST}")
    monkeypatch.setenv("https_proxy", "http://corp.example:3128")
    monkeypatch.setenv("NODE_OPTIONS", "--no-warnings")
    _, out, _ = run(command=[sys.executable, "-c", SHOW])
    shown = json.loads(out)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        assert shown[name] == shown[name.upper()] == shown["MOCKGPT_URL"]
    assert shown["NO_PROXY"] == shown["no_proxy"] == "127.0.0.1,localhost,::1"
    authority = Path(shown["SSL_CERT_FILE"])
    assert shown["NODE_OPTIONS"] == f'--no-warnings --require "{authority.parent}/intercept.cjs"'
    assert not authority.parent.exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "127.0.0.1,localhost,::1"),
        ("corp.example, localhost", "corp.example,localhost,127.0.0.1,::1"),
        ("*", "*"),
    ],
)
def test_a_user_s_proxy_does_not_catch_what_is_for_the_server(capfd, monkeypatch, before, after):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # where nobody listens
    monkeypatch.setenv("NO_PROXY", before)
    words = ["run", "--", sys.executable, "-c", SHOW]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert json.loads(capfd.readouterr().out)["NO_PROXY"] == after


@pytest.fixture
def _of_a_user(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")


@pytest.mark.usefixtures("_of_a_user")
def test_the_plugin_keeps_a_user_s_proxy_from_the_server(mockgpt):
    opener = (
        urllib.request.build_opener()
    )  # urlopen keeps its own, and the proxies of its first use
    with opener.open(f"{mockgpt.url}/_mockgpt/health", timeout=PATIENCE) as response:
        assert response.status == 200


@pytest.mark.parametrize("host", ["https://a.example", "a.example:443", "", "a..b", "ä.example"])
def test_a_host_is_a_name(host):
    result = CliRunner().invoke(main, ["run", "--intercept", host, "--", "true"])
    assert result.exit_code == 2
    assert f"expected a host such as openai.pgpt.cloud, found '{host}'" in result.stderr


def test_interception_needs_trustme(monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    result = CliRunner().invoke(main, ["run", "--intercept", HOST, "--", "true"])
    assert (result.exit_code, result.stderr) == (
        2,
        'Error: making a certificate needs the package trustme; run: pip install "mockgpt[tls]"\n',
    )
