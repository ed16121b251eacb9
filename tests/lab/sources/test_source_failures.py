"""Every way in which a station fails ends as a failed session that says why in one line, and hurts nobody else."""

import contextlib

import pytest

from failures import FAILURES, url_of
from lab import FIRST_NUMBER, FfmpegListener, Scene, group6, let_pass, of_kind, sequence_gaps, wait_until
from web import Web


@pytest.fixture
def web(unstarted: Scene) -> Web:
    made = Web(unstarted.headend.internet)
    unstarted.headend.config["rtp-packager"] = {"name_servers": made.name_server}
    return made


def lineup(scene: Scene, web: Web, paths: list[str]) -> list[int]:
    """The good station, and the paths after it; their numbers."""
    stations = {FIRST_NUMBER: ("Good", scene.url)}
    numbers = list(range(FIRST_NUMBER + 1, FIRST_NUMBER + 1 + len(paths)))
    for number, path in zip(numbers, paths):
        stations[number] = (f"Station {number:x}", url_of(path, web))
    scene.headend.write_lineup(stations)
    return numbers


def is_told(scene: Scene, number: int, error: str) -> bool:
    """Whether the last line of the explanation holds the error; between two failures it tells of the try under way."""

    def told() -> bool:
        return error in scene.headend.ctl("session", "explain", group6(number)).stdout.splitlines()[-1]

    with contextlib.suppress(TimeoutError):
        return wait_until(told, 15)
    return False


def test_each_failure_is_told_in_one_line_and_hurts_nobody(unstarted, web):
    scene = unstarted
    # The lineup itself refuses this one.
    cases = {name: case for name, case in FAILURES.items() if name != "scheme"}
    numbers = lineup(scene, web, [path for path, _ in cases.values()])
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(1, 20)
    memberships = [scene.bob.join(group6(number)) for number in numbers]
    wrong = []
    for number, (name, (_, words)) in zip(numbers, cases.items()):
        session = scene.headend.wait_session(group6(number), "failed", 40)
        if not session["error"] or words not in session["error"] or not is_told(scene, number, session["error"]):
            wrong.append(f"{name}: {session['error']!r}")
    assert not wrong, "\n".join(wrong)
    listener.wait_more(2, 10)
    assert not sequence_gaps(scene.capture.select(of_kind("rtp", scene.group6)))
    for membership in memberships:
        membership.leave()
    wait_until(lambda: list(scene.headend.sessions()) == [scene.group6], 15, "the failed sessions gone")


def test_a_failed_station_is_tried_again_ever_more_slowly_while_it_has_members(unstarted, web):
    scene = unstarted
    [number] = lineup(scene, web, ["missing"])
    scene.start()
    membership = scene.bob.join(group6(number))
    wait_until(lambda: len(web.requests("missing")) >= 4, 30, "four tries")
    times = [request["time"] for request in web.requests("missing")]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert gaps[0] >= 0.7 and gaps[1] > gaps[0] and gaps[2] > gaps[1], gaps
    membership.leave()
    wait_until(lambda: not scene.headend.sessions(), 15, "no session")
    tries = len(web.requests("missing"))
    let_pass(gaps[2] * 2.5)
    assert len(web.requests("missing")) == tries


def test_a_password_is_used_and_never_told(unstarted, web):
    scene = unstarted
    host = web.address
    good, bad = lineup(scene, web, [f"http://me:hunter2@{host}:8080/secret", f"http://me:hunter2@{host}:8080/missing"])
    scene.start()
    listener = FfmpegListener(scene.alice, group6(good))
    scene.bob.join(group6(bad))
    listener.wait_decoded(1, 20)
    scene.headend.wait_session(group6(bad), "failed", 20)
    told = scene.headend.ctl("session", "list", "--json").stdout
    told += "".join(scene.headend.ctl("session", "explain", group6(number)).stdout for number in (good, bad))
    told += "".join(scene.headend.logs().values())
    assert "hunter2" not in told
