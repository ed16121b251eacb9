"""What a dashboard is made of, and its JSON as Grafana reads it."""

import re
from dataclasses import dataclass, field
from typing import Any, Optional

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Grafana 10 and later read it; it is raised only when the JSON below needs more.
SCHEMA_VERSION = 39
WIDTH = 24
_SELECTOR = re.compile(r"\b(headwater_[a-z0-9_]+|up)\b(\{|(?![\w(]))")

# Series of a graph, or rows of a table: (PromQL, legend).
Queries = list[tuple[str, str]]


@dataclass
class Panel:
    """One picture. `limits`: {value: colour} from which on it is that colour; below the first it is green."""

    title: str
    kind: str  # "stat", "timeseries", "table" or "row"
    queries: Queries = field(default_factory=list)
    unit: str = "short"
    width: int = 8
    height: int = 7
    limits: dict[float, str] = field(default_factory=dict)
    about: str = ""
    # Uid's end of the board that tells more, and the label that is its variable.
    more: str = ""
    by: str = ""
    # Of a timeseries: its curves stand on each other.
    stacked: bool = False

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        place = {"x": x, "y": y, "w": self.width, "h": self.height}
        if self.kind == "row":
            return {"id": number, "type": "row", "title": self.title, "collapsed": False, "panels": [], "gridPos": place}
        made = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": DATASOURCE,
            "gridPos": place,
            "targets": [self._target(index, *query) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": self._options(),
        }
        if self.kind == "table":
            # Without the columns that are the same in every row.
            hidden = {name: True for name in ("Time", "job", "__name__")}
            made["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
        return made

    def _target(self, index: int, expression: str, legend: str) -> dict[str, Any]:
        instant = self.kind != "timeseries"
        target = {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "expr": of_hosts(expression), "legendFormat": legend}
        return {**target, "instant": instant, "range": not instant, "format": "table" if self.kind == "table" else "time_series"}

    def _field(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        steps += [{"color": colour, "value": value} for value, colour in sorted(self.limits.items())]
        made: dict[str, Any] = {
            "unit": self.unit,
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
            "links": self._links(),
        }
        if self.kind == "timeseries":
            made["min"] = 0
            made["custom"] = {
                "fillOpacity": 20 if self.stacked else 5,
                "showPoints": "never",
                "stacking": {"mode": "normal" if self.stacked else "none"},
                "thresholdsStyle": {"mode": "line" if self.limits else "off"},
            }
        return made

    def _links(self) -> list[dict[str, Any]]:
        if not self.more:
            return []
        variable = f"&var-{self.by}=${{__field.labels.{self.by}}}" if self.by else ""
        url = f"/d/headwater-{self.more}?${{host:queryparam}}{variable}&${{__url_time_range}}"
        return [{"title": "More", "url": url}]

    def _options(self) -> dict[str, Any]:
        if self.kind == "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
        if self.kind == "timeseries":
            return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
        return {"showHeader": True}


@dataclass
class Board:
    """One dashboard. `variables`: {name: the metric whose label of that name has the values}."""

    name: str
    title: str
    about: str
    panels: list[Panel]
    variables: dict[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return {
            "uid": f"headwater-{self.name}",
            "title": f"Headwater / {self.title}",
            "description": self.about,
            "tags": ["headwater"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "links": [_board_links()],
            "templating": {"list": self._variables()},
            "annotations": {"list": [_alerts_as_annotations()]},
            "panels": self._placed(),
        }

    def _variables(self) -> list[dict[str, Any]]:
        datasource = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}
        made = [datasource, _variable("host", "label_values(headwater_build_info, host)")]
        return made + [_variable(n, f'label_values({m}{{host=~"$host"}}, {n})') for n, m in self.variables.items()]

    def _placed(self) -> list[dict[str, Any]]:
        """From left to right, a new line where one is full."""
        made, x, y, height = [], 0, 0, 0
        for number, panel in enumerate(self.panels, 1):
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            made.append(panel.json(number, x, y))
            x, height = x + panel.width, max(height, panel.height)
        return made


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "type": "query",
        "name": name,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _board_links() -> dict[str, Any]:
    """To every other board, with host and time as they are."""
    link = {"type": "dashboards", "title": "Headwater", "tags": ["headwater"], "icon": "external link", "tooltip": "", "url": ""}
    return {**link, "asDropdown": True, "includeVars": True, "keepTime": True, "targetBlank": False}


def _alerts_as_annotations() -> dict[str, Any]:
    """Where an alert fired, on every graph."""
    return {
        "name": "Alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing",alertname=~"Headwater.*"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{instance}} {{link}}{{tuner}}{{zone}}{{session}}",
    }


def of_hosts(expression: str) -> str:
    """The same, of the hosts that are chosen."""
    return _SELECTOR.sub(lambda m: f'{m[1]}{{host=~"$host"' + ("," if m[2] else "}"), expression).replace('$host",}', '$host"}')


def row(title: str) -> Panel:
    return Panel(title, "row", width=WIDTH, height=1)


def stat(title: str, expression: str, unit: str = "short", limits: Optional[dict] = None, **more: Any) -> Panel:
    return Panel(title, "stat", [(expression, "")], unit, width=4, height=4, limits=limits or {}, **more)


def graph(title: str, *queries: tuple[str, str], unit: str = "short", **more: Any) -> Panel:
    return Panel(title, "timeseries", list(queries), unit, **more)


def table(title: str, expression: str, unit: str = "short", **more: Any) -> Panel:
    return Panel(title, "table", [(expression, "")], unit, **more)


def quantiles(title: str, metric: str, **more: Any) -> Panel:
    """Median and worst hundredth of a histogram."""
    rate = f"sum by (le) (rate({metric}_bucket[$__rate_interval]))"
    return graph(
        title, (f"histogram_quantile(0.5, {rate})", "median"), (f"histogram_quantile(0.99, {rate})", "99 of 100"), unit="s", **more
    )


def _sum(function: str, metric: str, by: str) -> str:
    return f"sum {f'by ({by}) ' if by else ''}({function}({metric}[$__rate_interval]))".replace("sum (", "sum(")


def rate(metric: str, by: str = "") -> str:
    """Of a counter, a second."""
    return _sum("rate", metric, by)


def increase(metric: str, by: str = "") -> str:
    """Of a counter that counts what is rare."""
    return _sum("increase", metric, by)


def rates(title: str, metric: str, by: str, unit: str = "cps", **more: Any) -> Panel:
    """A counter's rate, for each value of its labels `by`."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return graph(title, (rate(metric, by), legend), unit=unit, **more)
