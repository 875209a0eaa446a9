# SPDX-License-Identifier: Apache-2.0
"""Training: torch layers, surrogate gradients, integers in the loop, export to `Network`.

Time is the first axis everywhere: tensors are (T, B, n).
"""

from spikesim.fixed import Quantization
from spikesim.nn import decode, encode, functional, recipes
from spikesim.nn.export import export
from spikesim.nn.functional import LIFParams, LIFState
from spikesim.nn.loss import CountCrossEntropy, CountMSE
from spikesim.nn.network import Linear, SpikingNet
from spikesim.nn.neuron import LIFLayer
from spikesim.nn.quant import IntegerNet
from spikesim.nn.recipes import TrainedModel
from spikesim.nn.surrogate import ATan, Boxcar, FastSigmoid, Sigmoid, Surrogate, Triangle, spike
from spikesim.nn.train import History, accuracy, fit, predict

__all__ = [
    "ATan",
    "Boxcar",
    "CountCrossEntropy",
    "CountMSE",
    "FastSigmoid",
    "History",
    "IntegerNet",
    "LIFLayer",
    "LIFParams",
    "LIFState",
    "Linear",
    "Quantization",
    "Sigmoid",
    "SpikingNet",
    "Surrogate",
    "TrainedModel",
    "Triangle",
    "accuracy",
    "decode",
    "encode",
    "export",
    "fit",
    "functional",
    "predict",
    "recipes",
    "spike",
]
