"""What a station's server may do: one row each, with what must come of it.

As a program (`behaviours.py FOLDER`) it is that server; imported, `Behaviours` runs it on a host and `ROWS` says what to expect.
A row's server answers under /<row>/; what a row does not say itself ("live", "missing") is as in `COMMON`, so that every
list can name "live". A new row is one line: `plays("name", what its server does)` or `fails("name", "why", what it does)`.
"""

import base64
import dataclasses
import gzip
import itertools
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Callable

from recordings import FILES, SECONDS, TONE, make_files
from web import answer_names, play, send

PORT, TLS_PORT, STRANGER_PORT = 8080, 8443, 8444
NAMES = {"radio.example": ["{ipv4}"], "wrong.example": ["{ipv4}"]}


@dataclasses.dataclass
class Visit:
    """One request: `path` is what follows the row, `count` the number of earlier requests of that path."""

    sock: socket.socket
    path: str
    head: str
    count: int
    directory: Path

    def tone(self) -> bytes:
        return (self.directory / "tone.mp3").read_bytes()


Action = Callable[[Visit], object]


@dataclasses.dataclass(frozen=True)
class Row:
    """A station. It plays, or its session's error holds `words`; with `ffmpeg` a stock ffmpeg listens, else it decodes what was captured."""

    name: str
    pages: dict[str, Action]
    words: str = ""
    urls: tuple[str, ...] = ()
    ffmpeg: bool = False
    seconds: float = 2
    tones: tuple[float, ...] = (TONE,)

    @property
    def plays(self) -> bool:
        return not self.words

    @property
    def slug(self) -> str:
        return re.sub(r"\W+", "-", self.name.lower()).strip("-")

    def urls_on(self, ipv6: str, ipv4: str) -> list[str]:
        at = {"base": f"http://[{ipv6}]:{PORT}/{self.slug}", "slug": self.slug, "ipv4": ipv4, "ipv6": ipv6}
        return [url.format(**at) for url in self.urls or ("{base}/",)]


def plays(name: str, does: "Action | dict[str, Action]", *urls: str, **options) -> Row:
    return Row(name, does if isinstance(does, dict) else {"": does}, "", urls, **options)


def fails(name: str, words: str, does: "Action | dict[str, Action]", *urls: str) -> Row:
    return Row(name, does if isinstance(does, dict) else {"": does}, words, urls)


# --- what a server does --------------------------------------------------------------------------------------------


def doc(kind: str, body: "str | bytes", status: str = "200 OK", headers: str = "", end: str = "\r\n") -> Action:
    """A whole answer; further header lines end with CRLF themselves."""
    data = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else []), f"Content-Length: {len(data)}"]
    return lambda visit: send(visit.sock, (end.join(lines) + end + headers + end).encode() + data)


