"""No control of the page is untested: each one that any test of this folder was shown has been pressed in one of them.

A control that is never pressed is one of which nobody knows whether it works. Press it where it belongs, in a test that
sees its effect; nothing is listed here.
"""

import pytest

from tests.browser.control_log import LOG

pytestmark = pytest.mark.browser


def test_every_control_that_was_shown_has_been_pressed(request: pytest.FixtureRequest) -> None:
    """Runs last, when all other tests of this folder are over."""
    log = request.config.stash[LOG]
    if not log.whole:
        pytest.skip("only some tests of tests/browser were run, so which controls none of them presses is not known")
    if not log.shown:
        pytest.skip("no page was opened, so no control was seen")
    assert log.never_pressed() == []
