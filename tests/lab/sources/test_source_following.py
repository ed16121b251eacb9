"""Lists and redirects lead to the stream, with one request for each step and none beside."""

import pytest

from lab import FIRST_NUMBER, FfmpegListener, Scene, group6, of_kind, wait_until
from web import NAME, TITLE, Web

WEB_TONE = 660


@pytest.fixture
def web(unstarted: Scene) -> Web:
    return Web(unstarted.headend.internet)


def listen(scene: Scene, *urls: str) -> FfmpegListener:
    """A listener of a station with those URLs, who hears its tone."""
    number = FIRST_NUMBER + 1
    scene.headend.write_lineup({number: ("Station", *urls)})
    scene.start()
    listener = FfmpegListener(scene.alice, group6(number))
    listener.wait_decoded(2, 30)
    assert listener.tone_seconds(WEB_TONE) >= 1.5
    return listener


def test_m3u_to_pls_to_redirect_to_stream_takes_one_get_each(unstarted, web):
    listen(unstarted, web.url("radio.m3u"))
    assert [request["path"] for request in web.requests()] == ["/radio.m3u", "/lists/radio.pls", "/moved", "/live"]


def test_shoutcast_1_plays_with_its_name_and_title_in_the_announcement(unstarted, web):
    listen(unstarted, web.url("shoutcast").replace("http:", "icy:"))
    group = group6(FIRST_NUMBER + 1)

    def announced():
        bodies = [packet.sap() for packet in unstarted.capture.select(of_kind("sap", group))]
        return any(sap.line("s") == NAME and sap.line("i") == TITLE for sap in bodies)

    wait_until(announced, 10, "name and title in SAP")
    assert len(web.requests()) == 1
    assert "Icy-MetaData: 1" in web.requests()[0]["head"]


def test_the_targets_of_a_list_are_tried_in_order(unstarted, web):
    listen(unstarted, web.url("some-bad.m3u"))
    assert [request["path"] for request in web.requests()] == ["/some-bad.m3u", "/missing", "/live"]


def test_the_next_url_of_a_station_is_taken(unstarted, web):
    listen(unstarted, web.url("missing"), web.url("page"), web.url("live"))
    assert [request["path"] for request in web.requests()] == ["/missing", "/page", "/live"]


def test_what_a_stream_does_not_tell_is_on_its_servers_status_page(unstarted, web):
    """A stream that tells titles itself is never looked up; and the packager alone says what it asked for."""
    untold, told = FIRST_NUMBER + 1, FIRST_NUMBER + 2
    unstarted.headend.write_lineup({untold: ("Untold", web.url("untold")), told: ("Told", web.url("shoutcast"))})
    unstarted.start()
    titles = {untold: "Beside - The Stream", told: TITLE}

    def announced(number: int) -> bool:
        return any(packet.sap().line("i") == titles[number] for packet in unstarted.capture.select(of_kind("sap", group6(number))))

    with unstarted.alice.join(group6(told)), unstarted.alice.join(group6(untold)):
        wait_until(lambda: announced(told), 10, "the stream's own title in SAP")
        wait_until(lambda: announced(untold), 30, "the status page's title in SAP")
    assert [request["path"] for request in web.requests() if "stat" in request["path"]] == ["/status-json.xsl"]
    asked = "headwater_rtp_packager_status_requests_total"
    wait_until(lambda: unstarted.headend.metric("rtp-packager", asked + '{result="title"}') == 1, 5, "counted")
    assert unstarted.headend.metric("rtp-packager", asked) == 1
