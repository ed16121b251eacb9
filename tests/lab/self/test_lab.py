"""The lab itself: what it promises to every other test."""

import contextlib
import glob
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lab import (
    Capture,
    FfmpegListener,
    GstListener,
    Icecast,
    Lab,
    Rtcp,
    has_bye,
    joins,
    leaves,
    of_kind,
    sequence_gaps,
    stays,
    wait_until,
)

GROUP6 = "ff3e:40:2001:db8:d0be:f00d:8000:1"
GROUP4 = "239.192.0.1"
FIRST_SOURCE = "2001:db8:d0be:f00d::1"


def holders(inode: int) -> set[int]:
    """The processes that are in this network namespace or hold it open. Whoever comes later holds another one, whose inode may be the same."""
    found = set()
    for link in [*glob.glob("/proc/[0-9]*/ns/net"), *glob.glob("/proc/[0-9]*/fd/*")]:
        with contextlib.suppress(OSError):
            if os.readlink(link) == f"net:[{inode}]":
                found.add(int(link.split("/")[2]))
    return found


@pytest.mark.parametrize("group", [GROUP6, GROUP4])
def test_a_join_and_a_leave_cross_the_switch(lab, group):
    lan = lab.link()
    headend, alice = lab.host("headend", lan), lab.host("alice", lan)
    capture = Capture(headend.ns, "lan")
    membership = alice.join(group)
    report = capture.wait_packet(lambda p: joins(p, group), 3)
    assert report.hops == 1
    assert report.source == (alice.leg.ipv4 if "." in group else report.source)
    membership.leave()
    capture.wait_packet(lambda p: leaves(p, group), 3)


def test_a_source_specific_join_names_its_source(lab):
    lan = lab.link()
    headend, alice = lab.host("headend", lan), lab.host("alice", lan)
    capture = Capture(headend.ns, "lan")
    alice.join("ff3e::8000:1", source=FIRST_SOURCE)
    report = capture.wait_packet(lambda p: joins(p, "ff3e::8000:1"), 3)
    assert any(r.sources == [FIRST_SOURCE] for r in report.records())


def test_links_are_apart(lab):
    lan, guest = lab.link("lan"), lab.link("guest")
    alice, headend = lab.host("alice", lan), lab.host("headend", lan, guest)
    here, there = Capture(headend.ns, "lan"), Capture(headend.ns, "guest")
    alice.ns.send(b"hello", GROUP6, 7000, "lan")
    here.wait_packet(lambda p: p.payload == b"hello", 3)
    assert not there.select(lambda p: p.payload == b"hello")


def test_the_switch_snoops_once_a_querier_has_spoken(lab):
    """With a querier, a group's frames reach the port that joined it and not the other."""
    lan = lab.link()
    alice, bob, sender = lab.host("alice", lan), lab.host("bob", lan), lab.host("sender", lan)
    lab.switch.run("ip", "link", "set", lan.bridge, "type", "bridge", "mcast_query_use_ifaddr", "1")
    lab.switch.ip(
        f"link set {lan.bridge} type bridge mcast_query_response_interval 10 mcast_querier 1",
        f"address add 192.168.10.250/24 dev {lan.bridge}",
    )
    alice.join(GROUP4)
    wait_until(lambda: GROUP4 in lan.mdb(), 5, "the join in the snooping table")
    at_alice, at_bob = Capture(alice.ns, "lan"), Capture(bob.ns, "lan")

    def only_alice_hears() -> bool:
        before = len(at_bob.select(of_kind("rtp", GROUP4)))
        sender.ns.send(b"\x80" + bytes(11), GROUP4, 5004, "lan")
        at_alice.wait_packet(of_kind("rtp", GROUP4), 3)
        return stays(lambda: len(at_bob.select(of_kind("rtp", GROUP4))) == before, 0.2)

    # Until the querier's response time has passed, a bridge floods.
    wait_until(only_alice_hears, 15, "snooping at work")


def test_no_host_leaves_the_lab(lab):
    alice = lab.host("alice", lab.link())
    interfaces = alice.ns.run("ip", "-br", "link").splitlines()
    assert {line.split("@")[0].split()[0] for line in interfaces} == {"lo", "lan"}


