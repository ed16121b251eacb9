"""Zones as instances of the template units under a real systemd, and as booted machines; the units judged by systemd's own tools."""

import re
import subprocess
from pathlib import Path

import pytest
from machines import MACHINE_UNIT, UNITS, MachineZone, UnitHost, UnitZone, exec_start

from lab import Capture, Device, Service, wait_until

ROOT = Path(__file__).resolve().parents[3]
INNER = ROOT / "nspawn" / "machine"
TYPE = "_ipp._tcp"


def with_project(*argv: object) -> subprocess.CompletedProcess:
    """A command that sees the project where the units expect it."""
    script = 'mount -t tmpfs tmpfs /opt && mkdir /opt/headwater && mount --bind "$0" /opt/headwater && exec "$@"'
    wrapped = ["unshare", "--mount", "sh", "-c", script, str(ROOT), *map(str, argv)]
    return subprocess.run(wrapped, capture_output=True, text=True)


@pytest.mark.parametrize("unit", [*sorted(UNITS.glob("headwater-zone*")), MACHINE_UNIT, *sorted(INNER.iterdir())], ids=lambda p: p.name)
def test_systemd_finds_nothing_wrong_with_a_unit(unit):
    template = unit.name.replace("@.", "@iot.")
    done = with_project("env", f"SYSTEMD_UNIT_PATH={unit.parent}:{UNITS}:", "systemd-analyze", "verify", unit.parent / template)
    complaints = [line for line in (done.stderr + done.stdout).splitlines() if "headwater" in line or "zone" in line]
    assert complaints == [] and done.returncode == 0


def test_a_machines_command_line_is_explicit():
    argv = exec_start(MACHINE_UNIT, "iot", {"NETWORK": "--network-macvlan=vlan20 --network-macvlan=vlan21"})
    assert {"--settings=no", "--private-network", "--boot", "--volatile=yes", "--machine=zone-iot"} <= set(argv)
    assert [a for a in argv if "macvlan" in a] == ["--network-macvlan=vlan20", "--network-macvlan=vlan21"]
    assert "$" not in " ".join(argv) and not any("veth" in a for a in argv)


def test_zones_as_template_units(lab):
    lan, tv = lab.link("lan"), lab.link("tv")
    host = UnitHost(lab, lan, tv)
    iot, media = UnitZone(host, "iot", lan), UnitZone(host, "media", tv)
    host.start(iot, media)
    printer = Device(lab, "printer", lan).start()
    printer.publish(Service("Office"))
    iot.wait_seen("Office")
    assert media.names(TYPE) == set()
    shown = host.run("systemctl", "show", "-p", "ActiveState,StatusText", "headwater-zone@iot.service")
    assert "ActiveState=active" in shown and "Avahi answers" in shown
    # The zone's own programs: no privileges, and no sight of the host's /run.
    pid = host.run("pgrep", "-x", "avahi-daemon").split()[0]
    status = host.run("cat", f"/proc/{pid}/status")
    assert re.search(r"^CapEff:\s0+$", status, re.M) and re.search(r"^Seccomp:\s2$", status, re.M)
    assert "systemd" not in host.run("ls", f"/proc/{pid}/root/run").split()


@pytest.mark.parametrize("options", ["", "--move"], ids=["macvlan", "move"])
def test_a_unit_restarts_its_zone_and_stop_takes_everything_along(lab, options):
    lan = lab.link("lan")
    host = UnitHost(lab, lan)
    iot = UnitZone(host, "iot", lan, options=options)
    host.start(iot)
    readies = iot.readies()
    main = host.run("systemctl", "show", "-p", "MainPID", "--value", "headwater-zone@iot.service").strip()
    host.run("kill", "-9", main)
    iot.wait_ready_again(readies)
    assert len(host.run("pgrep", "-x", "avahi-daemon").split()) == 1
    host.run("systemctl", "stop", "headwater-zone@iot.service")
    assert host.run("sh", "-c", "pgrep -x 'avahi-daemon|dbus-daemon' || true").split() == []
    wait_until(lambda: "headwater-iot" not in host.run("ip", "netns", "list"), 10, "the end of its namespace")
    assert "lan@" in host.run("ip", "-br", "link"), "the host has its interface"


def test_a_machine_by_its_unit_beside_a_zone_by_its_own(lab):
    """Both on one host: the machine is booted by the host's systemd, within the machine that the host is here."""
    lan = lab.link("lan")
    host = UnitHost(lab, lan)
    inner = UnitZone(host, "inner", lan, unit="headwater-zone-machine")
    outer = UnitZone(host, "outer", lan)
    host.start(inner, outer)
    Device(lab, "printer", lan).start().publish(Service("Office"))
    inner.wait_seen("Office")
    outer.wait_seen("Office")
    state = host.run("systemctl", "show", "-p", "ActiveState,SubState", "headwater-zone-machine@inner.service")
    assert "ActiveState=active" in state and "SubState=running" in state
    inner.publish(Service("Mirrored", host="tv.local"))
    outer.wait_seen_name("Mirrored")
    host.run("systemctl", "stop", "headwater-zone-machine@inner.service")
    outer.wait_gone("Mirrored", timeout=5)
    assert "Result=success" in host.run("systemctl", "show", "-p", "Result", "headwater-zone-machine@inner.service")
    assert "lan@" in host.run("ip", "-br", "link")


def test_a_zone_as_a_booted_machine(lab):
    lan = lab.link("lan")
    capture = Capture(lab.host("observer", lan).ns, "lan", "udp port 5353")
    iot = MachineZone(lab, "iot", lan).start()
    assert "running in system mode" in iot.process.log()
    printer = Device(lab, "printer", lan).start()
    publication = printer.publish(Service("Office", txt=["note=a"]))
    rows = iot.wait_seen("Office")
    assert {row.txt for row in rows} == {("note=a",)} and {row.family for row in rows} == {"IPv4", "IPv6"}
    own = iot.publish(Service("Mirrored", host="tv.local"))
    printer.wait_seen_name("Mirrored")
    own.stop()
    publication.stop()
    iot.wait_gone("Office")
    assert not [p for p in capture.packets() if b"headwater-iot" in p.payload], "its own name is nobody's business"


def test_a_machine_that_is_killed_leaves_no_process(lab):
    lan = lab.link("lan")
    iot = MachineZone(lab, "iot", lan).start()
    iot.machine.process.popen.kill()
    wait_until(lambda: not iot.machine.busy(), 5, "the end of all its processes")
