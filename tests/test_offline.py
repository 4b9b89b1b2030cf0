"""`mockgpt run --offline`: no network but the server, and what was to be reached elsewhere."""

import os
import struct
import subprocess
import sys
from ipaddress import ip_address

import pytest
from click.testing import CliRunner

from mockgpt.cli import main, offline

PATIENCE = 60  # seconds until a run that does not end is a failure
HOST = "openai.pgpt.cloud"
UDP, TCP = 17, 6


def packet(destination, protocol, *, port, source=40000, flags=0x02, data=b""):
    """Return an IP packet as a packet socket gives it."""
    address = ip_address(destination)
    ports = struct.pack("!HH", source, port)
    body = ports + (bytes(4) + data if protocol == UDP else bytes(9) + bytes([flags]) + bytes(6))
    if address.version == 4:
        return struct.pack("!BxHxxxxBB10x", 0x45, 20 + len(body), 64, protocol)[:16] + (
            address.packed + body
        )
    return struct.pack("!B3xHB17x", 0x60, len(body), protocol) + address.packed + body


def query(name, kind=1):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + struct.pack("!BHH", 0, kind, 1)


@pytest.mark.parametrize(
    ("seen", "target"),
    [
        (packet("192.0.2.1", TCP, port=443), "192.0.2.1:443"),
        (packet("2001:db8::1", TCP, port=80), "[2001:db8::1]:80"),
        (packet("192.0.2.1", UDP, port=123), "192.0.2.1:123"),
        (packet("192.0.2.1", TCP, port=443, flags=0x14), ""),  # a reset
        (packet("192.0.2.1", TCP, port=443, flags=0x12), ""),  # the answer to a SYN
        (packet("127.0.0.1", TCP, port=443), ""),
        (packet("::1", TCP, port=443), ""),
        (packet("127.0.0.1", UDP, port=8125), ""),
        (packet("192.0.2.53", UDP, port=53, data=query("API.Example")), "api.example"),
        (packet("127.0.0.53", UDP, port=53, data=query("a.example")), "a.example"),
        (packet("::1", UDP, port=53, data=query("a.example")), "a.example"),
        (packet("192.0.2.1", UDP, port=50000, source=53), ""),  # an answer
        (packet("192.0.2.53", UDP, port=53, data=query("\x1b[31m.example")), "?[31m.example"),
        (packet("192.0.2.53", UDP, port=53, data=query("a.example")[:15]), "a."),
        (packet("192.0.2.53", UDP, port=53, data=b"\x12"), ""),
        (packet("192.0.2.1", 1, port=0), ""),
    ],
)
def test_a_packet_tells_what_was_to_be_reached(seen, target):
    assert offline.target(seen) == target


@pytest.mark.parametrize(
    ("name", "kind", "flags", "found"),
    [
        (HOST, 1, 0x8180, b"\x7f\0\0\1"),
        (HOST.upper(), 1, 0x8180, b"\x7f\0\0\1"),
        (HOST, 28, 0x8180, b""),  # no IPv6
        ("api.example", 1, 0x8185, b""),
    ],
)
def test_names_that_are_stood_in_for_are_found(name, kind, flags, found):
    asked = query(name, kind)
    answer = offline.answered(asked + b"more", [HOST])
    assert answer[:12] == struct.pack("!2s5H", asked[:2], flags, 1, bool(found), 0, 0)
    assert answer[12:].startswith(asked[12:])
    record = answer[len(asked) :]
    assert record[-4:] == found
    assert bool(record) == bool(found)


@pytest.mark.parametrize("sent", [b"", b"\x12", b"\x12\x34\x01", query(HOST)[:20]])
def test_what_is_no_query_is_answered_too(sent):
    assert offline.answered(sent, [HOST]).startswith(sent[:2])


def test_where_it_cannot_be_enforced_nothing_is_run(monkeypatch, tmp_path):
    monkeypatch.setattr(offline.sys, "platform", "darwin")
    made = tmp_path / "made"
    result = CliRunner().invoke(main, ["run", "--offline", "--", "touch", str(made)])
    assert (result.exit_code, made.exists()) == (125, False)
    assert result.stderr == (
        "mockgpt: --offline cannot be enforced here (it needs Linux's network namespaces), so the "
        "command was not run; run it as root, allow user namespaces, or leave --offline out\n"
    )


def test_a_kernel_s_refusal_is_told(monkeypatch):
    def refuse():
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(offline, "_leave", refuse)
    monkeypatch.setattr(offline.sys, "platform", "linux")
    with pytest.raises(offline.OfflineUnavailableError) as caught:
        offline.Witness()
    assert str(caught.value) == "no network namespace: Operation not permitted"


@pytest.fixture(scope="module")
def run():
    """Run a piece of Python offline, in a process of its own; skip where that is not permitted."""
    command = [sys.executable, "-c", "import mockgpt.cli.offline as o; o.Witness()"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        pytest.skip(f"no network namespaces here: {done.stderr.strip().splitlines()[-1]}")

    def run(code, *arguments, **variables):
        words = [sys.executable, "-m", "mockgpt", "run", "--offline", *arguments]
        kept = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
        done = subprocess.run(
            [*words, "--", sys.executable, "-c", code],
            env={**kept, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


ASK = """
import os, socket, urllib.request
def ask(url):
    request = urllib.request.Request(url + "/models", headers={"api-key": "k"})
    with urllib.request.urlopen(request, timeout=20) as response:
        print(response.status)
"""


def test_the_server_is_reached_and_nothing_else(run, tmp_path):
    code = f"""{ASK}
ask(os.environ["OPENAI_BASE_URL"])
for address in ("192.0.2.1", 443), ("192.0.2.1", 443), ("203.0.113.9", 80), ("api.example", 443):
    try:
        socket.create_connection(address, timeout=20)
    except OSError as error:
        print(type(error).__name__)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
    datagram.sendto(b"x", ("192.0.2.2", 9))
    datagram.sendto(b"x", ("127.0.0.1", 9))
print(os.getuid())
"""
    status, out, err = run(code, "--report", str(tmp_path / "out"))
    refused = "ConnectionRefusedError\n" * 3
    assert out == f"200\n{refused}gaierror\n{os.getuid()}\n"
    told = [line.partition("; ")[0] for line in err.splitlines()[1:-2]]
    assert told == [
        f"  error unexpected_host: a client tried to reach {target}"
        for target in ("192.0.2.1:443", "203.0.113.9:80", "api.example", "192.0.2.2:9")
    ]
    assert (status, err.splitlines()[-1]) == (
        1,
        "mockgpt: 1 request, 0 calls, 4 errors (unexpected_host)",
    )
    written = tmp_path / "out" / "report.json"
    assert (written.stat().st_uid, written.stat().st_gid) == (os.getuid(), os.getgid())


def test_clients_that_heed_no_variable_are_led_to_a_host_s_stand_in(run):
    code = f"""{ASK}
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({{}})))
ask("https://{HOST}/v1")
ask("http://{HOST}/v1")
"""
    status, out, err = run(code, "--intercept", HOST)
    assert (out, err) == ("200\n200\n", "mockgpt: 2 requests, 0 calls, no findings\n")
    assert status == 0
