#!/usr/bin/python3
"""What on this machine or its links would hinder a headend, and what helps: diagnosis/ has the checks."""

import argparse
import json
import os
import sys
import tomllib
from pathlib import Path

# In the order of the report.
from diagnosis import check_links, check_queriers, check_kernel, check_firewall, check_host, finding, read_facts  # noqa: F401, I001
from diagnosis.facts import Facts, Leg

_USAGE = 2
_EPILOG = """\
It reads and listens, and changes and sends nothing. --probe sends: an ARP probe and a neighbour solicitation for each of our own addresses, as
duplicate address detection does, to see who else answers.

As root it sees all. Without, it says what it could not look at, and goes on. In a container it sees the container's network; the host's bridges and
firewall are seen from the host.

A querier asks each 125 s: --listen 130 is sure that there is none.

Each finding has a severity (fault: something cannot work; warning: it may not), what was seen, what comes of it, and the command that mends it; one
that begins with # is advice for a person. Lines of severity note are no findings.

exit status: 0 nothing found, 1 findings, 2 usage, 3 nothing found, but something could not be looked at

examples:
  ./headwater doctor                                       what is up on this machine
  ./headwater doctor --config headwater.toml --listen 130  the legs, zones, tuners and ports of a configuration
  ./headwater doctor --json --only firewall,querier        two groups of checks; one JSON object a line
  ./headwater doctor --record facts.json                   keep what was read; --replay facts.json judges it elsewhere

docs/doctor.md has every check.
"""


def legs_of(config: dict) -> list[Leg]:
    legs = []
    for link, leg in config.get("legs", {}).items():
        table = {"interface": leg} if isinstance(leg, str) else leg
        legs.append(Leg(link, table.get("interface", ""), table.get("service_address_ipv4", ""), table.get("service_address_ipv6", "")))
    return legs


def words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="headwater doctor", epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Looks at this machine and its links for what would hinder a headend, and says what helps.",
    )
    parser.add_argument("--config", type=Path, help="the headend's configuration: its legs, zones, tuners, folders and ports")
    parser.add_argument("--interface", action="append", default=[], help="look at this one (may be repeated; default: all that are up)")
    parser.add_argument("--only", type=words, default=[], help="these checks, by name or the beginning of names: querier,firewall")
    parser.add_argument("--skip", type=words, default=[], help="not these")
    parser.add_argument("--listen", type=float, default=3.0, metavar="SECONDS", help="how long to wait for queries (default: %(default)s)")
    parser.add_argument(
        "--query-interval", type=float, default=125.0, metavar="SECONDS",
        help="how often queriers ask here; to have heard none for so long is a finding (default: %(default)s)",
    )
    parser.add_argument("--probe", action="store_true", help="also send, to see who answers for our addresses")
    parser.add_argument("--dev", type=Path, default=Path("/dev"), help="where device files are (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one object a line: check, severity, evidence, consequence, mend")
    parser.add_argument("--list", choices=("text", "markdown"), nargs="?", const="text", help="name the checks and what they look at")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what was read there (addresses and configuration included)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="judge what --record has written, and look at nothing here")
    arguments = parser.parse_args()
    if unknown := finding.unknown_words(arguments.only + arguments.skip):
        parser.error(f"no check named {', '.join(unknown)} (--list names them)")
    return arguments


def facts_of(arguments: argparse.Namespace) -> Facts:
    if arguments.replay:
        return Facts.from_json(arguments.replay.read_text())
    config = tomllib.loads(arguments.config.read_text()) if arguments.config else {}
    configured = legs_of(config)
    # An interface that is named keeps what the configuration says of it.
    legs = [next((leg for leg in configured if leg.interface == name), Leg(name, name)) for name in arguments.interface] or configured
    return read_facts.read(
        read_facts.Options(legs, config, arguments.listen, arguments.query_interval, arguments.probe, arguments.dev)
    )


def show(found: finding.Finding, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found.as_dict()), flush=True)
        return
    print(f"{found.severity:8} {found.check}: {found.evidence}")
    print(f"{'':8}   {found.consequence}")
    if found.mend:
        print(f"{'':8}   {found.mend}", flush=True)


def main() -> int:
    arguments = parse_arguments()
    checks = finding.chosen(arguments.only, arguments.skip)
    if arguments.list == "markdown":
        print(finding.table(), end="")
        return 0
    if arguments.list:
        print("\n".join(f"{one.name:30} {one.looks_at}" for one in checks))
        return 0
    try:
        facts = facts_of(arguments)
    except (OSError, ValueError, TypeError) as error:
        print(f"doctor: {error}", file=sys.stderr)
        return _USAGE
    if arguments.record:
        arguments.record.write_text(facts.as_json() + "\n")
    severities = set()
    for found in finding.findings(facts, checks):
        severities.add(found.severity)
        show(found, arguments.json)
    status = finding.status(severities)
    if not arguments.json:
        verdict = {0: "nothing found", 1: "see above", 3: "nothing found, but not everything could be looked at"}[status]
        print(f"{len(checks)} checks: {verdict}", file=sys.stderr)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # The reader has seen enough (`| head`); Python must not complain of it again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
