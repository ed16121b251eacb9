#!/usr/bin/python3
"""Judges an XMLTV document by parsers that we did not write: check_xmltv.py FILE

Where xmllint is there, and xmltv.dtd at $XMLTV_DTD or where Debian's package xmltv-util has it, by these as well."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from pathlib import Path

DTD = Path(os.environ.get("XMLTV_DTD", "/usr/share/xmltv/xmltv.dtd"))


def faults_of(path: Path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    faults = [] if root.tag == "tv" else [f"the root is {root.tag}"]
    tags = [child.tag for child in root]
    if tags != ["channel"] * tags.count("channel") + ["programme"] * tags.count("programme"):
        faults.append("not all channels, then all programmes")
    channels = [channel.get("id") for channel in root.iter("channel")]
    if len(set(channels)) != len(channels):
        faults.append("a channel is there twice")
    for channel in root.iter("channel"):
        if not channel.findtext("display-name"):
            faults.append(f"channel {channel.get('id')} has no name")
    for programme in root.iter("programme"):
        times = [datetime.strptime(programme.get(key, ""), "%Y%m%d%H%M%S %z") for key in ("start", "stop")]
        if times[0] >= times[1]:
            faults.append(f"it stops before it starts: {times}")
        if programme.get("channel") not in channels:
            faults.append(f"no such channel: {programme.get('channel')}")
        if not programme.findtext("title"):
            faults.append("a programme has no title")
    return faults


def main() -> int:
    path = Path(sys.argv[1])
    faults = faults_of(path)
    print("\n".join(faults), file=sys.stderr, end="")
    if shutil.which("xmllint") and DTD.exists():
        valid = subprocess.run(["xmllint", "--noout", "--nonet", "--dtdvalid", DTD, path], check=False).returncode == 0
        return 0 if valid and not faults else 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
