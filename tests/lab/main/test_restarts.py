"""kill -9 of any one service during play: only the packager's own death is heard, and all come to the same state again."""

import pytest

from lab import TONE, FfmpegListener, Packet, Scene, of_kind, sequence_gaps, wait_until

OTHERS = ["membership-watcher", "directory-resolver", "session-manager", "sap-announcer"]


def rtp(scene: Scene) -> list[Packet]:
    return scene.capture.select(of_kind("rtp", scene.group6))


@pytest.mark.parametrize("service", OTHERS)
def test_the_sound_goes_on_without_a_gap(scene, service):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    before = scene.headend.wait_session(scene.group6, "live")
    old = scene.headend.kill(service)
    scene.headend.wait_restarted(service, old)
    listener.wait_more(4, 15)
    assert not sequence_gaps(rtp(scene))
    assert len({p.rtp().ssrc for p in rtp(scene)}) == 1
    after = scene.headend.wait_session(scene.group6, "live")
    assert {k: before[k] for k in ("group", "station", "links", "members", "sender")} == {
        k: after[k] for k in ("group", "station", "links", "members", "sender")
    }
    # And it still does its work: the title changes, the end is noticed.
    scene.headend.icecast.set_title("radio", "After the death")
    scene.capture.wait_packet(lambda p: of_kind("sap", scene.group6)(p) and "After the death" in p.sap().body, 15, "the title")
    listener.leave()
    wait_until(lambda: scene.headend.icecast.listeners("radio") == 0, 20, "the end after the leave")


def test_the_packagers_death_is_a_short_gap(scene, ten_times):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    scene.headend.kill("rtp-packager")
    last = rtp(scene)[-1]
    back = wait_until(lambda: next((p for p in rtp(scene) if p.time > last.time + 0.3), None), 30, "RTP again")
    assert back.time - last.time < (50 if ten_times else 5)
    assert back.rtp().ssrc == last.rtp().ssrc
    # Players drop what seems older than what they had.
    assert 0 < (back.rtp().sequence - last.rtp().sequence) % 65536 < 32768
    # The timestamp has gone on as the wall clock has; packets are up to 100 ms of media.
    ticks = (back.rtp().timestamp - last.rtp().timestamp) % 2**32
    assert abs(ticks / 90000 - (back.time - last.time)) < 0.3
    listener.wait_more(3, 15)
    assert listener.playing()
    assert listener.tone_seconds(TONE) >= 3


def test_the_announcers_death_leaves_the_origin_as_it_was(scene):
    def origins() -> set[str]:
        saps = [p.sap() for p in scene.capture.select(of_kind("sap", scene.group6))]
        return {sap.line("o").split()[1] for sap in saps if not sap.deletion}

    with scene.alice.join(scene.group6):
        scene.capture.wait_packet(of_kind("rtp", scene.group6), 20)
        old = scene.headend.kill("sap-announcer")
        scene.headend.wait_restarted("sap-announcer", old)
        killed = scene.capture.packets()[-1].time
        scene.capture.wait_packet(lambda p: p.time > killed and of_kind("sap", scene.group6)(p), 10, "SAP again")
        assert len(origins()) == 1


def test_the_manager_returns_to_a_world_that_has_changed(scene):
    """Who left while the manager was away is noticed when it is back, and nothing ends before it knows."""
    membership = scene.alice.join(scene.group6)
    scene.capture.wait_packet(of_kind("rtp", scene.group6), 20)
    old = scene.headend.kill("session-manager")
    membership.leave()
    scene.headend.wait_restarted("session-manager", old)
    wait_until(lambda: scene.headend.icecast.listeners("radio") == 0, 20, "the end")
