"""The simulated sky and aerial: carriers with their tables and services, on air while their folder exists.

`Sky(folder)` puts CARRIERS on air for card/, for `play` and for the SAT>IP server; faults are set at run time:

    sky["11426.5H"].set(lock=0)                          # nobody can lock to it
    sky["11426.5H"].lose(0x1101, 3)                      # three packets of a PID are lost
    sky["11426.5H"].service(0x1041).pmt_version += 1     # tables: change, then publish()
    sky["11426.5H"].publish()
"""

import copy
import hashlib
import os
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import dvb_streams as streams
import dvb_tables as tables
from dvb_tables import Event, Service, Stream

HERE = Path(__file__).resolve().parent
NETWORK_ID, ONID = 59, 2
BOUQUET_ID = 0x1000
_AUDIO_ENGLISH = tables.descriptor(0x0A, b"eng\0")
_AC3 = tables.descriptor(0x6A, b"\0") + _AUDIO_ENGLISH
_DATA = tables.descriptor(0x05, b"HWLB")

# linux/dvb/frontend.h
SYSTEMS = {"DVBC_ANNEX_A": 1, "DVBC_ANNEX_B": 2, "DVBT": 3, "DVBS": 5, "DVBS2": 6, "DVBT2": 16}
FEC = {"12": 1, "23": 2, "34": 3, "45": 4, "56": 5, "67": 6, "78": 7, "89": 8, "": 9, "35": 10, "910": 11}
MODULATIONS = {"QPSK": 0, "QAM_16": 1, "QAM_64": 3, "QAM_256": 5, "QAM_AUTO": 6, "PSK_8": 9}
FREQUENCY, MODULATION, BANDWIDTH, SYMBOL_RATE, INNER_FEC, DELIVERY_SYSTEM = 3, 4, 5, 8, 9, 17


@dataclass
class Carrier:
    """One transponder or multiplex. `position` is the DiSEqC port that has it."""

    id: str
    command: str  # dvblast's options
    tsid: int
    bits_per_second: int
    services: list[Service]
    properties: dict[int, int]  # DTV_* as a card has to be set
    make: Callable[[], list]  # its streams
    voltage: int = 0
    tone: int = 0
    position: int = 1
    lock_ms: int = 100
    delivery: bytes = b""  # the descriptor of the NIT
    version: int = 1
    state: dict[str, object] = field(default_factory=dict)
    folder: Path = Path()
    sky: "Sky" = None  # type: ignore[assignment]

    def service(self, service_id: int) -> Service:
        return next(s for s in self.services if s.service_id == service_id)

    def remove(self, service_id: int) -> None:
        """The service goes from PAT and SDT; its packets stay."""
        self.services.remove(self.service(service_id))
        self.publish()

    def publish(self) -> None:
        """Sends the tables as they are now, with a new version."""
        self.version = (self.version + 1) % 32
        now = time.time()
        parts = []
        for period, pid, sections in self._tables(now):
            made = tables.packets(pid, sections)
            parts.append(struct.pack("<II", period, len(made)) + b"".join(made))
        _replace(self.folder / "tables", b"".join(parts))

    def _tables(self, now: float) -> list[tuple[int, int, list[bytes]]]:
        """(period in ms, PID, sections)."""
        tsid, version, services = self.tsid, self.version, self.services
        others = [c for c in self.sky.carriers.values() if c is not self]
        transports = [(c.tsid, ONID, c.delivery + tables.service_list(c.services) + tables.channel_numbers(c.services))
                      for c in [self, *others]]
        bouquet = [(c.tsid, ONID, tables.service_list(c.services)) for c in [self, *others]]
        made = [(100, 0x00, tables.pat(tsid, version, services))]
        made += [(100, s.pmt_pid, [tables.pmt(s)]) for s in services]
        made.append((500, 0x11, tables.sdt(tsid, ONID, version, services, actual=True)))
        made += [(2000, 0x11, tables.sdt(c.tsid, ONID, version, c.services, actual=False)) for c in others]
        made.append((2000, 0x11, tables.bat(BOUQUET_ID, "Headwater Bouquet", version, bouquet)))
        made.append((1000, 0x10, tables.nit(NETWORK_ID, "Headwater Lab", version, transports)))
        for service in services:
            if service.events:
                made.append((500, 0x12, tables.eit_now(tsid, ONID, version, service, now)))
                made.append((3000, 0x12, tables.eit_schedule(tsid, ONID, version, service, now)))
        made.append((1000, 0x14, [tables.tdt()]))
        return made

    def set(self, **state: object) -> None:
        """Lines of `state` (card/on_air.h): lock, play, snr_db, strength_dbm, bit_errors, blocks."""
        self.state.update(state)
        _replace(self.folder / "state", "".join(f"{key} {value}\n" for key, value in self.state.items()).encode())

    def lose(self, pid: int, count: int = 1) -> None:
        """The next packets of a PID are counted and not delivered."""
        number = int(str(self.state.get("drop", "0")).split()[0]) + 1
        self.set(drop=f"{number} {pid} {count}")

    def put_on_air(self, sky: "Sky", loop: Path) -> None:
        self.sky = sky
        self.folder = sky.folder / "carriers" / self.id.replace(" ", "-")
        self.folder.mkdir(parents=True)
        (self.folder / "loop").symlink_to(loop)
        self.set()
        self.tune_from(self.position)

    def tune_from(self, position: int) -> None:
        """From which DiSEqC port, with everything else that a card must be set to."""
        self.position = position
        lines = [f"property {cmd} {value}" for cmd, value in self.properties.items()]
        lines += [f"lock_ms {self.lock_ms}"]
        if self.voltage:
            lines += [f"voltage {self.voltage}", f"tone {self.tone}", f"port {position}"]
        _replace(self.folder / "tuning", ("\n".join(lines) + "\n").encode())


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    os.replace(fresh, path)


