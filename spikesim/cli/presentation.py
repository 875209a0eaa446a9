# SPDX-License-Identifier: Apache-2.0
"""What a program is run on: what its network was trained with, unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikesim.data.provenance import Provenance
from spikesim.errors import ValidationError

#: Data sets with a part that nobody trained on; digits are split by a seed.
DATA_SETS = ("digits", "mnist", "fashion_mnist")
_WAY_OUT = "leave it out, or give --anyway if this is meant"


@dataclass(frozen=True)
class Presentation:
    """Which samples, and for how long.

    Attributes
    ----------
    data : str
        One of ``DATA_SETS``, or an npz file.
    seed : int
        Which of the digits are held out; without a meaning for other data.
    steps : int
        Ticks of input per sample.
    own : Provenance, optional
        Of a network that was trained on a user's own data, which may be these.
    """

    data: str
    seed: int
    steps: int
    own: Provenance | None = None


def choose_presentation(
    meta: Mapping[str, str | int],
    who: str,
    *,
    data: str | None = None,
    seed: int | None = None,
    steps: int | None = None,
    anyway: bool = False,
) -> Presentation:
    """Complete what was asked for by what the program was trained with.

    Parameters
    ----------
    meta : mapping
        ``Program.meta``.
    who : str
        The program's file, for messages.
    data, seed, steps : optional
        What was asked for.
    anyway : bool
        Take it although it contradicts the training.

    Raises
    ------
    ValidationError
        With everything that is neither given nor known, and everything that contradicts what the
        network was trained with.

    Examples
    --------
    >>> meta = Provenance("digits", 10, "rate", split_seed=3, test_share=0.2).to_meta()
    >>> choose_presentation(meta, "prog.spk")
    Presentation(data='digits', seed=3, steps=10, own=None)
    """
    trained = Provenance.from_meta(meta)
    problems = [] if anyway else _contradictions(trained, who, data, seed, steps)
    named = data or (None if trained is None else trained.data)
    if named is None:
        problems.append(
            f"run: {who} does not say what it was trained on; give --data, one of "
            f"{', '.join(DATA_SETS)} or an npz file"
        )
    if seed is not None and named is not None and named != "digits":
        problems.append(
            f"--seed {seed}: expected only with digits, whose held-out images a seed chooses; "
            f"{named} is used as it is"
        )
    known = None if trained is None else trained.steps
    ticks = known if steps is None else steps
    if ticks is None:
        problems.append(
            f"run: {who} does not say how many ticks per image it was trained with; give --steps"
        )
    if problems or named is None or ticks is None:
        raise ValidationError(problems)
    if seed is None:
        same = trained is not None and trained.data == named
        seed = trained.split_seed if same and trained is not None else None
    own = trained is not None and trained.digest is not None and named not in DATA_SETS
    return Presentation(named, seed or 0, ticks, trained if own else None)


def _contradictions(
    trained: Provenance | None, who: str, data: str | None, seed: int | None, steps: int | None
) -> list[str]:
    if trained is None:
        return []
    problems = []
    if data in DATA_SETS and data != trained.data:
        problems.append(f"--data {data}: {who} was trained on {trained.data}; {_WAY_OUT}")
    same = data in (None, trained.data)
    if same and None not in (seed, trained.split_seed) and seed != trained.split_seed:
        problems.append(
            f"--seed {seed}: {who} was trained on {trained.data} split by seed "
            f"{trained.split_seed}; most images that another seed holds out are training images of "
            f"it; {_WAY_OUT}"
        )
    if steps not in (None, trained.steps):
        problems.append(
            f"--steps {steps}: {who} was trained with {trained.steps} ticks per image; {_WAY_OUT}"
        )
    return problems
