"""A real icecast2, fed by ffmpeg with tones, its titles set over its admin page as a radio's playout does."""

import base64
import json
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Sequence
from xml.sax.saxutils import escape

from .network import Host
from .process import Process
from .wait import wait_until

_CONFIG = """<icecast>
  <location>lab</location><admin>lab@example.org</admin>
  <limits><clients>200</clients><sources>20</sources><queue-size>524288</queue-size>
    <source-timeout>10</source-timeout><burst-size>{burst}</burst-size></limits>
  <authentication><source-password>lab</source-password><relay-password>lab</relay-password>
    <admin-user>admin</admin-user><admin-password>lab</admin-password></authentication>
  <hostname>{address}</hostname>
  <listen-socket><port>{port}</port><bind-address>::</bind-address></listen-socket>
  <mount type="default"><charset>{charset}</charset></mount>
  <fileserve>1</fileserve>
  <paths><basedir>/usr/share/icecast2</basedir><logdir>{logs}</logdir><webroot>{logs}/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot></paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>3</loglevel></logging>
  <security><chroot>0</chroot></security>
</icecast>
"""

_MP3_FILE = ("-c:a", "libmp3lame", "-b:a", "128k", "-id3v2_version", "0", "-write_xing", "0")

# mount format: encoder options, muxer, content type
_FORMATS = {
    "mp3": (["-c:a", "libmp3lame"], "mp3", "audio/mpeg"),
    "mp2": (["-c:a", "mp2"], "mp2", "audio/mpeg"),
    "aac": (["-c:a", "aac"], "adts", "audio/aac"),
    "opus": (["-c:a", "libopus"], "ogg", "application/ogg"),
    "vorbis": (["-c:a", "libvorbis"], "ogg", "application/ogg"),
    "flac": (["-c:a", "flac"], "ogg", "application/ogg"),
}


class Icecast:
    """One server on a host of the lab; `mount()` adds a station."""

    def __init__(self, host: Host, port: int = 8000, burst: int = 65536, charset: str = "UTF-8"):
        self.host = host
        self.port = port
        self.burst = burst
        self.charset = charset  # of the titles as they are sent; icecast's own default is ISO8859-1
        self._feeds: dict[str, Process] = {}
        self._logs = host.ns.directory / f"icecast-{host.name}-{port}"
        self._logs.mkdir()
        self._logs.chmod(0o777)  # icecast refuses to run as root
        # Its own web pages, for the page of its mounts, and what file() adds.
        shutil.copytree("/usr/share/icecast2/web", self._logs / "web")
        self.start()

    def start(self) -> None:
        config = self._logs / "icecast.xml"
        config.write_text(
            _CONFIG.format(
                burst=self.burst,
                address=self.host.leg.ipv4,
                port=self.port,
                logs=escape(str(self._logs)),
                charset=escape(self.charset),
            )
        )
        # Debian's icecast2 2.4.4 sometimes crashes as it starts on a loaded machine, before it has logged anything.
        for _ in range(3):
            self.process = self.host.ns.start(["icecast2", "-c", config], "icecast2", user="icecast2")
            wait_until(lambda: self._answers() or self._has_crashed(), 10, "icecast2 answers")
            if not self._has_crashed():
                return
        raise RuntimeError("icecast2 crashed three times as it started")

    def _has_crashed(self) -> bool:
        return self.process.returncode == -signal.SIGSEGV

    def _answers(self) -> bool:
        try:
            self.host.ns.http(f"http://[::1]:{self.port}/status-json.xsl")
            return True
        except OSError:
            if not self.process.alive() and not self._has_crashed():
                raise RuntimeError(f"icecast2 ended with {self.process.returncode}: {self.process.log()}") from None
            return False

    def url(self, mount: str, ipv4: bool = False) -> str:
        address = self.host.leg.ipv4 if ipv4 else f"[{self.host.leg.ipv6}]"
        return f"http://{address}:{self.port}/{mount}"

    def mount(
        self, mount: str, frequency: float = 440, *, name: str = "Lab Radio", format: str = "mp3", bitrate: str = "128k",
        rate: int = 44100, channels: int = 2,
    ) -> str:
        """Feeds a mount with a tone and returns its URL when it can be played."""
        encoder, muxer, content_type = _FORMATS[format]
        # burst-on-connect hands a listener the last seconds at once, as real stations do; feeding a little
        # faster than time would do the same and is not what a station does.
        argv = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-re", "-f", "lavfi"]
        argv += ["-i", f"sine=frequency={frequency}:sample_rate={rate}", "-ac", str(channels), *encoder, "-b:a", bitrate]
        if muxer == "mp3":
            argv += ["-id3v2_version", "0", "-write_xing", "0"]  # a file's header has no place in a station's stream
        argv += ["-ice_name", name, "-content_type", content_type, "-flush_packets", "1", "-f", muxer]
        argv += [f"icecast://source:lab@[::1]:{self.port}/{mount}"]
        self._feeds[mount] = self.host.ns.start(argv, f"feed-{mount}")
        wait_until(lambda: self._has_mount(mount), 15, f"mount {mount} at icecast2")
        return self.url(mount)

    def file(self, name: str, frequency: float = 440, seconds: int = 600, encode: Sequence[str] = _MP3_FILE) -> str:
        """A recording that it serves, by ffmpeg's options; the URL. It answers at once, where a mount answers only with its third
        buffer of 1400 bytes from then on, a quarter of a second at 128 kbit/s."""
        argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", f"sine=frequency={frequency}:duration={seconds}"]
        subprocess.run([*argv, "-ac", "2", *encode, str(self._logs / "web" / name)], check=True)
        return self.url(name)

    def _has_mount(self, mount: str) -> bool:
        feed = self._feeds[mount]
        if not feed.alive():
            raise RuntimeError(f"feed of {mount} ended: {feed.log()}")
        return f"/{mount}" in self.host.ns.http(f"http://[::1]:{self.port}/status-json.xsl")

    def set_title(self, mount: str, title: str) -> None:
        """What a playout does at the start of a song."""
        query = urllib.parse.urlencode({"mount": f"/{mount}", "mode": "updinfo", "song": title, "charset": "UTF-8"})
        request = urllib.request.Request(f"http://[::1]:{self.port}/admin/metadata?{query}")
        request.add_header("Authorization", "Basic " + base64.b64encode(b"admin:lab").decode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with self.host.ns.entered():
            with opener.open(request, timeout=5) as answer:
                body = answer.read().decode()
        if "<return>1</return>" not in body:
            raise RuntimeError(f"icecast2 refused the title: {body}")

    def end(self, mount: str) -> None:
        """The source goes: listeners are disconnected."""
        self._feeds.pop(mount).stop()

    def stop(self) -> None:
        """The server goes."""
        for feed in self._feeds.values():
            feed.kill()
        self._feeds.clear()
        self.process.stop()

    def listeners(self, mount: str) -> int:
        """How many clients icecast counts on a mount."""
        stats = json.loads(self.host.ns.http(f"http://[::1]:{self.port}/status-json.xsl"))["icestats"]
        sources = stats.get("source", [])
        for source in sources if isinstance(sources, list) else [sources]:
            if source["listenurl"].endswith(f"/{mount}"):
                return int(source["listeners"])
        return 0
