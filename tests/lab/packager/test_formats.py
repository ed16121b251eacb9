"""Formats as stock players hear them, and stations that change theirs while they play."""

import subprocess
import textwrap

import pytest

from lab import FIRST_NUMBER, TONE, FfmpegListener, GstListener, of_kind, sequence_gaps, wait_until

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
                                     dict(format="mp3", channels=1, rate=22050, bitrate="32k")], ids=str)
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
    assert not scene.capture.malformed()


def test_a_station_that_changes_rate_layer_and_channels_plays_on(unstarted, tmp_path):
    """MPA's SDP names none of them, so the session goes on: same SSRC, no gap, all three tones at their pitch."""
    scene = unstarted
    tones = {440: (44100, 2, "libmp3lame", "mp3"), 880: (48000, 2, "mp2", "mp2"), 660: (32000, 1, "libmp3lame", "mp3")}
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
