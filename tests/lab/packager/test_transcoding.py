"""Stations that cannot be sent as they are, and stations that are not what was announced, as stock players hear them."""

import textwrap
import time

import pytest
from test_formats import CHANGING_STATION, tone_file

from lab import FIRST_NUMBER, TONE, FfmpegListener, GstListener, has_bye, let_pass, of_kind, sequence_gaps, wait_until


def rtpmap(scene) -> str:
    """Of the newest announcement."""
    packets = [p.sap() for p in scene.capture.select(of_kind("sap", scene.group6))]
    bodies = [p.body for p in packets if not p.deletion]
    lines = [line for line in bodies[-1].splitlines() if line.startswith("a=rtpmap")]
    return lines[0] if lines else ""


@pytest.mark.parametrize("codec, title", [("flac", "FLAC"), ("vorbis", "Vorbis")])
def test_both_stock_players_hear_what_has_no_payload(unstarted, codec, title):
    scene = unstarted
    url = scene.headend.icecast.mount("other", TONE, format=codec)
    scene.headend.write_lineup({FIRST_NUMBER: ("Other", url)})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(3, 30)
    sdp = scene.capture.wait_packet(of_kind("sap", scene.group6), 5).sap().body
    assert "a=rtpmap:97 opus/48000/2" in sdp
    told = scene.headend.ctl("session", "explain", scene.group6).stdout
    assert f"{title} 44.1 kHz stereo, sent as Opus 48 kHz stereo 128 kb/s" in told
    with scene.bob.join(scene.group6):
        other = GstListener(scene.bob, sdp)
        other.wait_decoded(3, 30)
        other.leave()
    assert listener.tone_seconds(TONE) >= 2.5
    assert other.tone_seconds(TONE) >= 2.5
    assert not sequence_gaps(scene.capture.select(of_kind("rtp", scene.group6)))
    assert not scene.capture.malformed()


def test_a_station_that_changes_its_codec_plays_on(unstarted, tmp_path):
    """What comes in AAC is sent as the MPA that was announced; the player hears every tone and no gap."""
    scene = unstarted
    tones = {440: (44100, 2, "libmp3lame", "mp3"), 880: (48000, 2, "aac", "adts"), 660: (44100, 2, "libmp3lame", "mp3")}
    files = [tone_file(tmp_path / f"{f}.{muxer}", f, rate, channels, codec, muxer)
             for f, (rate, channels, codec, muxer) in tones.items()]
    internet = scene.headend.internet
    internet.ns.start(["/usr/bin/python3", "-c", textwrap.dedent(CHANGING_STATION), "8081", *files], "changing-station")
    wait_until(lambda: "8081" in internet.ns.run("ss", "-Htln"), 10, "the station listens")
    scene.headend.write_lineup({FIRST_NUMBER: ("Changing", f"http://[{internet.leg.ipv6}]:8081/")})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(15, 40)
    for frequency in tones:
        assert listener.tone_seconds(frequency) >= 2.5, frequency
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert len({p.rtp().ssrc for p in rtp}) == 1
    assert {p.rtp().payload_type for p in rtp} == {14}
    assert not scene.capture.select(has_bye)
    assert "into the announced format" in scene.headend.ctl("session", "explain", scene.group6).stdout


def test_a_station_changed_since_its_last_play_is_transcoded_once(scene):
    """Announced as the last play was, it plays as announced; the next session has the new format (ADR 3)."""
    def ended(since: float) -> float:
        return scene.capture.wait_packet(lambda p: p.time > since and has_bye(p), 10, "BYE").time + 1

    def sounds(since: float) -> float:
        return scene.capture.wait_packet(lambda p: p.time > since and of_kind("rtp", scene.group6)(p), 20, "RTP").time

    with scene.alice.join(scene.group6):
        began = sounds(0)
        assert "MPA" in rtpmap(scene)
    scene.headend.icecast.end("radio")
    scene.headend.icecast.mount("radio", TONE, format="aac")
    first_end = ended(began)
    let_pass(max(0, first_end - time.time()))
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(3, 20)
    began = sounds(first_end)
    assert listener.tone_seconds(TONE) >= 2.5
    assert "MPA" in rtpmap(scene)
    listener.leave()
    let_pass(max(0, ended(began) - time.time()))
    with scene.alice.join(scene.group6):
        wait_until(lambda: "mpeg4-generic" in rtpmap(scene), 20, "the new format in an announcement")
