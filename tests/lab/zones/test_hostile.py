"""Hostile mDNS on one zone's link: only that zone suffers. Shown by what the others' Avahis see, by captures, and by metrics."""

import itertools
import random
import re
import statistics
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from hostile import A, CNAME, PTR, SRV, TXT, dotted, name, record, response, service, txt_of

from lab import Capture, Device, Lab, Service, Zone, ZoneProxy, wait_until

HERE = Path(__file__).resolve().parent
TYPE = "_ipp._tcp"
RULES = [
    {"name": "office", "from": "iot", "to": "trusted", "types": [TYPE], "names": ["Office*"], "action": "allow"},
    {"name": "lobby", "from": "guest", "to": "trusted", "types": [TYPE], "names": ["Lobby*"], "action": "allow"},
]
# In every name that the attacker makes up.
MARK = b"evil"
# Short, so that what he announced is forgotten within the test.
TTL = 12
PACKETS_PER_SECOND = 400

Packets = Iterator[bytes]


class Scene:
    """Three links with a zone each; a printer in iot and one in guest that trusted may see; an attacker on iot's link."""

    def __init__(self, lab: Lab, bin_dir: Path):
        self.lab = lab
        links = [lab.link(link) for link in ("trusted", "iot", "guest")]
        self.trusted, self.iot, self.guest = self.zones = [Zone(lab, link.name, link, allow_user="nobody") for link in links]
        self.office, self.lobby = Device(lab, "office", links[1]), Device(lab, "lobby", links[2])
        for host in (*self.zones, self.office, self.lobby):
            host.launch()
        for host in (*self.zones, self.office, self.lobby):
            host.wait_ready()
        self.attacker = lab.host("attacker", links[1])
        self.captures = {
            link.name: Capture(lab.host(f"observer-{link.name}", link).ns, link.name, "udp port 5353 or ip[6:2] & 0x1fff != 0", bytes_max=2048)
            for link in links
        }
        self.proxy = ZoneProxy(lab, bin_dir, self.zones, RULES).start()
        self.proxy.wait_running()
        self.office.publish(Service("Office", txt=["note=good"]))
        self.lobby.publish(Service("Lobby", txt=["note=good"]))
        self.trusted.wait_seen("Office")
        self.trusted.wait_seen("Lobby")
        self.watch = self.trusted.watch(TYPE)

    def attack(self, packets: Packets, seconds: float = 4) -> int:
        """Bounded in rate and in time; how many were sent."""
        begin, sent = time.monotonic(), 0
        for packet in packets:
            late = begin + sent / PACKETS_PER_SECOND - time.monotonic()
            if late > 0:
                time.sleep(late)
            if time.monotonic() - begin > seconds:
                break
            group = "224.0.0.251" if sent % 2 else "ff02::fb"
            self.attacker.ns.send(packet, group, 5353, "iot", source_port=5353, hops=255)
            sent += 1
        return sent

    def restarts(self, zone: Zone) -> float:
        return self.proxy.metric("headwater_mdns_zone_proxy_zone_restarts_total", f'zone="{zone.name}"')

    def dropped(self, zone: Zone) -> float:
        return self.proxy.metric("headwater_mdns_zone_proxy_dropped_total", f'zone="{zone.name}"')

    def first(self, link: str, words: str) -> float:
        """When these bytes were first announced on a link; a probe before that is none."""
        return min(p.time for p in self.captures[link].packets() if p.payload[2] & 0x80 and words.encode() in p.payload)

    def waiting(self) -> dict[str, float]:
        name = "headwater_mdns_zone_proxy_waiting"
        return {reason: self.proxy.metric(name, f'reason="{reason}"') for reason in ("resolving", "turn", "full")}

    def leaked(self, link: str, mark: bytes = MARK) -> list:
        return [p for p in self.captures[link].packets() if mark in p.payload.lower()]

    def assert_others_unaffected(self, within: float = 5) -> None:
        """What trusted saw of guest it has seen all the time, and what is new there still comes through."""
        self.lobby.publish(Service("Lobby 2"))
        self.trusted.wait_seen_name("Lobby 2", timeout=within)
        gone = [line for line in self.watch.log().splitlines() if line.startswith("-") and line.split(";")[3] == "Lobby"]
        assert gone == []
        assert "Lobby" in self.guest.names(TYPE) and self.guest.starts() == 1 and self.trusted.starts() == 1
        assert self.restarts(self.guest) == 0 and self.restarts(self.trusted) == 0
        assert self.leaked("guest") == []
        for link in ("guest", "trusted"):
            self.captures[link].stop()
            assert "\n0 packets dropped by kernel" in self.captures[link].process.log(), "the capture is whole"
        assert self.proxy.process.alive()


@pytest.fixture
def hostile(lab, bin_dir) -> Scene:
    return Scene(lab, bin_dir)


