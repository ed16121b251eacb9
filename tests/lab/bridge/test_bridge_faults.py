"""What happens to the bridge when something else happens: interfaces vanish, smcrouted dies, another router is there already."""

import os
import signal

import pytest
from bridge_load import run_load
from bridge_scene import SSDP4, SSDP6

from lab import Capture, wait_until
from lab.network import Leg


def crosses(scene, group: str = SSDP4) -> bool:
    capture = Capture(scene.device.ns, "lanb", "udp port 1900")
    scene.phone.ns.send(b"HELLO", group, 1900, "lana", hops=4)
    try:
        capture.wait_packet(lambda p: p.payload == b"HELLO", 1)
        return True
    except TimeoutError:
        return False
    finally:
        capture.stop()


def test_an_interface_vanishes_and_comes_back(scene):
    assert crosses(scene)
    ns = scene.router.ns
    ns.ip("link delete lanb")
    rule = scene.wait_active(state="down")
    assert rule["reason"] == "link lanb is away"
    assert scene.wait_check("interface", "lanb", "wrong")["detail"] == "is not there"
    scene.wait_metric(1, "headwater_mcast_bridge_rule_state", rule="upnp", state="down")
    # Another index, the same name.
    scene.router.legs["lanb"] = Leg(scene.router, scene.links[1], "lanb")
    scene.wait_active()
    wait_until(lambda: crosses(scene) and crosses(scene, SSDP6), 10, "the way again")
    # Down and up it keeps its index.
    ns.ip("link set lanb down")
    scene.wait_active(state="down")
    ns.ip("link set lanb up")
    scene.wait_active()
    wait_until(lambda: crosses(scene), 10, "the way again")
    assert scene.metric("headwater_mcast_bridge_smcroute_restarts_total") == 0


def test_an_interface_that_comes_late_is_taken(unstarted):
    unstarted.router.ns.ip("link delete lanb")
    scene = unstarted.start()
    scene.wait_active(state="down")
    scene.router.legs["lanb"] = Leg(scene.router, scene.links[1], "lanb")
    scene.wait_active()
    wait_until(lambda: crosses(scene), 10, "the way")


def test_smcrouted_killed_is_started_again(scene):
    pid = scene.smcrouted_pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: scene.smcrouted_pid() not in (0, pid), 10, "another smcrouted", every=0.1)
    scene.wait_active()
    wait_until(lambda: crosses(scene), 10, "the way again")
    scene.wait_metric(1, "headwater_mcast_bridge_smcroute_restarts_total")
    scene.wait_metric(1, "headwater_mcast_bridge_smcroute_errors_total", kind="exit")
    assert any("smcrouted ended by signal 9" in error["text"] for error in scene.json("smcroute")[0]["errors"])


@pytest.mark.parametrize("taken", ["ipv4", "ipv6", "both"])
def test_another_router_is_named_and_waited_for(unstarted, taken):
    scene = unstarted
    ns = scene.router.ns
    if taken == "both":
        argv = ["smcrouted", "-n", "-N", "-f", "/dev/null", "-u", scene.directory / "other.sock", "-P", scene.directory / "other.pid"]
        other = ns.start(argv, "smcrouted")
        other.wait_log("Ready")
    else:
        # A small program that has one family's: MRT_INIT and MRT6_INIT are 200, on a socket for IGMP or for ICMPv6.
        family, protocol, level = ("AF_INET", 2, 0) if taken == "ipv4" else ("AF_INET6", 58, 41)
        script = f"import socket, time; s = socket.socket(socket.{family}, socket.SOCK_RAW, {protocol}); s.setsockopt({level}, 200, 1)"
        other = ns.start(["/usr/bin/python3", "-c", f"{script}; print('has it', flush=True); time.sleep(600)"], "router")
        other.wait_log("has it")
    scene.start()
    words = "IPv6" if taken == "ipv6" else "IPv4"
    assert f"{words} multicast routing is not ours" in scene.wait_active(state="partial" if taken == "ipv6" else "down")["reason"]
    detail = scene.wait_check("owner", words.lower(), "wrong")["detail"]
    assert "belongs to another program" in detail
    assert taken != "both" or f"smcrouted (pid {other.pid})" in detail
    scene.wait_metric(0, "headwater_mcast_bridge_routing_owned", family="ipv6")
    scene.wait_metric(1 if taken == "ipv6" else 0, "headwater_mcast_bridge_routing_owned", family="ipv4")
    assert scene.metric("headwater_mcast_bridge_smcroute_errors_total", kind="in_use") >= 1
    assert crosses(scene) == (taken == "ipv6"), "IPv4 works meanwhile, if it is ours"
    other.stop()
    scene.wait_active()
    wait_until(lambda: crosses(scene) and crosses(scene, SSDP6), 10, "both families")
    scene.wait_metric(1, "headwater_mcast_bridge_routing_owned", family="ipv4")
    scene.wait_metric(1, "headwater_mcast_bridge_routing_owned", family="ipv6")


def test_ten_thousand_packets_a_second_lose_nothing(scene, ten_times):
    """Some seconds of it; a minute is `./headwater bench bridge`."""
    figures = run_load(scene, seconds=3, rate=10000)
    assert figures["sent"] == 30000
    assert figures["lost_in_kernel"] == 0 and figures["wrong_interface"] == 0, figures
    assert figures["forwarded"] == figures["metric"] == figures["sent"], figures
    assert figures["received"] == figures["sent"], figures
