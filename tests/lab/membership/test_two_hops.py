"""A listener two hops away: a proxy on the link wants for all who are behind it, and forwards to them."""

from pathlib import Path

import pytest

from lab import Capture, FfmpegListener, Scene, of_kind, stays, wait_until

PROXY = Path(__file__).with_name("rfc4605_proxy.py")


@pytest.fixture
def router(lab, headend):
    """Between the headend's link and link "far", where it forwards; it asks each of its listeners."""
    far = lab.link("far", snooping=False)
    made = lab.host("router", headend.link, far)
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        made.ns.sysctl(key, 1)
    for name in ("all", "lan", "far"):
        made.ns.sysctl(f"net.ipv4.conf.{name}.rp_filter", 0)
    return made


def start_proxy(router, family: str, *listeners) -> None:
    directory = router.lab.directory
    if family == "ipv4":
        # Its queries are those of IGMPv2, and half a minute apart: hosts would hear one too late to fall back for their first join.
        for host in listeners:
            host.ns.sysctl("net.ipv4.conf.far.force_igmp_version", 2)
        config = directory / "igmpproxy.conf"
        config.write_text("quickleave\nphyint lan upstream ratelimit 0 threshold 1\nphyint far downstream ratelimit 0 threshold 1\n")
        config.chmod(0o600)
        router.ns.start(["igmpproxy", "-n", "-v", config])
        return
    routes, ready = directory / "smcroute.sock", directory / "smcroute.conf"
    ready.write_text("phyint lan enable\nphyint far enable\n")
    router.ns.start(["smcrouted", "-n", "-N", "-f", ready, "-u", routes, "-P", directory / "smcroute.pid"])
    wait_until(routes.exists, 10, "smcrouted")
    router.ns.start(["/usr/bin/python3", PROXY, "lan", "far", routes])


@pytest.mark.parametrize("family", ["ipv6", "ipv4"])
def test_join_play_leave_two_hops_away(lab, headend, router, family):
    scene = Scene(lab, headend)
    carol, dave = (lab.host(name, lab.links["far"]) for name in ("carol", "dave"))
    scene.start()
    start_proxy(router, family, carol, dave)
    group = scene.group6 if family == "ipv6" else scene.group4
    heard = Capture(carol.ns, "far")
    first = FfmpegListener(carol, group)
    first.wait_decoded(2, 40)
    packets = heard.select(of_kind("rtp", group))
    assert {p.hops for p in packets} == {63 if family == "ipv6" else 31}, "one hop less than on the headend's link"
    assert headend.sessions()[group]["members"] == 1, "the proxy is one member, whoever is behind it"
    second = dave.join(group)
    first.leave()
    assert stays(lambda: group in headend.sessions(), 3), "another still listens behind it"
    second.leave()
    wait_until(lambda: group not in headend.sessions(), 20, "the session's end")
