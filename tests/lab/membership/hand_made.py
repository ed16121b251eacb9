"""Membership messages made and judged by scapy: a host or router on the link that says exactly what a test wants."""

import socket
from dataclasses import dataclass, field

from scapy.all import IP, Ether, IPOption_Router_Alert, IPv6, IPv6ExtHdrHopByHop, Raw, RouterAlert, raw, rdpcap
from scapy.contrib.igmp import IGMP
from scapy.contrib.igmpv3 import IGMPv3, IGMPv3gr, IGMPv3mq, IGMPv3mr
from scapy.layers.inet6 import (
    ICMPv6MLDMultAddrRec,
    ICMPv6MLDone,
    ICMPv6MLQuery,
    ICMPv6MLQuery2,
    ICMPv6MLReport,
    ICMPv6MLReport2,
)

from lab import Capture, Host

IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK = range(1, 7)
MAC = "02:00:00:00:00:66"


def float_code(value: int, mantissa_bits: int) -> int:
    """The code of RFC 9777 sections 5.1.3 and 5.1.9, written for the lab alone."""
    limit = 1 << (mantissa_bits + 3)
    if value < limit:
        return value
    exponent = 0
    while value >> (exponent + 3) >= 2 << mantissa_bits:
        exponent += 1
    return limit | exponent << mantissa_bits | (value >> (exponent + 3)) & ((1 << mantissa_bits) - 1)


@dataclass
class Query:
    """A query as scapy reads it from a capture."""

    time: float
    packet: object
    ipv6: bool
    source: str
    destination: str
    group: str
    sources: list[str] = field(default_factory=list)
    response: float = 0.0
    suppress: bool = False
    robustness: int = 0
    interval: int = 0
    bytes: int = 0

    @property
    def general(self) -> bool:
        return self.group in ("::", "0.0.0.0")


def decode(code: int, mantissa_bits: int) -> int:
    limit = 1 << (mantissa_bits + 3)
    if code < limit:
        return code
    mantissa = code & ((1 << mantissa_bits) - 1)
    return (mantissa | 1 << mantissa_bits) << ((code >> mantissa_bits & 7) + 3)


def queries(capture: Capture, group: str = "") -> list[Query]:
    """All queries of a capture, or those about one group, in order."""
    found = [q for p in rdpcap(str(capture.path)) if (q := _query(p)) is not None]
    return [q for q in found if not group or q.group == group]


def _query(packet):
    if IPv6 in packet and (ICMPv6MLQuery2 in packet or ICMPv6MLQuery in packet):
        body = packet[ICMPv6MLQuery2] if ICMPv6MLQuery2 in packet else packet[ICMPv6MLQuery]
        size = packet[IPv6].plen - 8 * (packet[IPv6ExtHdrHopByHop].len + 1)
        query = Query(float(packet.time), packet, True, packet[IPv6].src, packet[IPv6].dst, body.mladdr, bytes=size)
        query.response = (body.mrd if size == 24 else decode(body.mrd, 12)) / 1000
        if size > 24:
            query.sources, query.suppress = list(body.sources), bool(body.S)
            query.robustness, query.interval = body.QRV, decode(body.QQIC, 4)
        return query
    if IP in packet and packet[IP].proto == 2:
        data = raw(packet[IP].payload)[: packet[IP].len - 4 * packet[IP].ihl]
        if data[0] != 0x11:
            return None
        group = socket.inet_ntoa(data[4:8])
        query = Query(float(packet.time), packet, False, packet[IP].src, packet[IP].dst, group, bytes=len(data))
        query.response = (data[1] if len(data) == 8 else decode(data[1], 4)) / 10
        if len(data) > 8:
            body = IGMPv3(data)[IGMPv3mq]
            query.sources, query.suppress = list(body.srcaddrs), bool(body.s)
            query.robustness, query.interval = body.qrv, decode(body.qqic, 4)
        return query
    return None


class Wire:
    """A socket on a host's leg that sends whole frames; what it says comes from whatever address the test wants."""

    def __init__(self, host: Host, interface: str = "lan"):
        with host.ns.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind((interface, 0))

    def send(self, destination: str, body, source: str, hops: int = 1, alert: bool = True, checksum: bool = True) -> None:
        if ":" in destination:
            low = socket.inet_pton(socket.AF_INET6, destination)[12:]
            frame = Ether(src=MAC, dst="33:33:" + low.hex(":")) / IPv6(src=source, dst=destination, hlim=hops)
            if alert:
                frame /= IPv6ExtHdrHopByHop(options=[RouterAlert()])
            frame /= body
        else:
            low = socket.inet_aton(destination)[1:]
            mac = "01:00:5e:" + bytes([low[0] & 0x7F, low[1], low[2]]).hex(":")
            options = [IPOption_Router_Alert()] if alert else []
            frame = Ether(src=MAC, dst=mac) / IP(src=source, dst=destination, ttl=hops, tos=0xC0, proto=2, options=options) / body
        data = bytearray(raw(frame))
        if not checksum:
            data[-1] ^= 0x55
        self.socket.send(bytes(data))

    def report(self, kind: int, group: str, *sources: str, source: str = "", **faults) -> None:
        """An MLDv2 or IGMPv3 report of one record."""
        if ":" in group:
            record = ICMPv6MLDMultAddrRec(rtype=kind, dst=group, sources=list(sources))
            self.send("ff02::16", ICMPv6MLReport2(records=[record]), source or "fe80::66", **faults)
        else:
            record = IGMPv3gr(rtype=kind, maddr=group, srcaddrs=list(sources))
            self.send("224.0.0.22", IGMPv3(type=0x22) / IGMPv3mr(records=[record]), source or "192.168.10.66", **faults)

    def older(self, group: str, leave: bool = False, source: str = "") -> None:
        """An MLDv1 or IGMPv2 report, done or leave."""
        if ":" in group:
            body = ICMPv6MLDone(mladdr=group) if leave else ICMPv6MLReport(mladdr=group)
            self.send("ff02::2" if leave else group, body, source or "fe80::67")
        else:
            body = IGMP(type=0x17 if leave else 0x16, mrcode=0, gaddr=group)
            self.send("224.0.0.2" if leave else group, body, source or "192.168.10.67")

    def query(self, source: str, version: int = 0, response: float = 1.0, robustness: int = 2, interval: int = 2, **faults) -> None:
        """A general query of a version, the newest by default."""
        if ":" in source:
            body = ICMPv6MLQuery2(mrd=float_code(int(1000 * response), 12), QRV=robustness, QQIC=float_code(interval, 4))
            if version == 1:
                body = ICMPv6MLQuery(mrd=int(1000 * response))
            self.send("ff02::1", body, source, **faults)
        elif version in (1, 2):
            code = int(10 * response) if version == 2 else 0
            self.send("224.0.0.1", IGMP(type=0x11, mrcode=code, gaddr="0.0.0.0"), source, **faults)
        else:
            code = float_code(int(10 * response), 4)
            head = bytes([0x11, code, 0, 0]) + bytes(4) + bytes([robustness, float_code(interval, 4), 0, 0])
            self.send("224.0.0.1", Raw(_with_checksum(head)), source, **faults)


def _with_checksum(message: bytes) -> bytes:
    total = sum(int.from_bytes(message[i : i + 2], "big") for i in range(0, len(message), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message[:2] + (~total & 0xFFFF).to_bytes(2, "big") + message[4:]
