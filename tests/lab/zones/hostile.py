"""mDNS that no honest device sends, byte by byte: the lab's own encoder, which checks nothing."""

import struct
from typing import Iterable, Iterator

A, CNAME, PTR, TXT, AAAA, SRV, ANY = 1, 5, 12, 16, 28, 33, 255
_UNIQUE = 0x8001  # class IN with the cache-flush bit (RFC 6762, 10.2)
_IN = 1


def name(*labels: str | bytes) -> bytes:
    raw = [label.encode() if isinstance(label, str) else label for label in labels]
    return b"".join(bytes([len(label)]) + label for label in raw) + b"\0"


def dotted(text: str) -> bytes:
    return name(*text.split("."))


def record(owner: bytes, kind: int, data: bytes, ttl: int = 120, unique: bool = True) -> bytes:
    return owner + struct.pack("!HHIH", kind, _UNIQUE if unique else _IN, ttl, len(data)) + data


def response(*records: bytes) -> bytes:
    return struct.pack("!6H", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


def service(instance: str | bytes, kind: str, host: str, address: str, port: int = 631, txt: bytes = b"\0", ttl: int = 120) -> bytes:
    """One whole announcement."""
    owner = name(instance, *kind.split("."), "local")
    return response(
        record(dotted(f"{kind}.local"), PTR, owner, ttl, unique=False),
        record(owner, SRV, struct.pack("!HHH", 0, 0, port) + dotted(host), ttl),
        record(owner, TXT, txt, ttl),
        record(dotted(host), A, bytes(map(int, address.split("."))), ttl),
    )


def txt_of(*strings: bytes) -> bytes:
    return b"".join(bytes([len(s)]) + s for s in strings)


def fragments(packets: Iterable[bytes]) -> Iterator[bytes]:
    """What a datagram can hold (65,507 bytes) goes as one; the kernel cuts it into fragments."""
    return (packet[:65507] for packet in packets)
