"""The test equipment itself: what real dvblast, dvblastctl and ffmpeg make of the simulated sky, cards and SAT>IP server."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dvb_card import Cards, expected_properties
from dvb_judge import TS, Feed, continuity_errors, decoded_tone, pid_of
from transponder import DELIVERY_SYSTEM, FREQUENCY, MODULATION, Sky

from lab import let_pass, wait_until

HOME, UHD = "11426.5H", "12441V"
ONE, TWO, RADIO = 0x1041, 0x1042, 0x1043


class Dvblast:
    """The real one, on a card, sending services to feeds."""

    def __init__(self, receiver: "Receiver", command: str, services: dict[int, Feed], *options: str, adapter: int = 0):
        folder = receiver.sky.folder
        self.receiver = receiver
        self.config = folder / f"dvblast-{adapter}.conf"
        self.socket = folder / f"dvblast-{adapter}.sock"
        self.write(services)
        words = ["dvblast", "-a", str(adapter), *command.split(), "-c", self.config, "-r", self.socket, "-x", "xml", *options]
        self.process = receiver.host.ns.start(words, "dvblast", env=receiver.cards.env)

    def write(self, services: dict[int, Feed]) -> None:
        self.config.write_text("".join(f"127.0.0.1:{feed.port}/udp 1 {sid}\n" for sid, feed in services.items()))

    def ctl(self, *words: object, check: bool = True) -> str:
        return self.receiver.host.ns.run("dvblastctl", "-x", "xml", "-r", self.socket, *words, check=check)

    def wait_lock(self, status: int = 1, times: int = 1) -> None:
        wait_until(lambda: len(re.findall(rf'type="lock" status="{status}"', self.process.log())) >= times, 5, f"lock {status}")


class Receiver:
    def __init__(self, host, folder: Path):
        self.host = host
        self.sky = Sky(folder)
        self.cards = Cards(self.sky, ("DVBS", "DVBS2"), ("DVBT",))
        self.made: list[Dvblast] = []

    def dvblast(self, *arguments, **more) -> Dvblast:
        self.made.append(Dvblast(self, *arguments, **more))
        return self.made[-1]


@pytest.fixture
def receiver(module_lab, tmp_path):
    host = module_lab.hosts.get("box") or module_lab.host("box")
    made = Receiver(host, tmp_path / "dvb")
    yield made
    for dvblast in made.made:
        dvblast.process.kill()


@pytest.mark.parametrize("carrier, service, frequency, voltage, tone", [(HOME, ONE, 440, 18, 0), (UHD, 0x0CE5, 1000, 13, 1)])
def test_dvblast_tunes_as_its_options_say_and_the_service_comes(receiver, carrier, service, frequency, voltage, tone):
    feed = Feed(receiver.host)
    command = receiver.sky[carrier].command
    dvblast = receiver.dvblast(command, {service: feed})
    dvblast.wait_lock()
    wait_until(lambda: decoded_tone(feed.stream, frequency) >= 1, 10, "a tone")
    assert continuity_errors(feed.stream) == {}
    assert expected_properties(command).items() <= receiver.cards.tunings(0)[0].items()
    assert receiver.cards.tunings(0)[0][MODULATION] == 0
    calls = receiver.cards.log(0)
    assert [row["voltage"] for row in calls if "voltage" in row] == [voltage]
    assert [row["tone"] for row in calls if "tone" in row] == [0, tone]
    assert receiver.cards.carriers(0) == [carrier]


def test_an_aerial_is_received(receiver):
    feed = Feed(receiver.host)
    receiver.dvblast(receiver.sky["DVBT 506"].command, {0x4001: feed}, adapter=1)
    feed.wait_packets(100)
    tuned = receiver.cards.tunings(1)[0]
    assert (tuned[DELIVERY_SYSTEM], tuned[FREQUENCY], tuned[5]) == (3, 506_000_000, 8_000_000)
    receiver.made[0].process.kill()
    no_dish = receiver.dvblast(receiver.sky[HOME].command, {ONE: feed}, adapter=1)
    assert no_dish.process.wait(5) == 1 and "setting frontend failed (Invalid argument)" in no_dish.process.log()


def test_a_wrong_option_finds_no_signal(receiver):
    """Not told by dvblast itself: the lock timeout (-O) of 3.4 and 3.5 runs only after a first lock."""
    right = receiver.sky[HOME].command
    wrong = [("-v 18", "-v 13"), ("-F 23", "-F 34"), ("-s 27500000", "-s 22000000"), ("11426500", "11430500"), ("DVBS", "DVBS -m QPSK")]
    commands = [right.replace(*change) for change in wrong] + ["-S 2 " + right]
    receiver.cards = Cards(receiver.sky, *[("DVBS", "DVBS2")] * (len(commands) + 1))
    feed = Feed(receiver.host)
    tried = [receiver.dvblast(command, {ONE: feed}, "-Q", "1500", adapter=number) for number, command in enumerate([*commands, right])]
    assert [dvblast.process.wait(8) for dvblast in tried] == [0] * len(tried)
    assert ['type="lock" status="1"' in dvblast.process.log() for dvblast in tried] == [False] * len(commands) + [True]
    assert [receiver.cards.carriers(number) for number in range(len(tried))] == [[""]] * len(commands) + [[HOME]]


def test_a_carrier_of_another_position_is_asked_for_by_diseqc(receiver):
    receiver.sky[HOME].tune_from(position=2)
    feed = Feed(receiver.host)
    receiver.dvblast("-S 2 " + receiver.sky[HOME].command, {ONE: feed})
    feed.wait_packets()
    assert [row["message"] for row in receiver.cards.log(0) if "message" in row] == ["e01038f6", "e11038f6"]


def test_lock_is_lost_and_found_again(receiver):
    feed = Feed(receiver.host)
    dvblast = receiver.dvblast(receiver.sky[HOME].command, {ONE: feed})
    feed.wait_packets()
    receiver.sky[HOME].set(lock=0)
    dvblast.wait_lock(0)
    assert "HAS_LOCK" not in dvblast.ctl("fe_status", check=False)
    let_pass(0.3)
    feed.clear()
    let_pass(0.3)
    assert not feed.datagrams
    receiver.sky[HOME].set(lock=1, snr_db=9)
    dvblast.wait_lock(1, times=2)
    feed.wait_packets(100)
    assert f'SNR="{9 * 65535 // 20}"' in dvblast.ctl("fe_status")


def test_lost_packets_are_seen_where_they_were_lost(receiver):
    one, radio = Feed(receiver.host), Feed(receiver.host)
    receiver.dvblast(receiver.sky[HOME].command, {ONE: one, RADIO: radio})
    one.wait_packets(200)
    receiver.sky[HOME].lose(0x1102, 3)
    wait_until(lambda: continuity_errors(one.stream), 3, "the gap")
    let_pass(0.3)
    assert continuity_errors(one.stream) == {0x1102: 1} and continuity_errors(radio.stream) == {}


def test_a_carrier_without_packets_keeps_its_lock(receiver):
    feed = Feed(receiver.host)
    dvblast = receiver.dvblast(receiver.sky[HOME].command, {ONE: feed})
    feed.wait_packets()
    receiver.sky[HOME].set(play=0)
    let_pass(0.5)
    feed.clear()
    let_pass(0.3)
    assert not feed.datagrams and 'type="lock" status="0"' not in dvblast.process.log()
    receiver.sky[HOME].set(play=1)
    feed.wait_packets()


def test_tables_are_what_was_published(receiver):
    home = receiver.sky[HOME]
    feed = Feed(receiver.host)
    dvblast = receiver.dvblast(home.command, {ONE: feed}, "-e")
    feed.wait_packets(300)
    wait_until(lambda: "TABLEID" in dvblast.ctl("get_nit").upper() or "NETWORKNAME" in dvblast.ctl("get_nit").upper(), 5, "the NIT")
    network = dvblast.ctl("get_nit")
    assert all(text in network for text in ('frequency="11264000H" pos="28.2E"', 'frequency="12441000V"', 'fecinner="8/9"'))
    wait_until(lambda: "SHORT_EVENT_DESC" in dvblast.ctl("get_eit_pf", ONE), 5, "the EIT")
    guide = dvblast.ctl("get_eit_pf", ONE)
    assert 'event_name="Lab One at 0"' in guide and 'event_name="Lab One at 1"' in guide
    wait_until(lambda: "SHORT_EVENT_DESC" in dvblast.ctl("get_eit_schedule", ONE), 5, "the schedule")
    services = dvblast.ctl("get_sdt")
    assert re.search(r'sid="4164"[^>]*free_CA="1"', services) and 'type="0x2" provider="Headwater Lab" service="Lab Radio"' in services
    assert "CA_DESC" in dvblast.ctl("get_pmt", 0x1044)
    home.service(ONE).pmt_version = 7
    home.publish()
    wait_until(lambda: 'version="7"' in dvblast.ctl("get_pmt", ONE), 5, "the new PMT")
    home.remove(TWO)
    wait_until(lambda: f'number="{TWO}"' not in dvblast.ctl("get_pat") and f'sid="{TWO}"' not in dvblast.ctl("get_sdt"), 5, "it has gone")
    clock = next(p for p in _packets(feed.stream) if pid_of(p) == 0x14)
    hours, minutes, seconds = (int(f"{byte:02x}") for byte in clock[10:13])
    assert abs(time.time() % 86400 - (hours * 3600 + minutes * 60 + seconds)) < 10


def _packets(stream: bytes) -> list[bytes]:
    return [stream[at : at + TS] for at in range(0, len(stream), TS)]


def test_services_come_and_go_by_reload_without_a_gap(receiver):
    """What dvb-tuner relies on."""
    one, two = Feed(receiver.host), Feed(receiver.host)
    dvblast = receiver.dvblast(receiver.sky[HOME].command, {ONE: one})
    one.wait_packets()
    for _ in range(5):
        dvblast.write({ONE: one, TWO: two})
        dvblast.ctl("reload")
        two.wait_packets(10)
        dvblast.write({ONE: one})
        dvblast.ctl("reload")
        let_pass(0.2)
        two.clear()
    assert continuity_errors(one.stream) == {}


def test_a_pulled_card_is_gone_until_it_is_put_back(receiver):
    command = receiver.sky[HOME].command
    feed = Feed(receiver.host)
    dvblast = receiver.dvblast(command, {ONE: feed})
    feed.wait_packets()
    receiver.cards.pull(0)
    dvblast.process.wait_log("couldn't read from DVR device (Input/output error)")
    dvblast.process.wait_log("reading frontend event failed (-1) No such device")
    receiver.cards.put_back(0)
    let_pass(0.1)
    assert dvblast.process.alive() and "No such device" in dvblast.process.log().splitlines()[-1] + dvblast.process.log().splitlines()[-2]
    dvblast.process.kill()
    receiver.cards.pull(0)
    assert receiver.dvblast(command, {ONE: feed}).process.wait(5) == 1
    receiver.cards.put_back(0)
    feed.clear()
    receiver.dvblast(command, {ONE: feed})
    feed.wait_packets()


def test_a_card_has_one_user_at_a_time(receiver):
    feed = Feed(receiver.host)
    first = receiver.dvblast(receiver.sky[HOME].command, {ONE: feed})
    feed.wait_packets()
    second = receiver.dvblast(receiver.sky[HOME].command, {TWO: feed})
    assert second.process.wait(5) == 1 and "Device or resource busy" in second.process.log()
    first.process.kill()
    receiver.dvblast(receiver.sky[HOME].command, {ONE: feed}).wait_lock()


# ---- SAT>IP

HOME_QUERY = "src=1&freq=11426.5&pol=h&msys=dvbs&mtype=qpsk&ro=0.35&plts=off&sr=27500&fec=23"


@pytest.fixture
def satip(lab, tmp_path):
    """A server on one host, and a client's host."""
    link = lab.link("fabric", snooping=False)
    server, client = lab.host("satip", link), lab.host("client", link)
    sky = Sky(tmp_path / "dvb")
    program = Path(__file__).with_name("satip_server.py")
    argv = [sys.executable, program, "--sky", sky.folder, "--address", server.leg.ipv4, "--timeout", "2"]
    server.ns.start(argv, "satip").wait_log("ready")
    return sky, server, client


