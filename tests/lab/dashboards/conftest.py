"""The scene of these tests is made of the other areas' scenes."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / area) for area in ("bridge", "dvb", "membership", "monitor")]

from site_scene import Site  # noqa: E402


@pytest.fixture
def site(lab, bin_dir) -> Site:
    return Site(lab, bin_dir).start()
