"""A snooping bridge between the watcher and its listeners, with and without a foreign querier of a lower address."""

import json
from pathlib import Path

import pytest

from lab import let_pass, stays, wait_until

DOCTOR = Path(__file__).resolve().parents[3] / "deploy" / "doctor.py"
GROUP6, GROUP4 = "ff3e:40:2001:db8:d0be:f00d:8000:1", "239.192.0.1"
# The membership interval is 2 * 2 s + 2 * 1 s.
OPTIONS = 'query_interval = "2s"\nquery_response_interval = "1s"\n'
INTERVAL = 6
# The same times for a bridge, in hundredths of a second.
TIMES = "mcast_query_interval 200 mcast_query_response_interval 100 mcast_membership_interval 600 mcast_querier_interval 450"


def a_foreign_querier(lab, lan):
    """A second bridge, that asks from lower addresses than any other's: so it asks on when others do."""
    other = lab.host("other", lan)
    asks = "mcast_querier 1 mcast_query_use_ifaddr 1 mcast_igmp_version 3 mcast_mld_version 2 mcast_startup_query_interval 50"
    other.ns.ip(
        f"link add name second address 02:00:00:00:00:01 type bridge forward_delay 0 {asks} {TIMES}",
        "address flush dev lan",
        "link set lan master second",
        "link set second up",
        f"address add {other.leg.ipv4}/24 brd + dev second",
    )


def alarm(watcher, name: str) -> bool:
    metric = "headwater_membership_watcher_alarm"
    for labels in (f'link="lan",alarm="{name}"', f'alarm="{name}",link="lan"'):
        try:
            return watcher.metric(f"{metric}{{{labels}}}") == 1
        except AssertionError:
            continue
    raise AssertionError(f"no alarm {name}")


def a_watcher(lab, make_watcher, foreign: bool, options: str = ""):
    lan = lab.link("lan")
    lab.switch.ip(f"link set {lan.bridge} type bridge {TIMES}")
    if foreign:
        a_foreign_querier(lab, lan)
    else:
        lab.host("other", lan)
    return make_watcher(lab.host("headend", lan), OPTIONS + options).start()


@pytest.mark.parametrize("foreign", [False, True])
def test_listeners_are_known_for_three_intervals(lab, make_watcher, foreign):
    watcher = a_watcher(lab, make_watcher, foreign)
    if foreign:
        wait_until(lambda: not any(watcher.link("lan").get(k) for k in ("we_are_querier_ipv4", "we_are_querier_ipv6")), 15)
    alice = lab.host("alice", lab.links["lan"])
    with alice.join(GROUP6), alice.join(GROUP4):
        wait_until(lambda: len(watcher.groups()) == 2, 5)
        assert stays(lambda: len(watcher.groups()) == 2, 3 * INTERVAL)
        wait_until(lambda: alarm(watcher, "foreign_querier") == foreign, 3)
        assert not alarm(watcher, "no_reports")
    wait_until(lambda: not watcher.groups(), 5)


def test_a_port_that_gets_no_reports_raises_the_alarm(lab, make_watcher):
    watcher = a_watcher(lab, make_watcher, True, 'advertisement_interval = "0s"\n')
    wait_until(lambda: watcher.link("lan").get("querier_ipv4") == "192.168.10.1", 15)
    # A switch that sends reports to the querier's port alone. (A Linux bridge sends them to every member of ff02::16 as well, as we are.)
    reports = "ether daddr { 01:00:5e:00:00:16, 33:33:00:00:00:16 }"
    for rule in (
        "add table bridge switch",
        "add chain bridge switch out { type filter hook forward priority 0; }",
        f"add rule bridge switch out oifname {watcher.host.leg.port} {reports} drop",
    ):
        lab.switch.run("nft", rule)
    alice = lab.host("alice", lab.links["lan"])
    with alice.join(GROUP6), alice.join(GROUP4):
        let_pass(1)
        wait_until(lambda: alarm(watcher, "no_reports"), 2 * INTERVAL)
        assert alarm(watcher, "foreign_querier")
        output = watcher.host.ns.run("/usr/bin/python3", DOCTOR, "--json", "--listen", "0.1", "--interface", "lan", check=False)
        found = [json.loads(line) for line in output.splitlines()]
        # The watcher knows of the querier, however short the doctor listens.
        assert not [f for f in found if f["check"] == "querier-missing"]
        told = [f["evidence"] for f in found if f["check"] == "headend-membership"]
        assert any("no report" in text for text in told) and any("another router" in text for text in told)