class Client:
    """RTSP by hand."""

    def __init__(self, host, address: str):
        self.address = address
        self.socket = host.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(5)
        self.socket.connect((address, 554))
        self.file = self.socket.makefile("rb")
        self.count = 0

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        self.count += 1
        lines = [f"{method} rtsp://{self.address}/{path} RTSP/1.0", f"CSeq: {self.count}", *(f"{k}: {v}" for k, v in headers.items())]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while (first := self.file.read(1)) == b"$":
            self._packet()
        status = int((first + self.file.readline()).split()[1])
        answer = {}
        while (line := self.file.readline().decode().strip()):
            name, _, value = line.partition(": ")
            answer[name] = value
        return status, answer, self.file.read(int(answer.get("Content-Length", 0))).decode()

    def interleaved(self) -> tuple[int, bytes]:
        """The next packet that came between answers."""
        assert self.file.read(1) == b"$"
        return self._packet()

    def _packet(self) -> tuple[int, bytes]:
        channel, length = self.file.read(1)[0], int.from_bytes(self.file.read(2), "big")
        return channel, self.file.read(length)


def test_a_satip_server_is_found_and_described(satip):
    _, server, client = satip
    with client.ns.socket(socket.AF_INET) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(client.leg.ipv4))
        sock.settimeout(3)
        search = 'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n'
        search += "ST: urn:ses-com:device:SatIPServer:1\r\n\r\n"
        sock.sendto(search.encode(), ("239.255.255.250", 1900))
        answer = sock.recv(2000).decode()
    location = re.search(r"LOCATION: (\S+)", answer)
    assert location and "<satip:X_SATIPCAP" in client.ns.http(location[1])


