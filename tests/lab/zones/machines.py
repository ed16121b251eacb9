"""Machines booted by systemd-nspawn in the lab, and zones that are units of one, or machines themselves.

The programs, units and command lines are those of deploy/ and nspawn/; only the folders around them are the lab's.
"""

import atexit
import os
import re
import shlex
import signal
from pathlib import Path

from lab import Host, Lab, Link, Process, Zone, wait_until

ROOT = Path(__file__).resolve().parents[3]
UNITS = ROOT / "deploy" / "units"
MACHINE_UNIT = ROOT / "nspawn" / "headwater-zone-machine@.service"

# Where this runs, systemd need not be PID 1 and the cgroups need not be unified: a machine gets a tree of cgroups of its own.
# nspawn moves no interface that udev has not seen, and no udev runs here.
# $1 the lab's folder, $2 the project, $3 the machine's cgroup, $4 what else is to be prepared.
_AS_ON_A_HOST = """
set -e
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$3"
echo 0 > "/sys/fs/cgroup/$3/cgroup.procs"
mount -t tmpfs tmpfs /run
mkdir -p /run/headwater/zones /run/udev/data
for index in /sys/class/net/*/ifindex; do echo I:1 > "/run/udev/data/n$(cat "$index")"; done
mount --bind "$1/zones" /run/headwater/zones
mount -t tmpfs tmpfs /opt
mkdir /opt/headwater
mount --bind "$2" /opt/headwater
mount -t overlay overlay -o "lowerdir=$1/etc:/etc" /etc
eval "$4"
shift 4
exec "$@"
"""


def exec_start(unit: Path, instance: str, variables: dict[str, str]) -> list[str]:
    """The command line of a unit, with specifiers and variables filled in as systemd does."""
    text = unit.read_text().replace("\\\n", " ").replace("%i", instance)
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.M)
    argv: list[str] = []
    for word in shlex.split(line):
        bare = re.fullmatch(r"\$(\w+)", word)
        argv += variables.get(bare[1], "").split() if bare else [re.sub(r"\$\{(\w+)\}", lambda m: variables.get(m[1], ""), word)]
    return argv


def remove_cgroups() -> None:
    """Cgroups are no files of a process: they stay, empty, where it ends by force. Those of other runs that live are left alone."""
    for root in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
        for tree in root.glob("headwater-lab-*"):
            owner = int(tree.name.split("-")[2])
            if owner != os.getpid() and Path(f"/proc/{owner}").exists():
                continue
            for path, _, _ in os.walk(tree, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass  # still in use


atexit.register(remove_cgroups)


class Machine:
    """A booted machine: `host`'s interfaces are moved into it. It ends with this process, whatever happens.

    `prepare` is more for the shell to do on what stands for the machine's host; "$1" is the lab's folder.
    """

    def __init__(self, host: Host, name: str, argv: list[str], lab: Lab, prepare: str = ""):
        self.host, self.name = host, name
        self.cgroup = f"headwater-lab-{os.getpid()}-{name}"
        for folder in ("etc/headwater/zones", "zones"):
            (lab.directory / folder).mkdir(parents=True, exist_ok=True)
        # In a PID namespace whose first process is nspawn, all of the machine dies when that is killed.
        wrap = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _AS_ON_A_HOST, "sh"]
        wrap += [str(lab.directory), str(ROOT), self.cgroup, prepare]
        environment = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        self.process: Process = host.ns.start([*wrap, *argv], f"machine-{name}", env=environment, stop_signal=signal.SIGKILL)

    def stop(self) -> None:
        """An orderly shutdown, as `systemctl stop` asks for; interfaces come back to `host`."""
        os.kill(leader_of(self.process.pid, "systemd-nspawn"), signal.SIGTERM)
        self.process.wait(20)

    def busy(self) -> bool:
        for root in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
            if (root / self.cgroup / "cgroup.events").exists():
                return "populated 1" in (root / self.cgroup / "cgroup.events").read_text()
        return False


class MachineZone(Zone):
    """A zone that is a machine: nspawn/headwater-zone-machine@.service, by the command line of that unit."""

    def start(self, timeout: float = 20):
        # What the unit's RuntimeDirectory= is on a host.
        self.bus_dir.mkdir(parents=True, exist_ok=True)
        variables = write_settings(self.lab, self)
        self.machine = Machine(self.host, self.name, exec_start(MACHINE_UNIT, self.name, variables), self.lab)
        self.process = self.machine.process
        self.process.wait_log(f"zone {self.name}: ready", timeout)
        return self

    def stop(self) -> int:
        self.machine.stop()
        return self.process.wait(1)


