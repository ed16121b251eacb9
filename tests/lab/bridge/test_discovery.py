"""A phone finds a device in another network and controls it as far as it may; nothing else crosses."""

import re
import socket
import urllib.error
import urllib.request

import pytest
from bridge_scene import DEVICE_PORT, MEDIA_PORT, SSDP4, SSDP6, location, search

from lab import Capture, let_pass, validate, wait_until

SERVICE = "urn:schemas-upnp-org:service:SwitchPower:1"
SOAP = f"""<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:SetTarget xmlns:u="{SERVICE}">
<newTargetValue>1</newTargetValue></u:SetTarget></s:Body></s:Envelope>"""


def ask(host, url: str, data: bytes = b"", method: str = "GET", timeout: float = 2, **headers: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data or None, {k.replace("_", "-"): v for k, v in headers.items()}, method=method)
    with host.ns.entered():
        with opener.open(request, timeout=timeout) as answer:
            return answer.read().decode()


def can_reach(host, url: str) -> bool:
    try:
        return "Lab Lamp" in ask(host, url)
    except (OSError, urllib.error.URLError):
        return False


def test_a_search_finds_the_device_by_multicast_and_by_both_broadcasts(scene):
    scene.lamp()
    at_phone, at_device = Capture(scene.phone.ns, "lana"), Capture(scene.device.ns, "lanb")
    prefix = scene.links[0].prefix4
    # TTL 1: raised by the router, since nothing may cross with it.
    for to in (SSDP4, "255.255.255.255", f"{prefix}.255"):
        assert location(search(scene.phone, to)) == f"http://{scene.device.leg.ipv4}:{DEVICE_PORT}/cc93d8e6-6b8b-4f60-87ca-228c36b5b0e8.xml", to
    for to in ("ff02::c", SSDP6):
        assert location(search(scene.phone, to)).startswith(f"http://[{scene.device.leg.ipv6}]:{DEVICE_PORT}/"), to
    # What an answer is told by is its port: of another host in the phone's network nothing is known.
    arrived = at_device.stop()
    searches = [p for p in arrived if p.kind == "udp" and b"M-SEARCH" in p.payload]
    assert {(p.source, p.destination) for p in searches} == {(scene.phone.leg.ipv4, SSDP4), (scene.phone.leg.ipv6, SSDP6)}
    assert len(searches) == 5 and {p.hops for p in searches} == {3}
    at_phone.stop()
    # A checksum that the translation broke would have been seen here.
    for capture in (at_phone, at_device):
        assert capture.malformed() == []
    way = next(d for d in scene.wait_active()["directions"] if d["from"] == "lana")
    wait_until(lambda: scene.metric("headwater_mcast_bridge_answers_total", rule="upnp", **{"from": "lana", "to": "lanb"}) == 5, 5)
    assert way["up"]
    validate("bridge_rule", scene.json("rules"))
    routes = scene.json("routes")
    validate("bridge_route", routes)
    of_phone = {r["group"]: r for r in routes if r["source"] in (scene.phone.leg.ipv4, scene.phone.leg.ipv6)}
    assert of_phone[SSDP4]["packets"] == 3 and of_phone[SSDP6]["packets"] == 2
    assert all(r["to"] == ["lanb"] and r["rule"] == "upnp" for r in of_phone.values())
    assert scene.metric("headwater_mcast_bridge_packets_total", group=SSDP6, **{"from": "lana", "to": "lanb"}) == 2
    # For people.
    assert re.search(rf"^{re.escape(SSDP4)} +{scene.phone.leg.ipv4} +lana +lanb +upnp +3 ", scene.ctl("routes"), re.M)


def test_answers_pass_for_six_seconds_and_to_the_searcher_alone(scene):
    with scene.phone.ns.socket(socket.AF_INET) as searcher, scene.device.ns.socket(socket.AF_INET) as device:
        searcher.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lana")
        searcher.bind(("0.0.0.0", 40000))
        searcher.settimeout(1)
        phone = (scene.phone.leg.ipv4, 40000)

        def answered(port: int = 40000) -> bool:
            device.sendto(b"HTTP/1.1 200 OK\r\n", (phone[0], port))
            try:
                return searcher.recv(100) != b""
            except TimeoutError:
                return False

        assert not answered(), "nobody has searched"
        # Another datagram to the group is no search.
        searcher.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
        searcher.sendto(b"NOTIFY * HTTP/1.1\r\n", (SSDP4, 1900))
        let_pass(0.3)
        assert not answered()
        searcher.sendto(b"M-SEARCH * HTTP/1.1\r\n", (SSDP4, 1900))
        wait_until(answered, 3, "an answer")
        with scene.phone.ns.socket(socket.AF_INET) as other:
            other.bind(("0.0.0.0", 40001))
            other.settimeout(1)
            device.sendto(b"x", (phone[0], 40001))
            with pytest.raises(TimeoutError):
                other.recv(100)
        # Connection tracking knows this flow by now: the device answers from another port.
        let_pass(6.5)
        with scene.device.ns.socket(socket.AF_INET) as late:
            late.sendto(b"late", phone)
            with pytest.raises(TimeoutError):
                searcher.recv(100)


