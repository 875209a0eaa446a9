# SPDX-License-Identifier: Apache-2.0
"""Digits learned without labels: Diehl & Cook (2015), with any of its four rules.

    python -m spikesim.models.diehl_cook --n 100

trains on MNIST, labels the neurons with training images, and prints the accuracy on the test
images beside the published one:

    N = 100, exponential rule, 20,000 images    82.5 ± 0.4 %    published 82.9 %
    N = 400, triplet rule, 60,000 images        89.8 ± 0.2 %    published 87.0 %

over three seeds each, in 49 and 150 s of CPU to learn. docs/models-learning.md has more, also
what failed.

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
