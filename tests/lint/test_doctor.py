"""The doctor's decisions over facts that were recorded in a sound lab and changed by hand, its page, and its tests."""

import copy
import dataclasses
import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy"))

import doctor  # noqa: E402
from diagnosis import finding  # noqa: E402
from diagnosis.check_firewall import _membership, _udp  # noqa: E402
from diagnosis.check_host import samples  # noqa: E402
from diagnosis.facts import Facts, Leg, Query, Unread  # noqa: E402
from diagnosis.listen import answer_of, arp_probe, query_of  # noqa: E402
from diagnosis.nft_ruleset import ACCEPT, DROP, PERHAPS, Ruleset  # noqa: E402

SOUND = (ROOT / "tests/data/doctor/sound.json").read_text()
SCHEMA = json.loads((ROOT / "deploy/diagnosis/finding.schema.json").read_text())


def judged(facts: Facts) -> dict[str, finding.Finding]:
    return {f.check: f for f in finding.findings(facts, list(finding.CHECKS.values())) if f.severity != finding.NOTE}


def changed(**values: object) -> dict[str, finding.Finding]:
    facts = Facts.from_json(SOUND)
    for key, value in values.items():
        setattr(facts, key, value)
    return judged(facts)


def with_sysctl(key: str, value: int) -> dict[str, finding.Finding]:
    return changed(sysctls={**Facts.from_json(SOUND).sysctls, key: value})


def with_interface(name: str, **values: object) -> dict[str, finding.Finding]:
    interfaces = Facts.from_json(SOUND).interfaces
    return changed(interfaces={**interfaces, name: {**interfaces[name], **values}})


def test_a_sound_lab():
    assert judged(Facts.from_json(SOUND)) == {}


def test_facts_survive_being_written():
    facts = Facts.from_json(SOUND)
    facts.unread["listen"] = Unread("why", "what helps")
    assert Facts.from_json(facts.as_json()) == facts


