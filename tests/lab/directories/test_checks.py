"""Background checks: what is known of stations that nobody plays."""

from lab import group6, of_kind, wait_until

PLAYED, IDLE, DEAD = 0x80000000, 0x80000001, 0x80000002


def health(headend, number: int) -> dict:
    (record,) = headend.json("station", "show", hex(number))
    return record["health"]


def test_stations_that_nobody_plays_are_checked(unstarted):
    headend = unstarted.headend
    headend.config["session-manager"]["check_period"] = "1s"
    headend.config["directory-resolver"]["check_age"] = "1m"
    idle = headend.icecast.mount("idle", 660.0, name="Idle Radio")
    headend.write_lineup({PLAYED: ("Lab Radio", unstarted.url), IDLE: ("Idle Radio", idle), DEAD: ("Dead Radio", unstarted.url + "-gone")})
    scene = unstarted.start()

    with scene.alice.join(scene.group6):
        headend.wait_session(scene.group6, "live")
        wait_until(lambda: health(headend, IDLE)["checks"] and health(headend, DEAD)["checks"], 30, "both checked")
        headend.wait_session(scene.group6, "live")
    good, bad = health(headend, IDLE), health(headend, DEAD)
    assert (good["checks"], good["checks_failed"], good["plays"], good["failures_in_row"]) == (1, 0, 0, 0)
    assert (bad["checks"], bad["checks_failed"], bad["plays"]) == (1, 1, 0) and "404" in bad["error"]
    assert [row["number"] for row in headend.json("station", "list", "--failing")] == [hex(DEAD)]
    assert headend.metric("session-manager", "headwater_session_manager_checks_total") >= 2
    # What a check has shown is announced before the source has answered.
    sdp = headend.ctl("station", "export", "--format", "sdp", "--number", hex(IDLE), "--service-address", headend.host.legs[headend.link.name].ipv6).stdout
    assert "m=audio 5004 RTP/AVP 14" in sdp
    # Nothing was sent for it.
    assert not scene.capture.select(of_kind("rtp", group6(IDLE)))
