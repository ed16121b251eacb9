"""What a person asks of the receivers: scan, lineup, tuners, signal, programme guide; and numbers that stay."""

import json
import xml.etree.ElementTree as ET

from dvb_scene import HOME_CARRIER, ONE, eventually

from lab import group6, validate

FOUND_BY_NIT = "11264H"


def services(scene) -> dict[tuple[str, int], dict]:
    return {(row["carrier"], row["service_id"]): row for row in scene.headend.json("dvb", "services")}


def numbers(scene) -> dict[tuple[str, int], str]:
    return {key: row["number"] for key, row in services(scene).items()}


def test_a_scan_finds_what_the_nit_lists_and_numbers_stay(scene):
    steps = scene.headend.json("dvb", "scan")
    validate("scan", steps)
    assert any(FOUND_BY_NIT in json.dumps(step) for step in steps)
    carriers = scene.headend.json("dvb", "carriers")
    validate("carrier", carriers)
    assert {HOME_CARRIER, FOUND_BY_NIT} <= {row["id"] for row in carriers}
    eventually(lambda: numbers(scene).get((HOME_CARRIER, 0x1041)), 10, "the lineup's way to the catalogue")
    found = services(scene)
    validate("service", list(found.values()))
    one = found[HOME_CARRIER, 0x1041]
    assert (one["number"], one["group_ipv6"], one["name"], one["type"]) == (f"{ONE:#010x}", group6(ONE), "Lab One", "tv")
    assert found[HOME_CARRIER, 0x1044]["scrambled"]
    before = numbers(scene)
    # A second scan, both that keep something started anew, and the file the other way round.
    scene.headend.json("dvb", "scan")
    assert numbers(scene) == before
    carriers_file = scene.headend.directory / "carriers.conf"
    carriers_file.write_text("".join(reversed(carriers_file.read_text().splitlines(keepends=True))))
    for service in ("dvb-tuner", "directory-resolver"):
        scene.headend.wait_restarted(service, scene.headend.kill(service))
    try:
        eventually(lambda: numbers(scene) == before, 15)
    except TimeoutError:
        assert numbers(scene) == before


def test_a_scan_that_reads_nothing_is_an_error(scene):
    scene.sky[HOME_CARRIER].set(lock=0)
    done = scene.headend.ctl("dvb", "scan", HOME_CARRIER, "--no-follow", check=False)
    assert done.returncode == 1 and "none of 1 carriers could be read" in done.stderr, done


def test_tuners_signal_and_guide_are_told(scene):
    with scene.alice.join(group6(ONE)):
        scene.wait_rtp(ONE)
        locked = eventually(lambda: [t for t in scene.headend.json("dvb", "tuners") if t["state"] == "locked"], 10, "a locked tuner")
        validate("tuner", locked)
        assert locked[0]["carrier"] == HOME_CARRIER and f"{ONE:#010x}" in str(locked[0])
        argv = [scene.headend.bin_dir / "headwaterctl", "--run-dir", scene.headend.run_dir, "dvb", "signal", "--json"]
        meter = scene.headend.ns.start(argv, "signal")
        eventually(lambda: len(meter.log().splitlines()) >= 2, 10, "two readings")
        validate("tuner", [json.loads(line) for line in meter.log().splitlines()[:2]])
        meter.stop()

        def programmes() -> list[ET.Element]:
            guide = ET.fromstring(scene.headend.ctl("station", "export", "--format", "xmltv").stdout)
            return [p for p in guide.iter("programme") if "Lab One at" in (p.findtext("title") or "")]

        assert all(p.get("start") and p.get("channel") for p in eventually(programmes, 15, "events of the guide"))
