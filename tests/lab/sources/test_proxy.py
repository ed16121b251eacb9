"""Stations by a proxy: it is asked for addresses that were checked, and for nothing else."""

from pathlib import Path

import connect_proxy
from lab import FIRST_NUMBER, FfmpegListener, Scene, group6
from web import PORT, Web

# Of the public internet, reached by the proxy only: the headend has no way there.
PUBLIC = "9.9.9.9"


def test_a_station_plays_by_a_proxy_that_is_asked_for_its_address(unstarted: Scene):
    scene, internet = unstarted, unstarted.headend.internet
    internet.ns.ip(f"address add {PUBLIC}/32 dev fabric")
    private = internet.leg.ipv4
    web = Web(internet, {"public.example": [PUBLIC], "private.example": [private], "direct.example": [PUBLIC]})
    log = internet.ns.directory / "proxy-requests"
    proxy = internet.ns.start(["/usr/bin/python3", connect_proxy.__file__, log], "proxy")
    proxy.wait_log("ready\n")
    scene.headend.config["rtp-packager"] = {
        "name_servers": web.name_server,
        "http_proxy": f"http://{private}:{connect_proxy.PORT}",
        "no_proxy": ["direct.example"],
        "connect_timeout": "2s",
    }
    scene.headend.config["directory-resolver"]["directory"][0]["local"] = False
    names = ["public.example", "private.example", "direct.example"]
    by_proxy, refused, direct = (group6(FIRST_NUMBER + 1 + i) for i in range(len(names)))
    stations = {FIRST_NUMBER + 1 + i: (name, web.url("live", name)) for i, name in enumerate(names)}
    scene.headend.write_lineup(stations)
    scene.start()
    listener = FfmpegListener(scene.alice, by_proxy)
    for group in (refused, direct):
        scene.bob.join(group)
    listener.wait_decoded(2, 30)
    assert "is not a public address" in scene.headend.wait_session(refused, "failed", 30)["error"]
    assert "cannot connect" in scene.headend.wait_session(direct, "failed", 30)["error"]
    asked = Path(log).read_text().splitlines()
    assert set(asked) == {f"CONNECT {PUBLIC}:{PORT} HTTP/1.1"}, asked
    assert f"Host: public.example:{PORT}\r\n" in web.requests("live")[0]["head"]
