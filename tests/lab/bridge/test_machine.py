"""What the bridge changes on its machine, and that nothing of it stays: at its stop, after kill -9, by --undo."""

import os
import signal
import subprocess

import pytest
from bridge_scene import MARK_LINE, SSDP4, kill_9, location, search

from lab import stays, to_toml, validate, wait_until


@pytest.fixture
def meddling(unstarted):
    """A router that needs everything: a snooping bridge, routes that draw multicast to one interface, no forwarding, a firewall that
    was not told."""
    scene = unstarted
    ns = scene.router.ns
    ns.ip(
        "link add br0 type bridge mcast_snooping 1 forward_delay 0",
        "link set lana master br0",
        "address flush dev lana",
        "link set br0 up",
        f"address add {scene.router.legs['lana'].ipv4}/24 brd + dev br0",
        f"address add {scene.router.legs['lana'].ipv6}/64 dev br0 nodad",
        "route add 224.0.0.0/4 dev br0",
        "route add 239.0.0.0/8 dev lanb metric 7",
        "route add 239.0.0.0/8 dev lanb metric 8",
        "route add multicast ff15::/16 dev lanb table local metric 10",
        "route add default via 192.168.10.2",
    )
    ns.sysctl("net.ipv4.ip_forward", 0)
    ns.sysctl("net.ipv6.conf.all.forwarding", 0)
    # Of one interface alone, which setting "all" would change.
    ns.sysctl("net.ipv6.conf.lanb.forwarding", 1)
    scene.firewall("")
    scene.config["legs"]["lana"] = "br0"
    scene.bridge.update(
        {"snooping_off": ["lana"], "forwarding": True, "carve_routes": True, "firewall_chains": ["inet fw forward"]}
    )
    return scene


def ping(scene, *arguments: str) -> str:
    with scene.router.ns.entered():
        done = subprocess.run(["ping", "-c1", "-W1", *arguments], capture_output=True, text=True)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def applied(scene) -> None:
    for name, subject in (
        ("snooping", "br0"),
        ("forwarding", "ipv4"),
        ("forwarding", "ipv6"),
        ("routes", "ipv4"),
        ("routes", "ipv6"),
        ("firewall", "inet fw forward"),
    ):
        scene.wait_check(name, subject, "applied")


def test_every_change_is_made_told_and_undone_at_the_stop(meddling):
    scene = meddling
    before = scene.machine()
    assert "239.0.0.0/8 dev lanb" in before and "ff15::/16 dev lanb" in before
    scene.start()
    applied(scene)
    validate("bridge_check", scene.json("checks"))
    during = scene.machine()
    assert "mcast_snooping 0" in during and MARK_LINE in during and "table inet headwater_bridge" in during
    # No interface is preferred by accident, and none is shut.
    for group in ("239.1.2.3", "ff05::1234"):
        assert ping(scene, group).startswith("2 ") and "No route to host" in ping(scene, group)
        for interface in ("br0", "lanb"):
            assert "1 packets transmitted" in ping(scene, "-I", interface, group)
    # It works with all that, too.
    scene.lamp()
    assert location(search(scene.phone, SSDP4))
    assert scene.stop() == 0
    assert scene.machine() == before


