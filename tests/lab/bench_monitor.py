#!/usr/bin/python3
"""./headwater bench monitor: syslog at a rate for a while on one processor, and searches in a store of millions of events."""

import argparse
import json
import math
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import Lab, Process, to_toml, wait_until  # noqa: E402
from lab.rpc import frame  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GROUP = "234.192.168.10"
PORT = 9469
ROOM_MIB = 4096
BOUND_MIB = 256
TARGETS = {"lost": 0, "not_received": 0, "not_kept": 0, "search_p95_ms": 200, "bound_most_mib": BOUND_MIB * 1.02}
WORDS = {
    "sent": "datagrams sent",
    "seconds": "in so many seconds",
    "lost": "of these lost for want of room in the socket, by SO_RXQ_OVFL",
    "not_received": "sent less received",
    "not_kept": "received less kept in the store",
    "cpu_percent": "processor time that mcast-monitor took, all threads; it may use one processor",
    "events": "events in the store that is searched",
    "store_mib": "its size",
    "fill_per_second": "events written a second to make it, on one processor",
    "search_p50_ms": "SearchEvents, 100 events a page, with a connection and curl's own time: median",
    "search_p95_ms": "the same, 95 of 100",
    "search_max_ms": "the longest",
    "bound_events": f"events left of twice as many as fit, in a store of at most {BOUND_MIB} MiB",
    "bound_most_mib": "most that its files ever had",
}
# Rare and common words, prefixes, what no event has, filters alone and together; two common ones that no event has together come last.
SEARCHES = [
    'words: "123456"', 'words: "link down"', 'words: "overload power"', 'words: "1234*"', 'words: "nothing"', 'words: "handset 17 registered"',
    'source: "192.168.10.77"', 'source: "192.168.12.9" words: "down"', "severity_max: 2", "severity_max: 3", "severity_max: 0", "facility: 16", "facility: 3",
    'link: "voice" severity_max: 4', 'link: "voice" words: "lease"', "kind: EVENT_KIND_TRAP", "", "until { seconds: %(middle)d }",
    'since { seconds: %(middle)d } words: "fan"', 'until { seconds: %(middle)d } words: "sync" source: "192.168.10.3"', 'severity_max: 3 words: "lease"',
]  # fmt: skip


