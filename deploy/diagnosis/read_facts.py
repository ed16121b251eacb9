"""Reads the facts of this machine and network namespace. It changes nothing, and remembers what it could not look at."""

import ctypes
import grp
import http.client
import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

import up
import zone as zone_runner

from .facts import Facts, Leg, Unread
from .listen import Listener, asked_addresses

SYSTEM_BUS = Path("/run/dbus/system_bus_socket")
RUN_DIR = "/run/headwater"
_AS_ROOT = "sudo ./headwater doctor"
_GROUPS = ("ff3e::1", "239.192.0.1")
_ROUTING_DAEMONS = ("smcrouted", "pimd", "pim6d", "pimd-dense", "pim6sd", "mrouted", "igmpproxy", "mcproxy", "xorp_igmp", "bird")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MONITOR_PORTS = {"ntp": 123, "snmp": 162, "syslog": 514}
_METRICS_MAX = 16 << 20
# For a program that is asked.
_PATIENCE = 20


@dataclass
class Options:
    """What is asked for."""

    legs: list[Leg] = field(default_factory=list)
    config: dict = field(default_factory=dict)
    listen: float = 3.0
    query_interval: float = 125.0
    probe: bool = False
    dev: Path = Path("/dev")


def _run(facts: Facts, topic: str, *argv: str) -> Optional[str]:
    """A program's output; what does not work is remembered under the topic."""
    program = shutil.which(argv[0], path=os.environ.get("PATH", "") + ":" + _PATH)
    if not program:
        facts.unread[topic] = Unread(f"{argv[0]} is not installed", f"apt-get install {'iproute2' if argv[0] == 'bridge' else 'nftables'}")
        return None
    try:
        done = subprocess.run([program, *argv[1:]], capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        facts.unread[topic] = Unread(f"{' '.join(argv)} did not end within {_PATIENCE} s", f"# run it by hand: {' '.join(argv)}")
        return None
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0]
        facts.unread[topic] = Unread(f"{' '.join(argv)}: {why}", _AS_ROOT if os.geteuid() else f"# run it by hand: {' '.join(argv)}")
        return None
    return done.stdout


def _ip(*arguments: str) -> list[dict]:
    """What `ip -j` tells; without the program nothing, which is a finding of its own."""
    program = shutil.which("ip", path=os.environ.get("PATH", "") + ":" + _PATH)
    try:
        done = subprocess.run([program or "ip", *arguments], capture_output=True, text=True, timeout=_PATIENCE)
        return json.loads(done.stdout or "[]")
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []


def interfaces(facts: Facts, options: Options) -> None:
    facts.interfaces = {one["ifname"]: one for one in _ip("-d", "-j", "address") if "ifname" in one}
    facts.legs = options.legs
    if not facts.legs and not options.config:
        usable = [n for n in facts.interfaces if {"UP", "MULTICAST"} <= set(facts.flags(n)) and "LOOPBACK" not in facts.flags(n)]
        # What is a port of a bridge or bond is used by way of it.
        facts.legs = [Leg(name, name) for name in usable if "master" not in facts.interfaces[name]]
    for name, one in facts.interfaces.items():
        here = Path("/sys/class/net") / name
        # /sys may be another namespace's; then the numbers differ.
        if (here / "phy80211").exists() and (here / "ifindex").read_text().strip() == str(one.get("ifindex")):
            facts.wireless.append(name)
    for group in _GROUPS:
        found = _ip("-6" if ":" in group else "-4", "-j", "route", "get", group)
        facts.routes[group] = found[0].get("dev", "") if found else ""


def bridges(facts: Facts, _: Options) -> None:
    if not facts.bridges():
        return
    shown = _run(facts, "bridge-table", "bridge", "-j", "mdb", "show")
    for table in json.loads(shown or "[]"):
        for one in table.get("mdb", []):
            facts.bridge_entries[one.get("dev", "")] = facts.bridge_entries.get(one.get("dev", ""), 0) + 1


_SYSCTLS = (
    "net.ipv4.igmp_max_memberships", "net.ipv4.igmp_max_msf", "net.ipv6.mld_max_msf", "net.core.rmem_max", "net.core.wmem_max", "net.ipv4.igmp_qrv",
    "net.ipv6.mld_qrv", "net.ipv4.ip_default_ttl",
)
_OF_INTERFACE = (
    "net.ipv4.conf.{}.force_igmp_version", "net.ipv6.conf.{}.force_mld_version", "net.ipv4.conf.{}.rp_filter", "net.ipv4.conf.{}.arp_ignore",
    "net.ipv4.conf.{}.arp_announce", "net.ipv6.conf.{}.hop_limit", "net.ipv6.conf.{}.disable_ipv6",
)


