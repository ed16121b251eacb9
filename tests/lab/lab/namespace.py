"""A network namespace that exists as long as this process holds it: it has no name and nothing has to clean it up."""

import contextlib
import ctypes
import ipaddress
import os
import socket
import struct
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Iterator, Optional, Sequence

from .process import Process

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_MCAST_JOIN_SOURCE_GROUP = 46


def _setns(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """Commands, sockets and joins inside one network namespace. For the main thread only."""

    def __init__(self, name: str, directory: Path):
        self.name = name
        self.directory = directory
        self._processes: list[Process] = []
        self._sockets: list[socket.socket] = []
        self._count = 0
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            if _libc.unshare(_CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare: the lab needs root")
            self._fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            _setns(home)
            os.close(home)
        # No duplicate address detection: addresses are usable at once, and joins are reported from them.
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.dad_transmits", 0)
        self.sysctl("net.ipv6.conf.default.accept_ra", 0)
        self.ip("link set lo up")

    @property
    def path(self) -> str:
        """What `ip link ... netns` and `nsenter --net=` take."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    @property
    def inode(self) -> int:
        return os.fstat(self._fd).st_ino

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is inside: sockets made here stay here."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _setns(self._fd)
        try:
            yield
        finally:
            _setns(home)
            os.close(home)

    def run(self, *argv: object, check: bool = True, timeout: float = 60) -> str:
        """Runs a short command to its end; its standard output."""
        with self.entered():
            done = subprocess.run(
                [str(a) for a in argv], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
            )
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, argv))}: {done.stderr or done.stdout}")
        return done.stdout

    def ip(self, *commands: str) -> None:
        """One or more `ip` commands, as one batch."""
        with self.entered():
            done = subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: ip {commands}: {done.stderr}")

    def sysctl(self, key: str, value: object) -> None:
        with self.entered():
            Path("/proc/sys/" + key.replace(".", "/")).write_text(str(value))

    def read(self, path: str) -> str:
        """A file of /proc/net, as seen inside."""
        with self.entered():
            return Path(path.replace("/proc/net/", "/proc/thread-self/net/")).read_text()

    def start(self, argv: Sequence[object], name: str = "", **options) -> Process:
        """Starts a command that lasts; the lab ends it. Options as for Process."""
        self._count += 1
        log = self.directory / f"{self.name}-{self._count:02d}-{name or Path(str(argv[0])).name}.log"
        with self.entered():
            process = Process([str(a) for a in argv], log, **options)
        self._processes.append(process)
        return process

    def socket(self, family: int, kind: int = socket.SOCK_DGRAM, protocol: int = 0) -> socket.socket:
        with self.entered():
            made = socket.socket(family, kind, protocol)
        self._sockets.append(made)
        return made

    def interface_index(self, interface: str) -> int:
        with self.entered():
            return socket.if_nametoindex(interface)

    def join(self, group: str, interface: str, source: str = "") -> "Membership":
        """Joins as a player does: the kernel sends the report."""
        return Membership(self, group, interface, source)

    def send(self, payload: bytes, group: str, port: int, interface: str, *, source_port: int = 0, hops: int = 16) -> None:
        """One datagram to a group by a named interface (a receiver report, a forged BYE)."""
        index = self.interface_index(interface)
        if ":" in group:
            with self.socket(socket.AF_INET6) as sock:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
                sock.bind(("::", source_port))
                sock.sendto(payload, (group, port))
            return
        with self.socket(socket.AF_INET) as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
            sock.bind(("0.0.0.0", source_port))
            sock.sendto(payload, (group, port))

    def http(self, url: str, timeout: float = 5) -> str:
        """GET from inside; raises on any status but 2xx. Addresses in the URL must be numeric."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with self.entered():
            with opener.open(url, timeout=timeout) as answer:
                return answer.read().decode("utf-8", "replace")

    def memberships(self) -> set[str]:
        """Groups that this kernel is a member of on any interface (what a headend must not have)."""
        groups = set()
        for line in self.read("/proc/net/igmp6").splitlines():
            groups.add(str(ipaddress.ip_address(bytes.fromhex(line.split()[2]))))
        for line in self.read("/proc/net/igmp").splitlines()[1:]:
            if line.startswith("\t"):
                groups.add(str(ipaddress.ip_address(int(line.split()[0], 16).to_bytes(4, "little"))))
        return groups

    def close(self) -> None:
        for process in reversed(self._processes):
            process.signal(process.stop_signal)
        deadline = time.monotonic() + 10
        for process in reversed(self._processes):
            try:
                process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        for sock in self._sockets:
            sock.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def processes(self) -> list[Process]:
        return self._processes


class Membership:
    """A joined socket; also receives what comes to the group's port that it is bound to."""

    def __init__(self, namespace: Namespace, group: str, interface: str, source: str):
        self.group = group
        index = namespace.interface_index(interface)
        family = socket.AF_INET6 if ":" in group else socket.AF_INET
        self.socket = namespace.socket(family)
        self.asked = time.time()
        level = socket.IPPROTO_IPV6 if family == socket.AF_INET6 else socket.IPPROTO_IP
        if source:
            request = struct.pack("=I4x", index) + _sockaddr(group) + _sockaddr(source)
            self.socket.setsockopt(level, _MCAST_JOIN_SOURCE_GROUP, request)
        elif family == socket.AF_INET6:
            request = socket.inet_pton(family, group) + struct.pack("=I", index)
            self.socket.setsockopt(level, socket.IPV6_JOIN_GROUP, request)
        else:
            request = socket.inet_pton(family, group) + bytes(4) + struct.pack("=i", index)
            self.socket.setsockopt(level, socket.IP_ADD_MEMBERSHIP, request)

    def leave(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Membership":
        return self

    def __exit__(self, *_: object) -> Optional[bool]:
        self.leave()
        return None


def _sockaddr(address: str) -> bytes:
    """A struct sockaddr_storage."""
    if ":" in address:
        body = struct.pack("=HHI", socket.AF_INET6, 0, 0) + socket.inet_pton(socket.AF_INET6, address) + bytes(4)
    else:
        body = struct.pack("=HH", socket.AF_INET, 0) + socket.inet_pton(socket.AF_INET, address)
    return body.ljust(128, b"\0")
