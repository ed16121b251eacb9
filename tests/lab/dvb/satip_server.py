#!/usr/bin/python3
"""A SAT>IP server (the published SAT>IP protocol specification, version 1.2.2) that receives what a Sky has on air.

    satip_server.py --sky FOLDER --address 192.168.11.2 [--tuners 2] [--rtsp-port 554] [--timeout 60]

It answers SSDP searches and announces itself, has its description by HTTP, and serves RTSP with RTP by UDP or interleaved. What it was
asked stands in FOLDER/satip.jsonl, one JSON object a line.
"""

import argparse
import json
import re
import select
import shlex
import socket
import socketserver
import struct
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Optional

from transponder import CARRIERS, Carrier, player

SSDP = ("239.255.255.250", 1900)
DEVICE = "urn:ses-com:device:SatIPServer:1"
UUID = "uuid:50c9a5ae-1f3b-4c2d-9a70-5e1a7e0d0bb4"
TS, PER_DATAGRAM = 188, 7


class Refused(Exception):
    """An answer that is not 200; `body` says what is wrong as section 3.5.7 has it."""

    def __init__(self, status: str, body: str = ""):
        super().__init__(status)
        self.status, self.body = status, body


def carrier_of(query: dict[str, str]) -> Optional[Carrier]:
    """What a tuner receives when it is told so; None: nothing is there."""
    for carrier in CARRIERS:
        words = shlex.split(carrier.command)
        option = dict(zip(words[0::2], words[1::2]))
        satellite = option["-5"].startswith("DVBS")
        mhz = int(option["-f"]) / (1000 if satellite else 1_000_000)
        if query["msys"].upper() != option["-5"] or abs(float(query["freq"]) - mhz) > (2 if satellite else 0.2):
            continue
        same_plane = not satellite or (query.get("pol", "").lower() in "hl") == (option["-v"] == "18")
        same_rate = not satellite or abs(float(query.get("sr", 0)) * 1000 / int(option["-s"]) - 1) < 0.01
        if same_plane and same_rate and query.get("fec", option.get("-F")) == option.get("-F"):
            return carrier
    return None


