"""A join starts a station, a leave stops it: what listeners hear and what is on the wire meanwhile."""

import pytest

from lab import (
    FIRST_NUMBER,
    TONE,
    TONE_NUMBER,
    Capture,
    FfmpegListener,
    GstListener,
    Rtcp,
    group6,
    has_bye,
    joins,
    leaves,
    let_pass,
    of_kind,
    sequence_gaps,
    wait_until,
)
from lab.judge import judge


@pytest.mark.parametrize("family", ["ipv6", "ipv4"])
def test_a_player_that_only_joins_hears_the_station(scene, family):
    group = scene.group6 if family == "ipv6" else scene.group4
    listener = FfmpegListener(scene.alice, group)
    listener.wait_decoded(5, 25)
    assert listener.tone_seconds(TONE) >= 4.5
    rtp = scene.capture.select(of_kind("rtp", group))
    sap = scene.capture.select(of_kind("sap", group))
    assert sap[0].time < rtp[0].time, "RTP before the announcement"
    assert sap[0].sap().line("s") == "Lab Radio"
    assert {p.rtp().payload_type for p in rtp} == {14}
    assert {p.hops for p in rtp + sap} == {64 if family == "ipv6" else 32}
    assert not sequence_gaps(rtp)
    assert judge(scene.capture, scene.headend.host.leg) == []


def test_the_built_in_tone_needs_no_station(scene):
    listener = FfmpegListener(scene.alice, group6(TONE_NUMBER))
    listener.wait_decoded(3, 25)
    assert not scene.capture.malformed()


def test_a_group_outside_the_plan_starts_nothing(scene):
    with scene.alice.join("ff3e:40:2001:db8:d0be:f00d:7000:1"), scene.alice.join("239.255.255.250"):
        let_pass(2)
    assert not scene.capture.select(lambda p: p.kind in ("rtp", "rtcp", "sap"))
    assert scene.headend.sessions() == {}


def test_titles_change_live_and_the_player_plays_on(scene):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(1, 20)
    versions = []
    for title in ("Bach – Air", "Motörhead: Ace of Spades", "日本の歌"):
        scene.headend.icecast.set_title("radio", title)

        def announces(packet, title=title) -> bool:
            return of_kind("sap", scene.group6)(packet) and packet.sap().line("i") == title

        versions.append(scene.capture.wait_packet(announces, 15, f"SAP with '{title}'").sap())
        listener.wait_more(1, 10)
    assert versions[0].version < versions[1].version < versions[2].version
    assert len({sap.hash for sap in versions}) == 3
    assert len({sap.line("m") for sap in versions}) == 1
    assert listener.playing()


def test_a_latecomer_has_its_announcement_at_once(scene, ten_times):
    limit = 1.0 if ten_times else 0.1
    with scene.alice.join(scene.group6):
        scene.capture.wait_packet(of_kind("rtp", scene.group6), 20)
        mac = scene.bob.leg.mac
        for _ in range(3):
            let_pass(1.3)
            with scene.bob.join(scene.group6) as membership:
                report = scene.capture.wait_packet(
                    lambda p: p.time >= membership.asked and p.source_mac == mac and joins(p, scene.group6), 3
                )
                sap = scene.capture.wait_packet(lambda p: p.time > report.time and of_kind("sap", scene.group6)(p), 6)
                assert sap.time - report.time < limit
        assert scene.headend.icecast.listeners("radio") == 1


def test_two_groups_of_one_station_share_its_source(scene):
    with scene.alice.join(scene.group6), scene.bob.join(scene.group4):
        for group in (scene.group6, scene.group4):
            scene.capture.wait_packet(of_kind("rtp", group), 20)
        assert scene.headend.icecast.listeners("radio") == 1
    wait_until(lambda: scene.headend.icecast.listeners("radio") == 0, 15, "the source closed")


def test_the_last_leave_ends_it(scene):
    with scene.alice.join(scene.group6):
        scene.capture.wait_packet(of_kind("rtp", scene.group6), 20)
        scene.headend.wait_session(scene.group6, "live")
    left = scene.capture.wait_packet(lambda p: leaves(p, scene.group6), 3)
    bye = scene.capture.wait_packet(has_bye, 10, "BYE")
    assert bye.time > left.time
    wait_until(lambda: scene.headend.icecast.listeners("radio") == 0, 5, "the source closed")
    wait_until(lambda: scene.headend.sessions() == {}, 5, "no session")


def test_ffmpeg_ends_by_itself_when_the_headend_stops(scene):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    assert scene.headend.stop() == 0
    assert listener.wait_end(8) == 0


def test_a_source_specific_join_of_our_address_is_served(scene):
    channel = f"ff3e::{FIRST_NUMBER >> 16:x}:0"
    service = scene.headend.host.leg.ipv6
    with scene.alice.join(channel, source="2001:db8:d0be:f00d::77"):
        let_pass(1.5)
        assert not scene.capture.select(of_kind("rtp", channel)), "another's channel was served"
    with scene.alice.join(channel, source=service):
        first = scene.capture.wait_packet(of_kind("rtp", channel), 20)
        assert first.source == service


def test_receiver_reports_are_counted_without_joining(scene):
    with scene.bob.join(scene.group6):
        sap = scene.capture.wait_packet(of_kind("sap", scene.group6), 20).sap()
        listener = GstListener(scene.alice, sap.body)
        listener.wait_decoded(1, 20)
        report = scene.capture.wait_packet(lambda p: p.kind == "rtcp" and p.source == scene.alice.leg.ipv6, 15, "a report")
        assert report.rtcp()[0].type == Rtcp.RR
        wait_until(lambda: scene.headend.sessions()[scene.group6].get("receivers", 0) >= 1, 10, "the receiver counted")
        assert scene.group6 not in scene.headend.ns.memberships()
        listener.leave()


def test_gstreamers_comings_and_goings_leave_ffmpeg_alone(scene):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(1, 20)
    sdp = scene.capture.wait_packet(of_kind("sap", scene.group6), 5).sap().body
    for _ in range(20):
        visitor = GstListener(scene.bob, sdp)
        scene.capture.wait_packet(
            lambda p, since=visitor.process.started: p.time > since and p.kind == "rtcp" and p.source == scene.bob.leg.ipv6,
            15, "a report of GStreamer",
        )
        visitor.leave()
    byes = scene.capture.select(lambda p: has_bye(p) and p.source == scene.bob.leg.ipv6)
    assert len(byes) >= 20
    listener.wait_more(2, 10)
    assert not sequence_gaps(scene.capture.select(of_kind("rtp", scene.group6)))


def test_a_player_on_the_headends_own_host_is_served(scene):
    ns = scene.headend.ns
    capture = Capture(ns, scene.headend.link.name)
    listener = FfmpegListener(scene.headend.host, scene.group6)
    listener.wait_decoded(3, 25)
    assert listener.tone_seconds(TONE) >= 2.5
    listener.leave()
    capture.wait_packet(has_bye, 15, "the end")
