"""The elementary streams of simulated services, made by ffmpeg, and a carrier's loop of packets made of them.

A loop lasts `LOOP` seconds and is played round and round (card/on_air.c), so everything in it is a whole number of frames.
"""

import random
import struct
import subprocess
from dataclasses import dataclass
from typing import Iterator, Sequence

PACKET = 188
LOOP = 7.2
PCR_EVERY = 0.03
_FRAMES = 180  # of 40 ms
_GOP = 12
# Seconds between a frame's arrival and its presentation: a GOP, and then some.
_AUDIO_DELAY, _VIDEO_DELAY = 0.3, 0.68
_NULL = b"\x47\x1f\xff\x10" + bytes(184)

Timed = tuple[float, bytes]


def _ffmpeg(source: str, *options: str) -> bytes:
    argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source, "-t", str(LOOP), *options, "pipe:1"]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def _whole(frames: list[bytes], count: int) -> list[bytes]:
    """An encoder's delay may add a frame."""
    assert count <= len(frames) <= count + 2, f"{len(frames)} frames, not {count}"
    return frames[:count]


def mp2(frequency: float) -> list[bytes]:
    """MPEG-1 layer II, 128 kbit/s, of 24 ms each: a tone."""
    data = _ffmpeg(f"sine=frequency={frequency}:sample_rate=48000", "-ac", "2", "-c:a", "mp2", "-b:a", "128k", "-f", "mp2")
    return _whole([data[at : at + 384] for at in range(0, len(data), 384)], 300)


def ac3(frequency: float) -> list[bytes]:
    """AC-3, 128 kbit/s, of 32 ms each."""
    data = _ffmpeg(f"sine=frequency={frequency}:sample_rate=48000", "-ac", "2", "-c:a", "ac3", "-b:a", "128k", "-f", "ac3")
    return _whole([data[at : at + 512] for at in range(0, len(data), 512)], 225)


def _pictures(codec: str, data: bytes, mark: bytes) -> list[bytes]:
    starts = [at for at in range(len(data)) if data.startswith(mark, at)] if len(data) < 1 << 22 else []
    if codec == "mpeg2video":
        # A sequence's header belongs to the picture after it.
        begins, previous_end = [], 0
        for at in starts:
            header = data.find(b"\0\0\1\xb3", previous_end, at)
            begins.append(header if header >= 0 else at)
            previous_end = at
        starts = begins
    return _whole([data[a:b] for a, b in zip(starts, [*starts[1:], len(data)])], _FRAMES)


_QUICK = ("-g", str(_GOP), "-bf", "0", "-b:v", "200k", "-pix_fmt", "yuv420p")


def h264() -> list[bytes]:
    """Pictures that count, small on purpose."""
    x264 = ["-c:v", "libx264", "-preset", "veryfast", "-x264-params", "aud=1:scenecut=0:threads=1:keyint_min=12"]
    data = _ffmpeg("testsrc2=size=176x144:rate=25", *x264, *_QUICK, "-f", "h264")
    return _pictures("h264", data, b"\0\0\0\1\x09")


def mpeg2() -> list[bytes]:
    data = _ffmpeg("testsrc=size=176x144:rate=25", "-c:v", "mpeg2video", "-sc_threshold", "1000000000", *_QUICK, "-f", "mpeg2video")
    return _pictures("mpeg2video", data, b"\0\0\1\0")


def _stamp(prefix: int, seconds: float) -> bytes:
    ticks = round(seconds * 90000) % (1 << 33)
    return struct.pack("!BHH", prefix << 4 | ticks >> 29 & 0xE | 1, ticks >> 14 & 0xFFFE | 1, ticks << 1 & 0xFFFE | 1)


def _pes(stream_id: int, seconds: float, data: bytes) -> bytes:
    length = 0 if stream_id >= 0xE0 else len(data) + 8
    return struct.pack("!IHBBB", 0x100 | stream_id, length, 0x84, 0x80, 5) + _stamp(2, seconds) + data


