"""Starts Larkspur: `python examples/newsletter/app.py --config FILE.json`.

The application itself is in `web.py`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    # This folder is a package wherever it lies, in a clone or inside an installed wheel.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    import_module(f"{Path(__file__).resolve().parent.name}.web").main()
