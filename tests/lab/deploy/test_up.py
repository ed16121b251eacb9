"""The supervisor, with stand-ins for the services: it needs no build."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lab import Process, stays, wait_until

ROOT = Path(__file__).resolve().parents[3]
UP = ROOT / "deploy" / "up.py"
SERVICES = ["directory-resolver", "membership-watcher", "sap-announcer", "rtp-packager", "session-manager"]

# A service that answers /readyz on the port of its name, notes its starts, and ends on SIGTERM.
STAND_IN = """
    #!/usr/bin/python3
    import http.server, json, os, pathlib, signal, sys
    name = pathlib.Path(sys.argv[0]).name
    notes = pathlib.Path(sys.argv[0]).parent / "notes"
    plan = json.loads((notes / "plan").read_text()).get(name, {})
    if "--check-config" in sys.argv:
        sys.exit(plan.get("check", 0))
    with open(notes / name, "a") as out:
        print(os.getpid(), file=out)
    if "exit" in plan:
        sys.exit(plan["exit"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if plan.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    port = PORTS[name]
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200); self.end_headers()
        def log_message(self, *_): pass
    http.server.HTTPServer(("0.0.0.0", port), Handler).serve_forever()
"""


class Headend:
    def __init__(self, host, folder: Path, plan: dict):
        sys.path.insert(0, str(UP.parent))
        import up

        self.host, self.folder = host, folder
        (folder / "notes").mkdir(parents=True)
        (folder / "notes" / "plan").write_text(json.dumps(plan))
        (folder / "headwater.toml").write_text(f'run_dir = "{folder}/run"\nstate_dir = "{folder}/state"\n')
        for name in SERVICES:
            program = folder / name
            program.write_text(textwrap.dedent(STAND_IN).strip().replace("PORTS", repr(up.SERVICES)) + "\n")
            program.chmod(0o755)

    def start(self) -> Process:
        argv = ["/usr/bin/python3", UP, "--config", self.folder / "headwater.toml", "--bin-dir", self.folder]
        return self.host.ns.start(argv, "up", stop_signal=signal.SIGINT)

    def pids(self, name: str) -> list[int]:
        path = self.folder / "notes" / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []


@pytest.fixture
def headend(lab, tmp_path):
    host = lab.host("headend")
    return lambda **plan: Headend(host, tmp_path / "bin", {name.replace("_", "-"): todo for name, todo in plan.items()})


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_it_says_ready_and_stops_clean(headend):
    made = headend()
    up = made.start()
    up.wait_log("ready\n", 60)
    pids = [made.pids(name)[0] for name in SERVICES]
    assert up.stop() == 0
    assert not any(alive(pid) for pid in pids)


def test_it_restarts_what_dies_and_nothing_else(headend):
    made = headend()
    up = made.start()
    up.wait_log("ready\n", 60)
    os.kill(made.pids("rtp-packager")[0], signal.SIGKILL)
    wait_until(lambda: len(made.pids("rtp-packager")) == 2, 30, "the restart")
    up.wait_log("rtp-packager is ready again", 30)
    assert all(len(made.pids(name)) == 1 for name in SERVICES if name != "rtp-packager")
    assert up.stop() == 0


def test_it_waits_longer_from_death_to_death(headend):
    made = headend(rtp_packager={"exit": 1})
    up = made.start()
    up.wait_log("restart in 0.8 s", 60)
    assert "restart in 0.2 s" in up.log() and "ready\n" not in up.log()


def test_a_fault_in_the_configuration_ends_it_with_78(headend):
    up = headend(session_manager={"check": 78}).start()
    assert up.wait(60) == 78


def test_a_service_that_finds_the_configuration_wrong_at_its_start_ends_it_too(headend):
    made = headend(session_manager={"exit": 78})
    assert made.start().wait(60) == 78
    assert not any(alive(pid) for name in SERVICES for pid in made.pids(name))


def test_a_service_deaf_to_the_end_is_killed_by_a_second_signal(headend):
    made = headend(sap_announcer={"deaf": True})
    up = made.start()
    up.wait_log("ready\n", 60)
    up.signal(signal.SIGINT)
    assert stays(up.alive, 0.5)
    up.signal(signal.SIGINT)
    assert up.wait(5) == 1
    assert not alive(made.pids("sap-announcer")[0])


def test_no_service_outlives_its_supervisor(headend):
    made = headend()
    up = made.start()
    up.wait_log("ready\n", 60)
    up.kill()
    wait_until(lambda: not any(alive(made.pids(name)[0]) for name in SERVICES), 20, "the end of all")


def test_help_teaches():
    for command in ("up", "doctor", "demo", "build", "test", "bench"):
        done = subprocess.run([ROOT / "headwater", command, "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and "usage" in done.stdout, command


def test_a_wrong_word_is_a_usage_error():
    assert subprocess.run([ROOT / "headwater", "wrong"], capture_output=True).returncode == 2
