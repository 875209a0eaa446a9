# SPDX-License-Identifier: Apache-2.0
"""Accuracy of converted nets on Fashion-MNIST: ``python -m benchmarks.conversion --quick``.

Trains three artificial nets (stacked convolutions with max-pooling, residual blocks, depthwise
convolutions with ReLU6) and one with QCFS, converts each in several ways without training, and
compares accuracy and classes with the artificial net. The images are looked for as
``spikesim.data.fashion_mnist`` says, or where ``--data`` says; ``--cifar`` adds residual blocks on
CIFAR-10 from a file (arrays x_train, y_train, x_test, y_test; images (n, 32, 32, 3) of bytes).
Rows go to ``benchmarks/results/conversion.json`` as soon as they are there, in the places of
earlier ones; trained nets are kept in ``build/benchmarks``, so that a run that is cut off goes on
from them. With ``--quick`` nothing is kept. Exit code 1 if a mean over seeds misses its goal.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim import data, nn
from spikesim.convert.ann import convert

RESULT = Path(__file__).parent / "results" / "conversion.json"
FOLDER = Path("build/benchmarks")
Activation = Callable[[], torch.nn.Module]


def block(n_in: int, n_out: int, act: Activation, **options: Any) -> list[torch.nn.Module]:
    """Convolution of 3x3, batch normalization, activation."""
    conv = torch.nn.Conv2d(n_in, n_out, 3, padding=1, bias=False, **options)
    return [conv, torch.nn.BatchNorm2d(n_out), act()]


def vgg(act: Activation = torch.nn.ReLU) -> torch.nn.Module:
    """Four convolutions with max-pooling after each second, and a hidden layer."""
    return torch.nn.Sequential(
        *block(1, 16, act), *block(16, 16, act), torch.nn.MaxPool2d(2),
        *block(16, 32, act), *block(32, 32, act), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Dropout(0.2), torch.nn.Linear(32 * 49, 64), act(),
        torch.nn.Linear(64, 10),
    )  # fmt: skip


class Residual(torch.nn.Module):
    """Two convolutions beside a skip, which has one of 1x1 where shapes differ."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            *block(n_in, n_out, torch.nn.ReLU, stride=stride),
            *block(n_out, n_out, torch.nn.ReLU)[:2],
        )
        self.skip: torch.nn.Module = torch.nn.Identity()
        if stride > 1 or n_in != n_out:
            short = torch.nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False)
            self.skip = torch.nn.Sequential(short, torch.nn.BatchNorm2d(n_out))
        self.act = torch.nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Give the activation of the sum."""
        out = self.body(x)
        out += self.skip(x)
        return self.act(out)


def resnet(channels: int = 1) -> torch.nn.Module:
    """Give four residual blocks and the mean of what they find."""
    return torch.nn.Sequential(
        *block(channels, 16, torch.nn.ReLU, stride=2), Residual(16, 16, 1), Residual(16, 32, 2),
        Residual(32, 32, 1), Residual(32, 32, 1), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(32, 10),
    )  # fmt: skip


def depthwise() -> torch.nn.Module:
    """Give three depthwise separable convolutions with ReLU6."""
    rows = [*block(1, 16, torch.nn.ReLU6, stride=2)]
    for n_in, n_out, stride in ((16, 32, 1), (32, 64, 2), (64, 64, 1)):
        rows += block(n_in, n_in, torch.nn.ReLU6, stride=stride, groups=n_in)
        one = torch.nn.Conv2d(n_in, n_out, 1, bias=False)
        rows += [one, torch.nn.BatchNorm2d(n_out), torch.nn.ReLU6()]
    return torch.nn.Sequential(
        *rows, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10)
    )


@dataclass(frozen=True)
class Case:
    """A net, a way to convert it for T ticks, and what it has to reach.

    Attributes
    ----------
    may_lose : float or None
        Points of accuracy, at most.
    agree : float or None
        Percent of images with the class of the artificial net, at least.
    """

    net: str
    method: str
    steps: int
    may_lose: float | None = None
    agree: float | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What `convert` is called with."""
        refine = "offset" if "offset" in self.method else None
        neuron = "signed" if "signed" in self.method else "binary"
        return {"neuron": neuron, "refine": refine, "steps": self.steps}

    def missed(self, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether the mean over seeds misses the goal."""
        key = self.net, self.method, self.steps
        of = [row for row in rows if (row["net"], row["method"], row["T"]) == key]
        if not of:
            return False
        loss = sum(map(lost, of)) / len(of)
        agreement = 100.0 * sum(row["agreement"] for row in of) / len(of)
        too_much = self.may_lose is not None and loss > self.may_lose
        return too_much or (self.agree is not None and agreement < self.agree)


NETS: dict[str, Callable[[], torch.nn.Module]] = {
    "vgg": vgg, "resnet": resnet, "depthwise": depthwise, "vgg-qcfs8": lambda: vgg(qcfs),
    "resnet-cifar": lambda: resnet(3),
}  # fmt: skip
CASES = (
    Case("vgg", "binary", 8), Case("vgg", "binary", 16, 1.0), Case("vgg", "binary", 32, 0.5),
    Case("vgg", "signed", 8, 0.5), Case("resnet", "binary", 8), Case("resnet", "binary", 16, 1.5),
    Case("resnet", "binary", 32, 0.5), Case("resnet", "binary, offset", 8),
    Case("resnet", "signed", 8, 0.5), Case("depthwise", "binary", 32, 2.0),
    Case("depthwise", "signed", 8), Case("depthwise", "signed", 16, 1.0),
    Case("vgg-qcfs8", "binary", 8), Case("vgg-qcfs8", "binary, offset", 8, 0.5),
    Case("resnet-cifar", "binary", 32, agree=90.0),
    Case("resnet-cifar", "signed", 16, agree=95.0),
)  # fmt: skip


class Images(NamedTuple):
    """Images (n, channels, height, width), 0..1, and labels."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


def fashion(path: str | None) -> Images:
    split = data.fashion_mnist(path)
    arrays = split.x_train[:, None], split.y_train, split.x_test[:, None], split.y_test
    return Images(*map(torch.from_numpy, arrays))


def cifar(path: str) -> Images:
    with np.load(path) as file:
        x, y = ([file[f"{name}_{part}"] for part in ("train", "test")] for name in "xy")
    train, test = (torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255 for part in x)
    labels = [torch.from_numpy(part.astype(np.int64)) for part in y]
    return Images(train.contiguous(), labels[0], test.contiguous(), labels[1])


def qcfs() -> torch.nn.Module:
    """Give an activation in eight levels."""
    return nn.QCFS(8, threshold=4.0)


def train(net: torch.nn.Module, x: Tensor, y: Tensor, epochs: int, seed: int) -> None:
    """Train in place: Adam, one cycle of the learning rate, images mirrored at random."""
    dice = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters())
    n_steps = epochs * -(-len(x) // 128)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=n_steps)
    net.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), generator=dice).split(128):
            mirrored = torch.rand(len(chosen), 1, 1, 1, generator=dice) < 0.5
            images = torch.where(mirrored, x[chosen].flip(3), x[chosen])
            loss = torch.nn.functional.cross_entropy(net(images), y[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            rate.step()
    net.eval()


def rows_of(name: str, seed: int, images: Images, quick: bool) -> list[dict[str, Any]]:
    """Train one net and convert it in every way."""
    torch.manual_seed(seed)
    net = NETS[name]()
    x, y = (part[: 8000 if quick else None] for part in images[:2])
    test = tuple(part[: 1000 if quick else None] for part in images[2:])
    epochs = (4 if quick else 6) * (3 if len(x) < 8000 else 1)
    file = FOLDER / f"conversion_{name}_{len(x)}_{epochs}_{seed}.pt"
    if file.exists() and not quick:
        net.load_state_dict(torch.load(file, weights_only=True))
        net.eval()
    else:
        start = time.process_time()
        train(net, x, y, epochs, seed)
        print(f"{name}, seed {seed}: trained in {time.process_time() - start:.0f} s", flush=True)
    if not quick:
        FOLDER.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), file)
    rows = []
    for case in CASES:
        if case.net != name:
            continue
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = convert(net, x[: 256 if quick else 1024], test=test, **case.options)
        report = made.report
        last = report.curve[-1]
        rows.append({
            "net": name, "method": case.method, "T": case.steps,
            "accuracy_ann": report.accuracy_ann, "accuracy": last.accuracy,
            "agreement": last.agreement, "seed": seed, "thresholds": report.method,
            "images": len(test[1]), "cpu_s": round(time.process_time() - start, 1),
            "may_lose": case.may_lose, "agree": case.agree,
        })  # fmt: skip
        print(line(rows[-1]), flush=True)
    return rows


