#!/usr/bin/python3
"""Runs the whole headend in the current network namespace: one process a service, each restarted when it dies."""

import argparse
import ctypes
import ipaddress
import os
import selectors
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parent.parent
# In the order of their start, with their HTTP ports. All are told to end at once, the manager, who would act on the others' end,
# first.
SERVICES = {
    "directory-resolver": 9462,
    "membership-watcher": 9461,
    "sap-announcer": 9465,
    "rtp-packager": 9464,
    "dvb-tuner": 9466,
    "mdns-zone-proxy": 9467,
    "mcast-monitor": 9469,
    "mcast-bridge": 9468,
    "session-manager": 9463,
}
# Run only where the configuration has their table.
OPTIONAL = {"dvb-tuner", "mdns-zone-proxy", "mcast-monitor", "mcast-bridge"}
BACKOFF_FIRST, BACKOFF_MAX, STABLE_AFTER = 0.1, 10.0, 30.0
STOP_LIMIT = 10.0
READY_LIMIT = 60.0
# sysexits.h: usage, permission and configuration do not mend themselves by another start.
HOPELESS = {64: "usage", 77: "no permission", 78: "configuration"}

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def say(text: str) -> None:
    print(f"up: {text}", file=sys.stderr, flush=True)


class Service:
    """One supervised process."""

    def __init__(self, name: str, arguments: argparse.Namespace, http_address: str):
        self.name = name
        self.argv = [str(arguments.bin_dir / name), "--config", str(arguments.config), "--instance", str(arguments.instance)]
        self.log_path = arguments.log_dir / f"{name}.log" if arguments.log_dir else None
        self.url = f"http://{http_address}:{SERVICES[name] + 10 * arguments.instance}/readyz"
        self.process: Optional[subprocess.Popen] = None
        self.pidfd = -1
        self.started = 0.0
        self.start_at: Optional[float] = 0.0
        self.backoff = BACKOFF_FIRST
        self.ready = False

    def start(self) -> None:
        parent = os.getpid()

        def die_with_parent() -> None:
            # A service without its supervisor would hold its ports and sockets against the next one.
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
            # Ctrl-C reaches the whole terminal group; the services wait for their supervisor's word.
            os.setpgid(0, 0)
            if os.getppid() != parent:
                os._exit(127)

        log = open(self.log_path, "ab") if self.log_path else None
        try:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stderr=log, preexec_fn=die_with_parent)
        finally:
            if log:
                log.close()
        self.pidfd = os.pidfd_open(self.process.pid)
        self.started, self.start_at, self.ready = time.monotonic(), None, False
        say(f"{self.name} started, pid {self.process.pid}")

    def reap(self) -> int:
        assert self.process
        status = self.process.wait()
        os.close(self.pidfd)
        self.process, self.pidfd = None, -1
        return status

    def plan_restart(self) -> None:
        lived = time.monotonic() - self.started
        self.backoff = BACKOFF_FIRST if lived >= STABLE_AFTER else min(2 * self.backoff, BACKOFF_MAX)
        self.start_at = time.monotonic() + self.backoff

    def ask_ready(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            # Short: meanwhile nobody else's end is noticed.
            with opener.open(self.url, timeout=0.2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


class Supervisor:
    """Starts, restarts and stops the services; one thread, woken by process ends, signals and deadlines."""

    def __init__(self, services: list[Service]):
        self.services = services
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.status = 0
        self.said_ready = False
        self.began = time.monotonic()
        self.signals: list[int] = []
        self.wake_reader, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_writer)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, _: self.signals.append(received))
        self.selector.register(self.wake_reader, selectors.EVENT_READ)

    def run(self) -> int:
        while not self.stopping:
            self.start_due()
            self.check_ready()
            for key, _ in self.selector.select(self.wait_time()):
                if key.fd == self.wake_reader:
                    os.read(self.wake_reader, 4096)
                else:
                    self.on_end(key.data)
            self.on_signals()
        return self.stop()

    def start_due(self) -> None:
        now = time.monotonic()
        for service in self.services:
            if service.start_at is not None and service.start_at <= now:
                service.start()
                self.selector.register(service.pidfd, selectors.EVENT_READ, service)

    def wait_time(self) -> Optional[float]:
        starts = [s.start_at - time.monotonic() for s in self.services if s.start_at is not None]
        if any(not s.ready for s in self.services):
            starts.append(0.05)
        return max(0.0, min(starts)) if starts else None

    def check_ready(self) -> None:
        for service in self.services:
            if not service.ready and service.process and service.ask_ready():
                service.ready = True
                if self.said_ready:
                    say(f"{service.name} is ready again")
        if self.said_ready:
            return
        if all(s.ready for s in self.services):
            self.said_ready = True
            print("ready", flush=True)
        elif time.monotonic() - self.began > READY_LIMIT:
            say("not ready: " + ", ".join(s.name for s in self.services if not s.ready))
            self.stopping, self.status = True, 69

    def on_end(self, service: Service) -> None:
        self.selector.unregister(service.pidfd)
        status = service.reap()
        if status in HOPELESS and not self.said_ready:
            say(f"{service.name} ended with {status} ({HOPELESS[status]}): stopping")
            self.stopping, self.status = True, status
            return
        service.plan_restart()
        cause = signal.Signals(-status).name if status < 0 else f"status {status}"
        say(f"{service.name} ended with {cause}; restart in {service.backoff:.1f} s")

    def on_signals(self) -> None:
        for number in self.signals:
            if number == signal.SIGHUP:
                for service in self.services:
                    if service.process:
                        service.process.send_signal(signal.SIGHUP)
            else:
                self.stopping = True
        self.signals.clear()

    def stop(self) -> int:
        """Asks all, waits for each; a second signal kills at once."""
        running = [s for s in reversed(self.services) if s.process]
        for service in running:
            assert service.process
            service.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT
        for service in running:
            while not self.signals and time.monotonic() < deadline:
                self.selector.select(0.05)
                if service.process and service.process.poll() is not None:
                    break
            if service.process and service.process.poll() is None:
                say(f"{service.name} did not end; killed")
                service.process.kill()
                self.status = self.status or 1
            status = service.reap()
            if status not in (0, -signal.SIGKILL):
                say(f"{service.name} ended with {status}")
                self.status = self.status or 1
        say("stopped")
        return self.status


