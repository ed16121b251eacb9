"""What people do to the catalogue, by headwaterctl against a running headend: a station that is added plays."""

import json
from pathlib import Path

import jsonschema
import pytest

from lab import group6, of_kind, wait_until

SCHEMAS = Path(__file__).resolve().parents[3] / "services" / "headwaterctl" / "schema"
MINE, BEST = 0x90000000, 0xA0000000


@pytest.fixture
def catalogue(unstarted):
    """The usual scene with a directory for people and one of favourites."""
    directories = unstarted.headend.config["directory-resolver"]["directory"]
    directories.append({"name": "mine", "prefix": "0x90000000/8", "kind": "catalogue", "local": True, "linger": "1s"})
    directories.append({"name": "best", "prefix": "0xa0000000/16", "kind": "favourites", "local": True, "linger": "1s"})
    return unstarted.start()


def checked(headend, schema: str, *arguments: str) -> dict:
    """The one object that a command prints, by its schema."""
    (row,) = headend.json(*arguments)
    jsonschema.validate(row, json.loads((SCHEMAS / f"{schema}.json").read_text()))
    return row


def test_a_station_is_added_favoured_and_played(catalogue):
    headend = catalogue.headend
    url = headend.icecast.mount("second", 660.0, name="Second Radio")
    shown = checked(headend, "add", "station", "add", url)
    assert (shown["added"], shown["number"], shown["title"], shown["probe"]["ok"]) == (False, hex(MINE), "Second Radio", True)
    assert shown["group_ipv6"] == group6(MINE) and "MP3" in shown["probe"]["format"]
    assert headend.ctl("station", "show", hex(MINE), check=False).returncode == 3

    assert checked(headend, "add", "station", "add", url, "--yes")["added"]
    assert checked(headend, "add", "station", "add", url, "--yes")["existed"]
    favourite = checked(headend, "mark", "station", "favourite", hex(MINE))["second"]
    assert favourite == hex(BEST)
    for number in (MINE, BEST):
        with catalogue.alice.join(group6(number)):
            catalogue.capture.wait_packet(of_kind("rtp", group6(number)), 20)
            assert headend.wait_session(group6(number), "live")["station"] == "Second Radio"
    record = checked(headend, "record", "station", "show", hex(MINE))
    assert record["favourite"] == hex(BEST) and record["health"]["checks"] == 1
    # A play is reported a moment after it is live; both numbers count as the station's.
    wait_until(lambda: checked(headend, "record", "station", "show", hex(MINE))["health"]["plays"] >= 2, 10, "two plays known")
    assert hex(BEST) in [row["number"] for row in headend.json("station", "list", "--favourites")]


def test_a_dead_url_is_not_added_and_says_why(catalogue):
    headend = catalogue.headend
    url = catalogue.url + "-that-is-not-there"
    done = headend.ctl("station", "add", url, "--yes", check=False)
    assert done.returncode == 1 and "404" in done.stderr
    assert not headend.json("station", "list", "--directory", "mine")


def test_a_disabled_station_does_not_start(catalogue):
    headend, number = catalogue.headend, hex(0x80000000)
    assert checked(headend, "check", "station", "check", number)["ok"]
    checked(headend, "mark", "station", "disable", number)
    with catalogue.alice.join(catalogue.group6):
        assert "disabled" in headend.wait_session(catalogue.group6, "failed")["error"]
    checked(headend, "mark", "station", "enable", number)
    with catalogue.bob.join(catalogue.group4):
        headend.wait_session(catalogue.group4, "live", 30)


def test_directories_are_listed(catalogue):
    kinds = {row["name"]: row["kind"] for row in catalogue.headend.json("directory", "list")}
    assert kinds == {"radio": "lineup", "mine": "catalogue", "best": "favourites"}
    refused = catalogue.headend.ctl("directory", "refresh", "radio", check=False)
    assert refused.returncode == 1 and "no document to fetch" in refused.stderr
