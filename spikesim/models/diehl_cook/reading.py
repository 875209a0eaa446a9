# SPDX-License-Identifier: Apache-2.0
"""From spike counts to digits: neurons get the labels of what they answer to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.core.decode import accuracy, classify
from spikesim.errors import ValidationError
from spikesim.models.diehl_cook.network import DigitNetwork, Learned
from spikesim.models.diehl_cook.presenting import Counts, Presenter

Labels = npt.NDArray[np.int64]
SILENT = -1
"""Label of a neuron that never fired."""


def assign(counts: Counts, labels: npt.ArrayLike, n_classes: int = 10) -> Labels:
    """Label each neuron with the class to which it fires most, on average over images.

    Parameters
    ----------
    counts : int array, shape (n_images, n)
        Spikes of each neuron at each image; training images only.
    labels : int array, shape (n_images,)
        Classes of these images.
    n_classes : int

    Returns
    -------
    int64 array, shape (n,)
        Classes; -1 for a neuron that never fired.

    Examples
    --------
    The second neuron fires as often for class 0, but that class was shown more often.

    >>> assign(np.array([[3, 1, 0], [3, 1, 0], [0, 2, 0]]), [0, 0, 1], n_classes=2).tolist()
    [0, 1, -1]
    """
    classes = np.asarray(labels)
    totals = np.zeros((n_classes, counts.shape[1]))
    np.add.at(totals, classes, counts)
    return strongest(totals, np.bincount(classes, minlength=n_classes))


def strongest(totals: npt.NDArray[np.float64], images: npt.ArrayLike) -> Labels:
    """Class of the highest mean count of each neuron.

    Parameters
    ----------
    totals : float array, shape (n_classes, n)
        Spikes of each neuron summed over the images of each class.
    images : int array, shape (n_classes,)
        Images of each class.
    """
    mean = totals / np.maximum(np.asarray(images), 1)[:, None]
    return np.where(totals.any(axis=0), classify(mean.T), SILENT)


def predict(counts: Counts, assigned: Labels, n_classes: int = 10) -> Labels:
    """Class whose neurons fire most, on average over the neurons of that class.

    Parameters
    ----------
    counts : int array, shape (n_images, n)
    assigned : int array, shape (n,)
        What ``assign`` gave.

    Examples
    --------
    >>> predict(np.array([[5, 0, 4], [1, 0, 2]]), np.array([0, 0, 1]), n_classes=2).tolist()
    [1, 1]
    """
    member = np.asarray(assigned)[:, None] == np.arange(n_classes)
    means = counts @ member / np.maximum(member.sum(axis=0), 1)
    return classify(means)


def respond(
    model: DigitNetwork, learned: Learned, images: npt.ArrayLike, *, seed: int = 0
) -> Counts:
    """Spikes of each excitatory neuron at each image, weights and thresholds fixed.

    Parameters
    ----------
    model : DigitNetwork
    learned : Learned
    images : float array, shape (n_images, ...), 0 to 1
    seed : int
        Of the random inputs and delays; that of the training, where delays matter.
    """
    presenter = Presenter(model, seed, learned)
    counts = [presenter.show(image) for image in np.asarray(images)]
    return np.array(counts, dtype=np.int64).reshape(-1, model.n)


@dataclass(frozen=True, eq=False)
class Result:
    """How well digits are told apart.

    Attributes
    ----------
    accuracy : float
        Share of the test images.
    assigned : int64 array, shape (n,)
    confusion : int64 array, shape (classes, classes)
        True class in rows, predicted one in columns.
    """

    accuracy: float
    assigned: Labels
    confusion: npt.NDArray[np.int64]


def evaluate(
    model: DigitNetwork,
    learned: Learned,
    labelled: tuple[npt.ArrayLike, npt.ArrayLike],
    test: tuple[npt.ArrayLike, npt.ArrayLike],
    *,
    seed: int = 0,
    n_classes: int = 10,
) -> Result:
    """Label the neurons with some images, and tell others apart.

    Parameters
    ----------
    labelled : images and classes
        Training images.
    test : images and classes
        Images that neither training nor labels have seen.

    Raises
    ------
    ValidationError
        If images and classes differ in number.
    """
    for name, (images, labels) in (("labelled", labelled), ("test", test)):
        if len(np.asarray(images)) != len(np.asarray(labels)):
            raise ValidationError(
                f"evaluate: expected one class per {name} image, got {len(np.asarray(labels))} "
                f"for {len(np.asarray(images))}"
            )
    assigned = assign(respond(model, learned, labelled[0], seed=seed), labelled[1], n_classes)
    guessed = predict(respond(model, learned, test[0], seed=seed), assigned, n_classes)
    truth = np.asarray(test[1])
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(confusion, (truth, guessed), 1)
    return Result(accuracy(guessed, truth), assigned, confusion)
