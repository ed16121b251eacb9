"""Findings, and the registry of checks. A check is one small function over facts; it does no I/O."""

from dataclasses import asdict, dataclass
from typing import Callable, Iterator, Optional

from .facts import Facts

# A fault keeps something from working; a warning may. Neither a note nor what could not be looked at is a finding.
FAULT, WARNING, UNKNOWN, NOTE = "fault", "warning", "unknown", "note"
SEVERITIES = (FAULT, WARNING, UNKNOWN, NOTE)


@dataclass
class Finding:
    """One line of the report; `--json` prints exactly these keys (finding.schema.json)."""

    check: str
    severity: str
    # What was seen, what comes of it, and the command that mends it. One that begins with # is advice for a person.
    evidence: str
    consequence: str
    mend: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass
class Seen:
    """What a check yields: the evidence, and the words that complete the check's own texts."""

    evidence: str
    values: dict[str, object]
    severity: str = ""
    mend: str = ""


def seen(evidence: str, *, severity: str = "", mend: str = "", **values: object) -> Seen:
    return Seen(evidence, values, severity, mend)


Run = Callable[[Facts], Iterator[Seen]]


@dataclass(frozen=True)
class Check:
    """A check; `consequence` and `mend` have {words} that what is seen completes."""

    name: str
    severity: str
    looks_at: str
    consequence: str
    mend: str
    # Facts without which it cannot tell: when one could not be read, that is reported in its place.
    needs: tuple[str, ...]
    run: Run


CHECKS: dict[str, Check] = {}


def check(name: str, severity: str, *, looks_at: str, consequence: str, mend: str, needs: tuple[str, ...] = ()):
    """Adds a check to the registry."""

    def register(run: Run) -> Run:
        assert name not in CHECKS, name
        CHECKS[name] = Check(name, severity, looks_at, consequence, mend, needs, run)
        return run

    return register


def chosen(only: list[str], skip: list[str]) -> list[Check]:
    """The checks that `only` and `skip` leave; each word is a name or the beginning of names ("firewall")."""

    def named(check: Check, words: list[str]) -> bool:
        return any(check.name == word or check.name.startswith(word + "-") for word in words)

    return [c for c in CHECKS.values() if (not only or named(c, only)) and not named(c, skip)]


def unknown_words(words: list[str]) -> list[str]:
    return [w for w in words if not any(name == w or name.startswith(w + "-") for name in CHECKS)]


def findings(facts: Facts, checks: list[Check]) -> Iterator[Finding]:
    """Runs the checks; what could not be read is told once, with the checks that it takes away."""
    for topic, why in facts.unread.items():
        if lost := [c.name for c in checks if topic in c.needs]:
            yield Finding(topic, UNKNOWN, why.text, f"cannot tell: {', '.join(lost)}", why.mend)
    for one in checks:
        if any(topic in facts.unread for topic in one.needs):
            continue
        for found in one.run(facts):
            yield Finding(
                one.name, found.severity or one.severity, found.evidence, one.consequence.format(**found.values),
                found.mend or one.mend.format(**found.values),
            )


def table() -> str:
    """docs/doctor.md's table of checks."""
    rows = ["| check | severity | looks at | consequence | what mends it |", "|---|---|---|---|---|"]
    for one in CHECKS.values():
        mend = f"`{one.mend}`" if one.mend and not one.mend.startswith("#") else one.mend.lstrip("# ")
        row = [f"`{one.name}`", one.severity, one.looks_at, one.consequence, mend]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(rows) + "\n"


def status(found: Optional[set[str]]) -> int:
    """The exit status for the severities that came up."""
    if found and found & {FAULT, WARNING}:
        return 1
    return 3 if found and UNKNOWN in found else 0
