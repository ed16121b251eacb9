"""What ./headwater doctor finds, each in a network made to have it."""

import json
from pathlib import Path

import pytest

from lab import Namespace, Zone

DOCTOR = Path(__file__).resolve().parents[3] / "deploy" / "doctor.py"


def findings(ns: Namespace, *arguments: str) -> list[dict]:
    output = ns.run("/usr/bin/python3", DOCTOR, "--json", "--listen", "0.5", *arguments, check=False)
    return [json.loads(line) for line in output.splitlines()]


def states(found: list[dict], check: str, text: str = "") -> set[str]:
    return {f["state"] for f in found if f["check"] == check and text in f["text"]}


@pytest.fixture
def host(lab):
    return lab.host("headend", lab.link("lan"), lab.link("other"))


def test_a_sound_host(host):
    found = findings(host.ns, "--interface", "lan")
    assert states(found, "interfaces") == {"ok"}
    assert states(found, "addresses") == {"ok"}
    assert states(found, "multicast-route") == {"ok"}
    assert all({"check", "state", "text", "help"} == set(f) for f in found)


def test_every_interface_that_is_up_is_looked_at(host):
    texts = " ".join(f["text"] for f in findings(host.ns))
    assert "lan is up" in texts and "other is up" in texts and "eth0" not in texts


def test_multicast_that_prefers_another_interface(host):
    host.ns.ip("route add multicast ff00::/8 dev other table local metric 100")
    found = findings(host.ns, "--interface", "lan")
    assert states(found, "multicast-route", "ff00::/8 prefers other") == {"warning"}


def test_the_help_for_a_wrong_route_helps(host):
    host.ns.ip("route add multicast ff00::/8 dev other table local metric 100")
    wrong = [f for f in findings(host.ns, "--interface", "lan") if "prefers other" in f["text"]]
    host.ns.run(*wrong[0]["help"].split())
    assert states(findings(host.ns, "--interface", "lan"), "multicast-route") == {"ok"}


def test_no_querier_and_a_querier(lab, host):
    assert states(findings(host.ns, "--interface", "lan"), "querier") == {"warning"}
    lab.switch.ip(
        "address add 192.168.10.250/24 dev br-lan",
        "link set br-lan type bridge mcast_query_use_ifaddr 1 mcast_query_interval 20 mcast_startup_query_interval 20",
        "link set br-lan type bridge mcast_query_response_interval 10 mcast_querier 1",
    )
    assert states(findings(host.ns, "--interface", "lan", "--listen", "3"), "querier", "IPv4 querier speaks") == {"ok"}


def test_old_report_versions(host):
    host.ns.sysctl("net.ipv6.conf.lan.force_mld_version", 1)
    assert "warning" in states(findings(host.ns, "--interface", "lan"), "kernel-limits", "force_mld_version")


def test_an_interface_that_is_down_is_a_fault(host):
    host.ns.ip("link set lan down")
    assert "fault" in states(findings(host.ns, "--interface", "lan"), "interfaces")


def test_interfaces_come_from_the_configuration(host, tmp_path):
    config = tmp_path / "headwater.toml"
    config.write_text('[legs]\nlan = "lan"\nother = { interface = "other" }\n')
    texts = " ".join(f["text"] for f in findings(host.ns, "--config", str(config)))
    assert "lan is up" in texts and "other is up" in texts


def test_zones_that_answer_and_zones_that_do_not(lab, host, tmp_path):
    iot = Zone(lab, "iot", lab.links["other"]).start()
    config = tmp_path / "headwater.toml"
    config.write_text(f'run_dir = "{tmp_path}"\n[legs]\nlan = "lan"\n[zones.iot]\nbus = "{iot.bus}"\n[zones.guest]\n')
    found = findings(host.ns, "--config", str(config))
    assert states(found, "zones", "zone iot: Avahi answers") == {"ok"}
    assert states(found, "zones", f"zone guest: there is no bus at {tmp_path}/zones/guest/bus") == {"fault"}
    assert [f["help"] for f in found if f["check"] == "zones" and f["state"] == "fault"] == [
        "systemctl start headwater-zone@guest (nspawn/README.md)"
    ]
