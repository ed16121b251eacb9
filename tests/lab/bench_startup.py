#!/usr/bin/python3
"""./headwater bench startup: how long a listener waits, from its report on the wire, beside pipelines started by the same report."""

import argparse
import contextlib
import json
import math
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent))

from demo import is_request  # noqa: E402
from lab import (  # noqa: E402
    FIRST_NUMBER,
    Capture,
    FfmpegListener,
    Headend,
    Host,
    Lab,
    Packet,
    group6,
    has_bye,
    joins,
    of_kind,
    wait_until,
)
from lab.packets import dissect  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ["join_to_http_ms", "source_answer_ms", "join_to_sap_ms", "join_to_rtp_ms", "join_to_pcm_ms", "ffmpeg_ms", "gstreamer_ms"]
TARGETS = {"join_to_http_ms": 5, "join_to_sap_ms": 25}
WORDS = {
    "join_to_http_ms": "report to the source's first SYN or GET",
    "source_answer_ms": "the source's own time: first GET to the first media in its answer",
    "join_to_sap_ms": "report to first SAP (the source's own time in it)",
    "join_to_rtp_ms": "report to first RTP",
    "join_to_pcm_ms": "report to the first sound decoded by ffmpeg -i sap://",
    "ffmpeg_ms": "report to first RTP of `ffmpeg -c copy -f rtp` started by it",
    "gstreamer_ms": "report to first RTP of a `gst-launch-1.0` pipeline started by it",
}
GROUP = group6(FIRST_NUMBER)
# Outside the plan: the headend leaves it alone.
REFERENCE_GROUP = "ff3e:40:2001:db8:d0be:f00d:7000:1"


def percentile(values: list[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def measure_headwater(headend: Headend, alice: Host, count: int) -> dict[str, list[float]]:
    """Starts from nothing each time: the session has ended before the next join."""
    times: dict[str, list[float]] = {figure: [] for figure in FIGURES[:5]}
    for number in range(count):
        lan, fabric = Capture(headend.ns, "lan"), Capture(headend.ns, "fabric", "tcp port 8000")
        listener = FfmpegListener(alice, GROUP)
        wait_until(lambda: listener.first_pcm, 30, "sound")
        listener.leave()
        lan.wait_packet(lambda p: p.destination == GROUP and has_bye(p), 20, "the session's end")
        seen, requests = lan.stop(), fabric.stop()
        report = next(p for p in seen if joins(p, GROUP))
        request = next(p for p in requests if p.time >= report.time and is_request(p))
        get = next(p for p in requests if p.payload.startswith(b"GET ") and p.time >= report.time)
        answer = next(p for p in requests if p.time >= get.time and is_media(p))
        assert listener.first_pcm
        times["source_answer_ms"].append(1000 * (answer.time - get.time))
        times["join_to_http_ms"].append(1000 * (request.time - report.time))
        times["join_to_sap_ms"].append(1000 * (first_after(seen, "sap", report).time - report.time))
        times["join_to_rtp_ms"].append(1000 * (first_after(seen, "rtp", report).time - report.time))
        times["join_to_pcm_ms"].append(1000 * (listener.first_pcm - report.time))
        progress("headwater", number + 1, count)
    return times


def is_media(packet: Packet) -> bool:
    """From the station, and more than a response's header."""
    if packet.source_port != 8000 or not packet.payload:
        return False
    return not packet.payload.startswith(b"HTTP/") or len(packet.payload.partition(b"\r\n\r\n")[2]) > 0


def first_after(packets: list[Packet], kind: str, report: Packet) -> Packet:
    return next(p for p in packets if p.time >= report.time and of_kind(kind, report_group(report))(p))


def report_group(report: Packet) -> str:
    return next(r.group for r in report.records() if r.is_join)


def measure_reference(headend: Headend, alice: Host, argv: list[str], name: str, count: int) -> list[float]:
    """The same event, a report on the headend's link, starts `argv`."""
    times = []
    for number in range(count):
        lan = Capture(headend.ns, "lan")
        with report_socket(headend) as sock, alice.join(REFERENCE_GROUP):
            wait_report(sock)
            with headend.ns.entered():
                # setpriv: it dies with this process; without Popen's preexec_fn the start is as quick as Python's can be.
                started = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            try:
                lan.wait_packet(of_kind("rtp", REFERENCE_GROUP), 20, f"RTP of {name}")
            finally:
                started.kill()
                started.wait()
        seen = lan.stop()
        report = next(p for p in seen if joins(p, REFERENCE_GROUP))
        times.append(1000 * (first_after(seen, "rtp", report).time - report.time))
        progress(name, number + 1, count)
    return times


@contextlib.contextmanager
def report_socket(headend: Headend) -> Iterator[socket.socket]:
    with headend.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD)) as sock:
        sock.bind((headend.link.name, 0x86DD))
        # All-multicast (PACKET_ADD_MEMBERSHIP, PACKET_MR_ALLMULTI), as the headend itself has it.
        index = headend.ns.interface_index(headend.link.name)
        sock.setsockopt(263, 1, index.to_bytes(4, "little") + b"\x02\x00" + bytes(10))
        yield sock