def own_cname() -> Packets:
    """CVE-2026-24401: a name that is an alias of itself."""
    for host in ("evil-1.local", "evil-2.local"):
        yield response(record(dotted(host), CNAME, dotted(host), TTL))


def crossed_cnames() -> Packets:
    """CVE-2025-68471: two names that are aliases of each other, announced twice."""
    for _ in range(2):
        for host in ("evil-1.local", "evil-2.local"):
            yield response(record(dotted(host), CNAME, dotted("evil-x.local"), TTL))
            yield response(record(dotted("evil-x.local"), CNAME, dotted(host), TTL))


@pytest.mark.parametrize("packets", [own_cname, crossed_cnames])
def test_a_published_crash_ends_one_zones_avahi_only(hostile, packets):
    client = hostile.iot.ns.start(
        ["/usr/bin/python3", HERE / "nss_client.py", "evil-1.local", "evil-2.local"], "nss", env=hostile.iot.env
    )
    client.wait_log("asking")
    readies = hostile.iot.readies()
    hostile.attack(packets(), seconds=2)
    hostile.iot.wait_ready_again(readies)
    assert "avahi-daemon ended with SIG" in hostile.iot.process.log(), "the crash is as published"
    hostile.assert_others_unaffected()
    wait_until(lambda: hostile.restarts(hostile.iot) >= 1, 5, "the restart is counted")
    assert hostile.leaked("trusted") == []
    # The zone is back: what its device offers next is seen where it may be.
    hostile.office.publish(Service("Office 2"))
    hostile.trusted.wait_seen("Office 2", timeout=20)
    hostile.trusted.wait_seen("Office", timeout=20)


def same_packets_without_such_a_client() -> Packets:
    """The proxy's own lookups, and Avahi's of a service whose SRV, PTR and type are aliases of themselves."""
    owner = name("Office evil", "_ipp", "_tcp", "local")
    yield response(record(dotted(f"{TYPE}.local"), PTR, owner, TTL, unique=False), record(owner, CNAME, owner, TTL))
    yield service("Office evil", TYPE, "evil-1.local", "192.168.11.66", ttl=TTL)
    for _ in range(3):
        yield from own_cname()
        yield from crossed_cnames()
        yield response(record(owner, CNAME, owner, TTL))
        yield response(record(dotted(f"{TYPE}.local"), CNAME, dotted(f"{TYPE}.local"), TTL))
        yield response(record(dotted("_services._dns-sd._udp.local"), CNAME, dotted("_services._dns-sd._udp.local"), TTL))


def denied_names() -> Packets:
    """More instances of an allowed type, under names that no rule lets through, than the proxy keeps."""
    for number in range(1500):
        owners = [name(f"evil {number} {n}", "_ipp", "_tcp", "local") for n in range(12)]
        yield response(*[record(dotted(f"{TYPE}.local"), PTR, owner, TTL, unique=False) for owner in owners])


def types() -> Packets:
    """Each type is one more question that somebody could keep open."""
    for number in range(1500):
        kind = f"_evil{number}._tcp"
        yield response(record(dotted("_services._dns-sd._udp.local"), PTR, dotted(f"{kind}.local"), TTL, unique=False))


def text_changes() -> Packets:
    """One service whose TXT is never the same."""
    for number in range(2000):
        text = txt_of(b"evil=%d" % number, b"x" * 200, b"y" * 200)
        yield service("evil printer", TYPE, "evil-d.local", "192.168.11.66", txt=text, ttl=TTL)


