#!/usr/bin/python3
"""./headwater bench directory: a directory of 50 000 stations: its import, its start, and how fast it answers."""

import argparse
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import to_toml  # noqa: E402
from lab.rpc import RpcError, call, frame  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FIRST = 0x80000000
# Has sockets and a port of its own, beside a headend that runs here.
INSTANCE = 9
TARGETS = {"import_s": 10, "import_peak_mib": 300, "resolve_p99_us": 200, "start_s": 1}
WORDS = {
    "document_mib": "size of the document, in Radio-Browser's form",
    "import_s": "start of the service with an empty catalogue to all stations in force",
    "import_peak_mib": "most memory that the service had in that time",
    "start_s": "start of the service with a full catalogue to its first Resolve",
    "resolve_p50_us": "8000 Resolves, from arrival to answer in the service: half of them took no longer (by its histogram, up to 200 in steps of 10)",
    "resolve_p99_us": "the same, 99 of 100",
    "resolve_p99_while_refreshing_us": "the same while a document with 10 % changed stations is fetched and taken",
    "resolve_max_while_refreshing_us": "the longest of them: it waited until the new stations were stored and in force",
    "search_p50_us": "Search for one word of a third of the titles, with a connection and curl's own time, median",
    "refresh_s": "RefreshDirectory with 10 % changed stations",
}
WORDS_OF_TITLES = "Radio Jazz Rock Classic FM News Talk Gold Hits Dance Blues Soul Metal Folk Country Latin Deep House".split()
TAGS = "jazz rock pop news talk dance blues classical 80s 90s oldies metal folk latin ambient house techno".split()


def make_document(count: int, changed: float = 0) -> bytes:
    """`count` stations in Radio-Browser's form; of the same count always the same, but for a share that has other titles."""
    chance = random.Random(1)
    stations = []
    for i in range(count):
        title = " ".join(chance.sample(WORDS_OF_TITLES, 3)) + f" {i}"
        host = f"stream{i}.example"
        stations.append({
            "changeuuid": str(uuid.UUID(int=chance.getrandbits(128))), "stationuuid": str(uuid.UUID(int=chance.getrandbits(128))),
            "serveruuid": None, "name": title + (" (new)" if i < count * changed else ""), "url": f"http://{host}/listen.pls",
            "url_resolved": f"http://{host}:8000/live/stream-{i}.mp3", "homepage": f"https://www.{host}/", "favicon": f"https://www.{host}/logo.png",
            "tags": ",".join(chance.sample(TAGS, 4)), "country": "Germany", "countrycode": "DE", "iso_3166_2": "", "state": "Berlin",
            "language": "german,english", "languagecodes": "de,en", "votes": chance.randrange(100000),
            "lastchangetime": "2026-05-14 09:00:12", "lastchangetime_iso8601": "2026-05-14T09:00:12Z", "codec": "MP3", "bitrate": 128, "hls": 0,
            "lastcheckok": 1, "lastchecktime": "2026-11-20 03:10:00", "lastchecktime_iso8601": "2026-11-20T03:10:00Z",
            "lastcheckoktime": "2026-11-20 03:10:00", "lastcheckoktime_iso8601": "2026-11-20T03:10:00Z", "clicktimestamp": "2026-11-20 03:10:00",
            "clickcount": 44, "clicktrend": -2, "ssl_error": 0, "geo_lat": 52.52, "geo_long": 13.4, "has_extended_info": False,
        })  # fmt: skip
    return json.dumps(stations).encode()


class Web:
    """A server of one document on loopback."""

    def __init__(self):
        self.document = b"[]"
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(web.document)))
                self.end_headers()
                self.wfile.write(web.document)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/list"


