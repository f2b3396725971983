"""How much memory a piece of code takes at most, in a process of its own.

In: Python code. Out: what it prints, and the megabytes it held at most. Read from the kernel, which counts from the
program's start; `getrusage` would count the memory of the process that started it, too.

>>> peak_mb("print('done')")[0]
'done'
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.app.driving import environment

AT_THE_END = (
    "\nimport sys, pathlib, re; print(re.search(r'VmHWM:\\s+(\\d+)', "
    "pathlib.Path('/proc/self/status').read_text())[1], file=sys.stderr)"
)


def peak_mb(code: str, *arguments: str) -> tuple[str, int]:
    """Run `code`; its output and its peak."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of memory is told by /proc")
    command = [sys.executable, "-c", code + AT_THE_END, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), int(done.stderr.split()[-1]) // 1024
