"""What the lab reads from captures: frames down to RTP, RTCP, SAP and membership reports.

Written for the lab alone and apart from the project's own codecs, so that the two check each other.
"""

import ipaddress
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

RTP_PORT, RTCP_PORT, SAP_PORT = 5004, 5005, 9875
_PORT_KINDS = {RTP_PORT: "rtp", RTCP_PORT: "rtcp", SAP_PORT: "sap"}


@dataclass
class Packet:
    """One captured packet; `time` is the kernel's, in seconds since 1970."""

    time: float
    kind: str  # "rtp", "rtcp", "sap", "report", "query", "tcp", "udp", "other"
    source: str = ""
    destination: str = ""
    hops: int = 0
    traffic_class: int = 0
    source_port: int = 0
    destination_port: int = 0
    payload: bytes = b""
    source_mac: str = ""
    tcp_flags: int = 0

    @property
    def is_syn(self) -> bool:
        return self.kind == "tcp" and self.tcp_flags & 0x12 == 0x02

    def rtp(self) -> "Rtp":
        return Rtp.parse(self.payload)

    def rtcp(self) -> list["Rtcp"]:
        return Rtcp.parse_compound(self.payload)

    def sap(self) -> "Sap":
        return Sap.parse(self.payload)

    def records(self) -> list["Record"]:
        return parse_report(self.payload, ":" in self.source)


@dataclass
class Rtp:
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @staticmethod
    def parse(data: bytes) -> "Rtp":
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        assert first >> 6 == 2, "RTP version"
        offset = 12 + 4 * (first & 15)
        if first & 0x10:
            offset += 4 + 4 * struct.unpack_from("!H", data, offset + 2)[0]
        end = len(data) - (data[-1] if first & 0x20 else 0)
        return Rtp(second & 127, bool(second & 128), sequence, timestamp, ssrc, data[offset:end])


@dataclass
class Rtcp:
    type: int  # 200 SR, 201 RR, 202 SDES, 203 BYE
    count: int
    body: bytes

    SR, RR, SDES, BYE = 200, 201, 202, 203

    @property
    def ssrc(self) -> int:
        return struct.unpack_from("!I", self.body)[0] if len(self.body) >= 4 else 0

    @staticmethod
    def parse_compound(data: bytes) -> list["Rtcp"]:
        parts, offset = [], 0
        while offset + 4 <= len(data):
            first, kind, words = struct.unpack_from("!BBH", data, offset)
            assert first >> 6 == 2, "RTCP version"
            end = offset + 4 + 4 * words
            parts.append(Rtcp(kind, first & 31, data[offset + 4 : end]))
            offset = end
        return parts


@dataclass
class Sap:
    deletion: bool
    hash: int
    origin: str
    payload_type: str
    body: str

    @staticmethod
    def parse(data: bytes) -> "Sap":
        flags, auth_words, message_hash = struct.unpack_from("!BBH", data)
        assert flags >> 5 == 1, "SAP version"
        size = 16 if flags & 0x10 else 4
        origin = str(ipaddress.ip_address(data[4 : 4 + size]))
        rest = data[4 + size + 4 * auth_words :]
        payload_type = ""
        if not rest.startswith(b"v=0") and b"\0" in rest:
            head, rest = rest.split(b"\0", 1)
            payload_type = head.decode("ascii", "replace")
        return Sap(bool(flags & 4), message_hash, origin, payload_type, rest.decode("utf-8"))

    def line(self, kind: str) -> str:
        """The first SDP line of a kind: line("i") of "i=Title" is "Title"; "" when there is none."""
        for line in self.body.split("\r\n"):
            if line.startswith(kind + "="):
                return line[len(kind) + 1 :]
        return ""

    def lines(self, kind: str) -> list[str]:
        return [line[len(kind) + 1 :] for line in self.body.split("\r\n") if line.startswith(kind + "=")]

    @property
    def source_filter(self) -> str:
        """The one source that a=source-filter admits for any group or this SDP's; "" without the line."""
        for line in self.lines("a"):
            words = line.split()
            if words[:2] == ["source-filter:", "incl"] and words[4] in ("*", self.line("c").split()[2].split("/")[0]):
                return words[5]
        return ""

    @property
    def version(self) -> int:
        """sess-version of the o= line."""
        return int(self.line("o").split()[2])


@dataclass
class Record:
    """A group record of a report; older versions' messages are told as the record they stand for."""

    type: int  # 1 IS_IN 2 IS_EX 3 TO_IN 4 TO_EX 5 ALLOW 6 BLOCK
    group: str
    sources: list[str] = field(default_factory=list)

    @property
    def is_join(self) -> bool:
        return self.type in (2, 4) or (self.type in (1, 3, 5) and bool(self.sources))


