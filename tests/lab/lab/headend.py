"""A headend in the lab: its configuration, its services as processes, its stations behind a fabric link."""

import ipaddress
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any, Optional

from .icecast import Icecast
from .namespace import Namespace
from .network import SITE_PREFIX, Host, Lab, Link
from .process import Process
from .wait import wait_until

ROOT = Path(__file__).resolve().parents[3]
SERVICES = {
    "directory-resolver": 9462,
    "membership-watcher": 9461,
    "sap-announcer": 9465,
    "rtp-packager": 9464,
    "session-manager": 9463,
}
# What runs only where it has a table in the configuration too.
PORTS = {**SERVICES, "dvb-tuner": 9466, "mdns-zone-proxy": 9467, "mcast-monitor": 9469, "mcast-bridge": 9468}
WINDOW = "239.192.0.0/16"
TONE_NUMBER = 0xD0BEF00D
FIRST_NUMBER = 0x80000000


def group6(number: int, scope: str = "e") -> str:
    """The IPv6 group of a number in the lab's plan, as the kernel prints it."""
    return str(ipaddress.ip_address(f"ff3{scope}:40:{SITE_PREFIX}:{number >> 16:x}:{number & 0xFFFF:x}"))


def group4(number: int) -> str:
    """The IPv4 group of a number within the lab's window."""
    offset = number - FIRST_NUMBER
    assert 0 <= offset < 1 << 16, "outside the window"
    return f"239.192.{offset >> 8}.{offset & 255}"


def to_toml(tables: dict[str, Any], prefix: str = "") -> str:
    """TOML of nested dicts, lists of dicts, and plain values."""
    plain, nested = [], []
    for key, value in tables.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            nested.append(f"\n[{name}]\n{to_toml(value, name + '.')}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            nested += [f"\n[[{name}]]\n{to_toml(row, name + '.')}" for row in value]
        else:
            # JSON's scalars and arrays of them are TOML's.
            plain.append(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(plain) + "".join(nested)


class Headend:
    """All services under `./headwater up` in one namespace, with a leg in each of `links` and one in a fabric.

    Change `config` (see `default_config`) before `start()`. Numbers of the one directory are 0x8…; the test tone is there.
    """

    def __init__(self, lab: Lab, bin_dir: Path, links: tuple[str, ...] = ("lan",), name: str = "headend"):
        self.lab = lab
        self.bin_dir = bin_dir
        self.directory = lab.directory / name
        self.directory.mkdir()
        self.links: list[Link] = [lab.links.get(link) or lab.link(link) for link in links]
        # Its leg in the fabric comes last, so that the served links are the first ones in the plan of addresses.
        self.fabric = lab.links.get("fabric") or lab.link("fabric", snooping=False)
        self.host: Host = lab.host(name, *self.links, self.fabric)
        self.internet: Host = lab.hosts.get("internet") or lab.host("internet", self.fabric)
        self.config = self.default_config()
        self.lineup_path = self.directory / "lineup.toml"
        self.write_lineup({})
        self.up: Optional[Process] = None
        self.env: dict[str, str] = {}
        self._icecast: Optional[Icecast] = None

    @property
    def link(self) -> Link:
        return self.links[0]

    @property
    def ns(self) -> Namespace:
        return self.host.ns

    @property
    def icecast(self) -> Icecast:
        """A real icecast2 in the internet, started when first asked for."""
        self._icecast = self._icecast or Icecast(self.internet)
        return self._icecast

    @property
    def sender(self) -> Host:
        """Where RTP and SAP come from."""
        return self.host

    @property
    def run_dir(self) -> Path:
        return self.directory / "run"

    @property
    def config_path(self) -> Path:
        return self.directory / "headwater.toml"

    def default_config(self) -> dict[str, Any]:
        return {
            "run_dir": str(self.directory / "run"),
            "state_dir": str(self.directory / "state"),
            "log_level": "debug",
            "legs": {link.name: self.host.legs[link.name].interface for link in self.links},
            # Sources see what a test does, and nothing else.
            "session-manager": {"check_period": "0s"},
            "directory-resolver": {
                "ipv6_prefixes": [f"{SITE_PREFIX}::/64"],
                "ipv6_ssm": True,
                "ipv4_windows": [{"groups": WINDOW, "number": FIRST_NUMBER}],
                "directory": [
                    {
                        "name": "radio",
                        "prefix": "0x80000000/4",
                        "lineup": "lineup.toml",
                        "linger": "1s",
                        "local": True,
                    }
                ],
            },
        }

    def write_lineup(self, stations: dict[int, tuple]) -> None:
        """{number: (title, url, ...)}; the resolver reads a changed file by itself."""
        rows = [{"number": n, "title": title, "urls": list(urls)} for n, (title, *urls) in stations.items()]
        # One step, so that nobody reads half of it.
        fresh = self.lineup_path.with_suffix(".new")
        fresh.write_text(to_toml({"station": rows}) if rows else "")
        os.replace(fresh, self.lineup_path)

    def write_config(self) -> None:
        self.config_path.write_text(to_toml(self.config))

    def start(self, timeout: float = 60) -> None:
        """Under the supervisor; returns when all are ready."""
        self.write_config()
        argv = ["/usr/bin/python3", ROOT / "deploy" / "up.py", "--config", self.config_path, "--bin-dir", self.bin_dir]
        argv += ["--log-dir", self.directory / "logs"]
        self.up = self.ns.start(argv, "up", env=self.env, stop_signal=signal.SIGINT)
        self.up.wait_log("ready\n", timeout)

    def stop(self) -> int:
        """As Ctrl-C does; the exit status."""
        assert self.up
        return self.up.stop(20)

    def pid(self, service: str) -> int:
        """Of the service's running process, by the supervisor's word."""
        assert self.up
        return int(re.findall(rf"up: {service} started, pid (\d+)", self.up.log())[-1])

    def kill(self, service: str) -> int:
        """kill -9; the supervisor starts another."""
        pid = self.pid(service)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, service: str, old_pid: int, timeout: float = 20) -> None:
        wait_until(lambda: self.pid(service) != old_pid and self.ready(service), timeout, f"{service} again")

    def ready(self, service: str) -> bool:
        try:
            self.ns.http(f"http://127.0.0.1:{PORTS[service]}/readyz")
            return True
        except OSError:
            return False

    def log(self, service: str) -> str:
        path = self.directory / "logs" / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self) -> dict[str, str]:
        return {service: self.log(service) for service in SERVICES}

    def ctl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """headwaterctl, asked as a person would."""
        argv = [self.bin_dir / "headwaterctl", "--run-dir", self.run_dir, *arguments]
        with self.ns.entered():
            done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=30)
        if check and done.returncode != 0:
            raise RuntimeError(f"headwaterctl {' '.join(arguments)}: {done.returncode}: {done.stderr or done.stdout}")
        return done

    def json(self, *arguments: str) -> list[dict]:
        """headwaterctl ... --json: one object a line."""
        return [json.loads(line) for line in self.ctl(*arguments, "--json").stdout.splitlines()]

    def sessions(self) -> dict[str, dict]:
        return {session["group"]: session for session in self.json("session", "list")}

    def wait_session(self, group: str, state: str, timeout: float = 15) -> dict:
        """The session of a group in a state ("live", "failed", ...), as headwaterctl tells it."""

        def found() -> Optional[dict]:
            session = self.sessions().get(group)
            return session if session and session["state"].lower() == state.lower() else None

        session = wait_until(found, timeout, f"session {group} {state}: {self.sessions()}", every=0.1)
        assert session
        return session

    def metric(self, service: str, name: str) -> float:
        """The sum of a metric's samples, over its labels."""
        text = self.ns.http(f"http://127.0.0.1:{PORTS[service]}/metrics")
        samples = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", text, re.M)
        return sum(float(value) for value in samples)