def test_a_satip_stream_by_udp_as_its_pids_are_asked_for(satip):
    _, server, host = satip
    rtp, rtcp = Feed(host, host.leg.ipv4), Feed(host, host.leg.ipv4)
    client = Client(host, server.leg.ipv4)
    status, answer, _ = client.ask("SETUP", f"?{HOME_QUERY}&pids=0", Transport=f"RTP/AVP;unicast;client_port={rtp.port}-{rtcp.port}")
    assert status == 200
    session, stream = answer["Session"].split(";")[0], answer["com.ses.streamID"]
    assert client.ask("PLAY", f"stream={stream}", Session=session)[0] == 200
    rtp.wait_packets(5)
    assert {pid_of(p) for p in _packets(rtp.stream)} == {0}
    assert client.ask("PLAY", f"stream={stream}?addpids={0x1100},{0x1101},{0x1102}&delpids=16", Session=session)[0] == 200
    wait_until(lambda: decoded_tone(rtp.stream, 440) >= 1, 10, "a tone")
    assert continuity_errors(rtp.stream) == {}
    report = rtcp.datagrams[-1]
    assert b"SES1" in report and re.search(rb"tuner=1,200,1,12,11426.5,h,dvbs,qpsk,off,0.35,27500,23;pids=0,4352,4353,4354", report)
    assert client.ask("TEARDOWN", f"stream={stream}", Session=session)[0] == 200


