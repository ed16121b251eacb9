#!/usr/bin/python3
"""Checks that each line of a file is an object by a schema of this folder: check.py NAME FILE [NAME FILE ...]"""

import json
import sys
from pathlib import Path

import jsonschema


def faults_of(name: str, path: Path) -> int:
    schema = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    lines = path.read_text().splitlines()
    faults = 0 if lines else 1
    for number, line in enumerate(lines, 1):
        for error in validator.iter_errors(json.loads(line)):
            print(f"{name} line {number}: {error.json_path}: {error.message}", file=sys.stderr)
            faults += 1
    return faults


def main() -> int:
    names, paths = sys.argv[1::2], sys.argv[2::2]
    return 1 if sum(faults_of(name, Path(path)) for name, path in zip(names, paths)) else 0


if __name__ == "__main__":
    sys.exit(main())
