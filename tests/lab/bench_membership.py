#!/usr/bin/python3
"""./headwater bench membership: what the watcher takes, from its core alone and from the wire, and what a snooping bridge makes of the same."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "membership"), str(HERE)]

from conftest import Watcher  # noqa: E402

from lab import Lab, wait_until  # noqa: E402

ROOT = HERE.parents[1]
MEMORY_MAX = 64 << 20
PUBLISHED_MAX = 1.0
WORDS = {
    "answers_per_second": "records a second through the core on one core, one record a report",
    "answers_per_second_50_a_report": "the same, 50 records a report",
    "joins_per_second": "joins of new groups a second through the core",
    "core_private_bytes": "private memory of the core for {groups} groups with one member each",
    "watcher_private_bytes": "more private memory of the watcher for {groups} groups with one member each",
    "wire_seconds": "from the first of {groups} joins, sent evenly over 10 s, until all were published",
    "burst_sent_seconds": "{burst} joins left the generator within",
    "burst_published_seconds": "and all were published after the last of them within",
    "burst_lost": "packets lost in the watcher's receive queue (SO_RXQ_OVFL)",
    "bridge_groups": "groups that a snooping Linux bridge at its defaults held after the same {burst} joins",
}


def private_bytes(pid: int) -> int:
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))


def send(bin_dir: Path, host, count: int, milliseconds: int, first: int, family: str) -> dict:
    argv = [bin_dir / "membership-bench", "send", "lan", count, milliseconds, first, family]
    return json.loads(host.ns.run(*argv))


class Published:
    """Counts the groups in the watcher's stream, and reads each byte of it once: this must not take the processor that is measured."""

    def __init__(self, watcher: Watcher):
        self.file = watcher.watch.log_path.open("rb")
        self.count = 0

    def wait(self, groups: int, timeout: float) -> float:
        """When the last of so many groups was read."""
        wait_until(lambda: self._read() >= groups, timeout, f"{groups} groups published")
        return time.monotonic()

    def _read(self) -> int:
        self.count += sum(line.find(b'"group":{', 0, 40) >= 0 for line in self.file.readlines())
        return self.count


def lost(watcher: Watcher) -> int:
    return int(watcher.metric("headwater_membership_watcher_frames_lost_total"))


def from_the_wire(bin_dir: Path, groups: int, burst: int) -> dict:
    out = {}
    with Lab() as lab:
        link = lab.link("lan", snooping=False)
        generator = lab.host("generator", link)
        watcher = Watcher(lab.host("headend", link), bin_dir).start()
        stream = Published(watcher)
        sent = send(bin_dir, generator, burst, 900, 0, "ipv6")
        done = time.monotonic()
        out["burst_sent_seconds"] = sent["seconds"]
        out["burst_published_seconds"] = round(stream.wait(burst, 60) - done, 3)
        out["burst_lost"] = lost(watcher)
    with Lab() as lab:
        link = lab.link("lan", snooping=False)
        generator = lab.host("generator", link)
        watcher = Watcher(lab.host("headend", link), bin_dir).start()
        pid = watcher.process.pid
        before = private_bytes(pid)
        stream = Published(watcher)
        began = time.monotonic()
        send(bin_dir, generator, groups, 10000, 0, "ipv6")
        out["wire_seconds"] = round(stream.wait(groups, 120) - began, 2)
        time.sleep(2)
        out["watcher_private_bytes"] = private_bytes(pid) - before
    return out


def a_bridge(bin_dir: Path, burst: int) -> int:
    with Lab() as lab:
        link = lab.link("lan")
        generator = lab.host("generator", link)
        # A bridge snoops only where it knows of a querier.
        lab.switch.ip(f"link set {link.bridge} type bridge mcast_querier 1")
        time.sleep(11)
        send(bin_dir, generator, burst, 900, 0, "ipv6")
        time.sleep(1)
        return sum("grp ff3e" in row for row in link.mdb().splitlines())


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="headwater bench membership",
        description="Measures how many records membership-watcher takes, what its groups cost, and how soon a burst of joins is published; beside it, "
        "what a snooping bridge holds. Status 1 when 100000 groups cost more than 64 MiB or a burst is lost or published later than 1 s.",
    )
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--groups", type=int, default=100000, help="how many (default: %(default)s)")
    parser.add_argument("--burst", type=int, default=10000, help="joins within a second (default: %(default)s)")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    argv = ["taskset", "-c", "0", arguments.bin_dir / "membership-bench", "core", str(arguments.groups)]
    core = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    figures = {"groups": core["groups"], "burst": arguments.burst, "core_private_bytes": core["private_bytes"]}
    figures |= {name: value for name, value in core.items() if name.endswith(("_second", "_report"))}
    figures |= from_the_wire(arguments.bin_dir, arguments.groups, arguments.burst)
    figures["bridge_groups"] = a_bridge(arguments.bin_dir, arguments.burst)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, words in WORDS.items():
            print(f"{figures[name]:>14,}  {words.format(**figures)}")
    good = figures["watcher_private_bytes"] <= MEMORY_MAX and figures["burst_lost"] == 0
    return 0 if good and figures["burst_published_seconds"] <= PUBLISHED_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
