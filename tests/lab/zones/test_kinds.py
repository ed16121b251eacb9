"""Discovery between a zone that is a template unit of a host with systemd, and one that is a booted machine, by one proxy outside both."""

import pytest
from machines import MachineZone, UnitHost, UnitZone

from lab import Capture, Device, Service, ZoneProxy, wait_until

PROXY_USER = "nobody"
HTTP = "_http._tcp"
RULES = [
    {"name": "printers", "from": "iot", "to": "trusted", "types": ["_ipp._tcp"], "names": ["Office*"], "action": "allow"},
    {"name": "wiki", "from": "trusted", "to": "iot", "types": [HTTP], "names": ["Public*"], "action": "allow"},
]


class Site:
    def __init__(self, lab, bin_dir):
        iot_link, trusted_link = lab.link("iot"), lab.link("trusted")
        self.host = UnitHost(lab, iot_link)
        self.iot = UnitZone(self.host, "iot", iot_link, allow_user=PROXY_USER)
        self.trusted = MachineZone(lab, "trusted", trusted_link, allow_user=PROXY_USER)
        self.host.start(self.iot)
        self.trusted.start()
        self.printer = Device(lab, "printer", iot_link).start()
        self.wiki = Device(lab, "wiki", trusted_link).start()
        self.captures = [Capture(device.ns, device.links[0].name, "udp port 5353") for device in (self.printer, self.wiki)]
        self.proxy = ZoneProxy(lab, bin_dir, [self.iot, self.trusted], RULES, PROXY_USER).start()
        self.proxy.wait_running()


@pytest.fixture
def site(lab, bin_dir) -> Site:
    return Site(lab, bin_dir)


def test_discovery_crosses_between_a_unit_and_a_machine(site):
    for device, kind, names in (
        (site.printer, "_ipp._tcp", ("Office", "Hidden")), (site.wiki, HTTP, ("Public wiki", "Diary")),
    ):  # fmt: skip
        for name in names:
            device.publish(Service(name, kind, txt=["note=a"]))
    rows = site.wiki.wait_seen("Office")
    assert {(row.host, row.port, row.txt) for row in rows} == {("printer.local", 631, ("note=a",))}
    site.printer.wait_seen("Public wiki", HTTP)
    assert site.wiki.resolve("printer.local", 4) == site.printer.host.leg.ipv4
    assert site.printer.resolve("wiki.local", 6) == site.wiki.host.leg.ipv6
    in_iot, in_trusted = (capture.packets() for capture in site.captures)
    assert not [p for p in in_trusted if b"Hidden" in p.payload] and not [p for p in in_iot if b"Diary" in p.payload]


def test_either_kind_may_be_restarted(site):
    publication = site.printer.publish(Service("Office"))
    site.printer.publish(Service("Office 2"))
    site.wiki.wait_seen("Office")
    # The machine shuts down in order: what was mirrored into it says goodbye.
    site.trusted.stop()
    site.wiki.wait_gone("Office", timeout=5)
    publication.stop()
    site.trusted.start()
    site.wiki.wait_seen("Office 2", timeout=20)
    # It may have been said once more, for the sake of its goodbye.
    site.wiki.wait_gone("Office")
    # The unit is killed; systemd starts it again.
    readies = site.iot.readies()
    main = site.host.run("systemctl", "show", "-p", "MainPID", "--value", "headwater-zone@iot.service").strip()
    site.host.run("kill", "-9", main)
    site.iot.wait_ready_again(readies)
    site.printer.publish(Service("Office 3"))
    site.wiki.wait_seen("Office 3", timeout=20)
    wait_until(lambda: site.proxy.metric("headwater_mdns_zone_proxy_zone_restarts_total", 'zone="iot"') >= 1, 5)
