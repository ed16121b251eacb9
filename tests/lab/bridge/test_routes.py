"""What the rules can say beyond UPnP: channels, blocks, one way, joins, back into the same link, and as many links as there can be."""

from lab import Capture, let_pass, wait_until


def rules(scene, *wanted: dict) -> None:
    scene.bridge["rules"] = list(wanted)


def heard(capture: Capture) -> set[tuple[str, str]]:
    return {(p.source, p.destination) for p in capture.packets() if p.payload == b"DATA"}


def test_channels_blocks_and_one_way(unstarted):
    scene = unstarted
    phone, other = scene.phone, scene.lab.host("other", scene.links[0])
    rules(
        scene,
        {"name": "ssm4", "groups": [f"{phone.leg.ipv4}@232.1.2.3"], "from": ["lana"], "to": ["lanb"]},
        {"name": "ssm6", "groups": [f"{phone.leg.ipv6}@ff3e::4000:1"], "from": ["lana"], "to": ["lanb"]},
        {"name": "blocks", "groups": ["239.5.0.0/16", "ff05::5:0/112"], "from": ["lana"], "to": ["lanb"]},
    )
    scene.start()
    for name in ("ssm4", "ssm6", "blocks"):
        scene.wait_active(name)
    at_device, at_phone = Capture(scene.device.ns, "lanb", "udp port 7000"), Capture(phone.ns, "lana", "udp port 7000")
    groups = ["232.1.2.3", "ff3e::4000:1", "239.5.6.7", "ff05::5:7", "239.6.0.1", "ff05::6:7"]
    for group in groups:
        for host in (phone, other):
            host.ns.send(b"DATA", group, 7000, "lana")
        scene.device.ns.send(b"DATA", group, 7000, "lanb")
    own = {4: phone.leg.ipv4, 6: phone.leg.ipv6}
    foreign = {4: other.leg.ipv4, 6: other.leg.ipv6}
    wanted = {(own[4], "232.1.2.3"), (own[6], "ff3e::4000:1")}
    wanted |= {(by[6 if ":" in group else 4], group) for by in (own, foreign) for group in ("239.5.6.7", "ff05::5:7")}
    wait_until(lambda: heard(at_device) >= wanted, 5, "what may cross")
    let_pass(0.5)
    from_device = {(scene.device.leg.ipv6 if ":" in group else scene.device.leg.ipv4, group) for group in groups}
    assert heard(at_device) - from_device == wanted
    # The other way is nobody's rule.
    assert not heard(at_phone) & from_device

    def routed() -> set[str]:
        return {r["rule"] for r in scene.json("routes") if r["present"] and r["to"]}

    wait_until(lambda: routed() == {"ssm4", "ssm6", "blocks"}, 5, f"routes: {routed()}", every=0.2)


def test_join_reports_for_switches_that_snoop(unstarted):
    scene = unstarted
    groups = ["239.7.7.7", "ff05::7:7", f"{scene.phone.leg.ipv4}@232.7.7.7"]
    rules(scene, {"name": "a", "groups": groups, "from": ["lana"], "to": ["lanb"], "join": True})
    scene.start()
    scene.wait_active("a")
    wait_until(lambda: {"239.7.7.7", "ff05::7:7", "232.7.7.7"} <= scene.router.ns.memberships(), 5, "memberships")
    assert "239.7.7.7" in scene.links[0].mdb() and "239.7.7.7" not in scene.links[1].mdb()
    assert scene.stop() == 0
    assert not {"239.7.7.7", "ff05::7:7", "232.7.7.7"} & scene.router.ns.memberships()


def test_back_into_the_same_link(unstarted):
    scene = unstarted
    rules(scene, {"name": "hairpin", "groups": ["239.7.7.7"], "links": ["lana"], "same_interface": True})
    scene.start()
    scene.wait_active("hairpin")
    other = scene.lab.host("other", scene.links[0])
    capture = Capture(other.ns, "lana", "udp port 7000")
    scene.phone.ns.send(b"DATA", "239.7.7.7", 7000, "lana", hops=9)
    # As sent, and as it comes back through the firewall.
    wait_until(lambda: sorted(p.hops for p in capture.packets()) == [8, 9], 5, "both")
    let_pass(0.3)
    assert len(capture.packets()) == 2


def test_thirty_one_interfaces_and_no_more(unstarted):
    scene = unstarted
    ns = scene.router.ns
    links = ["lana", "lanb"]
    for number in range(30):
        ns.ip(f"link add v{number} type veth peer name w{number}", f"link set v{number} up", f"link set w{number} up")
        ns.ip(f"address add 10.0.{number}.1/24 dev v{number}")
        links.append(f"v{number}")
    scene.config["legs"] = {name: name for name in links}
    rules(scene, {"name": "all", "groups": ["239.7.7.7", "ff05::7:7"], "from": ["lana"], "to": links[1:31]})
    scene.start()
    scene.wait_active("all")
    for group in ("239.7.7.7", "ff05::7:7"):
        scene.phone.ns.send(b"DATA", group, 7000, "lana")

    def outgoing(table: str) -> dict[str, int]:
        rows = [line.split() for line in ns.read(f"/proc/net/{table}").splitlines()[1:]]
        return {row[1]: int(row[5]) for row in rows}

    for table in ("ip_mr_vif", "ip6_mr_vif"):
        wait_until(lambda: sum(outgoing(table).values()) == 30, 10, f"one packet out of each: {outgoing(table)}")
        assert outgoing(table) == {"lana": 0, **{name: 1 for name in links[1:31]}}
    # One more is refused, and the log says why.
    scene.bridge["rules"][0]["to"] = links[1:32]
    scene.reload()
    assert "the rules name 32 links; the kernel routes multicast between at most 31 interfaces" in scene.process.log()
    assert scene.metric("headwater_config_last_reload_successful") == 0
