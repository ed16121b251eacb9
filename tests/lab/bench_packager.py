#!/usr/bin/python3
"""./headwater bench packager: what a station costs, beside a bare loop and beside ffmpeg and GStreamer processes, in alternating phases."""

import argparse
import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import FIRST_NUMBER, Headend, Lab, Process, wait_until  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PORT = 8001
PEERS = 20
# Bytes a second of a station, as packager-bench serves it.
WATCHED_STREAMS = 300
TARGETS = {
    "cpu_to_floor": "at most 3", "peers_to_cpu": "at least 10", "private_kib_per_stream": "at most 128", "late_more_than_floor_ms": "at most 5",
    "dropped": "0",
}  # fmt: skip
WORDS = {
    "streams": "stations of 128 kb/s with titles, each to a group of its own",
    "cpu_pct_per_stream": "of a processor, for a stream: rtp-packager and sap-announcer",
    "packager_cpu_pct_per_stream": "rtp-packager of that",
    "floor_cpu_pct_per_stream": "a bare epoll and sendmmsg loop with the same stations, which looks at nothing",
    "ffmpeg_cpu_pct_per_stream": f"each of {PEERS} `ffmpeg -c copy -f rtp`",
    "gstreamer_cpu_pct_per_stream": f"each of {PEERS} `gst-launch-1.0 ... rtpmpapay ! udpsink`",
    "cpu_to_floor": "times the floor",
    "peers_to_cpu": "times cheaper than the cheaper of the two",
    "private_kib_per_stream": "private memory for a stream: rtp-packager and sap-announcer",
    "ffmpeg_private_kib_per_stream": "of an ffmpeg",
    "gstreamer_private_kib_per_stream": "of a GStreamer process",
    "late_p99_ms": "behind the stream's earliest packet, by media time, 99 of 100 packets, by the kernel's clock at a listener",
    "floor_late_p99_ms": "the same of the bare loop",
    "late_more_than_floor_ms": "so much more than the bare loop",
    "dropped": "packets that did not leave, or are missing in the capture",
}


def ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def private_kib(pid: int) -> int:
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))


class Phases:
    """One network of namespaces for all phases; what is measured is started in each and ended with it."""

    def __init__(self, lab: Lab, bin_dir: Path, most: int, seconds: int):
        self.lab, self.bin_dir, self.seconds = lab, bin_dir, seconds
        lab.link("lan", snooping=False)
        self.headend = Headend(lab, bin_dir)
        self.generator, self.ear = lab.host("generator", self.headend.link), lab.host("ear", self.headend.link)
        self.server = self.headend.internet.ns.start([bin_dir / "packager-bench", "serve", PORT], "serve")
        self.server.wait_log("serving")
        self.address = self.headend.internet.legs["fabric"].ipv6
        self._configure(most)
        self.headend.start()
        self.empty = {pid: private_kib(pid) for pid in self.pids}

    def _configure(self, most: int) -> None:
        config = self.headend.config
        config["log_level"] = "info"
        config["directory-resolver"]["ipv4_windows"] = [{"groups": "239.0.0.0/16", "number": FIRST_NUMBER}]
        config["directory-resolver"]["directory"][0]["linger"] = "0s"
        config["session-manager"] |= {"sessions_max": most, "sessions_per_link_max": most, "starts_per_second": 1000, "starts_burst": 1000}
        config["rtp-packager"] = {"sessions_max": most}
        self.headend.write_lineup({FIRST_NUMBER + n: (f"Station {n}", f"http://[{self.address}]:{PORT}/s/{n}") for n in range(most)})

    @property
    def pids(self) -> list[int]:
        return [self.headend.pid(service) for service in ("rtp-packager", "sap-announcer")]

    def watch(self, streams: int) -> Process:
        """RTP as a listener gets it, of so many streams as one process can look at."""
        every = 1
        while streams / every > WATCHED_STREAMS:
            every *= 2
        argv = [self.bin_dir / "packager-bench", "watch", "lan", self.seconds, every]
        return self.ear.ns.start(argv, "watch")

    def measure(self, pids: list[int], streams: int) -> dict[str, float]:
        watch = self.watch(streams)
        before, began = [ticks(pid) for pid in pids], time.monotonic()
        if watch.wait(self.seconds + 30) != 0:
            raise RuntimeError(watch.log())
        took = time.monotonic() - began
        cpu = [100 * (ticks(pid) - was) / took / streams for pid, was in zip(pids, before)]
        seen = json.loads(watch.log())
        return {"cpu": sum(cpu), "first_cpu": cpu[0], "late": seen["late_p99_ms"], "lost": seen["lost"] + seen["missed_by_watch"]}

    def join(self, streams: int, kind: str) -> None:
        argv = [self.bin_dir / "membership-bench", "send", "lan", streams, streams * 4, 0, "ipv4"]
        self.generator.ns.run(*argv, timeout=120)

    def sending(self) -> int:
        text = self.headend.ns.http("http://127.0.0.1:9464/metrics")
        rows = [line for line in text.splitlines() if line.startswith("headwater_rtp_packager_sessions{") and 'state="sending"' in line]
        return int(float(rows[0].split()[-1])) if rows else 0

    def headwater(self, streams: int) -> dict[str, float]:
        self.join(streams, "join")
        wait_until(lambda: self.sending() >= streams, 120, f"{streams} streams", every=0.5)
        time.sleep(5)
        before = self.headend.metric("rtp-packager", "headwater_rtp_packager_send_errors_total")
        figures = self.measure(self.pids, streams)
        figures["private_kib"] = sum(private_kib(pid) - self.empty.get(pid, 0) for pid in self.pids) / streams
        figures["lost"] += self.headend.metric("rtp-packager", "headwater_rtp_packager_send_errors_total") - before
        return figures

    def restart(self) -> None:
        self.headend.stop()
        self.headend.start()
        self.empty = {pid: private_kib(pid) for pid in self.pids}

    @contextmanager
    def running(self, commands: list[list[object]]) -> Iterator[list[Process]]:
        started = [self.headend.ns.start(argv, Path(str(argv[0])).name) for argv in commands]
        try:
            yield started
        finally:
            for process in started:
                process.kill()

    def floor(self, streams: int) -> dict[str, float]:
        argv = [self.bin_dir / "packager-bench", "floor", self.address, PORT, streams, self.seconds + 20, "lan"]
        with self.running([argv]) as (process,):
            process.wait_log("sending", 60)
            time.sleep(8)
            return self.measure([process.pid], streams)

    def peers(self, command) -> dict[str, float]:
        with self.running([command(n) for n in range(PEERS)]) as processes:
            time.sleep(8)
            for process in processes:
                if not process.alive:
                    raise RuntimeError(process.log())
            figures = self.measure([process.pid for process in processes], PEERS)
            figures["private_kib"] = sum(private_kib(process.pid) for process in processes) / PEERS
            return figures

    def ffmpeg(self, number: int) -> list[object]:
        leg = self.headend.host.legs["lan"]
        return ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", f"http://[{self.address}]:{PORT}/s/{number}", "-c", "copy",
                "-f", "rtp", f"rtp://239.0.0.{number}:5004?localaddr={leg.ipv4}&pkt_size=1400"]  # fmt: skip

    def gstreamer(self, number: int) -> list[object]:
        return ["gst-launch-1.0", "-q", "souphttpsrc", f"location=http://[{self.address}]:{PORT}/s/{number}", "is-live=true", "iradio-mode=true", "!",
                "icydemux", "!", "mpegaudioparse", "!", "rtpmpapay", "!",
                "udpsink", f"host=239.0.0.{number}", "port=5004", "multicast-iface=lan", "auto-multicast=false"]  # fmt: skip


