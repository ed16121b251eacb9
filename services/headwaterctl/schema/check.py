#!/usr/bin/python3
"""Checks that each line of standard input is an object by a schema of this folder: check.py NAME < LINES"""

import json
import sys
from pathlib import Path

import jsonschema


def main() -> int:
    schema = json.loads((Path(__file__).parent / f"{sys.argv[1]}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    lines = sys.stdin.read().splitlines()
    faults = 0
    for number, line in enumerate(lines, 1):
        for error in validator.iter_errors(json.loads(line)):
            print(f"line {number}: {error.json_path}: {error.message}", file=sys.stderr)
            faults += 1
    return 1 if faults or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
