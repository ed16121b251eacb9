"""Stock players as listeners, unmodified and told nothing but the group."""

import os
import signal
import socket
import subprocess
import threading
import time
from typing import Optional

from . import sound
from .network import Host
from .process import Process
from .wait import let_pass, wait_until


class PlayerEnded(AssertionError):
    """A player ended that should have played on."""


class FfmpegListener:
    """`ffmpeg -i sap://[group]:9875`, its sound measured as it comes. It ends when the stream is ended.

    A URL in place of the group is played as it is.
    `first_pcm` is the wall clock's time of the first decoded sample (None before).
    """

    def __init__(self, host: Host, group: str, extra_input_options: Optional[list[str]] = None):
        url = f"sap://[{group}]:9875" if ":" in group else f"sap://{group}:9875"
        url = group if "://" in group else url
        argv = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "verbose", *(extra_input_options or []), "-i", url]
        argv += ["-f", "s16le", "-ac", "1", "-ar", str(sound.RATE), "-flush_packets", "1", "pipe:1"]
        self.first_pcm: Optional[float] = None
        self.last_pcm: Optional[float] = None
        self._pcm = bytearray()
        self._lock = threading.Lock()
        self.process: Process = host.ns.start(argv, "ffmpeg", stdout=subprocess.PIPE, stop_signal=signal.SIGTERM)
        self.started = self.process.started
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stdout = self.process.popen.stdout
        assert stdout is not None
        while data := os.read(stdout.fileno(), 65536):
            now = time.time()
            with self._lock:
                self.first_pcm = self.first_pcm or now
                self.last_pcm = now
                self._pcm += data
        stdout.close()

    def pcm(self) -> bytes:
        """All sound so far, or since the start: mono, 16 bits, sound.RATE."""
        with self._lock:
            return bytes(self._pcm)

    @property
    def decoded_seconds(self) -> float:
        with self._lock:
            return len(self._pcm) / 2 / sound.RATE

    def tone_seconds(self, *frequencies: float) -> float:
        return sound.tone_seconds(self.pcm(), *frequencies)

    def wait_decoded(self, seconds: float, timeout: float) -> None:
        def enough() -> bool:
            if self.decoded_seconds < seconds and not self.process.alive():
                raise PlayerEnded(f"{self.process.name} ended with {self.process.returncode}:\n{self.process.log()}")
            return self.decoded_seconds >= seconds

        wait_until(enough, timeout, f"{seconds:g} s of sound ({self.process.log_path})")

    def wait_more(self, seconds: float, timeout: float) -> None:
        """Another `seconds` of sound, counted from now."""
        self.wait_decoded(self.decoded_seconds + seconds, timeout)

    def playing(self) -> bool:
        return self.process.alive()

    def wait_end(self, timeout: float) -> int:
        status = self.process.wait(timeout)
        self._reader.join(5)
        return status

    def leave(self) -> None:
        """Stops the player, as a person does: the kernel sends the leave."""
        self.process.kill()
        self._reader.join(5)


class GstListener:
    """GStreamer told by an SDP: its rtpbin sends receiver reports to the group, and BYE when it is left with `leave()`.

    `sdp` is an SDP's text (an export, or the body of a captured SAP).
    """

    def __init__(self, host: Host, sdp: str):
        number = len(host.ns.processes) + 1
        self._host = host
        self._raw = host.ns.directory / f"{host.name}-gst-{number}.raw"
        self._bye_port = 50000 + number
        words = gst_pipeline(sdp, host.leg.interface, self._bye_port)
        argv = ["gst-launch-1.0", *words, "filesink", f"location={self._raw}", "buffer-mode=unbuffered"]
        self.process = host.ns.start(argv, "gst", stop_signal=signal.SIGINT)

    def pcm(self) -> bytes:
        return self._raw.read_bytes() if self._raw.exists() else b""

    @property
    def decoded_seconds(self) -> float:
        return len(self.pcm()) / 2 / sound.RATE

    def tone_seconds(self, *frequencies: float) -> float:
        return sound.tone_seconds(self.pcm(), *frequencies)

    def wait_decoded(self, seconds: float, timeout: float) -> None:
        def enough() -> bool:
            if not self.process.alive():
                raise PlayerEnded(f"{self.process.name} ended with {self.process.returncode}:\n{self.process.log()}")
            return self.decoded_seconds >= seconds

        wait_until(enough, timeout, f"{seconds:g} s of sound ({self.process.log_path})")

    def leave(self, timeout: float = 10) -> None:
        """Says BYE (if a report was sent before, as RFC 3550 6.3.7 wants) and stops the player.

        The session says BYE when what it sends ends. The player sends nothing; its idle sending branch ends
        when one datagram comes to a loopback port.
        """
        if self.process.alive():
            with self._host.ns.socket(socket.AF_INET) as sock:
                sock.sendto(b"end", ("127.0.0.1", self._bye_port))
            let_pass(0.2)
        self.process.stop(timeout)


