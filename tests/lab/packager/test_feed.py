"""DVB services without a tuner: ffmpeg sends a transport stream to the packager's feed, as dvblast would."""

import json
import re
import signal
import subprocess

import pytest

from lab import SERVICES, TONE, Capture, FfmpegListener, Process, let_pass, of_kind, sequence_gaps, to_toml, wait_until
from lab.rpc import RpcError, call

GROUP = "ff3e:40:2001:db8:d0be:f00d:cb5a:1041"
NUMBER = 0xCB5A1041
PORT = 40000
SDP = """v=0
o=- 1 1 IN IP6 {address}
s=Service
c=IN IP6 {group}
t=0 0
a=source-filter: incl IN IP6 {group} {address}
m=video 5004 RTP/AVP 33
a=rtpmap:33 MP2T/90000
"""


class Packager:
    """An rtp-packager on a host with a leg in "lan"; its first feed is awaited at PORT."""

    def __init__(self, lab, bin_dir, feed_address: str):
        link = lab.link("lan")
        self.host, self.alice = lab.host("headend", link), lab.host("alice", link)
        self.feed_address = feed_address
        self.run_dir = lab.directory / "run"
        self.run_dir.mkdir()
        self.sdp = lab.directory / "service.sdp"
        self.sdp.write_text(SDP.format(address=self.host.leg.ipv6, group=GROUP))
        tables = {"feed_address": feed_address, "feed_port_first": PORT}
        config = lab.directory / "headwater.toml"
        config.write_text(to_toml({"run_dir": str(self.run_dir), "legs": {"lan": "lan"}, "rtp-packager": tables}))
        self.process = self.host.ns.start([bin_dir / "rtp-packager", "--config", config], "rtp-packager")
        self.process.wait_log("msg=ready")
        self.capture = Capture(self.host.ns, "lan")

    def apply(self, transmit: bool, source: str = "", silence: int = 60) -> None:
        station = f'station {{ number: {NUMBER} title: "Service" kind: STATION_KIND_DVB dvb {{ carrier: "x" }} }}'
        spec = f'channel {{ group: "{GROUP}" }} {station} links: "lan" transmit: {str(transmit).lower()} dscp: 34'
        spec += f' hop_limit: 16 silence_limit {{ seconds: {silence} }} feed_source: "{source or self.feed_address}"'
        call(self.run_dir / "rtp-packager.sock", "packager", "ApplySession", f"session {{ {spec} }}")

    def tuner(self, source: str = "") -> Process:
        """Video, a tone and its tables at media pace, 4 Mbit/s, from an address."""
        argv = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-re"]
        argv += ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i", f"sine=frequency={TONE}:sample_rate=48000"]
        argv += ["-c:v", "mpeg2video", "-b:v", "2M", "-g", "12", "-c:a", "mp2", "-b:a", "128k", "-muxrate", "4M", "-f", "mpegts"]
        address = f"[{self.feed_address}]" if ":" in self.feed_address else self.feed_address
        argv.append(f"udp://{address}:{PORT}?pkt_size=1316&localaddr={source or self.feed_address}")
        return self.host.ns.start(argv, "tuner", stop_signal=signal.SIGKILL)

    def player(self) -> FfmpegListener:
        options = ["-protocol_whitelist", "file,udp,rtp", "-probesize", "500k"]
        return FfmpegListener(self.alice, f"file://{self.sdp}", options)

    def metric(self, name: str, label: str = "") -> float:
        text = self.host.ns.http(f"http://127.0.0.1:{SERVICES['rtp-packager']}/metrics")
        rows = re.findall(rf"^headwater_rtp_packager_{name}(\{{[^}}]*\}})? (\S+)", text, re.M)
        return sum(float(value) for labels, value in rows if label in labels)

    def wait_state(self, state: str, timeout: float = 15) -> None:
        wait_until(lambda: self.metric("sessions", f'state="{state}"') == 1, timeout, state, every=0.2)

    def rtp(self):
        return self.capture.select(of_kind("rtp", GROUP))


@pytest.mark.parametrize("feed_address", ["::1", "127.0.0.1"])
def test_a_stock_player_hears_a_feed(lab, bin_dir, tmp_path, feed_address):
    packager = Packager(lab, bin_dir, feed_address)
    packager.apply(transmit=False)
    packager.tuner()
    packager.wait_state("ready")
    let_pass(1)
    assert not packager.rtp(), "before it is told to"
    listener = packager.player()
    packager.apply(transmit=True)
    listener.wait_decoded(4, 30)
    assert listener.tone_seconds(TONE) >= 3
    assert "Continuity check failed" not in listener.process.log()
    assert packager.metric("feed_continuity_errors_total") == 0
    assert packager.metric("feed_dropped_total") == 0

    rtp = packager.rtp()
    assert {p.rtp().payload_type for p in rtp} == {33}
    assert {p.hops for p in rtp} == {16}
    assert not sequence_gaps(rtp)
    assert [p.rtp().marker for p in rtp].count(True) == 1
    assert all(len(p.rtp().payload) % 188 == 0 and len(p.rtp().payload) <= 1316 for p in rtp)
    # Timestamps are the time of sending: what the capture says, by 20 ms.
    first = rtp[0]
    for packet in rtp:
        ticks = (packet.rtp().timestamp - first.rtp().timestamp) % (1 << 32)
        assert abs(ticks / 90000 - (packet.time - first.time)) < 0.02
    captured = tmp_path / "captured.ts"
    captured.write_bytes(b"".join(p.rtp().payload for p in rtp))
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "json", captured]
    found = json.loads(subprocess.run(probe, capture_output=True, text=True, check=True).stdout)["streams"]
    assert {stream["codec_name"] for stream in found} == {"mpeg2video", "mp2"}
    assert not packager.capture.malformed()


def test_a_feed_that_is_gone_is_bridged_and_comes_back(lab, bin_dir):
    packager = Packager(lab, bin_dir, "::1")
    packager.apply(transmit=True)
    tuner = packager.tuner()
    listener = packager.player()
    listener.wait_decoded(2, 30)
    tuner.kill()
    packager.wait_state("silent")
    let_pass(11)
    assert listener.playing(), "the player gave up"
    packager.tuner()
    packager.wait_state("sending")
    heard = listener.tone_seconds(TONE)
    wait_until(lambda: listener.tone_seconds(TONE) >= heard + 2, 20, "the tone again", every=0.5)
    rtp = packager.rtp()
    assert not sequence_gaps(rtp)
    assert len({p.rtp().ssrc for p in rtp}) == 1
    assert max(b.time - a.time for a, b in zip(rtp, rtp[1:])) < 2.5


def test_what_others_send_to_the_feed_is_dropped(lab, bin_dir):
    packager = Packager(lab, bin_dir, "127.0.0.1")
    packager.apply(transmit=True)
    packager.tuner(source="127.0.0.2")
    wait_until(lambda: packager.metric("feed_dropped_total", 'reason="source"') > 100, 15, "counted", every=0.2)
    assert not packager.rtp()
    # Its source becomes known.
    packager.apply(transmit=True, source="127.0.0.2")
    packager.wait_state("sending")


def test_a_source_that_is_no_address_is_refused(lab, bin_dir):
    packager = Packager(lab, bin_dir, "::1")
    with pytest.raises(RpcError) as refused:
        packager.apply(transmit=True, source="tuner.example")
    assert "feed_source" in refused.value.message
