"""Services in machines booted by nspawn/headwater-machine@.service, by the command line of that unit, and a site of them."""

import shutil
import sys
from pathlib import Path

from container_host import OWNER, make_shared

from lab import Host, Lab, Process

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "lab" / "zones"))

from machines import Machine, exec_start, leader_of  # noqa: E402

UNIT = ROOT / "nspawn" / "headwater-machine@.service"
EXAMPLE = ROOT / "nspawn" / "example"

# What tmpfiles.d and the unit's own ExecStartPre= do on a host.
_FOLDERS = """
mount --bind "$1/run" /run/headwater
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/headwater-machines/NAME
chown headwater:headwater /var/lib/headwater-machines/NAME
"""


def make_folders(lab: Lab) -> Path:
    """/etc and /run of the machine that hosts the machines; returns its /etc/headwater."""
    etc = lab.directory / "etc"
    shutil.copytree(EXAMPLE, etc / "headwater-machines")
    (etc / "headwater").mkdir()
    # Where this runs there need not be such a user.
    account = f"headwater:x:{OWNER}:"
    for name, line in (("passwd", f"{account}{OWNER}::/:/usr/sbin/nologin"), ("group", account)):
        others = [row for row in Path("/etc", name).read_text().splitlines() if not row.startswith("headwater:")]
        (etc / name).write_text("\n".join([*others, line, ""]))
    make_shared(lab.directory / "run")
    return etc / "headwater"


class ServiceMachine:
    """One of nspawn/example: its legs are `host`'s, moved into it, and get their addresses from its own systemd-networkd."""

    def __init__(self, lab: Lab, host: Host, name: str, bin_dir: Path):
        self.host, self.name = host, name
        settings = EXAMPLE / name / "settings"
        lines = [line.partition("=") for line in settings.read_text().splitlines() if line[:1] not in ("", "#")]
        variables = {key: value.strip('"') for key, _, value in lines}
        # The lab has no bridges on a machine of its own: it gives whole interfaces.
        variables["NETWORK"] = " ".join(f"--network-interface={leg.interface}" for leg in host.legs.values())
        variables["PROGRAMS"] = str(bin_dir)
        self.machine = Machine(host, name, exec_start(UNIT, name, variables), lab, _FOLDERS.replace("NAME", name))

    @property
    def process(self) -> Process:
        return self.machine.process

    def run(self, *argv: object) -> str:
        """A command inside, as its administrator."""
        return self.host.ns.run("nsenter", "-t", leader_of(self.process.pid), "-m", "-p", "-n", "-u", "-i", *argv)

    def wait_ready(self, *services: str, timeout: float = 40) -> None:
        for service in services:
            self.process.wait_log(f"service={service} level=info msg=ready", timeout)

    def stop(self) -> int:
        """As `systemctl stop` of its unit does."""
        self.machine.stop()
        return self.process.wait(1)