def _cut(pid: int, pes: bytes) -> list[bytes]:
    """A PES packet in TS packets, the last one stuffed by an adaptation field."""
    made = []
    for at in range(0, len(pes), PACKET - 4):
        part, start = pes[at : at + PACKET - 4], 0x4000 if at == 0 else 0
        room = PACKET - 4 - len(part)
        if room:
            # One byte is the field's length, the next its flags.
            stuffing = bytes([room - 1]) + (b"\0" + b"\xff" * (room - 2) if room > 1 else b"")
            made.append(struct.pack("!BHB", 0x47, start | pid, 0x30) + stuffing + part)
        else:
            made.append(struct.pack("!BHB", 0x47, start | pid, 0x10) + part)
    return made


def _spread(packets: Sequence[bytes], start: float, seconds: float) -> Iterator[Timed]:
    for number, packet in enumerate(packets):
        yield start + seconds * number / len(packets), packet


def audio(pid: int, frames: list[bytes], stream_id: int = 0xC0, together: int = 0) -> Iterator[Timed]:
    """Frames in PES packets of `together` frames each."""
    together = together or len(frames) // 75
    each = LOOP / (len(frames) // together)
    for number in range(len(frames) // together):
        data = b"".join(frames[number * together : (number + 1) * together])
        yield from _spread(_cut(pid, _pes(stream_id, number * each + _AUDIO_DELAY, data)), number * each, each)


def video(pid: int, frames: list[bytes]) -> Iterator[Timed]:
    """A group of pictures at an even rate over its time, so that a large picture is no burst."""
    for first in range(0, _FRAMES, _GOP):
        group: list[bytes] = []
        for number in range(first, first + _GOP):
            group += _cut(pid, _pes(0xE0, number * 0.04 + _VIDEO_DELAY, frames[number]))
        yield from _spread(group, first * 0.04, _GOP * 0.04)


def clock(pid: int) -> Iterator[Timed]:
    """Packets that carry a PCR and no payload, which have no count of their own."""
    for number in range(round(LOOP / PCR_EVERY)):
        head = struct.pack("!BHBBB", 0x47, pid, 0x20, 183, 0x10)
        yield number * PCR_EVERY, head + bytes(6) + b"\xff" * 176


def numbered(pid: int, bits_per_second: int) -> Iterator[Timed]:
    """What is no PES: packets of "HWLB" and their number in the loop."""
    count = round(LOOP * bits_per_second / 8 / 184)
    for number in range(count):
        payload = b"HWLB" + struct.pack("!I", number) + bytes(number * 7 + i & 0xFF for i in range(176))
        yield LOOP * number / count, struct.pack("!BHB", 0x47, pid, 0x10) + payload


def scrambled(timed: Iterator[Timed]) -> Iterator[Timed]:
    """The same packets as nobody without the key can read them: noise, and said to be scrambled with the even key."""
    noise = random.Random(1)
    for when, packet in timed:
        payload = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        head = packet[:3] + bytes([packet[3] | 0x80]) + packet[4:payload]
        yield when, head + noise.randbytes(PACKET - payload)


def _set_pcr(packet: bytes, seconds: float) -> bytes:
    if packet[3] & 0x30 != 0x20:
        return packet
    ticks = round(seconds * 27_000_000)
    base, extension = divmod(ticks, 300)
    return packet[:6] + struct.pack("!IH", base >> 1, (base & 1) << 15 | 0x7E00 | extension) + packet[12:]


@dataclass
class Loop:
    """Slots at a constant rate."""

    bits_per_second: int

    def fill(self, *streams: Iterator[Timed]) -> bytes:
        """Each packet in the first free slot from its time on, its PCR that slot's time; null packets between them."""
        count = round(LOOP * self.bits_per_second / 8 / PACKET)
        waiting = sorted((when, number, packet) for number, stream in enumerate(streams) for when, packet in stream)
        slots = [_NULL] * count
        free = 0
        for when, _, packet in waiting:
            free = max(free, round(when / LOOP * count))
            assert free < count, f"{self.bits_per_second} bit/s are too few"
            slots[free] = _set_pcr(packet, free * LOOP / count)
            free += 1
        return b"".join(slots)
