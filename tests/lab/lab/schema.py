"""What headwaterctl prints for machines against the schemas that are committed beside it."""

import json
from pathlib import Path

import jsonschema

SCHEMAS = Path(__file__).resolve().parents[3] / "services" / "headwaterctl" / "schema"


def validate(schema: str, rows: list[dict]) -> None:
    document = json.loads((SCHEMAS / f"{schema}.json").read_text())
    for row in rows:
        jsonschema.validate(row, document)