@pytest.mark.parametrize("by", ["restart", "undo"])
def test_kill_9_leaves_nothing_that_is_not_undone(meddling, by):
    scene = meddling
    before = scene.machine()
    scene.start()
    applied(scene)
    smcrouted = scene.smcrouted_pid()
    kill_9(scene.process)
    wait_until(lambda: not os.path.exists(f"/proc/{smcrouted}/cmdline") or not open(f"/proc/{smcrouted}/cmdline").read(), 5, "smcrouted's end")
    assert scene.machine() != before
    if by == "undo":
        argv = [scene.bin_dir / "mcast-bridge", "--undo", "--config", scene.config_path]
        assert "left: 0" in scene.router.ns.run(*argv)
    else:
        # The next one wants nothing of all that: what it finds at its start is as it was.
        for key in ("snooping_off", "forwarding", "carve_routes", "firewall_chains"):
            del scene.bridge[key]
        scene.start()
        scene.wait_check("snooping", "br0", "good")
        assert "undid what an instance before has left" in scene.process.log()
        assert scene.stop() == 0
    assert scene.machine() == before
    # Done is done: nothing is undone twice.
    scene.router.ns.run("ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "0")
    argv = [scene.bin_dir / "mcast-bridge", "--undo", "--config", scene.config_path]
    assert "undone: 0, left: 0" in scene.router.ns.run(*argv)


def test_what_a_person_resets_is_set_again_and_a_second_bridge_is_refused(meddling):
    scene = meddling
    before = scene.machine()
    scene.start()
    applied(scene)
    ns = scene.router.ns
    ns.run("ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "1")
    wait_until(lambda: "mcast_snooping 0" in ns.run("ip", "-d", "link", "show", "br0"), 10, "snooping off again")
    # A firewall that is loaded anew takes everything with it.
    ns.run("nft", "flush", "ruleset")
    scene.firewall("")
    wait_until(lambda: "headwater_bridge" in ns.run("nft", "list", "ruleset"), 10, "our table again")
    wait_until(lambda: MARK_LINE in ns.run("nft", "list", "ruleset"), 10, "our rule again")
    argv = [scene.bin_dir / "mcast-bridge", "--undo", "--config", scene.config_path]
    with pytest.raises(RuntimeError, match="another mcast-bridge is at work"):
        ns.run(*argv)
    assert scene.stop() == 0
    assert scene.machine() == before


def test_without_leave_the_machine_is_only_looked_at(meddling):
    scene = meddling
    for key in ("snooping_off", "forwarding", "carve_routes", "firewall_chains"):
        del scene.bridge[key]
    before = scene.machine()
    scene.start()
    for name, subject, words in (
        ("forwarding", "ipv4", "forwarding = true"),
        ("routes", "ipv4", "carve_routes = true"),
        ("firewall", "inet fw forward", MARK_LINE),
    ):
        assert words in scene.wait_check(name, subject, "wrong")["detail"]
    assert scene.metric("headwater_mcast_bridge_checks", state="wrong", check="firewall") == 1
    table = scene.router.ns.run("nft", "list", "table", "inet", "headwater_bridge")
    assert table and scene.machine().replace(table.strip(), "").split() != []
    assert scene.stop() == 0
    assert scene.machine() == before


def test_sighup_takes_all_or_nothing(scene):
    table = scene.router.ns.run("nft", "list", "table", "inet", "headwater_bridge")
    scene.bridge["rules"][0]["links"] = ["lana", "dmz"]
    scene.reload()
    assert 'rule \\"upnp\\": \\"dmz\\" is no link of [legs]' in scene.process.log()
    assert scene.metric("headwater_config_last_reload_successful") == 0
    assert scene.router.ns.run("nft", "list", "table", "inet", "headwater_bridge") == table
    scene.bridge["rules"] = [{"name": "other", "groups": ["239.7.7.7", "10.0.0.1@239.7.7.8"], "from": ["lana"], "to": ["lanb"]}]
    scene.reload()
    assert scene.metric("headwater_config_last_reload_successful") == 1
    scene.wait_active("other")
    # The old rule is gone from both.
    scene.phone.ns.send(b"x", SSDP4, 1900, "lana", hops=4)
    assert stays(lambda: scene.metric("headwater_mcast_bridge_packets_total") == 0, 1.5)
    scene.phone.ns.send(b"x", "239.7.7.7", 1900, "lana", hops=4)
    scene.wait_metric(1, "headwater_mcast_bridge_packets_total", group="239.7.7.7")


def test_it_runs_with_two_capabilities_and_so_does_smcrouted(scene):
    for pid in (scene.process.pid, scene.smcrouted_pid()):
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
        # CAP_NET_ADMIN is 12, CAP_NET_RAW 13.
        assert {int(status[key], 16) for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0x3000}, pid


def test_check_config_says_what_is_wrong(unstarted):
    scene = unstarted
    scene.bridge["rules"][0]["groups"] = ["224.0.0.251"]
    scene.config_path.write_text(to_toml(scene.config))
    argv = [str(scene.bin_dir / "mcast-bridge"), "--config", str(scene.config_path), "--check-config"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 78 and 'rule "upnp": "224.0.0.251"' in done.stderr
    assert signal.SIGHUP == 1


def test_without_root_it_says_what_is_missing(unstarted):
    scene = unstarted
    scene.config_path.write_text(to_toml(scene.config))
    scene.config_path.chmod(0o644)
    argv = [str(scene.bin_dir / "mcast-bridge"), "--config", str(scene.config_path)]
    with scene.router.ns.entered():
        done = subprocess.run(["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", *argv], capture_output=True, text=True, timeout=30)
    assert done.returncode == 77 and "capabilities that are needed are missing" in done.stderr, done.stderr
    assert "headwater_bridge" not in scene.router.ns.run("nft", "list", "ruleset")
