"""One headend of three kinds on one host: a watcher in podman, a sender in a booted machine, its manager by itself. They share one folder."""

import shutil

from container_host import OWNER, ROOT, ContainerHost, make_shared
from service_machine import ServiceMachine, make_folders

from lab import FIRST_NUMBER, TONE, FfmpegListener, Icecast, group6, to_toml

GROUP = group6(FIRST_NUMBER)


def test_containers_of_three_kinds_are_one_headend(lab, bin_dir):
    users, fabric = lab.link("vlan10"), lab.link("fabric", snooping=False)
    users.prefix4, users.prefix6 = "192.168.10", "2001:db8:d0be:f010"
    fabric.prefix4, fabric.prefix6 = "192.168.99", "2001:db8:d0be:f099"
    icecast = Icecast(lab.host("internet", fabric))
    site, run = make_folders(lab), lab.directory / "run"
    for path in (ROOT / "containers" / "example").iterdir():
        shutil.copy(path, site)

    watcher = ContainerHost(lab, run, users)
    shutil.copytree(site, watcher.folder / "etc", dirs_exist_ok=True)
    watcher.build(bin_dir, "membership-watcher")
    watcher.make_network("vlan10")
    watcher.start("membership-watcher-vlan10")

    legs = lab.host("sender")
    legs.attach(users, "br10")
    legs.attach(fabric)
    sender = ServiceMachine(lab, legs, "sender", bin_dir)

    station = {"number": FIRST_NUMBER, "title": "Lab Radio", "urls": [icecast.mount("radio", TONE)]}
    (site / "lineup.toml").write_text(to_toml({"station": [station]}))
    config = site / "headwater.toml"
    folders = f'run_dir = "{run}"\nstate_dir = "{make_shared(lab.directory / "state")}"\n'
    watchers = f'[session-manager]\nmembership_watchers = ["unix:{run}/membership-watcher.sock"]\n'
    resolver = config.read_text().partition("[directory-resolver]\n")
    config.write_text(folders + watchers + "".join(resolver[1:]) + "local = true\n")
    control = lab.host("control", fabric)
    # As a unit has it: User=headwater. Root without capabilities may not write into the shared folder.
    as_user = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "--pdeathsig=KILL"]
    for name in ("directory-resolver", "session-manager"):
        control.ns.start([*as_user, bin_dir / name, "--config", config], name).wait_log("msg=ready", 20)

    sender.wait_ready("rtp-packager", "sap-announcer")
    listener = FfmpegListener(lab.host("alice", users), GROUP)
    listener.wait_decoded(2, 25)
    assert listener.tone_seconds(TONE) >= 1.5
    assert {path.stat().st_uid for path in run.glob("*.sock")} == {OWNER}
