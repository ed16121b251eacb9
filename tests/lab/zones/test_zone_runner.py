"""deploy/zone.py: what it generates, what it isolates, what it refuses, what it survives."""

import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from lab import Capture, Device, Service, Zone, let_pass, wait_until

ROOT = Path(__file__).resolve().parents[3]
ZONE = ROOT / "deploy" / "zone.py"
sys.path.insert(0, str(ZONE.parent))

import zone as runner  # noqa: E402

TYPE = "_ipp._tcp"


@pytest.fixture
def lan(lab):
    return lab.link("lan")


def refusal(ns, *arguments: object, wrap: tuple = ()) -> tuple[int, str]:
    with ns.entered():
        argv = [*wrap, "/usr/bin/python3", ZONE, *arguments]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


def test_avahis_configuration_lets_no_name_cross_by_itself():
    text = runner.avahi_config(runner.Zone("iot", ["vlan20", "vlan21"], Path("/x")))
    for line in (
        "enable-reflector=no",
        "enable-wide-area=no",
        "publish-workstation=no",
        "publish-addresses=no",
        "publish-domain=no",
        "publish-resolv-conf-dns-servers=no",
        "allow-interfaces=vlan20,vlan21",
        "disallow-other-stacks=yes",
        "host-name=headwater-iot",
    ):
        assert f"{line}\n" in text
    assert int(re.search(r"objects-per-client-max=(\d+)", text)[1]) >= 4 * 500


def test_the_bus_knows_no_users_but_those_named():
    tree = ElementTree.fromstring(runner.bus_config(runner.Zone("iot", ["a"], Path("/x")), 104, 65534).split("\n", 2)[2])
    default = next(p for p in tree.iter("policy") if p.get("context") == "default")
    assert {e.get("user") for e in default.iter("allow") if e.get("user")} == {"0", "104", "65534"}
    owners = {p.get("user") for p in tree.iter("policy") if any(e.get("own") for e in p.iter("allow"))}
    assert owners == {"104"}


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["--name", "iot", "--interface", "vlan99"], 69, "no interface vlan99 in this network namespace (it has: lan)"),
        (["--name", "I.O.T", "--interface", "lan"], 64, "a zone's name is"),
        (["--name", "iot", "--interface", "lan\n[reflector]"], 64, "not a name that Avahi's configuration can hold"),
        (["--name", "iot", "--interface", "lan", "--allow-user", "nobody-here"], 69, "there is no user nobody-here"),
        (["--name", "iot", "--interface", "lan", "--bus-dir", "/x" * 60], 64, "longer than a socket's path may be"),
        (["--name", "iot", "--interface", "lan", "--bus-dir", "/x;unix:path=/y"], 64, "mean something in a bus's address"),
    ],
)
def test_a_refusal_says_why(lab, lan, arguments, status, words):
    got, text = refusal(lab.host("box", lan).ns, *arguments)
    assert got == status and words in text and "Traceback" not in text


def test_without_root_it_says_so(lab, lan):
    wrap = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    # The folder of the checkout may be closed to others: the program is read from standard input.
    with lab.host("box", lan).ns.entered():
        argv = [*wrap, "/usr/bin/python3", "-", "--name", "iot", "--interface", "lan"]
        done = subprocess.run(argv, input=ZONE.read_text(), capture_output=True, text=True, timeout=20)
    assert done.returncode == 77 and "run as root" in done.stderr


@pytest.mark.parametrize("program, package", [("/usr/sbin/avahi-daemon", "avahi-daemon"), ("/usr/bin/dbus-daemon", "dbus-daemon")])
def test_a_missing_package_is_named(lab, lan, program, package):
    wrap = ("unshare", "--mount", "sh", "-c", f'mount --bind /dev/null {program} && exec "$@"', "sh")
    got, text = refusal(lab.host("box", lan).ns, "--name", "iot", "--interface", "lan", wrap=wrap)
    assert got == 69 and f"apt-get install {package}" in text


def test_a_second_responder_in_the_namespace_is_refused(lab, lan):
    zone = Zone(lab, "iot", lan).start()
    got, text = refusal(zone.ns, "--name", "other", "--interface", "lan", "--bus-dir", lab.directory / "other")
    assert got == 69 and "somebody answers mDNS in this network namespace already" in text
    assert zone.browse(TYPE) == []  # and the first one still serves


