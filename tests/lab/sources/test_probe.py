"""The packager alone: Probe says what a URL is. Why one cannot be sent is in test_behaviours.py."""

import pytest

from lab import to_toml, wait_until
from lab.rpc import RpcError, call
from web import NAME, Web

FAILED_PRECONDITION = 9


class Packager:
    def __init__(self, headend, web: Web):
        config = {**headend.config, "rtp-packager": {"name_servers": web.name_server}}
        for folder in ("run", "state"):
            (headend.directory / folder).mkdir()
        headend.config_path.write_text(to_toml(config))
        argv = [headend.bin_dir / "rtp-packager", "--config", headend.config_path]
        self.process = headend.ns.start(argv, "rtp-packager")
        self.socket = headend.run_dir / "rtp-packager.sock"
        wait_until(lambda: headend.ready("rtp-packager"), 10, "rtp-packager ready")

    def probe(self, url: str, local: bool = True) -> str:
        return call(self.socket, "packager", "Probe", f'url: "{url}" local: {"true" if local else "false"}')


@pytest.fixture
def web(headend) -> Web:
    return Web(headend.internet)


@pytest.fixture
def packager(headend, web) -> Packager:
    return Packager(headend, web)


def test_it_tells_hops_format_and_name(packager, web):
    answer = packager.probe(web.url("radio.m3u"))
    hops = [line.split('"')[1] for line in answer.splitlines() if line.startswith("hops:")]
    assert hops == [web.url(path) for path in ("radio.m3u", "lists/radio.pls", "moved", "live")]
    assert 'encoding: "MPA"' in answer
    assert NAME.encode().decode("latin-1") in answer.encode().decode("unicode_escape")


def test_it_reaches_nothing_private_that_is_not_marked_local(packager, web):
    with pytest.raises(RpcError, match="is not a public address") as refused:
        packager.probe(web.url("live"), local=False)
    assert refused.value.code == FAILED_PRECONDITION
    assert not web.requests()
