"""headwaterctl against a running headend: what machines read has the committed schema, and exit codes mean what is written."""

import json

import pytest

from lab import FIRST_NUMBER, of_kind, validate, wait_until

@pytest.fixture
def playing(scene):
    with scene.alice.join(scene.group6):
        scene.capture.wait_packet(of_kind("rtp", scene.group6), 20)
        scene.headend.wait_session(scene.group6, "live")
        yield scene


def test_every_list_has_its_schema(playing):
    headend, group = playing.headend, playing.group6
    commands = {
        "session": ["session", "list"],
        "group": ["group", "list"],
        "station": ["station", "list"],
        "sender": ["sender", "list"],
        "endpoint": ["endpoint", "list"],
        "health": ["health"],
        "explain": ["session", "explain", group],
        "resolve": ["group", "resolve", group],
    }
    for schema, command in commands.items():
        rows = headend.json(*command)
        assert rows, command
        validate(schema, rows)


def test_a_session_and_its_group_are_told(playing):
    session = playing.headend.sessions()[playing.group6]
    assert (session["station"], session["state"], session["links"], session["members"]) == ("Lab Radio", "live", ["lan"], 1)
    groups = [g for g in playing.headend.json("group", "list") if g["group"] == playing.group6]
    assert len(groups) == 1 and groups[0]["link"] == "lan" and len(groups[0]["members"]) == 1


def test_explain_tells_the_story_in_order(playing):
    story = playing.headend.ctl("session", "explain", playing.group6).stdout
    places = [story.find(step) for step in ("report", "source_requested", "source_answered", "format_known", "rtp")]
    assert -1 not in places and places == sorted(places), story


def test_watch_tells_changes(scene):
    watch = scene.headend.ns.start(
        [scene.headend.bin_dir / "headwaterctl", "--run-dir", scene.headend.run_dir, "session", "watch", "--json"], "watch"
    )
    with scene.alice.join(scene.group6):
        wait_until(lambda: '"live"' in watch.log(), 20, "the session in the watch")


def test_exports_play(playing):
    m3u = playing.headend.ctl("station", "export", "--format", "m3u").stdout
    assert m3u.startswith("#EXTM3U") and playing.group6 in m3u
    service = playing.headend.host.leg.ipv6
    sdp = wait_until(
        lambda: playing.headend.ctl(
            "station", "export", "--format", "sdp", "--number", hex(FIRST_NUMBER), "--service-address", service, check=False
        ).stdout,
        10, "the format known to the resolver",
    )
    live = playing.capture.wait_packet(of_kind("sap", playing.group6), 5).sap()
    for line in ("c=IN IP6 " + playing.group6, "m=" + live.line("m")):
        assert line in sdp


def test_exit_codes(scene):
    ctl = scene.headend.ctl
    assert ctl("session", "list").returncode == 0
    assert ctl("session", "wrong", check=False).returncode == 2
    assert ctl("session", "explain", "ff3e:40:2001:db8:d0be:f00d:8000:99", check=False).returncode == 3
    scene.headend.stop()
    assert ctl("session", "list", check=False).returncode == 4
