# SPDX-License-Identifier: Apache-2.0
"""Training: torch layers, surrogate gradients, integers in the loop, export to `Network`.

Time is the first axis everywhere: tensors are (T, B, ...). A net is any torch module made of
neurons and ordinary modules; `run` runs it over time, `advance` with the state it holds.
"""

from spikesim.fixed import Quantization
from spikesim.nn import decode, encode, functional, recipes
from spikesim.nn.analog import analog_input
from spikesim.nn.conversion import QCFS, CountMaxPool, SignedIF
from spikesim.nn.delay import Delay
from spikesim.nn.explain import explain
from spikesim.nn.export import export
from spikesim.nn.functional import LIFParams, LIFState
from spikesim.nn.loss import CountCrossEntropy, CountMSE
from spikesim.nn.network import Linear, SpikingNet
from spikesim.nn.neuron import LIFLayer
from spikesim.nn.online import OTTT
from spikesim.nn.quant import IntegerNet
from spikesim.nn.recipes import TrainedModel
from spikesim.nn.recurrent import Diagonal, Recurrent, RecurrentState
from spikesim.nn.running import NetState, advance, run, step
from spikesim.nn.stateful import Stateful, detach, detached, reset
from spikesim.nn.surrogate import (
    ATan,
    Boxcar,
    FastSigmoid,
    Sigmoid,
    Surrogate,
    SurrogateCode,
    Triangle,
    spike,
    surrogate_code,
)
from spikesim.nn.train import History, accuracy, fit, predict

__all__ = [
    "ATan",
    "Boxcar",
    "CountCrossEntropy",
    "CountMSE",
    "CountMaxPool",
    "Delay",
    "Diagonal",
    "FastSigmoid",
    "History",
    "IntegerNet",
    "LIFLayer",
    "LIFParams",
    "LIFState",
    "Linear",
    "NetState",
    "OTTT",
    "QCFS",
    "Quantization",
    "Recurrent",
    "RecurrentState",
    "Sigmoid",
    "SignedIF",
    "SpikingNet",
    "Stateful",
    "Surrogate",
    "SurrogateCode",
    "TrainedModel",
    "Triangle",
    "accuracy",
    "advance",
    "analog_input",
    "decode",
    "detach",
    "detached",
    "encode",
    "explain",
    "export",
    "fit",
    "functional",
    "predict",
    "recipes",
    "reset",
    "run",
    "spike",
    "step",
    "surrogate_code",
]
