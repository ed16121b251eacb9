"""A transport stream that means harm: tables that lie about their lengths, with and without a right CRC, and every PID there is."""

import random
import struct
from typing import Iterator

from dvb_tables import crc32, packets, section

PROGRAMS = range(1, 200)
TABLES = {0x00: (0x00,), 0x11: (0x42, 0x46, 0x4A), 0x10: (0x40, 0x41), 0x12: (0x4E, 0x50), 0x14: (0x70,)}


def lying_loop(chance: random.Random, size: int) -> bytes:
    """Descriptors of which one is longer than what is left."""
    body = b"".join(bytes([tag, 2]) + chance.randbytes(2) for tag in chance.choices(range(256), k=size // 8))
    return body + bytes([chance.choice([0x09, 0x40, 0x41, 0x48, 0x4D, 0x4E, 0x54, 0x83]), chance.choice([0, 1, 200, 255])]) + chance.randbytes(3)


def lying_section(chance: random.Random, table: int) -> bytes:
    loop = lying_loop(chance, chance.randrange(0, 400))
    lied = chance.choice([0, 1, len(loop), len(loop) + 1, 0xFFF])
    body = chance.randbytes(chance.choice([0, 1, 2, 5, 9])) + struct.pack("!H", 0xF000 | lied) + loop
    data = section(table, chance.choice([0, 1, 0xFFFF]), chance.randrange(32), body[:900], chance.randrange(256), chance.randrange(256))
    if chance.random() < 0.3:
        # Its own length lies too, with a CRC that is right for what is there.
        data = data[:1] + struct.pack("!H", 0xF000 | chance.choice([0, 4, 9, 0xFFD, 0xFFF])) + data[3:-4]
        data += struct.pack("!I", crc32(data))
    return data if chance.random() < 0.8 else data[:-1] + bytes([data[-1] ^ 1])


def map_section(chance: random.Random, program: int) -> bytes:
    pid, info = chance.randrange(0x2000), lying_loop(chance, 100)
    streams = b"".join(struct.pack("!BHH", chance.randrange(256), 0xE000 | p, 0xF000) for p in chance.sample(range(0x2000), 100))
    return section(0x02, program, chance.randrange(32), struct.pack("!HH", 0xE000 | pid, 0xF000 | len(info)) + info + streams, private=0)


def hostile_packets(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    counters: dict[int, int] = {}

    def numbered(packet: bytes) -> bytes:
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        counters[pid] = counters.get(pid, -1) + 1 & 15
        return packet[:3] + bytes([packet[3] & 0xF0 | counters[pid]]) + packet[4:]

    programs = b"".join(struct.pack("!HH", p, 0xE000 | 0x20 + p) for p in PROGRAMS)
    while True:
        made = packets(0, [section(0x00, 1, chance.randrange(32), programs, private=0)])
        made += [p for program in chance.sample(PROGRAMS, 20) for p in packets(0x20 + program, [map_section(chance, program)])]
        for pid, tables in TABLES.items():
            made += packets(pid, [lying_section(chance, chance.choice(tables)) for _ in range(5)])
        for pid in range(chance.randrange(16), 0x2000, 16):
            flags = chance.choice([0x10, 0x20, 0x30, 0x90, 0xD0])
            made.append(struct.pack("!BHB", 0x47, chance.choice([0, 0x4000, 0x8000]) | pid, flags) + chance.randbytes(184))
        yield from map(numbered, made)
