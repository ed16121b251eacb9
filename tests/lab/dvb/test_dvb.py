"""Services of carriers, on demand: joined by listeners, received by real dvblast on virtual cards."""

import os
import signal

from dvb_card import expected_properties
from dvb_judge import decoded_tone, rtp_stream
from dvb_scene import FILM, HOME_CARRIER, JAZZ, JAZZ_CARRIER, ONE, TWO, UHD, UHD_CARRIER, eventually

from lab import FfmpegListener, group6, let_pass, of_kind
from lab.judge import judge

# What a packet's wait may take on a machine that does other things, in builds with sanitizers.
PATIENCE = 20


def test_a_join_locks_the_carrier_and_the_service_plays(scene):
    """...:cb5a:1041 is service 0x1041 of 11426.5 MHz, horizontal."""
    assert group6(ONE).endswith("cb5a:1041")
    listener = FfmpegListener(scene.alice, group6(ONE))
    listener.wait_decoded(3, PATIENCE)
    assert listener.tone_seconds(440) >= 2
    tuned = scene.cards.tunings()
    assert len(tuned) == 1 and expected_properties(scene.sky[HOME_CARRIER].command).items() <= tuned[0].items()
    assert {row["voltage"] for row in scene.cards.log() if "voltage" in row} == {18}
    sap = scene.capture.wait_packet(of_kind("sap", group6(ONE)), 5).sap()
    assert "m=video 5004 RTP/AVP 33\r\n" in sap.body
    newest = lambda: scene.capture.select(of_kind("sap", group6(ONE)))[-1].sap()  # noqa: E731
    eventually(lambda: "Lab One" in newest().line("s"), 10, "the service's name in the SDP")
    eventually(lambda: "Lab One at 0" in newest().line("i"), 10, "the present event in the SDP")
    assert scene.errors(ONE) == {}
    listener.leave()
    eventually(lambda: not scene.tuner.dvblasts(), PATIENCE, "the end of dvblast")
    assert judge(scene.capture, scene.headend.host.leg) == []


def test_a_service_comes_and_goes_beside_another_of_its_carrier(unstarted):
    """A hundred times, at the pace of somebody who zaps, and the first misses nothing."""
    unstarted.headend.config["directory-resolver"]["directory"][1]["linger"] = "0s"
    scene = unstarted.start()
    with scene.alice.join(group6(ONE)):
        began = scene.wait_rtp(ONE)[0].time
        old = scene.tuner.dvblasts()
        assert len(old) == 1
        for _ in range(100):
            with scene.bob.join(group6(TWO)):
                let_pass(0.06)
            let_pass(0.02)
        with scene.bob.join(group6(TWO)):
            scene.wait_rtp(TWO)
        assert scene.errors(ONE, began) == {}
        assert len({p.rtp().ssrc for p in scene.rtp(ONE)}) == 1
        assert scene.tuner.dvblasts().keys() == old.keys() and scene.cards.carriers() == [HOME_CARRIER]
        heard = decoded_tone(rtp_stream(scene.rtp(ONE)), 440)
        lasted = scene.rtp(ONE)[-1].time - began
        assert heard >= lasted - 2


def test_tuners_are_shared_and_then_refused_and_then_free(scene):
    with scene.alice.join(group6(ONE)), scene.alice.join(group6(TWO)):
        scene.wait_rtp(ONE)
        scene.wait_rtp(TWO)
        assert len(scene.tuner.dvblasts()) == 1
        second = scene.bob.join(group6(UHD))
        scene.wait_rtp(UHD)
        assert {scene.tuner_of(HOME_CARRIER), scene.tuner_of(UHD_CARRIER)} == {0, 1}
        with scene.carol.join(group6(JAZZ)):
            failed = scene.headend.wait_session(group6(JAZZ), "failed", PATIENCE)
            said = str(failed)
            # By whom, so that one knows whom to ask.
            assert "adapter0" in said and "adapter1" in said and UHD_CARRIER in said, said
            second.leave()
            scene.wait_rtp(JAZZ)
        assert scene.cards.carriers(scene.tuner_of(JAZZ_CARRIER)) == [UHD_CARRIER, JAZZ_CARRIER]
        assert scene.errors(ONE) == {} and scene.errors(TWO) == {}


