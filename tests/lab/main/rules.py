"""The ten central rules as checks. test_rules.py wants each to hold, test_faults.py wants each to fail under its fault.

A check takes a scene that has not been started yet, and raises AssertionError or TimeoutError when its rule is broken.
"""

from lab import (
    FIRST_NUMBER,
    Capture,
    FfmpegListener,
    Packet,
    Scene,
    group6,
    has_bye,
    joins,
    leaves,
    let_pass,
    of_kind,
    sequence_gaps,
    stays,
    wait_until,
)

LINGER = 1.0


def media(scene: Scene, group: str) -> list[Packet]:
    """What the headend sent to a group: RTP, RTCP and SAP."""
    mac = scene.headend.host.leg.mac
    return [p for p in scene.capture.packets() if p.destination == group and p.source_mac == mac]


def wait_rtp(scene: Scene, group: str, timeout: float = 20) -> Packet:
    return scene.capture.wait_packet(of_kind("rtp", group), timeout, "RTP")


def own_join(scene: Scene) -> None:
    """The headend holds no membership of a group that it serves, and sends no report for one."""
    scene.start()
    filters = ("/proc/net/mcfilter", "/proc/net/mcfilter6")
    with scene.alice.join(scene.group6), scene.alice.join(scene.group4):
        for group in (scene.group6, scene.group4):
            wait_rtp(scene, group)
            assert group not in scene.headend.ns.memberships()
        let_pass(1)
        # Source-specific memberships; the headend has none at all.
        assert all(len(scene.headend.ns.read(path).splitlines()) <= 1 for path in filters)
        mac = scene.headend.host.leg.mac
        own = scene.capture.select(lambda p: p.source_mac == mac and (joins(p, scene.group6) or joins(p, scene.group4)))
        assert not own, own


def interface(scene: Scene) -> None:
    """With ff00::/8 and 224.0.0.0/4 routed to another interface first, all leaves by the link's."""
    ns, wrong = scene.headend.ns, scene.headend.fabric.name
    ns.ip(f"route add multicast ff00::/8 dev {wrong} table local metric 1")
    ns.run("ip", "route", "replace", "224.0.0.0/4", "dev", wrong)
    scene.start()
    fabric = Capture(ns, wrong, "multicast")
    with scene.alice.join(scene.group6), scene.alice.join(scene.group4):
        for group in (scene.group6, scene.group4):
            wait_rtp(scene, group)
            scene.capture.wait_packet(of_kind("sap", group), 5)
            scene.capture.wait_packet(of_kind("rtcp", group), 10)
    strays = fabric.select(lambda p: p.destination in (scene.group6, scene.group4))
    assert not strays, f"{len(strays)} datagrams left by {wrong}"


def source_address(scene: Scene) -> None:
    """RTP, RTCP and SAP have one source, the link's service address, even when the interface has another address first."""
    leg = scene.headend.host.leg
    service6, service4 = leg.ipv6.replace("::1", "::5"), leg.ipv4.rsplit(".", 1)[0] + ".205"
    scene.headend.ns.ip(f"address add {service6}/64 dev {leg.interface} nodad", f"address add {service4}/24 dev {leg.interface}")
    scene.headend.config["legs"][leg.link.name] = {
        "interface": leg.interface,
        "service_address_ipv4": service4,
        "service_address_ipv6": service6,
    }
    scene.start()
    with scene.alice.join(scene.group6), scene.alice.join(scene.group4):
        for group, service in ((scene.group6, service6), (scene.group4, service4)):
            wait_rtp(scene, group)
            scene.capture.wait_packet(of_kind("rtcp", group), 10)
            sources = {(p.kind, p.source) for p in media(scene, group)}
            assert sources == {("rtp", service), ("rtcp", service), ("sap", service)}, sources
            sap = scene.capture.wait_packet(of_kind("sap", group), 5).sap()
            assert sap.origin == service
            assert sap.source_filter == service


def linger(scene: Scene) -> None:
    """The session outlives its last member by its linger, and who comes back within it finds the same session."""
    scene.start()
    with scene.alice.join(scene.group6):
        ssrc = wait_rtp(scene, scene.group6).rtp().ssrc
    left = scene.capture.wait_packet(lambda p: leaves(p, scene.group6), 3).time
    let_pass(0.5 * LINGER)
    with scene.alice.join(scene.group6):
        let_pass(2 * LINGER)
        assert not scene.capture.select(has_bye), "ended although a member came back"
    bye = scene.capture.wait_packet(lambda p: p.time > left and has_bye(p), 10, "BYE")
    rtp = scene.capture.select(of_kind("rtp", scene.group6))
    assert {p.rtp().ssrc for p in rtp} == {ssrc}
    assert not sequence_gaps(rtp)
    final_leaves = scene.capture.select(lambda p: leaves(p, scene.group6) and left + 2 * LINGER < p.time < bye.time)
    assert bye.time - final_leaves[0].time >= 0.9 * LINGER


