"""A flood through the bridge at a steady rate, counted by the sender, the kernel's routing and the receiver."""

import json

from lab import wait_until

GROUP = "239.255.255.250"
PORT = 7000
SEND = """
import socket, struct, sys, time
rate, seconds, index = (int(a) for a in sys.argv[1:])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
def send(number):
    sock.sendto(struct.pack("!Q", number).ljust(200, b"x"), ("%(group)s", %(port)d))
# The first makes the route; the kernel keeps three until it is there.
begin, sent = time.monotonic(), 0
step = max(1, rate // 200)
while sent < rate * seconds:
    for _ in range(step):
        send(sent)
        sent += 1
    wait = begin + sent / rate - time.monotonic()
    if wait > 0:
        time.sleep(wait)
print(f"sent {sent} in {time.monotonic() - begin:.2f}", flush=True)
"""
RECEIVE = """
import socket, struct, sys
index = int(sys.argv[1])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
sock.bind(("%(group)s", %(port)d))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("%(group)s") + bytes(4) + struct.pack("=i", index))
print("ready", flush=True)
received = 0
while True:
    data = sock.recv(2048)
    received += len(data) == 200
    if data == b"end":
        print(f"received {received}", flush=True)
        break
"""


def run_load(scene, *, seconds: int, rate: int) -> dict:
    """Needs a rule for GROUP from lana to lanb. What was sent, forwarded (by the kernel's route), received, and lost where."""
    names = {"group": GROUP, "port": PORT}
    phone, device = scene.phone, scene.device
    receiver = device.ns.start(["/usr/bin/python3", "-c", RECEIVE % names, device.ns.interface_index("lanb")], "receive")
    receiver.wait_log("ready")
    # The route is there before the flood; this one is counted with neither.
    phone.ns.send(b"first", GROUP, PORT, "lana", hops=8)
    wait_until(lambda: route(scene).get("present"), 10, "the route")
    before = kernel(scene)
    counted = scene.metric("headwater_mcast_bridge_packets_total", group=GROUP, **{"from": "lana", "to": "lanb"})
    argv = ["/usr/bin/python3", "-c", SEND % names, rate, seconds, phone.ns.interface_index("lana")]
    sender = phone.ns.start(argv, "send")
    sender.wait_log("sent", seconds + 60)
    _, sent, _, took = sender.log().split()
    after = kernel(scene)
    phone.ns.send(b"end", GROUP, PORT, "lana", hops=8)
    receiver.wait_log("received", 30)
    forwarded = after["packets"] - before["packets"]
    wait_until(
        lambda: scene.metric("headwater_mcast_bridge_packets_total", group=GROUP, **{"from": "lana", "to": "lanb"}) - counted > forwarded,
        10,
        "the metric, with the last one",
    )
    metric = scene.metric("headwater_mcast_bridge_packets_total", group=GROUP, **{"from": "lana", "to": "lanb"}) - counted - 1
    return {
        "rate": round(int(sent) / float(took)),
        "seconds": seconds,
        "sent": int(sent),
        "forwarded": forwarded,
        "metric": int(metric),
        "received": int(receiver.log().split()[-1]),
        "lost_in_kernel": int(sent) - (after["out"] - before["out"]),
        "interface_drops": after["drops"] - before["drops"],
        "wrong_interface": after["wrong"] - before["wrong"],
    }


def route(scene) -> dict:
    return next((r for r in scene.json("routes") if r["group"] == GROUP and r["source"] == scene.phone.leg.ipv4), {})


def kernel(scene) -> dict:
    """The kernel's own counters in the router: the route's, the outgoing virtual interface's, the interfaces' drops."""
    ns = scene.router.ns
    source = bytes(int(part) for part in reversed(scene.phone.leg.ipv4.split("."))).hex().upper()
    group = bytes(int(part) for part in reversed(GROUP.split("."))).hex().upper()
    counts = {"packets": 0, "wrong": 0, "out": 0, "drops": 0}
    for line in ns.read("/proc/net/ip_mr_cache").splitlines()[1:]:
        words = line.split()
        if words[:2] == [group, source]:
            counts["packets"], counts["wrong"] = int(words[3]), int(words[5])
    for line in ns.read("/proc/net/ip_mr_vif").splitlines()[1:]:
        words = line.split()
        if words[1] == "lanb":
            counts["out"] = int(words[5])
    for link in json.loads(ns.run("ip", "-j", "-s", "link")):
        if link["ifname"] in ("lana", "lanb"):
            counts["drops"] += link["stats64"]["rx"]["dropped"] + link["stats64"]["tx"]["dropped"]
    return counts

