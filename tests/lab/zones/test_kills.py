"""Avahi, D-Bus and the proxy are killed while services come and go: all converges, and no ghost is left."""

import time

from lab import Service, wait_until

RULES = [
    {"name": "no-secrets", "from": "*", "to": "*", "names": ["Secret*"], "action": "deny"},
    {"name": "in", "from": "iot", "to": "trusted", "types": ["_ipp._tcp"], "action": "allow"},
    # Mutual, so that whatever is left over of the other could come back.
    {"name": "out", "from": "trusted", "to": "iot", "types": ["_ipp._tcp"], "action": "allow"},
    {"name": "cam", "from": "trusted", "to": "cam", "types": ["_ipp._tcp"], "action": "allow"},
]
KILLS = {
    "the source's Avahi": lambda site, proxy: site.zones["iot"].kill_avahi(),
    "the target's Avahi": lambda site, proxy: site.zones["trusted"].kill_avahi(),
    "the source's bus": lambda site, proxy: site.zones["iot"].kill_bus(),
    "the target's bus": lambda site, proxy: site.zones["trusted"].kill_bus(),
    "the proxy": lambda site, proxy: (proxy.kill(), proxy.start()),
}


def names(site, zone: str) -> set[str]:
    return site.listeners[zone].names("_ipp._tcp")


def test_kills_during_change_converge_and_leave_no_ghosts(site):
    proxy = site.proxy(RULES)
    inkjet, desk = site.device("inkjet", "iot"), site.device("desk", "trusted")
    inkjet.publish(Service("Secret Vault"))
    inkjet.publish(Service("Stays", port=1))
    desk.publish(Service("Desk", port=2))
    going = inkjet.publish(Service("Goes 0", port=3))
    for number, (what, kill) in enumerate(KILLS.items()):
        stays = {"Stays", "Desk"}
        wait_until(lambda: names(site, "trusted") == stays | {f"Goes {number}"}, 30, f"all before {what}", every=0.3)
        kill(site, proxy)
        # In the middle of it: one goes, its goodbye perhaps unheard, and another comes.
        going.stop()
        going = inkjet.publish(Service(f"Goes {number + 1}", port=4 + number))
        expected = stays | {f"Goes {number + 1}"}
        wait_until(lambda: names(site, "trusted") == expected, 40, f"{expected} in trusted after {what}", every=0.3)
        wait_until(lambda: names(site, "iot") == expected | {"Secret Vault"}, 40, f"iot after {what}", every=0.3)
        wait_until(lambda: names(site, "cam") == {"Desk"}, 40, f"cam after {what}", every=0.3)
    # Nothing that is gone comes back, and nothing that is there goes, when all that was remembered of before is over (5 s).
    until = time.monotonic() + 6
    while time.monotonic() < until:
        assert (names(site, "trusted"), names(site, "cam")) == (expected, {"Desk"})
        time.sleep(0.3)
    for zone in ("cam", "trusted"):
        assert site.is_silent_of(zone, "Secret Vault")
    # What came from iot has nothing to do in cam, by whatever detour, nor has anything been renamed on the way.
    assert site.is_silent_of("cam", "Stays")
    for zone in site.zones:
        for other in site.zones:
            assert site.is_silent_of(zone, f"({other})"), f"a name was taken for another's in {zone}"
    # Two Avahis and two buses were lost, and the first of each is what this proxy's predecessor counted.
    assert proxy.metric("headwater_mdns_zone_proxy_zone_state", 'state="running"') == 3


def test_an_avahi_that_hangs_stops_nobody_else(site):
    proxy = site.proxy([{"name": "all", "from": "*", "to": "*", "action": "allow"}])
    site.zones["cam"].kill_avahi(19)  # SIGSTOP
    lamp = site.device("lamp", "iot")
    lamp.publish(Service("Lamp", "_hap._tcp", 80))
    site.listeners["trusted"].wait_seen("Lamp", "_hap._tcp", timeout=5)
    wait_until(lambda: "Lamp" in site.listeners["cam"].names("_hap._tcp"), 60, "the lamp in cam, by a new Avahi", every=0.5)
    assert proxy.metric("headwater_mdns_zone_proxy_zone_restarts_total", 'zone="cam"') >= 1