def test_switching_channels_does_not_wait_for_the_linger(unstarted):
    """Both tuners are taken; who leaves one carrier for a third has it long before the session left behind would end."""
    unstarted.headend.config["directory-resolver"]["directory"][1]["linger"] = "15s"
    scene = unstarted.start()
    with scene.alice.join(group6(ONE)):
        before = scene.bob.join(group6(UHD))
        scene.wait_rtp(ONE)
        scene.wait_rtp(UHD)
        before.leave()
        with scene.bob.join(group6(JAZZ)):
            scene.wait_rtp(JAZZ, timeout=10)
        assert scene.errors(ONE) == {}


def test_who_matters_more_takes_a_tuner_from_who_matters_less(unstarted):
    """11224 MHz has a directory of its own, which goes before the rest."""
    directories = unstarted.headend.config["directory-resolver"]["directory"]
    directories.append({**directories[1], "name": "jazz", "prefix": "0xE8300000/16", "priority": 90})
    scene = unstarted.start()
    with scene.alice.join(group6(ONE)), scene.bob.join(group6(UHD)):
        scene.wait_rtp(ONE)
        scene.wait_rtp(UHD)
        with scene.carol.join(group6(JAZZ)):
            scene.wait_rtp(JAZZ)
            sessions = scene.headend.sessions()
            lost = [number for number in (ONE, UHD) if sessions[group6(number)]["state"].lower() == "failed"]
            assert len(lost) == 1 and f"{JAZZ:#x}" in str(sessions[group6(lost[0])])
            kept = ONE if lost == [UHD] else UHD
            since = scene.rtp(kept)[-1].time
        scene.wait_rtp(lost[0], since)
        assert scene.errors(kept) == {}


def test_a_scrambled_service_is_said_to_be_one(unstarted):
    unstarted.headend.config["dvb-tuner"]["descramble_patience"] = "1s"
    scene = unstarted.start()
    with scene.alice.join(group6(FILM)):
        failed = scene.headend.wait_session(group6(FILM), "failed", PATIENCE)
        assert "scrambled" in str(failed)
        assert scene.rtp(FILM) == []


def wait_back(scene, number: int, since: float, other: int) -> float:
    """A service is heard again, by the same SSRC, while the other one has missed nothing since then. Returns when."""
    back = scene.wait_rtp(number, since, timeout=30)
    assert {p.rtp().ssrc for p in back} == {scene.rtp(number)[0].rtp().ssrc}
    assert scene.errors(other, since) == {}
    return back[0].time


def test_what_breaks_below_comes_back_and_disturbs_nobody_else(scene):
    """dvblast killed, lock lost, dvb-tuner killed: each alone is in test_tuner.py, here it is what listeners get."""
    with scene.alice.join(group6(ONE)), scene.bob.join(group6(UHD)):
        scene.wait_rtp(ONE)
        scene.wait_rtp(UHD)
        victim = next(pid for pid, words in scene.tuner.dvblasts().items() if "11426500" in words)
        os.kill(victim, signal.SIGKILL)
        back = wait_back(scene, ONE, scene.rtp(UHD)[-1].time + 0.3, UHD)
        assert scene.errors(UHD) == {}
        scene.sky[UHD_CARRIER].set(lock=0)
        eventually(lambda: "LEASE_STATE_LOST" in scene.tuner.leases()[UHD], 10, "the lease is lost")
        scene.sky[UHD_CARRIER].set(lock=1)
        wait_back(scene, UHD, scene.rtp(ONE)[-1].time, ONE)
        assert scene.errors(ONE, back) == {}
        old = scene.headend.kill("dvb-tuner")
        since = scene.rtp(ONE)[-1].time + 1
        scene.headend.wait_restarted("dvb-tuner", old)
        for number in (ONE, UHD):
            back = scene.wait_rtp(number, since, timeout=30)
            assert {p.rtp().ssrc for p in back} == {scene.rtp(number)[0].rtp().ssrc}
        eventually(lambda: len(scene.tuner.dvblasts()) == 2, 10, "two dvblasts and no more")


def test_a_pulled_card_costs_its_listeners_alone(scene):
    with scene.alice.join(group6(ONE)), scene.bob.join(group6(UHD)):
        scene.wait_rtp(ONE)
        scene.wait_rtp(UHD)
        adapter = scene.tuner_of(UHD_CARRIER)
        scene.cards.pull(adapter)
        scene.tuner.wait_tuner(f"adapter{adapter}", "ABSENT", 20)
        since = scene.rtp(ONE)[-1].time
        scene.cards.put_back(adapter)
        scene.wait_rtp(UHD, since, timeout=30)
        assert scene.errors(ONE) == {}
