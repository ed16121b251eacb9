"""Three zones on three links, each with a device that listens; policies between them by a proxy."""

import pytest
from scapy.layers.dns import DNS, DNSRR

from lab import Capture, Device, Zone, ZoneProxy, wait_until

ZONES = ("cam", "iot", "trusted")


class Site:
    """The links, zones, listeners and captures, by zone."""

    def __init__(self, lab, bin_dir, user="nobody"):
        self.user = user
        self.lab = lab
        self.bin_dir = bin_dir
        self.links = {name: lab.link(name) for name in ZONES}
        self.zones = {name: Zone(lab, name, self.links[name], allow_user=user).start() for name in ZONES}
        self.listeners = {name: Device(lab, f"ear-{name}", self.links[name]).start() for name in ZONES}
        self.captures = {name: Capture(self.listeners[name].ns, name, "udp port 5353") for name in ZONES}

    def device(self, name: str, zone: str) -> Device:
        return Device(self.lab, name, self.links[zone]).start()

    def proxy(self, rules) -> ZoneProxy:
        proxy = ZoneProxy(self.lab, self.bin_dir, self.zones.values(), rules, self.user).start()
        proxy.wait_running()
        return proxy

    def first(self, zone: str, words: str) -> float:
        """When these bytes were first announced on a zone's link, which a probe is not; 0: never."""
        spoken = (p for p in self.captures[zone].packets() if p.payload[2] & 0x80 and words.encode() in p.payload)
        return min((p.time for p in spoken), default=0.0)

    def goodbyes(self, zone: str, name: str) -> list[float]:
        """When the PTR of a service was sent with TTL 0."""
        times = []
        for packet in self.captures[zone].packets():
            if name.encode() not in packet.payload:
                continue
            message = DNS(packet.payload)
            answers = [message.an[i] for i in range(message.ancount)] if message.ancount else []
            if any(isinstance(rr, DNSRR) and rr.type == 12 and rr.ttl == 0 and name.encode() in bytes(rr.rdata) for rr in answers):
                times.append(packet.time)
        return times

    def assert_goodbye_within_2_s(self, name: str, home: str, zone: str) -> None:
        """By the captures on both links. A second of it is RFC 6762 section 10.1: others may still claim the record."""
        wait_until(lambda: self.goodbyes(zone, name), 5, f"a goodbye for {name} in {zone}")
        delay = self.goodbyes(zone, name)[0] - self.goodbyes(home, name)[0]
        print(f"the goodbye of {name} took {delay:.2f} s")
        assert 0 < delay < 2

    def is_silent_of(self, zone: str, words: str) -> bool:
        """No byte of it has been on the link, in any case of its letters."""
        return not any(words.lower().encode() in p.payload.lower() for p in self.captures[zone].packets())


@pytest.fixture
def site(lab, bin_dir) -> Site:
    return Site(lab, bin_dir)
