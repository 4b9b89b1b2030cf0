"""TLS, on the port itself and inside a proxy's tunnels: the same connection and the same answers."""

import asyncio
import json
import re
import socket
import ssl
import struct
from contextlib import asynccontextmanager, suppress

import pytest

from mockgpt.core.conditions import When
from mockgpt.core.faults import Disconnect, Stall
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario
from mockgpt.mock import build
from mockgpt.server.patience import Patience
from mockgpt.server.proxy import Proxy
from mockgpt.server.run import bind, serving
from mockgpt.server.tls import CA, LOOPBACK, Authority

HOST = "openai.pgpt.cloud"
PATIENCE = 10  # seconds until a silent server is a failure
MODELS = b"GET /v1/models HTTP/1.1\r\nHost: x\r\napi-key: k\r\n\r\n"
STREAM = "a b c d e"
SCENARIO = Scenario(
    rules=(
        Rule(
            id="cut", when=When(user="cut"), reply=Reply(say=STREAM, faults=(Disconnect(after=3),))
        ),
        Rule(
            id="close",
            when=When(user="close"),
            reply=Reply(say=STREAM, faults=(Disconnect(after=3, how="close"),)),
        ),
        Rule(
            id="stall", when=When(user="stall"), reply=Reply(say=STREAM, faults=(Stall(after=3),))
        ),
        Rule(id="rest", reply=STREAM, after_last="repeat"),
    )
)


def chat(text):
    body = {"messages": [{"role": "user", "content": text}], "stream": True}
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\napi-key: k\r\nContent-Length: {len(data)}"
    return f"{head}\r\nContent-Type: application/json\r\n\r\n".encode() + data


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def trust(authority):
    """Return a client's context that trusts the authority."""
    with authority.folder() as folder:
        context = ssl.create_default_context(cafile=folder / CA)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Served:
    """A server on this loop: its handler and port, and what its proxy told."""

    def __init__(self, **options):
        self.handler = build(SCENARIO, **options)
        self.listener = bind("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.strayed = []
        self.failed = []

    @property
    def journal(self):
        return self.handler.engine.default.journal

    async def connect(self, **more):
        return await asyncio.open_connection("127.0.0.1", self.port, **more)

    async def tunnel(self, trust, *, target=f"{HOST}:443", name=HOST):
        reader, writer = await self.connect()
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\n\r\n"
        if trust is not None:
            await writer.start_tls(trust, server_hostname=name)
        return reader, writer


@asynccontextmanager
async def closing(pair):
    reader, writer = await pair
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.fixture
async def secure(authority):
    """Serve by TLS alone."""
    served = Served()
    async with serving(served.handler, served.listener, tls=authority.context(*LOOPBACK)):
        yield served


@pytest.fixture
async def proxy(authority):
    """Serve as a proxy that stands in for HOST; its door is for connections led there."""
    served = Served()
    context, door = authority.context(HOST), bind("127.0.0.1", 0)
    served.door = door.getsockname()[1]
    proxy = Proxy(
        [HOST],
        context,
        doors=[(door, context)],
        strayed=served.strayed.append,
        failed=served.failed.append,
    )
    async with serving(served.handler, served.listener, proxy=proxy):
        yield served


async def until(known):
    async with asyncio.timeout(PATIENCE):
        while not known():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0)