def test_ffmpeg_hears_the_tone_that_is_sent(lab):
    lan = lab.link()
    headend, alice = lab.host("headend", lan), lab.host("alice", lan)
    argv = ["ffmpeg", "-nostdin", "-re", "-f", "lavfi", "-i", "sine=frequency=1000", "-ac", "2", "-c:a", "libmp3lame"]
    headend.ns.start([*argv, "-f", "sap", f"sap://{GROUP4}?announce_addr={GROUP4}&ttl=4"], "sender")
    capture = Capture(alice.ns, "lan")
    listener = FfmpegListener(alice, GROUP4)
    listener.wait_decoded(2, 20)
    assert listener.tone_seconds(1000) >= 1.8
    assert listener.tone_seconds(440) == 0
    assert listener.first_pcm is not None and listener.first_pcm > listener.started
    assert capture.wait_packet(of_kind("sap"), 6).sap().line("c").startswith(f"IN IP4 {GROUP4}")
    assert not sequence_gaps(capture.packets())
    assert not capture.malformed()
    listener.leave()
    capture.wait_packet(lambda p: leaves(p, GROUP4), 3)


def test_gstreamer_reports_and_says_bye(lab):
    lan = lab.link()
    headend, bob = lab.host("headend", lan), lab.host("bob", lan)
    argv = ["ffmpeg", "-nostdin", "-re", "-f", "lavfi", "-i", "sine=frequency=1000", "-ac", "2", "-c:a", "libmp3lame"]
    headend.ns.start([*argv, "-f", "rtp", f"rtp://{GROUP4}:5004?ttl=4"], "sender")
    capture = Capture(headend.ns, "lan")
    sdp = f"v=0\r\no=- 1 1 IN IP4 192.168.10.1\r\ns=-\r\nc=IN IP4 {GROUP4}/4\r\nt=0 0\r\nm=audio 5004 RTP/AVP 14\r\n"
    listener = GstListener(bob, sdp)
    listener.wait_decoded(1, 15)
    report = capture.wait_packet(lambda p: p.kind == "rtcp" and p.source == bob.leg.ipv4, 8)
    assert report.rtcp()[0].type == Rtcp.RR
    listener.leave()
    bye = capture.wait_packet(has_bye, 3)
    assert bye.source == bob.leg.ipv4


def test_icecast_plays_and_changes_its_title(lab):
    fabric = lab.link("fabric")
    internet, client = lab.host("internet", fabric), lab.host("client", fabric)
    icecast = Icecast(internet)
    url = icecast.mount("tone", 440)
    icecast.set_title("tone", "Bach – Air")
    body = client.ns.directory / "body"
    client.ns.run("curl", "-s", "-m", "2", "-H", "Icy-MetaData: 1", "-o", body, url, check=False)
    assert "StreamTitle='Bach – Air'".encode() in body.read_bytes()


def test_nothing_is_left():
    with Lab() as lab:
        host = lab.host("headend", lab.link())
        process = host.ns.start(["sleep", "100"])
        Capture(host.ns, "lan")
        held = {inode: holders(inode) for inode in (host.ns.inode, lab.switch.inode)}
        assert all(held.values())
        directory = lab.directory
    assert not any(holders(inode) & before for inode, before in held.items())
    assert not process.alive()
    assert not directory.exists()


def test_nothing_is_left_when_the_run_is_killed(tmp_path):
    script = """
        import pathlib, sys
        sys.path.insert(0, sys.argv[1])
        from lab import Lab
        lab = Lab(pathlib.Path(sys.argv[2]))
        host = lab.host("headend", lab.link())
        print(host.ns.start(["sleep", "100"]).pid, host.ns.inode, lab.switch.inode, flush=True)
        sys.stdin.read()
    """
    argv = [sys.executable, "-c", textwrap.dedent(script), str(Path(__file__).parent.parent), str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        sleeper, *inodes = map(int, run.stdout.readline().split())
        held = {inode: holders(inode) for inode in inodes}
        assert all(held.values())
        run.send_signal(signal.SIGKILL)
        run.wait()
    wait_until(lambda: not Path(f"/proc/{sleeper}").exists(), 5, "the child's end")
    wait_until(lambda: not any(holders(inode) & before for inode, before in held.items()), 5, "the namespaces' end")


def test_a_skip_without_leave_fails_the_run(tmp_path):
    (tmp_path / "test_skipped.py").write_text("import pytest\ndef test_it():\n    pytest.skip('no reason')\n")
    here = Path(__file__).parent.parent
    argv = [sys.executable, "-m", "pytest", "-c", str(here / "pytest.ini"), "--rootdir", str(here)]
    argv += ["-p", "conftest", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(here)})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "skips: 1, of these not allowed: 1" in done.stdout
