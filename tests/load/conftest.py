"""`mockgpt serve` in a process of its own, and what the system says of it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

BODY = json.dumps({"messages": [{"role": "user", "content": "Are you well?"}]}).encode()


class Served:
    """A server's process, and its port."""

    def __init__(self, *arguments, port=0):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mockgpt", "serve", "--listen", f"127.0.0.1:{port}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line + self.process.communicate()[1]
        self.port = int(found[1])
        self.opened = []

    def connect(self, **options):
        sock = socket.socket()
        self.opened.append(sock)
        sock.settimeout(60)
        for name, value in options.items():
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        sock.connect(("127.0.0.1", self.port))
        return sock

    def asked(self, body=BODY, **options):
        """Connect, and ask without reading."""
        sock = self.connect(**options)
        sock.sendall(request(body))
        return sock

    def check_answers(self):
        """Assert that a new connection is served."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"content-type": "application/json", "authorization": "Bearer k"}
        connection.request("POST", "/v1/chat/completions", BODY, headers)
        response = connection.getresponse()
        assert response.status == 200
        assert response.read()
        connection.close()

    @property
    def descriptors(self):
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def resident(self):
        """Memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def end(self, number=signal.SIGTERM):
        """Send a signal; return the code and what was logged."""
        self.process.send_signal(number)
        with self.process:  # its communicate() would lose what readline() has read ahead
            log = self.process.stderr.read()
        return self.process.returncode, log.splitlines()


def request(body=BODY):
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\napi-key: k\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )


@pytest.fixture
def serve(tmp_path):
    """Start servers: `serve(*options, reply={…})` answers everything with one reply."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("reads what Linux says of a process")
    started = []

    def start(*arguments, reply=None, port=0):
        if reply is not None:
            path = tmp_path / "scenario.yaml"  # JSON is YAML
            path.write_text(json.dumps({"mockgpt": 1, "rules": [{"reply": reply}]}), "utf-8")
            arguments = (*arguments, str(path))
        started.append(Served(*arguments, port=port))
        return started[-1]

    yield start
    for served in started:
        for sock in served.opened:
            sock.close()
        if served.process.poll() is None:
            served.process.kill()
            served.process.communicate()


@pytest.fixture
def streams():
    """Read so many paced streams in a process of their own; return it."""
    started = []

    def start(port, count, each):
        program = Path(__file__).with_name("streams.py")
        command = [sys.executable, str(program), str(port), str(count), str(each)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
