"""Runs the demo host application as the supervisor's child: `python -m sealgate.demo.host APP --config FILE`.

The application itself knows nothing of supervisors: it is an example that people copy.
"""

from __future__ import annotations

import runpy
import sys

from sealgate.supervisor import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