def parse_report(data: bytes, ipv6: bool) -> list[Record]:
    size = 16 if ipv6 else 4

    def address(offset: int) -> str:
        return str(ipaddress.ip_address(data[offset : offset + size]))

    if not ipv6:
        if data[0] in (0x12, 0x16, 0x17):
            return [Record(3 if data[0] == 0x17 else 4, address(4))]
    elif data[0] in (131, 132):
        return [Record(3 if data[0] == 132 else 4, address(8))]
    count = struct.unpack_from("!H", data, 6)[0]
    records, offset = [], 8
    for _ in range(count):
        kind, aux, sources = struct.unpack_from("!BBH", data, offset)
        first = offset + 4 + size
        listed = [address(first + i * size) for i in range(sources)]
        records.append(Record(kind, address(offset + 4), listed))
        offset = first + sources * size + 4 * aux
    return records


def joins(packet: Packet, group: str) -> bool:
    """Whether a packet is a report that joins `group`."""
    return packet.kind == "report" and any(r.group == group and r.is_join for r in packet.records())


def leaves(packet: Packet, group: str) -> bool:
    return packet.kind == "report" and any(
        r.group == group and r.type in (3, 6) and (r.type == 6 or not r.sources) for r in packet.records()
    )


def has_bye(packet: Packet) -> bool:
    return packet.kind == "rtcp" and any(part.type == Rtcp.BYE for part in packet.rtcp())


def read_pcap(path: Path) -> list[Packet]:
    """Every whole packet of a pcap file that tcpdump may still be writing."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) < 24:
        return []
    magic = struct.unpack_from("<I", data)[0]
    scale = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}[magic]
    packets, offset = [], 24
    while offset + 16 <= len(data):
        seconds, fraction, captured, _ = struct.unpack_from("<IIII", data, offset)
        if offset + 16 + captured > len(data):
            break
        frame = data[offset + 16 : offset + 16 + captured]
        packets.append(dissect(seconds + fraction * scale, frame))
        offset += 16 + captured
    return packets


def dissect(time: float, frame: bytes) -> Packet:
    """An Ethernet frame."""
    other = Packet(time, "other")
    try:
        ether_type = struct.unpack_from("!H", frame, 12)[0]
        other.source_mac = frame[6:12].hex(":")
        if ether_type == 0x86DD:
            return _dissect_ipv6(other, frame[14:]) or other
        if ether_type == 0x0800:
            return _dissect_ipv4(other, frame[14:]) or other
    except (struct.error, IndexError):
        pass
    return other


def _dissect_ipv4(packet: Packet, data: bytes) -> Optional[Packet]:
    length = struct.unpack_from("!H", data, 2)[0]
    data = data[:length]
    packet.source = str(ipaddress.ip_address(data[12:16]))
    packet.destination = str(ipaddress.ip_address(data[16:20]))
    packet.hops, packet.traffic_class = data[8], data[1]
    body = data[4 * (data[0] & 15) :]
    if struct.unpack_from("!H", data, 6)[0] & 0x1FFF:
        return packet  # a later fragment has no port
    if data[9] == 2 and body[0] in (0x11, 0x12, 0x16, 0x17, 0x22):
        packet.kind = "query" if body[0] == 0x11 else "report"
        packet.payload = body
        return packet
    return _dissect_transport(packet, data[9], body)


def _dissect_ipv6(packet: Packet, data: bytes) -> Optional[Packet]:
    word, length, protocol, packet.hops = struct.unpack_from("!IHBB", data)
    packet.traffic_class = word >> 20 & 0xFF
    packet.source = str(ipaddress.ip_address(data[8:24]))
    packet.destination = str(ipaddress.ip_address(data[24:40]))
    body = data[40 : 40 + length]
    while protocol in (0, 43, 60):  # hop-by-hop, routing, destination options
        protocol, body = body[0], body[8 + 8 * body[1] :]
    if protocol == 44:
        if struct.unpack_from("!H", body, 2)[0] & 0xFFF8:
            return packet
        protocol, body = body[0], body[8:]
    if protocol == 58 and body[0] in (130, 131, 132, 143):
        packet.kind = "query" if body[0] == 130 else "report"
        packet.payload = body
        return packet
    return _dissect_transport(packet, protocol, body)


def _dissect_transport(packet: Packet, protocol: int, body: bytes) -> Packet:
    if protocol == 17:
        packet.source_port, packet.destination_port, length = struct.unpack_from("!HHH", body)
        packet.payload = body[8:length]
        packet.kind = _PORT_KINDS.get(packet.destination_port, "udp")
    elif protocol == 6:
        packet.source_port, packet.destination_port = struct.unpack_from("!HH", body)
        packet.payload = body[4 * (body[12] >> 4) :]
        packet.tcp_flags = body[13]
        packet.kind = "tcp"
    return packet


def sequence_gaps(packets: list[Packet]) -> list[tuple[int, int]]:
    """Pairs of neighbours in RTP sequence that are not successive, per SSRC in order of arrival."""
    last: dict[tuple[str, int], int] = {}
    gaps = []
    for packet in packets:
        if packet.kind != "rtp":
            continue
        rtp = packet.rtp()
        key = (packet.destination, rtp.ssrc)
        if key in last and rtp.sequence != (last[key] + 1) & 0xFFFF:
            gaps.append((last[key], rtp.sequence))
        last[key] = rtp.sequence
    return gaps
