"""Calls of one service alone, as the session-manager would make them: gRPC by protoc and curl, no generated code."""

import re
import struct
import subprocess
from pathlib import Path

PROTO = Path(__file__).resolve().parents[3] / "proto"


class RpcError(Exception):
    """A status other than OK; `code` is gRPC's number."""

    def __init__(self, code: int, message: str):
        super().__init__(f"grpc status {code}: {message}")
        self.code = code
        self.message = message


def frame(area: str, method: str, request: str) -> bytes:
    """A request in protobuf's text form as gRPC sends it."""
    body = _protoc(area, f"--encode=headwater.{area}.v1.{method}Request", request.encode())
    return b"\0" + struct.pack("!I", len(body)) + body


def call(socket_path: Path, area: str, method: str, request: str, patience: float = 10) -> str:
    """One unary call; request and answer are in protobuf's text form.

    call(path, "announce", "StopAnnouncement", 'channel { group: "ff3e::1" }')
    """
    name = f"headwater.{area}.v1"
    argv = ["curl", "-s", "-S", "--max-time", str(patience), "--http2-prior-knowledge", "--unix-socket", str(socket_path)]
    argv += ["-H", "content-type: application/grpc", "-H", "te: trailers", "-D", "/dev/stderr", "--data-binary", "@-"]
    argv.append(f"http://localhost/{name}.{area.capitalize()}Service/{method}")
    done = subprocess.run(argv, input=frame(area, method, request), capture_output=True)
    headers = done.stderr.decode("utf-8", "replace")
    status = re.search(r"^grpc-status: (\d+)", headers, re.M)
    if done.returncode != 0 or not status:
        raise RuntimeError(f"{socket_path}: {method}: {headers}")
    if status[1] != "0":
        message = re.search(r"^grpc-message: (.*?)\r?$", headers, re.M)
        raise RpcError(int(status[1]), message[1] if message else "")
    return _protoc(area, f"--decode={name}.{method}Response", done.stdout[5:]).decode()


def _protoc(area: str, option: str, data: bytes) -> bytes:
    file = f"headwater/{area}/v1/{area}.proto"
    done = subprocess.run(["protoc", option, f"-I{PROTO}", file], input=data, capture_output=True)
    if done.returncode != 0:
        raise ValueError(done.stderr.decode("utf-8", "replace"))
    return done.stdout
