"""Run the room's steps on a table of records, in memory."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.steps import steps
from tests.steps import MemoryContext

MAP = pa.schema([("record_id", pa.string()), ("customer_id", pa.string())])
ALIASES = pa.schema(
    [("customer_id", pa.string()), ("alias_of", pa.string()), ("since_run", pa.string()), ("since", pa.date32())]
)
Run = Callable[..., MemoryContext]
