"""What is received of a transport stream, and what is wrong with it: apart from the project's own code and from card/."""

import socket
import subprocess
import threading
import time
from collections import Counter
from typing import Iterable, Optional

from lab import Host, Packet, wait_until
from lab.sound import RATE, tone_seconds

TS = 188


def pid_of(packet: bytes) -> int:
    return (packet[1] & 0x1F) << 8 | packet[2]


def continuity_errors(stream: bytes) -> Counter:
    """PID: how often its counter is not the next one (ISO/IEC 13818-1 section 2.4.3.3); a repetition is allowed once."""
    last: dict[int, int] = {}
    repeated: set[int] = set()
    errors: Counter = Counter()
    for at in range(0, len(stream), TS):
        packet = stream[at : at + TS]
        assert packet[0] == 0x47 and len(packet) == TS, f"no packet at {at}"
        pid, counter = pid_of(packet), packet[3] & 15
        if pid == 0x1FFF or not packet[3] & 0x10:
            continue
        declared = packet[3] & 0x20 and packet[4] and packet[5] & 0x80
        if pid in last and not declared:
            if counter == last[pid] and pid not in repeated:
                repeated.add(pid)
                continue
            errors[pid] += counter != (last[pid] + 1) & 15
        repeated.discard(pid)
        last[pid] = counter
    return +errors


def rtp_stream(packets: Iterable[Packet]) -> bytes:
    """What RTP of payload type 33 carries."""
    return b"".join(p.rtp().payload for p in packets if p.kind == "rtp" and p.rtp().payload_type == 33)


def decoded_tone(stream: bytes, frequency: float, *options: str) -> float:
    """For how many seconds ffmpeg hears a tone in a transport stream."""
    argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "mpegts", "-i", "pipe:0", *options]
    argv += ["-vn", "-f", "s16le", "-ac", "1", "-ar", str(RATE), "pipe:1"]
    return tone_seconds(subprocess.run(argv, input=stream, capture_output=True).stdout, frequency)


class Feed:
    """A UDP socket of a host and what has come to it."""

    def __init__(self, host: Host, address: str = "127.0.0.1"):
        self.socket = host.ns.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((address, 0))
        self.port = self.socket.getsockname()[1]
        self.first: Optional[float] = None
        self.datagrams: list[bytes] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while data := self.socket.recv(2000):
                self.first = self.first or time.time()
                self.datagrams.append(data)
        except OSError:
            pass  # closed

    @property
    def stream(self) -> bytes:
        """Whole TS packets, without RTP's headers where there are any."""
        return b"".join(data[len(data) % TS :] for data in list(self.datagrams))

    def clear(self) -> None:
        self.datagrams.clear()

    def wait_packets(self, count: int = 1, timeout: float = 10, pid: int = -1) -> None:
        def enough() -> bool:
            stream = self.stream
            if pid < 0:
                return len(stream) // TS >= count
            return sum(pid_of(stream[at : at + TS]) == pid for at in range(0, len(stream), TS)) >= count

        wait_until(enough, timeout, f"{count} packets{f' of PID {pid:#x}' if pid >= 0 else ''} at port {self.port}")
