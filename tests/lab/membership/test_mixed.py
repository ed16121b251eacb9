"""Linux hosts forced to each version, mixed on one link: the state is right in every mix, at every step."""

import pytest

from lab import let_pass, stays, wait_until

GROUP6, GROUP4 = "ff3e:40:2001:db8:d0be:f00d:8000:1", "239.192.0.1"
# The membership interval is 2 * 3 s + 2 * 1 s, that of older hosts 7 s.
OPTIONS = 'query_interval = "3s"\nquery_response_interval = "1s"\n'

MIXES = [(GROUP4, versions) for versions in ((1, 2), (1, 3), (2, 3), (1, 2, 3), (2, 2, 3), (3, 3))]
MIXES += [(GROUP6, versions) for versions in ((1, 1), (1, 2), (2, 1), (1, 2, 2))]


@pytest.mark.parametrize("group,versions", MIXES)
def test_every_mix_of_versions(lab, make_watcher, group, versions):
    lan = lab.link("lan", snooping=False)
    watcher = make_watcher(lab.host("headend", lan), OPTIONS).start()
    hosts = [lab.host(f"host{number}", lan) for number in range(len(versions))]
    for host, version in zip(hosts, versions):
        key = "net.ipv6.conf.lan.force_mld_version" if ":" in group else "net.ipv4.conf.lan.force_igmp_version"
        host.ns.sysctl(key, version)
    memberships = []
    for host in hosts:
        memberships.append(host.join(group))
        wait_until(lambda: watcher.group(group), 6)
        let_pass(0.3)
    assert stays(lambda: watcher.group(group), 9), "longer than any interval"
    newest = 2 if ":" in group else 3
    told = {m for m in watcher.members(group)}
    for host, version in zip(hosts, versions):
        if version == newest:
            assert any(a in told for a in (host.leg.ipv4, _link_local(host))), "whoever speaks for itself is listed"
    for membership in memberships[:-1]:
        membership.leave()
        assert stays(lambda: watcher.group(group), 3), "others still listen"
    assert stays(lambda: watcher.group(group), 8)
    memberships[-1].leave()
    # Hosts of IGMPv1 cannot leave, and of the older ones only the last reporter says so: then the interval must pass.
    wait_until(lambda: not watcher.group(group), 2 if set(versions) == {newest} else 12)


def _link_local(host) -> str:
    shown = host.ns.run("ip", "-6", "-o", "address", "show", "dev", "lan", "scope", "link")
    return shown.split()[3].split("/")[0]
