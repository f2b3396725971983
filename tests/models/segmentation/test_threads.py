"""Clusters are fitted on one thread, also where nothing had loaded scikit-learn before: sums keep their order."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
from threadpoolctl import threadpool_info
from floorwalker.models.segmentation import clusters
from floorwalker.models.segmentation.settings import SegmentationSettings

assert "sklearn" not in sys.modules, "a run that fits nothing must not wait for scikit-learn"
seen = []
search = clusters.search

def watched(*arguments):
    found = search(*arguments)
    seen.extend(pool["num_threads"] for pool in threadpool_info())
    return found

clusters.search = watched
clusters.train(np.random.default_rng(0).uniform(1, 90, (60, 3)), SegmentationSettings())
print(sorted(set(seen)))
"""


def test_one_thread_even_when_scikit_learn_is_loaded_late() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[1]"
