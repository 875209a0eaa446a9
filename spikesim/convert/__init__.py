# SPDX-License-Identifier: Apache-2.0
"""Networks of other frameworks as networks of this one, and back.

Names are loaded on first use, so that a framework has to be installed only where it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikesim.convert.ann import Converted as Converted
    from spikesim.convert.ann import convert as convert
    from spikesim.convert.nir import from_nir as from_nir
    from spikesim.convert.nir import to_nir as to_nir
    from spikesim.convert.norse import from_norse as from_norse
    from spikesim.convert.norse import to_norse as to_norse
    from spikesim.convert.sinabs import from_sinabs as from_sinabs
    from spikesim.convert.sinabs import to_sinabs as to_sinabs
    from spikesim.convert.snntorch import from_snntorch as from_snntorch
    from spikesim.convert.snntorch import to_snntorch as to_snntorch
    from spikesim.convert.spikingjelly import from_spikingjelly as from_spikingjelly
    from spikesim.convert.spikingjelly import to_spikingjelly as to_spikingjelly

# Public name -> module that defines it.
_EXPORTS = {
    "Converted": "spikesim.convert.ann",
    "convert": "spikesim.convert.ann",
    "from_nir": "spikesim.convert.nir",
    "from_norse": "spikesim.convert.norse",
    "from_sinabs": "spikesim.convert.sinabs",
    "from_snntorch": "spikesim.convert.snntorch",
    "from_spikingjelly": "spikesim.convert.spikingjelly",
    "to_nir": "spikesim.convert.nir",
    "to_norse": "spikesim.convert.norse",
    "to_sinabs": "spikesim.convert.sinabs",
    "to_snntorch": "spikesim.convert.snntorch",
    "to_spikingjelly": "spikesim.convert.spikingjelly",
}

__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_EXPORTS))
