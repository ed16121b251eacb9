"""SIGHUP: what can change live does, without a gap; a wrong file changes nothing and says so once."""

import os
import signal

import pytest

from lab import FfmpegListener, of_kind, sequence_gaps, wait_until

OK = "headwater_config_last_reload_successful"
# A key that can change live and its new value, and one of the service's own that cannot.
SERVICES = {
    "membership-watcher": ({"query_interval": "20s"}, {}),
    "directory-resolver": ({}, {"reload_delay": "300ms"}),
    "session-manager": ({"sessions_max": 1}, {"directory_resolver": "unix:/nowhere.sock"}),
    "rtp-packager": ({"silence_limit": "30s"}, {"user_agent": "Other"}),
    "sap-announcer": ({"interval": "500ms"}, {"well_known_groups": True}),
}


def hang_up(headend, service: str) -> str:
    """The new lines of its log that speak of the configuration."""
    before = len(headend.log(service))
    os.kill(headend.pid(service), signal.SIGHUP)

    def told() -> list[str]:
        lines = headend.log(service)[before:].splitlines()
        return [line for line in lines if "configuration re" in line]

    wait_until(told, 10, f"{service} tells of its configuration")
    return "\n".join(told())


@pytest.mark.parametrize("service", SERVICES)
def test_a_reload_takes_what_can_change_and_names_the_rest(scene, service):
    headend = scene.headend
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(1, 20)
    live, fixed = SERVICES[service]
    headend.config.setdefault(service, {}).update(live)
    headend.write_config()
    told = hang_up(headend, service)
    assert "configuration reloaded" in told and not any(key in told for key in live), told
    headend.config[service].update(fixed)
    headend.config["http_address"] = "127.0.0.1"
    headend.write_config()
    told = hang_up(headend, service)
    assert "configuration reloaded" in told
    assert all(key in told for key in (*fixed, "http_address")), told
    assert headend.metric(service, OK) == 1
    listener.wait_more(2, 10)
    assert not sequence_gaps(scene.capture.select(of_kind("rtp", scene.group6)))


def test_the_managers_limit_changes_live(scene):
    headend = scene.headend
    FfmpegListener(scene.alice, scene.group6).wait_decoded(1, 20)
    headend.config["session-manager"]["sessions_max"] = 1
    headend.write_config()
    hang_up(headend, "session-manager")
    with scene.bob.join(scene.group4):
        assert "sessions_max" in headend.wait_session(scene.group4, "failed")["error"]
        headend.config["session-manager"]["sessions_max"] = 2
        headend.write_config()
        hang_up(headend, "session-manager")
        headend.wait_session(scene.group4, "live")


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_file_changes_nothing_and_is_told_once(scene, service):
    headend = scene.headend
    headend.config.setdefault(service, {})["nonsense"] = 1
    headend.write_config()
    told = hang_up(headend, service)
    assert "configuration refused" in told and "nonsense" in told
    assert "reloaded" not in told
    assert headend.metric(service, OK) == 0
    del headend.config[service]["nonsense"]
    headend.write_config()
    assert "configuration reloaded" in hang_up(headend, service)
    assert headend.metric(service, OK) == 1


def test_a_lineup_that_is_wrong_is_no_reload(scene):
    headend = scene.headend
    headend.lineup_path.write_text("[[station]]\nnumber = 5\n")
    told = hang_up(headend, "directory-resolver")
    assert "configuration refused" in told and "reloaded" not in told
    assert headend.metric("directory-resolver", OK) == 0
