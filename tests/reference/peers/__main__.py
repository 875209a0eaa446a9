# SPDX-License-Identifier: Apache-2.0
"""Write the traces and their manifest: ``python -m tests.reference.peers`` with NEST, Brian2."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.reference.peers import brian2_rules, nest_rules
from tests.reference.peers.trains import SEED

FOLDER = Path(__file__).parent
MANIFEST = "MANIFEST.json"


def main() -> None:
    """Write one file per simulator."""
    manifest = {}
    for name, peer in (("nest", nest_rules), ("brian2", brian2_rules)):
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(peer.traces(), separators=(",", ":")) + "\n", encoding="utf-8")
        manifest[path.name] = {
            "generator": f"{name}_rules.py",
            "version": peer.VERSION,
            "seed": SEED,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    text = json.dumps(manifest, indent=2) + "\n"
    (FOLDER / MANIFEST).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
