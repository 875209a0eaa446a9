# SPDX-License-Identifier: Apache-2.0
"""Training: torch layers, surrogate gradients, integers in the loop, export to `Network`.

Time is the first axis everywhere: tensors are (T, B, ...). A net is any torch module made of
neurons and ordinary modules; `run` runs it over time, `advance` with the state it holds.
"""

from spikesim.fixed import Quantization
from spikesim.nn import decode, encode, functional, recipes
from spikesim.nn.activity import WithActivity
from spikesim.nn.adaptive import ALIFLayer, ALIFState
from spikesim.nn.analog import analog_input
from spikesim.nn.conversion import QCFS, CountMaxPool, SignedIF
from spikesim.nn.delay import Delay
from spikesim.nn.delay_training import DelayScores, delay_scores, harden_delays, narrow_delays
from spikesim.nn.delayed import DelayedConv, DelayedLinear
from spikesim.nn.energy import EnergyReport, energy
from spikesim.nn.evaluate import accuracy, evaluate, predict
from spikesim.nn.explain import explain
from spikesim.nn.export import export
from spikesim.nn.functional import LIFParams, LIFState
from spikesim.nn.history import Evaluation, History
from spikesim.nn.infer import Inference
from spikesim.nn.loggers import CSVLog, TensorBoardLog
from spikesim.nn.loss import (
    CountCrossEntropy,
    CountMSE,
    FirstSpikeCrossEntropy,
    MembraneCrossEntropy,
    RateCrossEntropy,
    VanRossum,
)
from spikesim.nn.network import Conv2d, Linear, SpikingNet
from spikesim.nn.neuron import LIFLayer
from spikesim.nn.norm import BatchNorm, Dropout
from spikesim.nn.online import OTTT
from spikesim.nn.ops import Backend, backend
from spikesim.nn.preset_snntorch import like_snntorch
from spikesim.nn.presets import (
    like_hardware,
    like_norse,
    like_sinabs,
    like_spikingjelly,
)
from spikesim.nn.quant import IntegerNet
from spikesim.nn.readout import LI
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
from spikesim.nn.train import fit

__all__ = [
    "ALIFLayer",
    "ALIFState",
    "ATan",
    "Backend",
    "BatchNorm",
    "Boxcar",
    "CSVLog",
    "Conv2d",
    "CountCrossEntropy",
    "CountMSE",
    "CountMaxPool",
    "Delay",
    "DelayScores",
    "DelayedConv",
    "DelayedLinear",
    "Diagonal",
    "Dropout",
    "EnergyReport",
    "Evaluation",
    "FastSigmoid",
    "FirstSpikeCrossEntropy",
    "History",
    "Inference",
    "IntegerNet",
    "LI",
    "LIFLayer",
    "LIFParams",
    "LIFState",
    "Linear",
    "MembraneCrossEntropy",
    "NetState",
    "OTTT",
    "QCFS",
    "Quantization",
    "RateCrossEntropy",
    "Recurrent",
    "RecurrentState",
    "Sigmoid",
    "SignedIF",
    "SpikingNet",
    "Stateful",
    "Surrogate",
    "SurrogateCode",
    "TensorBoardLog",
    "TrainedModel",
    "Triangle",
    "VanRossum",
    "WithActivity",
    "accuracy",
    "advance",
    "analog_input",
    "backend",
    "decode",
    "delay_scores",
    "detach",
    "detached",
    "encode",
    "energy",
    "evaluate",
    "explain",
    "export",
    "fit",
    "functional",
    "harden_delays",
    "like_hardware",
    "like_norse",
    "like_sinabs",
    "like_snntorch",
    "like_spikingjelly",
    "narrow_delays",
    "predict",
    "recipes",
    "reset",
    "run",
    "spike",
    "step",
    "surrogate_code",
]