class Tuner:
    """One tuner, its stream's only consumer, and the thread that sends."""

    def __init__(self, server: "Server", number: int):
        self.server, self.number = server, number
        self.session, self.seen = "", 0.0
        self.query: dict[str, str] = {}
        self.pids: set[int] = set()
        self.all_pids = False
        self.transport: Optional[Callable[[bool, bytes], None]] = None  # (is RTCP, packet); as SETUP made it
        self.ports = (0, 0)
        self.send = self.transport  # from PLAY on
        self.player: Optional[subprocess.Popen] = None
        self.sequence, self.carrier = 0, None
        self.sent_packets, self.sent_bytes = 0, 0

    def tune(self, query: dict[str, str]) -> None:
        self.stop_player()
        self.query = query
        self.carrier = carrier_of(query)
        if self.carrier:
            folder = self.server.sky / "carriers" / self.carrier.id.replace(" ", "-")
            self.player = subprocess.Popen([str(player()), str(folder)], stdout=subprocess.PIPE, bufsize=0)

    def set_pids(self, query: dict[str, str]) -> None:
        if "pids" in query:
            self.all_pids = query["pids"] == "all"
            self.pids = set() if query["pids"] in ("all", "none") else {int(p) for p in query["pids"].split(",")}
        self.pids |= {int(p) for p in query.get("addpids", "").split(",") if p}
        self.pids -= {int(p) for p in query.get("delpids", "").split(",") if p}

    def stop_player(self) -> None:
        if self.player:
            self.player.kill()
            self.player.wait()
        self.player = None

    def release(self) -> None:
        self.stop_player()
        self.session, self.send = "", None

    def locked(self) -> bool:
        if not self.carrier:
            return False
        state = self.server.sky / "carriers" / self.carrier.id.replace(" ", "-") / "state"
        return "lock 0\n" not in state.read_text()

    def run(self) -> None:
        """For ever: packets as they come, reports five times a second."""
        pending, held, since, report = b"", b"", 0.0, 0.0
        while True:
            player, send, now = self.player, self.send, time.monotonic()
            if not self.session:
                pending = held = b""
                time.sleep(0.01)
                continue
            ready = player and select.select([player.stdout], [], [], 0.02)[0]
            if ready:
                pending += player.stdout.read(65536)
                whole = len(pending) // TS * TS
                fresh = self._wanted(pending[:whole])
                pending, held, since = pending[whole:], held + fresh, since if held else now
            elif not player:
                time.sleep(0.02)
            while send and (len(held) >= TS * PER_DATAGRAM or (held and now - since > 0.05)):
                self._send_rtp(send, held[: TS * PER_DATAGRAM])
                held, since = held[TS * PER_DATAGRAM :], now
            if send and now - report > 0.2:
                report = now
                self._send_report(send)

    def _wanted(self, data: bytes) -> bytes:
        if self.all_pids:
            return data
        packets = [data[at : at + TS] for at in range(0, len(data), TS)]
        return b"".join(p for p in packets if (p[1] & 0x1F) << 8 | p[2] in self.pids)

    def _send_rtp(self, send: Callable[[bool, bytes], None], payload: bytes) -> None:
        stamp = int(time.time() * 90000) & 0xFFFFFFFF
        send(False, struct.pack("!BBHII", 0x80, 33, self.sequence, stamp, self.ssrc) + payload)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.sent_packets, self.sent_bytes = self.sent_packets + 1, self.sent_bytes + len(payload)

    @property
    def ssrc(self) -> int:
        return 0x5A71_0000 + self.number

    def status(self) -> str:
        """Section 3.5.13: level, lock, quality, then the tuning."""
        query, locked = self.query, self.locked()
        pids = "all" if self.all_pids else ",".join(str(p) for p in sorted(self.pids))
        heard = f"{self.number},{200 if locked else 20},{int(locked)},{12 if locked else 0}"
        if query.get("msys", "").startswith("dvbs"):
            tuned = [query.get(key, "") for key in ("freq", "pol", "msys", "mtype", "plts", "ro", "sr", "fec")]
            return f"vers=1.0;src={query.get('src', 1)};tuner={heard},{','.join(tuned)};pids={pids}"
        tuned = [query.get(key, "") for key in ("freq", "bw", "msys", "tmode", "mtype", "gi", "fec", "plp", "t2id", "sm")]
        return f"vers=1.1;tuner={heard},{','.join(tuned)};pids={pids}"

    def _send_report(self, send: Callable[[bool, bytes], None]) -> None:
        now = time.time()
        ntp = int((now + 2208988800) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
        stamp = int(now * 90000) & 0xFFFFFFFF
        report = struct.pack("!BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, stamp, self.sent_packets, self.sent_bytes & 0xFFFFFFFF)
        name = b"\1\5satip\0"
        report += struct.pack("!BBHI", 0x81, 202, 1 + (len(name) + 3) // 4, self.ssrc) + name.ljust((len(name) + 3) // 4 * 4, b"\0")
        text = self.status().encode()
        body = struct.pack("!HH", 0, len(text)) + text
        body = body.ljust((len(body) + 3) // 4 * 4, b"\0")
        report += struct.pack("!BBHI", 0x80, 204, 2 + len(body) // 4, self.ssrc) + b"SES1" + body
        send(True, report)


class Server:
    """Tuners, sessions, and the sockets that serve them."""

    def __init__(self, arguments: argparse.Namespace):
        self.sky, self.address = arguments.sky, arguments.address
        self.rtsp_port, self.timeout = arguments.rtsp_port, arguments.timeout
        self.lock = threading.RLock()
        self.tuners = [Tuner(self, number + 1) for number in range(arguments.tuners)]
        self.sessions_made = 0
        for tuner in self.tuners:
            threading.Thread(target=tuner.run, daemon=True).start()
        self.http = ThreadingHTTPServer((self.address, 0), _description(self))
        self.location = f"http://{self.address}:{self.http.server_port}/desc.xml"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        threading.Thread(target=self.expire, daemon=True).start()
        threading.Thread(target=self.announce, args=(self._join(),), daemon=True).start()

    def log(self, **row: Any) -> None:
        with self.lock, open(self.sky / "satip.jsonl", "a") as file:
            file.write(json.dumps({"time": time.time(), **row}) + "\n")

    def expire(self) -> None:
        """A session that is not asked for ends (section 3.5.12)."""
        while True:
            time.sleep(0.1)
            with self.lock:
                for tuner in self.tuners:
                    if tuner.session and time.monotonic() - tuner.seen > self.timeout:
                        self.log(event="timeout", session=tuner.session)
                        tuner.release()

    def take(self) -> Tuner:
        tuner = next((t for t in self.tuners if not t.session), None)
        if not tuner:
            raise Refused("503 Service Unavailable", "No-More: frontends")
        self.sessions_made += 1
        tuner.session = f"{0x1E240 + self.sessions_made:08x}"
        tuner.pids, tuner.all_pids, tuner.seen = set(), False, time.monotonic()
        return tuner

    def find(self, session: str) -> Tuner:
        tuner = next((t for t in self.tuners if t.session and t.session == session), None)
        if not tuner:
            raise Refused("454 Session Not Found")
        tuner.seen = time.monotonic()
        return tuner

    # ---- SSDP

    def _join(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(SSDP)
        group = socket.inet_aton(SSDP[0]) + socket.inet_aton(self.address)
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        return listener

    def announce(self, listener: socket.socket) -> None:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.address))
        sender.bind((self.address, 0))
        said = 0.0
        while True:
            if time.monotonic() - said > 5:
                said = time.monotonic()
                head = f"NOTIFY * HTTP/1.1\r\nHOST: {SSDP[0]}:{SSDP[1]}\r\nNTS: ssdp:alive\r\nNT: {DEVICE}\r\n"
                sender.sendto((head + self._about()).encode(), SSDP)
            if not select.select([listener], [], [], 0.5)[0]:
                continue
            data, source = listener.recvfrom(2000)
            target = re.search(rb"^ST: *(\S+)", data, re.M | re.I)
            if data.startswith(b"M-SEARCH") and target and target[1].decode() in (DEVICE, "ssdp:all", "upnp:rootdevice"):
                self.log(event="search", source=source[0])
                sender.sendto(f"HTTP/1.1 200 OK\r\nEXT:\r\nST: {DEVICE}\r\n{self._about()}".encode(), source)

    def _about(self) -> str:
        return (
            f"CACHE-CONTROL: max-age=1800\r\nLOCATION: {self.location}\r\nSERVER: Lab/1.0 UPnP/1.1 satip/1.0\r\n"
            f"USN: {UUID}::{DEVICE}\r\nBOOTID.UPNP.ORG: 1\r\nCONFIGID.UPNP.ORG: 0\r\nDEVICEID.SES.COM: 1\r\n\r\n"
        )

    def description(self) -> str:
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<root xmlns="urn:schemas-upnp-org:device-1-0" configId="0"><specVersion><major>1</major><minor>1</minor></specVersion>
<device><deviceType>{DEVICE}</deviceType><friendlyName>Lab SAT&gt;IP</friendlyName><manufacturer>Headwater Lab</manufacturer>
<modelName>Simulated</modelName><UDN>{UUID}</UDN>
<satip:X_SATIPCAP xmlns:satip="urn:ses-com:satip">DVBS2-{len(self.tuners)}</satip:X_SATIPCAP></device></root>
"""


def _description(server: Server) -> type:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = server.description().encode()
            self.send_response(200 if self.path == "/desc.xml" else 404)
            self.send_header("Content-Type", "text/xml")
            self.send_header("X-SATIP-RTSP-Port", str(server.rtsp_port))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class Rtsp(socketserver.StreamRequestHandler):
    """One RTSP connection."""

    owner: Server

    def setup(self) -> None:
        super().setup()
        self.write_lock = threading.Lock()

    def handle(self) -> None:
        while request := self._read():
            method, url, headers = request
            try:
                status, answer, body = self._answer(method, url, headers)
            except Refused as refused:
                status, answer, body = refused.status, [], refused.body
            self.owner.log(method=method, url=url, status=status, session=headers.get("session", ""), transport=headers.get("transport", ""))
            lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', 0)}", *answer]
            if body:
                kind = "application/sdp" if method == "DESCRIBE" and status.startswith("200") else "text/parameters"
                lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
            self._write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def _write(self, data: bytes) -> None:
        try:
            with self.write_lock:
                self.connection.sendall(data)
        except OSError:
            pass  # its client has gone; the session's time-out tells

    def _read(self) -> Optional[tuple[str, str, dict[str, str]]]:
        try:
            first = self.rfile.read(1)
            while first == b"$":  # receiver reports of an interleaved client
                _, length = struct.unpack("!BH", self.rfile.read(3))
                self.rfile.read(length)
                first = self.rfile.read(1)
            words = (first + self.rfile.readline()).decode("utf-8", "replace").split()
            headers = {}
            while (line := self.rfile.readline().decode("utf-8", "replace").strip()):
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            self.rfile.read(int(headers.get("content-length", 0)))
        except OSError:
            return None
        return (words[0], words[1], headers) if len(words) == 3 else None

    def _answer(self, method: str, url: str, headers: dict[str, str]) -> tuple[str, list[str], str]:
        parts = urllib.parse.urlsplit(url)
        query = dict(urllib.parse.parse_qsl(parts.query))
        session = headers.get("session", "").split(";")[0]
        with self.owner.lock:
            if method == "OPTIONS":
                if session:
                    self.owner.find(session)
                return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN", *([f"Session: {session}"] if session else [])], ""
            if method == "DESCRIBE":
                return self._describe()
            if method == "SETUP":
                return self._setup(query, session, headers.get("transport", ""))
            if method not in ("PLAY", "TEARDOWN"):
                raise Refused("501 Not Implemented")
            tuner = self.owner.find(session)
            if not parts.path.startswith(f"/stream={tuner.number}"):
                raise Refused("404 Not Found")
            if method == "TEARDOWN":
                tuner.release()
                return "200 OK", [f"Session: {session}"], ""
            if "freq" in query:
                tuner.tune(self._checked(query))
            tuner.set_pids(query)
            tuner.send = tuner.transport
            return "200 OK", [f"Session: {session}", f"RTP-Info: url={parts.scheme}://{parts.netloc}/stream={tuner.number};seq={tuner.sequence}"], ""

    def _describe(self) -> tuple[str, list[str], str]:
        playing = [t for t in self.owner.tuners if t.session]
        if not playing:
            raise Refused("404 Not Found")
        body = f"v=0\r\no=- 1 1 IN IP4 {self.owner.address}\r\ns=SatIPServer:1 {len(self.owner.tuners)}\r\nt=0 0\r\n"
        for tuner in playing:
            body += f"m=video 0 RTP/AVP 33\r\nc=IN IP4 0.0.0.0\r\na=control:stream={tuner.number}\r\na=fmtp:33 {tuner.status()}\r\n"
        return "200 OK", [], body

    @staticmethod
    def _checked(query: dict[str, str]) -> dict[str, str]:
        try:
            low, high = (950, 13250) if query["msys"] in ("dvbs", "dvbs2") else (42, 1002)
            if not low <= float(query["freq"]) <= high or query.get("pol", "h") not in "hvlr":
                raise Refused("403 Forbidden", f"Out-of-Range: {'freq' if not low <= float(query['freq']) <= high else 'pol'}")
        except (KeyError, ValueError):
            raise Refused("400 Bad Request", f"Check-Syntax: {' '.join(query)}") from None
        return query

    def _setup(self, query: dict[str, str], session: str, transport: str) -> tuple[str, list[str], str]:
        client = re.search(r"client_port=(\d+)-(\d+)", transport)
        channels = re.search(r"interleaved=(\d+)-(\d+)", transport)
        if "multicast" in transport or not (client or channels):
            raise Refused("461 Unsupported Transport")
        self._checked(query)
        tuner = self.owner.find(session) if session else self.owner.take()
        tuner.tune(query)
        tuner.set_pids(query)
        if client and not transport.startswith("RTP/AVP/TCP"):
            self._make_udp(tuner, int(client[1]), int(client[2]))
            said = f"RTP/AVP;unicast;destination={self.client_address[0]};source={self.owner.address};" + \
                f"client_port={client[1]}-{client[2]};server_port={tuner.ports[0]}-{tuner.ports[1]}"
        else:
            first, second = (int(channels[1]), int(channels[2])) if channels else (0, 1)
            tuner.transport = lambda rtcp, packet: self._write(
                struct.pack("!cBH", b"$", second if rtcp else first, len(packet)) + packet)
            said = f"RTP/AVP/TCP;interleaved={first}-{second}"
        return "200 OK", [f"Session: {tuner.session};timeout={self.owner.timeout}", f"com.ses.streamID: {tuner.number}", f"Transport: {said}"], ""

    def _make_udp(self, tuner: Tuner, rtp_port: int, rtcp_port: int) -> None:
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for sock in (rtp, rtcp):
            sock.bind((self.owner.address, 0))
        host = self.client_address[0]
        tuner.ports = (rtp.getsockname()[1], rtcp.getsockname()[1])

        def send(is_rtcp: bool, packet: bytes) -> None:
            try:
                (rtcp if is_rtcp else rtp).sendto(packet, (host, rtcp_port if is_rtcp else rtp_port))
            except OSError:
                pass  # nobody has the port open just now

        tuner.transport = send


class _RtspServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sky", type=Path, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--tuners", type=int, default=2)
    parser.add_argument("--rtsp-port", type=int, default=554)
    parser.add_argument("--timeout", type=int, default=60)
    arguments = parser.parse_args()
    player()  # made now if ever, and not while a client waits
    server = Server(arguments)
    Rtsp.owner = server
    with _RtspServer((arguments.address, arguments.rtsp_port), Rtsp) as rtsp:
        print(f"ready: rtsp://{arguments.address}:{arguments.rtsp_port} {server.location}", flush=True)
        rtsp.serve_forever()


if __name__ == "__main__":
    main()
