# SPDX-License-Identifier: Apache-2.0
"""Constants that travel with the state_dict of a module, and are compared when one is loaded."""

from __future__ import annotations

import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


class WithConstants(torch.nn.Module, ABC):
    """A module whose parameters mean something only with numbers and modes that are no tensors.

    They are an entry of the state_dict, ``_extra_state``: a tensor, as all others are, of the
    bytes of a text. A module with others refuses to load it, as it does tensors of another shape;
    without the entry, which older ones lack, that is not known, and a warning is logged.
    """

    @abstractmethod
    def constants(self) -> dict[str, Any]:
        """Numbers, texts and None by name; nothing that training changes."""

    def get_extra_state(self) -> Tensor:
        """Give the constants, as JSON in UTF-8; uint8."""
        text = json.dumps(self.constants()).encode()
        return torch.tensor([*text], dtype=torch.uint8, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """Nothing is left to do: they are the same."""

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: Any, strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Load what belongs to the same constants, else nothing.

        What differs is told together with all that torch finds, in its one RuntimeError.
        """
        key, who = f"{prefix}_extra_state", prefix.rstrip(".") or type(self).__name__
        own = self.constants()
        if key not in state_dict:
            _log.warning(
                "%s: the state_dict has no %r, so whether it was saved with the same constants is "
                "not known; save it again to have them compared", who, key,
            )  # fmt: skip
            state_dict = {**state_dict, key: self.get_extra_state()}
        elif problem := _difference(own, _read(state_dict[key])):
            error_msgs.append(
                f"{who}: {problem}; build the {type(self).__name__} as it was, or remove {key!r} "
                "from the state_dict to load the rest nevertheless"
            )
            return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def without_address(text: str) -> str:
    """Text of an object without where it lies in memory, which differs from process to process.

    Examples
    --------
    >>> without_address("<function f at 0x7f01>")
    '<function f>'
    """
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _read(entry: Any) -> Mapping[str, Any] | None:
    """Constants of an entry; None where it is none."""
    try:
        found = json.loads(bytes(entry.cpu().to(torch.uint8).tolist()))
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return found if isinstance(found, dict) else None


def _difference(own: Mapping[str, Any], given: Mapping[str, Any] | None) -> str | None:
    if given is None:
        return "expected constants in the state_dict, got an entry that cannot be read"
    names = [
        name
        for name in dict.fromkeys([*own, *given])
        if name not in own or name not in given or own[name] != given[name]
    ]
    if not names:
        return None
    return f"expected a state_dict saved with {_shown(own, names)}, got {_shown(given, names)}"


def _shown(constants: Mapping[str, Any], names: list[str]) -> str:
    return ", ".join(
        f"{name}={constants[name]!r}" if name in constants else f"no {name}" for name in names
    )
