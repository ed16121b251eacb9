#!/usr/bin/python3
"""rfc4605_proxy.py UPSTREAM DOWNSTREAM SMCROUTE_SOCKET: an MLD proxy (RFC 4605) of one downstream link, for the lab.

Downstream it is the querier and keeps what each host wants. Upstream it is one host that wants the sum of it: its kernel says so. What
comes from there smcrouted forwards, told by smcroutectl.
"""

import select
import socket
import struct
import subprocess
import sys
import time

QUERY_INTERVAL, RESPONSE, ROBUSTNESS = 2.0, 1.0, 2
# RFC 9777 section 9.4; and how long a last leave is asked about.
LISTENING, LAST_LISTENER = ROBUSTNESS * QUERY_INTERVAL + 2 * RESPONSE, 0.4
IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK = range(1, 7)
ROUTER_ALERT = bytes([0, 0, 5, 2, 0, 0, 1, 0])
PACKET_MR_ALLMULTI, SOL_PACKET, PACKET_ADD_MEMBERSHIP, MCAST_JOIN_SOURCE_GROUP, IPV6_HOPOPTS = 2, 263, 1, 46, 54


class Upstream:
    """The sum of what is wanted, as memberships of this host, and the routes for it."""

    def __init__(self, interface: str, downstream: str, smcroute: str):
        self.index = socket.if_nametoindex(interface)
        self.route = ["smcroutectl", "-u", smcroute]
        self.interface, self.downstream = interface, downstream
        self.joined: dict[bytes, tuple] = {}

    def want(self, group: bytes, everything: bool, sources: set[bytes]) -> None:
        now = (everything, frozenset() if everything else frozenset(sources))
        before = self.joined.get(group)
        if before is not None and before[0] == now or before is None and not everything and not sources:
            return
        name = socket.inet_ntop(socket.AF_INET6, group)
        kept = before[1] if before else None
        self.joined.pop(group, None)
        if everything or sources:
            self.joined[group] = (now, self.join(group, everything, sources))
            if not before:
                subprocess.run([*self.route, "add", self.interface, name, self.downstream], check=True)
        else:
            subprocess.run([*self.route, "remove", self.interface, name], check=True)
        # After the new one: a listener that changes its mind does not leave in between.
        if kept:
            kept.close()
        print("upstream", name, "all" if everything else len(sources), flush=True)

    def join(self, group: bytes, everything: bool, sources: set[bytes]) -> socket.socket:
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        if everything:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("=I", self.index))
        for source in () if everything else sources:
            named = [(struct.pack("=HHI", socket.AF_INET6, 0, 0) + a + bytes(4)).ljust(128, b"\0") for a in (group, source)]
            made.setsockopt(socket.IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, struct.pack("=I4x", self.index) + b"".join(named))
        return made


class Downstream:
    """Querier and router side; every host speaks for itself (MLDv2), so each is kept."""

    def __init__(self, interface: str, upstream: Upstream):
        self.upstream = upstream
        self.index = socket.if_nametoindex(interface)
        self.hears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86DD))
        self.hears.bind((interface, 0x86DD))
        self.hears.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("=IHH8s", self.index, PACKET_MR_ALLMULTI, 0, b""))
        self.says = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self.says.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.index)
        self.says.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
        self.says.setsockopt(socket.IPPROTO_IPV6, IPV6_HOPOPTS, ROUTER_ALERT)
        # {group: {host: [excludes, sources, until]}}
        self.hosts: dict[bytes, dict[bytes, list]] = {}

    def ask(self, group: bytes = bytes(16), response: float = RESPONSE) -> None:
        to = socket.inet_ntop(socket.AF_INET6, group if any(group) else socket.inet_pton(socket.AF_INET6, "ff02::1"))
        body = struct.pack("!BBHHH16sBBH", 130, 0, 0, int(1000 * response), 0, group, ROBUSTNESS, int(QUERY_INTERVAL), 0)
        self.says.sendto(body, (to, 0, 0, self.index))

    def hear(self) -> None:
        packet = self.hears.recv(65535)
        if len(packet) < 56 or packet[6] != 0 or packet[7] != 1 or packet[40] != 58 or packet[48] != 143:
            return
        count, at = struct.unpack_from("!H", packet, 54)[0], 56
        for _ in range(count):
            kind, aux, sources = struct.unpack_from("!BBH", packet, at)
            group = packet[at + 4 : at + 20]
            listed = {packet[at + 20 + 16 * i : at + 36 + 16 * i] for i in range(sources)}
            at += 20 + 16 * sources + 4 * aux
            # Link-local groups are nobody's to forward.
            if group[1] & 15 > 2:
                self.told(packet[8:24], kind, group, listed)

    def told(self, host: bytes, kind: int, group: bytes, sources: set[bytes]) -> None:
        hosts = self.hosts.setdefault(group, {})
        excludes, wanted, _ = hosts.get(host, [False, set(), 0])
        if kind in (IS_EX, TO_EX):
            excludes, wanted = True, set()
        elif kind in (IS_IN, TO_IN):
            excludes, wanted = False, sources
        elif not excludes:
            wanted = wanted | sources if kind == ALLOW else wanted - sources
        if excludes or wanted:
            hosts[host] = [excludes, wanted, time.monotonic() + LISTENING]
        elif host in hosts:
            hosts[host][2] = time.monotonic() + LAST_LISTENER
            self.ask(group, LAST_LISTENER / 2)
        self.settle(group)

    def settle(self, group: bytes) -> None:
        hosts = self.hosts[group] = {h: state for h, state in self.hosts[group].items() if state[2] > time.monotonic()}
        self.upstream.want(group, any(s[0] for s in hosts.values()), set().union(*(s[1] for s in hosts.values())))

    def run(self) -> None:
        ask_at = 0.0
        while True:
            if time.monotonic() >= ask_at:
                self.ask()
                ask_at = time.monotonic() + QUERY_INTERVAL
            if select.select([self.hears], [], [], 0.1)[0]:
                self.hear()
            for group in list(self.hosts):
                self.settle(group)


if __name__ == "__main__":
    Downstream(sys.argv[2], Upstream(*sys.argv[1:4])).run()
