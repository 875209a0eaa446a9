# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from spikesim.core.optional import optional_library
from spikesim.errors import ValidationError


def test_what_is_installed_is_given_and_what_is_not_names_the_extra():
    assert math is optional_library("math", "someone")
    for extra, given in (("analysis", {}), ("interop", {"extra": "interop"})):
        with pytest.raises(ValidationError, match=rf"^x: .*'no_such'.*spikesim\[{extra}\]'"):
            optional_library("no_such", "x", **given)
