#!/usr/bin/python3
"""./headwater bench series: sessions started and ended by joins and leaves, and how many series /metrics has before and after."""

import argparse
import contextlib
import json
import re
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import FIRST_NUMBER, SERVICES, Headend, Host, Lab, group6, wait_until  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
# At once; a socket's option memory holds as many joins.
BATCH = 100
STARTED = "headwater_session_manager_report_to_rtp_seconds_count"


@contextlib.contextmanager
def listening(host: Host, groups: list[str]) -> Iterator[None]:
    """One socket that joins all of them, and leaves all when it is closed."""
    sock = host.ns.socket(socket.AF_INET6)
    index = host.ns.interface_index(host.leg.interface)
    for group in groups:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack("=I", index))
    try:
        yield
    finally:
        sock.close()


def series(headend: Headend) -> set[str]:
    """Every sample's name and labels, of every service."""
    found = set()
    for service, port in SERVICES.items():
        text = headend.ns.http(f"http://127.0.0.1:{port}/metrics")
        found |= {f"{service} {name}" for name in re.findall(r"^(headwater_\S+?(?:\{.*\})?) \S+$", text, re.M)}
    return found


def run(headend: Headend, alice: Host, sessions: int) -> dict:
    headend.start()
    before, most, began = series(headend), 0, time.monotonic()
    for first in range(0, sessions, BATCH):
        numbers = range(FIRST_NUMBER + first, FIRST_NUMBER + min(first + BATCH, sessions))
        done = first + len(numbers)
        with listening(alice, [group6(number) for number in numbers]):
            wait_until(lambda: headend.metric("session-manager", STARTED) >= done, 60, f"{done} sessions", every=0.1)
            if first % (10 * BATCH) == 0:
                most = max(most, len(series(headend)))
                print(f"{done} sessions", file=sys.stderr)
        wait_until(lambda: headend.metric("rtp-packager", "headwater_rtp_packager_sessions") == 0, 60, "the sessions' end", every=0.1)
    wait_until(lambda: headend.metric("rtp-packager", "headwater_rtp_packager_session_receivers") == 0, 10)
    # Those of a session go at the next second.
    wait_until(lambda: "d0be" not in str(series(headend)), 10, "the end of every session's series")
    after = series(headend)
    return {
        "sessions": int(headend.metric("session-manager", STARTED)),
        "series_before": len(before),
        "series_most": most,
        "series_after": len(after),
        "new": sorted(after - before),
        "gone": sorted(before - after),
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10000)
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    with Lab() as lab:
        headend = Headend(lab, given.bin_dir.resolve())
        url = headend.icecast.mount("radio", 440.0)
        headend.write_lineup({FIRST_NUMBER + n: (f"Station {n}", url) for n in range(given.sessions)})
        headend.config["session-manager"] |= {"starts_per_second": 10000}
        headend.config["directory-resolver"]["directory"][0]["linger"] = "0s"
        headend.config["log_level"] = "warning"
        found = run(headend, lab.host("alice", headend.link), given.sessions)
    if given.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{key}: {value}" for key, value in found.items()))
    return 0 if found["series_before"] == found["series_after"] else 1


if __name__ == "__main__":
    sys.exit(main())
