"""Hears queries on the legs by packet socket, and with --probe asks who answers for an address."""

import fcntl
import ipaddress
import select
import socket
import struct
import time
from typing import Optional

from .facts import Answer, Leg, Query

_ETH_P_ALL = 3
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_AUXDATA, _ALLMULTI = 263, 1, 8, 2
_OUTGOING, _OTHERHOST = 4, 3
_VLAN_VALID = 0x10
_SIOCGIFHWADDR = 0x8927
# A flood must not keep us busy for ever.
_FRAMES_MAX = 20000


def _mac(data: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in data)


def _interval(code: int) -> int:
    """RFC 9777 section 5.1.9: a code from 128 up is a small floating-point number."""
    return code if code < 128 else ((code & 15) | 16) << ((code >> 4 & 7) + 3)


def query_of(frame: bytes, interface: str, own: bool = False) -> Optional[Query]:
    """The general query in an Ethernet frame; None for anything else, truncated frames included."""
    try:
        return _igmp_query(frame, interface, own) if frame[12:14] == b"\x08\x00" else _mld_query(frame, interface, own)
    except (IndexError, struct.error, ValueError):
        return None


def _igmp_query(frame: bytes, interface: str, own: bool) -> Optional[Query]:
    header, length = 4 * (frame[14] & 15), struct.unpack_from("!H", frame, 16)[0]
    body = frame[14 + header : 14 + length]
    if frame[23] != 2 or len(body) < 8 or body[0] != 0x11 or any(body[4:8]):
        return None
    version = 3 if len(body) >= 12 else 2 if body[1] else 1
    query = Query(interface, "IPv4", version, str(ipaddress.IPv4Address(frame[26:30])), _mac(frame[6:12]), frame[22], own)
    if version == 3:
        query.robustness, query.interval = body[8] & 7, _interval(body[9])
    return query


def _mld_query(frame: bytes, interface: str, own: bool) -> Optional[Query]:
    if frame[12:14] != b"\x86\xdd":
        return None
    following, at, length = frame[20], 54, struct.unpack_from("!H", frame, 18)[0]
    if following == 0:
        following, at = frame[54], 54 + 8 + 8 * frame[55]
    body = frame[at : 54 + length]
    if following != 58 or len(body) < 24 or body[0] != 130 or any(body[8:24]):
        return None
    version = 2 if len(body) >= 28 else 1
    query = Query(interface, "IPv6", version, str(ipaddress.IPv6Address(frame[22:38])), _mac(frame[6:12]), frame[21], own)
    if version == 2:
        query.robustness, query.interval = body[24] & 7, _interval(body[25])
    return query


def answer_of(frame: bytes, interface: str) -> Optional[Answer]:
    """The address that an ARP reply or neighbour advertisement claims."""
    if frame[12:14] == b"\x08\x06" and len(frame) >= 42 and frame[20:22] == b"\x00\x02":
        return Answer(interface, str(ipaddress.IPv4Address(frame[28:32])), _mac(frame[22:28]))
    if frame[12:14] == b"\x86\xdd" and len(frame) >= 78 and frame[20] == 58 and frame[54] == 136 and frame[21] == 255:
        return Answer(interface, str(ipaddress.IPv6Address(frame[62:78])), _mac(frame[6:12]))
    return None


def arp_probe(mac: bytes, address: str) -> bytes:
    """RFC 5227 section 2.1.1: it claims nothing, since its sender's address is 0.0.0.0."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + bytes(4) + bytes(6) + ipaddress.IPv4Address(address).packed
    return b"\xff" * 6 + mac + b"\x08\x06" + body


def neighbour_probe(mac: bytes, address: str) -> bytes:
    """RFC 4862 section 5.4.2: a solicitation from ::, as for duplicate address detection."""
    target = ipaddress.IPv6Address(address).packed
    group = b"\xff\x02" + bytes(9) + b"\x01\xff" + target[13:]
    body = b"\x87\x00\x00\x00" + bytes(4) + target
    pseudo = bytes(16) + group + struct.pack("!II", len(body), 58)
    total = sum(struct.unpack(f"!{(len(pseudo) + len(body)) // 2}H", pseudo + body))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    header = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + bytes(16) + group
    return b"\x33\x33" + group[12:] + mac + b"\x86\xdd" + header + body[:2] + struct.pack("!H", checksum) + body[4:]


class Listener:
    """A packet socket for each interface, all-multicast as long as it is open."""

    def __init__(self, interfaces: list[str]):
        self.queries: dict[tuple, Query] = {}
        self.answers: list[Answer] = []
        self._sockets: dict[socket.socket, str] = {}
        for name in interfaces:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._sockets[sock] = name
            sock.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            sock.bind((name, _ETH_P_ALL))
            sock.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, struct.pack("=iHH8s", socket.if_nametoindex(name), _ALLMULTI, 0, b""))

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets:
            sock.close()

    def probe(self, asked: dict[str, list[str]]) -> None:
        """Asks on each interface who has the addresses: twice, since a packet may be lost."""
        for sock, name in self._sockets.items():
            mac = fcntl.ioctl(sock, _SIOCGIFHWADDR, name.encode()[:15].ljust(40, b"\0"))[18:24]
            for address in asked.get(name, []) * 2:
                sock.send(neighbour_probe(mac, address) if ":" in address else arp_probe(mac, address))

    def hear(self, seconds: float) -> None:
        deadline, frames = time.monotonic() + seconds, 0
        while (left := deadline - time.monotonic()) > 0 and frames < _FRAMES_MAX:
            for sock in select.select(list(self._sockets), [], [], left)[0]:
                frames += 1
                self._take(sock, self._sockets[sock])

    def _take(self, sock: socket.socket, name: str) -> None:
        frame, notes, _, (_, _, kind, _, _) = sock.recvmsg(2048, 128)
        for level, what, data in notes:
            # Tagged for another VLAN than this interface's.
            if level == _SOL_PACKET and what == _PACKET_AUXDATA and struct.unpack_from("=I", data)[0] & _VLAN_VALID:
                return
        if kind == _OTHERHOST:
            return
        if query := query_of(frame, name, kind == _OUTGOING):
            self.queries[query.interface, query.source, query.mac, query.version, query.hops] = query
        elif kind != _OUTGOING and (answer := answer_of(frame, name)) and answer not in self.answers:
            self.answers.append(answer)


def asked_addresses(legs: list[Leg], own: dict[str, list[str]]) -> dict[str, list[str]]:
    """What --probe asks for on each interface: our addresses there, and the service addresses."""
    return {leg.interface: sorted({*own.get(leg.interface, []), *leg.service_addresses}) for leg in legs}
