"""Each rule's check goes red when its fault is built in: it can fail. (Only a build with faults has these tests: conftest.py.)"""

import pytest
from rules import RULES


@pytest.mark.parametrize("rule", RULES)
def test_fault(unstarted, rule):
    unstarted.headend.env["HEADWATER_FAULT"] = rule
    # RuntimeError: a player that ended, as the lab tells it.
    with pytest.raises((AssertionError, TimeoutError, RuntimeError)):
        RULES[rule](unstarted)
