"""The internet as stations find it: a web server that misbehaves by path, and a name server, on a host of the lab.

As a program (`web.py FOLDER`) it is that server; imported, `Web` runs it on a host.
"""

import base64
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

PORT, TLS_PORT, DNS_PORT = 8080, 8443, 5300
METAINT = 4096
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n"
STATUS = {"icestats": {"source": [
    {"listenurl": "http://localhost:8000/shoutcast", "title": "Of another mount"},
    {"listenurl": "http://localhost:8000/untold", "artist": "Beside", "title": "The Stream"},
]}}
NAME, TITLE = "Radio Béton", "Die Ärzte - It's a 'Lab'; really"


class Web:
    """The server on a host. `requests()` is what it was asked; names are set with `set_names()`."""

    def __init__(self, host, names=None):
        self.host = host
        self.directory = host.ns.directory / f"web-{host.name}"
        self.directory.mkdir()
        self.set_names(names or {})
        make_media(self.directory / "tone.mp3")
        _make_certificate(self.directory / "tls.pem")
        self.process = host.ns.start(["/usr/bin/python3", __file__, self.directory], "web")
        self.process.wait_log("ready\n")

    @property
    def address(self) -> str:
        return f"[{self.host.leg.ipv6}]"

    @property
    def name_server(self) -> str:
        return f"{self.host.leg.ipv4}:{DNS_PORT}"

    def url(self, path: str, host: str = "", tls: bool = False) -> str:
        return f"http{'s' if tls else ''}://{host or self.address}:{TLS_PORT if tls else PORT}/{path}"

    def set_names(self, names: dict[str, list[str]]) -> None:
        """{name: [IPv4 address, ...]}: the n-th question gets the n-th address, then always the last one."""
        (self.directory / "names.json").write_text(json.dumps(names))

    def requests(self, path: str = "") -> list[dict]:
        """[{time, path, head}] in order; all, or those of one path."""
        log = self.directory / "requests"
        lines = log.read_text().splitlines() if log.exists() else []
        found = [json.loads(line) for line in lines]
        return [request for request in found if not path or request["path"] == f"/{path}"]