def begin(kind: str, *actions: Action, headers: str = "") -> Action:
    """A header, and then whatever else comes."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{headers}\r\n"
    return lambda visit: [send(visit.sock, head), *(action(visit) for action in actions)]


def raw(text: "str | bytes", *actions: Action) -> Action:
    return lambda visit: [send(visit.sock, text), *(action(visit) for action in actions)]


def go(location: str, status: str = "302 Found", headers: str = "") -> Action:
    return lambda visit: send(
        visit.sock,
        f"HTTP/1.1 {status}\r\nLocation: {located(visit, location)}\r\n{headers}Content-Length: 0\r\n\r\n",
    )


def located(visit: Visit, text: str) -> str:
    """{host} is how this server was called."""
    host = re.search(r"^Host: (\S+?)(?::\d+)?\r$", visit.head, re.M)
    return text.replace("{host}", host[1] if host else "").replace("{n}", str(number(visit) + 1))


def number(visit: Visit) -> int:
    return int(re.sub(r"\D", "", visit.path) or 0)


def each(text: str, kind: str = "audio/x-mpegurl") -> Action:
    """A list with the number of the next one in it."""
    return lambda visit: doc(kind, located(visit, text))(visit)


def media(head: str = "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n", icy: bool = False) -> Action:
    return lambda visit: [send(visit.sock, head), play(visit.sock, visit.directory, icy)]


def chunked(text: "bytes | None" = None) -> Action:
    """A body in chunks of odd sizes: a text, or the tone."""

    def serve(visit: Visit) -> None:
        body, at, began = text or visit.tone(), 0, time.monotonic()
        while at < len(body) or text is None:
            size = 1 + (at * 7) % (15 if text else 3000)
            piece = (body[at % len(body) :] + body)[: size if text is None else min(size, len(body) - at)]
            send(visit.sock, b"%x;x=y\r\n%s\r\n" % (len(piece), piece))
            at += len(piece)
            time.sleep(0 if text else max(0.0, at / 16000 - 2 - (time.monotonic() - began)))
        send(visit.sock, b"0\r\nX-Trailer: x\r\n\r\n")

    return serve


def gzipped_media(visit: Visit) -> None:
    packer, tone, sent, began = zlib.compressobj(1, zlib.DEFLATED, 31), visit.tone(), 0, time.monotonic()
    while True:
        send(visit.sock, packer.compress((tone[sent % len(tone) :] + tone)[:4096]) + packer.flush(zlib.Z_SYNC_FLUSH))
        sent += 4096
        time.sleep(max(0.0, sent / 16000 - 2 - (time.monotonic() - began)))


def dying(seconds: float) -> Action:
    """The tone at its pace, and then no more of it."""

    def serve(visit: Visit) -> None:
        send(visit.sock, "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
        for i in range(int(seconds * 4)):
            send(visit.sock, (visit.tone() * 2)[i * 4000 : (i + 1) * 4000])
            time.sleep(0.25)

    return serve


def stored(kind: str, name: str) -> Action:
    """A document of the folder; {path} is what was asked for."""
    return lambda visit: doc(kind, (visit.directory / name.format(path=visit.path)).read_bytes())(visit)


def recording(kind: str, *names: str) -> Action:
    """Files of recordings.py one after the other, two seconds ahead of time, and then no more."""

    def serve(visit: Visit) -> None:
        began = time.monotonic()
        send(visit.sock, f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n")
        for number, name in enumerate(names):
            data = (visit.directory / name).read_bytes()
            for at in range(0, len(data), 2048):
                send(visit.sock, data[at : at + 2048])
                time.sleep(max(0.0, (number + at / len(data)) * SECONDS - 2 - (time.monotonic() - began)))
        held(visit)

    return serve


def file(name: str, kind: str = "") -> Action:
    """One of recordings.py, by its own type or by another."""
    return recording(kind or FILES[name][0], name)


def hls(folder: str) -> dict[str, Action]:
    """What ffmpeg's hls muxer has made."""
    pages = {"": stored("application/vnd.apple.mpegurl", f"{folder}/list"), "key": stored("", "key")}
    return {**pages, "init": stored("video/mp4", folder + "/init"), "s": stored("video/mp2t", folder + "/{path}")}


def by_bytes(text: str, delay: float) -> Action:
    return lambda visit: [(send(visit.sock, c), time.sleep(delay)) for c in text]


def after(seconds: float, action: Action) -> Action:
    return lambda visit: [time.sleep(seconds), action(visit)]


def first_then(first: Action, then: Action) -> Action:
    return lambda visit: (then if visit.count else first)(visit)


def with_header(line: str, action: Action, otherwise: Action) -> Action:
    return lambda visit: (action if line.lower() in visit.head.lower() else otherwise)(visit)


def closed(visit: Visit) -> None:
    """Nothing more is said."""


def held(visit: Visit) -> None:
    """Until the other side closes."""
    while visit.sock.recv(4096):
        pass


def endless(text: bytes) -> Action:
    def serve(visit: Visit) -> None:
        while True:
            send(visit.sock, text * 100)

    return serve


def dripping(text: bytes, delay: float = 0.2) -> Action:
    """The text for ever, one byte after the other."""

    def serve(visit: Visit) -> None:
        for byte in itertools.cycle(text):
            send(visit.sock, bytes([byte]))
            time.sleep(delay)

    return serve


