# SPDX-License-Identifier: Apache-2.0
"""Folders of recorded words as clips of band energies."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from spikesim.data.audio import bands, read_wav, wav_files
from spikesim.data.clips import Clips
from spikesim.errors import ValidationError

_FSDD = re.compile(r"(\d)_(.+)_(\d+)\.wav")
_OFFICIAL = 5
"""Recordings of each speaker and digit, from index 0, that are the test part of FSDD."""


def fsdd(
    path: str | os.PathLike[str], *, unseen: str | None = None, **options: Any
) -> tuple[Clips, Clips]:
    """Spoken digits by names ``{digit}_{speaker}_{index}.wav``, training and test part.

    Parameters
    ----------
    path : path
        Folder of the WAV files, or the one above its ``recordings``.
    unseen : str, optional
        Speaker whose recordings are the test part, none of them being trained on. By default the
        official split: index 0 to 4 of every speaker and digit.
    **options
        Of `bands`.

    Returns
    -------
    training, test : Clips
        ``groups`` are the speakers.

    Raises
    ------
    ValidationError
        For a folder without such files, an unknown speaker, a damaged file, or an empty part.

    References
    ----------
    Jackson et al., "Free Spoken Digit Dataset", 2018, doi:10.5281/zenodo.1342401.
    """
    folder = Path(path)
    if (folder / "recordings").is_dir():
        folder = folder / "recordings"
    files = wav_files(folder)
    parts = [_FSDD.fullmatch(file.name) for file in files]
    strange = [file.name for file, part in zip(files, parts, strict=True) if part is None]
    if strange:
        raise ValidationError(
            f"{folder}: expected names {{digit}}_{{speaker}}_{{index}}.wav, got {strange[0]!r}"
            + (f" and {len(strange) - 1} more" if strange[1:] else "")
        )
    digit, speaker, index = zip(*(part.groups() for part in parts if part), strict=True)
    every = _clips("fsdd", files, np.array(digit, np.int64), tuple("0123456789"), speaker, options)
    if unseen is None:
        test = np.array(index, np.int64) < _OFFICIAL
        name = "official"
    else:
        test, name = np.array(speaker) == unseen, f"unseen-{unseen}"
    if not test.any() or test.all():
        raise ValidationError(
            f"{folder}: expected recordings to train on and to test on, got {int(test.sum())} of "
            f"{len(test)} for the test; speakers: {', '.join(sorted(set(speaker)))}"
        )
    return every.part(f"fsdd-{name}-train", ~test), every.part(f"fsdd-{name}-test", test)


def audio_folder(path: str | os.PathLike[str], **options: Any) -> Clips:
    """Sounds of a folder that has one folder for each class.

    Parameters
    ----------
    path : path
        Its folders with WAV files are the classes, in the order of their names.
    **options
        Of `bands`.

    Raises
    ------
    ValidationError
        If it holds no such folder, a file is damaged, or rates differ and ``high`` is not given.
    """
    folder = Path(path)
    inner = sorted(f for f in folder.iterdir() if f.is_dir()) if folder.is_dir() else []
    found = [(label, file) for label, f in enumerate(inner) for file in wav_files(f)]
    if not found:
        raise ValidationError(
            f"{folder}: expected one folder of WAV files for each class, got none"
        )
    labels = np.array([label for label, _ in found], np.int64)
    names = tuple(f.name for f in inner)
    return _clips(folder.name, [file for _, file in found], labels, names, (), options)


def _clips(
    name: str, files: list[Path], labels: np.ndarray, classes: tuple[str, ...],
    groups: tuple[str, ...], options: dict[str, Any],
) -> Clips:  # fmt: skip
    clips: list[np.ndarray] = []
    rates: dict[int, Path] = {}
    for file in files:
        sound, rate = read_wav(file)
        rates.setdefault(rate, file)
        clips.append(bands(sound, rate, who=str(file), **options))
    if len(rates) > 1 and options.get("high") is None:
        told = ", ".join(f"{rate} in {file}" for rate, file in sorted(rates.items()))
        raise ValidationError(
            f"{name}: expected one rate, since bands reach up to half of it, got {told}; give "
            f"high=, at most {min(rates) / 2:g}"
        )
    return Clips(name, tuple(clips), labels, classes, groups)
