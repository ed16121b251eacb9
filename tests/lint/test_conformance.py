"""tests/lab/membership/conformance.csv: every MUST and SHOULD of a router in RFC 9777 and RFC 9776, each with tests that exist."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/lab/membership/conformance.csv"
# As the RFCs write them; "must" and "should" are theirs too, in lower case; "table" and "text" tell what else is binding.
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "must", "should", "table", "text"}
# What the router side of each RFC holds of each, so that no row goes unnoticed.
CAPITALS = {"9777": (33, 9), "9776": (31, 13)}


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def existing_tests() -> set[str]:
    found = set()
    for path in (ROOT / "services/membership-watcher").rglob("*_test.cc"):
        found |= {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_[FP])?\((\w+), (\w+)\)", path.read_text(), re.M)}
    for path in (ROOT / "tests/lab/membership").glob("test_*.py"):
        place = path.relative_to(ROOT)
        found |= {f"{place}::{name}" for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)}
    return found


def faults(table: list[dict[str, str]], tests: set[str]) -> list[str]:
    out = []
    for number, row in enumerate(table, 2):
        where = f"line {number} (RFC {row['rfc']} section {row['section']})"
        if row["rfc"] not in CAPITALS or not re.fullmatch(r"\d+(\.\d+)*", row["section"]) or not row["statement"]:
            out.append(f"{where}: no RFC, section or statement")
        if row["level"] not in LEVELS:
            out.append(f"{where}: {row['level']!r} is no level")
        if not row["tests"]:
            out.append(f"{where}: no test")
        out += [f"{where}: there is no test {test}" for test in row["tests"].split() if test not in tests]
    return out


def test_every_row_has_tests_that_exist():
    assert faults(rows(), existing_tests()) == []


@pytest.mark.parametrize("rfc", CAPITALS)
def test_no_row_went_missing(rfc):
    levels = [row["level"] for row in rows() if row["rfc"] == rfc]
    assert (sum(l.startswith("MUST") for l in levels), sum(l.startswith("SHOULD") for l in levels)) == CAPITALS[rfc]


@pytest.mark.parametrize("change", [{"tests": ""}, {"tests": "NoTest.AtAll"}, {"level": "MAY"}, {"section": "five"}, {"statement": ""}])
def test_red(change):
    good = {"rfc": "9777", "section": "5.1.2", "level": "MUST", "statement": "x", "tests": "A.B"}
    assert not faults([good], {"A.B"})
    assert faults([{**good, **change}], {"A.B"})
