"""What the policy allows appears where it says, and nothing of anything else: by avahi-publish, avahi-browse and captures."""

import statistics

import pytest

from lab import Service, wait_until

RULES = [
    {"name": "no-secrets", "from": "*", "to": "*", "names": ["Secret*"], "action": "deny"},
    {"name": "printers", "from": "iot", "to": "trusted", "types": ["_ipp._tcp"], "action": "allow"},
    {"name": "doors", "from": "cam", "to": "trusted", "types": ["_rtsp._tcp"], "families": ["ipv6"], "action": "allow"},
    {"name": "wiki", "from": "trusted", "to": "iot", "types": ["_http._tcp"], "names": ["Public*"], "action": "allow"},
    {"name": "universal", "from": "cam", "to": "iot", "types": ["_universal._sub._ipp._tcp"], "action": "allow"},
]
UNIVERSAL = ["_universal._sub._ipp._tcp"]
# Device, zone, what it offers, and into which zones that may go.
OFFERS = [
    ("inkjet", "iot", Service("Office", txt=["rp=ipp/print", "note=2. Stock"], subtypes=UNIVERSAL), {"trusted"}),
    ("inkjet", "iot", Service("Admin Panel", "_http._tcp", 80), set()),
    ("vault", "iot", Service("SECRET Vault", port=6310), set()),
    ("door", "cam", Service("Haustür", "_rtsp._tcp", 554, txt=["path=/live"]), {"trusted"}),
    ("lens", "cam", Service("Cam Printer", port=6311), set()),
    ("prism", "cam", Service("Cam Universal", port=6312, subtypes=UNIVERSAL), {"iot"}),
    ("wiki", "trusted", Service("Public Wiki", "_http._tcp", 8080), {"iot"}),
    ("diary", "trusted", Service("Private Diary", "_http._tcp", 8081), set()),
    ("safe", "trusted", Service("Secret Public", "_http._tcp", 8082), set()),
]
TYPES = ("_ipp._tcp", "_http._tcp", "_rtsp._tcp")


def expected(zone: str) -> set[str]:
    return {offer.name for _, home, offer, to in OFFERS if zone == home or zone in to}


def seen(site, zone: str) -> set[str]:
    return set().union(*(site.listeners[zone].names(kind) for kind in TYPES))


def assert_silence(site) -> None:
    """No byte of a name that is denied, of a service or of its host, has been where it must not be."""
    for name, home, offer, to in OFFERS:
        for zone in set(site.zones) - {home}:
            assert zone in to or site.is_silent_of(zone, offer.name), f"{offer.name} in {zone}"
            shown = any(o[0] == name and zone in o[3] for o in OFFERS)
            assert shown or site.is_silent_of(zone, name), f"host {name} in {zone}"


def test_exactly_what_is_allowed_appears_and_no_byte_of_anything_else(site):
    site.proxy(RULES)
    devices = {name: site.device(name, zone) for name, zone in {(o[0], o[1]) for o in OFFERS}}
    published = {offer.name: devices[name].publish(offer) for name, _, offer, _ in OFFERS}
    for zone in site.zones:
        wait_until(lambda: seen(site, zone) == expected(zone), 15, f"{expected(zone)} in {zone}", every=0.3)

    delays = []
    for name, home, offer, to in OFFERS:
        for zone in to:
            delays.append(site.first(zone, offer.name) - site.first(home, offer.name))
            heard = {":" in p.source for p in site.captures[zone].packets() if offer.name.encode() in p.payload}
            assert heard == {True, False}, f"{offer.name} in {zone} by IPv4 and IPv6"
    assert_silence(site)
    print("seconds from first announcement to mirrored:", sorted(round(d, 2) for d in delays))
    assert min(delays) > 0 and statistics.median(delays) < 2

    # As at home: name, port, TXT, subtypes, and a host whose name resolves to its real addresses.
    ear = site.listeners["trusted"]
    rows = ear.wait_seen("Office")
    assert {(row.host, row.port) for row in rows} == {("inkjet.local", 631)}
    assert set(rows[0].txt) == {"rp=ipp/print", "note=2. Stock"}
    assert ear.names("_universal._sub._ipp._tcp") == {"Office"}
    assert ear.resolve("inkjet.local", 4) == devices["inkjet"].host.leg.ipv4
    assert ear.resolve("inkjet.local", 6) == devices["inkjet"].host.leg.ipv6
    # A rule of one family.
    assert ear.resolve("door.local", 6) == devices["door"].host.leg.ipv6
    assert not ear.resolve("door.local", 4)

    # The other way, too.
    assert site.listeners["iot"].resolve("wiki.local", 4) == devices["wiki"].host.leg.ipv4
    assert site.listeners["iot"].resolve("wiki.local", 6) == devices["wiki"].host.leg.ipv6
    assert site.listeners["iot"].resolve("prism.local", 6) == devices["prism"].host.leg.ipv6

    # Goodbyes are followed.
    for home, zone, name in (("iot", "trusted", "Office"), ("cam", "trusted", "Haustür"), ("trusted", "iot", "Public Wiki")):
        published[name].stop()
        site.assert_goodbye_within_2_s(name, home, zone)
        wait_until(lambda: name not in seen(site, zone), 8, f"{name} gone from {zone}", every=0.1)
    assert_silence(site)
