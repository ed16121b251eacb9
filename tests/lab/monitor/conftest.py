"""The scene of the monitor's tests."""

import pytest
from monitor_scene import Daemons, Monitor

from lab import Host


@pytest.fixture
def mgmt(lab):
    return lab.link("mgmt")


@pytest.fixture
def unstarted(lab, mgmt, bin_dir) -> Monitor:
    """On a link "mgmt", where it has ::1 and .1."""
    return Monitor(lab.host("watch", mgmt), bin_dir)


@pytest.fixture
def device(lab, mgmt, unstarted) -> Host:
    """A switch, by its addresses the second on the link."""
    return lab.host("device", mgmt)


@pytest.fixture
def daemons(unstarted) -> Daemons:
    return Daemons(unstarted.host)
