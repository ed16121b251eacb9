"""PSI and SI (ISO/IEC 13818-1 section 2.4.4, EN 300 468) of a simulated carrier, as sections and as packets."""

import struct
import time
from dataclasses import dataclass, field
from typing import Iterable, Optional, Sequence

PACKET = 188


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_CRC = _crc_table()


def crc32(data: bytes) -> int:
    """ISO/IEC 13818-1 annex A; 0 over a section with its CRC."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return crc


def section(table_id: int, extension: int, version: int, body: bytes, number: int = 0, last: int = 0, private: int = 1) -> bytes:
    """A section with the long header; `private` is the bit after section_syntax_indicator, 0 in MPEG's own tables."""
    head = struct.pack("!HBBB", extension, 0xC1 | version << 1 & 0x3E, number, last) + body
    data = struct.pack("!BH", table_id, 0x8000 | private << 14 | 0x3000 | len(head) + 4) + head
    assert len(data) + 4 <= (4096 if table_id >= 0x4E else 1024), f"table {table_id:#x} is too long"
    return data + struct.pack("!I", crc32(data))


def packets(pid: int, sections: Iterable[bytes]) -> list[bytes]:
    """Each section in packets of its own; whoever sends them sets the continuity counters."""
    made = []
    for data in sections:
        data = b"\0" + data  # the pointer field
        for at in range(0, len(data), PACKET - 4):
            head = struct.pack("!BHB", 0x47, (0x4000 if at == 0 else 0) | pid, 0x10)
            made.append(head + data[at : at + PACKET - 4].ljust(PACKET - 4, b"\xff"))
    return made


