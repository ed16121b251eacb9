"""The services as OCI containers: the main job over two VLANs from one source, by the images and quadlets of containers/."""

import shutil

import pytest
from container_host import ROOT, ContainerHost, make_shared

from lab import FIRST_NUMBER, TONE, Capture, FfmpegListener, Icecast, group6, of_kind, sequence_gaps, to_toml, wait_until

GROUP = group6(FIRST_NUMBER)
VLANS = ("vlan10", "vlan20")
WATCHERS = [f"membership-watcher-{vlan}" for vlan in VLANS]
SENDER = ["rtp-packager", "sap-announcer"]
CONTROL = ["directory-resolver", "session-manager"]


def site_link(lab, name: str, number: str):
    """A link with the addresses that the quadlets have for it."""
    link = lab.link(name, snooping=name != "fabric")
    link.prefix4, link.prefix6 = f"192.168.{number}", f"2001:db8:d0be:f0{number}"
    return link


@pytest.fixture
def site(lab, bin_dir):
    vlans = [site_link(lab, name, name[-2:]) for name in (*VLANS, "vlan30")]
    fabric = site_link(lab, "fabric", "99")
    host = ContainerHost(lab, make_shared(lab.directory / "run"), *vlans, fabric)
    icecast = Icecast(lab.host("internet", fabric))
    shutil.copytree(ROOT / "containers" / "example", host.folder / "etc", dirs_exist_ok=True)
    station = {"number": FIRST_NUMBER, "title": "Lab Radio", "urls": [icecast.mount("radio", TONE)]}
    (host.folder / "etc" / "lineup.toml").write_text(to_toml({"station": [station]}))
    control = host.folder / "etc" / "headwater.toml"
    # The station is not in the internet but in the lab.
    control.write_text(control.read_text() + "local = true\n")
    host.build(bin_dir, "membership-watcher", *SENDER, *CONTROL)
    for name in (*VLANS, "vlan30", "fabric"):
        host.make_network(name)
    host.icecast = icecast
    host.vlans = vlans
    return host


def test_the_main_job_over_two_vlans_from_one_source(lab, site):
    site.start(*WATCHERS, "rtp-packager", *CONTROL)
    site.start("sap-announcer")
    names = [*WATCHERS, *SENDER, *CONTROL]
    alice, bob = lab.host("alice", site.vlans[0]), lab.host("bob", site.vlans[1])
    captures = [Capture(alice.ns, VLANS[0]), Capture(bob.ns, VLANS[1])]
    # What left is judged where it left: the switch may lose a datagram while a member's source list changes.
    departures = [Capture(site.host.ns, vlan) for vlan in VLANS]
    listeners = [FfmpegListener(alice, GROUP), FfmpegListener(bob, GROUP)]
    for listener in listeners:
        listener.wait_decoded(2, 25)
        assert listener.tone_seconds(TONE) >= 1.5
    assert site.icecast.listeners("radio") == 1
    ssrcs = set()
    for capture, departure, link in zip(captures, departures, site.vlans):
        rtp = capture.select(of_kind("rtp", GROUP))
        sap = capture.wait_packet(of_kind("sap", GROUP), 5).sap()
        service = f"{link.prefix6}::5"
        assert {p.source for p in rtp} == {sap.origin} == {service}
        assert not sequence_gaps(departure.select(of_kind("rtp", GROUP)))
        ssrcs |= {p.rtp().ssrc for p in rtp}
    assert len(ssrcs) == 1
    for name in names:
        # The image's own check, by the number and the configuration that the container was given.
        site.run("podman", "healthcheck", "run", name)
        assert site.inspect(name, "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}}") == "true 65532:65532"
        expected = "[CAP_NET_RAW]" if name in [*WATCHERS, "rtp-packager"] else "[]"
        assert site.inspect(name, "{{.EffectiveCaps}}") == expected
    assert site.stop(*reversed(names)) == dict.fromkeys(names, 0)
    for listener in listeners:
        assert listener.wait_end(10) == 0, "the end was not announced"

