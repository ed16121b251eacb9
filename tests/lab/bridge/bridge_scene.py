"""The scene of the bridge's tests: a phone in one network, a UPnP device in the other, between them a router with a firewall that denies
what it was not told to allow, and mcast-bridge on it."""

import json
import os
import re
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any, Optional

from lab import Host, Lab, Process, to_toml, wait_until

SSDP4, SSDP6 = "239.255.255.250", "ff05::c"
MARK = 0x40000000
DEVICE_PORT, MEDIA_PORT = 49500, 8200
# A person's own firewall: stateful, drops what it does not know, and has the one line that the bridge asks for.
FIREWALL = """
table inet fw {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    %s
    counter comment "dropped"
  }
}
"""
MARK_LINE = f"meta mark & {MARK:#010x} == {MARK:#010x} accept"


class BridgeScene:
    """`phone` in lana, `device` in lanb, `router` in both. Change `config` before `start()`."""

    def __init__(self, lab: Lab, bin_dir: Path):
        self.lab = lab
        self.bin_dir = bin_dir
        self.directory = lab.directory / "bridge"
        self.directory.mkdir()
        self.links = [lab.link("lana"), lab.link("lanb")]
        self.router = lab.host("router", *self.links)
        self.phone = lab.host("phone", self.links[0])
        self.device = lab.host("device", self.links[1])
        for host in (self.phone, self.device):
            self._route_by_router(host)
        ns = self.router.ns
        ns.run("ip", "route", "del", "224.0.0.0/4")
        ns.sysctl("net.ipv4.ip_forward", 1)
        ns.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.firewall(MARK_LINE)
        self.config: dict[str, Any] = {
            "run_dir": str(self.directory / "run"),
            "state_dir": str(self.directory / "state"),
            "log_level": "debug",
            "legs": {"lana": "lana", "lanb": "lanb"},
            "mcast-bridge": {
                "check_period": "1s",
                "rules": [
                    {
                        "name": "upnp",
                        "groups": ["upnp"],
                        "links": ["lana", "lanb"],
                        "hops_min": 4,
                        "broadcast_ports": ["1900", "6969"],
                    }
                ],
            },
        }
        (self.directory / "run").mkdir()
        self.process: Optional[Process] = None

    def _route_by_router(self, host: Host) -> None:
        link = host.leg.link
        host.ns.ip(f"route add default via {link.prefix4}.1", f"route add default via {link.prefix6}::1")

    def firewall(self, line: str) -> None:
        path = self.directory / "firewall.nft"
        path.write_text("table inet fw\ndelete table inet fw" + FIREWALL % line)
        self.router.ns.run("nft", "-f", path)

    @property
    def bridge(self) -> dict[str, Any]:
        return self.config["mcast-bridge"]

    @property
    def config_path(self) -> Path:
        return self.directory / "headwater.toml"

    def start(self, timeout: float = 30) -> "BridgeScene":
        self.config_path.write_text(to_toml(self.config))
        argv = [self.bin_dir / "mcast-bridge", "--config", self.config_path]
        self.process = self.router.ns.start(argv, "mcast-bridge")
        self.process.wait_log("msg=ready", timeout)
        return self

    def wait_active(self, rule: str = "upnp", state: str = "active", timeout: float = 20) -> dict:
        def found() -> Optional[dict]:
            return next((r for r in self.json("rules") if r["name"] == rule and r["state"] == state), None)

        row = wait_until(found, timeout, f"rule {rule} {state}", every=0.1)
        assert row
        return row

    def reload(self) -> None:
        assert self.process
        before = self.process.log().count("configuration re")
        self.config_path.write_text(to_toml(self.config))
        self.process.signal(1)
        wait_until(lambda: self.process.log().count("configuration re") > before, 10, "the reload's end")

    def stop(self) -> int:
        assert self.process
        return self.process.stop(15)

    def smcrouted_pid(self) -> int:
        return self.json("smcroute")[0]["pid"]

    def ctl(self, *arguments: str) -> str:
        argv = [self.bin_dir / "headwaterctl", "--run-dir", self.directory / "run", "bridge", *arguments]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"headwaterctl {arguments}: {done.stderr}")
        return done.stdout

    def json(self, what: str) -> list[dict]:
        return [json.loads(line) for line in self.ctl(what, "--json").splitlines()]

    def check(self, name: str, subject: str) -> dict:
        return next((c for c in self.json("checks") if (c["name"], c["subject"]) == (name, subject)), {})

    def wait_check(self, name: str, subject: str, state: str, timeout: float = 15) -> dict:
        def found() -> Optional[dict]:
            check = self.check(name, subject)
            return check if check.get("state") == state else None

        row = wait_until(found, timeout, f"check {name} {subject} {state}", every=0.1)
        assert row
        return row

    def metric(self, name: str, **labels: str) -> float:
        text = self.router.ns.http("http://127.0.0.1:9468/metrics")
        total = 0.0
        for given, value in re.findall(rf"^{name}(?:\{{([^}}]*)\}})? (\S+)", text, re.M):
            have = dict(re.findall(r'(\w+)="([^"]*)"', given))
            if all(have.get(key) == wanted for key, wanted in labels.items()):
                total += float(value)
        return total

    def wait_metric(self, value: float, name: str, timeout: float = 10, **labels: str) -> None:
        wait_until(lambda: self.metric(name, **labels) == value, timeout, f"{name} {labels} {value}", every=0.2)

    def lamp(self) -> Process:
        script = Path(__file__).with_name("gupnp_lamp.py")
        argv = ["/usr/bin/python3", script, self.directory / "lamp", DEVICE_PORT, self.device.leg.ipv4, self.device.leg.ipv6]
        lamp = self.device.ns.start(argv, "lamp")
        lamp.wait_log("2 lamps")
        return lamp

    def media_server(self) -> Process:
        """minidlna: its events go wherever the subscriber is, while GUPnP's stay within its own network."""
        folder = self.directory / "minidlna"
        folder.mkdir()
        lines = [f"media_dir={folder}", f"db_dir={folder}", f"log_dir={folder}", "network_interface=lanb", f"port={MEDIA_PORT}"]
        (folder / "minidlna.conf").write_text("\n".join([*lines, "friendly_name=Lab Media", "inotify=no", "notify_interval=5", ""]))
        argv = ["/usr/sbin/minidlnad", "-S", "-f", folder / "minidlna.conf", "-P", folder / "pid"]
        server = self.device.ns.start(argv, "minidlna")
        wait_until(lambda: f":{MEDIA_PORT:04X} " in self.device.ns.read("/proc/net/tcp"), 15, "minidlna")
        return server

    def machine(self) -> str:
        """All of the router's state that a bridge may change."""
        ns = self.router.ns
        parts = [ns.run("nft", "list", "ruleset")]
        for family in ("-4", "-6"):
            parts += [ns.run("ip", family, "route", "show", "table", "all"), ns.run("ip", family, "rule")]
        parts.append(ns.run("ip", "-d", "link", "show", "type", "bridge"))
        with ns.entered():
            for root in ("/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf"):
                for path in sorted(Path(root).glob("*/*forwarding")):
                    parts.append(f"{path} {path.read_text().strip()}")
        # Counters count, addresses age.
        return re.sub(r"(packets|bytes) \d+|(hello|tcn|topology_change|gc)_timer +\S+", "", "\n".join(parts))


def search(host: Host, to: str, *, hops: int = 1, source: str = "", timeout: float = 3) -> list[tuple[str, str]]:
    """M-SEARCH as a control point sends it; (address, text) of each answer until one has come and the time is over."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    index = host.ns.interface_index(host.leg.interface)
    with host.ns.socket(family) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
            sock.bind((source or host.leg.ipv6, 0, 0, index if source.startswith("fe80") else 0))
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, host.leg.interface.encode())
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
        group = f"[{to}]" if family == socket.AF_INET6 else SSDP4
        lines = ["M-SEARCH * HTTP/1.1", f"HOST: {group}:1900", 'MAN: "ssdp:discover"', "MX: 1", "ST: upnp:rootdevice", "", ""]
        sock.sendto("\r\n".join(lines).encode(), (to, 1900))
        sock.settimeout(timeout)
        try:
            data, peer = sock.recvfrom(4096)
            return [(peer[0], data.decode())]
        except TimeoutError:
            return []


def location(answers: list[tuple[str, str]]) -> str:
    found = re.search(r"^location: *(\S+)", answers[0][1], re.I | re.M) if answers else None
    return found[1] if found else ""


def kill_9(process: Process) -> None:
    os.kill(process.pid, 9)
    process.popen.wait()
