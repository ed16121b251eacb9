"""The packager alone: Probe says what a URL is, or why it cannot be sent."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from failures import FAILURES, url_of
from lab import to_toml, wait_until
from lab.rpc import RpcError, call
from web import NAME, Web

UNAVAILABLE, FAILED_PRECONDITION, INVALID_ARGUMENT = 14, 9, 3


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


def test_it_tells_every_failure(packager, web):
    def told(case: tuple[str, str]) -> str:
        try:
            return "played: " + packager.probe(url_of(case[0], web))
        except RpcError as error:
            if error.code not in (UNAVAILABLE, FAILED_PRECONDITION, INVALID_ARGUMENT):
                return str(error)
            return error.message

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(FAILURES, pool.map(told, FAILURES.values())))
    wrong = [f"{name}: {answers[name]}" for name, (_, words) in FAILURES.items() if words not in answers[name]]
    assert not wrong, "\n".join(wrong)


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
