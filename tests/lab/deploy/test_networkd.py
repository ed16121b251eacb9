"""nspawn/network and the machines' .network files under a real systemd-networkd: every key is known to it, and it does what they say."""

import json
import shutil
from pathlib import Path

import pytest
from service_machine import ROOT

from lab import wait_until

NETWORK = ROOT / "nspawn" / "network"
FOLDERS = [NETWORK, NETWORK / "bridge", NETWORK / "macvlan", *sorted((ROOT / "nspawn" / "example").glob("*/network"))]

# $1 the files. With a /sys that cannot be written it waits for no udev, as in a container.
_NETWORKD = """
set -e
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys
mkdir -p /run/systemd/netif
chown systemd-network: /run/systemd/netif
cp -r "$1" /run/systemd/network
SYSTEMD_LOG_TARGET=console exec /lib/systemd/systemd-networkd
"""


def start(host, files: list[Path]):
    folder = host.ns.directory / f"networkd-{host.name}"
    folder.mkdir()
    for path in files:
        shutil.copy(path, folder)
    networkd = host.ns.start(["unshare", "--mount", "bash", "-c", _NETWORKD, "networkd", folder], "networkd")
    networkd.wait_log("Enumeration completed")
    return networkd


def complaints(networkd) -> list[str]:
    """What it says of a line of a file; that this kernel knows no VLAN is none."""
    return [line for line in networkd.log().splitlines() if line.startswith("/run/systemd/network/")]


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_networkd_knows_every_key(lab, folder):
    assert complaints(start(lab.host("host"), files_of(folder))) == []


def test_a_key_that_it_does_not_know_would_be_seen(lab, tmp_path):
    text = (NETWORK / "bridge" / "30-br10.netdev").read_text()
    (tmp_path / "30-br10.netdev").write_text(text.replace("MulticastSnooping", "MulticastSnoping"))
    (complaint,) = complaints(start(lab.host("host"), [tmp_path / "30-br10.netdev"]))
    assert "MulticastSnoping" in complaint


def test_a_bridge_per_vlan_takes_its_legs_by_their_names(lab):
    host = lab.host("host")
    # What is tagged on a host is a whole link here.
    host.attach(lab.link("users"), "vlan10")
    host.attach(lab.link("machine"), "hw10-sender")
    host.attach(lab.link("fabric"), "hwf-sender")
    files = [path for path in (*files_of(NETWORK), *files_of(NETWORK / "bridge")) if not path.name.startswith("20-")]
    start(host, files)

    def state() -> dict[str, dict]:
        return {link["ifname"]: link for link in json.loads(host.ns.run("ip", "-j", "-d", "address"))}

    def ports() -> dict[str, str]:
        return {name: link["master"] for name, link in state().items() if "master" in link}

    wanted = {"vlan10": "br10", "hw10-sender": "br10", "hwf-sender": "fabric"}
    wait_until(lambda: ports() == wanted, 10, "the ports")
    bridge = state()["br10"]["linkinfo"]["info_data"]
    assert (bridge["mcast_snooping"], bridge["mcast_querier"], bridge["mcast_igmp_version"]) == (1, 0, 3)
    wait_until(lambda: len(state()["fabric"]["addr_info"]) >= 2, 5, "the fabric's addresses")
    assert state()["br10"]["addr_info"] == []