def test_control_goes_as_far_as_the_list_says(scene):
    lamp = scene.lamp()
    for to in (SSDP4, SSDP6):
        url = location(search(scene.phone, to))
        assert url and not can_reach(scene.phone, url), "without a list nothing crosses but the search"
    device = scene.device.leg
    scene.bridge["control"] = [
        {
            "name": "lamp",
            "from": "lana",
            "to": "lanb",
            "hosts": [device.ipv4, f"{scene.links[1].prefix6}::/64"],
            "ports": [f"{DEVICE_PORT}"],
            "callback_ports": ["3400"],
        }
    ]
    scene.reload()
    for to in (SSDP4, SSDP6):
        url = location(search(scene.phone, to))
        assert can_reach(scene.phone, url), url
        base = url.rsplit("/", 1)[0]
        headers = {"SOAPACTION": f'"{SERVICE}#SetTarget"', "Content_Type": 'text/xml; charset="utf-8"'}
        assert "SetTargetResponse" in ask(scene.phone, f"{base}/switch/control", SOAP.encode(), "POST", **headers)
    assert lamp.log().count("lamp on") == 2
    # Another port of the same host stays shut, and the other way round as well.
    with scene.device.ns.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("0.0.0.0", DEVICE_PORT + 1))
        server.listen()
        assert not can_reach(scene.phone, f"http://{device.ipv4}:{DEVICE_PORT + 1}/")
    del scene.bridge["control"]
    scene.reload()
    assert not can_reach(scene.phone, location(search(scene.phone, SSDP4)))


def test_events_come_back_to_the_ports_of_the_list(unstarted):
    scene = unstarted
    device = scene.device.leg.ipv4
    control = {"name": "media", "from": "lana", "to": "lanb", "hosts": [device], "ports": [f"{MEDIA_PORT}"], "callback_ports": ["3400-3409"]}
    scene.bridge["control"] = [control]
    scene.start()
    scene.wait_active()
    scene.media_server()
    url = location(search(scene.phone, SSDP4))
    assert url == f"http://{device}:{MEDIA_PORT}/rootDesc.xml" and "Lab Media" in ask(scene.phone, url)
    for port, comes in ((3405, True), (3410, False)):
        with scene.phone.ns.socket(socket.AF_INET, socket.SOCK_STREAM) as callback:
            callback.bind(("0.0.0.0", port))
            callback.listen()
            callback.settimeout(4)
            headers = {"CALLBACK": f"<http://{scene.phone.leg.ipv4}:{port}/>", "NT": "upnp:event", "TIMEOUT": "Second-60"}
            ask(scene.phone, f"http://{device}:{MEDIA_PORT}/evt/ContentDir", method="SUBSCRIBE", **headers)
            if not comes:
                with pytest.raises(TimeoutError):
                    callback.accept()
                continue
            # Debian's minidlna 1.3.0 connects at once and then says nothing when connecting took no time; what crosses is the connection.
            connection, peer = callback.accept()
            assert peer[0] == device
            connection.close()


def test_nothing_else_crosses(scene):
    """Sent from both sides: other groups, other scopes, broadcast to other ports, unicast. Captured on both sides."""
    hosts = [(scene.phone, scene.device), (scene.device, scene.phone)]
    captures = {here.name: Capture(there.ns, there.leg.interface) for here, there in hosts}
    for here, there in hosts:
        leg = here.leg
        for group, port in (("239.255.255.249", 1900), ("239.1.2.3", 1900), ("224.0.0.251", 5353)):
            here.ns.send(b"FOREIGN", group, port, leg.interface)
        for group in ("ff05::d", "ff02::fb", "ff0e::1234"):
            here.ns.send(b"FOREIGN", group, 1900, leg.interface)
        with here.ns.socket(socket.AF_INET) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, leg.interface.encode())
            for to in (("255.255.255.255", 1901), (f"{leg.link.prefix4}.255", 137), (there.leg.ipv4, 1900), (there.leg.ipv4, 53)):
                sock.sendto(b"FOREIGN", to)
        with here.ns.socket(socket.AF_INET6) as sock:
            sock.sendto(b"FOREIGN", (there.leg.ipv6, 1900))
        here.ns.send(b"OURS", SSDP4, 1900, leg.interface, hops=4)
    let_pass(1)
    for here, _ in hosts:
        foreign = [p for p in captures[here.name].stop() if p.source in (here.leg.ipv4, here.leg.ipv6)]
        assert [(p.destination, p.payload) for p in foreign if p.kind == "udp"] == [(SSDP4, b"OURS")]
        assert [p for p in foreign if p.kind not in ("udp", "report")] == []


def test_a_search_from_a_link_local_address_is_reported(scene):
    own = next(
        line.split()[3].split("/")[0] for line in scene.phone.ns.run("ip", "-6", "-o", "addr", "show", "dev", "lana").splitlines() if "fe80" in line
    )
    assert search(scene.phone, "ff02::c", source=own, timeout=0.5) == []
    check = scene.wait_check("link_local", "lana", "wrong")
    assert "1 searches" in check["detail"] and "global address" in check["detail"]
    assert scene.metric("headwater_mcast_bridge_drops_total", reason="link_local_source", link="lana") == 1


def test_a_ttl_too_small_is_counted_where_it_is_not_raised(unstarted):
    del unstarted.bridge["rules"][0]["hops_min"]
    scene = unstarted.start()
    scene.wait_active()
    scene.phone.ns.send(b"x", SSDP4, 1900, "lana", hops=1)
    scene.wait_metric(1, "headwater_mcast_bridge_drops_total", reason="ttl", link="lana")


def test_a_group_of_the_number_plan_is_refused_by_name(unstarted):
    scene = unstarted
    scene.config["directory-resolver"] = {"ipv4_windows": [{"groups": "239.192.0.0/16", "number": 0x80000000}]}
    scene.bridge["rules"].append({"name": "radio", "groups": ["239.192.0.7"], "links": ["lana", "lanb"]})
    with pytest.raises(RuntimeError, match='rule "radio": 239.192.0.7 is of the number plan .* arrive twice'):
        scene.start()
