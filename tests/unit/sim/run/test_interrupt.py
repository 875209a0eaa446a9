# SPDX-License-Identifier: Apache-2.0
import signal

import pytest

from spikesim.engine.interrupt import Interrupt


def test_the_first_signal_is_a_wish_and_the_second_an_exception():
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert before is signal.getsignal(signal.SIGINT)


def test_all_that_stand_around_the_innermost_know_of_the_signal():
    with Interrupt() as outer, Interrupt(at_once=True) as middle:
        with Interrupt() as inner:
            signal.raise_signal(signal.SIGINT)
        assert [True] * 3 == [one.asked for one in (outer, middle, inner)]
        with Interrupt() as later:
            assert not later.asked


def test_with_nothing_inside_to_end_the_signal_raises_at_once():
    with Interrupt(at_once=True) as interrupt:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert not interrupt.asked


def test_a_process_that_ignores_the_signal_goes_on_ignoring_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            signal.raise_signal(signal.SIGINT)
            assert not interrupt.asked
        assert signal.SIG_IGN == signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
