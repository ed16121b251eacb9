#!/usr/bin/python3
"""Makes an mDNS zone of the network namespace it is started in: an Avahi with a D-Bus of its own, supervised.

What runs in the zone sees neither the machine's /run nor its /etc/avahi, holds no capability, and ends with this program.
"""

import argparse
import ctypes
import json
import os
import pwd
import re
import resource
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional
from xml.sax.saxutils import escape

# What the zone runs, and the package that has it.
PACKAGES = {"dbus-daemon": "dbus-daemon", "avahi-daemon": "avahi-daemon"}
SEARCH_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
BUS_USER, AVAHI_USER = "messagebus", "avahi"
BACKOFF_FIRST, BACKOFF_MAX, STABLE_AFTER = 0.1, 10.0, 30.0
STOP_LIMIT = 5.0
# How often Avahi is asked for its state before and after it has answered, and how many questions it may miss in a row: a daemon that
# hostile packets keep busy for so long is started again.
ASK_STARTING, ASK_RUNNING, ASK_PATIENCE, DEAF_MAX = 0.1, 5.0, 1.0, 6
# A flood of packets that Avahi complains about must not become a flood of the journal: lines a second, and at once.
LOG_RATE, LOG_BURST, LOG_LINE_MAX = 20, 100, 400
MEMORY_MAX = 512 << 20
# sysexits.h
USAGE, UNAVAILABLE, NO_PERMISSION = 64, 69, 77
MDNS_PORT = 5353
SUN_PATH_MAX = 107

# capability.h: what this program goes on with once it has mounted what it mounts. It starts children as other users, ends them, and keeps
# the bus's folder.
KEPT_CAPABILITIES = {"chown": 0, "dac_override": 1, "fowner": 3, "kill": 5, "setgid": 6, "setuid": 7, "setpcap": 8}

_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CLONE_NEWNS = 0x20000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


