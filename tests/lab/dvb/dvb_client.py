"""dvb-tuner asked alone, as the session-manager would ask it, and what it has running."""

import re
import subprocess
from pathlib import Path
from typing import Callable

from lab import wait_until
from lab.rpc import PROTO, call, frame


class TunerClient:
    def __init__(self, socket: Path, pid: Callable[[], int]):
        self.socket = socket
        self._pid = pid

    def ask(self, method: str, request: str) -> str:
        return call(self.socket, "tuner", method, request)

    def watch(self, method: str, seconds: float = 0.3, request: str = "") -> list[str]:
        """What a stream tells in that time, each message in protobuf's text form."""
        argv = ["curl", "-s", "-N", "--max-time", str(seconds), "--http2-prior-knowledge", "--unix-socket", str(self.socket)]
        argv += ["-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "@-"]
        argv.append(f"http://localhost/headwater.tuner.v1.TunerService/{method}")
        data = subprocess.run(argv, input=frame("tuner", method, request), capture_output=True).stdout
        told = []
        while len(data) >= 5:
            size = int.from_bytes(data[1:5], "big")
            decode = ["protoc", f"--decode=headwater.tuner.v1.{method}Response", f"-I{PROTO}", "headwater/tuner/v1/tuner.proto"]
            told.append(subprocess.run(decode, input=data[5 : 5 + size], capture_output=True, check=True).stdout.decode())
            data = data[5 + size :]
        return told

    def leases(self) -> dict[int, str]:
        """Each lease by its number, as text."""
        told = [text for text in self.watch("WatchLeases") if text.lstrip().startswith(("revision", "lease")) and "lease {" in text]
        return {int(re.search(r"\bnumber: (\d+)", text)[1]): text for text in told}

    def tuner(self, name: str) -> str:
        """One tuner, as text; "" before it is told."""
        told = (self.watch("WatchTuners") or [""])[-1]
        return next((part for part in told.split("tuners {")[1:] if f'name: "{name}"' in part), "")

    def wait_tuner(self, name: str, state: str, timeout: float = 15) -> str:
        return wait_until(lambda: (text := self.tuner(name)) and f"TUNER_STATE_{state}" in text and text, timeout, f"{name} {state}")

    def dvblasts(self) -> dict[int, list[str]]:
        """Running ones of this headend: pid and command line."""
        mine = self._pid()
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == mine:
                    found[int(path.name)] = (path / "cmdline").read_text().split("\0")
            except (OSError, IndexError):
                continue  # it has ended meanwhile
        return {pid: words for pid, words in found.items() if "dvblast" in words[0]}