def test_its_daemons_have_no_privileges_and_see_nothing_of_the_machine(lab, lan):
    zone = Zone(lab, "iot", lan).start()
    for daemon, user in (("avahi-daemon", runner.AVAHI_USER), ("dbus-daemon", runner.BUS_USER)):
        pid = zone.pid(daemon)
        status = Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"^CapEff:\s0+$", status, re.M) and re.search(r"^CapBnd:\s0+$", status, re.M)
        assert re.search(r"^NoNewPrivs:\s1$", status, re.M) and re.search(r"^Groups:\s*$", status, re.M)
        assert Path(f"/proc/{pid}").owner() == user
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(rf"^Max address space\s+{runner.MEMORY_MAX}\b", limits, re.M)
        assert sorted(os.listdir(f"/proc/{pid}/root/run")) == ["avahi-daemon", "dbus", "zone"]
    # What the machine's administrator has put into the machine's own Avahi does not appear in a zone.
    etc = Path(f"/proc/{zone.pid('avahi-daemon')}/root/etc/avahi")
    assert os.listdir(etc) == ["services"] and os.listdir(etc / "services") == []
    effective = re.search(r"^CapEff:\s(\w+)$", Path(f"/proc/{zone.process.pid}/status").read_text(), re.M)
    assert int(effective[1], 16) == sum(1 << bit for bit in runner.KEPT_CAPABILITIES.values())


def test_only_the_allowed_user_and_root_get_in(lab, lan):
    zone = Zone(lab, "iot", lan, allow_user="nobody").start()

    def browse_as(uid: int, gid: int) -> str:
        return zone.run("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "avahi-browse", "-t", TYPE, check=False)

    browsed = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "avahi-browse", "-p", "-t", TYPE]
    Device(lab, "printer", lan).start().publish(Service("Office"))
    zone.wait_seen("Office")
    assert "Office" in zone.run(*browsed)
    assert browse_as(1, 1) == ""
    # The right group alone opens the folder, not the bus.
    assert browse_as(1, 65534) == ""
    # The proxy mirrors; what the zone is called is not for it to say.
    zone.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "avahi-set-host-name", "owned", check=False)
    zone.process.wait_log("Rejected send message")
    assert "Host name is owned" not in zone.process.log()


def test_root_without_capabilities_gets_in(lab, lan):
    zone = Zone(lab, "iot", lan).start()
    Device(lab, "printer", lan).start().publish(Service("Office"))
    zone.wait_seen("Office")
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--clear-groups"]
    assert "Office" in zone.run(*bare, "avahi-browse", "-p", "-t", TYPE)


def test_an_idle_zone_tells_its_link_nothing_of_its_host(lab, lan):
    zone = Zone(lab, "iot", lan)
    capture = Capture(lab.host("observer", lan).ns, "lan", "udp port 5353")
    zone.start()
    let_pass(2)
    zone.stop()
    names = {b"headwater-iot", os.uname().nodename.encode(), b"_workstation"}
    assert [p for p in capture.stop() if any(name in p.payload for name in names)] == []


def test_the_end_takes_everything_along(lab, lan):
    zone = Zone(lab, "iot", lan).start()
    pids = [zone.pid("avahi-daemon"), zone.pid("dbus-daemon")]
    assert zone.stop() == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids) and not zone.bus.exists()
    # Killed, it can ask nobody; the kernel ends its daemons.
    zone.start()
    pids = [zone.pid("avahi-daemon"), zone.pid("dbus-daemon")]
    zone.process.kill()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 3, "the daemons' end")
    zone.start()


def test_a_daemon_that_dies_again_and_again_is_started_more_and_more_slowly(lab, lan):
    zone = Zone(lab, "iot", lan).start()
    waits = []
    for _ in range(3):
        readies = zone.readies()
        zone.kill_avahi()
        zone.wait_ready_again(readies)
        waits.append(float(re.findall(r"restart in ([\d.]+) s", zone.process.log())[-1]))
    assert waits == [0.2, 0.4, 0.8]


def test_a_daemon_that_is_stuck_is_killed(lab, lan):
    zone = Zone(lab, "iot", lan).start()
    readies = zone.readies()
    pid = zone.kill_avahi(signal.SIGSTOP)
    zone.wait_ready_again(readies, runner.ASK_RUNNING * (runner.DEAF_MAX + 2))
    assert not os.path.exists(f"/proc/{pid}") and "has not answered" in zone.process.log()


def test_a_daemon_that_complains_without_end_is_no_flood_of_the_log(capsys):
    pipe = runner.LogPipe("avahi-daemon", runner.Log("iot", as_json=False))
    for number in range(1000):
        os.write(pipe.writer, b"complaint %d of a packet\n" % number)
        pipe.pump()
    os.write(pipe.writer, b"x" * 5000)
    pipe.pump()
    assert len(pipe.rest) == runner.LOG_LINE_MAX
    pipe.tokens = 1.0
    pipe.write("the next one")
    lines = capsys.readouterr().err.splitlines()
    assert runner.LOG_BURST + 2 <= len(lines) < runner.LOG_BURST + 2 * runner.LOG_RATE
    assert lines[-2].endswith("lines left out") and lines[-1].endswith("the next one")


def test_what_a_daemon_says_is_cleaned():
    assert runner.clean("a\x1b[31mb\x00\n\u202e") == "a?[31mb??\u202e"
