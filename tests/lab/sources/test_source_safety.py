"""A directory that is not marked local reaches public addresses only, however its URLs get there."""

import pytest

from lab import FIRST_NUMBER, FfmpegListener, Scene, group6
from web import PORT, Web

# Addresses of the public internet, inside the lab's namespaces only.
PUBLIC, PUBLIC_HEADEND = "9.9.9.9", "9.9.9.1"


@pytest.fixture
def web(unstarted: Scene) -> Web:
    headend = unstarted.headend
    headend.internet.ns.ip(f"address add {PUBLIC}/24 dev fabric")
    headend.ns.ip(f"address add {PUBLIC_HEADEND}/24 dev fabric")
    private = headend.internet.leg.ipv4
    made = Web(headend.internet, {
        "public.example": [PUBLIC],
        "private.example": [private],
        "rebound.example": [PUBLIC, private],
        "rebound2.example": [PUBLIC, private],
    })
    headend.config["rtp-packager"] = {"name_servers": made.name_server}
    headend.config["directory-resolver"]["directory"][0]["local"] = False
    return made


def test_private_addresses_are_refused_on_every_way(unstarted, web):
    scene = unstarted
    private4, private6 = scene.headend.internet.leg.ipv4, scene.headend.internet.leg.ipv6
    target = f"http://{private4}:{PORT}/live"
    refused = {
        "IPv4": target,
        "IPv6": f"http://[{private6}]:{PORT}/live",
        "loopback": "http://127.0.0.1:9464/metrics",
        "IPv4 in IPv6": f"http://[::ffff:{private4}]:{PORT}/live",
        "metadata": "http://169.254.169.254/latest/meta-data/",
        "name": web.url("live", "private.example"),
        "localhost": "http://localhost:9464/metrics",
        "redirect": web.url(f"to/{target}", PUBLIC),
        "redirect to a name": web.url(f"to/{web.url('live', 'private.example')}", "public.example"),
        "list": web.url(f"list/{target}", PUBLIC),
        "list with a base": web.url(f"asx/{target}", PUBLIC),
        "HLS variant": web.url(f"variant/{target}", PUBLIC),
        "HLS segment": web.url(f"segment/{target}", PUBLIC),
        "HLS segment that is redirected": web.url(f"segment/{web.url(f'to/{target}', PUBLIC)}", PUBLIC),
        "HLS key": web.url(f"key/{target}", PUBLIC),
        "page": web.url(f"html/{target}", PUBLIC),
        "unique local": "http://[fd00:ec2::254]/latest/meta-data/",
        "NAT64": "http://[64:ff9b::a9fe:a9fe]/latest/meta-data/",
        "rebinding by a list": web.url(f"list/{web.url('live', 'rebound2.example')}", "rebound2.example"),
        "rebinding": web.url(f"to/{web.url('live', 'rebound.example')}", "rebound.example"),
    }
    good = FIRST_NUMBER + len(refused)
    stations = {FIRST_NUMBER + i: (name, url) for i, (name, url) in enumerate(refused.items())}
    stations[good] = ("Good", web.url("live", "public.example"))
    scene.headend.write_lineup(stations)
    scene.start()
    for number in range(FIRST_NUMBER, good):
        scene.bob.join(group6(number))
    listener = FfmpegListener(scene.alice, group6(good))
    wrong = []
    for number, name in enumerate(refused, FIRST_NUMBER):
        error = scene.headend.wait_session(group6(number), "failed", 30)["error"]
        if "is not a public address" not in error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)
    listener.wait_decoded(2, 30)
    heads = [request["head"] for request in web.requests("live")]
    assert heads and all(f"Host: public.example:{PORT}\r\n" in head for head in heads)
