"""The lab's network: links (one bridge each, in a switch namespace) and hosts attached by veth."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Optional

from .namespace import Namespace

SITE_PREFIX = "2001:db8:d0be:f00d"


class Link:
    """One layer-2 segment: a bridge. The first link of a lab is in the site's own /64."""

    def __init__(self, lab: "Lab", name: str, number: int, snooping: bool, kernel_defaults: bool):
        self.lab = lab
        self.name = name
        self.bridge = f"br-{name}"[:15]
        third, fourth = SITE_PREFIX.rsplit(":", 1)
        self.prefix6 = f"{third}:{int(fourth, 16) + number:x}"
        self.prefix4 = f"192.168.{10 + number}"
        self._ports = 0
        # At the kernel's defaults the bridge knows IGMPv2 and MLDv1 only, as many cheap switches do.
        options = f"mcast_snooping {int(snooping)} mcast_querier 0 forward_delay 0 stp_state 0"
        if not kernel_defaults:
            options += " mcast_igmp_version 3 mcast_mld_version 2"
        lab.switch.ip(
            f"link add name {self.bridge} type bridge {options}",
            # The switch itself is no host: without addresses its own stack neither joins nor answers.
            f"link set {self.bridge} addrgenmode none",
            f"link set {self.bridge} up",
        )

    def next_port(self) -> tuple[int, str]:
        self._ports += 1
        return self._ports, f"{self.name[:9]}-{self._ports}"

    def mdb(self) -> str:
        """The snooping table, as `bridge mdb` prints it."""
        return self.lab.switch.run("bridge", "mdb", "show", "dev", self.bridge)


class Host:
    """A namespace with a leg in one or more links; `host.ns` runs commands in it."""

    def __init__(self, lab: "Lab", name: str):
        self.lab = lab
        self.name = name
        self.ns = Namespace(name, lab.directory)
        self.legs: dict[str, "Leg"] = {}

    def attach(self, link: Link, interface: str = "") -> "Leg":
        leg = Leg(self, link, interface or link.name)
        self.legs[link.name] = leg
        return leg

    @property
    def leg(self) -> "Leg":
        """The first leg."""
        return next(iter(self.legs.values()))

    def join(self, group: str, source: str = "", link: str = ""):
        leg = self.legs[link] if link else self.leg
        return self.ns.join(group, leg.interface, source)


class Leg:
    """A host's interface in a link, with fixed addresses: the n-th host on a link has ::n and .n."""

    def __init__(self, host: Host, link: Link, interface: str):
        self.host = host
        self.link = link
        self.interface = interface
        number, self.port = link.next_port()
        self.ipv6 = f"{link.prefix6}::{number:x}"
        self.ipv4 = f"{link.prefix4}.{number}"
        switch = link.lab.switch
        switch.ip(
            f"link add name {self.port} type veth peer name {interface} netns {host.ns.path}",
            f"link set {self.port} addrgenmode none master {link.bridge}",
            f"link set {self.port} up",
        )
        commands = [
            f"link set {interface} up",
            f"address add {self.ipv6}/64 dev {interface} nodad",
            f"address add {self.ipv4}/24 brd + dev {interface}",
        ]
        if not host.legs:
            # Players join IPv4 groups without naming an interface: the kernel asks the routes.
            commands.append(f"route add 224.0.0.0/4 dev {interface}")
        host.ns.ip(*commands)

    @property
    def mac(self) -> str:
        shown = self.host.ns.run("ip", "-j", "link", "show", "dev", self.interface)
        return json.loads(shown)[0]["address"]

    def set_up(self, up: bool) -> None:
        """The cable, as the host sees it."""
        self.link.lab.switch.ip(f"link set {self.port} {'up' if up else 'down'}")


class Lab:
    """One network and everything that runs in it; `with Lab() as lab:` leaves nothing behind.

    Namespaces have no name and live only as open files of this process, and every child is killed by the
    kernel when this process ends, so even a kill -9 leaves nothing.
    """

    def __init__(self, directory: Optional[Path] = None):
        self._own_directory = directory is None
        # Short on purpose: the path of a unix socket has 107 characters.
        self.directory = directory or Path(tempfile.mkdtemp(prefix="hw-"))
        os.chmod(self.directory, 0o755)
        self.hosts: dict[str, Host] = {}
        self.links: dict[str, Link] = {}
        self.switch = Namespace("switch", self.directory)
        self.switch.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        self.switch.sysctl("net.ipv6.conf.default.disable_ipv6", 1)

    def link(self, name: str = "lan", *, snooping: bool = True, kernel_defaults: bool = False) -> Link:
        made = Link(self, name, len(self.links), snooping, kernel_defaults)
        self.links[name] = made
        return made

    def host(self, name: str, *links: Link) -> Host:
        """A host with a leg in each of `links`, each interface named after its link."""
        made = Host(self, name)
        self.hosts[name] = made
        for link in links:
            made.attach(link)
        return made

    def processes(self) -> list:
        return [p for ns in [self.switch, *(h.ns for h in self.hosts.values())] for p in ns.processes]

    def close_hosts(self) -> None:
        """Ends every process and namespace; logs and captures stay."""
        for host in reversed(list(self.hosts.values())):
            host.ns.close()
        self.switch.close()

    def remove_files(self) -> None:
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def close(self) -> None:
        self.close_hosts()
        self.remove_files()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
