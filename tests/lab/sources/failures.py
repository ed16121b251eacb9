"""Every way in which a station fails, and how it is told."""

from web import Web

# name: (path, or URL with {host}; what the session's error says after the URL)
FAILURES = {
    "404": ("missing", "404 Not Found"),
    "503": ("broken", "503 Service Unavailable"),
    "401": ("locked", "401 Unauthorized"),
    "refused": ("http://{host}:9/", "cannot connect: Connection refused"),
    "name": ("http://no-such-station.invalid/", "the name no-such-station.invalid does not exist or has no address"),
    "certificate": ("https://{host}:8443/live", "TLS failed: SSL certificate problem: self-signed certificate"),
    "plain tls": ("https://{host}:8080/live", "TLS"),
    "redirect loop": ("loop", "redirect loop, back to"),
    "many redirects": ("hops0", "more than 8 redirects"),
    "redirect to nowhere": ("nowhere", "302 Found"),
    "redirect to a file": ("to-file", "redirects to file:///etc/passwd, not an http or https URL"),
    "page": ("page", 'a web page, "Buy our app"'),
    "endless header": ("header", "the answer's header is longer than 100 lines"),
    "endless line": ("line", "the answer's header has an endless line"),
    "dripping header": ("drip", "the answer's header has no end within 5 s"),
    "no answer": ("mute", "no answer within 5 s"),
    "no media": ("nothing", "a header and then no media, unfinished after 5 s"),
    "hang-up": ("hang-up", "the connection closed without an answer"),
    "not http": ("ssh", "not an HTTP answer"),
    "json": ("json", "application/json is nothing to play"),
    "flv": ("flv", "Flash video"),
    "noise": ("noise", "neither MPEG audio nor AAC"),
    "empty list": ("empty-list", "an empty playlist"),
    "list of itself": ("self-list", "a playlist without a usable URL"),
    "nested lists": ("nested0", "playlists nested more than 3 deep"),
    "endless list": ("long-list", "a playlist larger than 262144 bytes"),
    "hls": ("hls", "an HLS playlist, which is not supported"),
    "scheme": ("ftp://{host}/x", "not an http, https or icy URL"),
}


def url_of(path: str, web: Web) -> str:
    return path.format(host=web.address) if "://" in path else web.url(path)