def mean(rows: list[dict[str, float]], key: str) -> float:
    return sum(row[key] for row in rows) / len(rows)


def progress(text: str) -> None:
    print(f"headwater: bench packager: {text}", file=sys.stderr, flush=True)


def one(phases: Phases, streams: int, rounds: int) -> dict[str, float]:
    own, floor, ffmpeg, gstreamer = [], [], [], []
    for number in range(rounds):
        for name, rows, phase in (
            ("headwater", own, lambda: phases.headwater(streams)),
            ("ffmpeg", ffmpeg, lambda: phases.peers(phases.ffmpeg)),
            ("the bare loop", floor, lambda: phases.floor(streams)),
            ("GStreamer", gstreamer, lambda: phases.peers(phases.gstreamer)),
        ):
            rows.append(phase())
            if name == "headwater":
                phases.restart()
            progress(f"{streams} streams, round {number + 1} of {rounds}: {name}: {json.dumps(rows[-1])}")
    figures = {
        "streams": streams,
        "cpu_pct_per_stream": mean(own, "cpu"),
        "packager_cpu_pct_per_stream": mean(own, "first_cpu"),
        "floor_cpu_pct_per_stream": mean(floor, "cpu"),
        "ffmpeg_cpu_pct_per_stream": mean(ffmpeg, "cpu"),
        "gstreamer_cpu_pct_per_stream": mean(gstreamer, "cpu"),
        "private_kib_per_stream": mean(own, "private_kib"),
        "ffmpeg_private_kib_per_stream": mean(ffmpeg, "private_kib"),
        "gstreamer_private_kib_per_stream": mean(gstreamer, "private_kib"),
        "late_p99_ms": mean(own, "late"),
        "floor_late_p99_ms": mean(floor, "late"),
        "dropped": sum(row["lost"] for row in own),
    }
    figures["cpu_to_floor"] = figures["cpu_pct_per_stream"] / figures["floor_cpu_pct_per_stream"]
    cheaper = min(figures["ffmpeg_cpu_pct_per_stream"], figures["gstreamer_cpu_pct_per_stream"])
    figures["peers_to_cpu"] = cheaper / figures["cpu_pct_per_stream"]
    figures["late_more_than_floor_ms"] = figures["late_p99_ms"] - figures["floor_late_p99_ms"]
    return {name: round(value, 5) for name, value in figures.items()}


def missed(figures: dict[str, float]) -> list[str]:
    names = []
    for name, target in TARGETS.items():
        limit = float(target.split()[-1])
        if figures[name] < limit if target.startswith("at least") else figures[name] > limit:
            names.append(name)
    return names


def main() -> int:
    parser = argparse.ArgumentParser(prog="headwater bench packager", description=__doc__)
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin", help=argparse.SUPPRESS)
    parser.add_argument("--streams", type=int, nargs="+", default=[100, 1000, 5000], help="how many stations, one run after the other")
    parser.add_argument("--seconds", type=int, default=20, help="of each phase")
    parser.add_argument("--rounds", type=int, default=2, help="of the four phases")
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    options = parser.parse_args()
    bad = False
    with Lab() as lab:
        phases = Phases(lab, options.bin_dir, max(options.streams), options.seconds)
        for streams in options.streams:
            figures = one(phases, streams, options.rounds)
            failed = missed(figures)
            bad |= bool(failed)
            if options.json:
                print(json.dumps(figures | {"missed": failed}), flush=True)
                continue
            for name, words in WORDS.items():
                target = f"  (target {TARGETS[name]}{', MISSED' if name in failed else ''})" if name in TARGETS else ""
                print(f"{name:34} {figures[name]:10.4f}  {words}{target}")
            print()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