async def answered(reader):
    """Return the status line, and the body of a response with a length."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode()
    length = re.search(r"(?i)\r\ncontent-length: (\d+)", head)
    return head.partition("\r\n")[0], await reader.readexactly(int(length[1]))


async def rest(reader):
    """Return what comes until the end, and whether that was a reset."""
    data = b""
    try:
        while part := await asyncio.wait_for(reader.read(2**16), PATIENCE):
            data += part
    except ConnectionResetError:
        return data, True
    return data, False


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
async def test_the_certificate_is_this_machine_s(secure, trust, name):
    async with closing(secure.connect(ssl=trust, server_hostname=name)) as (reader, writer):
        for _ in range(2):
            writer.write(MODELS)
            status, body = await answered(reader)
            assert status == "HTTP/1.1 200 OK"
            assert json.loads(body)["object"] == "list"
        tls = writer.get_extra_info("ssl_object")
        assert (tls.selected_alpn_protocol(), tls.version()) == ("http/1.1", "TLSv1.3")
    assert len(secure.journal) == 2


def test_old_versions_are_not_spoken(authority):
    assert authority.context("a").minimum_version == ssl.TLSVersion.TLSv1_2


async def test_a_stream_is_the_same_by_tls(secure, trust):
    async with closing(secure.connect(ssl=trust, server_hostname="localhost")) as (reader, writer):
        writer.write(chat("rest").replace(b"HTTP/1.1", b"HTTP/1.0"))
        data, _ = await rest(reader)
    assert data.count(b"data: ") == 8
    assert data.endswith(b"data: [DONE]\n\n")


async def test_a_reset_is_one_by_tls_too(secure, trust):
    async with closing(secure.connect(ssl=trust, server_hostname="localhost")) as (reader, writer):
        writer.write(chat("cut"))
        data, reset = await rest(reader)
    assert (reset, b"[DONE]" in data) == (True, False)
    assert secure.journal[0].sent.ending == "aborted"


async def test_a_client_that_says_that_it_has_said_all_is_gone(secure, trust, caplog):
    """By TLS nobody can go on writing then; asyncio warns of those who would."""
    async with closing(secure.connect(ssl=trust, server_hostname="localhost")) as (reader, writer):
        writer.write(chat("stall"))
        await asyncio.wait_for(reader.readuntil(b"data: "), PATIENCE)
        writer.close()
        await writer.wait_closed()
    await until(lambda: secure.journal)
    assert secure.journal[0].sent.ending == "client_left"
    assert not caplog.records


@pytest.mark.parametrize("sent", [MODELS, b"\x16\x03\x01\x00\x05hello", b"", b"\x00" * 5000])
async def test_what_is_no_tls_ends_its_connection_alone(secure, trust, caplog, sent):
    async with closing(secure.connect()) as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        data, _ = await rest(reader)
    assert not data.startswith(b"HTTP")
    async with closing(secure.connect(ssl=trust, server_hostname="localhost")) as (reader, writer):
        writer.write(MODELS)
        assert (await answered(reader))[0] == "HTTP/1.1 200 OK"
    assert not caplog.records


async def test_a_client_that_does_not_trust_leaves_no_trace(secure, caplog):
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure.connect(ssl=ssl.create_default_context(), server_hostname="localhost")
    assert not caplog.records
    assert not secure.journal


# --- tunnels


async def test_a_tunnel_s_end_is_the_server(proxy, trust):
    async with closing(proxy.tunnel(trust)) as (reader, writer):
        for _ in range(2):
            writer.write(MODELS)
            assert (await answered(reader))[0] == "HTTP/1.1 200 OK"
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    assert [(one.path, one.connection) for one in proxy.journal] == [("/v1/models", 1)] * 2
    assert (proxy.strayed, proxy.failed) == ([], [])


async def test_names_are_compared_without_case_and_dot(proxy, trust):
    async with closing(proxy.tunnel(trust, target="OpenAI.PGPT.cloud.:443")) as (reader, writer):
        writer.write(MODELS)
        assert (await answered(reader))[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("parts", [1, 2, 200])
async def test_a_connect_may_come_in_parts(proxy, parts):
    head = f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: x\r\n\r\n".encode()
    size = -(-len(head) // parts)
    async with closing(proxy.connect()) as (reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(head), size):
            writer.write(head[at : at + size])
            await asyncio.sleep(0)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_request_may_come_with_the_end_of_the_handshake(proxy, trust, caplog, leaves):
    """Both in one segment: asyncio hands the request on before whoever asked for TLS is told."""
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust.wrap_bio(inward, outward, server_hostname=HOST)
    async with closing(proxy.tunnel(None)) as (reader, writer):
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        writer.write(outward.read())
        while True:
            inward.write(await asyncio.wait_for(reader.read(2**16), PATIENCE))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
        tls.write(MODELS)
        if leaves:  # it says so at once, too
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()
            writer.write(outward.read())
            await rest(reader)
            assert not caplog.records
            return
        writer.write(outward.read())
        got = b""
        while b'"object":"list"' not in got:
            inward.write(await asyncio.wait_for(reader.read(2**16), PATIENCE))
            with suppress(ssl.SSLWantReadError):
                got += tls.read(2**16)
    assert got.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("target", [f"{HOST}:80", "localhost:{port}", "127.0.0.1:{port}"])
async def test_a_tunnel_may_be_without_tls(proxy, target):
    async with closing(proxy.tunnel(None, target=target.format(port=proxy.port))) as (
        reader,
        writer,
    ):
        writer.write(MODELS)
        assert (await answered(reader))[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("target", ["api.example:443", "[2001:db8::1]:443", "127.0.0.1:1"])
async def test_no_tunnel_leads_elsewhere(proxy, target):
    reason = f"mockgpt stands in for {HOST}; found {target.strip('[').replace(']', '')}"
    async with closing(proxy.connect()) as (reader, writer):
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        data, _ = await rest(reader)
    assert data.decode() == (
        f"HTTP/1.1 403 {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(reason)}\r\nConnection: close\r\n\r\n{reason}"
    )
    assert proxy.strayed == [target.strip("[").replace("]", "")]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT example HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT a b:443 HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT a:443 HTTP/2\r\n\r\n", b"400"),
        (b"CONNECT a:99999999 HTTP/1.1\r\n\r\n", b"400"),
        (f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\nbehind".encode(), b"400"),
        (b"CONNECT " + b"a" * 20_000, b"431"),
    ],
)
async def test_what_is_no_connect_is_refused(proxy, sent, status):
    async with closing(proxy.connect()) as (reader, writer):
        writer.write(sent)
        data, _ = await rest(reader)
    assert data.startswith(b"HTTP/1.1 " + status)
    assert not proxy.strayed


async def test_requests_with_an_absolute_target_are_each_judged_by_it(proxy):
    """A client may send what is for several hosts on one connection to its proxy."""
    models = b"/v1/models HTTP/1.1\r\nHost: x\r\napi-key: k\r\n\r\n"
    own = f"http://127.0.0.1:{proxy.port}".encode()
    async with closing(proxy.connect()) as (reader, writer):
        for target, status in [
            (f"http://{HOST}".encode(), "200 OK"),
            (b"http://api.example", "403 Forbidden"),
            (b"http://u:p@API.example:8080", "403 Forbidden"),
            (own, "200 OK"),
            (b"", "200 OK"),
        ]:
            writer.write(b"GET " + target + models)
            told, body = await answered(reader)
            assert told == f"HTTP/1.1 {status}"
            if "403" in status:
                assert body.startswith(f"mockgpt stands in for {HOST}; found api.example:".encode())
    assert proxy.strayed == ["api.example:80", "api.example:8080"]
    assert len(proxy.journal) == 3


async def test_a_client_that_refuses_the_certificate_is_told_of(proxy, caplog):
    def connect():  # asyncio's own client leaves before it says why
        with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as tunnel:
            tunnel.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
            assert tunnel.recv(100) == b"HTTP/1.1 200 OK\r\n\r\n"
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(tunnel, server_hostname=HOST)

    await asyncio.to_thread(connect)
    await until(lambda: proxy.failed)
    assert proxy.failed == [f"{HOST} (TLSV1_ALERT_UNKNOWN_CA)"]
    assert not caplog.records


@pytest.mark.parametrize("sent", [b"", MODELS])
async def test_what_is_no_tls_in_a_tunnel_is_told_of(proxy, caplog, sent):
    async with closing(proxy.tunnel(None)) as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        await rest(reader)
    await until(lambda: proxy.failed)
    assert proxy.failed == [f"{HOST} ({'HTTP_REQUEST' if sent else 'it left'})"]
    assert not caplog.records


async def test_a_door_is_a_tunnel_s_end_without_the_tunnel(proxy, trust):
    pair = asyncio.open_connection("127.0.0.1", proxy.door, ssl=trust, server_hostname=HOST)
    async with closing(pair) as (reader, writer):
        writer.write(MODELS)
        assert (await answered(reader))[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("sent", [b"", b"CONN", f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode()])
async def test_what_wants_nothing_yet_ends_with_the_server(authority, sent):
    served = Served()
    proxy = Proxy([HOST], authority.context(HOST), doors=[], strayed=print, failed=[].append)
    async with serving(served.handler, served.listener, proxy=proxy):
        reader, writer = await served.connect()
        writer.write(sent)
        await until(lambda: proxy.gates)
        if b"443" in sent:
            await reader.readuntil(b"\r\n\r\n")
    assert await rest(reader) in ((b"", True), (b"", False))
    writer.close()
    assert not proxy.gates


async def test_a_client_that_has_said_all_is_answered(proxy):
    async with closing(proxy.connect()) as (reader, writer):
        writer.write(MODELS)
        writer.write_eof()
        data, _ = await rest(reader)
    assert data.startswith(b"HTTP/1.1 200 OK")


async def test_a_client_that_leaves_at_once_is_forgotten(proxy):
    _, writer = await proxy.connect()
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    async with closing(proxy.connect()) as (reader, writer):
        writer.write(MODELS)
        assert (await answered(reader))[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_client_that_stays_behind_a_cut_keeps_nobody_from_being_looked_after(
    authority, trust, caplog, fast_path
):
    served = Served(fast_path=fast_path)
    patience = Patience(head=60, body=60, idle=0.2, unread=60)
    tls = authority.context(*LOOPBACK)
    async with (
        serving(served.handler, served.listener, patience, tls=tls),
        closing(served.connect(ssl=trust, server_hostname="localhost")) as (cut, writer),
    ):
        writer.write(chat("close"))
        await cut.readuntil(b"\r\n\r\n")
        async with closing(served.connect(ssl=trust, server_hostname="localhost")) as (idle, _):
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(idle.read(), PATIENCE) == b""
    assert not caplog.records
