#!/usr/bin/python3
"""What on this machine or its links would hinder a headend, and what helps. One check a function, in a registry."""

import argparse
import ctypes
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import time
import tomllib
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, Optional

import zone as zone_runner

OK, WARNING, FAULT = "ok", "warning", "fault"
_ETH_P_ALL = 3
# A querier speaks each 125 s; who wants to be sure waits longer (--listen).
_LISTEN_DEFAULT = 3.0
SYSTEM_BUS = Path("/run/dbus/system_bus_socket")
_WATCHER_PORT = 9461


@dataclass
class Finding:
    """What one check found. `help` says what to do; it is empty when all is well."""

    check: str
    state: str
    text: str
    help: str = ""


@dataclass
class Machine:
    """What the checks look at."""

    interfaces: list[str]
    listen: float
    # mDNS zones by name, with the paths of their buses.
    zones: dict[str, Path] = field(default_factory=dict)
    proc: Path = Path("/proc")

    def sysctl(self, key: str) -> Optional[int]:
        try:
            return int((self.proc / "sys" / key.replace(".", "/")).read_text().split()[0])
        except (OSError, ValueError):
            return None


CHECKS: list[tuple[str, Callable[[Machine], Iterator[Finding]]]] = []


def check(name: str):
    """Adds a check to the registry; it yields its findings."""

    def register(function: Callable[[Machine], Iterator[Finding]]):
        CHECKS.append((name, function))
        return function

    return register


@check("interfaces")
def interfaces_are_up(machine: Machine) -> Iterator[Finding]:
    if not machine.interfaces:
        yield Finding("interfaces", FAULT, "no interface to serve", "name them: --interface eth0, or --config FILE with [legs]")
    for name in machine.interfaces:
        flags = Path(f"/sys/class/net/{name}/flags")
        if not flags.exists():
            yield Finding("interfaces", FAULT, f"{name} does not exist", "ip -br link lists what does")
            continue
        bits = int(flags.read_text(), 16)
        if not bits & 0x1:
            yield Finding("interfaces", FAULT, f"{name} is down", f"ip link set {name} up")
        elif not bits & 0x1000:
            yield Finding("interfaces", FAULT, f"{name} cannot multicast", f"ip link set {name} multicast on")
        else:
            yield Finding("interfaces", OK, f"{name} is up and can multicast")


@check("addresses")
def interfaces_have_addresses(machine: Machine) -> Iterator[Finding]:
    for name in machine.interfaces:
        shown = subprocess.run(["ip", "-j", "address", "show", "dev", name], capture_output=True, text=True)
        if shown.returncode != 0:
            continue
        addresses = [a for link in json.loads(shown.stdout or "[]") for a in link.get("addr_info", [])]
        families = {a["family"] for a in addresses if a.get("scope") == "global"}
        link_local = any(a["family"] == "inet6" and a.get("scope") == "link" for a in addresses)
        for family, title in (("inet6", "IPv6"), ("inet", "IPv4")):
            if family not in families:
                yield Finding("addresses", WARNING, f"{name} has no {title} address", f"give it one to serve {title} listeners")
        if not link_local:
            yield Finding(
                "addresses", FAULT, f"{name} has no link-local address", "MLD queries must come from one: is IPv6 disabled?"
            )
        if families == {"inet", "inet6"} and link_local:
            yield Finding("addresses", OK, f"{name} has IPv4, IPv6 and link-local addresses")


@check("multicast-route")
def multicast_routes(machine: Machine) -> Iterator[Finding]:
    """Headwater names its interface for each datagram; players on this host ask the routes."""
    for family, group in (("-6", "ff3e::1"), ("-4", "239.192.0.1")):
        shown = subprocess.run(["ip", family, "route", "get", group], capture_output=True, text=True)
        found = re.search(r"\bdev (\S+)", shown.stdout)
        prefix = "ff00::/8" if family == "-6" else "224.0.0.0/4"
        if not found:
            yield Finding(
                "multicast-route", WARNING, f"no route for {group}: players on this host cannot join",
                f"ip {family} route add {prefix} dev {machine.interfaces[0] if machine.interfaces else 'INTERFACE'}",
            )
        elif machine.interfaces and found[1] not in machine.interfaces:
            table = " table local metric 1" if family == "-6" else ""
            yield Finding(
                "multicast-route", WARNING,
                f"{prefix} prefers {found[1]}: players on this host join there, and other programs send there",
                f"ip {family} route add {'multicast ' if family == '-6' else ''}{prefix} dev {machine.interfaces[0]}{table}",
            )
        else:
            yield Finding("multicast-route", OK, f"{prefix} leads to {found[1]}")


