#!/usr/bin/python3
"""Makes Grafana's JSON of boards.py.

    build.py               writes grafana/*.json
    build.py --check       says which of them are not what it would write, and ends with 1
    build.py --typescript  prints them as TypeScript constants of @grafana/schema's types, for tsc
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from boards import BOARDS  # noqa: E402

OUT = Path(__file__).parent / "grafana"


def texts() -> dict[str, str]:
    """{file name: what is to be in it}."""
    return {f"{board.name}.json": json.dumps(board.json(), indent=1) + "\n" for board in BOARDS}


def stale() -> list[str]:
    """Names of files that are not as they should be, or that no board has."""
    wanted = texts()
    have = {path.name: path.read_text() for path in OUT.glob("*.json")}
    return sorted(name for name in wanted.keys() | have.keys() if wanted.get(name) != have.get(name))


def typescript() -> str:
    """All of it as literals, so that tsc also finds a key that no type has. Enumerations are strings in JSON."""
    panels = "@grafana/schema/dist/esm/raw/composable/{0}/panelcfg/x/{1}PanelCfg_types.gen"
    lines = [
        'import type { Dashboard } from "@grafana/schema";',
        f'import type {{ Options as Stat }} from "{panels.format("stat", "Stat")}";',
        f'import type {{ Options as Table }} from "{panels.format("table", "Table")}";',
        f'import type {{ Options as Timeseries, FieldConfig }} from "{panels.format("timeseries", "TimeSeries")}";',
        "type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;",
        "type Some<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;",
    ]
    for board in BOARDS:
        made = board.json()
        # What Prometheus' data source adds to an annotation has no published type.
        for key in ("expr", "titleFormat", "textFormat"):
            made["annotations"]["list"][0].pop(key)
        lines.append(f"export const {board.name}: Plain<Dashboard> = {json.dumps(made)};")
        for panel in made["panels"]:
            if panel["type"] != "row":
                lines.append(f"({json.dumps(panel['options'])}) satisfies Some<{panel['type'].capitalize()}>;")
            if custom := panel.get("fieldConfig", {}).get("defaults", {}).get("custom"):
                lines.append(f"({json.dumps(custom)}) satisfies Some<FieldConfig>;")
    return "\n".join(lines)


def main() -> int:
    if sys.argv[1:] == ["--typescript"]:
        print(typescript())
        return 0
    if sys.argv[1:] == ["--check"]:
        for name in stale():
            print(f"dashboards/grafana/{name} is not in step: run dashboards/build.py", file=sys.stderr)
        return 1 if stale() else 0
    OUT.mkdir(exist_ok=True)
    for name in stale():
        (OUT / name).unlink(missing_ok=True)
    for name, text in texts().items():
        (OUT / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
