"""MPEG transport streams: stations that send one, and directories that are sent as one."""

import json
import subprocess

import pytest

from lab import FIRST_NUMBER, TONE, FfmpegListener, GstListener, VlcListener, let_pass, of_kind, sequence_gaps, wait_until

MP2_TS = ["-ar", "48000", "-c:a", "mp2", "-b:a", "128k", "-f", "mpegts"]
AAC_TS = ["-ar", "44100", "-c:a", "aac", "-b:a", "96k", "-f", "mpegts"]


def directory_as_ts(scene) -> None:
    scene.headend.config["directory-resolver"]["directory"][0]["container"] = "ts"


def transport_packets(scene, path) -> None:
    """What the group has heard, without the headers: a file for ffprobe."""
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert {p.rtp().payload_type for p in rtp} == {33}
    assert all(len(p.rtp().payload) % 188 == 0 and len(p.rtp().payload) <= 1316 for p in rtp)
    path.write_bytes(b"".join(p.rtp().payload for p in rtp))


@pytest.mark.parametrize("encode", [MP2_TS, AAC_TS], ids=["mp2", "aac"])
def test_a_station_that_sends_a_transport_stream(unstarted, encode):
    scene = unstarted
    url = scene.headend.icecast.file("station.ts", TONE, 60, encode)
    scene.headend.write_lineup({FIRST_NUMBER: ("Other", url)})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(3, 30)
    sdp = scene.capture.wait_packet(of_kind("sap", scene.group6), 5).sap().body
    with scene.bob.join(scene.group6):
        other = GstListener(scene.bob, sdp)
        other.wait_decoded(3, 30)
        other.leave()
    assert listener.tone_seconds(TONE) >= 2.5
    assert other.tone_seconds(TONE) >= 2.5


@pytest.mark.parametrize("options", [dict(format="mp3"), dict(format="aac", bitrate="64k"),
                                     dict(format="mp3", channels=1, rate=22050, bitrate="32k")], ids=str)
def test_every_stock_player_hears_a_directory_in_a_transport_stream(unstarted, tmp_path, options):
    """The third reads no SAP: it is told the group and nothing else."""
    scene = unstarted
    directory_as_ts(scene)
    url = scene.headend.icecast.mount("other", TONE, **options)
    scene.headend.write_lineup({FIRST_NUMBER: ("Station im Test", url)})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 30)
    television = VlcListener(scene.bob, f"rtp://@[{scene.group6}]:5004")
    television.wait_decoded(3, 40)
    sdp = scene.capture.wait_packet(of_kind("sap", scene.group6), 5).sap().body
    assert "m=video 5004 RTP/AVP 33\r\n" in sdp and "a=rtpmap:33 MP2T/90000\r\n" in sdp
    other = GstListener(scene.bob, sdp)
    other.wait_decoded(3, 30)
    other.leave()
    assert listener.tone_seconds(TONE) >= 2
    assert other.tone_seconds(TONE) >= 2
    assert television.tone_seconds(TONE) >= 2
    television.leave()
    assert not scene.capture.malformed()

    captured = tmp_path / "captured.ts"
    transport_packets(scene, captured)
    probe = ["ffprobe", "-v", "warning", "-show_entries", "packet=pts_time:program_tags=service_name", "-of", "json", captured]
    judged = subprocess.run(probe, capture_output=True, text=True, check=True)
    assert judged.stderr == ""
    found = json.loads(judged.stdout)
    assert found["programs"][0]["tags"]["service_name"]
    times = [float(packet["pts_time"]) for packet in found["packets"] if "pts_time" in packet]
    assert max(b - a for a, b in zip(times, times[1:])) < 0.11
    # The clock, by tshark: at most 100 ms apart on the wire's own scale.
    fields = scene.capture.tshark("mp2t.af.pcr", "mp2t.af.pcr")
    clock = [int(value, 0) / 27e6 for row in fields for value in row[0].split(",") if value]
    steps = [b - a for a, b in zip(clock, clock[1:])]
    assert clock and 0 < min(steps) and max(steps) <= 0.1


def test_a_source_that_is_gone_is_bridged_within_the_transport_stream(unstarted):
    scene = unstarted
    directory_as_ts(scene)
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    scene.headend.icecast.end("radio")
    let_pass(8)
    assert listener.playing(), "the player gave up"
    scene.headend.icecast.mount("radio", TONE)
    heard = listener.tone_seconds(TONE)
    wait_until(lambda: listener.tone_seconds(TONE) >= heard + 2, 20, "the tone again", every=0.5)
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert "Continuity check failed" not in listener.process.log()


def test_a_transport_stream_is_announced_before_the_second_play_and_goes_on_after_a_restart(unstarted):
    scene = unstarted
    directory_as_ts(scene)
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    pid = scene.headend.kill("rtp-packager")
    scene.headend.wait_restarted("rtp-packager", pid)
    listener.wait_more(2, 30)
    listener.leave()
    wait_until(lambda: scene.group6 not in scene.headend.sessions(), 15, "the session ended")
    again = FfmpegListener(scene.alice, scene.group6)
    again.wait_decoded(2, 20)
    assert {p.rtp().payload_type for p in scene.capture.select(of_kind("rtp", scene.group6))} == {33}
