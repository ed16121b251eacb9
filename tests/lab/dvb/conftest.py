"""The scene of the DVB tests."""

import pytest
from dvb_scene import DvbScene


@pytest.fixture
def unstarted(lab, headend) -> DvbScene:
    """A headend with two virtual cards (dvb_scene.py) before it runs: its configuration may be changed."""
    return DvbScene(lab, headend)


@pytest.fixture
def scene(unstarted) -> DvbScene:
    return unstarted.start()
