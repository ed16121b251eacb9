"""docs/metrics.md, the services' code, the dashboards, the alerts and their runbooks tell of the same metrics."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "dashboards"))

import boards  # noqa: E402
import build  # noqa: E402
import targets  # noqa: E402

ALERTS = ROOT / "dashboards/alerts/headwater.rules.yml"
TESTS = ROOT / "dashboards/alerts/headwater.test.yml"
RUNBOOKS = ROOT / "docs/runbooks"
JSON = sorted((ROOT / "dashboards/grafana").glob("*.json"))

_NAME = re.compile(r"\bheadwater_\w+")
_PART = re.compile(r"_(bucket|sum|count)$")
_SELECTOR = re.compile(r"\b(headwater_\w+)\{([^}]*)\}")
# Which a scrape adds, or its configuration (dashboards/prometheus/prometheus.yml).
SCRAPED = {"host", "instance", "job"}
# Grafana's names of units; https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/
UNITS = {"short", "bps", "bytes", "cps", "pps", "s", "percentunit", "dB", "dBm", "sci"}
# What nobody who listens, sends or owns a station may find in a label.
FORBIDDEN = re.compile(r"url|title|address|client|member|listener|user|receiver|source$|path")


def described() -> dict[str, tuple[str, str, str, str]]:
    """{metric: (type, labels, meaning, what to do)}"""
    lines = (ROOT / "docs/metrics.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| `headwater_")]
    return {name.strip("`"): (kind, labels, meaning, advice) for _, name, kind, labels, meaning, advice, _ in cells}


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of every dashboard and rule."""
    for path in JSON:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.name}: {panel['title']}", target["expr"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{path.name}: ${variable['name']}", variable["query"]["query"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def faults(expression: str, known: dict) -> list[str]:
    found = []
    for name in _NAME.findall(expression):
        family = name if name in known else _PART.sub("", name)
        if family not in known:
            found.append(f"{name} is not in docs/metrics.md")
        elif family != name and known[family][0] != "histogram":
            found.append(f"{family} is no histogram")
        if known.get(name, ("",))[0] == "counter" and not re.search(rf"(rate|increase)\([^()]*{name}", expression):
            if not expression.startswith("label_values("):
                found.append(f"{name} is a counter: take its rate or increase")
    for name, selector in _SELECTOR.findall(expression):
        labels = known.get(name, known.get(_PART.sub("", name), ("", "", "", "")))[1]
        for label in re.findall(r"(\w+)(?:=|!)", selector):
            if label not in SCRAPED and not re.search(rf"\b{label}\b", labels):
                found.append(f"{name} has no label {label}")
    return found


def test_every_metric_is_described_whole():
    kinds = {"counter", "gauge", "histogram"}
    for name, (kind, _, meaning, advice) in described().items():
        assert kind in kinds and meaning and advice, f"{name}: type, meaning or what to do is missing"
        assert (kind == "counter") == name.endswith("_total"), f"{name}: a counter, and nothing else, ends in _total"


def test_every_type_is_the_codes():
    """Where the builder stands beside the name; what a helper builds is compared by the lab with what is scraped."""
    known = described()
    pattern = re.compile(r"(Counter|Gauge|Histogram)\w*\(\s*(?:\w+, )?\s*\"(headwater_\w+)\"|Build(\w+)\(\)\s*\.Name\(\"(headwater_\w+)\"")
    seen = 0
    for path in (ROOT / "services").rglob("*_metrics.cc"):
        for first, name, second, other in pattern.findall(path.read_text()):
            kind, metric = (first or second).lower(), name or other
            assert known[metric][0] == kind, f"{path.name}: {metric} is a {kind}"
            seen += 1
    assert seen > 60


def test_labels_are_described_and_tell_of_nobody():
    words = " ".join(row[1] for row in described().values())
    for path in (ROOT / "services").rglob("*_metrics.cc"):
        metrics = re.sub(r"\b(?:Info|Warning|Error)\(.*?\);", "", path.read_text(), flags=re.S)  # what is logged is no label
        for label in re.findall(r"(?:\{\{|\}, \{)\"(\w+)\",", metrics):
            assert re.search(rf"\b{label}\b", words), f"{path.name}: label {label} is not in docs/metrics.md"
            assert not FORBIDDEN.search(label), f"{path.name}: label {label} may tell of a person, a host or a station"


def test_expressions_name_metrics_and_labels_that_exist():
    known = described()
    found = [f"{where}: {fault}" for where, text in expressions() for fault in faults(text, known)]
    assert found == []


@pytest.mark.parametrize(
    "expression",
    [
        "headwater_rtp_packager_gone",
        "rate(headwater_rtp_packager_sessions_bucket[5m])",
        "sum(headwater_rtp_packager_packets_total)",
        'headwater_rtp_packager_sessions{colour="red"}',
    ],
)
def test_red(expression):
    assert faults(expression, described())


def test_the_json_is_what_the_description_makes():
    assert build.stale() == []


def test_dashboards_are_sound():
    uids = [json.loads(path.read_text())["uid"] for path in JSON]
    assert len(set(uids)) == len(uids) == len(boards.BOARDS) == 8
    for board in boards.BOARDS:
        made = board.json()
        cells: set[tuple[int, int]] = set()
        assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
        for panel, plain in zip(made["panels"], board.panels):
            place = panel["gridPos"]
            own = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            assert not own & cells and max(x for x, _ in own) < 24, f"{board.name}: {plain.title} overlaps"
            cells |= own
            assert plain.unit in UNITS, f"{board.name}: {plain.title}: unit {plain.unit}"
            assert plain.kind == "row" or plain.queries
            target = next((b for b in boards.BOARDS if b.name == plain.more), None)
            assert not plain.more or target, f"{board.name}: {plain.title}: no board {plain.more}"
            assert not plain.by or (target and plain.by in target.variables)


def test_every_panel_obeys_the_variable_host():
    for where, expression in expressions():
        if ".json" in where and not where.endswith("$host"):
            for name in _NAME.findall(expression):
                assert re.search(rf'{name}\{{host=~"\$host"', expression), f"{where}: {name} of every host"


def test_every_alert_has_a_runbook_and_tests_of_both():
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(names)
    tests = [one for test in yaml.safe_load(TESTS.read_text())["tests"] for one in test["alert_rule_test"]]
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert rule["annotations"]["summary"] and rule["for"] and rule["labels"]["severity"] in ("critical", "warning")
        own = [bool(one.get("exp_alerts")) for one in tests if one["alertname"] == rule["alert"]]
        assert own[0] is False and own[-1] is False and True in own, f"{rule['alert']}: silent, firing, silent again"


def test_promtool_takes_rules_and_configuration(tmp_path):
    configuration = (ROOT / "dashboards/prometheus/prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(configuration)
    (tmp_path / "headwater.rules.yml").write_text(ALERTS.read_text())
    (tmp_path / "targets").mkdir()
    found = targets.targets({"http_address": "::"})
    (tmp_path / "targets/one.json").write_text(json.dumps(found))
    for command in (["config", tmp_path / "prometheus.yml"], ["rules", ALERTS]):
        subprocess.run(["promtool", "check", *command], check=True, capture_output=True)
    subprocess.run(["promtool", "test", "rules", TESTS], check=True, capture_output=True)


def test_every_expression_parses(tmp_path):
    plain = [e.replace("$__rate_interval", "5m") for w, e in expressions() if not e.startswith("label_values(")]
    made = [{"record": f"r{n}", "expr": re.sub(r"\$\w+", ".*", e)} for n, e in enumerate(plain)]
    (tmp_path / "all.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": made}]}))
    subprocess.run(["promtool", "check", "rules", tmp_path / "all.yml"], check=True, capture_output=True)
    assert len(made) > 150


CONFIGS = sorted(path for folder in ("deploy", "containers", "nspawn") for path in (ROOT / folder).rglob("headwater.toml"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: f"{path.parent.parent.name}-{path.parent.name}")
def test_every_deployment_has_targets(config):
    done = subprocess.run(
        [ROOT / "dashboards/targets.py", "--config", config, "--host", "fd00::1"], check=True, capture_output=True, text=True
    )
    assert "[fd00::1]:9463" in done.stdout
