"""The lab's zones and devices: what they promise to the tests of mdns-zone-proxy."""

import os

import pytest

from lab import Capture, Device, Service, Zone, wait_until


@pytest.fixture
def lan(lab):
    return lab.link("lan")


def test_a_zone_sees_what_a_device_of_its_link_offers(lab, lan):
    printer = Device(lab, "printer", lan).start()
    zone = Zone(lab, "iot", lan).start()
    offered = Service("Büro; 2. Stock", txt=["rp=ipp/print", "note=a b"], subtypes=["_universal._sub._ipp._tcp"])
    publication = printer.publish(offered)
    rows = zone.wait_seen("Büro; 2. Stock")
    assert {row.host for row in rows} == {"printer.local"} and {row.port for row in rows} == {631}
    assert set(rows[0].txt) == {"rp=ipp/print", "note=a b"}
    assert zone.names("_universal._sub._ipp._tcp") == {"Büro; 2. Stock"}
    assert zone.resolve("printer.local", 4) == printer.host.leg.ipv4
    assert zone.resolve("printer.local", 6)
    publication.stop()
    zone.wait_gone("Büro; 2. Stock", timeout=3)


def test_links_are_apart(lab, lan):
    other = lab.link("other")
    printer = Device(lab, "printer", lan).start()
    near, far = Zone(lab, "near", lan).start(), Zone(lab, "far", other).start()
    capture = Capture(far.ns, "other", "udp port 5353")
    printer.publish(Service("Office"))
    near.wait_seen("Office")
    assert far.browse() == [] and not [p for p in capture.packets() if b"Office" in p.payload]


def test_hundreds_of_services_come_from_one_process(lab, lan):
    printer, zone = Device(lab, "printer", lan).start(), Zone(lab, "iot", lan).start()
    many = printer.publish_many([Service(f"Printer {n}", port=1000 + n) for n in range(200)])
    wait_until(lambda: len(zone.names("_ipp._tcp")) == 200, 20, "200 services", every=0.3)
    many.stop()
    wait_until(lambda: not zone.names("_ipp._tcp"), 20, "their goodbyes", every=0.3)


@pytest.mark.parametrize("blow", [Zone.kill_avahi, Zone.kill_bus])
def test_a_killed_daemon_comes_back(lab, lan, blow):
    zone = Zone(lab, "iot", lan).start()
    device = Device(lab, "printer", lan).start()
    device.publish(Service("Office"))
    zone.wait_seen("Office")
    readies = zone.readies()
    pid = blow(zone)
    zone.wait_ready_again(readies)
    assert not os.path.exists(f"/proc/{pid}")
    zone.wait_seen("Office")
