"""deploy/units: one machine without containers. What systemd is told, how the units are hardened, and the headend as they run it."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab import TONE_NUMBER, FfmpegListener, Headend, group6, stays, to_toml, wait_until

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "lab" / "zones"))

from machines import Machine, leader_of  # noqa: E402

UNITS = ROOT / "deploy" / "units"
OWN_UNITS = sorted(path for path in UNITS.iterdir() if not path.name.startswith("headwater-zone"))
GUEST_UNIT = "headwater-guest@.service"
CORE = ["directory-resolver", "membership-watcher@0", "sap-announcer", "rtp-packager@0", "session-manager"]

# Of what runs only where it has a table in the configuration: just enough of it to start.
OTHERS = {
    "dvb-tuner": {"carriers": "carriers", "position": "28.2E", "network_inputs": 1},
    "mdns-zone-proxy": {"rules": [{"name": "any", "from": "iot", "to": "trusted", "types": ["_ipp._tcp"], "action": "allow"}]},
    "mcast-monitor": {"listen": [{"service": "syslog", "groups": ["234.192.168.10", "ff15::514"]}]},
    "mcast-bridge": {"rules": [{"name": "upnp", "groups": ["upnp"], "links": ["lan", "iot"], "hops_min": 4}]},
}
GUEST = """
VLANS="20"
OPTIONS="--address 192.168.20.5/24"
COMMAND="--service membership-watcher --instance 1 --config /etc/headwater/watcher-20.toml"
"""

_PTRACE_SEIZE, _PTRACE_INTERRUPT, _PTRACE_DETACH = 0x4206, 0x4207, 17
_WALL = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

# $1 the project, $2 the services' binaries, which are then where the units expect them.
WITH_PROGRAMS = """
mount -t tmpfs tmpfs /opt && mkdir /opt/headwater && mount --bind "$1" /opt/headwater
mount -t tmpfs tmpfs /opt/headwater/build && mkdir -p /opt/headwater/build/release/bin && mount --bind "$2" /opt/headwater/build/release/bin
shift 2; exec "$@"
"""


@contextlib.contextmanager
def thread_held(tid: int):
    """One thread stands still, the others of its process go on."""
    assert _libc.ptrace(_PTRACE_SEIZE, tid, None, None) == 0, os.strerror(ctypes.get_errno())
    assert _libc.ptrace(_PTRACE_INTERRUPT, tid, None, None) == 0
    os.waitpid(tid, _WALL)
    try:
        yield
    finally:
        _libc.ptrace(_PTRACE_DETACH, tid, None, None)


class Systemd:
    """Its notification socket: what a service has told so far."""

    def __init__(self, path: Path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.told: list[str] = []

    def count(self, word: str) -> int:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.told.append(self.socket.recv(4096).decode())
        return self.told.count(word)


def test_a_service_feeds_its_watchdog_from_its_loop_and_from_nowhere_else(lab, bin_dir):
    host, path = lab.host("headend"), lab.directory / "notify"
    systemd = Systemd(path)
    config = lab.directory / "headwater.toml"
    config.write_text(to_toml({"run_dir": str(lab.directory), "state_dir": str(lab.directory), "http_address": "127.0.0.1"}))
    argv = [bin_dir / "sap-announcer", "--config", config]
    service = host.ns.start(argv, "sap-announcer", env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "600000"})
    wait_until(lambda: systemd.count("WATCHDOG=1") >= 3, 20, "three feeds")
    assert systemd.told[0] == "READY=1"
    with thread_held(service.pid):
        fed = systemd.count("WATCHDOG=1")
        assert host.ns.http("http://127.0.0.1:9465/livez"), "the process lives"
        assert stays(lambda: systemd.count("WATCHDOG=1") == fed, 1)
    wait_until(lambda: systemd.count("WATCHDOG=1") > fed, 5, "a feed after the loop goes on")
    service.signal(signal.SIGHUP)
    wait_until(lambda: systemd.count("READY=1") == 2, 5, "ready again")
    assert systemd.count("RELOADING=1") == 1
    assert service.stop() == 0 and systemd.count("STOPPING=1") == 1


def with_programs(bin_dir: Path, *argv: object) -> subprocess.CompletedProcess:
    wrapped = ["unshare", "--mount", "sh", "-ec", WITH_PROGRAMS, "sh", ROOT, bin_dir, *argv]
    return subprocess.run([str(a) for a in wrapped], capture_output=True, text=True)


def test_systemd_finds_nothing_wrong_with_the_units(bin_dir):
    instances = [str(path).replace("@.", "@0.") for path in OWN_UNITS]
    done = with_programs(bin_dir, "env", f"SYSTEMD_UNIT_PATH={UNITS}:", "systemd-analyze", "verify", *instances)
    complaints = [line for line in (done.stderr + done.stdout).splitlines() if "headwater" in line]
    assert complaints == [] and done.returncode == 0


# From 0 (nothing) to 100. Those with more than 25 make namespaces, or routes and firewall rules; each says so.
EXPOSED = {GUEST_UNIT: 40, "headwater-mcast-bridge.service": 40, "headwater-zone@.service": 40, "headwater-zone-net@.service": 40}


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.glob("*.service")))
def test_a_unit_is_hardened(name):
    argv = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSED.get(name, 25)}", "--no-pager", UNITS / name]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_every_service_has_a_unit_and_a_watchdog():
    services = {path.parent.name for path in ROOT.glob("services/*/main.cc")} - {"headwaterctl"}
    units = [path for path in OWN_UNITS if path.suffix == ".service" and path.name != GUEST_UNIT]
    by_service = {re.sub(r"^headwater-|@|\.service$", "", path.name): path.read_text() for path in units}
    assert set(by_service) == services
    for service, text in by_service.items():
        for line in ("Type=notify", "WatchdogSec=30", "Group=headwater", "RestartPreventExitStatus=64 77 78"):
            assert f"\n{line}\n" in text, (service, line)
        assert f"/bin/{service} --config /etc/headwater/headwater.toml" in text


class UnitMachine:
    """A booted machine that runs headwater.target on the link of `headend`, whose configuration it has."""

    def __init__(self, lab, headend: Headend, bin_dir: Path):
        self.lab, self.host = lab, lab.host("units", headend.link)
        self.leg = self.host.leg
        etc, own = lab.directory / "etc", lab.directory / "system"
        for folder in (etc / "headwater", own):
            folder.mkdir(parents=True)
        headend.config |= {"run_dir": "/run/headwater", "state_dir": "/var/lib/headwater", "legs": {"lan": self.leg.interface, "iot": "br20"}}
        headend.config |= {"zones": {"trusted": {"bus": "system"}, "iot": {"bus": "/run/headwater/zones/iot/bus"}}, **OTHERS}
        (etc / "headwater" / "headwater.toml").write_text(to_toml(headend.config))
        (etc / "headwater" / "lineup.toml").write_text("")
        (etc / "headwater" / "carriers").write_text((ROOT / "deploy/example/carriers").read_text())
        (etc / "headwater" / "watcher-20.toml").write_text('[legs]\niot = "br20"\n')
        (etc / "headwater" / "guests").mkdir()
        (etc / "headwater" / "guests" / "watcher-20").write_text(GUEST)
        for name in ("passwd", "group"):
            (etc / name).write_text(Path("/etc", name).read_text())
        subprocess.run(["systemd-sysusers", f"--root={lab.directory}", ROOT / "deploy/sysusers.d/headwater.conf"], check=True)
        for path in UNITS.iterdir():
            (own / path.name).write_text(path.read_text())
        (own / "headwater-sap-announcer.service.d").mkdir()
        (own / "headwater-sap-announcer.service.d" / "lab.conf").write_text("[Service]\nWatchdogSec=2\n")
        addresses = f"{self.leg.ipv6}/64 nodad", f"{self.leg.ipv4}/24"
        commands = [f"link set {self.leg.interface} up", *(f"address add {a} dev {self.leg.interface}" for a in addresses)]
        commands += ["link add br20 type bridge", "link set br20 up"]
        (own / "links.service").write_text(
            "[Unit]\nBefore=network.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n" + "".join(f"ExecStart=ip {c}\n" for c in commands)
        )
        (own / "lab.target").write_text(
            "[Unit]\nRequires=sysinit.target links.service\nAfter=sysinit.target\nWants=headwater.target headwater-guest@watcher-20.service\n"
        )
        argv = ["sh", "-ec", WITH_PROGRAMS, "sh", ROOT, bin_dir]
        argv += ["systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--boot", "--machine=units"]
        argv += ["--directory=/", "--volatile=yes", "--private-network", "--private-users=no", "--console=read-only"]
        argv += ["--link-journal=no", "--resolv-conf=off", "--timezone=off", f"--network-interface={self.leg.interface}"]
        argv += [f"--bind-ro=/{name}" for name in ("etc/passwd", "etc/group", "etc/headwater", "opt/headwater")]
        argv += [f"--bind-ro={own}:/etc/systemd/system", f"--bind-ro={ROOT / 'deploy/tmpfiles.d'}:/etc/tmpfiles.d"]
        argv += ["systemd.unit=lab.target", "systemd.journald.forward_to_console=1", "systemd.firstboot=no"]
        argv += ["systemd.mask=nftables.service", "systemd.setenv=ASAN_OPTIONS=detect_leaks=0"]
        self.machine = Machine(self.host, "units", [str(a) for a in argv], lab)

    def run(self, *argv: object, check: bool = True) -> str:
        leader = leader_of(self.machine.process.pid)
        return self.host.ns.run("nsenter", "-t", leader, "-m", "-p", "-n", "-u", "-i", *argv, check=check)

    def state(self, service: str, key: str = "ActiveState") -> str:
        return self.run("systemctl", "show", "--value", "-p", key, f"headwater-{service}.service", check=False).strip()

    def wait_active(self, *services: str, timeout: float = 60) -> None:
        def settled() -> bool:
            with contextlib.suppress(RuntimeError):
                return all(self.state(service) == "active" for service in services)
            return False

        wait_until(settled, timeout, f"active: {services}", every=0.2)


def test_a_guest_under_its_unit(lab, headend, bin_dir):
    machine = UnitMachine(lab, headend, bin_dir)
    machine.wait_active("guest@watcher-20")
    socket_path = "/run/headwater/membership-watcher@1.sock"
    wait_until(lambda: machine.run("ls", socket_path, check=False), 30, "the watcher's socket", every=0.2)
    assert machine.run("stat", "-c", "%U:%G", socket_path) == "headwater:headwater\n"
    assert "rt20_" in machine.run("ip", "-br", "link")
    machine.run("systemctl", "stop", "headwater-guest@watcher-20.service")
    assert machine.state("guest@watcher-20", "Result") == "success"
    wait_until(lambda: "rt20_" not in machine.run("ip", "-br", "link"), 5, "the end of its interface")


def test_the_other_services_under_their_units(lab, headend, bin_dir):
    machine = UnitMachine(lab, headend, bin_dir)
    machine.wait_active(*CORE)
    for name in OTHERS:
        machine.run("systemctl", "start", "--no-block", f"headwater-{name}.service")
    machine.wait_active(*OTHERS, timeout=30)
    for name in OTHERS:
        machine.run("systemctl", "stop", f"headwater-{name}.service")
    assert {machine.state(name, "Result") for name in OTHERS} == {"success"}
    assert {machine.state(name, "NRestarts") for name in OTHERS} == {"0"}


def test_the_headend_under_its_units(lab, headend, bin_dir):
    machine = UnitMachine(lab, headend, bin_dir)
    machine.wait_active(*CORE)
    listener = FfmpegListener(lab.host("alice", headend.link), group6(TONE_NUMBER))
    listener.wait_decoded(2, 30)
    # As its user, with no capability left, in a system call filter, and only its folders writable.
    pid = machine.state("rtp-packager@0", "MainPID")
    status = machine.run("cat", f"/proc/{pid}/status")
    assert re.search(r"^CapEff:\s0+$", status, re.M) and re.search(r"^Seccomp:\s2$", status, re.M)
    assert machine.run("stat", "-c", "%U:%G %a", "/run/headwater", "/run/headwater/rtp-packager.sock").split("\n")[:2] == [
        "headwater:headwater 2770", "headwater:headwater 660",
    ]  # fmt: skip
    # A reload returns when it is done, with the outcome in the log.
    machine.run("systemctl", "reload", "headwater-session-manager.service")
    machine.machine.process.wait_log("configuration reloaded", 5)
    # One that hangs is found by its watchdog and started again; the listener does not notice.
    announcer = machine.state("sap-announcer", "MainPID")
    machine.run("kill", "-STOP", announcer)
    wait_until(lambda: machine.state("sap-announcer", "MainPID") not in ("0", announcer), 30, "another process", every=0.2)
    machine.wait_active("sap-announcer")
    assert machine.state("sap-announcer", "NRestarts") == "1" and "Watchdog timeout" in machine.machine.process.log()
    listener.wait_decoded(4, 10)
    machine.run("systemctl", "stop", "headwater.target")
    wait_until(lambda: {machine.state(service) for service in CORE} == {"inactive"}, 20, "the end of all", every=0.2)
    assert {machine.state(service, "Result") for service in CORE} == {"success"}
