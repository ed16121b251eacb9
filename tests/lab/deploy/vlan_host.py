"""A machine with a bridge for each VLAN, in whose network deploy/vlan-run starts its guests."""

from pathlib import Path

from lab import Lab, Link, Process, wait_until

ROOT = Path(__file__).resolve().parents[3]
VLAN_RUN = ROOT / "deploy" / "vlan-run"

# As systemd has it on a machine: mounts are shared, so what a guest mounts would be seen here if nobody prevented it. /run is the
# machine's own, and its /run/headwater is $1.
_MACHINE = """
mount -t tmpfs tmpfs /run && mkdir /run/headwater && mount --bind "$1" /run/headwater && echo begun && exec sleep infinity
"""


def router(lab: Lab, link: Link) -> None:
    """A host that gives out leases, prefixes and names: the printer's is known here and nowhere else."""
    host = lab.host(f"router-{link.name}", link)
    leg = host.leg
    argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--log-facility=-"]
    argv += [f"--interface={leg.interface}", "--bind-interfaces", "--no-resolv", "--no-hosts", "--no-ping"]
    argv += [f"--dhcp-range={link.prefix4}.100,{link.prefix4}.200,1h", f"--dhcp-leasefile={lab.directory}/leases-{link.name}"]
    argv += ["--dhcp-range=::,constructor:" + leg.interface + ",ra-only", "--enable-ra", f"--ra-param={leg.interface},4"]
    argv += [f"--dhcp-option=option6:dns-server,[{leg.ipv6}]", "--address=/printer.example/192.0.2.7"]
    host.ns.start(argv, "dnsmasq").wait_log("router advertisement on")


class VlanHost:
    """`vlan-run` and whatever else is started here sees the bridges br10, br20, ... of `vlans`, each joined to a link of the lab."""

    def __init__(self, lab: Lab, vlans: dict[int, Link | None], name: str = "machine"):
        self.lab = lab
        self.ns = lab.host(name).ns
        self.run_dir = lab.directory / "headwater"
        self.run_dir.mkdir(exist_ok=True)
        argv = ["unshare", "--mount", "--propagation", "shared", "sh", "-c", _MACHINE, "sh", self.run_dir]
        self.machine = self.ns.start(argv, "machine")
        self.machine.wait_log("begun")
        self.bridges = {vlan: f"br{vlan}" for vlan in vlans}
        for vlan, link in vlans.items():
            self.ns.ip(f"link add br{vlan} type bridge forward_delay 0 stp_state 0", f"link set br{vlan} up")
            if link:
                self.trunk(vlan, link)
                self.ns.ip(f"link set eth0.{vlan} master br{vlan} up")

    def trunk(self, vlan: int, link: Link) -> None:
        """What eth0.VLAN is on a machine with a trunk port."""
        _, port = link.next_port()
        link.lab.switch.ip(
            f"link add name {port} type veth peer name eth0.{vlan} netns {self.ns.path}",
            f"link set {port} addrgenmode none master {link.bridge}",
            f"link set {port} up",
        )

    def _inside(self, argv: tuple) -> list:
        return ["nsenter", f"--mount=/proc/{self.machine.pid}/ns/mnt", *argv]

    def start(self, *argv: object, name: str = "", **options) -> Process:
        return self.ns.start(self._inside(argv), name, **options)

    def run(self, *argv: object, check: bool = True) -> str:
        return self.ns.run(*self._inside(argv), check=check)

    def guest(self, *arguments: object, name: str = "guest", **options) -> Process:
        return self.start(VLAN_RUN, *arguments, name=name, **options)

    def guest_says(self, *arguments: object, status: int = 0) -> str:
        """The output of a guest that ends by itself."""
        guest = self.guest(*arguments)
        assert guest.wait(60) == status, guest.log()
        return guest.log()

    def mounts(self) -> set[str]:
        """Each by its folder and kind, whatever it is numbered."""
        lines = Path(f"/proc/{self.machine.pid}/mountinfo").read_text().splitlines()
        return {f"{line.split()[4]} {line.split(' - ')[1].split()[0]}" for line in lines}

    def interfaces(self) -> set[str]:
        return {line.split()[0].split("@")[0] for line in self.ns.run("ip", "-br", "link").splitlines()}

    def wait_empty(self, interfaces: set[str], timeout: float = 20) -> None:
        """The kernel removes a namespace a moment after its last process."""
        wait_until(lambda: self.interfaces() == interfaces, timeout, f"the end of {self.interfaces() - interfaces}")
