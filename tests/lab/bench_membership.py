#!/usr/bin/python3
"""./headwater bench membership: what the watcher takes, from its core alone and from the wire, and what a snooping bridge and pimd make of the same."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

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
    "snapshot_seconds": "a new reader had all {groups} groups after",
    "burst_sent_seconds": "{burst} joins (MLDv2) left the generator within",
    "burst_published_seconds": "and all were published after the last of them within",
    "burst_lost": "packets lost in the watcher's receive queue (SO_RXQ_OVFL)",
    "bridge_groups": "groups that a snooping Linux bridge at its defaults held after the same {burst} joins",
    "igmp_published_seconds": "{burst} joins (IGMPv3) within a second were published after the last of them within",
    "igmp_lost": "packets lost in the watcher's receive queue",
    "igmp_bridge_groups": "groups that a snooping Linux bridge at its defaults held after the same {burst} joins",
    "pimd_lost": "reports of the same {burst} lost in the receive queue of Debian's pimd",
    "pimd_cpu_seconds": "processor time that pimd took for the others",
    "watcher_cpu_seconds": "processor time that the watcher took for all of them, its stream included",
}
NO_PIMD = "Debian's pimd is not here and could not be fetched: its lines are missing"


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


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def a_burst(bin_dir: Path, burst: int, family: str) -> dict:
    """Joins within a second: when they were sent, when the last was published, what was lost, and the watcher's processor time."""
    with Lab() as lab:
        link = lab.link("lan", snooping=False)
        generator = lab.host("generator", link)
        watcher = Watcher(lab.host("headend", link), bin_dir).start()
        stream = Published(watcher)
        before = cpu_seconds(watcher.process.pid)
        sent = send(bin_dir, generator, burst, 900, 0, family)
        done = time.monotonic()
        published = round(stream.wait(burst, 60) - done, 3)
        cpu = round(cpu_seconds(watcher.process.pid) - before, 2)
        return {"sent": sent["seconds"], "published": published, "lost": lost(watcher), "cpu": cpu}


def snapshot_seconds(watcher: Watcher, groups: int) -> float:
    """How long a new reader waits for all that is known."""
    began = time.monotonic()
    reader = watcher.host.ns.start([watcher.bin_dir / "membership-watch", watcher.run_dir / "membership-watcher.sock"], name="second")
    with reader.log_path.open("rb") as lines:
        told = 0
        seen = b""
        while b'"synced"' not in seen:
            for seen in lines.readlines():
                told += seen.find(b'"group":{', 0, 40) >= 0
            if time.monotonic() > began + 60 or not reader.alive():
                raise RuntimeError(f"a new reader was told {told} groups and no end: {reader.log()[-300:]}")
            time.sleep(0.01)
    if told != groups:
        raise RuntimeError(f"a new reader was told {told} of {groups} groups")
    return round(time.monotonic() - began, 2)


def from_the_wire(bin_dir: Path, groups: int, burst: int) -> dict:
    out = {}
    mld, igmp = a_burst(bin_dir, burst, "ipv6"), a_burst(bin_dir, burst, "ipv4")
    out |= {"burst_sent_seconds": mld["sent"], "burst_published_seconds": mld["published"], "burst_lost": mld["lost"]}
    out |= {"igmp_published_seconds": igmp["published"], "igmp_lost": igmp["lost"], "watcher_cpu_seconds": igmp["cpu"]}
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
        out["snapshot_seconds"] = snapshot_seconds(watcher, groups)
    return out


def a_bridge(bin_dir: Path, burst: int, family: str) -> int:
    with Lab() as lab:
        link = lab.link("lan")
        generator = lab.host("generator", link)
        # A bridge snoops only where it knows of a querier.
        lab.switch.ip(f"link set {link.bridge} type bridge mcast_querier 1")
        time.sleep(11)
        send(bin_dir, generator, burst, 900, 0, family)
        time.sleep(1)
        return sum(("grp ff3e" if family == "ipv6" else "grp 239.") in row for row in link.mdb().splitlines())


def find_pimd() -> Optional[Path]:
    """pimd, unpacked from its package: it cannot be installed beside smcroute."""
    if installed := shutil.which("pimd"):
        return Path(installed)
    folder = ROOT / "build" / "tools" / "pimd"
    program = folder / "usr" / "sbin" / "pimd"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["apt-get", "download", "-q", "pimd"], check=False, **quiet)
        for package in folder.glob("pimd_*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=False, **quiet)
    return program if program.exists() else None


def a_pimd(program: Path, bin_dir: Path, burst: int) -> dict:
    """What pimd makes of the joins. Of reports it takes those of its own subnet alone, and it wants a second interface."""
    with Lab() as lab:
        lan, far = lab.link("lan", snooping=False), lab.link("far", snooping=False)
        generator, router = lab.host("generator", lan), lab.host("router", lan, far)
        router.ns.ip("address flush dev lan", "address add 10.255.255.254/8 brd + dev lan")
        config = lab.directory / "pimd.conf"
        config.write_text("")
        # Its files in /run are its own.
        start = f"mount -t tmpfs tmpfs /run && exec {program} -f -c {config}"
        pimd = router.ns.start(["unshare", "--mount", "sh", "-c", start], "pimd")
        time.sleep(5)
        before = cpu_seconds(pimd.pid)
        send(bin_dir, generator, burst, 900, 0, "ipv4")
        time.sleep(2)
        # Of its raw sockets that of protocol 2 is the one for IGMP.
        rows = [row.split() for row in router.ns.read("/proc/net/raw").splitlines()[1:]]
        dropped = sum(int(row[-1]) for row in rows if row[1].endswith(":0002"))
        return {"pimd_lost": dropped, "pimd_cpu_seconds": round(cpu_seconds(pimd.pid) - before, 2)}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="headwater bench membership",
        description="Measures how many records membership-watcher takes, what its groups cost, and how soon a burst of joins is published; beside it, "
        "what a snooping bridge holds and what pimd loses. Status 1 when 100000 groups cost more than 64 MiB or a burst is lost or published later than 1 s.",
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
    figures["bridge_groups"] = a_bridge(arguments.bin_dir, arguments.burst, "ipv6")
    figures["igmp_bridge_groups"] = a_bridge(arguments.bin_dir, arguments.burst, "ipv4")
    if pimd := find_pimd():
        figures |= a_pimd(pimd, arguments.bin_dir, arguments.burst)
    else:
        print(NO_PIMD, file=sys.stderr)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, words in WORDS.items():
            if name in figures:
                print(f"{figures[name]:>14,}  {words.format(**figures)}")
    good = figures["watcher_private_bytes"] <= MEMORY_MAX and figures["burst_lost"] == figures["igmp_lost"] == 0
    return 0 if good and max(figures["burst_published_seconds"], figures["igmp_published_seconds"]) <= PUBLISHED_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