def sysctls(facts: Facts, _: Options) -> None:
    for name in ["all", *(leg.interface for leg in facts.there())]:
        # A dot in an interface's name is a dot of the path, too.
        for key in _OF_INTERFACE:
            _sysctl(facts, key.format(name), Path("/proc/sys") / key.replace(".", "/").format(name))
    for key in _SYSCTLS:
        _sysctl(facts, key, Path("/proc/sys") / key.replace(".", "/"))


def _sysctl(facts: Facts, key: str, path: Path) -> None:
    try:
        facts.sysctls[key] = int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        pass  # not in this namespace, or no IPv6


def kernel_multicast(facts: Facts, _: Options) -> None:
    for line in _proc_net("igmp")[1:]:
        words = line.split()
        if not line.startswith("\t") and len(words) >= 5:
            facts.igmp_mode[words[1]] = words[-1]
    for family, table in (("IPv4", "ip_mr_vif"), ("IPv6", "ip6_mr_vif")):
        facts.mroute[family] = [line.split()[1] for line in _proc_net(table)[1:]]
    namespace = _namespace("self")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        if name in _ROUTING_DAEMONS and _namespace(pid) == namespace:
            facts.routing_daemons.append(f"{name} {pid}")


def _proc_net(table: str) -> list[str]:
    try:
        return Path(f"/proc/thread-self/net/{table}").read_text().splitlines()
    except OSError:
        return []


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


def listen(facts: Facts, options: Options) -> None:
    usable = [leg.interface for leg in facts.there() if "UP" in facts.flags(leg.interface)]
    try:
        listener = Listener(sorted(set(usable)))
    except OSError as error:
        facts.unread["listen"] = Unread(f"cannot listen on {', '.join(usable)}: {error.strerror}", _AS_ROOT)
        return
    with listener:
        if options.probe:
            own = {name: [a["local"] for a in facts.addresses(name, scope="global") if not a.get("tentative")] for name in usable}
            listener.probe(asked_addresses([leg for leg in facts.there() if leg.interface in usable], own))
        listener.hear(options.listen)
    macs = {one.get("address", "") for one in facts.interfaces.values()}
    facts.queries = [*listener.queries.values()]
    for query in facts.queries:
        query.own = query.own or query.mac in macs
    facts.listened, facts.query_interval = options.listen, options.query_interval
    if options.probe:
        facts.answers = [a for a in listener.answers if a.mac not in macs]


def firewall(facts: Facts, _: Options) -> None:
    shown = _run(facts, "firewall", "nft", "-j", "list", "ruleset")
    facts.ruleset = json.loads(shown).get("nftables", []) if shown else []
    for table in ("ip_tables_names", "ip6_tables_names"):
        facts.legacy_tables += [f"{table[:3].rstrip('_')} {line}" for line in _proc_net(table)]


