# SPDX-License-Identifier: Apache-2.0
import copy
import pickle

import pytest

from spikesim.errors import CompileError, DeviceError, SpikesimError, ValidationError


def test_one_problem_is_the_message():
    error = ValidationError("dt: got -1")
    assert ("dt: got -1",) == error.problems
    assert str(error) == "dt: got -1"


def test_several_problems_stand_on_lines_of_their_own():
    assert str(CompileError(["first", "second"])) == "first\nsecond"


def test_a_validation_error_is_a_value_error():
    with pytest.raises(ValueError, match="x"):
        raise ValidationError("x")


@pytest.mark.parametrize("kind", [ValidationError, CompileError])
@pytest.mark.parametrize("clone", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_problems_stay_apart_when_an_error_crosses_a_process(kind, clone):
    assert clone(kind(["a", "b"])).problems == ("a", "b")


def test_all_errors_belong_to_one_family():
    assert issubclass(DeviceError, SpikesimError)
    assert issubclass(CompileError, SpikesimError)