class Refusal(Exception):
    """Why there can be no zone here, and the exit status that says so."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


@dataclass
class Zone:
    """What is asked for."""

    name: str
    interfaces: list[str]
    bus_dir: Path
    # Who may talk to Avahi beside root.
    allow_user: str = ""
    host_name: str = ""
    publish_addresses: bool = False
    # Where the generated files are: in the zone's own /run.
    config_dir: Path = field(default=Path("/run/zone"))

    @property
    def socket_path(self) -> Path:
        return self.bus_dir / "bus"

    @property
    def allow_uid(self) -> Optional[int]:
        return pwd.getpwnam(self.allow_user).pw_uid if self.allow_user else None


def avahi_config(zone: Zone) -> str:
    """avahi-daemon.conf of the zone. Everything that could carry a name from elsewhere into it, or out of it, is off."""
    sections = {
        "server": {
            "host-name": zone.host_name or f"headwater-{zone.name}",
            "domain-name": "local",
            "allow-interfaces": ",".join(zone.interfaces),
            "use-ipv4": "yes",
            "use-ipv6": "yes",
            # Two responders in one namespace steal each other's packets.
            "disallow-other-stacks": "yes",
            "enable-dbus": "yes",
            # One client, the proxy, holds a browser, resolver or group for each of its many services.
            "clients-max": "256",
            "objects-per-client-max": "16384",
            "entries-per-entry-group-max": "256",
            # For an interface and a family. At 9000 bytes a record, the most that a packet holds, two full caches stay within MEMORY_MAX.
            "cache-entries-max": "8192",
            # What Avahi itself sends by an interface.
            "ratelimit-interval-usec": "1000000",
            "ratelimit-burst": "1000",
        },
        "wide-area": {"enable-wide-area": "no"},
        "publish": {
            # The zone's own host is nobody's business, unless it is asked for.
            "publish-addresses": "yes" if zone.publish_addresses else "no",
            "publish-hinfo": "no",
            "publish-workstation": "no",
            "publish-domain": "no",
            "publish-resolv-conf-dns-servers": "no",
        },
        "reflector": {"enable-reflector": "no"},
    }
    return "\n".join(f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items()) for name, keys in sections.items())


def bus_config(zone: Zone, avahi_uid: int, allow_uid: Optional[int]) -> str:
    """The configuration of the zone's bus: root, Avahi and the allowed user may connect, and talk of nothing but Avahi."""
    clients = sorted({0} | ({allow_uid} if allow_uid is not None else set()))
    connect = "".join(f'    <allow user="{uid}"/>\n' for uid in sorted({avahi_uid, *clients}))
    talk = "".join(
        f'  <policy user="{uid}">\n    <allow send_destination="org.freedesktop.Avahi"/>\n'
        f'    <deny send_destination="org.freedesktop.Avahi" send_path="/" send_member="SetHostName"/>\n  </policy>\n'
        for uid in clients
    )
    limits = {
        # A connection of the proxy waits for many answers and listens to many objects at once; dbus's own defaults hold some hundred.
        "max_replies_per_connection": 50000,
        "max_match_rules_per_connection": 50000,
        "max_connections_per_user": 64,
        "max_completed_connections": 128,
        "max_incomplete_connections": 32,
        "max_message_size": 4 << 20,
        "max_incoming_bytes": 32 << 20,
        "max_outgoing_bytes": 64 << 20,
        "auth_timeout": 5000,
    }
    return (
        '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"\n'
        ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n<busconfig>\n'
        # Avahi finds the bus where every program looks for it, in the zone's own /run; those outside by the other path.
        f"  <listen>unix:path={escape(str(zone.socket_path))}</listen>\n"
        "  <listen>unix:path=/run/dbus/system_bus_socket</listen>\n  <auth>EXTERNAL</auth>\n"
        f'  <policy context="default">\n{connect}'
        '    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>\n'
        '    <allow send_type="signal"/>\n    <allow send_requested_reply="true" send_type="method_return"/>\n'
        '    <allow send_requested_reply="true" send_type="error"/>\n'
        '    <allow receive_type="method_call"/>\n    <allow receive_type="method_return"/>\n'
        '    <allow receive_type="error"/>\n    <allow receive_type="signal"/>\n  </policy>\n'
        f'  <policy user="{avahi_uid}">\n    <allow own="org.freedesktop.Avahi"/>\n  </policy>\n{talk}'
        + "".join(f'  <limit name="{name}">{value}</limit>\n' for name, value in limits.items())
        + "</busconfig>\n"
    )


class Log:
    """One line an event, on standard error."""

    def __init__(self, zone: str, as_json: bool):
        self.zone = zone
        self.as_json = as_json

    def event(self, event: str, text: str, **fields) -> None:
        if self.as_json:
            line = json.dumps({"time": round(time.time(), 3), "zone": self.zone, "event": event, "text": text, **fields})
        else:
            line = f"zone {self.zone}: {text}"
        print(line, file=sys.stderr, flush=True)


def clean(text: str) -> str:
    """What a daemon wrote, without control characters: parts of it came from a network."""
    return re.sub(r"[^\x20-\x7e\u00a0-\U0010ffff]", "?", text)[:LOG_LINE_MAX]


class LogPipe:
    """A child's standard error, line by line into our log, as fast as LOG_RATE allows; what is more is counted."""

    def __init__(self, name: str, log: Log):
        self.name, self.log = name, log
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.reader, False)
        self.rest = b""
        self.tokens, self.filled, self.lost = float(LOG_BURST), time.monotonic(), 0

    def pump(self) -> None:
        try:
            data = os.read(self.reader, 65536)
        except BlockingIOError:
            return
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.rest = self.rest[-LOG_LINE_MAX:]
        for line in lines:
            self.write(line.decode("utf-8", "replace"))

    def write(self, line: str) -> None:
        now = time.monotonic()
        self.tokens = min(float(LOG_BURST), self.tokens + (now - self.filled) * LOG_RATE)
        self.filled = now
        if self.tokens < 1:
            self.lost += 1
            return
        self.tokens -= 1
        if self.lost:
            self.log.event("log-lost", f"{self.name}: {self.lost} lines left out", daemon=self.name, lines=self.lost)
            self.lost = 0
        self.log.event("log", f"{self.name}: {clean(line)}", daemon=self.name)