@check("kernel-limits")
def kernel_limits(machine: Machine) -> Iterator[Finding]:
    wanted = {
        "net.ipv4.igmp_max_memberships": (100, "players on this host join at most so many IPv4 groups each"),
        "net.ipv4.igmp_max_msf": (32, "sources of one IPv4 membership"),
        "net.ipv6.mld_max_msf": (64, "sources of one IPv6 membership"),
        "net.core.rmem_max": (1 << 20, "a receive buffer must hold a burst of reports"),
        "net.core.wmem_max": (1 << 20, "a send buffer must hold a burst of media"),
    }
    all_well = True
    for key, (least, why) in wanted.items():
        value = machine.sysctl(key)
        if value is not None and value < least:
            all_well = False
            yield Finding("kernel-limits", WARNING, f"{key} is {value}: {why}", f"sysctl -w {key}={least}")
    for name in machine.interfaces:
        for key in (f"net.ipv4.conf.{name}.force_igmp_version", f"net.ipv6.conf.{name}.force_mld_version"):
            if machine.sysctl(key):
                all_well = False
                yield Finding(
                    "kernel-limits", WARNING, f"{key} is {machine.sysctl(key)}: this host's players report in an old version",
                    f"sysctl -w {key}=0",
                )
    files = os.sysconf("SC_OPEN_MAX")
    if files < 1024:
        all_well = False
        yield Finding("kernel-limits", WARNING, f"{files} open files for a process", "ulimit -n 4096")
    if all_well:
        yield Finding("kernel-limits", OK, "memberships, buffers and files suffice")


@check("privileges")
def privileges(machine: Machine) -> Iterator[Finding]:
    status = (machine.proc / "self/status").read_text()
    effective = int(re.search(r"^CapEff:\s*(\w+)", status, re.M)[1], 16)  # type: ignore[index]
    if effective >> 13 & 1:
        yield Finding("privileges", OK, "packet sockets may be opened")
    else:
        yield Finding("privileges", FAULT, "packet sockets may not be opened", "run as root, or give CAP_NET_RAW")


@check("programs")
def programs(machine: Machine) -> Iterator[Finding]:
    for name in ("ip", "ffmpeg"):
        if not shutil.which(name):
            yield Finding("programs", WARNING, f"{name} is not installed", f"apt-get install {'iproute2' if name == 'ip' else name}")


@check("zones")
def zones_answer(machine: Machine) -> Iterator[Finding]:
    """Each mDNS zone of the configuration has an Avahi that answers on its bus."""
    for name, bus in machine.zones.items():
        if zone_runner.avahi_runs(bus):
            yield Finding("zones", OK, f"zone {name}: Avahi answers on {bus}")
            continue
        missing = [package for program, package in zone_runner.PACKAGES.items() if not shutil.which(program, path=zone_runner.SEARCH_PATH)]
        own = bus != SYSTEM_BUS
        start = f"systemctl start headwater-zone@{name} (nspawn/README.md)" if own else "systemctl start avahi-daemon"
        why = "no Avahi answers" if os.path.exists(bus) else "there is no bus"
        yield Finding("zones", FAULT, f"zone {name}: {why} at {bus}", f"apt-get install {' '.join(missing)}" if missing else start)


