"""A station that sends HLS: a real ffmpeg as encoder, Python's http.server as its server, both on a host of the lab."""

from lab import Host, Process, wait_until

PORT = 8090
SEGMENT = 2  # seconds


class HlsStation:
    """A live list of 2 s segments at `url`, made as `kind` says: "mpegts", "fmp4", or "adts" (packed audio).

    All but "adts" are a master playlist with variants of 64 and 128 kb/s; the better one is in /high.
    """

    def __init__(self, host: Host, kind: str, frequency: float):
        self.host, self.kind = host, kind
        self.directory = host.ns.directory / f"hls-{kind}"
        self.directory.mkdir()
        self.url = f"http://[{host.leg.ipv6}]:{PORT}/" + ("list.m3u8" if kind == "adts" else "master.m3u8")
        self.encoder = self._encode(frequency)
        self.serve()
        wait_until(lambda: self.segments() >= 3, 30, "three segments")

    def segments(self) -> int:
        path = self.directory / ("list.m3u8" if self.kind == "adts" else "high/list.m3u8")
        return path.read_text().count("#EXTINF") if path.exists() else 0

    def serve(self) -> None:
        argv = ["/usr/bin/python3", "-u", "-m", "http.server", str(PORT), "--bind", "::"]
        self.server = self.host.ns.start([*argv, "--directory", self.directory], "hls-server")
        wait_until(lambda: str(PORT) in self.host.ns.run("ss", "-Htln"), 10, "the server listens")

    def change(self, frequency: float) -> None:
        """Another tone behind a discontinuity: the encoder was started anew."""
        self.encoder.stop()
        self.encoder = self._encode(frequency, "+append_list+discont_start")

    def _encode(self, frequency: float, flags: str = "") -> Process:
        argv = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi"]
        argv += ["-i", f"sine=frequency={frequency}:sample_rate=44100", "-ac", "2", "-c:a", "aac"]
        if self.kind == "adts":
            argv += ["-b:a", "128k", "-f", "segment", "-segment_format", "adts", "-segment_time", str(SEGMENT)]
            argv += ["-segment_list", self.directory / "list.m3u8", "-segment_list_size", "6"]
            argv += ["-segment_list_flags", "+live", self.directory / "s%d.aac"]
            return self.host.ns.start(argv, "hls-encoder")
        argv += ["-map", "0:a", "-map", "0:a", "-b:a:0", "64k", "-b:a:1", "128k", "-f", "hls"]
        argv += ["-hls_time", str(SEGMENT), "-hls_list_size", "6", "-hls_segment_type", self.kind]
        argv += ["-hls_flags", f"+delete_segments+omit_endlist+program_date_time{flags}"]
        argv += ["-master_pl_name", "master.m3u8", "-var_stream_map", "a:0,name:low a:1,name:high"]
        argv += ["-hls_segment_filename", self.directory / "%v/s%d.seg", self.directory / "%v/list.m3u8"]
        return self.host.ns.start(argv, "hls-encoder")