class Daemon:
    """One supervised child without privileges."""

    def __init__(self, argv: list[str], user: str, may_start: Callable[[], bool], log: Log):
        self.name, self.argv, self.account, self.may_start, self.log = Path(argv[0]).name, argv, pwd.getpwnam(user), may_start, log
        self.environment = {"PATH": SEARCH_PATH, "LANG": "C.UTF-8"}
        self.pipe = LogPipe(self.name, log)
        self.process: Optional[subprocess.Popen] = None
        self.pidfd = -1
        self.started = 0.0
        self.start_at: Optional[float] = 0.0
        self.backoff = BACKOFF_FIRST
        self.restarts = 0

    def prepare(self, parent: int) -> None:
        """Between fork and exec."""
        for capability in range(64):
            _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        for kind, limit in (
            # A flood ends in one daemon's failed allocation, which aborts it, and not in the machine's memory.
            (resource.RLIMIT_AS, MEMORY_MAX),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 1 << 16),
            (resource.RLIMIT_NOFILE, 1024),
            # No RLIMIT_NPROC: it counts a user's processes on the whole machine, and every zone runs as the same user.
        ):
            resource.setrlimit(kind, (limit, limit))
        os.setgroups([])
        os.setresgid(*[self.account.pw_gid] * 3)
        os.setresuid(*[self.account.pw_uid] * 3)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        os.setpgid(0, 0)
        # Last, since a change of user clears it: who daemonises or changes its user by itself would outlive us.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)

    def start(self) -> None:
        parent = os.getpid()
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=self.pipe.writer, stderr=self.pipe.writer, env=self.environment, cwd="/",
            preexec_fn=lambda: self.prepare(parent),
        )
        self.pidfd = os.pidfd_open(self.process.pid)
        self.started, self.start_at = time.monotonic(), None
        self.log.event("started", f"{self.name} started, pid {self.process.pid}", daemon=self.name, pid=self.process.pid)

    def reap(self) -> str:
        assert self.process
        status = self.process.wait()
        os.close(self.pidfd)
        self.process, self.pidfd = None, -1
        return signal.Signals(-status).name if status < 0 else f"status {status}"

    def plan_restart(self) -> None:
        lived = time.monotonic() - self.started
        self.backoff = BACKOFF_FIRST if lived >= STABLE_AFTER else min(2 * self.backoff, BACKOFF_MAX)
        self.start_at = time.monotonic() + self.backoff
        self.restarts += 1


def _align(data: bytes, boundary: int) -> bytes:
    return data + bytes(-len(data) % boundary)


def _method_call(serial: int, destination: str, path: str, interface: str, member: str) -> bytes:
    """A D-Bus method call without arguments (D-Bus specification, "Message Format")."""
    fields = b""
    for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination)):
        text = value.encode()
        fields = _align(fields, 8) + bytes([code, 1]) + kind.encode() + b"\0" + struct.pack("<I", len(text)) + text + b"\0"
    return _align(struct.pack("<cBBBIII", b"l", 1, 0, 1, 0, serial, len(fields)) + fields, 8)


def _read_answer(stream) -> bytes:
    """The body of the next method return; an error raises."""
    while True:
        header = stream.read(16)
        if len(header) < 16:
            raise OSError("the bus closed the connection")
        body_size, _, fields_size = struct.unpack("<III" if header[:1] == b"l" else ">III", header[4:])
        if body_size > 1 << 16 or fields_size > 1 << 16:
            raise OSError("an answer out of bounds")
        stream.read(fields_size + -fields_size % 8)
        body = stream.read(body_size)
        if header[1] == 3:
            raise OSError("an error for an answer")
        if header[1] == 2:
            return body