def reachable(http_address: str) -> str:
    """The address at which to ask a service that listens at `http_address`, as it stands in a URL."""
    address = ipaddress.ip_address(http_address)
    if address.is_unspecified:
        return "127.0.0.1"
    return f"[{address}]" if address.version == 6 else str(address)


def newest_bin_dir() -> Path:
    for preset in ("release", "dev", "asan"):
        if (ROOT / "build" / preset / "bin" / "session-manager").exists():
            return ROOT / "build" / preset / "bin"
    return ROOT / "build" / "release" / "bin"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="headwater up",
        description="Runs every service of the headend as its own process in this network namespace, restarts one that dies, "
        "prints `ready` when all are, and stops clean on Ctrl-C or SIGTERM. SIGHUP has them re-read the configuration.",
        epilog="Example: ./headwater up --config deploy/example/headwater.toml",
    )
    parser.add_argument("--config", required=True, type=Path, help="the one configuration file, read by every service")
    parser.add_argument("--bin-dir", type=Path, default=newest_bin_dir(), help="the services' binaries (default: %(default)s)")
    parser.add_argument("--log-dir", type=Path, help="a log file a service there, instead of all on standard error")
    parser.add_argument("--service", action="append", choices=list(SERVICES), help="run this one only (may be repeated)")
    parser.add_argument("--instance", type=int, default=0, help="the services' number, where there are several of one (default: 0)")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        config = tomllib.loads(arguments.config.read_text())
    except (OSError, ValueError):
        config = {}  # the first service's --check-config says what is wrong with it, and where
    names = [name for name in SERVICES if not arguments.service or name in arguments.service]
    names = [name for name in names if name not in OPTIONAL or name in config or arguments.service]
    missing = [name for name in names if not (arguments.bin_dir / name).exists()]
    if missing:
        say(f"not built: {', '.join(missing)} in {arguments.bin_dir}: run ./headwater build")
        return 69
    for name in names:
        argv = [arguments.bin_dir / name, "--config", arguments.config, "--check-config"]
        checked = subprocess.run(argv, capture_output=True, text=True)
        if checked.returncode != 0:
            print(checked.stderr or checked.stdout, end="", file=sys.stderr)
            say(f"{name} refuses the configuration")
            return checked.returncode
    Path(config.get("run_dir", "/run/headwater")).mkdir(parents=True, exist_ok=True)
    Path(config.get("state_dir", "/var/lib/headwater")).mkdir(parents=True, exist_ok=True)
    if arguments.log_dir:
        arguments.log_dir.mkdir(parents=True, exist_ok=True)
    address = reachable(config.get("http_address", "::"))
    return Supervisor([Service(name, arguments, address) for name in names]).run()


if __name__ == "__main__":
    sys.exit(main())
