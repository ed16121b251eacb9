#!/usr/bin/python3
"""./headwater bench bridge: a minute of multicast through the bridge, counted by the sender, the kernel and the receiver."""

import argparse
import json
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "bridge")]

from bridge_load import run_load  # noqa: E402
from bridge_scene import BridgeScene  # noqa: E402

from lab import Lab  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WORDS = {
    "rate": "packets a second, as sent",
    "sent": "packets of 200 bytes sent",
    "forwarded": "by the kernel's route",
    "metric": "by headwater_mcast_bridge_packets_total",
    "received": "by the receiver",
    "lost_in_kernel": "sent, but not out of the other interface",
    "interface_drops": "dropped by the router's interfaces",
    "wrong_interface": "came by another interface than the route's",
}


def run(arguments: argparse.Namespace) -> dict:
    with Lab() as lab:
        scene = BridgeScene(lab, arguments.bin_dir)
        scene.start()
        scene.wait_active()
        return run_load(scene, seconds=arguments.seconds, rate=arguments.rate)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="headwater bench bridge",
        description="Sends multicast from one network to another through mcast-bridge and a stateful firewall, and counts it everywhere. "
        "Status 1 when one packet is lost in the router.",
    )
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=10000, help="packets a second (default: %(default)s)")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("network namespaces need root")
    figures = run(arguments)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, words in WORDS.items():
            print(f"{figures[name]:10d}  {words}")
    lossless = figures["lost_in_kernel"] == 0 and figures["wrong_interface"] == 0 and figures["forwarded"] == figures["sent"]
    return 0 if lossless else 1


if __name__ == "__main__":
    sys.exit(main())
