"""A real Prometheus scrapes a site of three VLANs: every panel and rule has data, every alert fires and ends."""

import json
import re
from pathlib import Path

import yaml
from faults import FAULTS, NOT_HERE
from site_scene import ROOT, TITLE, WINDOW

from lab import let_pass, wait_until

# Of what has not happened on a healthy site: these have data under a fault (test_alerts_fire_and_end shows those of alerts).
ONLY_UNDER_FAULTS = {
    "headwater_session_manager_call_failures_total": "no call has failed",
}
# What this site has not got.
ELSEWHERE = {
    "headwater_directory_resolver_refreshes_total": "no directory of the web: nothing leaves the lab",
    "headwater_directory_resolver_stale": "the same",
}


def expressions() -> list[tuple[str, str]]:
    found = []
    for path in sorted((ROOT / "dashboards/grafana").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                text = target["expr"].replace("$__rate_interval", WINDOW)
                found.append((f"{path.stem}: {panel['title']}", re.sub(r"\$\w+", ".*", text)))
    return found


def empty(site) -> list[str]:
    missing = []
    for where, text in expressions():
        if not site.query(text) and not any(name in text for name in (*ONLY_UNDER_FAULTS, *ELSEWHERE)):
            missing.append(f"{where}: {text}")
    return missing


def test_every_expression_of_every_dashboard_has_data(site):
    assert len(expressions()) > 150
    try:
        wait_until(lambda: not empty(site), 25, "data", every=1)
    except AssertionError:
        pass
    assert empty(site) == []


def test_every_alert_fires_in_its_fault_and_ends_after_it(site):
    """All faults at once, each where it does not touch another's; the rules are as shipped, with shorter times (site_scene.faster)."""
    rules = yaml.safe_load((ROOT / "dashboards/alerts/headwater.rules.yml").read_text())["groups"][0]["rules"]
    assert {fault.alert for fault in FAULTS} | NOT_HERE == {rule["alert"] for rule in rules}
    wait_until(lambda: not site.alerts(), 30, "a site without an alert", every=0.5)
    fired: dict[str, int] = {}
    for fault in FAULTS:
        fault.make(site)
    for second in range(40):
        for fault in FAULTS:
            fault.again(site)
        let_pass(0.5)
        for name in site.alerts():
            fired.setdefault(name, second)
        if {fault.alert for fault in FAULTS} <= fired.keys():
            break
    for fault in FAULTS:
        fault.mend(site)
    assert {fault.alert for fault in FAULTS} - fired.keys() == set(), fired
    wait_until(lambda: not site.alerts(), 60, "the end of every alert", every=0.5)
