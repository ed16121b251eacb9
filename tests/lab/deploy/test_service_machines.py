"""The services as booted nspawn machines: the main job over two VLANs from one source, by nspawn/."""

import shutil
import subprocess

import pytest
from service_machine import EXAMPLE, ROOT, UNIT, ServiceMachine, exec_start, make_folders

from lab import FIRST_NUMBER, TONE, Capture, FfmpegListener, Icecast, group6, of_kind, to_toml

GROUP = group6(FIRST_NUMBER)
BRIDGES = ("br10", "br20")
# What each machine runs, and where its legs are.
SITE = {
    "watcher-10": (["membership-watcher"], ["br10"]),
    "watcher-20": (["membership-watcher"], ["br20"]),
    "sender": (["rtp-packager", "sap-announcer"], [*BRIDGES, "fabric"]),
    "control": (["directory-resolver", "session-manager"], ["fabric"]),
}


def site_link(lab, name: str, number: str):
    """A link with the addresses that the example has for it."""
    link = lab.link(name, snooping=name != "fabric")
    link.prefix4, link.prefix6 = f"192.168.{number}", f"2001:db8:d0be:f0{number}"
    return link


@pytest.fixture
def links(lab):
    return {name: site_link(lab, name, number) for name, number in (("br10", "10"), ("br20", "20"), ("fabric", "99"))}


@pytest.fixture
def icecast(lab, links):
    """A station on the fabric, whose number the site knows."""
    made = Icecast(lab.host("internet", links["fabric"]))
    config = make_folders(lab)
    for path in (ROOT / "containers" / "example").iterdir():
        shutil.copy(path, config)
    station = {"number": FIRST_NUMBER, "title": "Lab Radio", "urls": [made.mount("radio", TONE)]}
    (config / "lineup.toml").write_text(to_toml({"station": [station]}))
    # The station is not in the internet but in the lab.
    (config / "headwater.toml").write_text((config / "headwater.toml").read_text() + "local = true\n")
    return made


@pytest.fixture
def machines(lab, links, icecast, bin_dir):
    made = {}
    for name, (_, legs) in SITE.items():
        made[name] = ServiceMachine(lab, lab.host(name, *[links[leg] for leg in legs]), name, bin_dir)
    for name, (services, _) in SITE.items():
        made[name].wait_ready(*services)
    return made


def test_the_main_job_over_two_vlans_from_one_source(lab, links, icecast, machines):
    alice, bob = lab.host("alice", links["br10"]), lab.host("bob", links["br20"])
    captures = [Capture(alice.ns, "br10"), Capture(bob.ns, "br20")]
    listeners = [FfmpegListener(alice, GROUP), FfmpegListener(bob, GROUP)]
    for listener in listeners:
        listener.wait_decoded(2, 25)
        assert listener.tone_seconds(TONE) >= 1.5
    assert icecast.listeners("radio") == 1
    rtp = [capture.select(of_kind("rtp", GROUP)) for capture in captures]
    for capture, packets, bridge in zip(captures, rtp, BRIDGES):
        sap = capture.wait_packet(of_kind("sap", GROUP), 5).sap()
        assert {p.source for p in packets} == {sap.origin} == {f"{links[bridge].prefix6}::5"}
    assert len({p.rtp().ssrc for packets in rtp for p in packets}) == 1
    sender = machines["sender"]
    for service in SITE["sender"][0]:
        pid = sender.run("systemctl", "show", "-p", "MainPID", "--value", f"headwater@{service}.service").strip()
        status = sender.run("cat", f"/proc/{pid}/status")
        assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
        assert "Uid:\t65532" in status
    assert [machine.stop() for machine in machines.values()] == [0] * len(machines)
    for listener in listeners:
        assert listener.wait_end(10) == 0, "the end was not announced"


INNER = ROOT / "nspawn" / "services"
SERVICES = ["membership-watcher", "rtp-packager", "sap-announcer", "directory-resolver", "session-manager", "mcast-monitor", "mcast-bridge"]


@pytest.mark.parametrize(
    "unit", [UNIT.name.replace("@", "@sender"), *(f"headwater@{name}.service" for name in SERVICES), *(p.name for p in INNER.glob("[!h]*.*"))]
)
def test_systemd_finds_nothing_wrong_with_a_unit(unit, bin_dir):
    folder = UNIT.parent if unit.startswith("headwater-machine") else INNER
    script = 'mount -t tmpfs tmpfs /opt && mkdir -p /opt/headwater/bin && mount --bind "$0" /opt/headwater/bin && exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", script, bin_dir, "env", f"SYSTEMD_UNIT_PATH={folder}:", "systemd-analyze", "verify", unit]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder)
    assert [line for line in done.stderr.splitlines() if "headwater" in line] == [] and done.returncode == 0, done.stderr


def test_each_example_machine_has_what_its_unit_names():
    for machine in EXAMPLE.iterdir():
        settings = dict(line.split("=", 1) for line in (machine / "settings").read_text().splitlines() if line[0] != "#")
        assert (INNER / settings["TARGET"]).exists()
        legs = {pair.rpartition(":")[2] for pair in settings["NETWORK"].strip('"').split()}
        assert legs == {path.stem for path in (machine / "network").iterdir()}
        config = settings.get("HEADWATER_CONFIG", "/etc/headwater/headwater.toml").removeprefix("/etc/headwater/")
        assert (ROOT / "containers" / "example" / config).exists()


def test_a_machines_command_line_is_explicit():
    argv = exec_start(UNIT, "sender", {"NETWORK": "--network-veth-extra=a:b --network-macvlan=c", "TARGET": "sender.target"})
    assert {"--settings=no", "--private-network", "--boot", "--volatile=yes", "--machine=sender", "systemd.unit=sender.target"} <= set(argv)
    assert "--network-veth" not in argv and "$" not in " ".join(argv).replace("${PROGRAMS}", "")
    assert {"--network-veth-extra=a:b", "--network-macvlan=c"} <= set(argv)
