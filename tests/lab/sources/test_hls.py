"""HLS from a real encoder, as stock players hear it."""

import pytest

from hls import HlsStation
from lab import FIRST_NUMBER, TONE, FfmpegListener, GstListener, Scene, let_pass, of_kind, sequence_gaps, wait_until

KINDS = ["mpegts", "fmp4", "adts"]


def start(scene: Scene, kind: str) -> HlsStation:
    station = HlsStation(scene.headend.internet, kind, TONE)
    scene.headend.write_lineup({FIRST_NUMBER: ("HLS", station.url)})
    scene.start()
    return station


@pytest.mark.parametrize("kind", KINDS)
def test_both_stock_players_hear_the_best_variant_without_a_gap(unstarted, kind):
    scene = unstarted
    station = start(scene, kind)
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(1, 20)
    sdp = scene.capture.wait_packet(of_kind("sap", scene.group6), 5).sap().body
    with scene.bob.join(scene.group6):
        other = GstListener(scene.bob, sdp)
        listener.wait_decoded(20, 40)
        other.wait_decoded(3, 30)
        other.leave()
    assert listener.tone_seconds(TONE) >= 19.5
    assert other.tone_seconds(TONE) >= 2.5
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert max(b.time - a.time for a, b in zip(rtp, rtp[1:])) < 1, "it stopped between segments"
    assert "GET /low" not in station.server.log()
    assert not scene.capture.malformed()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adts"])
def test_a_discontinuity_is_played_through(unstarted, kind):
    scene = unstarted
    station = start(scene, kind)
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    station.change(2 * TONE)
    wait_until(lambda: listener.tone_seconds(2 * TONE) >= 3, 30, "the other tone", every=0.5)
    assert "#EXT-X-DISCONTINUITY" in (station.directory / "high/list.m3u8").read_text()
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert len({packet.rtp().ssrc for packet in rtp}) == 1


def test_a_server_that_is_gone_for_ten_seconds_is_bridged(unstarted):
    scene = unstarted
    station = start(scene, "fmp4")
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    station.server.kill()
    let_pass(10)
    assert listener.playing(), "the player gave up"
    station.serve()
    heard = listener.tone_seconds(TONE)
    wait_until(lambda: listener.tone_seconds(TONE) >= heard + 5, 30, "the tone again", every=0.5)
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert len({packet.rtp().ssrc for packet in rtp}) == 1
    assert max(b.time - a.time for a, b in zip(rtp, rtp[1:])) < 5
