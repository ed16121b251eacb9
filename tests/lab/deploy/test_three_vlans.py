"""docs/three-vlans.md, command by command, and the site that it makes."""

import re
from pathlib import Path

import pytest
from vlan_host import VlanHost, router

from lab import FIRST_NUMBER, TONE, Capture, Device, FfmpegListener, Icecast, Link, Process, Service, group6, of_kind, to_toml, wait_until

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "three-vlans.md"

# What the lab does otherwise, and why: each must stand in the page as often as is said.
SUBSTITUTIONS = [
    # The packages are there (deploy/packages); installing would change the machine that runs the lab.
    (r"^apt-get install -y --no-install-recommends", "dpkg-query --show", 1),
    # CI builds the release by ./headwater build at another time; the programs under test are where it puts them.
    (r"^\./headwater build$", "ls build/release/bin", 1),
    # The lab's kernel need not know 802.1Q: a veth stands for each VLAN's interface.
    (r"^  ip link add link eth0 name eth0\.\$vlan type vlan id \$vlan$", "  ip link show eth0.$vlan", 1),
]

# A machine whose /etc, /run and /var/lib are the machine's as it stands, and changes are gone with it. $1 the lab's folder, $2 the
# project, $3 the services' binaries.
_MACHINE = """
mkdir "$1/changes" && mount -t tmpfs tmpfs "$1/changes"
for folder in etc var/lib; do
  mkdir -p "$1/changes/$folder/upper" "$1/changes/$folder/work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$1/changes/$folder/upper,workdir=$1/changes/$folder/work" "/$folder"
done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /opt && mkdir /opt/headwater && mount --bind "$2" /opt/headwater
mount -t tmpfs tmpfs /opt/headwater/build && mkdir -p /opt/headwater/build/release/bin && mount --bind "$3" /opt/headwater/build/release/bin
exec bash -eu "$4"
"""


def blocks() -> list[str]:
    """The page's commands, one block a step, as the lab runs them."""
    found = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    text = "\0".join(found)
    for pattern, replacement, count in SUBSTITUTIONS:
        text, done = re.subn(pattern, replacement, text, flags=re.M)
        assert done == count, f"{pattern}: {done} times in the page"
    return text.split("\0")


class Site:
    """The machine with its trunk port and a router on each VLAN; one shell runs the page."""

    def __init__(self, lab, bin_dir: Path):
        self.lab = lab
        self.links = {}
        # VLAN 10 is 192.168.10.0/24, and so on.
        for vlan, name in ((10, "users"), (20, "iot"), (30, "management")):
            self.links[vlan] = lab.links[name] = Link(lab, name, vlan - 10, True, False)
            router(lab, self.links[vlan])
        self.machine = VlanHost(lab, {})
        self.machine.ns.ip("link add eth0 type veth peer name cable")
        for vlan, link in self.links.items():
            self.machine.trunk(vlan, link)
        self.go = lab.directory / "go"
        self.go.mkdir()
        script = lab.directory / "page.sh"
        steps = [
            f"until [ -e {self.go}/{n} ]; do sleep 0.05; done\necho '--- step {n}'\n{block}\necho '--- done {n}'\n"
            for n, block in enumerate(blocks(), 1)
        ]
        script.write_text("".join(steps))
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", _MACHINE, "sh"]
        self.shell: Process = self.machine.ns.start([*argv, lab.directory, ROOT, bin_dir, script], "page")

    def step(self, number: int, timeout: float = 30) -> str:
        """Runs a step to its end; what it has said."""
        (self.go / str(number)).touch()
        self.shell.wait_log(f"--- done {number}\n", timeout)
        return self.shell.log().split(f"--- step {number}\n")[1].split("--- done")[0]

    def wait_said(self, pattern: str, count: int, timeout: float = 60) -> None:
        def said() -> bool:
            assert self.shell.alive(), self.shell.log()[-2000:]
            return len(re.findall(pattern, self.shell.log(), re.M)) >= count

        wait_until(said, timeout, f"{count} times {pattern} in {self.shell.log()[-2000:]}")


