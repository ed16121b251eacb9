#!/usr/bin/python3
"""Makes, fills and removes the network namespace of an mDNS zone; `configure` sets addresses where it is started."""

import argparse
import ipaddress
import json
import os
import re
import subprocess
import sys
from typing import Optional

# sysexits.h
USAGE, UNAVAILABLE = 64, 69


class Refusal(Exception):
    """What is wrong, and the exit status that says so."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


def namespace_of(zone: str) -> str:
    return f"headwater-{zone}"


def ip(*words: str, namespace: Optional[str] = None) -> str:
    argv = ["ip", *(["-netns", namespace] if namespace else []), *words]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refusal(UNAVAILABLE, f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def links(namespace: Optional[str] = None) -> dict[str, dict]:
    return {link["ifname"]: link for link in json.loads(ip("-j", "-d", "link", "show", namespace=namespace) or "[]")}


def up(zone: str, interfaces: list[str], addresses: list[str], move: bool) -> None:
    """The namespace with each interface: a macvlan of the machine's own of that name, or the machine's own itself."""
    namespace = namespace_of(zone)
    have = links()
    for interface in interfaces:
        if interface not in have:
            raise Refusal(UNAVAILABLE, f"no interface {interface} on this machine (ip -br link lists what there is)")
    # What an earlier start has left would make each step fail.
    down(zone)
    ip("netns", "add", namespace)
    try:
        for interface in interfaces:
            if move:
                ip("link", "set", interface, "netns", namespace)
            else:
                # The machine keeps its interface, with its addresses; the zone is one more host on the link.
                ip("link", "set", interface, "up")
                ip("link", "add", "link", interface, "name", interface, "netns", namespace, "type", "macvlan", "mode", "bridge")
        configure(interfaces, addresses, namespace)
    except Refusal:
        down(zone)
        raise


def configure(interfaces: list[str], addresses: list[str], namespace: Optional[str] = None) -> None:
    """IPv6 by the link's routers, IPv4 as told. A zone routes nothing, whatever the machine does."""
    wrap = ["ip", "netns", "exec", namespace] if namespace else []
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        subprocess.run([*wrap, "sysctl", "-q", "-w", f"{key}=0"], check=False, stderr=subprocess.DEVNULL)
    for interface in ["lo", *interfaces]:
        ip("link", "set", interface, "up", namespace=namespace)
    for word in addresses:
        interface, _, address = word.partition("=")
        ip("address", "replace", address, *(["nodad"] if ":" in address else []), "dev", interface, namespace=namespace)


def down(zone: str) -> None:
    """Gives interfaces that were moved back to the machine: with the namespace a VLAN's interface would be gone."""
    namespace = namespace_of(zone)
    if not os.path.exists(f"/run/netns/{namespace}"):
        return
    for name, link in links(namespace).items():
        if name != "lo" and link.get("linkinfo", {}).get("info_kind") != "macvlan":
            ip("link", "set", name, "netns", "1", namespace=namespace)
    ip("netns", "delete", namespace)


def check(arguments: argparse.Namespace) -> None:
    if arguments.zone and not re.fullmatch(r"[a-z0-9-]{1,32}", arguments.zone):
        raise Refusal(USAGE, "a zone's name is 1 to 32 of a-z, 0-9 and -")
    if arguments.command != "down" and not arguments.interface:
        raise Refusal(USAGE, "no interface: a zone has at least one (INTERFACES in /etc/headwater/zones/NAME)")
    for word in arguments.address:
        interface, _, address = word.partition("=")
        try:
            ipaddress.ip_interface(address)
        except ValueError:
            raise Refusal(USAGE, f"not INTERFACE=ADDRESS/LENGTH: {word}") from None
        if interface not in arguments.interface:
            raise Refusal(USAGE, f"{word}: {interface} is not an interface of this zone")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="zone_net.py",
        description="up: makes the network namespace headwater-ZONE with the interfaces and addresses; down: removes it and gives moved "
        "interfaces back; configure: sets interfaces up and their addresses in the namespace it is started in.",
        epilog="Example: zone_net.py up --zone iot --interface vlan20 --address vlan20=192.168.20.4/24",
    )
    parser.add_argument("command", choices=["up", "down", "configure"])
    parser.add_argument("--zone", default="", help="the zone's name")
    parser.add_argument("--interface", nargs="*", default=[], help="the zone's interfaces")
    parser.add_argument("--address", nargs="*", default=[], help="INTERFACE=ADDRESS/LENGTH; IPv6 addresses come from routers too")
    parser.add_argument("--move", action="store_true", help="move the machine's interfaces into the zone, instead of a macvlan of each")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        check(arguments)
        if arguments.command == "configure":
            configure(arguments.interface, arguments.address)
        elif not arguments.zone:
            raise Refusal(USAGE, "--zone is missing")
        elif arguments.command == "up":
            up(arguments.zone, arguments.interface, arguments.address, arguments.move)
        else:
            down(arguments.zone)
    except Refusal as refusal:
        print(f"zone_net: {refusal}", file=sys.stderr)
        return refusal.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