def avahi_runs(socket_path: Path, patience: float = ASK_PATIENCE) -> bool:
    """Whether an Avahi on this bus says that it is running (GetState() == AVAHI_SERVER_RUNNING)."""
    try:
        with socket.socket(socket.AF_UNIX) as bus:
            bus.settimeout(patience)
            bus.connect(str(socket_path))
            bus.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
            with bus.makefile("rb") as stream:
                if not stream.readline().startswith(b"OK"):
                    return False
                calls = _method_call(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
                calls += _method_call(2, "org.freedesktop.Avahi", "/", "org.freedesktop.Avahi.Server", "GetState")
                bus.sendall(b"BEGIN\r\n" + calls)
                _read_answer(stream)
                return struct.unpack("<i", _read_answer(stream)[:4])[0] == 2
    except (OSError, struct.error):
        return False


class Supervisor:
    """Starts, restarts and stops the two daemons; one thread, woken by their ends, their logs, signals and deadlines."""

    def __init__(self, zone: Zone, bus: Daemon, avahi: Daemon, log: Log, notify: Optional[socket.socket]):
        self.zone, self.bus, self.avahi, self.log, self.notify = zone, bus, avahi, log, notify
        self.daemons = [bus, avahi]
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.ready = self.was_ready = False
        self.ask_at, self.deaf = 0.0, 0
        self.wake_reader, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_writer)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))
        self.selector.register(self.wake_reader, selectors.EVENT_READ, lambda: os.read(self.wake_reader, 4096))
        for daemon in self.daemons:
            self.selector.register(daemon.pipe.reader, selectors.EVENT_READ, daemon.pipe.pump)

    def run(self) -> None:
        while not self.stopping:
            self.start_due()
            self.ask()
            for key, _ in self.selector.select(self.wait_time()):
                key.data()
        self.stop()

    def start_due(self) -> None:
        for daemon in self.daemons:
            if daemon.start_at is not None and daemon.start_at <= time.monotonic() and daemon.may_start():
                daemon.start()
                self.selector.register(daemon.pidfd, selectors.EVENT_READ, lambda daemon=daemon: self.on_end(daemon))
                self.ask_at = 0.0

    def wait_time(self) -> float:
        now = time.monotonic()
        # One that is due and may not start yet is looked at again soon.
        starts = [max(0.02, d.start_at - now) for d in self.daemons if d.start_at is not None]
        return max(0.0, min([self.ask_at - now, *starts]))

    def ask(self) -> None:
        if time.monotonic() < self.ask_at:
            return
        if not self.avahi.process:
            self.ask_at = time.monotonic() + ASK_STARTING
            return
        answered = avahi_runs(self.zone.socket_path)
        self.ask_at = time.monotonic() + (ASK_RUNNING if answered else ASK_STARTING if not self.ready else ASK_RUNNING)
        if answered:
            self.deaf = 0
            if not self.ready:
                self.set_ready()
        elif self.ready:
            self.deaf += 1
            if self.deaf >= DEAF_MAX:
                self.log.event("deaf", f"avahi-daemon has not answered for {self.deaf * ASK_RUNNING:.0f} s: killed")
                self.deaf = 0
                self.avahi.process.kill()

    def set_ready(self) -> None:
        self.log.event("ready", "ready again" if self.was_ready else "ready", bus=str(self.zone.socket_path))
        self.ready = self.was_ready = True
        restarts = self.bus.restarts + self.avahi.restarts
        self.tell_systemd(f"READY=1\nSTATUS=Avahi answers on {self.zone.socket_path}; {restarts} restarts")

    def on_end(self, daemon: Daemon) -> None:
        self.selector.unregister(daemon.pidfd)
        daemon.pipe.pump()
        cause = daemon.reap()
        self.ready, self.deaf = False, 0
        daemon.plan_restart()
        text = f"{daemon.name} ended with {cause}; restart in {daemon.backoff:.1f} s"
        self.log.event("ended", text, daemon=daemon.name, cause=cause, restarts=daemon.restarts)
        self.tell_systemd(f"STATUS={text}")

    def tell_systemd(self, text: str) -> None:
        if self.notify:
            try:
                self.notify.send(text.encode())
            except OSError:
                pass  # nobody listens any more, which changes nothing here

    def stop(self) -> None:
        """Avahi first, so that it says goodbye for what it has published."""
        self.tell_systemd("STOPPING=1")
        for daemon in (self.avahi, self.bus):
            if not daemon.process:
                continue
            daemon.process.terminate()
            try:
                daemon.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.log.event("killed", f"{daemon.name} did not end; killed", daemon=daemon.name)
                daemon.process.kill()
            daemon.pipe.pump()
            daemon.reap()
        self.zone.socket_path.unlink(missing_ok=True)
        self.log.event("stopped", "stopped")


