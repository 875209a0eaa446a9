# SPDX-License-Identifier: Apache-2.0
import struct
import wave

import numpy as np
import pytest

from spikesim import data
from spikesim.errors import ValidationError

RATE = 8000


def tone(hertz, seconds=0.3, size=1.0, rate=RATE):
    return size * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path, raw, width=2, channels=1, rate=RATE):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)
    return path


@pytest.mark.parametrize(
    ("width", "raw", "expected"),
    [
        (1, bytes([0, 128, 192, 255]), [-1.0, 0.0, 0.5, 127 / 128]),
        (2, struct.pack("<4h", -32768, 0, 16384, 32767), [-1.0, 0.0, 0.5, 32767 / 32768]),
        (3, b"\x00\x00\x80" + b"\x00\x00\x40" + b"\xff\xff\xff", [-1.0, 0.5, -(2.0**-23)]),
        (4, struct.pack("<2i", -(2**31), 2**30), [-1.0, 0.5]),
    ],
)
def test_integers_of_every_width_are_read(width, raw, expected, tmp_path):
    sound, rate = data.read_wav(write(tmp_path / "a.wav", raw, width))
    assert (expected, RATE) == (sound.tolist(), rate)


def test_channels_are_averaged(tmp_path):
    raw = struct.pack("<4h", 16384, 0, -16384, -16384)
    sound, _ = data.read_wav(write(tmp_path / "a.wav", raw, channels=2))
    assert [0.25, -0.5] == sound.tolist()


def test_files_that_are_no_sound_are_one_clear_error(tmp_path):
    good = write(tmp_path / "a.wav", bytes(100)).read_bytes()
    cases = {
        "text.wav": b"no sound at all", "cut.wav": good[:20], "empty.wav": b"",
        "float.wav": good[:20] + b"\x03\x00" + good[22:],
    }  # fmt: skip
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValidationError, match=f"{name}: expected a WAV file"):
            data.read_wav(tmp_path / name)
    (tmp_path / "half.wav").write_bytes(good[:-50])  # before: a shorter sound, without a word
    with pytest.raises(ValidationError, match=r"half\.wav: expected 50 samples, .* got 25; it is"):
        data.read_wav(tmp_path / "half.wav")
    write(tmp_path / "silent.wav", b"")
    with pytest.raises(ValidationError, match="at least one whole sample, got 0 bytes"):
        data.read_wav(tmp_path / "silent.wav")
    with pytest.raises(ValidationError, match="expected a WAV file"):
        data.read_wav(tmp_path / "absent.wav")


def centers(filters, n, low, high):
    """Centers by their scales, one frequency after the other."""
    if filters == "mel":
        scale = [2595 * np.log10(1 + f / 700) for f in (low, high)]
        step = (scale[1] - scale[0]) / (n + 1)
        return [700 * (10 ** ((scale[0] + (k + 1) * step) / 2595) - 1) for k in range(n)]
    scale = [21.4 * np.log10(1 + 0.00437 * f) for f in (low, high)]
    step = (scale[1] - scale[0]) / (n - 1)
    return [(10 ** ((scale[0] + k * step) / 21.4) - 1) / 0.00437 for k in range(n)]


@pytest.mark.parametrize("filters", ["mel", "cochlea"])
def test_a_tone_is_loudest_in_the_band_around_it(filters):
    n, low, high = 12, 100.0, 3600.0
    for band, hertz in enumerate(centers(filters, n, low, high)):
        found = data.bands(
            tone(hertz), RATE, n=n, filters=filters, low=low, high=high, window=50e-3
        )
        assert (np.float32, n) == (found.dtype, found.shape[1])
        # Above, filters of ears widen and take in more of the noise of a window's edge.
        assert band == int(found[5].argmax())


def test_ten_times_less_amplitude_is_20_decibels_down():
    both = np.concatenate([tone(1000.0), tone(1000.0, size=0.1)])
    found = data.bands(both, RATE, n=10, decibels=40.0)
    band = int(found[5].argmax())
    assert found[5, band] == pytest.approx(1.0, abs=1e-3)  # the tick of the loudest is another
    assert found[45, band] == pytest.approx(0.5, abs=2e-3)
    assert np.array_equal(found, data.bands(0.01 * both, RATE, n=10, decibels=40.0))


@pytest.mark.parametrize(
    ("samples", "ticks"), [(1, 1), (199, 1), (200, 1), (279, 1), (280, 2), (359, 2), (360, 3)]
)
def test_a_tick_comes_every_ten_milliseconds_and_there_is_at_least_one(samples, ticks):
    found = data.bands(np.ones(samples), RATE, n=4, window=25e-3, tick=10e-3)
    assert (ticks, 4) == found.shape


def test_silence_is_nought():
    assert not data.bands(np.zeros(1000), RATE, n=4).any()


@pytest.mark.parametrize(
    ("sound", "options", "says"),
    [
        (np.zeros(0), {}, "finite sound"),
        (np.full(9, np.nan), {}, "finite sound"),
        (tone(100.0), {"high": 5000.0}, "<= 4000 Hz, half of the rate"),
        (tone(100.0), {"low": 4000.0}, "low < high"),
        (tone(100.0), {"tick": 0.0}, "tick, window and decibels > 0"),
        (tone(100.0), {"n": 140}, "fewer bands, a longer window"),
        (tone(100.0), {"filters": "bark"}, "'mel' or 'cochlea'"),
    ],
)
def test_numbers_out_of_range_are_refused(sound, options, says):
    with pytest.raises(ValidationError, match=says):
        data.bands(sound, RATE, **options)