WATCHER = 'headwater_membership_watcher_alarm{alarm="no_reports",link="lan"} 1\n'
CHANGES = {
    "limit-mld-sources": lambda: with_sysctl("net.ipv6.mld_max_msf", 10),
    "limit-receive-buffer": lambda: with_sysctl("net.core.rmem_max", 212992),
    "limit-send-buffer": lambda: with_sysctl("net.core.wmem_max", 212992),
    "report-robustness-mld": lambda: with_sysctl("net.ipv6.mld_qrv", 1),
    "link-wireless": lambda: changed(wireless=["lan"]),
    "bridge-wireless": lambda: changed(wireless=["guest-1"]),
    "link-ipvlan": lambda: with_interface("lan", linkinfo={"info_kind": "ipvlan", "info_data": {"mode": "l3"}}),
    "link-macvlan": lambda: with_interface("lan", linkinfo={"info_kind": "macvlan", "info_data": {"mode": "private"}}),
    "link-none": lambda: changed(legs=[]),
    "address-tentative": lambda: with_interface(
        "lan", addr_info=[{**a, "tentative": True} if a["scope"] == "link" else a for a in Facts.from_json(SOUND).addresses("lan")]
    ),
    "hop-limit-group": lambda: changed(config={"directory-resolver": {"directory": [{"name": "radio", "hop_limit": 1}]}}),
    "querier-elsewhere": lambda: changed(metrics={"membership-watcher": WATCHER}),
    "headend-membership": lambda: changed(metrics={"membership-watcher": WATCHER}),
    "headend-state": lambda: changed(metrics={"session-manager": 'headwater_session_manager_endpoint_connected{service="rtp-packager"} 0\n'}),
    "program-missing": lambda: changed(missing_programs={"dvblast": "dvblast"}),
    "firewall-legacy": lambda: changed(legacy_tables=["ip filter"]),
    "querier-older-heard": lambda: changed(igmp_mode={"lan": "V2"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found(name):
    found = CHANGES[name]()
    assert name in found and set(found) <= {name, "querier-elsewhere", "headend-membership"}
    jsonschema.validate(found[name].as_dict(), SCHEMA)
    # Every {word} of the texts is filled in.
    assert not re.search(r"\{[a-z]+\}", found[name].consequence + found[name].mend)


def test_what_could_not_be_read_is_told_once_with_what_it_takes_away():
    found = changed(unread={"firewall": Unread("nft needs root", "sudo ./headwater doctor")})
    assert set(found) == {"firewall"} and found["firewall"].severity == finding.UNKNOWN
    assert "firewall-sap" in found["firewall"].consequence


def test_a_check_that_lacks_its_facts_does_not_run():
    deaf = {"queries": [], "listened": 200.0, "query_interval": 125.0}
    assert "querier-missing" in changed(**deaf)
    assert set(changed(**deaf, unread={"listen": Unread("no packet socket", "")})) == {"listen"}


@pytest.mark.parametrize("severities,status", [((), 0), (("note",), 0), (("unknown", "note"), 3), (("unknown", "warning"), 1), (("fault",), 1)])
def test_exit_status(severities, status):
    assert finding.status(set(severities)) == status


def test_who_asks_is_known_from_a_watcher_too():
    silent = {"queries": [], "listened": 3.0, "query_interval": 125.0}
    assert changed(**silent)["querier-missing"].severity == finding.UNKNOWN
    lines = [f'headwater_membership_watcher_querier{{family="{f}",link="{link}"}} 1' for f in ("ipv4", "ipv6") for link in ("lan", "other", "home")]
    assert changed(**silent, metrics={"membership-watcher": "\n".join(lines)}) == {}


def test_every_check_has_a_test_in_the_lab_or_here():
    tested = (ROOT / "tests/lab/deploy/test_doctor.py").read_text() + (ROOT / "tests/lab/deploy/doctor_scene.py").read_text()
    notes = {one.name for one in finding.CHECKS.values() if one.severity == finding.NOTE}
    # The zones' is tested under the name of its group.
    known = {*CHANGES, *notes, "zone-silent"}
    assert [name for name in finding.CHECKS if f'"{name}"' not in tested and name not in known] == []


def test_the_page_lists_the_checks():
    assert finding.table() in (ROOT / "docs/doctor.md").read_text(), "run ./headwater doctor --list markdown"


def test_the_page_tells_the_exit_status_and_keys():
    page = (ROOT / "docs/doctor.md").read_text()
    assert all(f"`{key}`" in page for key in (*SCHEMA["properties"], *finding.SEVERITIES))


def test_legs_of_a_configuration():
    legs = doctor.legs_of({"legs": {"lan": "eth0", "v20": {"interface": "eth0.20", "service_address_ipv6": "2001:db8::5"}}})
    assert legs == [Leg("lan", "eth0"), Leg("v20", "eth0.20", "", "2001:db8::5")]


# --- frames

IGMP3 = bytes.fromhex("01005e00000102000000000108004600002400000000010200 00c0a80a01e0000001940400001164ec1e000000000a7d0000".replace(" ", ""))
IGMP2 = bytes.fromhex("01005e000001020000000001080045c0001c0000000001020000c0a80a01e00000011164ee9b00000000")
MLD2 = bytes.fromhex("33330000000102000000000186dd6000000000240001fe80000000000000000000000000000aff020000000000000000000000000001") + bytes.fromhex(
    "3a0005020000010082000000271000000000000000000000000000000000000002" + "8f0000"
)


def test_queries_are_read():
    assert query_of(IGMP3, "lan") == Query("lan", "IPv4", 3, "192.168.10.1", "02:00:00:00:00:01", 1, False, 125, 2)
    assert query_of(IGMP2, "lan") == Query("lan", "IPv4", 2, "192.168.10.1", "02:00:00:00:00:01", 1)
    # 0x8f: (15 | 16) << 3 s.
    assert query_of(MLD2, "lan") == Query("lan", "IPv6", 2, "fe80::a", "02:00:00:00:00:01", 1, False, 248, 2)


def test_a_shorter_query_is_of_an_older_version():
    older = MLD2[:18] + b"\x00\x20" + MLD2[20:-4]
    assert query_of(older, "lan") == Query("lan", "IPv6", 1, "fe80::a", "02:00:00:00:00:01", 1)
    assert query_of(IGMP2[:35] + b"\x00" + IGMP2[36:], "lan").version == 1


def test_queries_about_one_group_are_none():
    assert query_of(MLD2[:-20] + bytes.fromhex("ff3e0000000000000000000080000001") + MLD2[-4:], "lan") is None
    assert query_of(IGMP2[:-4] + bytes([239, 192, 0, 1]), "lan") is None


@pytest.mark.parametrize("frame", [IGMP3, IGMP2, MLD2, arp_probe(bytes(6), "192.0.2.1")])
def test_frames_that_end_early_are_none(frame):
    for length in range(len(frame)):
        query = query_of(frame[:length], "lan")
        # Without its last bytes a query is one of an older version, or none.
        assert query is None or query.version < 3
        assert answer_of(frame[:length], "lan") is None
    assert answer_of(frame, "lan") is None


def test_samples_of_metrics():
    text = '# HELP a_b x\na_b{x="1",y="q\\"r"} 2\na_b 3\na_bc 4\n'
    assert list(samples(text, "a_b")) == [({"x": "1", "y": 'q\\"r'}, 2.0), ({}, 3.0)]


# --- rules

UDP, IGMP = _udp("SAP", "output", Leg("lan", "lan"), 9875), _membership("output", Leg("lan", "lan"), incoming=False)
SAP4, SAP6 = UDP
QUERY4, REPORT4, QUERY6, REPORT6 = IGMP


def ruleset(*rules: list, policy: str = "accept", family: str = "inet", others: tuple = ()) -> Ruleset:
    chain = {"chain": {"family": family, "table": "t", "name": "c", "hook": "output", "prio": 0, "policy": policy}}
    made = [{"rule": {"family": family, "table": "t", "chain": "c", "handle": i, "expr": list(r)}} for i, r in enumerate(rules)]
    return Ruleset([chain, *others, *made])


def match(left: dict, right: object, op: str = "==") -> dict:
    return {"match": {"op": op, "left": left, "right": right}}


DPORT, L4, OIF = {"payload": {"protocol": "udp", "field": "dport"}}, {"meta": {"key": "l4proto"}}, {"meta": {"key": "oifname"}}
DADDR6 = {"payload": {"protocol": "ip6", "field": "daddr"}}
ACCEPTS, DROPS = {"accept": None}, {"drop": None}
SET = {"set": {"family": "inet", "table": "t", "name": "ports", "elem": [{"range": [9000, 9999]}]}}
JUMPED = {"chain": {"family": "inet", "table": "t", "name": "d"}}
CASES = {
    "no rule": (ruleset(), SAP4, ACCEPT),
    "policy": (ruleset(policy="drop"), SAP4, DROP),
    "port": (ruleset([match(DPORT, 9875), DROPS]), SAP4, DROP),
    "other port": (ruleset([match(DPORT, 5004), DROPS]), SAP4, ACCEPT),
    "port of another protocol": (ruleset([match(DPORT, 9875), DROPS]), QUERY4, ACCEPT),
    "set by name": (ruleset([match(DPORT, "@ports"), DROPS], others=(SET,)), SAP4, DROP),
    "unequal set": (ruleset([match(DPORT, {"set": [1, {"range": [9000, 9999]}]}, "!="), DROPS]), SAP4, ACCEPT),
    "protocol's name": (ruleset([match(L4, {"set": ["igmp", "tcp"]}), DROPS]), REPORT4, DROP),
    "type's name": (ruleset([match({"payload": {"protocol": "icmpv6", "field": "type"}}, "mld2-listener-report"), DROPS]), REPORT6, DROP),
    "its number": (ruleset([match({"payload": {"protocol": "icmpv6", "field": "type"}}, 143), DROPS]), QUERY6, ACCEPT),
    "prefix": (ruleset([match(DADDR6, {"prefix": {"addr": "ff00::", "len": 8}}), DROPS]), SAP6, DROP),
    "prefix of the other family": (ruleset([match(DADDR6, {"prefix": {"addr": "ff00::", "len": 8}}), DROPS]), SAP4, ACCEPT),
    "MLD's next header is the hop-by-hop one": (ruleset([match({"payload": {"protocol": "ip6", "field": "nexthdr"}}, "ipv6-icmp"), DROPS]), REPORT6, ACCEPT),
    "interface": (ruleset([match(OIF, "la*"), DROPS]), SAP4, DROP),
    "accepted before": (ruleset([match(OIF, "lan"), ACCEPTS], [DROPS]), SAP4, ACCEPT),
    "a rate": (ruleset([{"limit": {"rate": 1, "per": "second"}}, ACCEPTS], policy="drop"), SAP4, PERHAPS),
    "a rate of no account": (ruleset([{"limit": {"rate": 1, "per": "second"}}, ACCEPTS]), SAP4, ACCEPT),
    "iptables' own match": (ruleset([match(L4, "udp"), {"xt": {"type": "match", "name": "multiport"}}, DROPS]), SAP4, PERHAPS),
    "iptables' REJECT": (ruleset([match(L4, "udp"), {"xt": {"type": "target", "name": "REJECT"}}]), SAP4, DROP),
    "MLD is not tracked": (ruleset([match({"ct": {"key": "state"}}, ["established", "new"], "in"), ACCEPTS], policy="drop"), REPORT6, DROP),
    "map of verdicts": (ruleset([{"vmap": {"key": DPORT, "data": {"set": [[9875, DROPS]]}}}]), SAP4, DROP),
    "comparison": (ruleset([match({"payload": {"protocol": "ip6", "field": "hoplimit"}}, 2, "<"), DROPS]), REPORT6, DROP),
    "a mark": (ruleset([match({"meta": {"key": "mark"}}, 1), DROPS]), SAP4, PERHAPS),
}


@pytest.mark.parametrize("name", CASES)
def test_rules(name):
    rules, packet, verdict = CASES[name]
    assert rules.judge(packet, ("ip", "ip6", "inet")).kind == verdict


def test_jumps_return_and_goto_does_not():
    inner = {"rule": {"family": "inet", "table": "t", "chain": "d", "handle": 9, "expr": [match(DPORT, 1), DROPS]}}
    leave = {"rule": {"family": "inet", "table": "t", "chain": "d", "handle": 8, "expr": [match(DPORT, 9875), {"return": None}]}}
    drop = {"rule": {"family": "inet", "table": "t", "chain": "d", "handle": 9, "expr": [DROPS]}}
    for way, verdict in (("jump", DROP), ("goto", ACCEPT)):
        assert ruleset([{way: {"target": "d"}}], [DROPS], others=(JUMPED, inner)).judge(SAP4, ("inet",)).kind == verdict
    assert ruleset([{"jump": {"target": "d"}}], others=(JUMPED, leave, drop)).judge(SAP4, ("inet",)).kind == ACCEPT
    assert ruleset([{"jump": {"target": "d"}}], others=(JUMPED, leave, drop)).judge(QUERY4, ("inet",)).rule["handle"] == 9


def test_chains_that_jump_in_a_circle_end():
    circle = {"rule": {"family": "inet", "table": "t", "chain": "d", "handle": 9, "expr": [{"jump": {"target": "d"}}]}}
    assert ruleset([{"jump": {"target": "d"}}], others=(JUMPED, circle)).judge(SAP4, ("inet",)).kind == ACCEPT


def test_a_rule_that_sets_the_hop_limit():
    field = {"payload": {"protocol": "ip6", "field": "hoplimit"}}
    rules = ruleset([{"mangle": {"key": field, "value": 64}}], family="ip6")
    assert rules.judge(REPORT6, ("ip6", "inet")).hops == 64 and rules.judge(REPORT4, ("ip", "inet")).hops == 1


def test_checks_change_no_facts():
    facts = Facts.from_json(SOUND)
    before = copy.deepcopy(dataclasses.asdict(facts))
    judged(facts)
    assert dataclasses.asdict(facts) == before
