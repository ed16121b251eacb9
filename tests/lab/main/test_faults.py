"""Each rule's check goes red when its fault is built in: it can fail. (Only a build with faults has these tests: conftest.py.)"""

import pytest
from rules import RULES


@pytest.mark.parametrize("rule", RULES)
def test_fault(unstarted, rule):
    unstarted.headend.env["HEADWATER_FAULT"] = rule
    # Not RuntimeError, which is a headend or a tool that does not run.
    with pytest.raises((AssertionError, TimeoutError)):
        RULES[rule](unstarted)