class UnitHost:
    """A machine that stands for a whole host with systemd: zones are instances of deploy/units there."""

    def __init__(self, lab: Lab, *links: Link, name: str = "units"):
        self.lab, self.name = lab, name
        self.host = lab.host(name, *links)
        self.units = lab.directory / "units"
        self.units.mkdir()
        for unit in (*UNITS.iterdir(), MACHINE_UNIT):
            (self.units / unit.name).write_text(unit.read_text())

    def start(self, *zones: "UnitZone", timeout: float = 20):
        wanted = " ".join(f"{zone.unit}@{zone.name}.service" for zone in zones)
        (self.units / "lab.target").write_text(
            f"[Unit]\nDescription=The lab's zones\nRequires=sysinit.target links.service\nAfter=sysinit.target\nWants={wanted}\n"
        )
        # What networkd or ifupdown does on a host.
        commands = "".join(f"ExecStart=ip link set {leg.interface} up\n" for leg in self.host.legs.values())
        (self.units / "links.service").write_text(f"[Unit]\nBefore=network.target\n[Service]\nType=oneshot\n{commands}")
        for folder in ("etc/headwater/zones", "zones"):
            (self.lab.directory / folder).mkdir(parents=True, exist_ok=True)
        for zone in zones:
            write_settings(self.lab, zone, macvlan=True, prefix="mv-" if zone.unit == MACHINE_UNIT.name.split("@")[0] else "")
        argv = ["systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--boot", f"--machine={self.name}"]
        argv += ["--directory=/", "--volatile=yes", "--private-network", "--private-users=no", "--console=read-only"]
        argv += ["--link-journal=no", "--resolv-conf=off", "--timezone=off"]
        argv += [f"--network-interface={leg.interface}" for leg in self.host.legs.values()]
        argv += ["--bind-ro=/etc/passwd", "--bind-ro=/etc/group", "--bind-ro=/etc/avahi"]
        argv += ["--bind-ro=/opt/headwater", "--bind-ro=/etc/headwater"]
        argv += [f"--bind-ro={self.units}:/etc/systemd/system", "--bind=/run/headwater/zones"]
        # As on a real host, the system's journal says what happened; here it goes to the console as well.
        argv += ["systemd.unit=lab.target", "systemd.journald.forward_to_console=1", "systemd.mask=nftables.service", "systemd.firstboot=no"]
        self.machine = Machine(self.host, self.name, argv, self.lab)
        for zone in zones:
            zone.process = self.machine.process
            zone.process.wait_log(f"zone {zone.name}: ready", timeout)
        return self

    def run(self, *argv: object) -> str:
        """A command inside, as its administrator."""
        # The machine's PID 1: the first process of the PID namespace that is nspawn's child.
        leader = leader_of(self.machine.process.pid)
        return self.host.ns.run("nsenter", "-t", leader, "-m", "-p", "-n", "-u", "-i", *argv)


class UnitZone(Zone):
    """A zone of a UnitHost, an instance of `unit`: its macvlan on the host's interface has an address of its own."""

    def __init__(self, units: UnitHost, name: str, *links: Link, allow_user="", options="", unit="headwater-zone"):
        self.lab, self.name, self.links = units.lab, name, links
        self.host = units.host
        self.bus_dir = units.lab.directory / "zones" / name
        self.allow_user = allow_user
        self.options = options
        self.unit = unit
        self.process = None


def leader_of(pid: int, name: str = "systemd") -> int:
    """The booted systemd, or the nspawn above it, below the process that `unshare` is."""
    for _ in range(8):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            break
        pid = int(children[0])
        if Path(f"/proc/{pid}/comm").read_text().strip() == name[:15]:
            return pid
    raise RuntimeError(f"no {name} in the machine")


def write_settings(lab: Lab, zone: Zone, macvlan: bool = False, prefix: str = "") -> dict[str, str]:
    """/etc/headwater/zones/NAME, as an administrator writes it."""
    legs = [zone.host.legs[link.name] for link in zone.links]
    addresses = []
    for leg in legs:
        # A macvlan is one more host on the link. systemd-nspawn prefixes its name.
        number = leg.link.next_port()[0] if macvlan else int(leg.ipv4.rsplit(".", 1)[1])
        name = prefix + leg.interface
        addresses += [f"{name}={leg.link.prefix4}.{number}/24", f"{name}={leg.link.prefix6}::{number:x}/64"]
    variables = {
        "INTERFACES": " ".join(prefix + leg.interface for leg in legs),
        "ADDRESSES": " ".join(addresses),
        "ALLOW_USER": zone.allow_user,
        "NETWORK_OPTIONS": getattr(zone, "options", ""),
        "NETWORK": " ".join(f"--network-{'macvlan' if macvlan else 'interface'}={leg.interface}" for leg in legs),
    }
    folder = lab.directory / "etc" / "headwater" / "zones"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / zone.name).write_text("".join(f'{key}="{value}"\n' for key, value in variables.items()))
    return variables