class Sky:
    """All CARRIERS on air in a folder that cards and `play` are pointed at."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.carriers: dict[str, Carrier] = {c.id: c for c in copy.deepcopy(CARRIERS)}
        now = time.time()
        for carrier in self.carriers.values():
            for service in carrier.services:
                service.events = guide(service, now) if service.kind in (1, 2) else []
        for carrier in self.carriers.values():
            carrier.put_on_air(self, cached(f"{carrier.id}.loop", lambda c=carrier: streams.Loop(c.bits_per_second).fill(*c.make())))
        for carrier in self.carriers.values():
            carrier.publish()

    def __getitem__(self, carrier_id: str) -> Carrier:
        return self.carriers[carrier_id]


def guide(service: Service, now: float) -> list[Event]:
    """An event for each hour of the day, the present one begun half an hour before `now` at most."""
    began = now // 1800 * 1800
    return [
        Event(number + 1, began + 3600 * number, 3600, f"{service.name} at {number}", f"Number {number} of today", "Much is said of it. " * 20)
        for number in range(6)
    ]


def _cache() -> Path:
    """A folder of what takes long to make, named by what it is made from."""
    sources = sorted([*HERE.glob("dvb_*.py"), HERE / "transponder.py", *HERE.glob("card/*.[ch]")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"headwater-lab-dvb-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


def cached(name: str, make: Callable[[], bytes]) -> Path:
    path = _cache() / name.replace(" ", "-")
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_bytes(make())
        os.replace(fresh, path)
    return path


def built(name: str, *arguments: str) -> Path:
    """A program of card/, compiled when first asked for."""
    path = _cache() / name
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        argv = ["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(fresh), *arguments, "-lpthread"]
        done = subprocess.run(argv, cwd=HERE / "card", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        os.replace(fresh, path)
    return path


def player() -> Path:
    """card/play.c: `play FOLDER`."""
    return built("play", "play.c", "on_air.c")


def satellite(khz: int, polarisation: str, rate: int, fec: str, s2: str = "") -> dict:
    """What the number, the card and the NIT have for dvblast's options of a carrier at 28.2 degrees east."""
    high = khz >= 11_700_000
    modulation = MODULATIONS[s2] if s2 else MODULATIONS["QPSK"]
    command = f"-f {khz} -v {18 if polarisation == 'H' else 13} -5 {'DVBS2' if s2 else 'DVBS'} -s {rate} -F {fec}"
    described = tables.bcd(khz // 10, 8) + tables.bcd(282, 4)
    inner = {"23": 2, "34": 3, "56": 4, "78": 5, "89": 6}[fec]
    # West-east flag, polarisation, roll-off 0.35, system, modulation type (EN 300 468 section 6.2.13.2).
    flags = 0x80 | (0x20 if polarisation == "V" else 0) | (0x04 if s2 else 0) | (2 if s2 == "PSK_8" else 1)
    described += bytes([flags]) + tables.bcd(rate // 100 * 10 + inner, 8)
    return {
        "id": f"{khz / 1000:g}{polarisation}",
        "command": command + (f" -m {s2}" if s2 else ""),
        "voltage": 18 if polarisation == "H" else 13,
        "tone": int(high),
        "properties": {
            DELIVERY_SYSTEM: SYSTEMS["DVBS2" if s2 else "DVBS"],
            FREQUENCY: khz - (10_600_000 if high else 9_750_000),
            MODULATION: modulation,
            SYMBOL_RATE: rate,
            INNER_FEC: FEC[fec],
        },
        "delivery": tables.descriptor(0x43, described),
    }


def terrestrial(mhz: int) -> dict:
    """DVB-T, 8 MHz, QAM 64, 2/3."""
    described = struct.pack("!I", mhz * 100_000) + bytes([0x1F, 0x81, 0x22, 0xFF, 0xFF, 0xFF, 0xFF])
    return {
        "id": f"DVBT {mhz}",
        "command": f"-f {mhz}000000 -5 DVBT -b 8 -m QAM_64",
        "properties": {DELIVERY_SYSTEM: SYSTEMS["DVBT"], FREQUENCY: mhz * 1_000_000, BANDWIDTH: 8_000_000, MODULATION: 3},
        "delivery": tables.descriptor(0x5A, described),
    }


def number_of(khz: int, polarisation: str, service_id: int) -> int:
    """The service number of a Ku-band service."""
    return 0xC0000000 | (0x20000000 if polarisation == "V" else 0) | (khz - 10_700_000) // 250 << 16 | service_id


def _tv(service_id: int, name: str, channel: int, base: int, video_kind: int, **more) -> Service:
    """Picture on PID base+1, sound on base+2."""
    pictures, sound = Stream(base + 1, video_kind), Stream(base + 2, 0x03, _AUDIO_ENGLISH)
    return Service(service_id, name, 1, base, [pictures, sound], base + 1, channel_number=channel, **more)


def _radio(service_id: int, name: str, channel: int, base: int) -> Service:
    return Service(service_id, name, 2, base, [Stream(base + 2, 0x03, _AUDIO_ENGLISH)], base + 2, channel_number=channel)


def _home() -> list:
    """H.264 and MP2, MPEG-2 with MP2 and AC-3, radio, what is scrambled, data."""
    h264, mp2_440 = streams.h264(), streams.mp2(440)
    return [
        streams.clock(0x1101), streams.video(0x1101, h264), streams.audio(0x1102, mp2_440),
        streams.clock(0x1201), streams.video(0x1201, streams.mpeg2()), streams.audio(0x1202, streams.mp2(660)),
        streams.audio(0x1203, streams.ac3(660), 0xBD),
        streams.clock(0x1302), streams.audio(0x1302, streams.mp2(880)),
        streams.clock(0x1401), streams.scrambled(streams.video(0x1401, h264)), streams.scrambled(streams.audio(0x1402, mp2_440)),
        streams.numbered(0x0700, 100_000),
    ]


def _picture_and_tone(base: int, frequency: float) -> list:
    return [streams.clock(base + 1), streams.video(base + 1, streams.h264()), streams.audio(base + 2, streams.mp2(frequency))]


def _tone(base: int, frequency: float) -> list:
    return [streams.clock(base + 2), streams.audio(base + 2, streams.mp2(frequency))]


def _home_services() -> list[Service]:
    two = _tv(0x1042, "Lab Two", 102, 0x1200, 0x02)
    two.streams.append(Stream(0x1203, 0x06, _AC3))
    return [
        _tv(0x1041, "Lab One", 101, 0x1100, 0x1B),
        two,
        _radio(0x1043, "Lab Radio", 701, 0x1300),
        _tv(0x1044, "Lab Film", 103, 0x1400, 0x1B, ca_system=0x0963),
        Service(0x1045, "Lab DAB", 0x0C, 0x1500, [Stream(0x0700, 0x06, _DATA)]),
    ]


# What is to be received. 11264H stands in the NIT and in no carriers file (see `commands`).
CARRIERS = [
    Carrier(**satellite(11_426_500, "H", 27_500_000, "23"), tsid=2045, bits_per_second=3_000_000, services=_home_services(), make=_home),
    Carrier(
        **satellite(12_441_000, "V", 29_500_000, "89", "QPSK"), tsid=2078, bits_per_second=1_500_000,
        services=[_tv(0x0CE5, "Lab Überall", 104, 0x2100, 0x1B)], make=lambda: _picture_and_tone(0x2100, 1000),
    ),
    Carrier(
        **satellite(11_224_000, "V", 27_500_000, "23"), tsid=2011, bits_per_second=1_000_000,
        services=[_radio(0x2001, "Lab Jazz", 702, 0x3100)], make=lambda: _tone(0x3100, 550),
    ),
    Carrier(
        **satellite(11_264_000, "H", 27_500_000, "23"), tsid=2013, bits_per_second=1_000_000,
        services=[_radio(0x2101, "Lab Classic", 703, 0x3200)], make=lambda: _tone(0x3200, 770),
    ),
    Carrier(
        **terrestrial(506), tsid=4100, bits_per_second=1_000_000,
        services=[_radio(0x4001, "Lab Aerial", 704, 0x3300)], make=lambda: _tone(0x3300, 990),
    ),
]
IN_NIT_ALONE = "11264H"


def commands() -> str:
    """The carriers file."""
    return "".join(f"dvblast {c.command}\n" for c in CARRIERS if c.id != IN_NIT_ALONE)