def test_the_page_makes_the_site(lab, bin_dir):
    site = Site(lab, bin_dir)
    icecast = Icecast(lab.host("internet", site.links[30]))
    station = {"number": FIRST_NUMBER, "title": "Lab Radio", "urls": [icecast.mount("radio", TONE)]}
    empty = site.machine.interfaces()
    for number in (1, 2, 3):
        site.step(number)
    bridges = site.machine.interfaces()
    assert bridges - empty == {"br10", "br20", "br30"}
    site.step(4)
    printer, ear = Device(lab, "printer", site.links[20]), Device(lab, "ear", site.links[10])
    for device in (printer, ear):
        device.launch()
    printer.wait_ready().publish(Service("Office"))
    ear.wait_ready().publish(Service("Private"))
    site.wait_said(r"^ready$", 5)
    assert len(site.machine.interfaces() - bridges) == 4 + 3, "a veth for each VLAN of each guest"

    said = site.step(5, 60)
    site.wait_said(r"heard on VLAN [12]0", 2)
    assert "ff3e:40:2001:db8:d0be:f00d:d0be:f00d" in said
    said = site.step(6)
    assert "Example Radio" in said and "iot" in said and "users" in said
    assert_one_source_is_heard_on_two_vlans(site, icecast, station)
    ear.wait_seen_name("Office", timeout=15)
    assert "Private" not in printer.names("_ipp._tcp"), "users are not seen"
    site.step(7)
    site.machine.wait_empty(bridges)
    assert site.shell.wait(10) == 0


def assert_one_source_is_heard_on_two_vlans(site: Site, icecast: Icecast, station: dict) -> None:
    # As step 3 says: stations are put into lineup.toml, which is read again by itself.
    (shell,) = Path(f"/proc/{site.shell.pid}/task/{site.shell.pid}/children").read_text().split()
    Path(f"/proc/{shell}/root/etc/headwater/lineup.toml").write_text(to_toml({"station": [station]}))
    group = group6(FIRST_NUMBER)
    hosts = [site.lab.host(f"listener-{vlan}", site.links[vlan]) for vlan in (10, 20)]
    captures = [Capture(host.ns, host.leg.interface) for host in hosts]
    listeners = [FfmpegListener(host, group) for host in hosts]
    for listener in listeners:
        listener.wait_decoded(2, 30)
        assert listener.tone_seconds(TONE) >= 1.5
    assert icecast.listeners("radio") == 1, "one source"
    rtp = [capture.select(of_kind("rtp", group)) for capture in captures]
    assert [{p.source for p in packets} for packets in rtp] == [{"2001:db8:d0be:a::5"}, {"2001:db8:d0be:b::5"}]
    assert len({p.rtp().ssrc for packets in rtp for p in packets}) == 1
    for listener in listeners:
        listener.leave()


def test_the_guests_at_boot_are_those_of_the_page():
    page = re.sub(r" \\\n *", " ", PAGE.read_text()).replace("$watcher", "--service membership-watcher --config")
    lines = {line.removesuffix(" &") for line in page.splitlines() if line.startswith("deploy/vlan-run ") and line.endswith(" &")}
    guests = set()
    for path in (ROOT / "deploy/example-three-vlans/guests").iterdir():
        said = dict(re.findall(r'^(\w+)="(.*)"$', path.read_text(), re.M))
        guests.add(" ".join(sorted(f"{said['VLANS']} {said['OPTIONS']} -- {said['COMMAND']}".split())))
    words = (line.replace("$as", "").replace("deploy/vlan-run", "").replace("deploy/up.py", "") for line in lines)
    assert len(guests) == 5 and {" ".join(sorted(line.split())) for line in words} == guests


# The services that read each file of the example sites.
EXAMPLES = {
    "example/headwater.toml": ["directory-resolver", "membership-watcher", "sap-announcer", "rtp-packager", "session-manager"],
    "example-three-vlans/headwater.toml": ["directory-resolver", "session-manager", "mdns-zone-proxy", "mcast-monitor"],
    "example-three-vlans/sender.toml": ["rtp-packager", "sap-announcer"],
    "example-three-vlans/watcher-10.toml": ["membership-watcher"],
    "example-three-vlans/watcher-20.toml": ["membership-watcher"],
    "example-three-vlans/watcher-30.toml": ["membership-watcher"],
    "example-two-machines/manager.toml": ["directory-resolver", "session-manager"],
    "example-two-machines/attic.toml": ["membership-watcher", "rtp-packager", "sap-announcer"],
}


def test_every_example_is_known_here():
    there = {str(path.relative_to(ROOT / "deploy")) for path in (ROOT / "deploy").glob("example*/*.toml")}
    assert {name for name in there if not name.endswith("lineup.toml")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_examples_services_take_it(lab, bin_dir, name):
    host = lab.host("any")
    for service in EXAMPLES[name]:
        assert "configuration is good" in host.ns.run(bin_dir / service, "--config", ROOT / "deploy" / name, "--check-config")
