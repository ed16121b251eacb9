"""Hosts that speak mDNS by a real Avahi of their own: the zones that Headwater sees, and the devices on their links.

Each is `deploy/zone.py` in a namespace of its own, so that what the lab runs is what a machine runs.
"""

import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Optional

from .network import Host, Lab, Link
from .process import Process
from .wait import wait_until

ROOT = Path(__file__).resolve().parents[3]
PUBLISHER = Path(__file__).resolve().parent / "publisher.py"


@dataclass(frozen=True)
class Found:
    """One row of avahi-browse; a service has one for each interface and family that it is seen by."""

    interface: str
    family: str  # "IPv4" or "IPv6"
    name: str
    type: str
    host: str = ""
    address: str = ""
    port: int = 0
    txt: tuple[str, ...] = ()


@dataclass
class Service:
    """What a device offers."""

    name: str
    type: str = "_ipp._tcp"
    port: int = 631
    txt: list[str] = field(default_factory=list)
    subtypes: list[str] = field(default_factory=list)
    host: str = ""  # the device's own when empty


def unescape(text: str) -> str:
    r"""avahi-browse -p writes every byte that is not a letter or digit as \DDD, and a few as \C."""
    raw = re.sub(
        rb"\\(\d{3}|.)", lambda m: bytes([int(m[1])]) if len(m[1]) == 3 else m[1], text.encode("utf-8", "surrogateescape"), flags=re.S
    )
    return raw.decode("utf-8", "replace")


def parse_browse(output: str) -> list[Found]:
    """The resolved rows (`=`) of avahi-browse -r -p."""
    found = []
    for line in output.splitlines():
        parts = line.split(";", 9)
        if parts[0] != "=" or len(parts) < 9:
            continue
        _, interface, family, name, kind, _, host, address, port, *txt = parts
        strings = tuple(re.findall(r'"((?:[^"\\]|\\.)*)"', txt[0])) if txt else ()
        found.append(Found(interface, family, unescape(name), kind, host, address, int(port), strings))
    return found


