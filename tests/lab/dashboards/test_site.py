"""A real Prometheus scrapes a site of three VLANs: every panel and rule has data, every alert fires and ends."""

import json
import re
import subprocess

import yaml
from faults import FAULTS, NOT_HERE
from site_scene import PORTS, ROOT, TITLE, WINDOW, described

from lab import let_pass, wait_until

# What has not happened on a healthy site: these have data under a fault.
ONLY_UNDER_FAULTS = {"headwater_session_manager_call_failures_total": "no call has failed"}
# What this site has not got.
ELSEWHERE = {
    "headwater_directory_resolver_refreshes_total": "no directory of the web: nothing leaves the lab",
    "headwater_directory_resolver_stale": "the same",
    "headwater_session_manager_moves_total": "one sender: nothing moves",
}


def test_a_site_is_watched(site):
    """One test, as the site takes a while to come up."""
    every_expression_has_data(site)
    series_are_as_described_and_tell_of_nobody(site)
    every_alert_fires_in_its_fault_and_ends_after_it(site)


def expressions() -> list[tuple[str, str]]:
    found = []
    for path in sorted((ROOT / "dashboards/grafana").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                text = target["expr"].replace("$__rate_interval", WINDOW)
                found.append((f"{path.stem}: {panel['title']}", re.sub(r"\$\w+", ".*", text)))
    return found


def rules() -> list[dict]:
    return yaml.safe_load((ROOT / "dashboards/alerts/headwater.rules.yml").read_text())["groups"][0]["rules"]


def is_missing(site, text: str) -> bool:
    names = {re.sub(r"_bucket$", "", name) for name in re.findall(r"headwater_\w+", text)}
    return not names & {*ONLY_UNDER_FAULTS, *ELSEWHERE} and not site.query(text)


def every_expression_has_data(site):
    wanted = expressions()
    assert len(wanted) > 150
    # A rule says nothing while all is well; what it is made of does.
    for rule in rules():
        selectors = re.findall(r"(?:headwater_\w+|\bup)(?:\{[^}]*\})?", rule["expr"])
        wanted += [(rule["alert"], selector) for selector in selectors]

    def missing() -> list[tuple[str, str]]:
        return [(where, text) for where, text in wanted if is_missing(site, text)]

    wait_until(lambda: not missing(), 25, f"data of every expression; {missing()}", every=1)


def series_are_as_described_and_tell_of_nobody(site):
    """Types and labels are those of docs/metrics.md; promtool finds nothing; no label has a listener's address, a URL or a title."""
    known = described()
    listeners = [address for host in (site.alice, site.bob, site.carol) for address in (host.leg.ipv4, host.leg.ipv6)]
    for service in PORTS:
        text = site.exposed(service)
        linted = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert linted.stdout + linted.stderr == "", service
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
            assert known[name][0] == kind, f"{service}: {name} is a {kind}"
        for name, labels in re.findall(r"^(headwater_\w+?)(?:_bucket|_sum|_count)?\{([^}]*)\} ", text, re.M):
            for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
                assert label == "le" or re.search(rf"\b{label}\b", known[name][1]), f"{name} has the label {label}"
                assert "://" not in value and TITLE not in value and value not in listeners, f"{name}: {label}={value}"


def every_alert_fires_in_its_fault_and_ends_after_it(site):
    """All faults at once, each where it does not touch another's; the rules are as shipped, with shorter times (site_scene.faster)."""
    wanted = {fault.alert for fault in FAULTS}
    assert wanted | NOT_HERE == {rule["alert"] for rule in rules()}
    wait_until(lambda: not site.alerts(), 30, f"a site without an alert: {site.alerts()}", every=0.5)
    fired: set[str] = set()
    for fault in FAULTS:
        fault.make(site)
    for _ in range(60):
        for fault in FAULTS:
            fault.again(site)
        let_pass(0.5)
        fired |= site.alerts()
        if wanted <= fired:
            break
    for fault in FAULTS:
        fault.mend(site)
    assert wanted - fired == set()
    wait_until(lambda: not site.alerts(), 60, "the end of every alert", every=0.5)