def wait_report(sock: socket.socket) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if select.select([sock], [], [], 1)[0] and joins(dissect(0, sock.recv(2048)), REFERENCE_GROUP):
            return
    raise TimeoutError("no report")


def progress(name: str, done: int, count: int) -> None:
    if done % 10 == 0 or done == count:
        print(f"{name}: {done} of {count}", file=sys.stderr, flush=True)


def references(url: str) -> dict[str, list[str]]:
    target = f"rtp://[{REFERENCE_GROUP}]:5004?ttl=16"
    gst = f"souphttpsrc iradio-mode=false location={url} ! mpegaudioparse ! rtpmpapay ! udpsink host={REFERENCE_GROUP} port=5004"
    gst += " multicast-iface=lan ttl-mc=16 auto-multicast=false"
    return {
        # Told the format, ffmpeg does not look at five seconds of the stream before it sends: its best case.
        "ffmpeg_ms": ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-analyzeduration", "0", "-f", "mp3", "-i", url,
                      "-c", "copy", "-f", "rtp", target],
        "gstreamer_ms": ["gst-launch-1.0", "-q", *gst.split()],
    }


def run(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    with Lab() as lab:
        headend = Headend(lab, arguments.bin_dir)
        alice = lab.host("alice", headend.link)
        headend.config["log_level"] = "info"
        headend.config["directory-resolver"]["directory"][0]["linger"] = "0s"
        url = headend.icecast.mount("radio", 440, bitrate="320k") if arguments.live else headend.icecast.file("radio.mp3", seconds=60)
        headend.write_lineup({FIRST_NUMBER: ("Radio", url)})
        headend.start()
        times = measure_headwater(headend, alice, arguments.joins)
        for figure, argv in references(url).items():
            times[figure] = measure_reference(headend, alice, argv, figure.removesuffix("_ms"), arguments.joins)
    return {
        figure: {"p50": round(percentile(times[figure], 0.5), 2), "p99": round(percentile(times[figure], 0.99), 2)}
        for figure in FIGURES
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="headwater bench startup",
        description="Measures, over many joins, what passes between a listener's report on the wire and the source's first SYN, SAP, RTP "
        "and decoded sound; beside ffmpeg and GStreamer pipelines started by the same report. Kernel timestamps; a local Icecast. "
        "Status 1 when a median misses its target.",
    )
    parser.add_argument("--json", action="store_true", help="one object: each figure with p50 and p99")
    parser.add_argument("--joins", type=int, default=50, help="how many (default: %(default)s)")
    parser.add_argument(
        "--live", action="store_true",
        help="a live mount of 320 kbit/s instead of a recording served by the same Icecast: it gives a new listener its first media only with "
        "the third buffer of 1400 bytes, about 100 ms (source_answer_ms)",
    )
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    figures = run(arguments)
    if arguments.json:
        print(json.dumps({"joins": arguments.joins, **figures, "targets_p50": TARGETS}))
    else:
        print(f"{arguments.joins} joins, milliseconds\n{'p50':>10} {'p99':>10} {'target':>8}")
        for figure, value in figures.items():
            print(f"{value['p50']:10.1f} {value['p99']:10.1f} {TARGETS.get(figure, ''):>8}  {WORDS[figure]}")
    return 0 if all(figures[figure]["p50"] <= target for figure, target in TARGETS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
