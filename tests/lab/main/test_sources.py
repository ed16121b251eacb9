"""Stations that fail, and stations that come back."""

import textwrap

from lab import FIRST_NUMBER, TONE, FfmpegListener, Scene, group6, let_pass, of_kind, sequence_gaps, wait_until

# What answers on the internet host's port 8080, by path.
BAD_STATIONS = """
    import http.server, socketserver, sys, time
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_): pass
        def head(self, status, **headers):
            self.send_response(status)
            for name, value in headers.items(): self.send_header(name.replace("_", "-"), value)
            self.end_headers()
        def do_GET(self):
            kind = self.path.strip("/")
            if kind == "missing": self.head(404)
            elif kind == "loop": self.head(302, Location="/loop")
            elif kind == "html":
                self.head(200, Content_Type="text/html")
                self.wfile.write(b"<html><head><title>Buy our app</title></head></html>")
            elif kind == "header":
                self.wfile.write(b"HTTP/1.0 200 OK\\r\\n")
                while True: self.wfile.write(b"X-More: " + b"x" * 1000 + b"\\r\\n"); time.sleep(0.001)
            elif kind == "silence":
                self.head(200, Content_Type="audio/mpeg"); time.sleep(3600)
            elif kind == "codec":
                self.head(200, Content_Type="video/x-flv")
                self.wfile.write(b"FLV\\x01\\x05\\0\\0\\0\\x09" + bytes(100000)); time.sleep(3600)
    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        address_family = __import__("socket").AF_INET6
    Server(("::", 8080), Handler).serve_forever()
"""
CASES = {
    "missing": ("http://[{host}]:8080/missing", "404"),
    "refused": ("http://[{host}]:9/", "refused"),
    "dns": ("http://no-such-station.invalid/", "no-such-station.invalid"),
    "tls": ("https://[{host}]:8080/", "TLS"),
    "loop": ("http://[{host}]:8080/loop", "redirect"),
    "html": ("http://[{host}]:8080/html", "Buy our app"),
    "header": ("http://[{host}]:8080/header", "header"),
    "silence": ("http://[{host}]:8080/silence", ""),
    "codec": ("http://[{host}]:8080/codec", ""),
}


def start_bad_stations(scene: Scene) -> None:
    internet = scene.headend.internet
    internet.ns.start(["/usr/bin/python3", "-c", textwrap.dedent(BAD_STATIONS)], "bad-stations")
    wait_until(lambda: _listens(internet), 10, "the bad stations")


def _listens(internet) -> bool:
    try:
        internet.ns.http("http://[::1]:8080/html")
        return True
    except OSError:
        return False


def test_every_failure_is_told_in_one_line_and_hurts_nobody(unstarted):
    scene = unstarted
    start_bad_stations(scene)
    host = scene.headend.internet.leg.ipv6
    stations = {FIRST_NUMBER: ("Good", scene.url)}
    for number, (url, _) in enumerate(CASES.values(), FIRST_NUMBER + 1):
        stations[number] = (f"Bad {number:x}", url.format(host=host))
    scene.headend.write_lineup(stations)
    directory = scene.headend.config["directory-resolver"]["directory"][0]
    directory["start_timeout"] = "6s"
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(1, 20)
    memberships = [scene.bob.join(group6(number)) for number in stations if number != FIRST_NUMBER]
    for number, (name, (_, word)) in enumerate(CASES.items(), FIRST_NUMBER + 1):
        session = scene.headend.wait_session(group6(number), "failed", 40)
        told = scene.headend.ctl("session", "explain", group6(number)).stdout
        assert session["error"] and "\n" not in session["error"], name
        assert word.lower() in told.lower(), f"{name}: {told}"
    listener.wait_more(2, 10)
    assert not sequence_gaps(scene.capture.select(of_kind("rtp", scene.group6)))
    for membership in memberships:
        membership.leave()
    wait_until(lambda: list(scene.headend.sessions()) == [scene.group6], 15, "the failed sessions gone")


def test_a_failed_session_is_tried_again_while_members_remain(unstarted):
    scene = unstarted
    scene.headend.icecast.end("radio")
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    scene.headend.wait_session(scene.group6, "failed", 20)
    scene.headend.icecast.mount("radio", TONE)
    listener.wait_decoded(2, 60)


def test_the_next_url_is_taken(unstarted):
    scene = unstarted
    scene.headend.write_lineup({FIRST_NUMBER: ("Lab Radio", scene.headend.icecast.url("gone"), scene.url)})
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 30)
    assert listener.tone_seconds(TONE) >= 1.5


def test_a_source_that_is_gone_for_20_seconds_is_bridged(scene):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    scene.headend.icecast.end("radio")
    let_pass(20)
    assert listener.playing(), "the player gave up"
    scene.headend.icecast.mount("radio", TONE)
    heard = listener.tone_seconds(TONE)
    wait_until(lambda: listener.tone_seconds(TONE) >= heard + 2, 20, "the tone again", every=0.5)
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert not sequence_gaps(rtp)
    assert len({p.rtp().ssrc for p in rtp}) == 1
    assert max(b.time - a.time for a, b in zip(rtp, rtp[1:])) < 5
