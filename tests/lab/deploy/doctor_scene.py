"""A machine in good health for ./headwater doctor, with a bridge, a service address on its loopback and somebody who asks on each link."""

import json
import os
import struct
import threading
from pathlib import Path

from lab import Lab, wait_until

DOCTOR = Path(__file__).resolve().parents[3] / "deploy" / "doctor.py"
SERVICE4, SERVICE6 = "192.168.10.100", "2001:db8:d0be:f00d::100"
# Queries come often, so that a short time tells.
_PACE = 0.03
LISTEN, QUERY_INTERVAL = "0.2", "0.1"


def _sum16(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def igmp_query(version: int, source: str = "192.168.10.250") -> bytes:
    """Times of its own are short (0.1 s to answer, robustness 2, interval 1 s), so that hosts soon forget an older one."""
    body = struct.pack("!BBH4s", 0x11, 1, 0, bytes(4)) + (struct.pack("!BBH", 2, 1, 0) if version == 3 else b"")
    body = body[:2] + struct.pack("!H", _sum16(body)) + body[4:]
    address = bytes(map(int, source.split(".")))
    header = struct.pack("!BBHHHBBH4s4sI", 0x46, 0xC0, 24 + len(body), 0, 0, 1, 2, 0, address, b"\xe0\x00\x00\x01", 0x94040000)
    header = header[:10] + struct.pack("!H", _sum16(header)) + header[12:]
    return b"\x01\x00\x5e\x00\x00\x01\x02\x00\x00\x00\x00\xfe\x08\x00" + header + body


def mld_query(version: int, source: str = "fe80000000000000000000fffe0000fe", hops: int = 1) -> bytes:
    sender, group = bytes.fromhex(source), b"\xff\x02" + bytes(13) + b"\x01"
    body = struct.pack("!BBHHH16s", 130, 0, 0, 100, 0, bytes(16)) + (struct.pack("!BBH", 2, 1, 0) if version == 2 else b"")
    checksum = _sum16(sender + group + struct.pack("!II", len(body), 58) + body)
    body = body[:2] + struct.pack("!H", checksum) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, 8 + len(body), 0, hops) + sender + group + b"\x3a\x00\x05\x02\x00\x00\x01\x00"
    return b"\x33\x33\x00\x00\x00\x01\x02\x00\x00\x00\x00\xfe\x86\xdd" + header + body


class Asker(threading.Thread):
    """Sends its queries by a packet socket, again and again; `frames` may be changed at any time."""

    def __init__(self, namespace, interface: str):
        super().__init__(daemon=True)
        self.socket = namespace.socket(17, 3)  # AF_PACKET, SOCK_RAW
        self.socket.bind((interface, 0))
        self.frames = usual()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(_PACE):
            for frame in self.frames:
                try:
                    self.socket.send(frame)
                except OSError:
                    pass  # the link is down just now

    def stop(self) -> None:
        self.ended.set()
        self.join()


def usual() -> list[bytes]:
    return [igmp_query(3), mld_query(2)]