class AvahiHost:
    """A host with an Avahi and a bus of its own; `zone.bus` is the socket that others reach it by."""

    def __init__(self, lab: Lab, name: str, *links: Link, directory: Optional[Path] = None, allow_user: str = ""):
        self.lab = lab
        self.name = name
        self.links = links
        self.host: Host = lab.host(f"{self.kind}-{name}", *links)
        # Not in the runner's own /run, and short: a socket's path has 107 characters.
        self.bus_dir = directory or lab.directory / "zones" / name
        self.allow_user = allow_user
        self.process: Optional[Process] = None

    kind = "zone"

    @property
    def ns(self):
        return self.host.ns

    @property
    def bus(self) -> Path:
        return self.bus_dir / "bus"

    def arguments(self) -> list[str]:
        argv = ["--name", self.name, "--interface", *[self.host.legs[link.name].interface for link in self.links]]
        argv += ["--bus-dir", str(self.bus_dir)]
        return argv + (["--allow-user", self.allow_user] if self.allow_user else [])

    def start(self, timeout: float = 15):
        """Returns when Avahi answers."""
        self.launch()
        return self.wait_ready(timeout)

    def launch(self) -> None:
        """Starts without waiting, where several come up at once."""
        self.process = self.ns.start(["/usr/bin/python3", ROOT / "deploy" / "zone.py", *self.arguments()], "zone")

    def wait_ready(self, timeout: float = 15):
        assert self.process
        self.process.wait_log(f"zone {self.name}: ready", timeout)
        return self

    def stop(self) -> int:
        """As SIGTERM does: Avahi says goodbye."""
        assert self.process
        return self.process.stop()

    # --- its daemons ---

    def pid(self, daemon: str) -> int:
        """Of the running daemon, by the runner's word."""
        assert self.process
        return int(re.findall(rf"{daemon} started, pid (\d+)", self.process.log())[-1])

    def starts(self, daemon: str = "avahi-daemon") -> int:
        """How often it has been started so far."""
        assert self.process
        return len(re.findall(rf"{daemon} started, pid", self.process.log()))

    def readies(self) -> int:
        assert self.process
        return len(re.findall(r": ready(?: again)?\r?$", self.process.log(), re.M))

    def kill_avahi(self, number: int = signal.SIGKILL) -> int:
        pid = self.pid("avahi-daemon")
        os.kill(pid, number)
        return pid

    def kill_bus(self, number: int = signal.SIGKILL) -> int:
        pid = self.pid("dbus-daemon")
        os.kill(pid, number)
        return pid

    def wait_ready_again(self, readies: int, timeout: float = 20) -> None:
        """`readies` as it was before the blow."""
        wait_until(lambda: self.readies() > readies, timeout, f"{self.name} ready again")

    # --- its clients ---

    @property
    def env(self) -> dict[str, str]:
        return {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.bus}"}

    def run(self, *argv: object, check: bool = True, timeout: float = 30) -> str:
        """A command of Avahi's own, as a client of this host's bus."""
        return self.ns.run("env", *[f"{k}={v}" for k, v in self.env.items()], *argv, check=check, timeout=timeout)

    def browse(self, kind: str = "") -> list[Found]:
        """What Avahi sees now, resolved; of one type, or of every type that it knows of."""
        return parse_browse(self.run("avahi-browse", "-r", "-p", "-t", "-k", *([kind] if kind else ["-a"])))

    def names(self, kind: str = "") -> set[str]:
        """Instance names that are seen, resolved or not."""
        output = self.run("avahi-browse", "-p", "-t", "-k", *([kind] if kind else ["-a"]))
        rows = [line.split(";") for line in output.splitlines()]
        return {unescape(row[3]) for row in rows if row[0] == "+" and len(row) > 3}

    def wait_seen(self, name: str, kind: str = "_ipp._tcp", timeout: float = 10) -> list[Found]:
        """The rows of a service, as soon as it resolves."""
        return wait_until(
            lambda: [f for f in self.browse(kind) if f.name == name], timeout, f"{name} {kind} seen by {self.name}", every=0.1
        )

    def wait_seen_name(self, name: str, kind: str = "_ipp._tcp", timeout: float = 10) -> None:
        """For a service whose host name has no address yet."""
        wait_until(lambda: name in self.names(kind), timeout, f"{name} {kind} seen by {self.name}", every=0.1)

    def wait_gone(self, name: str, kind: str = "_ipp._tcp", timeout: float = 10) -> None:
        wait_until(lambda: name not in self.names(kind), timeout, f"{name} {kind} no more seen by {self.name}", every=0.1)

    def watch(self, *kinds: str) -> Process:
        """avahi-browse that stays: its log has `+`, `-` and `=` rows as they come. All types when none is given."""
        argv = ["avahi-browse", "-r", "-p", "-k", *(kinds or ["-a"])]
        return self.ns.start(["stdbuf", "-oL", *argv], "browse", env=self.env)

    def resolve(self, host_name: str, family: int = 6) -> str:
        """A host name's address, by avahi-resolve; "" when there is none."""
        output = self.run("avahi-resolve", f"-{family}", "-n", host_name, check=False)
        return output.split("\t")[1].strip() if "\t" in output else ""

    def publish(self, service: Service, timeout: float = 10) -> Process:
        """avahi-publish; ending it withdraws the service with a goodbye."""
        argv = ["avahi-publish", "-s", *[f"--subtype={s}" for s in service.subtypes]]
        argv += ["-H", service.host] if service.host else []
        process = self.ns.start([*argv, service.name, service.type, service.port, *service.txt], "publish", env=self.env)
        process.wait_log("Established under name", timeout)
        return process

    def publish_address(self, host_name: str, address: str, timeout: float = 10) -> Process:
        """avahi-publish -a, for a host name that is not the device's own."""
        process = self.ns.start(["avahi-publish", "-a", "-R", host_name, address], "publish-address", env=self.env)
        process.wait_log("Established under name", timeout)
        return process

    def publish_many(self, services: Iterable[Service], timeout: float = 60, wait: bool = True) -> Process:
        """One process for hundreds of services, each a group of its own; ending it withdraws them all."""
        listing = self.lab.directory / f"{self.name}-{len(self.ns.processes)}.services"
        listing.write_text(repr([vars(s) for s in services]))
        process = self.ns.start(["/usr/bin/python3", PUBLISHER, listing], "publisher", env=self.env)
        if wait:
            process.wait_log("established\n", timeout)
        return process


class Zone(AvahiHost):
    """What the proxy sees of a link: an Avahi that publishes nothing of its own host."""


class Device(AvahiHost):
    """A printer, a television: a host on a link that publishes its name, its addresses and services."""

    kind = "device"

    def arguments(self) -> list[str]:
        return [*super().arguments(), "--publish-addresses", "--host-name", self.name]


def zones_table(zones: Iterable[Zone]) -> dict[str, dict[str, str]]:
    """`[zones.*]` of headwater.toml."""
    return {zone.name: {"bus": str(zone.bus)} for zone in zones}
