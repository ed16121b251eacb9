"""The scene of the DVB tests: a headend whose dvb-tuner has two virtual cards under the simulated sky."""

from typing import Callable, Optional

from dvb_card import Cards
from dvb_client import TunerClient
from dvb_judge import continuity_errors, rtp_stream
from transponder import Sky, commands, number_of

from lab import Capture, Headend, Lab, Packet, group6, wait_until

# The services that tests join, and the tone of each.
ONE = number_of(11_426_500, "H", 0x1041)  # 440 Hz
TWO = number_of(11_426_500, "H", 0x1042)  # 660 Hz
RADIO = number_of(11_426_500, "H", 0x1043)  # 880 Hz
FILM = number_of(11_426_500, "H", 0x1044)  # scrambled
UHD = number_of(12_441_000, "V", 0x0CE5)  # 1000 Hz
JAZZ = number_of(11_224_000, "V", 0x2001)  # 550 Hz
HOME_CARRIER, UHD_CARRIER, JAZZ_CARRIER = "11426.5H", "12441V", "11224V"


class DvbScene:
    """A headend with `tuners` cards for satellites; alice, bob and carol may listen. The rest is as in the usual scene."""

    def __init__(self, lab: Lab, headend: Headend, tuners: int = 2):
        self.lab, self.headend = lab, headend
        self.alice, self.bob, self.carol = (lab.host(name, headend.link) for name in ("alice", "bob", "carol"))
        self.sky = Sky(lab.directory / "sky")
        self.cards = Cards(self.sky, *[("DVBS", "DVBS2")] * tuners)
        (headend.directory / "carriers.conf").write_text(commands())
        headend.config["dvb-tuner"] = {
            "carriers": "carriers.conf",
            "retune_hold": "1s",
            "tuners": [{"name": f"adapter{n}", "adapter": n, "delivery_systems": ["DVBS", "DVBS2"]} for n in range(tuners)],
        }
        headend.config["directory-resolver"]["directory"].append(
            {"name": "satellite", "kind": "dvb", "prefix": "0xC0000000/2", "linger": "1s"}
        )
        self._give_cards_to_the_tuner()
        self.tuner = TunerClient(headend.run_dir / "dvb-tuner.sock", lambda: headend.pid("dvb-tuner"))

    def _give_cards_to_the_tuner(self) -> None:
        """dvb-tuner and the dvblast that it starts see the cards, nobody else does."""
        programs = self.lab.directory / "bin"
        programs.mkdir()
        for program in self.headend.bin_dir.iterdir():
            if program.name != "dvb-tuner":
                (programs / program.name).symlink_to(program)
        self.cards.wrap(self.headend.bin_dir / "dvb-tuner", programs / "dvb-tuner")
        self.headend.bin_dir = programs

    def start(self) -> "DvbScene":
        self.headend.start()
        self.capture = Capture(self.headend.ns, self.headend.link.name)
        # The carriers' way from the tuner to the catalogue: a join before that is tried again a second later.
        eventually(lambda: "carrier" in self.headend.ctl("station", "list", check=False).stdout.lower(), 15, "the tuner's lineup")
        return self

    # ---- what is on the link

    def rtp(self, number: int, since: float = 0) -> list[Packet]:
        group = group6(number)
        return self.capture.select(lambda p: p.kind == "rtp" and p.destination == group and p.time >= since)

    def wait_rtp(self, number: int, since: float = 0, timeout: float = 15, count: int = 20) -> list[Packet]:
        """That many packets of a number's group after a time."""
        what = f"RTP of {number:#x}; {self.headend.ctl('session', 'list', check=False).stdout}"
        return wait_until(lambda: (p := self.rtp(number, since))[count - 1 :] and p, timeout, what, every=0.2)

    def errors(self, number: int, since: float = 0) -> dict[int, int]:
        """Continuity errors of what the group has heard, by PID."""
        return dict(continuity_errors(rtp_stream(self.rtp(number, since))))

    def tuner_of(self, carrier: str) -> int:
        """The adapter that was last tuned to it."""
        return next(row["adapter"] for row in reversed(self.cards.log()) if row.get("carrier") == carrier)


def eventually(what: Callable[[], object], timeout: float = 15, name: str = "") -> Optional[object]:
    return wait_until(what, timeout, name, every=0.2)
