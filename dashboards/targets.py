#!/usr/bin/python3
"""Prints what Prometheus is to scrape (file_sd JSON) of a deployment: the ports of the services that its configuration has.

    targets.py --config deploy/example/headwater.toml > /etc/prometheus/targets/one.json
    targets.py --config headwater.toml --host fd00::2 --service rtp-packager --service sap-announcer --instance 1 > …/sender1.json
"""

import argparse
import ipaddress
import json
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy"))

from up import OPTIONAL, SERVICES  # noqa: E402

INSTANCE_STEP = 10


def host_in_url(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host  # a name


def targets(config: dict, host: str = "", services: tuple[str, ...] = (), instance: int = 0) -> list[dict]:
    """`host` is where Prometheus finds the machine; when empty, where the services listen, or ::1."""
    if not host:
        address = ipaddress.ip_address(config.get("http_address", "::"))
        host = "::1" if address.is_unspecified else str(address)
    names = services or [name for name in SERVICES if name not in OPTIONAL or name in config]
    return [{"targets": sorted(f"{host_in_url(host)}:{SERVICES[name] + INSTANCE_STEP * instance}" for name in names)}]


def main() -> None:
    parser = argparse.ArgumentParser(description="Prometheus targets of a deployment, for file_sd_configs.")
    parser.add_argument("--config", required=True, type=Path, help="its headwater.toml")
    parser.add_argument("--host", default="", help="address or name by which Prometheus reaches it (default: http_address)")
    parser.add_argument("--service", action="append", choices=list(SERVICES), help="only this one (may be repeated)")
    parser.add_argument("--instance", type=int, default=0, help="of services that run more than once")
    given = parser.parse_args()
    found = targets(tomllib.loads(given.config.read_text()), given.host, tuple(given.service or ()), given.instance)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