class VlcListener:
    """VLC, told a URL and nothing else; it is run without root's rights, as it wants to be."""

    def __init__(self, host: Host, url: str):
        number = len(host.ns.processes) + 1
        home = host.ns.directory / f"{host.name}-vlc-{number}"
        home.mkdir()
        home.chmod(0o777)
        self._raw = home / "sound.raw"
        sound_only = f"#transcode{{vcodec=none,acodec=s16l,channels=1,samplerate={sound.RATE}}}"
        argv = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", f"HOME={home}"]
        argv += ["cvlc", "--no-video", f"--miface={host.leg.interface}"]
        argv += ["--sout", f"{sound_only}:std{{access=file,mux=dummy,dst={self._raw}}}", url]
        self.process = host.ns.start(argv, "vlc", stop_signal=signal.SIGINT)

    def pcm(self) -> bytes:
        return self._raw.read_bytes() if self._raw.exists() else b""

    def tone_seconds(self, frequency: float) -> float:
        return sound.tone_seconds(self.pcm(), frequency)

    def wait_decoded(self, seconds: float, timeout: float) -> None:
        def enough() -> bool:
            if not self.process.alive():
                raise PlayerEnded(f"{self.process.name} ended with {self.process.returncode}:\n{self.process.log()}")
            return len(self.pcm()) / 2 / sound.RATE >= seconds

        wait_until(enough, timeout, f"{seconds:g} s of sound ({self.process.log_path})")

    def leave(self) -> None:
        self.process.kill()


def gst_pipeline(sdp: str, interface: str, bye_port: int) -> list[str]:
    """gst-launch's words from the sockets to mono sound of sound.RATE; the caller adds a sink."""
    lines = [line.split("=", 1) for line in sdp.splitlines() if "=" in line]
    values = {key: value for key, value in lines if key in "cm"}
    group = values["c"].split()[2].split("/")[0]
    media, port, _, payload_type = values["m"].split()[:4]
    caps = f"application/x-rtp,media={media},payload={payload_type}"
    depayloader = {"14": "rtpmpadepay", "33": "rtpmp2tdepay"}.get(payload_type, "")
    caps += ",clock-rate=90000,encoding-name=" + {"14": "MPA", "33": "MP2T"}.get(payload_type, "")
    for key, value in lines:
        if key == "a" and value.startswith(f"rtpmap:{payload_type} "):
            name, rate = value.split()[1].split("/")[:2]
            caps = f"application/x-rtp,media={media},payload={payload_type},clock-rate={rate}"
            caps += f",encoding-name={name.upper()}"
            depayloader = _DEPAYLOADERS[name.lower()]
    for key, value in lines:
        if key == "a" and value.startswith(f"fmtp:{payload_type} "):
            for pair in value.split(" ", 1)[1].split(";"):
                name, _, text = pair.strip().partition("=")
                caps += f",{name.lower()}=(string){text}" if name else ""
    where = f"address={group} multicast-iface={interface} auto-multicast=true"
    words = "rtpbin name=rtp latency=200 "
    words += f"udpsrc address=127.0.0.1 port={bye_port} num-buffers=1 caps={_IDLE_CAPS} ! rtp.send_rtp_sink_0 "
    words += "rtp.send_rtp_src_0 ! fakesink async=false "
    words += f"udpsrc {where} port={port} caps={caps} ! rtp.recv_rtp_sink_0 "
    words += f"udpsrc {where} port={int(port) + 1} caps=application/x-rtcp ! rtp.recv_rtcp_sink_0 "
    words += f"rtp.send_rtcp_src_0 ! udpsink host={group} port={int(port) + 1} multicast-iface={interface} "
    words += "ttl-mc=16 loop=false sync=false async=false "
    words += f"rtp. ! {depayloader} ! decodebin ! audioconvert ! audioresample ! "
    words += f"audio/x-raw,format=S16LE,channels=1,rate={sound.RATE} !"
    return words.split()


# Of a kind that no depayloader here takes, so that the receiving branch is not linked to it.
_IDLE_CAPS = "application/x-rtp,media=audio,payload=0,clock-rate=8000,encoding-name=PCMU"
_DEPAYLOADERS = {
    "mpa": "rtpmpadepay",
    "mp2t": "rtpmp2tdepay",
    "mpeg4-generic": "rtpmp4gdepay",
    "opus": "rtpopusdepay",
    "vorbis": "rtpvorbisdepay",
}
