"""Every row of behaviours.py at once, by one headend: what plays is heard, what fails says why, and nobody suffers for another."""

import contextlib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from behaviours import ROWS, Behaviours, Row
from lab import FIRST_NUMBER, Capture, FfmpegListener, Headend, Packet, Scene, group6, sequence_gaps, wait_until
from lab.rpc import RpcError, call
from lab.sound import RATE, tone_seconds

GROUPS = {row.name: group6(FIRST_NUMBER + 1 + i) for i, row in enumerate(ROWS)}
FAILING = [row for row in ROWS if not row.plays]
PLAYING = [row for row in ROWS if row.plays]
UNAVAILABLE, FAILED_PRECONDITION, INVALID_ARGUMENT = 14, 9, 3


@pytest.fixture(scope="module")
def server(module_lab, bin_dir) -> tuple[Scene, Behaviours]:
    """The headend with every row as a station, started."""
    scene = Scene(module_lab, Headend(module_lab, bin_dir))
    behaviours = Behaviours(scene.headend.internet)
    scene.headend.config["rtp-packager"] = behaviours.packager_config
    # A hundred and fifty starts at once with sanitizers, beside other tests: each step may wait for the others.
    scene.headend.config["session-manager"]["call_timeout"] = "20s"
    scene.headend.config["directory-resolver"]["directory"][0]["start_timeout"] = "30s"
    stations = {FIRST_NUMBER: ("Good", scene.url)}
    for i, row in enumerate(ROWS):
        stations[FIRST_NUMBER + 1 + i] = (row.name, *behaviours.urls(row))
    scene.headend.write_lineup(stations)
    return scene.start(), behaviours


def collect_errors(scene: Scene, timeout: float) -> dict[str, str]:
    """What each failing row's session said of itself, as soon as all have; a failed session is tried again, so each is
    looked at all the time."""
    errors: dict[str, str] = {}

    def all_told() -> bool:
        sessions = scene.headend.sessions()
        for row in FAILING:
            session = sessions.get(GROUPS[row.name], {})
            if row.name not in errors and session.get("error"):
                told = scene.headend.ctl("session", "explain", GROUPS[row.name]).stdout
                errors[row.name] = session["error"] if session["error"] in told else f"not in explain: {session['error']}"
        return len(errors) == len(FAILING)

    with contextlib.suppress(TimeoutError):
        wait_until(all_told, timeout, "all errors", every=0.2)
    return errors


def heard(row: Row, listener: FfmpegListener) -> str:
    """What is wrong with what a stock ffmpeg makes of it; empty for nothing."""
    try:
        listener.wait_decoded(row.seconds, 40)
    except (AssertionError, TimeoutError) as error:
        return f"ffmpeg: {str(error)[-300:]}"
    tone = listener.tone_seconds(*row.tones)
    return "" if tone >= row.seconds - 0.5 else f"the tone for {tone} s of {listener.decoded_seconds:.1f}"


def decoded(row: Row, packets: list[Packet]) -> str:
    """The same of a row without a listener, in the RTP that was captured: MPEG audio, behind four bytes of its own in each
    packet (RFC 2250 section 3.5)."""
    if {p.rtp().payload_type for p in packets} != {14}:
        return "no MPEG audio: it needs a listener"
    stream = b"".join(p.rtp().payload[4:] for p in packets[:60])
    argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "mp3", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", str(RATE), "pipe:1"]
    tone = tone_seconds(subprocess.run(argv, input=stream, capture_output=True, timeout=60).stdout, *row.tones)
    return "" if tone >= 1 else f"the tone for {tone} s of {len(packets)} packets"


def rtp_of(capture: Capture, timeout: float) -> dict[str, list[Packet]]:
    """The RTP of each group, as soon as all that must play have sent enough."""
    rtp: dict[str, list[Packet]] = {}

    def enough() -> bool:
        rtp.clear()
        for packet in capture.packets():
            if packet.kind == "rtp":
                rtp.setdefault(packet.destination, []).append(packet)
        return all(len(rtp.get(GROUPS[row.name], [])) >= 10 * row.seconds for row in PLAYING)

    with contextlib.suppress(TimeoutError):
        wait_until(enough, timeout, "RTP of every row", every=1)
    return rtp


def test_every_behaviour(server):
    scene, _ = server
    capture = Capture(scene.headend.ns, "lan", "udp port 5004", bytes_max=2048)
    good = FfmpegListener(scene.alice, scene.group6)
    good.wait_decoded(1, 20)
    listeners = {row.name: FfmpegListener(scene.alice, GROUPS[row.name]) for row in PLAYING if row.ffmpeg}
    for row in ROWS:
        if row.name not in listeners:
            scene.bob.join(GROUPS[row.name])
    began = time.monotonic()
    errors = collect_errors(scene, 180)
    wrong = [f"{row.name}: {errors.get(row.name)}" for row in FAILING if row.words not in errors.get(row.name, "")]
    with ThreadPoolExecutor(len(listeners)) as pool:
        told = pool.map(lambda row: (row.name, heard(row, listeners[row.name])), [r for r in PLAYING if r.ffmpeg])
        wrong += [f"{name}: {fault}" for name, fault in told if fault]
    rtp = rtp_of(capture, 60)
    for row in PLAYING:
        packets = rtp.get(GROUPS[row.name], [])
        if len(packets) < 10 * row.seconds:
            wrong.append(f"{row.name}: {len(packets)} RTP packets, {scene.headend.sessions().get(GROUPS[row.name])}")
        elif sequence_gaps(packets):
            wrong.append(f"{row.name}: gaps {sequence_gaps(packets)}")
        elif row.name not in listeners and (fault := decoded(row, packets)):
            wrong.append(f"{row.name}: {fault}")
    print(f"{len(ROWS)} behaviours, {len(FAILING)} errors and {len(listeners)} listeners: {time.monotonic() - began:.1f} s")
    assert not wrong, "\n".join(wrong)
    assert good.playing() and not sequence_gaps(rtp[scene.group6])


def test_a_probe_tells_every_failure(server):
    scene, behaviours = server
    socket = scene.headend.run_dir / "rtp-packager.sock"

    def told(row: Row) -> str:
        try:
            request = f'url: "{behaviours.urls(row)[0]}" local: true'
            return "played: " + call(socket, "packager", "Probe", request, patience=30)
        except RpcError as error:
            expected = error.code in (UNAVAILABLE, FAILED_PRECONDITION, INVALID_ARGUMENT)
            return error.message if expected else str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = zip(FAILING, pool.map(told, FAILING))
    wrong = [f"{row.name}: {answer}" for row, answer in answers if row.words not in answer]
    assert not wrong, "\n".join(wrong)
