# SPDX-License-Identifier: Apache-2.0
"""``spikesim compile``: from a network file to a program file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikesim.cli.output import OVERWRITE, Output, check_target, examples
from spikesim.errors import ValidationError, errors_of

if TYPE_CHECKING:
    from spikesim.hw.config import CoreConfig
    from spikesim.hw.program import Program
    from spikesim.network import Network

DEFAULT_CORE = "up5k"
COMMAND = "compile_command"
EPILOG = examples(
    ("spikesim compile net.npz -o prog.spk", "for the iCE40 UP5K core"),
    ("spikesim compile mnist.npz -o mnist.spk --config large", "1,024 axons"),
    (
        "spikesim compile net.npz -o prog.spk --config core.toml",
        "a core of your own, by lines such as n_axons = 512",
    ),
)


def compile_command(
    network: Annotated[Path, typer.Argument(help="Network file (spikesim train, Network.save).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Program file to write.")] = Path(
        "prog.spk"
    ),
    config: Annotated[
        str, typer.Option(help="Core: up5k, large, or a TOML file with its sizes.")
    ] = DEFAULT_CORE,
    overwrite: Annotated[bool, OVERWRITE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on stdout.")] = False,
) -> None:
    """Quantize a network, fit it into the core's memories and save the program.

    What does not fit is refused with every limit, the need, and what to change. The report shows
    memory, rows, predicted cycles and times, and the quantization error of each layer.
    """
    from spikesim.data.provenance import Provenance
    from spikesim.hw.compile import compile_network
    from spikesim.network import Network

    check_target("--out", out, overwrite, network)
    net = Network.load(network)
    trained = Provenance.from_meta(net.meta)
    compiled = compile_network(net, core_config(config))
    compiled.program.save(out)
    document = {
        "program": str(out), "hash": compiled.program.hash(),
        "program_id": compiled.program.program_id, "config": compiled.program.config.to_dict(),
        "memory": memory_document(compiled.program), **compiled.report.to_dict(),
    }  # fmt: skip
    output = Output(as_json)
    output.result(document, str(compiled.report))
    rest = "" if trained else " --data IMAGES.npz --steps TICKS"
    output.note(f"saved {out}; next: spikesim run {out}{rest}")


def compile_hint(net: Network, path: Path) -> str:
    """Give the command that compiles a network, for the smallest core that takes its inputs."""
    from spikesim.hw.config import NAMED_CORES

    lines = sum(population.n for population in net.inputs.values())
    fitting = [name for name, make in NAMED_CORES.items() if make().n_axons >= lines]
    config = f" --config {fitting[0]}" if fitting and fitting[0] != DEFAULT_CORE else ""
    return f"spikesim compile {path} -o prog.spk{config}"


def core_config(name: str) -> CoreConfig:
    """Give the core of a name or of a TOML file.

    Raises
    ------
    ValidationError
        If there is no such core, or a size is unknown or illegal.
    """
    from spikesim.hw.config import NAMED_CORES, CoreConfig

    if name in NAMED_CORES:
        return CoreConfig.of(name)
    path = Path(name)
    if not path.is_file():
        raise ValidationError(
            f"--config {name!r}: expected {', '.join(NAMED_CORES)} or a TOML file; there is no "
            "such file"
        )
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValidationError(f"{path}: expected TOML, got: {error}") from None
    defaults = CoreConfig.default().to_dict()
    unknown = sorted(set(values) - set(defaults))
    if unknown:
        raise ValidationError(f"{path}: expected sizes among {sorted(defaults)}, got {unknown}")
    with errors_of(str(path)):
        return CoreConfig.from_dict({**defaults, **values})


def memory_document(program: Program) -> dict[str, list[int]]:
    """Count used and available entries of the core's memories."""
    config = program.config
    return {
        "weight_words": [program.weights.shape[0], config.weight_words],
        "neurons": [sum(n for _, n, _ in program.groups.values()), config.n_neurons],
        "axons": [program.n_axons_used, config.n_axons],
        "populations": [len(program.populations), config.n_populations],
    }
