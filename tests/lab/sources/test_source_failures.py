"""What goes on around a station that fails. The ways in which one fails are in behaviours.py."""

import pytest

from lab import FIRST_NUMBER, FfmpegListener, Scene, group6, let_pass, wait_until
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
        stations[number] = (f"Station {number:x}", path if "://" in path else web.url(path))
    scene.headend.write_lineup(stations)
    return numbers


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
