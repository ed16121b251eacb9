"""Formats as stock players hear them, and stations that change theirs while they play."""

import subprocess
import textwrap
from pathlib import Path

import pytest

from lab import FIRST_NUMBER, TONE, FfmpegListener, GstListener, let_pass, of_kind, sequence_gaps, sound, wait_until

MEDIA = Path(__file__).resolve().parents[2] / "data" / "media"

# Files in turn, for ever, at the pace of their bit rate behind a burst of two seconds: a station that changes its encoder.
CHANGING_STATION = """
    import http.server, itertools, socket, sys, time
    files = [open(name, "rb").read() for name in sys.argv[2:]]
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_): pass
        def do_GET(self):
            self.send_response(200); self.send_header("Content-Type", "audio/mpeg"); self.end_headers()
            start, sent = time.monotonic() - 2, 0
            for data in itertools.cycle(files):
                for offset in range(0, len(data), 1000):
                    self.wfile.write(data[offset:offset + 1000])
                    sent += len(data[offset:offset + 1000])
                    time.sleep(max(0, start + sent / 16000 - time.monotonic()))
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6
    Server(("::", int(sys.argv[1])), Handler).serve_forever()
"""


def serve_files(headend, port: int, files) -> str:
    """CHANGING_STATION of these files; its URL."""
    internet = headend.internet
    internet.ns.start(["/usr/bin/python3", "-c", textwrap.dedent(CHANGING_STATION), str(port), *files], f"station-{port}")
    wait_until(lambda: str(port) in internet.ns.run("ss", "-Htln"), 10, "the station listens")
    return f"http://[{internet.leg.ipv6}]:{port}/"


def tone_file(path, frequency: float, rate: int, channels: int, codec: str, muxer: str):
    """Four seconds at 128 kb/s."""
    source = f"sine=frequency={frequency}:sample_rate={rate}:duration=4"
    argv = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source]
    argv += ["-ac", str(channels), "-c:a", codec, "-b:a", "128k"]
    if muxer == "mp3":
        argv += ["-id3v2_version", "0", "-write_xing", "0"]
    subprocess.run([*argv, "-f", muxer, path], check=True, timeout=30)
    return path


@pytest.mark.parametrize("options", [dict(format="aac"), dict(format="aac", channels=1, rate=24000, bitrate="32k"),
                                     dict(format="mp3", channels=1, rate=22050, bitrate="32k"), dict(format="mp2"), dict(format="opus"),
                                     dict(format="opus", channels=1, bitrate="24k")], ids=str)
def test_both_stock_players_hear_the_station(unstarted, options):
    scene = unstarted
    url = scene.headend.icecast.mount("other", TONE, **options)
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
    assert not scene.capture.malformed()


def test_a_station_that_changes_rate_layer_and_channels_plays_on(unstarted, tmp_path):
    """MPA's SDP names none of them, so the session goes on: same SSRC, no gap, all three tones at their pitch."""
    scene = unstarted
    tones = {440: (44100, 2, "libmp3lame", "mp3"), 880: (48000, 2, "mp2", "mp2"), 660: (32000, 1, "libmp3lame", "mp3")}
    files = [tone_file(tmp_path / f"{f}.{muxer}", f, rate, channels, codec, muxer)
             for f, (rate, channels, codec, muxer) in tones.items()]
    scene.headend.write_lineup({FIRST_NUMBER: ("Changing", serve_files(scene.headend, 8081, files))})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(15, 40)
    for frequency in tones:
        assert listener.tone_seconds(frequency) >= 2.5, frequency
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert len({p.rtp().ssrc for p in rtp}) == 1
    assert {p.rtp().payload_type for p in rtp} == {14}


def opus_song(path, frequency: float, title: str, channels: int):
    """Four seconds at 128 kb/s, with a title as a playout's encoder writes it."""
    argv = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-f", "lavfi"]
    argv += ["-i", f"sine=frequency={frequency}:sample_rate=48000:duration=4", "-ac", str(channels), "-c:a", "libopus"]
    argv += ["-b:a", "128k", "-vbr", "off", "-metadata", "artist=Lab", "-metadata", f"title={title}", "-f", "ogg", path]
    subprocess.run(argv, check=True, timeout=30)
    return path


def test_a_chained_opus_station_plays_on_and_tells_each_song(unstarted, tmp_path):
    """Each song is a chain link of its own, one of them in mono: one SSRC, one format, a new version of the SDP for each title."""
    scene = unstarted
    songs = {440: ("First", 2), 880: ("Second", 1)}
    files = [opus_song(tmp_path / f"{f}.opus", f, title, channels) for f, (title, channels) in songs.items()]
    scene.headend.write_lineup({FIRST_NUMBER: ("Chained", serve_files(scene.headend, 8082, files))})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(12, 40)
    for frequency in songs:
        assert listener.tone_seconds(frequency) >= 2.5, frequency
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert len({p.rtp().ssrc for p in rtp}) == 1
    assert {p.rtp().payload_type for p in rtp} == {97}
    sdps = [p.sap().body for p in scene.capture.select(of_kind("sap", scene.group6)) if not p.sap().deletion]
    assert {line for sdp in sdps for line in sdp.splitlines() if line.startswith("i=")} >= {"i=Lab - First", "i=Lab - Second"}
    assert {line for sdp in sdps for line in sdp.splitlines() if ":97" in line} == {"a=rtpmap:97 opus/48000/2", "a=fmtp:97 sprop-stereo=1"}


@pytest.mark.parametrize("sample", ["he_aac_44100_stereo.aac", "he_aac_v2_44100_stereo.aac", "he_aac_44100_stereo.loas",
                                    "he_aac_v2_44100_stereo.loas"])
def test_both_stock_players_hear_he_aac_at_its_rate(unstarted, sample):
    """The SDP tells the core's rate and nothing of SBR; a player that did not find it would play an octave off, or half as long."""
    scene = unstarted
    url = serve_files(scene.headend, 8083, [str(MEDIA / sample)])
    scene.headend.write_lineup({FIRST_NUMBER: ("HE-AAC", url)})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(3, 30)
    sdp = scene.capture.wait_packet(of_kind("sap", scene.group6), 5).sap().body
    assert "mpeg4-generic/22050/" in sdp
    with scene.bob.join(scene.group6):
        other = GstListener(scene.bob, sdp)
        other.wait_decoded(3, 30)
        other.leave()
    for player in (listener, other):
        # Some windows hold the seam of the looped sample.
        pcm = player.pcm()[2 * sound.RATE :]
        assert sound.tone_seconds(pcm, 440, 660) > len(pcm) / 2 / sound.RATE / 2
    # As much sound as time: within the first burst and what a player holds.
    begin = listener.decoded_seconds
    let_pass(3)
    assert 2.2 < listener.decoded_seconds - begin < 3.8
