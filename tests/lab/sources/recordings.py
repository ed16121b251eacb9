"""What the stations of behaviours.py play: the same tone in every codec and container, made anew for each run."""

import subprocess
from pathlib import Path

from web import make_media

TONE = 660.0
SECONDS = 8  # of each file
SAMPLES = Path(__file__).resolve().parents[2] / "data" / "media"

# file: (content type, ffmpeg's options). What is copied is m4a.
FILES = {
    "m4a": ("audio/x-m4a", "-c:a aac -b:a 128k -movflags +faststart -f mp4"),
    "mp2": ("audio/mpeg", "-c:a mp2 -b:a 128k -f mp2"),
    "tagged.mp3": ("audio/mpeg", "-c:a libmp3lame -b:a 128k -metadata title=Tagged -f mp3"),
    "mp2.ts": ("video/mp2t", "-c:a mp2 -b:a 128k -f mpegts"),
    "ac3.ts": ("video/mp2t", "-c:a ac3 -b:a 128k -f mpegts"),
    "opus": ("audio/ogg", "-c:a libopus -b:a 96k -f ogg"),
    "vorbis": ("application/ogg", "-c:a libvorbis -f ogg"),
    "oga": ("audio/ogg", "-c:a flac -f ogg"),
    "spx": ("audio/ogg", "-c:a libspeex -ar 16000 -ac 1 -f ogg"),
    "flac": ("audio/flac", "-c:a flac -f flac"),
    "wma": ("audio/x-ms-wma", "-c:a wmav2 -b:a 96k -f asf"),
    "wav": ("audio/wav", "-c:a pcm_s16le -f wav"),
    "ac3": ("audio/ac3", "-c:a ac3 -b:a 128k -f ac3"),
    "alac.mp4": ("audio/mp4", "-c:a alac -movflags empty_moov+default_base_moof -frag_duration 500000 -f mp4"),
    "webm": ("audio/webm", "-c:a libopus -b:a 96k -f webm"),
    "aac": ("audio/aacp", "-c copy -f adts"),
    "loas": ("audio/aac", "-c copy -f latm"),
    "frag.mp4": ("audio/mp4", "-c copy -movflags empty_moov+default_base_moof -frag_duration 500000 -f mp4"),
    "aac.ts": ("video/mp2t", "-c copy -f mpegts"),
    "latm.ts": ("video/mp2t", "-c copy -mpegts_flags latm -f mpegts"),
    "mka": ("audio/x-matroska", "-c copy -f matroska"),
    "hls-ts/list": ("", "-c copy -f hls"),
    "hls-key/list": ("", "-c copy -f hls -hls_enc 1 -hls_enc_key 0123456789abcdef -hls_enc_key_url key"),
    "hls-mp4/list": ("", "-c copy -f hls -hls_segment_type fmp4 -hls_fmp4_init_filename init"),
}
SEGMENTS = "-hls_time 4 -hls_list_size 0 -hls_segment_filename"


def make_files(directory: Path) -> None:
    """Whatever the rows play."""
    make_media(directory / "tone.mp3")
    tone = ["-f", "lavfi", "-i", f"sine=frequency={TONE:g}:duration={SECONDS}"]
    for source, copied in ((tone, False), (["-i", directory / "m4a"], True)):
        argv = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", *source]
        for name, (_, options) in FILES.items():
            if options.startswith("-c copy") != copied:
                continue
            path = directory / name
            path.parent.mkdir(exist_ok=True)
            argv += [] if copied else ["-ac", "2", "-ar", "48000"]
            argv += [*options.split(), *([*SEGMENTS.split(), path.parent / "s%d"] if "-f hls" in options else []), path]
        # Of what it encrypts it writes the key where it runs.
        subprocess.run([str(a) for a in argv], check=True, timeout=120, cwd=directory)
    sample = (SAMPLES / "he_aac_44100_stereo.aac").read_bytes()
    (directory / "he.aac").write_bytes(sample * round(SECONDS / 1.2))
