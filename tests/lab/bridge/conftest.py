"""The scene of the bridge's tests."""

import pytest
from bridge_scene import BridgeScene


@pytest.fixture
def unstarted(lab, bin_dir) -> BridgeScene:
    """Two networks, a router with a firewall, and a bridge that does not run yet: its configuration may be changed."""
    return BridgeScene(lab, bin_dir)


@pytest.fixture
def scene(unstarted) -> BridgeScene:
    unstarted.start().wait_active()
    return unstarted
