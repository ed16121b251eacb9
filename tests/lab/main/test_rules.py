"""The ten central rules hold."""

import pytest
from rules import RULES


@pytest.mark.parametrize("rule", RULES)
def test_rule(unstarted, rule):
    RULES[rule](unstarted)
