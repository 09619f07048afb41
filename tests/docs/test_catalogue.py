"""The generated pages are what the code says today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_catalogue_is_current():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "catalogue", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
