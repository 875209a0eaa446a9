# SPDX-License-Identifier: Apache-2.0
"""Training: torch layers, surrogate gradients, integers in the loop, export to `Network`.

Time is the first axis everywhere: tensors are (T, B, ...). A net is any torch module made of
neurons and ordinary modules; `run` runs it over time, `advance` with the state it holds.
"""

from spikesim.fixed import Quantization
from spikesim.nn import decode, encode, functional, recipes
from spikesim.nn.arithmetic.surrogate import (
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
from spikesim.nn.energy import EnergyReport, Meter, energy
from spikesim.nn.explain import explain
from spikesim.nn.functional import LIFParams, LIFState
from spikesim.nn.gradients.dsr import DSR
from spikesim.nn.gradients.eprop import EProp
from spikesim.nn.gradients.method import GradientMethod
from spikesim.nn.gradients.online import OTTT
from spikesim.nn.graph.analog import analog_input
from spikesim.nn.graph.export import export
from spikesim.nn.inference.infer import Inference
from spikesim.nn.integers.calibrate import calibrate
from spikesim.nn.integers.quant import IntegerNet
from spikesim.nn.integers.trajectories import LayerError, TrajectoryError, trajectory_error
from spikesim.nn.layers.conversion import QCFS, CountMaxPool, SignedIF
from spikesim.nn.layers.delay import Delay
from spikesim.nn.layers.delay_training import (
    DelayScores,
    delay_scores,
    harden_delays,
    narrow_delays,
)
from spikesim.nn.layers.delayed import DelayedConv, DelayedLinear
from spikesim.nn.layers.network import Conv2d, Linear, SpikingNet
from spikesim.nn.layers.norm import BatchNorm, Dropout
from spikesim.nn.layers.recurrent import Diagonal, Recurrent, RecurrentState
from spikesim.nn.loss import (
    CountCrossEntropy,
    CountMSE,
    FirstSpikeCrossEntropy,
    MembraneCrossEntropy,
    RateCrossEntropy,
    VanRossum,
)
from spikesim.nn.neurons.adaptive import ALIFLayer, ALIFState
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.neurons.readout import LI
from spikesim.nn.ops import Backend, backend
from spikesim.nn.presets.frameworks import (
    like_hardware,
    like_norse,
    like_sinabs,
    like_spikingjelly,
)
from spikesim.nn.presets.snntorch import like_snntorch
from spikesim.nn.recipes import TrainedModel
from spikesim.nn.time.running import NetState, advance, run, step
from spikesim.nn.time.stateful import Stateful, detach, detached, reset
from spikesim.nn.training.activity import WithActivity
from spikesim.nn.training.evaluate import accuracy, evaluate, predict
from spikesim.nn.training.history import Evaluation, History
from spikesim.nn.training.loggers import CSVLog, TensorBoardLog
from spikesim.nn.training.train import fit

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
    "DSR",
    "Delay",
    "DelayScores",
    "DelayedConv",
    "DelayedLinear",
    "Diagonal",
    "Dropout",
    "EProp",
    "EnergyReport",
    "Evaluation",
    "FastSigmoid",
    "FirstSpikeCrossEntropy",
    "GradientMethod",
    "History",
    "Inference",
    "IntegerNet",
    "LI",
    "LIFLayer",
    "LIFParams",
    "LIFState",
    "LayerError",
    "Linear",
    "MembraneCrossEntropy",
    "Meter",
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
    "TrajectoryError",
    "Triangle",
    "VanRossum",
    "WithActivity",
    "accuracy",
    "advance",
    "analog_input",
    "backend",
    "calibrate",
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
    "trajectory_error",
]
