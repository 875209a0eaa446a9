# SPDX-License-Identifier: Apache-2.0
"""What a demo leaves on disk and the pictures are drawn from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikesim.core import read_archive, write_archive
from spikesim.core.atomic import replacing
from spikesim.core.shape import COUNT, shape_problems
from spikesim.errors import ValidationError
from spikesim.hw.program import Program
from spikesim.recording import Recording

RESULT, ARRAYS, PROGRAM = "result.json", "evidence.npz", "seed0.spk"
_VERSION = 1


@dataclass(frozen=True)
class Evidence:
    """Everything the report shows.

    Attributes
    ----------
    result : dict
        Content of ``result.json``.
    labels : int array, shape (n_seeds, n_images)
        True classes of the held-out images.
    predicted : dict of int arrays, shape (n_seeds, n_images)
        Classes by engine: ``float``, ``golden``, ``rtl``.
    image : float array, shape (height, width)
        The example image, 0..1.
    example_float, example_rtl : Recording
        The example image on the float simulator and on the RTL: all spikes.
    trace_float, trace_fixed : float arrays, shape (steps, n_outputs)
        Membranes of the output population in the network's unit; fixed = integer / scale.
    step_predicted, step_measured : int arrays, shape (steps,), clocks
        The example image, step by step.
    image_predicted, image_measured : int arrays, shape (n_seeds, n_images), clocks
        Whole images.
    program : Program
        Of the first seed.
    """

    result: dict[str, Any]
    labels: np.ndarray
    predicted: dict[str, np.ndarray]
    image: np.ndarray
    example_float: Recording
    example_rtl: Recording
    trace_float: np.ndarray
    trace_fixed: np.ndarray
    step_predicted: np.ndarray
    step_measured: np.ndarray
    image_predicted: np.ndarray
    image_measured: np.ndarray
    program: Program

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write everything into a folder; each file whole or not at all."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self, name) for name in _PLAIN}
        arrays |= {f"predicted/{name}": values for name, values in self.predicted.items()}
        write_archive(
            place / ARRAYS, "evidence", _VERSION, {"engines": list(self.predicted)}, arrays
        )
        self.example_float.save(place / "example-float.npz")
        self.example_rtl.save(place / "example-rtl.npz")
        self.program.save(place / PROGRAM)
        with replacing(place / RESULT) as file:
            file.write((json.dumps(self.result, indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Evidence:
        """Read what ``save`` wrote.

        Raises
        ------
        ValidationError
            If a file is missing or damaged.
        """
        place = Path(folder)
        if not (place / RESULT).is_file():
            raise ValidationError(
                f"report: expected {place / RESULT}, which is missing; run `spikesim demo` first "
                "or name the folder of its result"
            )
        try:
            result = json.loads((place / RESULT).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ValidationError(
                f"{place / RESULT}: expected JSON, got: {error}; run `spikesim demo` again"
            ) from None
        if problems := shape_problems(result, _FORM, "result"):
            raise ValidationError(
                [f"{place / RESULT}: {text}; run `spikesim demo` again" for text in problems]
            )
        header, arrays = read_archive(place / ARRAYS, "evidence", _VERSION, {"engines": [str]})
        n_seeds = len(result["seeds"])
        n_images = arrays.take("labels", "iu", n_seeds, None).shape[1]
        return cls(
            result=result,
            predicted={
                name: arrays.take(f"predicted/{name}", "iu", n_seeds, n_images)
                for name in header["engines"]
            },
            example_float=Recording.load(place / "example-float.npz"),
            example_rtl=Recording.load(place / "example-rtl.npz"),
            program=Program.load(place / PROGRAM),
            **{name: arrays.take(name, *kind) for name, kind in _PLAIN.items()},
        )


_PLAIN: dict[str, tuple[Any, ...]] = {
    "labels": ("iu", None, None), "image": ("f", None, None), "trace_float": ("f", None, None),
    "trace_fixed": ("f", None, None), "step_predicted": ("iu", None),
    "step_measured": ("iu", None), "image_predicted": ("iu", None, None),
    "image_measured": ("iu", None, None),
}  # fmt: skip
_COUNTED = (
    "images", "mismatching_spikes", "mismatching_words", "cycles_predicted", "cycles_measured",
)  # fmt: skip
_FORM = {
    "version": str, "ok": bool, "mean": dict, "std": dict, "clock_hz": float,
    "link_bytes": COUNT, "wall_s": float, "device": str,
    "seeds": [
        {"seed": int, "compared": dict, "mismatches": dict}
        | dict.fromkeys(_COUNTED, COUNT)
        | {f"accuracy_{name}": float for name in ("float", "golden", "rtl")}
    ],
}  # fmt: skip
