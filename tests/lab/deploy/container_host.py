"""A machine with podman in the lab: images of the programs under test, networks and containers by the quadlets of containers/quadlet.

All that podman makes (storage, in memory; mounts, namespaces, processes) is in a mount and a PID namespace that end with one process.
"""

import shutil
import signal
import sys
from pathlib import Path

from lab import Host, Lab, Link, Process, wait_until

ROOT = Path(__file__).resolve().parents[3]
QUADLETS = ROOT / "containers" / "quadlet"
sys.path.insert(0, str(ROOT / "containers"))

import quadlet  # noqa: E402

# $1 a folder of the lab for it, $2 the run folder. Where this runs, systemd need not be PID 1, the cgroups need not be unified, and no limit may be raised.
_MACHINE = """
set -e
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t overlay overlay -o "lowerdir=$1/over-etc:/etc" /etc
mount -t overlay overlay -o "lowerdir=$1/over-var:/var/lib" /var/lib
for folder in /run /var/tmp /etc/cni /var/lib/cni /var/lib/containers; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /etc/cni/net.d /run/headwater
mount --bind "$1/etc" /etc/headwater
mount --bind "$2" /run/headwater
mount --bind "$1/state" /var/lib/headwater
touch "$1/machine-is-up"
# The first process of a PID namespace: it buries what conmon leaves behind.
while :; do sleep 1000 & wait; done
"""

_CONTAINERS_CONF = """
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
_STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
"""
# The user and group of the images, and of services of every other kind.
OWNER = 65532


def make_shared(folder: Path) -> Path:
    """As deploy/tmpfiles.d has it."""
    folder.mkdir()
    shutil.chown(folder, OWNER, OWNER)
    folder.chmod(0o2770)
    return folder


class ContainerHost:
    """One machine with an interface in each of `links`; its containers have macvlans there. `run` is its /run/headwater."""

    def __init__(self, lab: Lab, run: Path, *links: Link, name: str = "podman"):
        self.lab = lab
        self.host: Host = lab.host(name, *links)
        self.folder = lab.directory / name
        for folder in ("over-etc/cni", "over-etc/headwater", "over-var/cni", "over-var/containers", "over-var/headwater", "etc"):
            (self.folder / folder).mkdir(parents=True)
        make_shared(self.folder / "state")
        (self.folder / "containers.conf").write_text(_CONTAINERS_CONF)
        (self.folder / "storage.conf").write_text(_STORAGE_CONF)
        self.quadlets = self.folder / "quadlet"
        shutil.copytree(QUADLETS, self.quadlets)
        self.containers: dict[str, Process] = {}
        wrap = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", _MACHINE, "machine"]
        self.machine = self.host.ns.start([*wrap, self.folder, run], "machine", stop_signal=signal.SIGKILL)
        wait_until(lambda: self.has_come_up(), 10, "the machine")

    def has_come_up(self) -> bool:
        if not self.machine.alive():
            raise RuntimeError(f"the machine ended: {self.machine.log()}")
        return (self.folder / "machine-is-up").exists()

    def inside(self, *argv: object) -> list[object]:
        """The command line that runs `argv` on this machine."""
        leader = Path(f"/proc/{self.machine.pid}/task/{self.machine.pid}/children").read_text().split()[0]
        conf = [f"CONTAINERS_CONF={self.folder}/containers.conf", f"CONTAINERS_STORAGE_CONF={self.folder}/storage.conf"]
        return ["nsenter", "-t", leader, "-m", "-p", "-n", "env", *conf, *argv]

    def run(self, *argv: object, check: bool = True) -> str:
        return self.host.ns.run(*self.inside(*argv), check=check, timeout=120)

    def build(self, bin_dir: Path, *services: str) -> None:
        """The images of these services, of the programs in `bin_dir`."""
        self.run(ROOT / "containers" / "build", "--bin-dir", bin_dir, *services)

    def make_network(self, name: str) -> None:
        self.run(*quadlet.network_command(self.quadlets / f"{name}.network"))

    def start(self, *names: str, timeout: float = 60) -> None:
        """Containers by their quadlets, as their units run them, at once; returns when each is ready."""
        for name in names:
            self.containers[name] = self.host.ns.start(
                self.inside(*quadlet.container_command(self.quadlets / f"{name}.container")), name
            )
        for name in names:
            self.containers[name].wait_log("msg=ready", timeout)

    def inspect(self, name: str, template: str) -> str:
        return self.run("podman", "inspect", "--format", template, name).strip()

    def stop(self, *names: str) -> dict[str, int]:
        """As `systemctl stop` does; each one's exit status."""
        self.run("podman", "stop", *names)
        return {name: self.containers[name].wait(10) for name in names}
