"""Tones by which a test knows that it hears the right station, and by which it measures silence."""

import array
import math
from typing import Sequence

RATE = 8000  # of all decoded sound in the lab: mono, 16 bits


def samples(raw: bytes) -> array.array:
    """Signed 16-bit little-endian samples; an odd last byte is left out."""
    decoded = array.array("h")
    decoded.frombytes(raw[: len(raw) // 2 * 2])
    return decoded


def rms(pcm: Sequence[int]) -> float:
    """Root mean square, 0..32768."""
    return math.sqrt(sum(s * s for s in pcm) / len(pcm)) if pcm else 0.0


def tone_share(pcm: Sequence[int], frequency: float) -> float:
    """The share of the energy that is at `frequency` (Goertzel): near 1 for that tone alone, near 0 for another."""
    energy = float(sum(s * s for s in pcm))
    if not energy:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / RATE)
    before, last = 0.0, 0.0
    for sample in pcm:
        before, last = last, sample + coefficient * last - before
    power = before * before + last * last - coefficient * before * last
    return 2 * power / (len(pcm) * energy)


def tone_seconds(raw: bytes, *frequencies: float, share: float = 0.8) -> float:
    """For how many seconds of `raw` the tone at `frequencies` (all of them at once) is what is heard, in windows of 100 ms."""
    pcm, window = samples(raw), RATE // 10
    windows = (pcm[i : i + window] for i in range(0, len(pcm) - window + 1, window))
    return sum(sum(tone_share(each, frequency) for frequency in frequencies) >= share for each in windows) / 10


def silent_seconds(raw: bytes, below: float = 50) -> float:
    """For how many seconds of `raw` next to nothing is heard, in windows of 100 ms."""
    pcm, window = samples(raw), RATE // 10
    return sum(rms(pcm[i : i + window]) < below for i in range(0, len(pcm) - window + 1, window)) / 10