def services(facts: Facts, options: Options) -> None:
    address = up.reachable(options.config.get("http_address", "::"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    rows = [row.split() for table in ("tcp", "tcp6") for row in _proc_net(table)[1:]]
    listening = {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A"}
    for name, port in up.SERVICES.items():
        facts.port_numbers[name], facts.ports[name] = port, ""
        if port not in listening:
            continue
        facts.ports[name] = "other"
        for host in dict.fromkeys((address, "[::1]", "127.0.0.1")):
            try:
                with opener.open(f"http://{host}:{port}/metrics", timeout=1) as answer:
                    text = answer.read(_METRICS_MAX).decode("utf-8", "replace")
            except urllib.error.URLError as error:
                # It may listen at another of the addresses; one that does not answer is none of ours.
                if isinstance(error.reason, ConnectionRefusedError):
                    continue
                break
            except (OSError, http.client.HTTPException):
                break
            if "headwater_build_info{" in text:
                facts.ports[name], facts.metrics[name] = "headwater", text
            break


def udp_ports(facts: Facts, options: Options) -> None:
    """Binds as the services do, and lets go: whoever holds a port without SO_REUSEADDR keeps them from it."""
    wanted = [(a, port) for leg in facts.there() for a in _service_addresses(facts, leg) for port in (5004, 5005, 9875)]
    for one in options.config.get("mcast-monitor", {}).get("listen", []):
        if port := _MONITOR_PORTS.get(one.get("service", "")):
            wanted += [("0.0.0.0", port), ("::", port)]
    for address, port in dict.fromkeys(wanted):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if ":" in address:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind((address, port))
            except PermissionError:
                facts.unread["port-udp"] = Unread(f"UDP port {port} may be bound by root only", _AS_ROOT)
            except OSError as error:
                if error.errno == 98:
                    facts.udp_taken.append(f"{port} of {address}")


def _service_addresses(facts: Facts, leg: Leg) -> list[str]:
    return leg.service_addresses or [a["local"] for a in facts.addresses(leg.interface, scope="global") if not a.get("tentative")]


def run_dir(facts: Facts, options: Options) -> None:
    facts.run_dir = str(options.config.get("run_dir", RUN_DIR))
    try:
        facts.run_dir_mode = stat.S_IMODE(os.stat(facts.run_dir).st_mode)
        paths = sorted(Path(facts.run_dir).glob("*.sock"))
    except OSError:
        return
    for path in paths:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(1)
            try:
                sock.connect(str(path))
            except ConnectionRefusedError:
                facts.stale_sockets.append(str(path))
            except OSError:
                pass  # no permission, or busy: then somebody is there


def devices(facts: Facts, options: Options) -> None:
    """The nodes of the adapters that are configured, or of all that are there."""
    folder = options.dev / "dvb"
    wanted = sorted({t["adapter"] for t in options.config.get("dvb-tuner", {}).get("tuners", []) if "adapter" in t})
    for number in wanted:
        if not (folder / f"adapter{number}").is_dir():
            facts.devices.append({"path": str(folder / f"adapter{number}"), "adapter": number, "missing": True})
    for path in sorted(folder.glob("adapter*/*")):
        if path.name.startswith(("frontend", "demux", "dvr")):
            node = path.stat()
            try:
                group = grp.getgrgid(node.st_gid).gr_name
            except KeyError:
                group = str(node.st_gid)
            facts.devices.append({"path": str(path), "mode": stat.S_IMODE(node.st_mode), "group": group})


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); with modes 0 it is only read."""

    _fields_ = [
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long),
        ("status", ctypes.c_int), ("rest", ctypes.c_char * 256),
    ]


def clock(facts: Facts, _: Options) -> None:
    """chrony's word where it answers: the kernel's flag is a whole machine's, and says nothing of a chronyd -x."""
    program = shutil.which("chronyc", path=_PATH)
    argv = [program or "", "-n", "-c", "-h", "127.0.0.1,::1", "tracking"]
    try:
        words = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE).stdout.strip().split(",")
    except (OSError, subprocess.TimeoutExpired):
        words = []
    if len(words) == 14:
        facts.clock_synchronised, facts.clock_text = words[-1] != "Not synchronised", f"chrony says: {words[-1]}"
        return
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    if state < 0:
        facts.unread["clock"] = Unread("the kernel does not tell the clock's state", _AS_ROOT)
        return
    facts.clock_synchronised = state != 5 and not timex.status & 0x40
    facts.clock_text = "the kernel's clock is not synchronised (STA_UNSYNC)"


def privileges(facts: Facts, _: Options) -> None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            facts.capabilities = int(line.split()[1], 16)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    facts.open_files = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    if Path("/run/.containerenv").exists() or Path("/.dockerenv").exists():
        facts.container = "podman or docker"
    elif "container" in os.environ:
        facts.container = os.environ["container"]


def programs(facts: Facts, options: Options) -> None:
    wanted = {"ip": "iproute2"}
    if "dvb-tuner" in options.config:
        wanted["dvblast"] = "dvblast"
    if "mcast-bridge" in options.config:
        wanted["smcrouted"] = "smcroute"
    found = os.environ.get("PATH", "") + ":" + _PATH
    facts.missing_programs = {name: package for name, package in wanted.items() if not shutil.which(name, path=found)}


def zones(facts: Facts, options: Options) -> None:
    folder = Path(options.config.get("run_dir", RUN_DIR)) / "zones"
    for name, table in options.config.get("zones", {}).items():
        given = table.get("bus", str(folder / name / "bus"))
        bus = SYSTEM_BUS if given == "system" else Path(given)
        missing = [package for program, package in zone_runner.PACKAGES.items() if not shutil.which(program, path=zone_runner.SEARCH_PATH)]
        start = f"systemctl start headwater-zone@{name}" if bus != SYSTEM_BUS else "systemctl start avahi-daemon"
        why = "no Avahi answers" if os.path.exists(bus) else "there is no bus"
        answers = zone_runner.avahi_runs(bus)
        start = f"apt-get install {' '.join(missing)}" if missing else start
        facts.zones.append({"name": name, "bus": str(bus), "answers": answers, "why": why, "start": start})


READERS: tuple[Callable[[Facts, Options], None], ...] = (
    interfaces, bridges, sysctls, kernel_multicast, firewall, services, udp_ports, run_dir, devices, clock, privileges, programs, zones, listen,
)


def read(options: Options) -> Facts:
    facts = Facts(config=options.config)
    for reader in READERS:
        reader(facts, options)
    return facts