def descriptor(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body


def text(value: str) -> bytes:
    """UTF-8, said so by its first byte where it is not plain ASCII (EN 300 468 annex A)."""
    return value.encode() if value.isascii() else b"\x15" + value.encode()


def loop(data: bytes) -> bytes:
    """What a 12-bit length comes before."""
    return struct.pack("!H", 0xF000 | len(data)) + data


def bcd(value: int, digits: int) -> bytes:
    return bytes.fromhex(f"{value:0{digits}d}")


def utc(seconds: float) -> bytes:
    """Julian day and BCD time (EN 300 468 annex C)."""
    tm = time.gmtime(seconds)
    return struct.pack("!H", int(seconds // 86400) + 40587) + bcd(tm.tm_hour * 10000 + tm.tm_min * 100 + tm.tm_sec, 6)


def duration(seconds: int) -> bytes:
    return bcd(seconds // 3600 * 10000 + seconds // 60 % 60 * 100 + seconds % 60, 6)


@dataclass
class Stream:
    """One elementary stream of a service's PMT."""

    pid: int
    kind: int  # stream_type
    descriptors: bytes = b""


@dataclass
class Event:
    """One programme of the guide."""

    event_id: int
    start: float
    seconds: int
    title: str
    text: str = ""
    description: str = ""


@dataclass
class Service:
    """One programme; change it and publish its carrier again."""

    service_id: int
    name: str
    kind: int  # service_type: 1 TV, 2 radio, 0x0c data
    pmt_pid: int
    streams: list[Stream]
    pcr_pid: int = 0x1FFF
    provider: str = "Headwater Lab"
    channel_number: int = 0
    ca_system: int = 0  # not 0: scrambled
    pmt_version: int = 1
    events: list[Event] = field(default_factory=list)


# Each takes what the transponder knows; `multiplex` has onid, tsid, network_id, network_name, version.


def pat(tsid: int, version: int, services: Sequence[Service]) -> list[bytes]:
    rows = [(0, 0x10)] + [(s.service_id, s.pmt_pid) for s in services]
    return [section(0x00, tsid, version, b"".join(struct.pack("!HH", n, 0xE000 | p) for n, p in rows), private=0)]


def pmt(service: Service) -> bytes:
    # CA descriptor: the system, and the PID of its ECMs.
    program = descriptor(0x09, struct.pack("!HH", service.ca_system, 0xE000 | service.pmt_pid + 15)) if service.ca_system else b""
    body = struct.pack("!H", 0xE000 | service.pcr_pid) + loop(program)
    for stream in service.streams:
        body += struct.pack("!BH", stream.kind, 0xE000 | stream.pid) + loop(stream.descriptors)
    return section(0x02, service.service_id, service.pmt_version, body, private=0)


def sdt(tsid: int, onid: int, version: int, services: Sequence[Service], actual: bool) -> list[bytes]:
    body = struct.pack("!HB", onid, 0xFF)
    for service in services:
        provider, name = text(service.provider), text(service.name)
        said = bytes([service.kind, len(provider)]) + provider + bytes([len(name)]) + name
        described = descriptor(0x48, said)
        # EIT schedule and present/following are there; running; free_CA_mode.
        flags = 4 << 13 | bool(service.ca_system) << 12 | len(described)
        body += struct.pack("!HBH", service.service_id, 0xFC | (3 if service.events else 0), flags) + described
    return [section(0x42 if actual else 0x46, tsid, version, body)]


def service_list(services: Sequence[Service]) -> bytes:
    return descriptor(0x41, b"".join(struct.pack("!HB", s.service_id, s.kind) for s in services))


def channel_numbers(services: Sequence[Service]) -> bytes:
    """EACEM's logical channel descriptor, after the private data specifier that makes tag 0x83 its own."""
    rows = b"".join(struct.pack("!HH", s.service_id, 0xFC00 | s.channel_number) for s in services if s.channel_number)
    return descriptor(0x5F, struct.pack("!I", 0x00000028)) + descriptor(0x83, rows) if rows else b""


def nit(network_id: int, name: str, version: int, transports: Sequence[tuple[int, int, bytes]]) -> list[bytes]:
    """`transports`: (tsid, onid, descriptors)."""
    rows = b"".join(struct.pack("!HH", tsid, onid) + loop(described) for tsid, onid, described in transports)
    return [section(0x40, network_id, version, loop(descriptor(0x40, text(name))) + loop(rows))]


def bat(bouquet_id: int, name: str, version: int, transports: Sequence[tuple[int, int, bytes]]) -> list[bytes]:
    rows = b"".join(struct.pack("!HH", tsid, onid) + loop(described) for tsid, onid, described in transports)
    return [section(0x4A, bouquet_id, version, loop(descriptor(0x47, text(name))) + loop(rows))]


def _event(event: Optional[Event], running: int) -> bytes:
    if not event:
        return b""
    title, short = text(event.title), text(event.text)
    described = descriptor(0x4D, b"eng" + bytes([len(title)]) + title + bytes([len(short)]) + short)
    long = text(event.description)
    parts = [long[at : at + 240] for at in range(0, len(long), 240)]
    for number, part in enumerate(parts):
        body = bytes([number << 4 | len(parts) - 1]) + b"eng" + bytes([0, len(part)]) + part
        described += descriptor(0x4E, body)
    head = struct.pack("!H", event.event_id) + utc(event.start) + duration(event.seconds)
    return head + struct.pack("!H", running << 13 | len(described)) + described


def eit_now(tsid: int, onid: int, version: int, service: Service, now: float) -> list[bytes]:
    """Present and following: a section for each, empty where there is none."""
    present = next((e for e in service.events if e.start <= now < e.start + e.seconds), None)
    following = next((e for e in service.events if e.start > now), None)
    head = struct.pack("!HHBB", tsid, onid, 1, 0x4E)
    return [
        section(0x4E, service.service_id, version, head + _event(event, running), number, 1)
        for number, (event, running) in enumerate([(present, 4), (following, 1)])
    ]


def eit_schedule(tsid: int, onid: int, version: int, service: Service, now: float) -> list[bytes]:
    """Today and tomorrow: a segment of three hours has eight section numbers, of which the first is used."""
    midnight = now // 86400 * 86400
    by_segment: list[list[Event]] = [[] for _ in range(16)]
    for event in service.events:
        by_segment[int((event.start - midnight) // 10800)].append(event)
    made = []
    last = 15 * 8
    for segment, events in enumerate(by_segment):
        number = segment * 8
        head = struct.pack("!HHBB", tsid, onid, number, 0x50)
        made.append(section(0x50, service.service_id, version, head + b"".join(_event(e, 1) for e in events), number, last))
    return made


def tdt() -> bytes:
    """The time is set when it is sent (on_air.c)."""
    return struct.pack("!BH", 0x70, 0x7000 | 5) + bytes(5)
