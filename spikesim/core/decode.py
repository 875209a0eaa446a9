# SPDX-License-Identifier: Apache-2.0
"""From spike counts of output neurons to classes: the one place that says how.

The class of a sample is the output neuron with the most spikes. Of several with equally many the
lowest index wins, as it does in the core's own ARGMAX; so a sample without any output spike is
of class 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError


def classify(counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Class of each sample of a batch.

    Parameters
    ----------
    counts : int or float array, shape (samples, classes)
        Spikes of each output neuron, or their mean over neurons of one class.

    Returns
    -------
    int64 array, shape (samples,)

    Raises
    ------
    ValidationError
        If there is no axis of samples, no class, or a count that is not a number.

    Examples
    --------
    >>> classify([[0, 3, 3], [0, 0, 0], [2, 1, 4]]).tolist()
    [1, 0, 2]
    """
    table = np.asarray(counts)
    if table.ndim != 2 or table.shape[1] == 0 or table.dtype.kind not in "biuf":
        raise ValidationError(
            "classify: expected spike counts of shape (samples, classes) with at least one class, "
            f"got dtype {table.dtype}, shape {table.shape}"
        )
    if table.dtype.kind == "f" and np.isnan(table).any():
        raise ValidationError("classify: expected spike counts, got NaN; check what counted them")
    best: npt.NDArray[np.int64] = np.argmax(table, axis=1).astype(np.int64)
    return best


def accuracy(predicted: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Share of samples, 0 to 1, whose class is right.

    Parameters
    ----------
    predicted, labels : int arrays, shape (samples,)

    Raises
    ------
    ValidationError
        If there is no sample, or the two differ in length.

    Examples
    --------
    >>> accuracy([1, 0, 2, 2], [1, 1, 2, 2])
    0.75
    """
    found, truth = np.asarray(predicted), np.asarray(labels)
    if found.shape != truth.shape or found.ndim != 1 or found.size == 0:
        raise ValidationError(
            "accuracy: expected as many predictions as labels and at least one, got shapes "
            f"{found.shape} and {truth.shape}"
        )
    return float(np.mean(found == truth))