class SplitHeadend(Headend):
    """The same headend in namespaces of their own: a watcher in each link, a sender with a leg in all, and the manager.

    They share one run folder, as containers share a bind-mounted /run/headwater; nothing else. `host` is the sender.
    """

    def __init__(self, lab: Lab, bin_dir: Path, links: tuple[str, ...] = ("vlan10", "vlan20"), name: str = "sender"):
        super().__init__(lab, bin_dir, links, name)
        self.watchers = [lab.host(f"watcher-{link.name}", link) for link in self.links]
        self.control = lab.host("control")
        self.processes: dict[str, Process] = {}
        sockets = [f"unix:{self.run_dir}/membership-watcher{f'@{i}' if i else ''}.sock" for i in range(len(self.links))]
        self.config["session-manager"]["membership_watchers"] = sockets

    def start(self, timeout: float = 60) -> None:
        for folder in ("run", "state", "logs"):
            (self.directory / folder).mkdir(exist_ok=True)
        for number, watcher in enumerate(self.watchers):
            self._start(watcher, "membership-watcher", number)
        for service in ("rtp-packager", "sap-announcer"):
            self._start(self.host, service)
        for service in ("directory-resolver", "session-manager"):
            self._start(self.control, service)
        for process in self.processes.values():
            process.wait_log("ready", timeout)

    def _start(self, host: Host, service: str, instance: int = 0) -> None:
        own_legs = {link.name: host.legs[link.name].interface for link in self.links if link.name in host.legs}
        path = self.directory / f"{host.name}.toml"
        path.write_text(to_toml({**self.config, "legs": own_legs}))
        argv = [self.bin_dir / service, "--config", path, *(["--instance", str(instance)] if instance else [])]
        self.processes[f"{service}@{instance}" if instance else service] = host.ns.start(argv, service, env=self.env)

    def stop(self) -> int:
        return max(abs(process.stop(20)) for process in reversed(self.processes.values()))

    def log(self, service: str) -> str:
        return self.processes[service].log()
