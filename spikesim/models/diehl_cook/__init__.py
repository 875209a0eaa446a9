# SPDX-License-Identifier: Apache-2.0
"""Digits learned without labels: Diehl & Cook (2015), with any of its four rules.

    python -m spikesim.models.diehl_cook --n 100

trains on MNIST, labels the neurons with training images, and prints the accuracy on the test
images beside the published one. docs/models-learning.md shows what came out.

References
----------
Diehl & Cook (2015), Unsupervised learning of digit recognition using spike-timing-dependent
plasticity, Front. Comput. Neurosci. 9:99.
"""

from spikesim.models.diehl_cook.network import DigitNetwork, Learned
from spikesim.models.diehl_cook.presenting import Presenter
from spikesim.models.diehl_cook.reading import Result, assign, evaluate, predict, respond
from spikesim.models.diehl_cook.training import Training

__all__ = [
    "DigitNetwork",
    "Learned",
    "Presenter",
    "Result",
    "Training",
    "assign",
    "evaluate",
    "predict",
    "respond",
]