def huge_text() -> Packets:
    """A TXT record as large as a datagram holds, and the largest that Avahi takes from one packet."""
    for size in (65_000, 60_000, 8_800, 8_000):
        strings = txt_of(*[b"evil" * 60] * (size // 241))
        yield service("evil big", TYPE, "evil-d.local", "192.168.11.66", txt=strings, ttl=TTL)
        yield service("Office evil big", TYPE, "evil-1.local", "192.168.11.66", txt=strings, ttl=TTL)


def bad_names() -> Packets:
    """Names with control characters, line ends, escapes, invalid UTF-8, dots and separators, of 63 bytes, in allowed types."""
    for text in (
        b"Office\x1b[31mevil", b"Office\nevil", b"Office\x00evil", b"Office\xff\xfeevil", b"Office\xc0\x80evil", b"Office\x7fevil\r\n",
        b"Office\xed\xa0\x80evil", b"Office evil" + b"\xf0\x9f\x96\xa8" * 13, b"evil" * 15, b"evil\\032;,\"'$(reboot)`",
    ):
        yield service(text, TYPE, "evil-1.local", "192.168.11.66", txt=txt_of(b"evil\n=\x1b[2J", b"\xff=\x00"), ttl=TTL)
        host = name(b"evil\n" + text[6:20], "local")
        owner = name(text, "_ipp", "_tcp", "local")
        yield response(record(owner, SRV, bytes(4) + b"\x02\x77" + host, TTL), record(owner, TXT, b"\xff" + b"a" * 10, TTL))


def broken_packets() -> Packets:
    """Compression loops, lengths that lie, and noise."""
    noise = random.Random(5353)
    good = service("evil", TYPE, "evil-d.local", "192.168.11.66", ttl=TTL)
    yield good[:12] + b"\xc0\x0c" + good[12:]
    for number in itertools.count():
        raw = bytearray(good)
        for _ in range(1 + number % 6):
            raw[noise.randrange(2, len(raw))] = noise.randrange(256)
        yield bytes(raw[: noise.randrange(12, len(raw) + 1)])
        if number == 1200:
            return


def goodbyes() -> Packets:
    """A service that comes and goes without end."""
    for number in range(1000):
        yield service("evil blink", TYPE, "evil-d.local", "192.168.11.66", ttl=0 if number % 2 else TTL)


FLOODS: list[Callable[[], Packets]] = [
    same_packets_without_such_a_client, denied_names, types, text_changes, huge_text, bad_names, broken_packets, goodbyes,
]  # fmt: skip


@pytest.mark.parametrize("packets", FLOODS)
def test_a_flood_stays_in_its_zone(hostile, packets):
    hostile.attack(packets())
    hostile.assert_others_unaffected()
    assert hostile.leaked("iot"), "the attack itself is seen where it was"
    # What crosses is what a rule lets through; no rule lets through a name that is not one.
    allowed = {service.name for service in hostile.trusted.browse(TYPE) if "evil" in service.name}
    assert all(found.startswith("Office evil") for found in allowed), allowed
    # With the host of such a service; hosts of what is denied have other names.
    assert all(b"Office evil" in p.payload or b"evil-1" in p.payload for p in hostile.leaked("trusted"))
    if packets in (denied_names, types, bad_names):
        assert hostile.dropped(hostile.iot) > 0
    assert hostile.dropped(hostile.guest) == 0
    # What is shown to people and kept in the log cannot speak to a terminal.
    shown = hostile.proxy.ns.run(hostile.proxy.bin_dir / "headwaterctl", "--run-dir", hostile.proxy.run_dir, "zone", "services")
    assert "Lobby" in shown and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", hostile.proxy.process.log_path.read_bytes())
    # Once it is over, the zone serves as before.
    hostile.office.publish(Service("Office 2"))
    hostile.trusted.wait_seen("Office 2", timeout=TTL + 15)


def allowed_names() -> Packets:
    """Five thousand, several to a packet as devices with many services send them."""
    host = record(dotted("evil-1.local"), A, bytes([192, 168, 11, 66]), TTL)
    for number in range(1000):
        owners = [name(f"Office evil {number} {n}", "_ipp", "_tcp", "local") for n in range(5)]
        pointers = [record(dotted(f"{TYPE}.local"), PTR, owner, TTL, unique=False) for owner in owners]
        ends = [record(owner, SRV, bytes(4) + b"\x02\x77" + dotted("evil-1.local"), TTL) for owner in owners]
        yield response(*pointers, *ends, *[record(owner, TXT, b"\0", TTL) for owner in owners], host)


def a_strangers_flood(hostile: Scene) -> None:
    hostile.attack(allowed_names(), seconds=4)


def a_devices_flood(hostile: Scene) -> None:
    """As many as an Avahi announces; it answers for all of them, so that trusted has to publish them."""
    hostile.office.publish_many([Service(f"Office evil {number}", port=1 + number) for number in range(1000)], wait=False)
    wait_until(lambda: hostile.waiting()["turn"] > 0, 20, "more than trusted's Avahi is given at a time", every=0.1)


@pytest.mark.parametrize("flood", [a_strangers_flood, a_devices_flood])
def test_a_flood_of_allowed_names_delays_nobody_else(hostile, ten_times, flood):
    """The policy lets them through; trusted's Avahi is given them at its pace, and nobody else waits for that."""
    flood(hostile)
    within, delays = 5 if ten_times else 2, []
    # A goodbye is passed on at once; trusted's Avahi, with a thousand names to announce, takes its time to say it.
    patience = 20 if ten_times else 4
    for number in range(3):
        name = f"Lobby {number + 3}"
        publication = hostile.lobby.publish(Service(name))
        hostile.trusted.wait_seen_name(name, timeout=30)
        delays.append(hostile.first("trusted", name) - hostile.first("guest", name))
        print(f"{name} crossed in {delays[-1]:.2f} s, while {hostile.waiting()}")
        publication.stop()
        hostile.trusted.wait_gone(name, timeout=patience)
    assert min(delays) > 0 and statistics.median(delays) < within
    hostile.assert_others_unaffected(patience)
    if flood == a_devices_flood:
        assert hostile.leaked("trusted"), "the flood has its turns, too"
