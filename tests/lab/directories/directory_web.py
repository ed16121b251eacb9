"""A directory's web server: documents of a folder, with ETag; it misbehaves as `behaviour` says.

As a program (`directory_web.py FOLDER ADDRESS`) it is that server; imported, `DirectoryWeb` runs it on a host.
"""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6

PORT = 8090
DOCUMENTS = Path(__file__).resolve().parents[2] / "data" / "directories"


class DirectoryWeb:
    """The server on a host. Documents are written by `put`; `behave` changes how a path answers."""

    def __init__(self, host):
        self.host = host
        self.directory = host.ns.directory / f"directories-{host.name}"
        self.directory.mkdir()
        for document in DOCUMENTS.iterdir():
            self.put(document.name, document.read_text())
        self.process = host.ns.start(["/usr/bin/python3", __file__, self.directory, host.leg.ipv6], "directories")
        self.process.wait_log("ready\n")

    def url(self, name: str) -> str:
        return f"http://[{self.host.leg.ipv6}]:{PORT}/{name}"

    def put(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def put_stations(self, name: str, stations: list[dict]) -> None:
        """A document in Radio-Browser's form."""
        self.put(name, json.dumps([{"lastcheckok": 1, **station} for station in stations]))

    def behave(self, name: str, status: int = 200, location: str = "") -> None:
        (self.directory / f"{name}.behaviour").write_text(json.dumps({"status": status, "location": location}))

    def statuses(self, name: str) -> list[int]:
        """What was answered for a document, in order."""
        log = self.directory / "answers"
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [row["status"] for row in rows if row["name"] == name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = Path()

    def do_GET(self) -> None:
        name = self.path.split("?")[0].lstrip("/")
        file, behaviour = self.folder / name, self.folder / f"{name}.behaviour"
        wanted = json.loads(behaviour.read_text()) if behaviour.exists() else {"status": 200, "location": ""}
        body = file.read_bytes() if file.exists() else b""
        status = wanted["status"] if file.exists() else 404
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == 200 and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        with open(self.folder / "answers", "a") as log:
            log.write(json.dumps({"name": name, "status": status}) + "\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status in (200, 304):
            self.send_header("ETag", tag)
        if wanted["location"]:
            self.send_header("Location", wanted["location"])
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    address_family = AF_INET6
    daemon_threads = True


def main() -> None:
    Handler.folder = Path(sys.argv[1])
    server = Server((sys.argv[2], PORT), Handler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