def require(zone: Zone) -> dict[str, str]:
    """The programs' paths; a Refusal names what is not as it must be."""
    if os.geteuid() != 0:
        raise Refusal(NO_PERMISSION, "run as root: a zone has a mount namespace and users of its own")
    paths = {}
    for program, package in PACKAGES.items():
        found = shutil.which(program, path=SEARCH_PATH)
        if not found:
            raise Refusal(UNAVAILABLE, f"{program} is not installed: apt-get install {package}")
        paths[program] = found
    for user in (BUS_USER, AVAHI_USER, zone.allow_user):
        try:
            if user:
                pwd.getpwnam(user)
        except KeyError:
            raise Refusal(UNAVAILABLE, f"there is no user {user}") from None
    have = {name for _, name in socket.if_nameindex()}
    for interface in zone.interfaces:
        if interface not in have:
            there = ", ".join(sorted(have - {"lo"})) or "none but lo"
            raise Refusal(UNAVAILABLE, f"no interface {interface} in this network namespace (it has: {there})")
    if len(str(zone.socket_path)) > SUN_PATH_MAX:
        raise Refusal(USAGE, f"{zone.socket_path} is longer than a socket's path may be ({SUN_PATH_MAX})")
    # One that has just been killed may still be on its way out.
    deadline = time.monotonic() + 2
    while responder_here():
        if time.monotonic() > deadline:
            raise Refusal(
                UNAVAILABLE, f"somebody answers mDNS in this network namespace already (UDP port {MDNS_PORT} is taken): "
                "a zone needs a namespace of its own",
            )
        time.sleep(0.05)
    return paths


def responder_here() -> bool:
    """Whether a socket of this network namespace is bound to mDNS's port."""
    for table in ("udp", "udp6"):
        try:
            rows = Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue  # no IPv6
        if any(int(row.split()[1].rsplit(":", 1)[1], 16) == MDNS_PORT for row in rows):
            return True
    return False


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    if _libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None) != 0:
        error = ctypes.get_errno()
        raise Refusal(UNAVAILABLE, f"cannot mount {kind or source} on {target}: {os.strerror(error)}")