class Machine:
    """The headend's machine and what stands around it."""

    def __init__(self, lab: Lab, directory: Path):
        self.lab, self.directory = lab, directory
        lan, other = lab.link("lan"), lab.link("other")
        self.host = lab.host("headend", lan, other)
        self.ns = self.host.ns
        self.neighbour = lab.host("neighbour", lan)
        self.elsewhere = lab.host("elsewhere", other)
        self.guest = lab.host("guest")
        self._make_bridge()
        self._make_sound()
        self.config = self._write_config()
        self.askers = {
            "lan": Asker(self.neighbour.ns, "lan"), "other": Asker(self.elsewhere.ns, "other"), "home": Asker(self.guest.ns, "home"),
        }
        for asker in self.askers.values():
            asker.start()

    def _make_bridge(self) -> None:
        self.ns.ip(
            "link add home type bridge mcast_snooping 1 mcast_router 2 mcast_igmp_version 3 mcast_mld_version 2 forward_delay 0",
            f"link add guest-1 type veth peer name home netns {self.guest.ns.path}",
            "link set guest-1 master home", "link set guest-1 up", "link set home up",
            "address add 192.168.30.1/24 dev home", "address add 2001:db8:d0be:f030::1/64 dev home nodad",
        )
        self.guest.ns.ip("link set home up")

    def _make_sound(self) -> None:
        """What a kernel has otherwise, and a headend's machine should not."""
        for key, value in {
            "net.ipv4.igmp_max_memberships": 100, "net.ipv4.igmp_max_msf": 64, "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.lan.rp_filter": 0,
            "net.ipv4.conf.lan.arp_ignore": 1, "net.ipv4.conf.lan.arp_announce": 2, "net.ipv4.conf.other.rp_filter": 0, "net.ipv4.conf.home.rp_filter": 0,
        }.items():
            self.ns.sysctl(key, value)
        self.ns.ip(f"address add {SERVICE4}/32 dev lo", f"address add {SERVICE6}/128 dev lo")
        self.directory.mkdir(parents=True)
        self.run_dir, self.dev = self.directory / "run", self.directory / "dev"
        self.run_dir.mkdir(mode=0o750)
        (self.dev / "dvb/adapter0").mkdir(parents=True)
        self.frontend = self.dev / "dvb/adapter0/frontend0"
        os.mknod(self.frontend, 0o20660, os.makedev(212, 3))
        os.chown(self.frontend, 0, 44)
        os.chmod(self.frontend, 0o660)
        self._start_chronyd()

    def _start_chronyd(self, source: str = "local stratum 3") -> None:
        """A clock of its own, whatever this machine's says."""
        config = self.directory / "chrony.conf"
        config.write_text(f"port 0\n{source}\ncmdport 323\nbindcmdaddress 127.0.0.1\nbindcmdaddress /\npidfile {self.directory}/chronyd.pid\n")
        self.chronyd = self.ns.start(["chronyd", "-x", "-d", "-u", "root", "-f", config])
        # 127.0.0.1:323
        wait_until(lambda: "0100007F:0143" in self.ns.read("/proc/net/udp"), 5, "chronyd's port")

    def unsynchronise(self) -> None:
        self.chronyd.stop()
        self._start_chronyd("")

    def synchronise(self) -> None:
        self.chronyd.stop()
        self._start_chronyd()

    def _write_config(self) -> Path:
        config = self.directory / "headwater.toml"
        config.write_text(
            f'run_dir = "{self.run_dir}"\n[legs]\nother = "other"\nhome = {{ interface = "home" }}\n'
            f'lan = {{ interface = "lan", service_address_ipv4 = "{SERVICE4}", service_address_ipv6 = "{SERVICE6}" }}\n'
            '[[dvb-tuner.tuners]]\nname = "adapter0"\nadapter = 0\n[[mcast-monitor.listen]]\nservice = "syslog"\n'
        )
        return config

    def run(self, *arguments: object, before: tuple = ()) -> tuple[int, list[dict]]:
        """The exit status and the lines of a run."""
        # Compiled once, whatever the environment says: there are many runs.
        compiled = ("env", "PYTHONDONTWRITEBYTECODE=", f"PYTHONPYCACHEPREFIX={self.directory}/compiled")
        argv = [*before, *compiled, "/usr/bin/python3", DOCTOR, "--json", "--config", self.config, "--dev", self.dev, "--listen", LISTEN]
        shell = 'status=0; "$@" || status=$?; echo "$status"'
        output = self.ns.run("sh", "-c", shell, "sh", *argv, "--query-interval", QUERY_INTERVAL, *arguments)
        *lines, status = output.splitlines()
        return int(status), [json.loads(line) for line in lines]

    def doctor(self, *arguments: object, before: tuple = ()) -> list[dict]:
        """The findings of a run; notes are none."""
        return [line for line in self.run(*arguments, before=before)[1] if line["severity"] != "note"]

    def sound(self) -> bool:
        return self.doctor() == []

    def wait_sound(self) -> None:
        wait_until(self.sound, 15, "nothing found")

    def close(self) -> None:
        for asker in self.askers.values():
            asker.stop()