def send(interface: str, rate: int, seconds: float) -> int:
    """Datagrams to the group, evenly by the millisecond; how many."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    index = socket.if_nametoindex(interface)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    sock.connect((GROUP, 514))
    began = time.monotonic()
    sent = 0
    total = int(rate * seconds)
    while sent < total:
        due = min(total, int((time.monotonic() - began) * rate))
        for number in range(sent, due):
            sock.send(b"<%d> Nov 28 19:41:00 192.168.10.%d-1 TRAPMGR[%d]: traputil.c(636) %d %%%% Link Down: Unit: 1 Slot: 0 Port: %d"
                      % (128 + number % 8, number % 250, number % 99, number, number % 48))  # fmt: skip
        sent = max(sent, due)
        time.sleep(0.001)
    return sent


class Monitor:
    """mcast-monitor in a namespace, held to processor 0."""

    def __init__(self, lab: Lab, bin_dir: Path):
        self.lab = lab
        self.bin_dir = bin_dir
        self.host = lab.host("watch", lab.link("mgmt"))
        self.device = lab.host("device", lab.links["mgmt"])
        self.folder = lab.directory / "monitor"
        self.store = self.folder / "state" / "mcast-monitor.events"
        self.store.mkdir(parents=True)
        (self.folder / "run").mkdir()
        config = {"run_dir": str(self.folder / "run"), "state_dir": str(self.folder / "state"), "legs": {"mgmt": "mgmt"}}
        config["mcast-monitor"] = {"listen": [{"service": "syslog", "groups": [GROUP]}], "store": {"size_max_mib": ROOM_MIB}}
        (self.folder / "headwater.toml").write_text(to_toml(config))

    def start(self) -> Process:
        argv = ["taskset", "-c", "0", self.bin_dir / "mcast-monitor", "--config", self.folder / "headwater.toml"]
        process = self.host.ns.start(argv, "mcast-monitor")
        process.wait_log("msg=ready", 60)
        return process

    def metrics(self) -> dict[str, float]:
        text = self.host.ns.http(f"http://127.0.0.1:{PORT}/metrics")
        found = re.findall(r"^headwater_mcast_monitor_(\w+?)(?:\{[^}]*service=\"syslog\"[^}]*\})? (\S+)$", text, re.M)
        return {name: float(value) for name, value in found}

    def search(self, request: str) -> float:
        """Seconds that curl took, with a connection of its own."""
        body = self.folder / "request"
        body.write_bytes(frame("monitor", "SearchEvents", f"filter {{ {request} }}"))
        argv = ["curl", "-s", "-S", "--http2-prior-knowledge", "--unix-socket", str(self.folder / "run" / "mcast-monitor.sock")]
        argv += ["-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", f"@{body}", "-o", "/dev/null", "-D", "-"]
        argv += ["-w", "time %{time_total}\\n", "http://h/headwater.monitor.v1.MonitorService/SearchEvents"]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
        if not re.search(r"^grpc-status: 0", done, re.M):
            raise RuntimeError(f"{request}: {done}")
        return float(done.rsplit("time ", 1)[1])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_rate(monitor: Monitor, rate: int, seconds: float) -> dict[str, float]:
    process = monitor.start()
    before = cpu_seconds(process.pid)
    argv = ["taskset", "-c", str(os.cpu_count() - 1), sys.executable, __file__, "--sender", "mgmt", "--rate", rate, "--seconds", seconds]
    sender = monitor.device.ns.start(argv, "sender")
    began = time.monotonic()
    if sender.wait(seconds * 3 + 30) != 0:
        raise RuntimeError(sender.log())
    took = time.monotonic() - began
    cpu = cpu_seconds(process.pid) - before
    sent = int(sender.log())
    # The loss is told with a datagram.
    monitor.device.ns.send(b"<13>end", GROUP, 514, "mgmt")
    wait_until(lambda: monitor.metrics()["store_queued"] == 0, 60, "the store")
    time.sleep(2)
    found = monitor.metrics()
    kept, received = found["store_events"] - 1, found["datagrams_total"] - 1
    process.stop(20)
    return {"sent": sent, "seconds": took, "lost": found["datagrams_lost_total"], "not_received": sent - received,
            "not_kept": received - kept, "cpu_percent": 100 * cpu / took}  # fmt: skip


def fill(monitor: Monitor, folder: Path, events: int, mib: int) -> dict[str, float]:
    argv = ["taskset", "-c", "0", monitor.bin_dir / "monitor-fill", folder, events, mib]
    return json.loads(subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True).stdout)


def percentile(values: list[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def measure_store(monitor: Monitor, events: int, rounds: int) -> dict[str, float]:
    for file in monitor.store.iterdir():
        file.unlink()
    filled = fill(monitor, monitor.store, events, ROOM_MIB)
    process = monitor.start()
    middle = int(time.time()) - 12 * 3600
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for request in SEARCHES:
            times.setdefault(request, []).append(1000 * monitor.search(request % {"middle": middle}))
    process.stop(20)
    for request, taken in sorted(times.items(), key=lambda item: -max(item[1])):
        print(f"  {percentile(taken, 0.5):8.1f} ms median, {max(taken):8.1f} ms most: {request or 'everything'}", file=sys.stderr)
    every = [one for taken in times.values() for one in taken]
    with tempfile.TemporaryDirectory(dir=monitor.folder) as folder:
        bound = fill(monitor, Path(folder), int(2 * (BOUND_MIB << 20) / (filled["bytes"] / filled["events"])), BOUND_MIB)
    return {"events": filled["events"], "store_mib": filled["bytes"] / 2**20, "fill_per_second": events / filled["seconds"],
            "search_p50_ms": percentile(every, 0.5), "search_p95_ms": percentile(every, 0.95), "search_max_ms": max(every),
            "bound_events": bound["events"], "bound_most_mib": bound["bytes_most"] / 2**20}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="headwater bench monitor", description=__doc__)
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin")
    parser.add_argument("--rate", type=int, default=20000, help="datagrams a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--events", type=int, default=10_000_000, help="events in the store that is searched; some 240 bytes each")
    parser.add_argument("--rounds", type=int, default=10, help="of all searches")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--sender", metavar="INTERFACE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sender:
        print(send(options.sender, options.rate, options.seconds))
        return 0
    with Lab() as lab:
        monitor = Monitor(lab, options.bin_dir)
        figures = measure_rate(monitor, options.rate, options.seconds)
        figures.update(measure_store(monitor, options.events, options.rounds))
    missed = [name for name, target in TARGETS.items() if figures[name] > target]
    if options.json:
        print(json.dumps({"rate": options.rate, "figures": figures, "targets": TARGETS, "missed": missed}))
    else:
        for name, words in WORDS.items():
            target = f"  (target {TARGETS[name]:g}{', MISSED' if name in missed else ''})" if name in TARGETS else ""
            print(f"{name:20} {figures[name]:12.1f}  {words}{target}")
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
