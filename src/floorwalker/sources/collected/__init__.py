"""What SDKs sent, on its way into the bronze tables.

frames_to_rows   frames of the log → a table of events, and of those that do not count
flatten          events → rows of the vocabulary's kinds, in SQL
live_rows        the same events as rows, one by one and without a database, for what must know within a moment
row_code         the mapping's maps as generated Python functions, for live_rows
expressions      the mapping's SQL as Python source, for row_code
values           single values as a database has them, in Python
collected.toml   the mapping by which these rows are read; a project may have its own
"""

from pathlib import Path

COLLECTED = Path(__file__).with_name("collected.toml")
"""The mapping."""
