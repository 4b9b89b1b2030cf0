"""Faults of the world around a server: descriptors, kills, clients that vanish or only hold on."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLOW = {"say": "word " * 600, "pace": {"first": "10ms", "each": "1s", "chunk": "word"}}
EXHAUSTED = (
    "cannot accept connections (Too many open files); new ones wait until others end, or raise the "
    "limit of open files (ulimit -n)"
)
STREAMED = json.dumps({"messages": [{"role": "user", "content": "a"}], "stream": True}).encode()


def test_descriptors_run_out_and_come_back(serve):
    """One line says so, however long it lasts; who waits is served when others have gone."""
    served = serve("-q")
    served.check_answers()
    resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (served.descriptors + 8, 4096))
    waiting = [served.asked() for _ in range(12)]
    assert served.process.stderr.readline() == f"{EXHAUSTED}\n"
    for sock in waiting:  # each that leaves makes room
        assert sock.recv(12) == b"HTTP/1.1 200"
        sock.close()
    served.check_answers()
    code, log = served.end()
    assert code == 0
    assert set(log) <= {EXHAUSTED, "connections are accepted again"}
    assert log[-1] == "connections are accepted again"
    assert len(log) < 20  # a second passes between two lines


def test_a_killed_server_is_started_again_on_its_port(serve):
    served = serve("-q", reply=SLOW)
    idle, streaming = served.connect(), served.asked(STREAMED)
    assert streaming.recv(12) == b"HTTP/1.1 200"
    code, _ = served.end(signal.SIGKILL)
    assert code == -signal.SIGKILL
    again = serve("-q", port=served.port)
    again.check_answers()
    idle.close()
    streaming.close()
    assert again.end() == (0, [])


@pytest.mark.parametrize("count", [50, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_signal_ends_open_streams(serve, streams, count):
    served = serve(reply=SLOW)
    client = streams(served.port, count, 1)
    assert client.stdout.readline() == "open\n"
    begun = time.monotonic()
    code, log = served.end()
    found = json.loads(client.stdout.readline())
    assert code == 0
    assert found["complete"] == 0
    assert len([line for line in log if line.endswith("aborted  rule rule-1")]) == len(log) == count
    print(f"\n  {count} streams ended within {found['last_ended'] - begun:.2f} s")
    if count == 1_000:  # a time is no law, but of the long run it is what was asked for
        assert found["last_ended"] - begun < 2


@pytest.mark.parametrize("count", [20, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_signal_to_run_ends_open_streams_and_writes_the_report(count, tmp_path):
    """The report has every stream, also those that were open when the command was ended."""
    scenario = tmp_path / "slow.yaml"
    scenario.write_text(json.dumps({"mockgpt": 1, "rules": [{"reply": SLOW}]}), "utf-8")
    program = Path(__file__).with_name("streams.py")
    report = tmp_path / "report"
    command = f'exec "{sys.executable}" "{program}" "${{MOCKGPT_URL##*:}}" {count} 1'
    process = subprocess.Popen(
        [sys.executable, "-m", "mockgpt", "run", str(scenario), "--report", str(report), "--",
         "sh", "-c", command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert process.stdout.readline() == "open\n"
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    (record,) = json.loads((report / "report.json").read_text("utf-8"))["records"]
    assert len(record["exchanges"]) == count


@pytest.mark.parametrize("count", [50, pytest.param(1_000, marks=pytest.mark.long)])
def test_clients_that_vanish_leave_nothing_behind(serve, count):
    served = serve(reply=SLOW)
    before = served.descriptors
    vanishing = [served.asked(STREAMED) for _ in range(count)]
    for sock in vanishing:
        assert sock.recv(12) == b"HTTP/1.1 200"
    assert served.descriptors == before + count
    for number, sock in enumerate(vanishing):
        if number % 2:  # half of them by a reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    for _ in vanishing:
        assert "  client left  " in served.process.stderr.readline()
    assert served.descriptors == before
    assert served.end() == (0, [])
