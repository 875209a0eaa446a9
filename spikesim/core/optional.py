# SPDX-License-Identifier: Apache-2.0
"""Libraries that not everybody has."""

from __future__ import annotations

import importlib
from typing import Any

from spikesim.errors import ValidationError


def optional_library(name: str, who: str, extra: str = "analysis") -> Any:
    """Import a library of one of our extras, or say how to get it.

    Parameters
    ----------
    name : str
        Of the module.
    who : str
        Who needs it, in the message.
    extra : str
        Of ``pip install 'spikesim[...]'``.

    Raises
    ------
    ValidationError
        If it is not installed.

    Examples
    --------
    >>> optional_library("math", "example").sqrt(4.0)
    2.0
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValidationError(
            f"{who}: expected the library {name!r}, which cannot be imported ({error}); install "
            f"it with: pip install 'spikesim[{extra}]'"
        ) from error
