"""One record per customer: SQL models from bronze rows to gold tables, look-up, rule segments, serving bundle."""

from pathlib import Path

SQL = Path(__file__).parent / "sql"
"""The product's own models, joined in a run by those in the project's `sql/`."""
