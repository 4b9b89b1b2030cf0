"""A network that leads nowhere, for `mockgpt run --offline`: a namespace of Linux's.

Every address leads to this machine there, where nobody listens, so connections elsewhere fail at once
and a packet socket can tell of them. No name is found but those of hosts that are stood in for.
"""

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

_NEWUSER, _NEWNET = 0x10000000, 0x40000000  # linux/sched.h
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
_ATTACH_FILTER = 26  # asm/socket.h
_EVERY_PROTOCOL = 3  # linux/if_ether.h
_RECEIVED = 0  # linux/if_packet.h; what is sent to oneself is seen twice
_TCP, _UDP, _DNS = 6, 17, 53
_HEADER, _ANSWER, _REFUSED = 12, 0x8180, 5  # RFC 1035, 4.1.1
_SYN, _SYN_ACK = 0x02, 0x12

# linux/filter.h, as `tcpdump -d` shows programs: what goes to loopback addresses is left out, for that
# is all that is served, but not UDP: names may be asked for there.
_FILTER = (
    (0x30, 0, 0, 0),  # 0: the byte at 0
    (0x54, 0, 0, 0xF0),  # 1: its upper half is the version
    (0x15, 0, 4, 0x40),  # 2: 4, or else on at 7
    (0x30, 0, 0, 16),  # 3: the first byte of the destination
    (0x15, 0, 6, 127),  # 4: is loopback's, or else on at 11
    (0x30, 0, 0, 9),  # 5: the protocol
    (0x15, 4, 5, _UDP),  # 6
    (0x20, 0, 0, 24),  # 7: the first word of the destination
    (0x15, 0, 2, 0),  # 8: is that of ::1, or else on at 11
    (0x30, 0, 0, 6),  # 9: the protocol
    (0x15, 0, 1, _UDP),  # 10
    (0x06, 0, 0, 0xFFFF),  # 11: kept
    (0x06, 0, 0, 0),  # 12: left out
)


class OfflineUnavailableError(Exception):
    """No network namespace can be had on this platform, or by this user; says why."""


class Witness:
    """Has seen which hosts were tried. Make it before any thread: it moves the process away."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OfflineUnavailableError("it needs Linux's network namespaces")
        try:
            _leave()
            _lift_loopback()
            _lead_here(socket.AF_INET)
            with suppress(OSError):  # where IPv6 is switched off it leads nowhere, too
                _lead_here(socket.AF_INET6)
            self._packets = _packets()
        except OSError as error:
            raise OfflineUnavailableError(f"no network namespace: {error.strerror}") from error

    def tried(self) -> list[str]:
        """Return what was to be reached so far: names, or `address:port`, each once."""
        found = []
        with suppress(BlockingIOError):
            while True:
                packet, address = self._packets.recvfrom(2048, socket.MSG_DONTWAIT)
                if address[2] == _RECEIVED:
                    found.append(target(packet))
        return [*dict.fromkeys(filter(None, found))]

    def resolve(self, hosts: Collection[str]) -> None:
        """Let these names be found from now on, as this machine's."""
        questions = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        questions.bind(("", _DNS))  # whatever address resolv.conf has is this machine's

        def answer() -> None:
            while True:
                query, client = questions.recvfrom(2048)
                questions.sendto(answered(query, hosts), client)

        Thread(target=answer, name="mockgpt-names", daemon=True).start()


def answered(query: bytes, hosts: Collection[str]) -> bytes:
    """Return the answer to a DNS query: 127.0.0.1 for these hosts, no IPv6, nothing for others."""
    name = _asked(query)
    known, end = name in hosts, _HEADER + len(name) + 2 + 4  # two bytes more than dots, and a type
    wanted = known and query[end - 4 : end - 2] == b"\0\1"
    head = query[:2] + struct.pack(
        "!HHHHH", _ANSWER if known else _ANSWER | _REFUSED, 1, wanted, 0, 0
    )
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1"  # the name at 12: A, IN, 0 s, 4 bytes
    return head + query[_HEADER:end] + (record if wanted else b"")


def target(packet: bytes) -> str:
    """Return what an IP packet is to reach: nothing if it begins no connection elsewhere."""
    if packet[0] >> 4 == 4:  # noqa: PLR2004 - IP's version
        protocol, host, body = packet[9], packet[16:20], packet[(packet[0] & 15) * 4 :]
    else:
        protocol, host, body = packet[6], packet[24:40], packet[40:]
    address, port = ip_address(host), int.from_bytes(body[2:4], "big")
    if protocol == _UDP and port == _DNS:
        return _asked(body[8:])
    source = int.from_bytes(body[:2], "big")
    begins = (protocol == _UDP and source != _DNS) or (
        protocol == _TCP and body[13] & _SYN_ACK == _SYN
    )
    if address.is_loopback or not begins:
        return ""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"  # noqa: PLR2004


def _asked(query: bytes) -> str:
    """Return the name that a DNS query asks for (RFC 1035, 4.1)."""
    labels, at = [], _HEADER
    while at < len(query) and query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    name = ".".join(labels).lower()
    return "".join(one if one.isprintable() else "?" for one in name)


def _leave() -> None:
    """Leave the network; where that needs rights, as oneself in a user namespace."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNET) == 0:
        return
    if libc.unshare(_NEWUSER | _NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")  # without which no group can be mapped
    (process / "uid_map").write_text(f"{user} {user} 1")
    (process / "gid_map").write_text(f"{group} {group} 1")


def _lift_loopback() -> None:
    import fcntl  # Windows has none

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))


def _lead_here(family: int) -> None:
    """Make every address of a family this machine's own: ip route add local default dev lo."""
    create, acknowledge, new_route, error_number = 0x400, 4, 24, 16  # linux/rtnetlink.h
    local_table, boot, host, local = 255, 3, 254, 2
    route = struct.pack("=8BI", family, 0, 0, 0, local_table, boot, host, local, 0)
    through = struct.pack("=HHI", 8, 4, socket.if_nametoindex("lo"))
    length = 16 + len(route) + len(through)
    head = struct.pack("=IHHII", length, new_route, 1 | acknowledge | create, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as kernel:
        kernel.send(head + route + through)
        (number,) = struct.unpack_from("=i", kernel.recv(4096), error_number)
    if number:
        raise OSError(-number, os.strerror(-number))


def _packets() -> socket.socket:
    """Return a socket that keeps what goes elsewhere."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in _FILTER))
    described = struct.pack("HP", len(_FILTER), ctypes.addressof(program))
    packets.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, described)
    packets.bind(("lo", _EVERY_PROTOCOL))
    return packets
