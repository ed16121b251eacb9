"""What others send in our name, and what is made of it."""

import struct

from lab import FfmpegListener, has_bye, let_pass, of_kind, wait_until


def header(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def receiver_report(ssrc: int) -> bytes:
    return header(201, 0, struct.pack("!I", ssrc))


def sender_report(ssrc: int) -> bytes:
    return header(200, 0, struct.pack("!IQIII", ssrc, 1 << 60, 1, 1, 1))


def bye(ssrc: int) -> bytes:
    return header(203, 1, struct.pack("!I", ssrc))


def playing(scene):
    listener = FfmpegListener(scene.alice, scene.group6)
    listener.wait_decoded(1, 20)
    return listener, scene.capture.wait_packet(of_kind("rtp", scene.group6), 5).rtp().ssrc


def send(scene, *parts: bytes, port: int = 5005) -> None:
    scene.bob.ns.send(b"".join(parts), scene.group6, port, scene.bob.leg.interface)


def rtp_packet(ssrc: int, sequence: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 14, sequence, 1, ssrc) + bytes(100)


def rtp_since(scene, time: float):
    return [p for p in scene.capture.select(of_kind("rtp", scene.group6)) if p.time > time]


def test_a_bye_in_our_name_is_counted_and_not_obeyed(scene):
    listener, ssrc = playing(scene)
    for _ in range(5):
        send(scene, receiver_report(ssrc), bye(ssrc))
    wait_until(lambda: scene.headend.metric("rtp-packager", "headwater_rtp_packager_rtcp_forged_total") >= 5, 10, "counted")
    listener.wait_more(3, 10)
    assert {p.rtp().ssrc for p in scene.capture.select(of_kind("rtp", scene.group6))} == {ssrc}


def test_a_collision_changes_the_ssrc_once_without_bye_and_players_play_on(scene):
    listener, ssrc = playing(scene)
    send(scene, sender_report(ssrc))
    changed = scene.capture.wait_packet(
        lambda p: p.kind == "rtp" and p.destination == scene.group6 and p.rtp().ssrc != ssrc, 10, "the new SSRC"
    )
    for _ in range(5):
        send(scene, sender_report(changed.rtp().ssrc))
    listener.wait_more(3, 10)
    let_pass(1)
    assert {p.rtp().ssrc for p in rtp_since(scene, changed.time)} == {changed.rtp().ssrc}, "not again within a minute"
    sequences = [p.rtp().sequence for p in scene.capture.select(of_kind("rtp", scene.group6))]
    assert all((b - a) & 0xFFFF == 1 for a, b in zip(sequences, sequences[1:])), "the sequence runs on"
    assert not scene.capture.select(has_bye)


def test_foreign_rtp_with_our_ssrc_is_a_collision_and_players_play_on(scene):
    listener, ssrc = playing(scene)
    for sequence in range(3):
        send(scene, rtp_packet(ssrc, sequence), port=5004)

    def ours(packet) -> bool:
        return of_kind("rtp", scene.group6)(packet) and packet.source != scene.bob.leg.ipv6

    changed = scene.capture.wait_packet(lambda p: ours(p) and p.rtp().ssrc != ssrc, 10, "the new SSRC")
    new = changed.rtp().ssrc
    for sequence in range(20):
        send(scene, rtp_packet(new, sequence), port=5004)
    wait_until(
        lambda: scene.headend.metric("rtp-packager", "headwater_rtp_packager_ssrc_collisions_total") >= 10, 10, "counted"
    )
    listener.wait_more(3, 10)
    assert {p.rtp().ssrc for p in scene.capture.select(ours) if p.time > changed.time} == {new}, "not again within a minute"
    assert not scene.capture.select(has_bye)
    assert scene.headend.metric("rtp-packager", "headwater_rtp_packager_loops_total") == 0
