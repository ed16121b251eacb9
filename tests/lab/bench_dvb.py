#!/usr/bin/python3
"""./headwater bench dvb: how long a listener waits for a service of a carrier that is tuned already, beside dvblast alone."""

import argparse
import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "dvb")]

from bench_startup import first_after, percentile, progress  # noqa: E402
from dvb_judge import Feed  # noqa: E402
from dvb_scene import HOME_CARRIER, ONE, TWO, DvbScene  # noqa: E402
from test_equipment import Receiver  # noqa: E402

from lab import Capture, Headend, Lab, group6, has_bye, joins  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TARGET = 150
WORDS = {
    "join_to_ts_ms": "report to the first RTP of a service whose carrier is tuned for another",
    "dvblast_ms": "dvblast alone: SIGHUP with the service's line added to its configuration, to the first datagram",
    "over_dvblast_ms": "the medians' difference",
}


def measure_headwater(scene: DvbScene, count: int) -> list[float]:
    """One service plays on; another one is joined, heard, and left until its session has ended."""
    times = []
    group = group6(TWO)
    with scene.alice.join(group6(ONE)):
        scene.wait_rtp(ONE)
        for number in range(count):
            lan = Capture(scene.headend.ns, "lan")
            with scene.bob.join(group):
                lan.wait_packet(lambda p: p.kind == "rtp" and p.destination == group, 20, "RTP")
            lan.wait_packet(lambda p: p.destination == group and has_bye(p), 20, "the session's end")
            seen = lan.stop()
            report = next(p for p in seen if joins(p, group))
            times.append(1000 * (first_after(seen, "rtp", report).time - report.time))
            progress("headwater", number + 1, count)
        if scene.errors(ONE):
            raise RuntimeError(f"the service that played on has continuity errors: {scene.errors(ONE)}")
    return times


def measure_dvblast(lab: Lab, count: int) -> list[float]:
    """The same tables, packets and card, and nothing of ours."""
    receiver = Receiver(lab.host("box"), lab.directory / "alone")
    one = Feed(receiver.host)
    dvblast = receiver.dvblast(receiver.sky[HOME_CARRIER].command, {0x1041: one})
    one.wait_packets(100, 20)
    times = []
    try:
        for number in range(count):
            two = Feed(receiver.host)
            dvblast.write({0x1041: one, 0x1042: two})
            began = time.time()
            os.kill(dvblast.process.pid, signal.SIGHUP)
            two.wait_packets(1, 20)
            times.append(1000 * (two.first - began))
            dvblast.write({0x1041: one})
            os.kill(dvblast.process.pid, signal.SIGHUP)
            one.clear()
            one.wait_packets(100, 20)
            progress("dvblast", number + 1, count)
    finally:
        dvblast.process.kill()
    return times


def run(arguments: argparse.Namespace) -> dict[str, list[float]]:
    with Lab() as lab:
        headend = Headend(lab, arguments.bin_dir)
        scene = DvbScene(lab, headend)
        headend.config["directory-resolver"]["directory"][1]["linger"] = "0s"
        scene.start()
        headwater = measure_headwater(scene, arguments.joins)
        headend.stop()
        return {"join_to_ts_ms": headwater, "dvblast_ms": measure_dvblast(lab, arguments.joins)}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="headwater bench dvb",
        description="Measures, over many joins, what passes between a listener's report and the first RTP of a service whose carrier is tuned "
        "already (a virtual card, real dvblast), beside dvblast alone. Status 1 when the median is more than 150 ms above dvblast's own.",
    )
    parser.add_argument("--json", action="store_true", help="one object: each figure with p50 and p99")
    parser.add_argument("--joins", type=int, default=50, help="how many (default: %(default)s)")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    times = run(arguments)
    over = statistics.median(times["join_to_ts_ms"]) - statistics.median(times["dvblast_ms"])
    figures = {name: {"p50": round(percentile(t, 0.5), 1), "p99": round(percentile(t, 0.99), 1)} for name, t in times.items()}
    if arguments.json:
        print(json.dumps({"joins": arguments.joins, **figures, "over_dvblast_ms": round(over, 1), "target": TARGET}))
    else:
        print(f"{arguments.joins} joins, milliseconds\n{'p50':>10} {'p99':>10}")
        for name, value in figures.items():
            print(f"{value['p50']:10.1f} {value['p99']:10.1f}  {WORDS[name]}")
        print(f"{over:10.1f} {'':>10}  {WORDS['over_dvblast_ms']} (target: below {TARGET})")
    return 0 if over < TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
