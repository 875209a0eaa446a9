# SPDX-License-Identifier: Apache-2.0
"""Sound as the energy of bands over time, one row for each tick."""

from __future__ import annotations

import os
import wave
from pathlib import Path
from typing import Literal

import numpy as np

from spikesim.errors import ValidationError

Filters = Literal["mel", "cochlea"]


def read_wav(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """Sound of a WAV file of integers (8, 16, 24 or 32 bits).

    Returns
    -------
    sound : float64 array, shape (samples,), -1..1
        Mean of the channels.
    rate : int
        Samples per second.

    Raises
    ------
    ValidationError
        If the file is damaged, of another format, or silent for lack of samples.
    """
    try:
        with wave.open(os.fspath(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            said = file.getnframes()
            raw = file.readframes(said)
    except (OSError, EOFError, wave.Error) as error:
        raise ValidationError(
            f"{path}: expected a WAV file of integers, got one that is damaged or of another "
            f"format ({error or 'it ends early'})"
        ) from None
    step = width * channels
    if not step or not raw or len(raw) % step or rate < 1:
        raise ValidationError(f"{path}: expected at least one whole sample, got {len(raw)} bytes")
    if len(raw) < step * said:
        raise ValidationError(
            f"{path}: expected {said} samples, as its header has it, got {len(raw) // step}; it is "
            "cut off, or was written without its length"
        )
    if width == 1:
        values = np.frombuffer(raw, np.uint8).astype(np.float64) - 128.0
    else:
        # Put into the upper bytes of 32 bits, which keeps the sign.
        padded = np.zeros((len(raw) // width, 4), np.uint8)
        padded[:, 4 - width :] = np.frombuffer(raw, np.uint8).reshape(-1, width)
        values = padded.view("<i4")[:, 0] / 2.0 ** (8 * (4 - width))
    sound = values.reshape(-1, channels).mean(1) / 2.0 ** (8 * width - 1)
    return sound, rate


def bands(
    sound: np.ndarray,
    rate: float,
    *,
    n: int = 40,
    filters: Filters = "mel",
    window: float = 25e-3,
    tick: float = 10e-3,
    low: float = 50.0,
    high: float | None = None,
    decibels: float = 60.0,
    who: str = "bands",
) -> np.ndarray:
    """Loudness of bands over time, 0..1.

    The spectrum of each window (Hann) is weighted by the filters; 1 is the loudest value of the
    sound, 0 what lies ``decibels`` or more below it.

    Parameters
    ----------
    sound : float array, shape (samples,)
    rate : float
        Samples per second.
    n : int
        Bands.
    filters : {"mel", "cochlea"}
        Triangles that are even on the mel scale, ``2595 log10(1 + f / 700)``, or responses of
        gammatone filters of fourth order that are even on the scale of equivalent rectangular
        bandwidths.
    window, tick : float, seconds
        Length of a window, and from one to the next.
    low, high : float, hertz
        Range of the bands, up to half of the rate by default.
    decibels : float
        Range of loudness.
    who : str
        Whom an error is about.

    Returns
    -------
    float32 array, shape (T, n), T >= 1

    Raises
    ------
    ValidationError
        If there is no sound, a number is out of range, or a band is narrower than what the window
        tells apart.

    References
    ----------
    Glasberg, Moore, "Derivation of auditory filter shapes from notched-noise data", Hearing
    Research 47, 1990, equations 3 and 4. Patterson et al., "An efficient auditory filterbank based
    on the gammatone function", 1987.
    """
    top = rate / 2 if high is None else high
    sound = np.asarray(sound, dtype=np.float64)
    problems = []
    if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all():
        problems.append(f"{who}: expected finite sound (samples,), got shape {sound.shape}")
    if not (0 <= low < top <= rate / 2):
        problems.append(
            f"{who}: expected 0 <= low < high <= {rate / 2:g} Hz, half of the rate, got "
            f"{low:g} and {top:g}"
        )
    if n < 1 or not tick > 0 or not window > 0 or not decibels > 0 or window * rate < 2:
        problems.append(
            f"{who}: expected n >= 1, tick, window and decibels > 0, and two samples in a window, "
            f"got n={n}, tick={tick}, window={window}, decibels={decibels}"
        )
    if problems:
        raise ValidationError(problems)
    length, hop = round(window * rate), tick * rate
    size = 1 << (length - 1).bit_length()
    count = max(1, int((len(sound) - length) / hop) + 1)
    starts = np.round(np.arange(count) * hop).astype(np.int64)
    padded = np.concatenate([sound, np.zeros(max(0, starts[-1] + length - len(sound)))])
    pieces = padded[starts[:, None] + np.arange(length)] * np.hanning(length + 2)[1:-1]
    power = np.abs(np.fft.rfft(pieces, size)) ** 2
    frequencies = np.fft.rfftfreq(size, 1.0 / rate)
    make = {"mel": _mel, "cochlea": _gammatone}.get(filters)
    if make is None:
        raise ValidationError(f"{who}: expected filters 'mel' or 'cochlea', got {filters!r}")
    weights = make(frequencies, n, low, top)
    empty = np.flatnonzero(weights.sum(1) == 0)
    if len(empty):
        raise ValidationError(
            f"{who}: band {empty[0]} of {n} lies between the {rate / size:.3g} Hz that a window of "
            f"{window:g} s tells apart; give fewer bands, a longer window or a higher low"
        )
    energy = power @ weights.T
    loudest = energy.max()
    if loudest == 0:
        return np.zeros((count, n), np.float32)
    floor = 10.0 ** (-decibels / 10)
    level = 10.0 * np.log10(np.maximum(energy / loudest, floor))
    return np.asarray(1.0 + level / decibels, dtype=np.float32).clip(0.0, 1.0)


def wav_files(folder: Path) -> list[Path]:
    """WAV files of a folder, by name.

    Raises
    ------
    ValidationError
        If there is no such folder or it holds none.
    """
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [file for file in there if file.suffix.lower() == ".wav"]
    if not found:
        what = "none" if folder.is_dir() else "no such folder"
        raise ValidationError(f"{folder}: expected a folder with WAV files (*.wav), got {what}")
    return found


def _mel(f: np.ndarray, n: int, low: float, high: float) -> np.ndarray:
    first, last = 2595.0 * np.log10(1.0 + np.array([low, high]) / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(first, last, n + 2) / 2595.0) - 1.0)
    up = (f - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - f) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(up, down))


def _gammatone(f: np.ndarray, n: int, low: float, high: float) -> np.ndarray:
    first, last = 21.4 * np.log10(1.0 + 4.37e-3 * np.array([low, high]))
    centers = (10.0 ** (np.linspace(first, last, n) / 21.4) - 1.0) / 4.37e-3
    width = 1.019 * 24.7 * (4.37e-3 * centers + 1.0)
    return np.asarray((1.0 + ((f - centers[:, None]) / width[:, None]) ** 2) ** -4.0)
