"""kill -9 of any one service while listeners come and go: what runs is what is wanted, soon after all know all again."""

import pytest

from lab import FIRST_NUMBER, SERVICES, Scene, group6, wait_until

STAYS, LEAVES, COMES = (group6(FIRST_NUMBER + n) for n in range(3))
SYNCED = r'headwater_membership_watcher_link_state\{[^}]*state="synced"[^}]*\}'
CONNECTED = "headwater_session_manager_endpoint_connected"


def in_step(scene: Scene) -> bool:
    """The watcher knows all listeners, and the manager has every other service's state."""
    headend = scene.headend
    return all(headend.ready(service) for service in SERVICES) and (
        headend.metric("membership-watcher", SYNCED) == len(headend.links)
        and headend.metric("session-manager", CONNECTED) == len(SERVICES) - 1
    )


def world(scene: Scene) -> dict[str, tuple]:
    """What every service holds for true."""
    sessions = {g: (s["state"], s["links"], s["members"]) for g, s in scene.headend.sessions().items()}
    groups = {row["group"]: (row["link"], len(row["members"])) for row in scene.headend.json("group", "list")}
    packager = scene.headend.metric("rtp-packager", "headwater_rtp_packager_sessions")
    announcer = scene.headend.metric("sap-announcer", "headwater_sap_announcer_announcements")
    return {"sessions": sessions, "groups": groups, "packager": packager, "announcer": announcer}


def wanted(*played: str) -> dict[str, tuple]:
    return {
        "sessions": {group: ("live", ["lan"], 1) for group in played},
        "groups": {group: ("lan", 1) for group in played},
        "packager": len(played),
        "announcer": len(played),
    }


def wait_world(scene: Scene, expected: dict, limit: float) -> None:
    try:
        wait_until(lambda: world(scene) == expected, limit, every=0.1)
    except TimeoutError:
        assert world(scene) == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_world_that_changed_during_the_death_is_served_within_two_seconds(unstarted, service, ten_times):
    scene = unstarted
    scene.headend.config["directory-resolver"]["directory"][0]["linger"] = "0s"
    scene.headend.write_lineup({FIRST_NUMBER + n: (f"Radio {n}", scene.url) for n in range(3)})
    scene.start()
    with scene.alice.join(STAYS):
        leaving = scene.bob.join(LEAVES)
        wait_world(scene, wanted(STAYS, LEAVES), 30)
        old = scene.headend.kill(service)
        leaving.leave()
        with scene.bob.join(COMES):
            scene.headend.wait_restarted(service, old)
            wait_until(lambda: in_step(scene), 60, "all in step")
            wait_world(scene, wanted(STAYS, COMES), 20 if ten_times else 2)