def is_query(frame: bytes) -> str:
    """The family of a general or specific membership query in an Ethernet frame; "" for anything else."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and len(frame) > 34 and frame[23] == 2:
        header = 4 * (frame[14] & 15)
        return "IPv4" if frame[14 + header : 15 + header] == b"\x11" else ""
    if kind == b"\x86\xdd" and len(frame) > 62 and frame[20] == 0 and frame[54] == 58:
        options = 8 + 8 * frame[55]
        return "IPv6" if frame[54 + options : 55 + options] == b"\x82" else ""
    return ""


@check("querier")
def querier(machine: Machine) -> Iterator[Finding]:
    """Without a querier, snooping switches forget who listens. Headwater is one itself once it runs."""
    for name in machine.interfaces:
        try:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            sock.bind((name, 0))
        except OSError as error:
            yield Finding("querier", WARNING, f"cannot listen on {name}: {error.strerror}", "run as root")
            continue
        with sock:
            # All-multicast on this interface, as long as the socket lives (PACKET_ADD_MEMBERSHIP, PACKET_MR_ALLMULTI).
            request = struct.pack("=iHH8s", socket.if_nametoindex(name), 2, 0, b"")
            sock.setsockopt(263, 1, request)
            heard = _listen(sock, machine.listen)
        for family in ("IPv4", "IPv6"):
            if family in heard:
                yield Finding("querier", OK, f"an {family} querier speaks on {name}")
            else:
                yield Finding(
                    "querier", WARNING, f"no {family} query on {name} within {machine.listen:g} s",
                    "queries come each 125 s: --listen 130 is sure; membership-watcher becomes the querier where there is none",
                )


_ALARMS = {
    "foreign_querier": ("another router asks who listens", "make this port a router port of the switch, or give this host the lower address"),
    "older_querier": ("somebody asks in an older version, and hosts fall back to it", "raise the IGMP/MLD version of that router or switch"),
    "no_querier": ("nobody asks who listens", 'set querier = "auto" for the link, or have another router ask'),
    "no_reports": ("no report for a membership interval", "if hosts listen, a switch keeps their reports from this port: make it a router port"),
    "hop_limit": ("reports arrive that came through a router", "something forwards multicast control traffic between links"),
    "limit": ("groups, members or records are refused at a limit", "raise the limit that headwater_membership_watcher_records_ignored_total names"),
}


@check("membership")
def membership_alarms(machine: Machine) -> Iterator[Finding]:
    """What a membership-watcher that runs here says of its links."""
    try:
        with urllib.request.urlopen(f"http://[::1]:{_WATCHER_PORT}/metrics", timeout=3) as answer:
            text = answer.read().decode()
    except OSError:
        yield Finding("membership", OK, "no membership-watcher runs here")
        return
    found = re.findall(r'^headwater_membership_watcher_alarm\{alarm="(\w+)",link="([^"]*)"\} 1$', text, re.M)
    found += [(a, link) for link, a in re.findall(r'^headwater_membership_watcher_alarm\{link="([^"]*)",alarm="(\w+)"\} 1$', text, re.M)]
    for alarm, link in found:
        what, help_text = _ALARMS.get(alarm, (alarm, "see docs/metrics.md"))
        yield Finding("membership", WARNING, f"link {link}: {what}", help_text)
    if not found:
        yield Finding("membership", OK, "membership-watcher finds nothing wrong with its links")


def _listen(sock: socket.socket, seconds: float) -> set[str]:
    heard: set[str] = set()
    deadline = time.monotonic() + seconds
    while len(heard) < 2 and (left := deadline - time.monotonic()) > 0:
        if select.select([sock], [], [], left)[0]:
            heard.add(is_query(sock.recv(2048)))
            heard.discard("")
    return heard


def interfaces_of(config: Path) -> list[str]:
    legs = tomllib.loads(config.read_text()).get("legs", {})
    return [leg if isinstance(leg, str) else leg.get("interface", "") for leg in legs.values()]


def zones_of(config: Path) -> dict[str, Path]:
    document = tomllib.loads(config.read_text())
    folder = Path(document.get("run_dir", "/run/headwater")) / "zones"
    buses = {name: zone.get("bus", folder / name / "bus") for name, zone in document.get("zones", {}).items()}
    return {name: SYSTEM_BUS if bus == "system" else Path(bus) for name, bus in buses.items()}


def default_interfaces() -> list[str]:
    """Every interface that is up and can multicast, but the loopback."""
    found = []
    for path in sorted(Path("/sys/class/net").iterdir()):
        bits = int((path / "flags").read_text(), 16) if (path / "flags").exists() else 0
        if bits & 0x1 and bits & 0x1000 and not bits & 0x8:
            found.append(path.name)
    return found


def in_this_namespace() -> None:
    """/sys shows the network namespace of whoever mounted it: under nsenter it must be mounted again, for us alone."""
    names = {name for _, name in socket.if_nameindex()}
    if names == {p.name for p in Path("/sys/class/net").iterdir() if p.is_dir()}:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    private, recursive, newns = 1 << 18, 1 << 14, 0x20000
    if libc.unshare(newns) == 0:
        libc.mount(b"none", b"/", None, private | recursive, None)
        libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="headwater doctor",
        description="Looks at this machine and its links for what would hinder a headend, and says what helps. Changes nothing. "
        "Status 0: no fault (warnings do not count); 1: at least one.",
        epilog="Example: ./headwater doctor --config deploy/example/headwater.toml --listen 130",
    )
    parser.add_argument("--config", type=Path, help="take the interfaces and mDNS zones from this file")
    parser.add_argument("--interface", action="append", default=[], help="look at this one (may be repeated; default: all that are up)")
    parser.add_argument("--listen", type=float, default=_LISTEN_DEFAULT, help="seconds to wait for a query (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one object a line: check, state (ok, warning, fault), text, help")
    parser.add_argument("--list", action="store_true", help="name the checks")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        print("\n".join(name for name, _ in CHECKS))
        return 0
    in_this_namespace()
    interfaces = arguments.interface or (interfaces_of(arguments.config) if arguments.config else default_interfaces())
    machine = Machine(interfaces, arguments.listen, zones_of(arguments.config) if arguments.config else {})
    worst = OK
    for _, run in CHECKS:
        for finding in run(machine):
            worst = FAULT if FAULT in (worst, finding.state) else WARNING if WARNING in (worst, finding.state) else OK
            if arguments.json:
                print(json.dumps(finding.__dict__), flush=True)
            else:
                print(f"{finding.state:8} {finding.check}: {finding.text}", flush=True)
                if finding.help:
                    print(f"{'':8}   help: {finding.help}", flush=True)
    return 1 if worst == FAULT else 0


if __name__ == "__main__":
    sys.exit(main())