def make_media(path: Path) -> None:
    """5 s of a 660 Hz tone."""
    argv = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "sine=frequency=660"]
    argv += ["-t", "5", "-ar", "44100", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k"]
    argv += ["-id3v2_version", "0", "-write_xing", "0", path]
    subprocess.run([str(a) for a in argv], check=True, timeout=60)


def _make_certificate(path: Path) -> None:
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=nobody"]
    subprocess.run([*argv, "-keyout", path, "-out", f"{path}.cert"], check=True, capture_output=True, timeout=60)
    with open(path, "a") as pem:
        pem.write(Path(f"{path}.cert").read_text())


# --- the program ---------------------------------------------------------------------------------------------------


def send(sock, text) -> None:
    sock.sendall(text if isinstance(text, bytes) else text.encode())


def answer(sock, kind: str, body=b"", status: str = "200 OK") -> None:
    send(sock, f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n\r\n")
    send(sock, body)


def redirect(sock, location: str, status: str = "302 Found") -> None:
    send(sock, f"HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")


def play(sock, directory: Path, icy: bool) -> None:
    """The tone for ever, two seconds ahead of time; with ICY metadata where asked for."""
    block = f"StreamTitle='{TITLE}';StreamUrl='http://station.example/';".encode("latin-1")
    block = bytes([(len(block) + 15) // 16]) + block.ljust((len(block) + 15) // 16 * 16, b"\0")
    tone = (directory / "tone.mp3").read_bytes()
    began, sent = time.monotonic(), 0
    while True:
        at = sent % len(tone)
        send(sock, (tone[at:] + tone)[:METAINT] + ((b"\0" if sent else block) if icy else b""))
        sent += METAINT
        time.sleep(max(0.0, sent / 16000 - 2 - (time.monotonic() - began)))


def serve_path(sock, path: str, head: str, directory: Path) -> None:
    actions = {
        "missing": lambda: answer(sock, "text/html", "<html>gone</html>", "404 Not Found"),
        "locked": lambda: answer(sock, "text/plain", "", "401 Unauthorized"),
        "page": lambda: answer(sock, "audio/mpeg", "<!DOCTYPE html><html><head><title>Buy\n our app</title></head>"),
        "radio.m3u": lambda: answer(sock, "text/plain", "\ufeff#EXTM3U\r\n#EXTINF:-1,Radio\r\nlists/radio.pls\r\n"),
        "lists/radio.pls": lambda: answer(sock, "audio/x-scpls", "[playlist]\nNumberOfEntries=1\nFile1=../moved\n"),
        "moved": lambda: redirect(sock, "/live", "301 Moved Permanently"),
        "some-bad.m3u": lambda: answer(sock, "audio/x-mpegurl", "#EXTM3U\nmissing\nhttp://[::1]:1/\nlive\n"),
        "live": lambda: play_head(sock, head, directory, "HTTP/1.0 200 OK"),
        "shoutcast": lambda: play_head(sock, head, directory, "ICY 200 OK"),
        "untold": lambda: [send(sock, "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n"), play(sock, directory, False)],
        "status-json.xsl": lambda: answer(sock, "application/json", json.dumps(STATUS)),
        "secret": lambda: play_head(sock, head, directory, "HTTP/1.0 200 OK") if has_password(head) else serve_path(
            sock, "locked", head, directory),
    }
    if path.startswith("to/"):
        redirect(sock, path[3:])
    elif path.startswith("list/"):
        answer(sock, "audio/x-mpegurl", f"#EXTM3U\n{path[5:]}\n")
    elif path.startswith("variant/"):
        answer(sock, "audio/x-mpegurl", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{path[8:]}\n")
    elif path.startswith("segment/"):
        answer(sock, "audio/x-mpegurl", f"{HLS}#EXTINF:5,\n{path[8:]}\n")
    elif path.startswith("key/"):
        answer(sock, "audio/x-mpegurl", f'{HLS}#EXT-X-KEY:METHOD=AES-128,URI="{path[4:]}"\n#EXTINF:5,\n/live\n')
    elif path.startswith("asx/"):
        answer(sock, "video/x-ms-asf", f"<asx><base href='{path[4:]}'><entry><ref href='?x'></entry></asx>")
    elif path.startswith("html/"):
        answer(sock, "text/html", f"<html><audio src='{path[5:]}'></audio></html>")
    else:
        actions.get(path, actions["missing"])()


def has_password(head: str) -> bool:
    return base64.b64encode(b"me:hunter2").decode() in head


def play_head(sock, head: str, directory: Path, status: str) -> None:
    icy = "icy-metadata: 1" in head.lower()
    lines = [status, "Content-Type: audio/mpeg", f"icy-name: {NAME}"] + ([f"icy-metaint: {METAINT}"] if icy else [])
    send(sock, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    play(sock, directory, icy)


def serve(sock, tls, directory: Path) -> None:
    try:
        sock = tls.wrap_socket(sock, server_side=True) if tls else sock
        head = b""
        while b"\r\n\r\n" not in head:
            more = sock.recv(4096)
            if not more:
                return
            head += more
        text = head.decode("latin-1")
        path = text.split(" ")[1].lstrip("/")
        with open(directory / "requests", "a") as log:
            log.write(json.dumps({"time": time.time(), "path": f"/{path}", "head": text}) + "\n")
        serve_path(sock, path, text, directory)
    except OSError:
        pass  # the other side has had enough
    finally:
        sock.close()


def accept(port: int, tls, directory: Path) -> None:
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    if port == TLS_PORT:
        print("ready", flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, tls, directory), daemon=True).start()


def answer_names(directory: Path) -> None:
    """A records of names.json with a TTL of 0, nothing for AAAA, NXDOMAIN for the rest (RFC 1035)."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", DNS_PORT))
    asked: dict[str, int] = {}
    while True:
        query, peer = sock.recvfrom(512)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
            at += 1 + query[at]
        question = query[12 : at + 5]
        addresses = json.loads((directory / "names.json").read_text()).get(".".join(labels).lower(), [])
        record = b""
        if addresses and question[-3] == 1:
            name = ".".join(labels).lower()
            number = min(asked.get(name, 0), len(addresses) - 1)
            asked[name] = number + 1
            record = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04" + socket.inet_aton(addresses[number])
        flags = b"\x81\x80" if addresses else b"\x81\x83"
        sock.sendto(query[:2] + flags + b"\0\x01\0" + bytes([bool(record)]) + bytes(4) + question + record, peer)


def main(directory: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "tls.pem")
    threading.Thread(target=answer_names, args=(directory,), daemon=True).start()
    threading.Thread(target=accept, args=(PORT, None, directory), daemon=True).start()
    accept(TLS_PORT, tls, directory)


if __name__ == "__main__":
    main(Path(os.fspath(sys.argv[1])))
