"""What SDKs sent, on its way into the bronze tables.

frames_to_rows   frames of the log → a table of events, and of those that do not count
flatten          events → rows of the vocabulary's kinds, in SQL
collected.toml   the mapping by which these rows are read; a project may have its own
"""

from pathlib import Path

COLLECTED = Path(__file__).with_name("collected.toml")
"""The mapping."""
