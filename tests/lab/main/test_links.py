"""Several links and several namespaces: one source, one datagram a link, each link's own service address."""

import time

import pytest

from lab import (
    FIRST_NUMBER,
    TONE,
    Capture,
    FfmpegListener,
    Headend,
    SplitHeadend,
    group6,
    of_kind,
    sequence_gaps,
    stays,
    wait_until,
)

GROUP = group6(FIRST_NUMBER)


@pytest.fixture(params=["one namespace", "a namespace each"])
def vlans(request, lab, bin_dir):
    """A headend on vlan10 and vlan20, its services together or apart."""
    kind = Headend if request.param == "one namespace" else SplitHeadend
    headend = kind(lab, bin_dir, ("vlan10", "vlan20"))
    url = headend.icecast.mount("radio", TONE)
    headend.write_lineup({FIRST_NUMBER: ("Lab Radio", url)})
    headend.start()
    return headend


def test_listeners_on_both_links_share_one_source(lab, vlans):
    alice, bob = lab.host("alice", vlans.links[0]), lab.host("bob", vlans.links[1])
    captures = [Capture(alice.ns, "vlan10"), Capture(bob.ns, "vlan20")]
    # What left is judged where it left: the switch may lose a datagram while a member's source list changes (README).
    departures = {link: Capture(vlans.sender.ns, link) for link in ("vlan10", "vlan20")}
    first = FfmpegListener(alice, GROUP)
    first.wait_decoded(2, 25)
    second = FfmpegListener(bob, GROUP)
    second.wait_decoded(2, 25)
    first.wait_more(1, 10)
    assert first.tone_seconds(TONE) >= 2 and second.tone_seconds(TONE) >= 1.5
    assert vlans.icecast.listeners("radio") == 1
    ssrcs = set()
    for capture, link in zip(captures, ("vlan10", "vlan20")):
        rtp = capture.select(of_kind("rtp", GROUP))
        service = vlans.sender.legs[link].ipv6
        assert {p.source for p in rtp} == {service}
        assert not sequence_gaps(departures[link].select(of_kind("rtp", GROUP)))
        ssrcs |= {p.rtp().ssrc for p in rtp}
        sap = capture.wait_packet(of_kind("sap", GROUP), 5).sap()
        assert sap.source_filter == service and sap.origin == service
    assert len(ssrcs) == 1


def test_a_link_without_members_gets_nothing(lab, vlans):
    alice, bob = lab.host("alice", vlans.links[0]), lab.host("bob", vlans.links[1])
    there = Capture(vlans.sender.ns, "vlan20")
    here = Capture(vlans.sender.ns, "vlan10")
    with alice.join(GROUP):
        here.wait_packet(of_kind("rtp", GROUP), 20)
        assert stays(lambda: not there.select(lambda p: p.destination == GROUP and p.kind in ("rtp", "sap", "rtcp")), 2)
        membership = bob.join(GROUP)
        there.wait_packet(of_kind("rtp", GROUP), 10)
        membership.leave()
        wait_until(lambda: quiet(there), 15, "vlan20 quiet again")
        assert not quiet(here)


def quiet(capture: Capture) -> bool:
    """No RTP in the last half second."""
    return not [p for p in capture.packets() if of_kind("rtp", GROUP)(p) and p.time > time.time() - 0.5]
