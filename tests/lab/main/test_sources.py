"""Stations that fail, and stations that come back. Each way of failing is in tests/lab/sources."""

from lab import FIRST_NUMBER, TONE, FfmpegListener, let_pass, of_kind, sequence_gaps, wait_until


def test_a_failed_session_is_tried_again_while_members_remain(unstarted):
    scene = unstarted
    scene.headend.icecast.end("radio")
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    scene.headend.wait_session(scene.group6, "failed", 20)
    scene.headend.icecast.mount("radio", TONE)
    listener.wait_decoded(2, 60)


def test_the_next_url_is_taken(unstarted):
    scene = unstarted
    scene.headend.write_lineup({FIRST_NUMBER: ("Lab Radio", scene.headend.icecast.url("gone"), scene.url)})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 30)
    assert listener.tone_seconds(TONE) >= 1.5


def test_a_source_that_is_gone_for_20_seconds_is_bridged(scene):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    scene.headend.icecast.end("radio")
    let_pass(20)
    assert listener.playing(), "the player gave up"
    scene.headend.icecast.mount("radio", TONE)
    heard = listener.tone_seconds(TONE)
    wait_until(lambda: listener.tone_seconds(TONE) >= heard + 2, 20, "the tone again", every=0.5)
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert len({p.rtp().ssrc for p in rtp}) == 1
    assert max(b.time - a.time for a, b in zip(rtp, rtp[1:])) < 5
