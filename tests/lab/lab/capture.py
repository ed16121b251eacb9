"""Captures on one interface, with the kernel's timestamps, and tshark as a judge of what was captured."""

import signal
import subprocess
from typing import Callable, Optional

from .namespace import Namespace
from .packets import Packet, read_pcap
from .wait import wait_until

# What tshark must be told: which ports carry what.
_DECODE_AS = ["-d", "udp.port==5004,rtp", "-d", "udp.port==5005,rtcp", "-d", "udp.port==9875,sap"]


class Capture:
    """tcpdump from construction on; packets can be read while it runs."""

    def __init__(self, namespace: Namespace, interface: str, what: str = "", bytes_max: int = 0):
        """`bytes_max` of each packet, all by default: then the kernel's ring holds some 32 packets only, which is too few
        for a burst of many streams."""
        self.namespace = namespace
        self.interface = interface
        self.path = namespace.directory / f"{namespace.name}-{interface}-{namespace._count + 1:02d}.pcap"
        argv = ["tcpdump", "-i", interface, "-w", self.path, "-U", "--immediate-mode", "-n", "-s", bytes_max]
        argv += ["-Z", "root", "--time-stamp-precision=nano", "-B", "8192"]
        if what:
            argv.append(what)
        self.process = namespace.start(argv, f"tcpdump-{interface}", stop_signal=signal.SIGINT)
        self.process.wait_log("listening on")

    def packets(self) -> list[Packet]:
        return read_pcap(self.path)

    def select(self, wanted: Callable[[Packet], bool]) -> list[Packet]:
        return [p for p in self.packets() if wanted(p)]

    def wait_packet(self, wanted: Callable[[Packet], bool], timeout: float, what: str = "packet") -> Packet:
        """The first packet that `wanted` accepts."""

        def first() -> Optional[Packet]:
            return next((p for p in self.packets() if wanted(p)), None)

        found = wait_until(first, timeout, f"{what} on {self.namespace.name}/{self.interface}")
        assert found is not None
        return found

    def stop(self) -> list[Packet]:
        self.process.stop()
        return self.packets()

    def tshark(self, display_filter: str, *fields: str) -> list[list[str]]:
        """Rows of `fields` of the packets that the filter selects."""
        argv = ["tshark", "-n", "-r", str(self.path), *_DECODE_AS, "-Y", display_filter, "-T", "fields"]
        for field in fields or ("frame.number", "_ws.col.Protocol", "_ws.col.Info"):
            argv += ["-e", field]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def malformed(self) -> list[list[str]]:
        """What tshark cannot dissect; [] is what every test wants."""
        return self.tshark("_ws.malformed or _ws.short")


def of_kind(kind: str, group: str = "") -> Callable[[Packet], bool]:
    """For `select` and `wait_packet`: packets of a kind ("rtp", "rtcp", "sap", "report", ...), to a group."""
    return lambda p: p.kind == kind and (not group or p.destination == group)
