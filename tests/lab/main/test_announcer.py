"""sap-announcer alone: what leaves on real links, and what stock players make of it."""

import json
import re
import subprocess

import pytest

from lab import Capture, FfmpegListener, let_pass, of_kind, wait_until
from lab.judge import judge
from lab.rpc import RpcError, call

GROUPS = {6: "ff3e:40:2001:db8:d0be:f00d:8000:1", 4: "239.192.0.1"}
MPA = 'format { encoding: "MPA" payload_type: 14 clock_rate: 90000 bits_per_second: 128000 }'


class Announcer:
    """A sap-announcer on a host with a leg in each link given."""

    def __init__(self, lab, bin_dir, *links):
        self.host = lab.host("headend", *links)
        self.run_dir = lab.directory / "run"
        self.run_dir.mkdir(exist_ok=True)
        self.config = lab.directory / "headwater.toml"
        legs = "".join(f'{link.name} = "{link.name}"\n' for link in links)
        self.config.write_text(f'run_dir = "{self.run_dir}"\n[legs]\n{legs}')
        self.binary = bin_dir / "sap-announcer"
        self.process = None
        self.start()

    def start(self):
        self.process = self.host.ns.start([self.binary, "--config", self.config], "sap-announcer")
        self.process.wait_log("msg=ready")

    def apply(self, group, links, info="", origin="", more=MPA):
        """`links` maps a link to its joins_total."""
        entries = " ".join(f'links {{ link: "{name}" joins_total: {joins} }}' for name, joins in links.items())
        request = f'channel {{ group: "{group}" }} {entries} {more} info {{ {info} }} hop_limit: 16 origin {{ {origin} }}'
        return call(self.run_dir / "sap-announcer.sock", "announce", "ApplyAnnouncement", f"announcement {{ {request} }}")

    def stop(self, group):
        call(self.run_dir / "sap-announcer.sock", "announce", "StopAnnouncement", f'channel {{ group: "{group}" }}')


def origin_of(answer):
    return re.search(r"origin \{(.*?)\}", answer, re.S)[1].replace("\n", " ")


def saps(capture, group):
    return [packet.sap() for packet in capture.select(of_kind("sap", group))]


@pytest.mark.parametrize("family", [6, 4])
def test_each_link_hears_its_own_service_address(lab, bin_dir, family):
    first, second = lab.link("lan"), lab.link("vlan20")
    announcer = Announcer(lab, bin_dir, first, second)
    group = GROUPS[family]
    # The routing table prefers the first link for every group.
    announcer.host.ns.ip("route add multicast ff00::/8 dev lan table local metric 1")
    captures = {name: Capture(announcer.host.ns, name) for name in ("lan", "vlan20")}
    announcer.apply(group, {"lan": 1, "vlan20": 1}, 'name: "Nine"')
    let_pass(2.5)
    for name, capture in captures.items():
        leg = announcer.host.legs[name]
        address = leg.ipv6 if family == 6 else leg.ipv4
        packets = capture.select(of_kind("sap", group))
        assert len(packets) >= 3
        for packet in packets:
            assert (packet.source, packet.source_port, packet.hops) == (address, 9875, 16)
            assert packet.sap().origin == address
            assert f"incl IN IP{family} {group} {address}" in packet.sap().body
        assert judge(capture, leg) == []
        assert len(capture.tshark("sdp")) >= 3
    assert group not in announcer.host.ns.memberships()


def test_a_latecomer_a_change_and_the_end(lab, bin_dir):
    announcer = Announcer(lab, bin_dir, lab.link("lan"))
    group = GROUPS[6]
    capture = Capture(announcer.host.ns, "lan")
    announcer.apply(group, {"lan": 1}, 'name: "Nine" title: "One"')
    let_pass(0.4)
    announcer.apply(group, {"lan": 2}, 'name: "Nine" title: "One"')
    wait_until(lambda: len(saps(capture, group)) == 2, 0.3, "SAP for the latecomer")
    announcer.apply(group, {"lan": 2}, 'name: "Nine" title: "Two"')
    wait_until(lambda: len(saps(capture, group)) == 3, 0.3, "SAP for the change")
    one, again, two = saps(capture, group)
    assert one == again
    assert (one.line("i"), two.line("i")) == ("One", "Two")
    assert two.version > one.version and two.hash != one.hash
    announcer.stop(group)
    wait_until(lambda: sum(s.deletion for s in saps(capture, group)) == 6, 3, "three deletions of both versions")
    deleted = [s for s in saps(capture, group) if s.deletion]
    assert {s.hash for s in deleted} == {one.hash, two.hash}
    assert judge(capture, announcer.host.leg) == []


