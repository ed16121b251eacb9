"""RTSP beside SAP: stock players that are given an rtsp:// URL join the group and start the station as any other listener does."""

import re
import socket

import pytest

from lab import (
    FIRST_NUMBER,
    SERVICES,
    TONE,
    TONE_NUMBER,
    FfmpegListener,
    group6,
    has_bye,
    joins,
    of_kind,
    wait_until,
)
from lab.judge import judge

PORT = 8554
UDP_MULTICAST = ["-rtsp_transport", "udp_multicast"]


@pytest.fixture
def told(unstarted):
    unstarted.headend.config["sap-announcer"] = {"rtsp_port": PORT}
    unstarted.start()
    # Before it knows the number plan, the manager can tell nobody anything: 503.
    connected = "headwater_session_manager_endpoint_connected"
    wait_until(lambda: unstarted.headend.metric("session-manager", connected) == len(SERVICES) - 1, 20, "the number plan")
    return unstarted


def url(scene, path, family="ipv6"):
    leg = scene.headend.host.leg
    return f"rtsp://[{leg.ipv6}]:{PORT}/{path}" if family == "ipv6" else f"rtsp://{leg.ipv4}:{PORT}/{path}"


def requests(scene, host, *texts, family="ipv6"):
    """The responses to requests that one connection sends, each after the response to the one before: (status line, all)."""
    leg = scene.headend.host.leg
    with host.ns.entered():
        connection = socket.create_connection((leg.ipv6 if family == "ipv6" else leg.ipv4, PORT), timeout=8)
    answers = []
    with connection:
        for number, text in enumerate(texts):
            request, *headers = text.split("\n")
            lines = [f"{request} RTSP/1.0", f"CSeq: {number}", *headers]
            connection.sendall("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += (piece := connection.recv(65536))
                assert piece, f"closed after {text}"
            length = int((re.search(rb"Content-Length: (\d+)", answer) or [b"", b"0"])[1])
            while len(answer) < answer.index(b"\r\n\r\n") + 4 + length:
                answer += connection.recv(65536)
            assert f"CSeq: {number}\r\n".encode() in answer
            answers.append((answer.decode().split("\r\n")[0], answer.decode()))
    return answers


def sdp_of(answer):
    status, text = answer
    assert status == "RTSP/1.0 200 OK"
    return text.split("\r\n\r\n", 1)[1]


@pytest.mark.parametrize("family", ["ipv6", "ipv4"])
def test_ffmpeg_plays_a_station_that_was_idle(told, family):
    group = told.group6 if family == "ipv6" else told.group4
    listener = FfmpegListener(told.alice, url(told, group, family), UDP_MULTICAST)
    listener.wait_decoded(4, 30)
    assert listener.tone_seconds(TONE) >= 3.5
    join = told.capture.wait_packet(lambda p: joins(p, group), 1)
    rtp = told.capture.select(of_kind("rtp", group))
    assert join.time < rtp[0].time, "RTP before the join"
    assert told.headend.icecast.listeners("radio") == 1
    assert judge(told.capture, told.headend.host.leg) == []
    listener.leave()
    told.capture.wait_packet(has_bye, 15, "the end, by the last leave")


def test_players_are_told_of_a_live_station_by_group_and_by_number(told):
    with told.bob.join(told.group6):
        sap = told.capture.wait_packet(of_kind("sap", told.group6), 20).sap()
        told.capture.wait_packet(of_kind("rtp", told.group6), 20)
        by_group, by_number = requests(
            told, told.alice, f"DESCRIBE {url(told, told.group6)}", f"DESCRIBE {url(told, f'{FIRST_NUMBER:#x}')}"
        )
        newest = told.capture.select(of_kind("sap", told.group6))[-1].sap()
        assert sdp_of(by_group) in (sap.body, newest.body)
        assert sdp_of(by_number) == sdp_of(by_group)
        listener = FfmpegListener(told.alice, url(told, told.group6), UDP_MULTICAST)
        listener.wait_decoded(2, 20)
        assert told.headend.icecast.listeners("radio") == 1


def test_gstreamer_plays(told):
    sound = told.lab.directory / "gst.raw"
    words = ["gst-launch-1.0", "rtspsrc", f"location={url(told, told.group6)}", "protocols=udp-mcast", "latency=200", "!"]
    words += ["decodebin", "!", "audioconvert", "!", "audioresample", "!", "audio/x-raw,format=S16LE,channels=1,rate=48000"]
    words += ["!", "filesink", f"location={sound}", "buffer-mode=unbuffered"]
    player = told.alice.ns.start(words, "gst")
    wait_until(lambda: sound.exists() and sound.stat().st_size > 2 * 48000 * 2, 30, "two seconds of sound")
    assert player.alive()


def test_the_test_tone_is_described_before_anyone_has_heard_it(told):
    (answer,) = requests(told, told.alice, f"DESCRIBE {url(told, hex(TONE_NUMBER))}")
    sdp = sdp_of(answer)
    assert f"c=IN IP6 {group6(TONE_NUMBER)}\r\n" in sdp and "m=audio 5004 RTP/AVP 14\r\n" in sdp
    assert told.headend.sessions() == {}, "asking has started something"


def test_what_a_description_says_is_what_comes(told):
    (described,) = requests(told, told.alice, f"DESCRIBE {url(told, told.group6)}")
    assert told.headend.sessions() == {}
    with told.alice.join(told.group6):
        sap = told.capture.wait_packet(of_kind("sap", told.group6), 20).sap()

    def fixed(sdp):
        return [line for line in sdp.split("\r\n") if line[:2] in ("c=", "m=", "a=", "s=", "b=")]

    assert fixed(sdp_of(described)) == fixed(sap.body)


def test_what_cannot_be_had_is_answered_clearly(told):
    unknown, outside = f"{FIRST_NUMBER + 9:#x}", "239.255.255.250"
    told.headend.write_lineup(
        {FIRST_NUMBER: ("Lab Radio", told.url), FIRST_NUMBER + 1: ("Gone", told.headend.icecast.url("nowhere"))}
    )
    wait_until(lambda: len(told.headend.json("station", "list")) >= 3, 10, "the lineup read")
    answers = requests(
        told, told.alice,
        f"DESCRIBE {url(told, unknown)}",
        f"DESCRIBE {url(told, outside)}",
        f"DESCRIBE {url(told, 'radio')}",
        f"DESCRIBE {url(told, f'{FIRST_NUMBER + 1:#x}')}",
        f"SETUP {url(told, told.group6)}\nTransport: RTP/AVP;unicast;client_port=5000-5001",
        f"RECORD {url(told, told.group6)}",
        family="ipv4",
    )
    statuses = [status for status, _ in answers]
    assert [status.split()[1] for status in statuses] == ["404", "404", "404", "503", "461", "405"]
    assert unknown in statuses[0] and outside in statuses[1]
    assert "http_status" in statuses[3] and "multicast only" in statuses[4]
    player = FfmpegListener(told.alice, url(told, told.group6), ["-rtsp_transport", "tcp"])
    assert player.wait_end(20) != 0
    assert "461" in player.process.log()
    assert told.headend.sessions() == {}


def test_a_session_manager_that_comes_back_answers(told):
    told.headend.kill("session-manager")
    wait_until(
        lambda: "200" in requests(told, told.alice, f"DESCRIBE {url(told, told.group6)}")[0][0],
        20, "a description when it is back", every=0.3,
    )