def deletion(scene: Scene) -> None:
    """At the end three deletions of every version announced; while the session lives, none."""
    scene.start()
    with scene.alice.join(scene.group6):
        wait_rtp(scene, scene.group6)
        scene.headend.icecast.set_title("radio", "Second title")
        scene.capture.wait_packet(lambda p: of_kind("sap", scene.group6)(p) and "Second title" in p.sap().body, 15, "the title")
        let_pass(1)
        announced = {p.sap().hash for p in scene.capture.select(of_kind("sap", scene.group6))}
        assert not deletions(scene)
    wait_until(lambda: all(deletions(scene).count(h) >= 3 for h in announced), 15, f"three deletions of each of {announced}")
    assert len(announced) >= 2


def deletions(scene: Scene) -> list[int]:
    packets = [p.sap() for p in scene.capture.select(of_kind("sap", scene.group6))]
    return [sap.hash for sap in packets if sap.deletion]


def bye(scene: Scene) -> None:
    """The end is told by BYE, twice, 100 ms apart, by the session's own SSRC; RTP has stopped before."""
    scene.start()
    with scene.alice.join(scene.group6):
        ssrc = wait_rtp(scene, scene.group6).rtp().ssrc

    def byes() -> list[Packet]:
        return scene.capture.select(has_bye)

    wait_until(lambda: len(byes()) >= 2, 10, "two BYEs")
    first, second = byes()[:2]
    assert all(part.ssrc == ssrc for part in first.rtcp() if part.type == 203)
    assert 0.05 <= second.time - first.time <= 1
    assert not [p for p in scene.capture.packets() if of_kind("rtp", scene.group6)(p) and p.time > first.time]


def synced(scene: Scene) -> None:
    """A watcher that has just started knows nothing yet: its empty table ends no session."""
    # Without a linger, which would cover for it until the hosts have answered.
    scene.headend.config["directory-resolver"]["directory"][0]["linger"] = "0s"
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    old = scene.headend.kill("membership-watcher")
    scene.headend.wait_restarted("membership-watcher", old)
    listener.wait_more(5, 15)
    assert not scene.capture.select(has_bye)
    assert not sequence_gaps(scene.capture.select(of_kind("rtp", scene.group6)))
    assert listener.playing()


def source_filter(scene: Scene) -> None:
    """A foreign BYE ends no stock player, because every SDP has a source-filter."""
    scene.start()
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(2, 20)
    ssrc = wait_rtp(scene, scene.group6).rtp().ssrc
    for forged in (0x12345678, ssrc):
        scene.bob.ns.send(bye_of(forged), scene.group6, 5005, "lan")
    listener.wait_more(3, 10)
    assert listener.playing()
    for packet in scene.capture.select(of_kind("sap", scene.group6)):
        assert packet.sap().deletion or packet.sap().source_filter == scene.headend.host.leg.ipv6


def bye_of(ssrc: int) -> bytes:
    """RR without reports, SDES CNAME, BYE: what a leaving receiver says."""
    word = ssrc.to_bytes(4, "big")
    receiver = b"\x80\xc9\x00\x01" + word
    description = b"\x81\xca\x00\x03" + word + b"\x01\x04evil" + b"\0\0"
    return receiver + description + b"\x81\xcb\x00\x01" + word


def announced_format(scene: Scene) -> None:
    """What comes back in another format is sent in the announced one, or the session ends; it never changes under way."""
    scene.headend.config["directory-resolver"]["directory"][0]["silence_limit"] = "20s"
    scene.start()
    with scene.alice.join(scene.group6):
        before = wait_rtp(scene, scene.group6).rtp()
        icecast = scene.headend.icecast
        icecast.end("radio")
        icecast.mount("radio", 440, format="aac", rate=48000)
        let_pass(8)
        rtp = [p.rtp() for p in scene.capture.select(of_kind("rtp", scene.group6))]
        types = {r.payload_type for r in rtp if r.ssrc == before.ssrc}
        assert types == {before.payload_type}, types
        media_lines = {
            (p.sap().line("o").split()[1], p.sap().line("m")) for p in scene.capture.select(of_kind("sap", scene.group6))
            if not p.sap().deletion
        }
        assert len({origin for origin, _ in media_lines}) == len(media_lines), media_lines


def limits(scene: Scene) -> None:
    """Beyond sessions_max a join starts nothing, what plays is not hurt, and the outcome is told."""
    scene.headend.config["session-manager"]["sessions_max"] = 1
    scene.headend.write_lineup({FIRST_NUMBER + i: (f"Radio {i}", scene.url) for i in range(2)})
    scene.start()
    second = group6(FIRST_NUMBER + 1)
    with scene.alice.join(scene.group6):
        wait_rtp(scene, scene.group6)
        with scene.bob.join(second):
            assert stays(lambda: not scene.capture.select(of_kind("rtp", second)), 3), "one session too many"
            told = scene.headend.ctl("session", "explain", second).stdout
            assert "limit" in told.lower() or "refused" in told.lower(), told
        assert not sequence_gaps(scene.capture.select(of_kind("rtp", scene.group6)))


# The name of each rule's fault is its key (services/common/base/fault.h).
RULES = {
    "own-join": own_join,
    "interface": interface,
    "source-address": source_address,
    "linger": linger,
    "deletion": deletion,
    "bye": bye,
    "synced": synced,
    "source-filter": source_filter,
    "format": announced_format,
    "limits": limits,
}