class Service:
    """directory-resolver on loopback, in a folder of its own."""

    def __init__(self, bin_dir: Path, folder: Path, url: str):
        self.argv = [str(bin_dir / "directory-resolver"), "--config", str(folder / "headwater.toml"), "--instance", str(INSTANCE)]
        self.socket = folder / "run" / f"directory-resolver@{INSTANCE}.sock"
        self.log = folder / "log"
        for name in ("run", "state"):
            (folder / name).mkdir()
        directory = {"name": "web", "prefix": "0x80000000/4", "kind": "radio-browser", "url": url, "local": True, "stations_max": 100000}
        config = {"http_address": "127.0.0.1", "run_dir": str(folder / "run"), "state_dir": str(folder / "state"), "directory-resolver": {"directory": [directory]}}
        (folder / "headwater.toml").write_text(to_toml(config))
        self.process: Optional[subprocess.Popen] = None

    def start(self) -> float:
        """When it was started."""
        began = time.monotonic()
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log)
        return began

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def wait_station(self, number: int, timeout: float = 120) -> None:
        """Until the number resolves."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                call(self.socket, "directory", "Resolve", f"number: {number}")
                return
            except (RpcError, RuntimeError):
                assert self.process and self.process.poll() is None, self.log.read_text()
        raise TimeoutError(self.log.read_text()[-2000:])

    def peak_mib(self) -> float:
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def ask(self, method: str, request: str, count: int) -> list[float]:
        """`count` calls, each over a connection of its own; how many microseconds each took curl with all that."""
        body = self.log.with_name(f"request-{method}")
        body.write_bytes(frame("directory", method, request))
        # Another host is another connection: curl 7.88 and gRPC cannot share one for two calls.
        url = f"http://h[1-{count}]/headwater.directory.v1.DirectoryService/{method}"
        argv = ["curl", "-s", "-S", "--http2-prior-knowledge", "--unix-socket", str(self.socket), "-H", "content-type: application/grpc"]
        argv += ["-H", "te: trailers", "--data-binary", f"@{body}", "-o", "/dev/null", "-w", "%{time_total}\\n", url]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=600)
        return [float(line) * 1e6 for line in done.stdout.split()]

    def resolve_buckets(self) -> dict[float, int]:
        """Calls answered within each of the histogram's bounds (seconds), by the service's own clock."""
        with urllib.request.urlopen(f"http://127.0.0.1:{9462 + 10 * INSTANCE}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {float(bound): int(n) for bound, n in re.findall(r'resolve_seconds_bucket{le="([^"]+)"} (\d+)', text)}


def quantile_us(before: dict[float, int], after: dict[float, int], share: float) -> float:
    """The bound below which this share of the calls between two readings lies."""
    counts = {bound: after[bound] - before[bound] for bound in sorted(after)}
    return next(bound for bound, count in counts.items() if count >= share * counts[math.inf]) * 1e6


def percentile(values: list[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def measure_refresh(service: Service, count: int) -> dict[str, float]:
    """Calls while a document is fetched and taken."""
    before = service.resolve_buckets()
    began = time.monotonic()
    refresh = threading.Thread(target=lambda: call(service.socket, "directory", "RefreshDirectory", 'name: "web"', patience=120))
    refresh.start()
    while refresh.is_alive():
        service.ask("Resolve", f"number: {FIRST + count // 3}", 100)
    took = time.monotonic() - began
    after = service.resolve_buckets()
    longest = quantile_us(before, after, 1)
    return {"refresh_s": took, "resolve_p99_while_refreshing_us": quantile_us(before, after, 0.99), "resolve_max_while_refreshing_us": longest}


def measure(bin_dir: Path, count: int) -> dict[str, float]:
    web = Web()
    web.document = make_document(count)
    figures = {"document_mib": len(web.document) / 2**20}
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        service = Service(bin_dir, Path(folder), web.url)
        try:
            began = service.start()
            service.wait_station(FIRST + count - 1)
            figures["import_s"] = time.monotonic() - began
            figures["import_peak_mib"] = service.peak_mib()
            service.stop()
            began = service.start()
            service.wait_station(FIRST + count - 1)
            figures["start_s"] = time.monotonic() - began
            numbers = [FIRST + count * i // 8 for i in range(8)]
            before = service.resolve_buckets()
            for number in numbers:
                service.ask("Resolve", f"number: {number}", 1000)
            after = service.resolve_buckets()
            figures["resolve_p50_us"] = quantile_us(before, after, 0.5)
            figures["resolve_p99_us"] = quantile_us(before, after, 0.99)
            figures["search_p50_us"] = percentile(service.ask("Search", 'query: "jazz"', 100), 0.5)
            web.document = make_document(count, changed=0.1)
            figures.update(measure_refresh(service, count))
        finally:
            if service.process and service.process.poll() is None:
                service.stop()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="headwater bench directory", description=__doc__)
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin")
    parser.add_argument("--stations", type=int, default=50000)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    figures = measure(options.bin_dir, options.stations)
    missed = [name for name, target in TARGETS.items() if figures[name] > target]
    if options.json:
        print(json.dumps({"stations": options.stations, "figures": figures, "targets": TARGETS, "missed": missed}))
    else:
        for name, words in WORDS.items():
            target = f"  (target {TARGETS[name]}{', MISSED' if name in missed else ''})" if name in TARGETS else ""
            print(f"{name:32} {figures[name]:10.1f}  {words}{target}")
        print(f"{options.stations} stations, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