def keep(rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into the file, in the places of those of the same net, method, T and seed."""
    old = json.loads(RESULT.read_text()) if RESULT.exists() else []
    kept = {(row["net"], row["method"], row["T"], row["seed"]): row for row in [*old, *rows]}
    RESULT.write_text(json.dumps(list(kept.values()), indent=1) + "\n")


def lost(row: dict[str, Any]) -> float:
    """Points of accuracy that a conversion costs."""
    return 100.0 * (row["accuracy_ann"] - row["accuracy"])


def line(row: dict[str, Any]) -> str:
    """Give a row of the table."""
    must = "" if row["may_lose"] is None else f" (may lose {row['may_lose']})"
    agree = "" if row["agree"] is None else f" (at least {row['agree']:.0f})"
    return (
        f"{row['net']:12} {row['method']:14} T {row['T']:2}: "
        f"ANN {100 * row['accuracy_ann']:.2f} %, lost {lost(row):+.2f} points{must}, "
        f"{100 * row['agreement']:.2f} % agree{agree}; "
        f"{row['thresholds']}; {row['cpu_s']} s"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="an .npz file or a folder with Fashion-MNIST")
    parser.add_argument("--quick", action="store_true", help="one seed, 8,000 and 1,000 images")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--cifar", help="an .npz file with CIFAR-10")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    clothes = fashion(options.data)
    sets = {name: clothes for name in options.nets if "cifar" not in name}
    if options.cifar:
        sets["resnet-cifar"] = cifar(options.cifar)
    rows = []
    for seed in range(1 if options.quick else options.seeds):
        for name, images in sets.items():
            rows += rows_of(name, seed, images, options.quick)
            if not options.quick:
                keep(rows)
    missed = sum(case.missed(rows) for case in CASES)
    print(
        f"{missed} of the means miss their goal" + ("" if options.quick else f"; rows in {RESULT}")
    )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
