"""An mcast-monitor on a management VLAN, a device that sends to groups, and the real daemons that may be given what it hears."""

import json
import re
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any, Optional

from lab import Host, Process, to_toml, validate, wait_until

# RFC 6034 for 192.168.10.0/24, and groups of our own.
GROUP4 = "234.192.168.10"
GROUP6 = "ff15::514"
SSM4, SSM6 = "232.5.1.4", "ff35::514"
NTP4, NTP6 = "224.0.1.1", "ff02::101"
PORT = 9469
CHRONY_PORT = 11123
ENGINE = "0x8000000001020304"
BOB = {"name": "bob", "auth": "SHA", "auth_password": "authpass1", "privacy_password": "privpass1"}


class Monitor:
    """mcast-monitor in a host's namespace. Change `config` before `start()`."""

    def __init__(self, host: Host, bin_dir: Path):
        self.host = host
        self.bin_dir = bin_dir
        self.directory = host.lab.directory / f"monitor-{host.name}"
        (self.directory / "run").mkdir(parents=True)
        self.config: dict[str, Any] = {
            "run_dir": str(self.directory / "run"),
            "state_dir": str(self.directory / "state"),
            "log_level": "debug",
            "legs": {leg.link.name: leg.interface for leg in host.legs.values()},
            "mcast-monitor": {
                "ntp": {"clock": f"127.0.0.1:{CHRONY_PORT}"},
                "listen": [
                    {"service": "ntp"},
                    {"service": "snmp", "groups": [GROUP4, GROUP6]},
                    {"service": "syslog", "groups": [GROUP4, GROUP6]},
                ],
                "snmp_users": [BOB],
            },
        }
        self.process: Optional[Process] = None

    @property
    def own(self) -> dict[str, Any]:
        return self.config["mcast-monitor"]

    @property
    def config_path(self) -> Path:
        return self.directory / "headwater.toml"

    def write_config(self) -> None:
        self.config_path.write_text(to_toml(self.config))

    def start(self) -> "Monitor":
        self.write_config()
        self.process = self.host.ns.start([self.bin_dir / "mcast-monitor", "--config", self.config_path])
        self.process.wait_log("msg=ready", 30)
        wait_until(lambda: all(one["joined"] for one in self.status()["listeners"]), 5, "every group joined")
        return self

    def ctl(self, *arguments: object) -> str:
        argv = [self.bin_dir / "headwaterctl", "--run-dir", self.directory / "run", "monitor", *arguments]
        return self.host.ns.run(*argv)

    def json(self, *arguments: object) -> list[dict]:
        return [json.loads(line) for line in self.ctl(*arguments, "--json").splitlines()]

    def status(self) -> dict:
        found = self.json("status")
        validate("monitor", found)
        return found[0]

    def ntp(self) -> dict:
        found = self.json("ntp")
        validate("ntp", found)
        return found[0]

    def search(self, *arguments: object) -> list[dict]:
        found = self.json("search", *arguments)
        validate("event", found)
        return found

    def wait_event(self, *arguments: object) -> dict:
        return wait_until(lambda: self.search(*arguments), 5, f"an event {arguments}")[0]

    def metric(self, name: str) -> float:
        """The sum of a metric's samples with these labels, as `name{label="value"`."""
        text = self.host.ns.http(f"http://127.0.0.1:{PORT}/metrics")
        return sum(float(value) for value in re.findall(rf"^{re.escape(name)}.*? (\S+)$", text, re.M))


class Daemons:
    """rsyslogd, snmptrapd and chronyd on the monitor's host, by loopback."""

    def __init__(self, host: Host):
        self.host = host
        self.directory = host.lab.directory / f"daemons-{host.name}"
        self.directory.mkdir()
        self.syslog = self.directory / "syslog"
        self.traps = self.directory / "traps"
        self.env = {"SNMP_PERSISTENT_DIR": str(self.directory / "snmp"), "MIBS": ""}

    def rsyslogd(self, address: str = "127.0.0.1", port: int = 5514) -> Process:
        config = self.directory / "rsyslog.conf"
        config.write_text(
            f'global(workDirectory="{self.directory}")\n'
            'module(load="imudp")\n'
            f'input(type="imudp" address="{address}" port="{port}")\n'
            'template(name="raw" type="string" string="%fromhost-ip% %rawmsg%\\n")\n'
            f'action(type="omfile" file="{self.syslog}" template="raw")\n'
        )
        return self.host.ns.start(["rsyslogd", "-n", "-f", config, "-i", self.directory / "rsyslogd.pid"])

    def snmptrapd(self) -> Process:
        config = self.directory / "snmptrapd.conf"
        config.write_text(f"disableAuthorization yes\ncreateUser -e {ENGINE} bob SHA authpass1 AES privpass1\nauthUser log bob\n")
        argv = ["snmptrapd", "-f", "-A", "-Lf", self.traps, "-On", "-C", "-c", config, "-p", self.directory / "snmptrapd.pid"]
        return self.host.ns.start([*argv, "udp:127.0.0.1:5162"], env=self.env)

    def chronyd(self, stratum: int = 5) -> Process:
        """With a clock that it believes in; -x: it leaves this machine's alone."""
        config = self.directory / "chrony.conf"
        config.write_text(
            f"port {CHRONY_PORT}\nbindaddress 127.0.0.1\nallow 127.0.0.1\nlocal stratum {stratum}\ncmdport 0\nbindcmdaddress /\n"
            f"pidfile {self.directory}/chronyd.pid\n"
        )
        return self.host.ns.start(["chronyd", "-x", "-d", "-u", "root", "-f", config])


def logger(device: Host, group: str, text: str, *options: str) -> None:
    device.ns.run("logger", "--udp", "--server", group, "--port", "514", *options, "--", text)


def net_snmp(device: Host, program: str, group: str, *arguments: object) -> str:
    target = f"udp6:[{group}]:162" if ":" in group else f"udp:{group}:162"
    env = ["env", f"SNMP_PERSISTENT_DIR={device.lab.directory}/snmp-{device.name}", "MIBS="]
    options: list[object] = []
    while arguments and str(arguments[0]).startswith("-"):
        options, arguments = [*options, *arguments[:2]], arguments[2:]
    return device.ns.run(*env, program, *options, target, *arguments)


def ntp_request(device: Host, to: str, transmit: int = 0x1122334455667788) -> bytes:
    """A raw client request by an unconnected socket; whatever comes back first, or b""."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    sock = device.ns.socket(family)
    sock.settimeout(1)
    index = device.ns.interface_index(device.leg.interface)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
    sock.sendto(b"\x23" + bytes(39) + transmit.to_bytes(8, "big"), (to, 123))
    try:
        return sock.recvfrom(1000)[0]
    except socket.timeout:
        return b""
    finally:
        sock.close()


def query_chronyd(device: Host, server: str) -> subprocess.CompletedProcess:
    """chronyd -Q: asks, says how wrong the clock is, and sets nothing."""
    with device.ns.entered():
        argv = ["chronyd", "-Q", "-t", "6", "-u", "root", "-f", "/dev/null", f"server {server} iburst maxsamples 1"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=20)
