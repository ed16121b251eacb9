#!/usr/bin/python3
"""Draws the dashboards as SVG from what a Prometheus has, where there is no Grafana: for docs, and for a look at a test.

    render.py --prometheus http://[::1]:9090 --minutes 5 --out docs/pictures
"""

import argparse
import json
import math
import re
import time
import urllib.parse
import urllib.request
from html import escape
from pathlib import Path
from typing import Any, Callable, Iterator

Fetch = Callable[[str], str]
COLUMN, LINE, GAP, HEAD = 50, 32, 6, 46
COLOURS = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"]
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c"}
POINTS = 60
LEGENDS_MAX = 6


def number(value: float, unit: str) -> str:
    """As short as Grafana would show it."""
    if math.isnan(value):
        return "-"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{1000 * value:.3g} ms"
    if unit == "sci":
        return f"{value:.1e}" if value else "0"
    suffix = {"bps": "b/s", "bytes": "B", "pps": "p/s", "cps": "/s", "s": "s", "dB": "dB", "dBm": "dBm"}.get(unit, "")
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {letter}{suffix}"
    return f"{value:.3g} {suffix}".rstrip()


def legend(template: str, labels: dict[str, str]) -> str:
    if not template:
        return ", ".join(f"{k}={v}" for k, v in labels.items() if k not in ("job", "__name__", "host")) or "value"
    return re.sub(r"\{\{(\w+)\}\}", lambda m: labels.get(m[1], ""), template)