def test_a_satip_stream_within_its_connection(satip):
    _, server, host = satip
    client = Client(host, server.leg.ipv4)
    status, answer, _ = client.ask("SETUP", f"?{HOME_QUERY}&pids=all", Transport="RTP/AVP/TCP;interleaved=0-1")
    assert status == 200 and "interleaved=0-1" in answer["Transport"]
    assert client.ask("PLAY", f"stream={answer['com.ses.streamID']}", Session=answer["Session"].split(";")[0])[0] == 200
    parts = [client.interleaved() for _ in range(500)]
    assert {channel for channel, _ in parts} == {0, 1}
    assert continuity_errors(b"".join(data[12:] for channel, data in parts if channel == 0)) == {}


def test_a_satip_server_has_so_many_tuners_and_forgets_who_is_silent(satip):
    sky, server, host = satip
    clients = [Client(host, server.leg.ipv4) for _ in range(3)]
    answers = [client.ask("SETUP", f"?{HOME_QUERY}&pids=0", Transport="RTP/AVP/TCP;interleaved=0-1") for client in clients]
    assert [status for status, *_ in answers] == [200, 200, 503] and answers[2][2] == "No-More: frontends"
    assert clients[2].ask("SETUP", "?src=1&freq=99999&msys=dvbs", Transport="RTP/AVP/TCP;interleaved=0-1")[0] == 403
    assert clients[2].ask("SETUP", "?src=1&msys=dvbs", Transport="RTP/AVP/TCP;interleaved=0-1")[0] == 400
    kept = answers[0][1]["Session"].split(";")[0]

    def forgotten() -> bool:
        assert clients[0].ask("OPTIONS", "", Session=kept)[0] == 200
        return clients[1].ask("OPTIONS", "", Session=kept)[0] == 200 and '"timeout"' in (sky.folder / "satip.jsonl").read_text()

    wait_until(forgotten, 5, "the silent session's end", every=0.5)
    assert clients[1].ask("PLAY", "stream=2", Session=answers[1][1]["Session"].split(";")[0])[0] == 454


def test_ffmpegs_own_satip_client_plays_it(satip, tmp_path):
    _, server, host = satip
    url = f"satip://{server.leg.ipv4}:554/?{HOME_QUERY}&pids=0,{0x1300},{0x1302}"
    argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-analyzeduration", "500000", "-i", url, "-t", "2", "-c", "copy", "-f", "mpegts", str(tmp_path / "heard.ts")]
    with host.ns.entered():
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    assert decoded_tone((tmp_path / "heard.ts").read_bytes(), 880) >= 1.5, done.stderr
