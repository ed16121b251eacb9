"""Three zones on three links, each with a device that listens; policies between them by a proxy."""

import pytest

from lab import Capture, Device, Zone, ZoneProxy

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
        """When these bytes were first on a zone's link; 0: never."""
        return min((p.time for p in self.captures[zone].packets() if words.encode() in p.payload), default=0.0)

    def is_silent_of(self, zone: str, words: str) -> bool:
        """No byte of it has been on the link, in any case of its letters."""
        return not any(words.lower().encode() in p.payload.lower() for p in self.captures[zone].packets())


@pytest.fixture
def site(lab, bin_dir) -> Site:
    return Site(lab, bin_dir)