class Source:
    """A Prometheus, asked about the same span each time."""

    def __init__(self, url: str, minutes: float, fetch: Fetch, window: str):
        self.url, self.fetch, self.window = url, fetch, window
        self.end = time.time()
        self.start = self.end - 60 * minutes
        self.step = max(1.0, 60 * minutes / POINTS)

    def _ask(self, what: str, **parameters: Any) -> list[dict]:
        return json.loads(self.fetch(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"))["data"]["result"]

    def plain(self, expression: str) -> str:
        """Of every host, link and session."""
        return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", self.window))

    def curves(self, target: dict) -> list[tuple[str, list[tuple[float, float]]]]:
        rows = self._ask("query_range", query=self.plain(target["expr"]), start=self.start, end=self.end, step=self.step)
        return [(legend(target["legendFormat"], row["metric"]), [(t, float(v)) for t, v in row["values"]]) for row in rows]

    def values(self, target: dict) -> list[tuple[str, float]]:
        rows = self._ask("query", query=self.plain(target["expr"]), time=self.end)
        return [(legend(target["legendFormat"], row["metric"]), float(row["value"][1])) for row in rows]


def colour_at(value: float, steps: list[dict]) -> str:
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return NAMED[reached[-1]]


def text(x: float, y: float, words: str, size: int = 12, fill: str = "#c8c9ca", more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{fill}" {more}>{escape(words)}</text>'


def draw_stat(panel: dict, source: Source, x: float, y: float, w: float, h: float) -> Iterator[str]:
    field = panel["fieldConfig"]["defaults"]
    values = source.values(panel["targets"][0])
    if not values:
        yield text(x + w / 2, y + h / 2 + 14, "no data", 16, "#777", 'text-anchor="middle"')
        return
    value = values[0][1]
    fill = colour_at(value, field["thresholds"]["steps"])
    yield text(x + w / 2, y + h / 2 + 22, number(value, field["unit"]), 32, fill, 'text-anchor="middle" font-weight="bold"')


def draw_table(panel: dict, source: Source, x: float, y: float, w: float, h: float) -> Iterator[str]:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    rows = source.values(panel["targets"][0])
    for index, (name, value) in enumerate(rows[: int((h - 34) // 16)]):
        yield text(x + 10, y + 42 + 16 * index, name[: int((w - 60) / 6.2)], 11)
        yield text(x + w - 10, y + 42 + 16 * index, number(value, unit), 11, more='text-anchor="end"')


def draw_timeseries(panel: dict, source: Source, x: float, y: float, w: float, h: float) -> Iterator[str]:
    field = panel["fieldConfig"]["defaults"]
    curves = [curve for target in panel["targets"] for curve in source.curves(target)]
    curves = [(name, [(t, v) for t, v in points if not math.isnan(v)]) for name, points in curves]
    curves.sort(key=lambda curve: -max((v for _, v in curve[1]), default=0))
    if field["custom"]["stacking"]["mode"] == "normal":
        curves = stacked(curves)
    left, top, right, bottom = x + 62, y + 30, x + w - 10, y + h - 16 - 14 * ((min(len(curves), LEGENDS_MAX) + 1) // 2)
    values = [v for _, points in curves for _, v in points]
    low, high = min([0.0, *values]), max([0.0, *values])
    high = high if high > low else low + 1
    for share in (0, 0.5, 1):
        level = bottom - share * (bottom - top)
        yield f'<path d="M{left:.0f} {level:.0f}H{right:.0f}" stroke="#2f3136"/>'
        label = number(low + share * (high - low), field["unit"])
        yield text(left - 6, level + 4, label, 10, "#8e8e8e", 'text-anchor="end"')

    def place(point: tuple[float, float]) -> str:
        across = left + (point[0] - source.start) / (source.end - source.start) * (right - left)
        return f"{across:.0f} {bottom - (point[1] - low) / (high - low) * (bottom - top):.1f}"

    for index, (name, points) in enumerate(curves):
        colour = COLOURS[index % len(COLOURS)]
        if points:
            yield f'<path d="M{"L".join(place(p) for p in points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        if index < LEGENDS_MAX:
            across, down = x + 12 + index % 2 * (w - 20) / 2, bottom + 18 + 14 * (index // 2)
            yield f'<path d="M{across:.0f} {down - 4:.0f}h10" stroke="{colour}" stroke-width="3"/>'
            words = name if index < LEGENDS_MAX - 1 or len(curves) == LEGENDS_MAX else f"and {len(curves) - index} more"
            room = int((w / 2 - 34) / 5.6)
            # What differs is at the end of a group's name.
            yield text(across + 14, down, words if len(words) <= room else f"…{words[1 - room:]}", 10)


def stacked(curves: list) -> list:
    """Each on top of those before it."""
    sums: dict[float, float] = {}
    made = []
    for name, points in curves:
        for t, v in points:
            sums[t] = sums.get(t, 0) + v
        made.append((name, [(t, sums[t]) for t, _ in points]))
    return made


def draw(board: dict, source: Source) -> str:
    """The whole dashboard."""
    draws = {"stat": draw_stat, "table": draw_table, "timeseries": draw_timeseries}
    lines = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
    width, height = 24 * COLUMN + GAP, HEAD + lines * LINE + GAP
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="DejaVu Sans,Helvetica,sans-serif">']
    out += [f'<rect width="{width}" height="{height}" fill="#111217"/>', text(14, 30, board["title"], 20, "#fff")]
    for panel in board["panels"]:
        place = panel["gridPos"]
        x, y = GAP + place["x"] * COLUMN, HEAD + place["y"] * LINE
        w, h = place["w"] * COLUMN - GAP, place["h"] * LINE - GAP
        if panel["type"] == "row":
            out.append(text(x + 4, y + 20, panel["title"].replace("$", "every "), 14, "#fff"))
            continue
        out += [f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="3" fill="#181b1f"/>', text(x + 10, y + 19, panel["title"], 12, "#ddd")]
        out += draws[panel["type"]](panel, source, x, y, w, h)
    return "\n".join([*out, "</svg>"]) + "\n"


def render(source: Source, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted((Path(__file__).parent / "grafana").glob("*.json")):
        (out / f"{path.stem}.svg").write_text(draw(json.loads(path.read_text()), source))


def get(url: str) -> str:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        return answer.read().decode()


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws the dashboards as SVG from what a Prometheus has.")
    parser.add_argument("--prometheus", default="http://[::1]:9090", help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=60, help="up to now; default: %(default)s")
    parser.add_argument("--rate", default="1m", help="in place of $__rate_interval; default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    given = parser.parse_args()
    render(Source(given.prometheus, given.minutes, get, given.rate), given.out)


if __name__ == "__main__":
    main()