def isolate(zone: Zone) -> None:
    """A mount namespace with an empty /run, in which only the bus's folder is the machine's, and an empty /etc/avahi."""
    zone.bus_dir.mkdir(parents=True, exist_ok=True)
    bus_user = pwd.getpwnam(BUS_USER)
    # The daemon makes the socket there; who may not enter cannot even try to connect. Root has dropped its capabilities when it comes,
    # and enters by its group.
    os.chown(zone.bus_dir, bus_user.pw_uid, pwd.getpwnam(zone.allow_user).pw_gid if zone.allow_user else 0)
    os.chmod(zone.bus_dir, 0o750)
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise Refusal(NO_PERMISSION, f"cannot make a mount namespace: {os.strerror(ctypes.get_errno())}")
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    bus_dir = os.open(zone.bus_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    Path("/etc/avahi").mkdir(exist_ok=True)
    empty = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _mount("tmpfs", "/etc/avahi", "tmpfs", empty, "mode=0755,size=1m")
    _mount("tmpfs", "/run", "tmpfs", empty, "mode=0755,size=4m")
    if zone.bus_dir.resolve().is_relative_to("/run") or not zone.bus_dir.exists():
        zone.bus_dir.mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{bus_dir}", str(zone.bus_dir), "", _MS_BIND)
    os.close(bus_dir)
    for folder, owner in (("/run/avahi-daemon", pwd.getpwnam(AVAHI_USER)), ("/run/dbus", bus_user)):
        os.mkdir(folder, 0o755)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    os.mkdir("/etc/avahi/services")
    zone.config_dir.mkdir()


def drop_capabilities() -> None:
    """All but KEPT_CAPABILITIES, for good: nothing that a daemon makes this program read may mount or reconfigure anything."""
    kept = sum(1 << bit for bit in KEPT_CAPABILITIES.values())
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    data = struct.pack("=6I", kept, kept, 0, 0, 0, 0)
    if _libc.capset(header, data) != 0:
        raise Refusal(NO_PERMISSION, f"cannot drop capabilities: {os.strerror(ctypes.get_errno())}")


def systemd_socket() -> Optional[socket.socket]:
    """Connected while the machine's /run can still be seen."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address:
        return None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.connect("\0" + address[1:] if address.startswith("@") else address)
    return made


def serve(zone: Zone, log: Log) -> None:
    paths = require(zone)
    notify = systemd_socket()
    try:
        isolate(zone)
    except OSError as error:
        raise Refusal(UNAVAILABLE, str(error)) from error
    avahi_user = pwd.getpwnam(AVAHI_USER)
    bus_file, avahi_file = zone.config_dir / "bus.conf", zone.config_dir / "avahi-daemon.conf"
    bus_file.write_text(bus_config(zone, avahi_user.pw_uid, zone.allow_uid))
    avahi_file.write_text(avahi_config(zone))
    bus_argv = [paths["dbus-daemon"], f"--config-file={bus_file}", "--nofork", "--nopidfile", "--nosyslog"]
    # It has no privileges to drop, and its limits are ours.
    avahi_argv = [paths["avahi-daemon"], "-f", str(avahi_file), "--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title"]
    bus = Daemon(bus_argv, BUS_USER, lambda: True, log)
    avahi = Daemon(avahi_argv, AVAHI_USER, lambda: bus_listens(zone.socket_path), log)
    drop_capabilities()
    # Avahi says goodbye and ends by itself when its bus is gone.
    Supervisor(zone, bus, avahi, log, notify).run()


def bus_listens(socket_path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as bus:
            bus.settimeout(ASK_PATIENCE)
            bus.connect(str(socket_path))
            return True
    except OSError:
        return False


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="zone.py",
        description="Makes an mDNS zone of the network namespace it is started in: an Avahi and a D-Bus of its own, in a mount "
        "namespace of their own, restarted when they die. Prints `ready` when Avahi answers; SIGTERM ends all of it.",
        epilog="Example: ip netns exec iot zone.py --name iot --interface vlan20 --bus-dir /run/headwater/zones/iot "
        "--allow-user headwater. Status 64: usage, 69: something is missing (it is named), 77: not root.",
    )
    parser.add_argument("--name", required=True, help="the zone's name: a-z, 0-9 and -, at most 32")
    parser.add_argument("--interface", required=True, nargs="+", action="extend", help="where Avahi speaks (may be repeated)")
    parser.add_argument("--bus-dir", type=Path, help="where the bus's socket is made (default: /run/headwater/zones/NAME)")
    parser.add_argument("--allow-user", default="", help="who may use the zone beside root")
    parser.add_argument("--host-name", default="", help="Avahi's own host name (default: headwater-NAME)")
    parser.add_argument("--publish-addresses", action="store_true", help="publish this host's name and addresses, as a device does")
    parser.add_argument("--json", action="store_true", help="log one JSON object a line")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    log = Log(clean(arguments.name), arguments.json)
    try:
        if not re.fullmatch(r"[a-z0-9-]{1,32}", arguments.name):
            raise Refusal(USAGE, "a zone's name is 1 to 32 of a-z, 0-9 and -")
        for word in [*arguments.interface, arguments.host_name]:
            if not re.fullmatch(r"[A-Za-z0-9._@-]{0,63}", word):
                raise Refusal(USAGE, f"not a name that Avahi's configuration can hold: {clean(word)}")
        if not re.fullmatch(r"[A-Za-z0-9._/@-]*", str(arguments.bus_dir or "")):
            raise Refusal(USAGE, "--bus-dir has characters that mean something in a bus's address")
        bus_dir = (arguments.bus_dir or Path("/run/headwater/zones") / arguments.name).absolute()
        zone = Zone(
            arguments.name, arguments.interface, bus_dir, arguments.allow_user, arguments.host_name, arguments.publish_addresses
        )
        serve(zone, log)
    except Refusal as refusal:
        log.event("refused", str(refusal), status=refusal.status)
        return refusal.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