def bomb(size: int) -> bytes:
    return gzip.compress(b"#EXTM3U\n" + b"# \n" * (size // 3), 9)


def encoded(body: bytes, how: str, kind: str = "audio/x-mpegurl") -> Action:
    return doc(kind, body, headers=f"Content-Encoding: {how}\r\n")


COMMON: dict[str, Action] = {
    "live": media(),
    "missing": doc("text/html", "<html>gone</html>", "404 Not Found"),
}
M3U = "#EXTM3U\nlive\n"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n"
BUSY = "<html><head><title>Choose one</title></head>"
AUTHORIZED = "Authorization: Basic " + base64.b64encode(b"me:hunter2").decode()
ENTITIES = (
    '<!DOCTYPE playlist [<!ENTITY a "live"><!ENTITY b "&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    "<playlist><trackList><track><location>&c;</location></track><track><location>&b;</location></track>"
)

LISTS = [
    plays("M3U", doc("audio/x-mpegurl", M3U), ffmpeg=True),
    plays("M3U, mangled", {"x.m3u": doc("text/plain", "\ufeff\r\r#EXTINF:-1 tvg-id=\",x\r  live  \r#EXT\r")}, "{base}/x.m3u"),
    plays("M3U as media", doc("audio/mpeg", "#EXTM3U\n#EXTINF:-1,A\nlive")),
    plays("M3U as a page", doc("text/html; charset=utf-8", M3U)),
    plays("M3U of one relative line", doc("audio/mpegurl", "live")),
    plays("one URL as plain text", each("http://{host}:8080/one-url-as-plain-text/live\n", "text/plain")),
    plays("PLS", doc("audio/x-scpls", "[playlist]\nNumberOfEntries=1\nFile1=live\nTitle1=A\nLength1=-1\n"), ffmpeg=True),
    plays("PLS, mangled", doc("", "\n\n[PlayList]\njunk\nnumberofentries=99\nfile7 = live \nFile8\n")),
    plays("XSPF", doc("application/xspf+xml", '<?xml version="1.0"?>\n<playlist version="1"><trackList><track><title>A'
                      "</title><location>live?a=1&amp;b=2</location></track></trackList></playlist>"), ffmpeg=True),
    plays("XSPF, mangled", doc("text/html", "<playlist><track><location><![CDATA[live?a&b]]></location><title>A & B")),
    plays("ASX", doc("video/x-ms-asf", '<asx version="3.0"><entry><ref href="live"/></entry></asx>'), ffmpeg=True),
    plays("ASX, mangled", doc("text/plain", "<ASX VERSION=3><Entry>\r\n<TITLE>A & B</title><Ref HREF = 'live?x=1&y=2'>")),
    plays("ASX with a base and an entry elsewhere", {
        "": doc("audio/x-ms-wax", '<Asx><Base Href="deep/er/"/><EntryRef hreF="more.asx"></ASX>'),
        "deep/er/more.asx": doc("video/x-ms-asx", '<ASX><ENTRY><REF HREF="../../live"></ENTRY></ASX>')}),
    plays("SMIL", doc("application/smil", "<smil><head><meta name=\"base\" content=\"deep/\"/></head><body><par><audio "
                      'src="../live"/></par></body></smil>'), ffmpeg=True),
    plays("SMIL, mangled", doc("application/smil+xml", "<!DOCTYPE smil [<!ENTITY x 'y'>]><SMIL><body><SEQ><Audio SRC=live>")),
    plays("WPL", doc("application/vnd.ms-wpl", '<?wpl version="1.0"?><smil><body><seq><media src="live"/></seq></body>')),
    plays("OPML", doc("text/xml", '<opml version="1"><body><outline type="link" URL="missing"/><outline type="audio" '
                      'text="A" URL="live" bitrate="64"/></body></opml>'), ffmpeg=True),
    plays("OPML, mangled", doc("text/html", "<OPML><outline text=A><outline TYPE=Audio url=live?a&b>")),
    plays("QTL", doc("application/x-quicktimeplayer", '<?quicktime type="application/x-quicktime-media-link"?><embed '
                     'src="live"/>'), ffmpeg=True),
    plays("RAM", each("# comment\nrtsp://{host}/a.rm\nhttp://{host}:8080/ram/live\n--stop--\nmissing\n",
                      "audio/x-pn-realaudio"), ffmpeg=True),
    plays("uri-list", doc("text/uri-list", "# of one\r\n\r\nlive\r\n"), ffmpeg=True),
    plays("Reference", doc("video/x-ms-asf", "[Reference]\r\nRef1=live?MSWMExt=.asf\r\nRef2=missing\r\n"), ffmpeg=True),
    plays("shortcut", doc("application/octet-stream", "[InternetShortcut]\r\nURL=live\r\n")),
    plays("WPL, mangled", doc("text/plain", "<?wpl version=1?><SMIL><BODY><SEQ><MEDIA SRC='live'>")),
    plays("QTL, mangled", doc("text/html", "<?quicktime type='application/x-quicktime-media-link'?><EMBED autoplay SRC=live>")),
    plays("RAM, mangled", each("\ufeff\r\r  http://{host}:8080/ram-mangled/live  \rrtsp:\r", "audio/x-realaudio")),
    plays("uri-list, mangled", doc("text/uri-list", "\ufeff#\r#\r\r \tlive\t\r")),
    plays("Reference, mangled", doc("text/plain", "\n[reference]\njunk\nREF9 = live \nref\n")),
    plays("shortcut, mangled", doc("text/plain", "\ufeff[internetshortcut]\r\rurl = live\rIconFile=\r")),
    plays("lists in lists", {"": doc("audio/x-mpegurl", "a.xspf"),
                             "a.xspf": doc("", "<playlist><trackList><track><location>b.asx</location>"),
                             "b.asx": doc("", "<asx><entry><ref href=live>")}),
    plays("a list whose first targets fail", each("missing\nhttp://[::1]:1/\nmms://a/\n\\\\x\nlive\n")),
    plays("a list in gzip", encoded(gzip.compress(M3U.encode()), "gzip"), ffmpeg=True),
    plays("a list in deflate", encoded(zlib.compress(M3U.encode()), "deflate")),
    plays("a list in raw deflate", encoded(zlib.compress(M3U.encode())[2:-4], "deflate")),
    plays("a list said to be in gzip", encoded(M3U.encode(), "gzip")),
    plays("a list in chunks", begin("audio/x-mpegurl", chunked(M3U.encode()), headers="Transfer-Encoding: chunked\r\n")),
    plays("a list byte by byte", begin("audio/x-mpegurl", by_bytes(M3U, 0.05))),
    fails("M3U of nothing", "an empty playlist", doc("audio/x-mpegurl", "#EXTM3U\n")),
    fails("XSPF of nothing", "an empty playlist", doc("application/xspf+xml", "<playlist><trackList/></playlist>")),
    fails("ASX of another time", "a playlist without a usable URL, beginning with mms://old/",
          doc("video/x-ms-asf", "<asx><entry><ref href='mms://old/'/></entry></asx>")),
    fails("a list of files", "a playlist without a usable URL, beginning with file:///etc/passwd",
          doc("audio/x-mpegurl", "file:///etc/passwd\n")),
    fails("a list of itself", "a playlist without a usable URL", {"x": doc("audio/x-mpegurl", "x")}, "{base}/x"),
    fails("two lists of each other", "a playlist without a usable URL", {
        "": doc("", "[playlist]\nFile1=b"), "b": doc("", "<asx><ref href='../two-lists-of-each-other/'>")}),
    fails("lists without end", "playlists nested more than 3 deep", {"n": each("n{n}")}, "{base}/n0"),
    fails("lists of lists", "playlists nested more than 3 deep", {
        "n": lambda visit: doc("audio/x-mpegurl", "\n".join(f"n{number(visit)}{i}" for i in range(16)))(visit)}, "{base}/n1"),
    fails("a list without end", "a playlist larger than 262144 bytes", begin("audio/x-mpegurl", raw("#EXTM3U\n"),
                                                                          endless(b"# more and more\n"))),
    fails("a list that drips", "a playlist, unfinished after 5 s",
          begin("audio/x-mpegurl", raw("#EXTM3U\n" + "# x\n" * 300), dripping(b"# drip\n"))),
    fails("a gzip bomb of a list", "a playlist larger than 262144 bytes", encoded(bomb(20 << 20), "gzip")),
    fails("a gzip bomb in gzip", "compressed by gzip, gzip", encoded(gzip.compress(bomb(1 << 20)), "gzip, gzip")),
    fails("entities", "404 Not Found", doc("application/xspf+xml", ENTITIES)),
    fails("RSS", "application/rss+xml is nothing to play", doc("application/rss+xml", "<rss><channel></channel></rss>")),
    fails("JSON", "application/json is nothing to play", doc("application/json", '{"error": "no such station"}')),
    fails("DASH", "application/dash+xml is nothing to play", doc("application/dash+xml", "<?xml version='1.0'?><MPD>")),
    plays("HLS of MP3", {"": doc("text/plain", HLS + "#EXTINF:5,One\ntone\n#EXTINF:5,Two\ntone\n"),
                         "tone": lambda visit: doc("audio/mpeg", visit.tone())(visit)}, ffmpeg=True),
    plays("HLS, mangled", {"": doc("", "\ufeff#EXTM3U\r#EXTINF\r#EXTINF:x,\rtone?1\r#EXT-X-\r\r#EXTINF:5\r tone?2 \r"
                                   "#EXT-X-ENDLIST"), "tone": lambda visit: doc("audio/mpeg", visit.tone())(visit)}),
    fails("HLS without segments", "an HLS playlist without segments", doc("audio/x-mpegurl", HLS + "#EXT-X-ENDLIST\n")),
    fails("HLS of missing segments", "/a.ts: 404 Not Found", doc("audio/x-mpegurl", HLS + "#EXTINF:5,\na.ts\n")),
    fails("HLS of missing variants", "/b: 404 Not Found", doc("audio/x-mpegurl", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2\na\n"
                                                              "#EXT-X-STREAM-INF:BANDWIDTH=1\nb\n")),
    fails("HLS encrypted", "encrypted by SAMPLE-AES, which is not supported",
          doc("audio/x-mpegurl", HLS + '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"\n#EXTINF:5,\na.ts\n')),
    fails("HLS of a key without a method", "encrypted by an unnamed method, which is not supported",
          doc("audio/x-mpegurl", HLS + "#EXT-X-KEY\n#EXTINF:5,\na.ts\n")),
    fails("HLS without end", "a playlist larger than 1048576 bytes", begin("audio/x-mpegurl", raw(HLS),
                                                                           endless(b"#EXTINF:5,\na.ts\n"))),
]

REDIRECTS = [
    plays("301", go("live", "301 Moved Permanently"), ffmpeg=True),
    plays("302 of the whole path", go("/302-of-the-whole-path/live")),
    plays("303 of the whole URL", go("http://{host}:8080/303-of-the-whole-url/live", "303 See Other")),
    plays("307 of the host", go("//{host}:8080/307-of-the-host/live", "307 Temporary Redirect")),
    plays("308 without a phrase", go("../308-without-a-phrase/./live#x", "308")),
    plays("eight redirects", {"n": lambda visit: go("live" if number(visit) == 7 else "n{n}")(visit)}, "{base}/n0"),
    plays("from http to https", go("https://radio.example:8443/from-http-to-https/live")),
    plays("a redirect that sets a cookie", with_header(
        "Cookie: pass=1", media(), go("?again", headers="Set-Cookie: pass=1; path=/a-redirect-that-sets-a-cookie\r\n")),
        ffmpeg=True),
    fails("a redirect loop", "redirect loop, back to", {"": go("b"), "b": go(".")}),
    fails("nine redirects", "more than 8 redirects", {"n": go("n{n}")}, "{base}/n0"),
    fails("a redirect to nowhere", "302 Found", doc("", "", "302 Found")),
    fails("a redirect to a file", "redirects to file:///etc/passwd, not an http or https URL", go("file:///etc/passwd")),
    fails("a redirect to a mail server", "redirects to gopher://", go("gopher://{host}:25/_MAIL")),
    fails("a redirect to nonsense", "not a valid URL", go("http://[nonsense/")),
    fails("a redirect to a group", "239.1.2.3 is no host's address", go("http://239.1.2.3/")),
    fails("from https to http", "redirects from https to http://radio.example", {"": go("http://radio.example:8080/live")},
          "https://radio.example:8443/from-https-to-http/"),
]

PAGES = [
    plays("a page with a player", doc("text/html", f"{BUSY}<audio><source src=missing><source src=live></audio>"), ffmpeg=True),
    plays("a page with an alternate", {
        "": doc("text/html", "<!doctype html><link rel=alternate type=audio/x-scpls href=a><audio src=missing>"),
        "a": doc("", "[playlist]\nFile1=live")}),
    plays("a page with links to its list", {
        "": begin("text/html", raw(f"{BUSY}<a href='/'>home</a> <a href='a.pls?sid=1'>PLS</a> <a href='a.m3u'>M3U</a></html>"),
                  held),
        "a.pls": doc("audio/x-scpls", "[playlist]\nFile1=live\n")}),
    plays("a page that refreshes", doc("", "<html><meta http-equiv=Refresh content=\"0; URL='live'\">"), ffmpeg=True),
    fails("a page", 'a web page, "Buy our app"', doc("audio/mpeg", "<!DOCTYPE html><head><title>Buy\n our app</title>")),
    fails("a page with two players", 'a web page, "Choose one"', doc("text/html", f"{BUSY}<audio src=live></audio><audio "
                                                                     "src=missing></audio>")),
    fails("a page of a page", 'a web page, "Choose one"', doc("text/html", f"{BUSY}<audio src='?again'>")),
    fails("a page without end", 'a web page, "Choose one"', begin("text/html", raw(BUSY), endless(b"<p>more"))),
]

HTTP = [
    plays("icy", media("ICY 200 OK\r\ncontent-type:audio/mpeg\r\nicy-metaint:4096\r\n\r\n", True),
          "icy://[{ipv6}]:8080/{slug}/", ffmpeg=True),
    plays("bare line feeds", media("HTTP/1.0 200 OK\nContent-Type: audio/mpeg\n\n")),
    plays("no header at all", lambda visit: play(visit.sock, visit.directory, False), ffmpeg=True),
    plays("chunks", begin("audio/mpeg", chunked(), headers="Transfer-Encoding: chunked\r\n"), ffmpeg=True),
    plays("media in gzip", begin("audio/mpeg", gzipped_media, headers="Content-Encoding: gzip\r\n"), ffmpeg=True),
    plays("a strange header", media("HTTP/1.1 200 OK\r\nContent-Encoding: utf-8\r\nX:\r\nicy-metaint: x\r\nicy-br: -1\r\n\r\n")),
    plays("media as a page", media("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")),
    plays("media as a list", media("HTTP/1.1 200 OK\r\nContent-Type: audio/x-scpls\r\n\r\n")),
    plays("media as a download", media("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n")),
    plays("media of no type", media("HTTP/1.1 200\r\n\r\n")),
    plays("an interim answer", media("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")),
    plays("an answer after 3 s", after(3, media())),
    plays("a password", with_header(AUTHORIZED, media(), doc("", "", "401 Unauthorized")),
          "http://me:hunter2@[{ipv6}]:8080/{slug}/", ffmpeg=True),
    plays("an IPv4 address", media(), "http://{ipv4}:8080/{slug}/"),
    plays("a name", media(), "http://Radio.Example.:8080/{slug}/live"),
    plays("https", media(), "https://radio.example:8443/{slug}/", ffmpeg=True),
    plays("the next URL", media(), "{base}/missing", "http://[{ipv6}]:9/", "{base}/"),
    plays("death in mid-stream, then the next URL", dying(3), "{base}/", "{base}/live", ffmpeg=True, seconds=8),
    plays("death in mid-stream, then again", first_then(dying(3), media()), ffmpeg=True, seconds=8),
    fails("404", "404 Not Found", {}, "{base}/missing"),
    fails("503", "503 Service Unavailable", doc("text/plain", "", "503 Service Unavailable")),
    fails("401", "401 Unauthorized", doc("text/plain", "", "401 Unauthorized")),
    fails("Shoutcast is full", "400 Server Full", raw("ICY 400 Server Full\r\nicy-notice1: x\r\n\r\n")),
    fails("an answer without a body", "an answer without a body", doc("", "", "204 No Content")),
    fails("brotli", "an answer compressed by br", encoded(b"\x8b\x03\x80", "br")),
    fails("broken gzip", "a compressed answer that is broken", encoded(b"\x1f\x8b\x08\0\0\0\0\0\0\0" + b"\xff" * 99, "gzip")),
    fails("a gzip bomb of media", "neither MPEG audio nor AAC", encoded(gzip.compress(bytes(20 << 20)), "gzip", "audio/mpeg")),
    fails("an endless header", "the answer's header is longer than 100 lines",
          raw("HTTP/1.1 200 OK\r\n", endless(b"X-More: and more\r\n"))),
    fails("an endless line", "the answer's header has an endless line", raw("HTTP/1.1 200 OK\r\nX-More: ", endless(b"more"))),
    fails("a header that drips", "the answer's header has no end within 5 s",
          raw("HTTP/1.1 200 OK\r\n", dripping(b"X-More: and more\r\n"))),
    fails("media that drips", "a header and then no media", begin("audio/mpeg", raw(b"\xff"), held)),
    fails("no answer", "no answer within 5 s", held),
    fails("no media", "a header and then no media, unfinished after 5 s", begin("audio/mpeg", held)),
    fails("a hang-up", "the connection closed without an answer", closed),
    fails("SSH", "not an HTTP answer", raw("SSH-2.0-OpenSSH_9.2\r\n", held)),
    fails("Flash without sound", "no data for 5 s", begin("video/x-flv", raw(b"FLV\x01\x05\0\0\0\x09" + bytes(100_000)), held)),
    fails("noise", "neither MPEG audio nor AAC", begin("audio/mpeg", raw(b"\x01\x02\x03\x04" * 50_000), held)),
    fails("nobody there", "cannot connect: Connection refused", {}, "http://[{ipv6}]:9/"),
    fails("no such name", "the name no-such-station.invalid does not exist or has no address", {},
          "http://no-such-station.invalid/"),
    fails("https of another name", "TLS failed", {}, "https://wrong.example:8443/x/live"),
    fails("https of a stranger", "TLS failed: SSL certificate problem: self-signed certificate", {},
          "https://radio.example:8444/x/live"),
    fails("https from who speaks http", "TLS", {}, "https://[{ipv6}]:8080/x/live"),
]

MEDIA = [
    plays("MP2", file("mp2"), ffmpeg=True),
    plays("MP3 behind a tag", file("tagged.mp3"), ffmpeg=True),
    plays("AAC in ADTS", file("aac"), ffmpeg=True),
    plays("HE-AAC", recording("audio/aacp", "he.aac"), ffmpeg=True, seconds=3, tones=(440.0, 660.0)),
    plays("AAC in LATM", file("loas"), ffmpeg=True),
    plays("AAC in fragmented MP4", file("frag.mp4"), ffmpeg=True),
    plays("AAC in MP4 with its index first", file("m4a"), ffmpeg=True),
    plays("MP2 in TS", file("mp2.ts"), ffmpeg=True),
    plays("AAC in TS", file("aac.ts"), ffmpeg=True),
    plays("LATM in TS", file("latm.ts"), ffmpeg=True),
    plays("AC-3 in TS", file("ac3.ts"), ffmpeg=True),
    plays("Opus in Ogg", file("opus"), ffmpeg=True),
    plays("Vorbis in Ogg", file("vorbis"), ffmpeg=True),
    plays("FLAC in Ogg", file("oga"), ffmpeg=True),
    plays("Speex in Ogg", file("spx"), ffmpeg=True),
    plays("FLAC", file("flac"), ffmpeg=True),
    plays("WMA", file("wma"), ffmpeg=True),
    plays("PCM in WAV", file("wav"), ffmpeg=True),
    plays("AC-3", file("ac3"), ffmpeg=True),
    plays("ALAC in MP4", file("alac.mp4"), ffmpeg=True),
    plays("Opus in WebM", file("webm"), ffmpeg=True),
    plays("AAC in Matroska", file("mka"), ffmpeg=True),
    plays("AAC as MP3", file("aac", "audio/mpeg"), ffmpeg=True),
    plays("Opus as MP3", file("opus", "audio/mpeg"), ffmpeg=True),
    plays("TS as AAC", file("aac.ts", "audio/aac"), ffmpeg=True),
    plays("FLAC as text", file("flac", "text/plain"), ffmpeg=True),
    plays("a codec change in mid-stream", recording("audio/mpeg", "tagged.mp3", "aac"), ffmpeg=True, seconds=11),
    plays("a codec change in Ogg", recording("audio/ogg", "opus", "vorbis"), ffmpeg=True, seconds=11),
    plays("HLS of TS", hls("hls-ts"), ffmpeg=True),
    plays("HLS of fragmented MP4", hls("hls-mp4"), ffmpeg=True),
    plays("HLS of AES-128", hls("hls-key"), ffmpeg=True),
]

ROWS = LISTS + REDIRECTS + PAGES + HTTP + MEDIA


class Behaviours:
    """The server on a host of the lab."""

    def __init__(self, host):
        self.host = host
        self.directory = host.ns.directory / f"behaviours-{host.name}"
        self.directory.mkdir()
        names = {name: [text.format(ipv4=host.leg.ipv4) for text in texts] for name, texts in NAMES.items()}
        (self.directory / "names.json").write_text(json.dumps(names))
        make_files(self.directory)
        for name in ("known", "stranger"):
            _make_certificate(self.directory / name)
        self.process = host.ns.start(["/usr/bin/python3", __file__, self.directory], "behaviours")
        self.process.wait_log("ready\n")

    @property
    def packager_config(self) -> dict:
        """What the packager must be told to find the names and to believe the one certificate."""
        names = {"name_servers": f"{self.host.leg.ipv4}:5300", "ca_file": str(self.directory / "known.cert")}
        return {**names, "transcoders_max": 64}  # of all rows at once, on however few CPUs

    def urls(self, row: Row) -> list[str]:
        return row.urls_on(self.host.leg.ipv6, self.host.leg.ipv4)


def _make_certificate(path: Path) -> None:
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=radio.example"]
    argv += ["-addext", "subjectAltName=DNS:radio.example", "-keyout", f"{path}.pem", "-out", f"{path}.cert"]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    with open(f"{path}.pem", "a") as pem:
        pem.write(Path(f"{path}.cert").read_text())


# --- the program ---------------------------------------------------------------------------------------------------


class Server:
    def __init__(self, directory: Path):
        self.directory = directory
        self.rows = {row.slug: row for row in ROWS}
        self.counts: dict[str, int] = {}

    def serve(self, sock: socket.socket, tls) -> None:
        try:
            sock = tls.wrap_socket(sock, server_side=True) if tls else sock
            head = b""
            while b"\r\n\r\n" not in head:
                more = sock.recv(4096)
                if not more:
                    return
                head += more
            target = head.decode("latin-1").split(" ")[1].lstrip("/")
            slug, _, path = target.partition("/")
            count = self.counts.get(target, 0)
            self.counts[target] = count + 1
            self.action(slug, path)(Visit(sock, path, head.decode("latin-1"), count, self.directory))
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has had enough
        finally:
            sock.close()

    def action(self, slug: str, path: str) -> Action:
        pages = {**COMMON, **(self.rows[slug].pages if slug in self.rows else {})}
        for name in (path, path.partition("?")[0], re.sub(r"\d+$", "", path)):
            if name in pages:
                return pages[name]
        return pages["missing"]

    def accept(self, port: int, tls) -> None:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256)
        print(port, flush=True)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=self.serve, args=(sock, tls), daemon=True).start()


def main(directory: Path) -> None:
    assert len({row.slug for row in ROWS}) == len(ROWS), "two rows of one name"
    threading.Thread(target=answer_names, args=(directory,), daemon=True).start()
    server = Server(directory)
    for port, name in ((TLS_PORT, "known"), (STRANGER_PORT, "stranger")):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(directory / f"{name}.pem")
        threading.Thread(target=server.accept, args=(port, tls), daemon=True).start()
    time.sleep(0.2)
    print("ready", flush=True)
    server.accept(PORT, None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
