"""A headend that is the switch: who listens is read from its bridge's own multicast database, and each port is a member."""

import pytest

from lab import FfmpegListener, Headend, Scene, let_pass, wait_until

GROUP6, GROUP4 = "ff3e:40:2001:db8:d0be:f00d:8000:1", "239.192.0.1"
SSM6, SSM4, SOURCE6, SOURCE4 = "ff3e::8000:1", "232.1.2.3", "2001:db8:d0be:f00d::1", "192.168.10.1"
# The bridge asks each two seconds, for answers within one; a leave is asked about for 0.2 s. All in hundredths of a second.
ASKS = "mcast_query_interval 200 mcast_query_response_interval 100 mcast_startup_query_interval 50"
LEAVES = "mcast_last_member_interval 10 mcast_last_member_count 2"
OPTIONS = 'observe = "mdb"\nquery_interval = "2s"\nquery_response_interval = "1s"\nstartup_query_interval = "1s"\n'


def make_bridge(host, *ports: str, versions: str = "mcast_igmp_version 3 mcast_mld_version 2") -> None:
    """A bridge "switch" over interfaces of a host; it takes the first one's addresses over."""
    leg = host.legs[ports[0]]
    host.ns.ip(
        f"link add name switch type bridge mcast_snooping 1 mcast_querier 1 {versions} forward_delay 0 stp_state 0 {ASKS} {LEAVES}",
        *(f"address flush dev {port}" for port in ports),
        *(f"link set {port} master switch" for port in ports),
        "link set switch up",
        f"address add {leg.ipv6}/64 dev switch nodad",
        f"address add {leg.ipv4}/24 brd + dev switch",
    )


@pytest.fixture
def behind_ports(lab, make_watcher):
    """behind_ports(): a watcher of a bridge with two ports, and a listener's host behind each of them."""

    def made(synced: bool = True, **bridge):
        links = [lab.link(name, snooping=False) for name in ("lan", "side")]
        headend = lab.host("headend", *links)
        make_bridge(headend, "lan", "side", **bridge)
        watcher = make_watcher(headend, OPTIONS)
        watcher.config.write_text(watcher.config.read_text().replace('side = "side"\n', "").replace('lan = "lan"', 'lan = "switch"'))
        headend.legs.pop("side")
        return watcher.start(synced), lab.host("alice", links[0]), lab.host("bob", links[1])

    return made


def port(watcher, interface: str) -> str:
    return f"::{watcher.host.ns.interface_index(interface):x}"


def test_ports_are_the_members(behind_ports):
    watcher, alice, bob = behind_ports()
    with alice.join(GROUP6), bob.join(GROUP4):
        with bob.join(GROUP6), alice.ns.join(SSM6, "lan", SOURCE6), alice.ns.join(SSM4, "lan", SOURCE4):
            wait_until(lambda: len(watcher.groups()) == 4 and len(watcher.members(GROUP6)) == 2, 5)
            assert set(watcher.members(GROUP6)) == {port(watcher, "lan"), port(watcher, "side")}
            assert watcher.members(GROUP4) == [port(watcher, "side")]
            for group, source in ((SSM6, SOURCE6), (SSM4, SOURCE4)):
                wait_until(lambda: watcher.group(group).get("sources") == [source], 3)
        wait_until(lambda: len(watcher.groups()) == 2 and watcher.members(GROUP6) == [port(watcher, "lan")], 5)
        with watcher.host.ns.join(GROUP4, "switch"):
            wait_until(lambda: port(watcher, "switch") in watcher.members(GROUP4), 5, "a player on the headend's own host")
    wait_until(lambda: not watcher.groups(), 5)
    assert not [e for e in watcher.events() if e.get("link", {}).get("we_are_querier_ipv6")], "the bridge asks"


def test_a_restarted_watcher_knows_at_once_and_a_flap_forgets(behind_ports):
    watcher, alice, bob = behind_ports()
    with alice.join(GROUP6), bob.join(GROUP4):
        wait_until(lambda: len(watcher.groups()) == 2, 5)
        watcher.process.kill()
        with alice.ns.join(SSM6, "lan", SOURCE6):
            let_pass(1)
            watcher.start()
            wait_until(lambda: len(watcher.groups()) == 3, 1, "what came meanwhile too")
        wait_until(lambda: len(watcher.groups()) == 2, 5)
        watcher.host.ns.ip("link set switch down")
        wait_until(lambda: watcher.sync("lan") == "LINK_SYNC_DOWN" and not watcher.groups(), 5)
        watcher.host.ns.ip("link set switch up")
        wait_until(lambda: watcher.sync("lan") == "LINK_SYNC_WARMING", 5, "its listeners have yet to answer")
        watcher.wait_synced()
        assert len(watcher.groups()) == 2
        watcher.host.ns.ip("link set side down")
        wait_until(lambda: list(watcher.groups()) == [("lan", GROUP6)], 5, "a port without carrier listens to nothing")
        watcher.host.ns.ip("link set side up")
        wait_until(lambda: len(watcher.groups()) == 2, 5)


def test_a_bridge_of_older_versions_tells_no_sources(behind_ports):
    watcher, alice, bob = behind_ports(versions="mcast_igmp_version 2 mcast_mld_version 1")
    with alice.join(GROUP6), bob.join(GROUP4):
        wait_until(lambda: len(watcher.groups()) == 2, 12)
        assert watcher.group(GROUP4)["filter_mode"] == "FILTER_MODE_EXCLUDE"


@pytest.mark.parametrize("family", ["ipv6", "ipv4"])
def test_join_play_leave_behind_the_headends_own_bridge(lab, bin_dir, family):
    headend = Headend(lab, bin_dir)
    make_bridge(headend.host, "lan")
    headend.config["legs"] = {"lan": "switch"}
    headend.config["membership-watcher"] = {"observe": "mdb"}
    scene = Scene(lab, headend)
    scene.headend.start()
    group = scene.group6 if family == "ipv6" else scene.group4
    listener = FfmpegListener(scene.alice, group)
    listener.wait_decoded(2, 25)
    headend.wait_session(group, "live")
    listener.leave()
    wait_until(lambda: group not in headend.sessions(), 15, "the session's end")
