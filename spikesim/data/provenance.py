# SPDX-License-Identifier: Apache-2.0
"""What a network was trained on, so that a later run does not test on the training images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from spikesim.errors import ValidationError

_PREFIX = "trained_"


@dataclass(frozen=True)
class Provenance:
    """Data set, split and encoding behind the weights of a network.

    Kept as text and integers in ``Network.meta``, from where the compiler hands it on to
    ``Program.meta``, which holds no float.

    Attributes
    ----------
    data : str
        Name of the data set.
    steps : int
        Ticks of input per sample.
    encoding : str
        How values became spikes, with its constants.
    split_seed : int, optional
        Which part was held out; None where the set comes with a test part.
    test_share : float, optional
        How large that part was, 0..1.
    digest : str, optional
        Hash of the images and labels (`Split.digest`), for data of a user's own.

    Examples
    --------
    >>> known = Provenance("digits", steps=16, encoding="rate", split_seed=0, test_share=0.2)
    >>> known.to_meta()["trained_split_seed"]
    0
    >>> Provenance.from_meta(known.to_meta()) == known
    True
    """

    data: str
    steps: int
    encoding: str
    split_seed: int | None = None
    test_share: float | None = None
    digest: str | None = None

    def to_meta(self) -> dict[str, str | int]:
        """Give the entries for ``Network.meta``."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.test_share is not None:
            values["test_share"] = repr(self.test_share)
        return {_PREFIX + name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_meta(cls, meta: Mapping[str, str | int]) -> Provenance | None:
        """Read what ``to_meta`` gave; None where a file says nothing.

        Raises
        ------
        ValidationError
            If a part is missing or of another kind.
        """
        known = {
            field.name: meta[_PREFIX + field.name]
            for field in fields(cls)
            if _PREFIX + field.name in meta
        }
        if not known:
            return None
        try:
            share = known.get("test_share")
            return cls(
                data=str(known["data"]), steps=int(known["steps"]),
                encoding=str(known["encoding"]),
                split_seed=None if "split_seed" not in known else int(known["split_seed"]),
                test_share=None if share is None else float(share),
                digest=None if "digest" not in known else str(known["digest"]),
            )  # fmt: skip
        except (KeyError, ValueError) as error:
            raise ValidationError(
                f"meta: expected data, steps and encoding of the training, got {known} ({error!r})"
            ) from None