def test_killed_it_goes_on_as_the_same_origin(lab, bin_dir):
    announcer = Announcer(lab, bin_dir, lab.link("lan"))
    group = GROUPS[6]
    capture = Capture(announcer.host.ns, "lan")
    announcer.apply(group, {"lan": 1}, 'title: "One"')
    origin = origin_of(announcer.apply(group, {"lan": 1}, 'title: "Two"'))
    announcer.process.kill()
    announcer.start()
    assert origin_of(announcer.apply(group, {"lan": 1}, 'title: "Two"', origin)) == origin
    before = {s.hash for s in saps(capture, group)}
    announcer.stop(group)
    wait_until(lambda: {s.hash for s in saps(capture, group) if s.deletion} == before, 3, "deletion of all versions")


def test_what_cannot_be_announced_is_refused_by_name(lab, bin_dir):
    announcer = Announcer(lab, bin_dir, lab.link("lan"))
    with pytest.raises(RpcError, match="no leg in link vlan99"):
        announcer.apply(GROUPS[6], {"vlan99": 1})
    vorbis = f'format {{ encoding: "vorbis" payload_type: 98 clock_rate: 44100 channels: 2 fmtp: "configuration={"A" * 5000}" }}'
    with pytest.raises(RpcError, match="does not fit the MTU of 1500 of link lan"):
        announcer.apply(GROUPS[6], {"lan": 1}, more=vorbis)


def start_rtp(announcer, group, seconds=60):
    """A stock sender of MP3 from the leg's address, which is the announcer's too."""
    leg = announcer.host.leg
    url = f"rtp://[{group}]:5004" if ":" in group else f"rtp://{group}:5004"
    url += f"?ttl=16&localaddr={leg.ipv6 if ':' in group else leg.ipv4}"
    argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", f"sine=440:duration={seconds}"]
    argv += ["-c:a", "libmp3lame", "-b:a", "128k", "-payload_type", "14", "-f", "rtp", url]
    return announcer.host.ns.start(argv, "rtp")


@pytest.mark.parametrize("family", [6, 4])
def test_ffmpeg_plays_through_titles(lab, bin_dir, family):
    lan = lab.link("lan")
    announcer = Announcer(lab, bin_dir, lan)
    alice = lab.host("alice", lan)
    group = GROUPS[family]
    start_rtp(announcer, group)
    listener = FfmpegListener(alice, group)
    wait_until(lambda: group in alice.ns.memberships(), 5, "the player's join")
    announcer.apply(group, {"lan": 1}, 'name: "Nine" title: "Zero"')
    listener.wait_decoded(2, 15)
    for title in ("One", "Two", "Three"):
        announcer.apply(group, {"lan": 1}, f'name: "Nine" title: "{title}"')
        listener.wait_more(1, 10)
    assert listener.tone_seconds(440) > 4


HOSTILE = {
    "quotes": 'He said "hi" \\\\ it\'s 100 % <b>',
    "a line break": "x\\r\\nm=audio 9 RTP/AVP 0",
    "equals": "v=0 o=- a=source-filter: excl IN IP6 * ::1",
    "other scripts": "Björk – 東京 🎵 עברית",
    "an escape": "\\033[31mred",
    "a long one": "é" * 600,
}


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE.keys())
def test_ffprobe_reads_any_title(lab, bin_dir, title):
    announcer = Announcer(lab, bin_dir, lab.link("lan"))
    group = GROUPS[6]
    start_rtp(announcer, group)
    capture = Capture(announcer.host.ns, "lan")
    quoted = title.replace('"', '\\"')
    announcer.apply(group, {"lan": 1}, f'name: "Nine" title: "{quoted}"')
    sap = capture.wait_packet(of_kind("sap", group), 3).sap()
    assert len(sap.lines("m")) == 1 and len(sap.lines("i")) == 1
    assert all(ord(c) >= 32 for line in sap.body.split("\r\n") for c in line)
    assert len(sap.line("i").encode()) <= 256
    path = lab.directory / "one.sdp"
    path.write_bytes(sap.body.encode())
    argv = ["ffprobe", "-loglevel", "error", "-protocol_whitelist", "file,udp,rtp", "-of", "json"]
    with announcer.host.ns.entered():
        probe = subprocess.run(
            [*argv, "-show_entries", "stream=codec_name:format_tags", str(path)], capture_output=True, text=True, timeout=30
        )
    found = json.loads(probe.stdout)
    assert found["format"]["tags"] == {"title": "Nine", "comment": sap.line("i")}
    assert [s["codec_name"] for s in found["streams"]] == ["mp3"]
