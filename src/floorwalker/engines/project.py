"""A project folder: where everything a retailer's Floorwalker owns lies.

In: a path. Out: the paths below it and the project's secret key.

    floorwalker.toml  mappings/  sql/  policies/       what people write
    state/            lake/ bundles/ floorwalker.db …  what the product writes

>>> import tempfile
>>> project = Project(tempfile.mkdtemp())
>>> project.lake.relative_to(project.root).as_posix()
'state/lake'
"""

from __future__ import annotations

import contextlib
import os
import secrets
from functools import cached_property
from pathlib import Path


class Project:
    """Paths of one project; creates `state/` lazily, never the files people write."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).resolve()

    @property
    def config_file(self) -> Path:
        return self.root / "floorwalker.toml"

    @property
    def mappings(self) -> Path:
        return self.root / "mappings"

    @property
    def sql(self) -> Path:
        return self.root / "sql"

    @property
    def policies(self) -> Path:
        return self.root / "policies"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def lake(self) -> Path:
        return self.state / "lake"

    @property
    def bundles(self) -> Path:
        return self.state / "bundles"

    @property
    def database(self) -> Path:
        """SQLite: runs, deliveries, quarantine, identity registry, suppression, keys, receipts."""
        return self.state / "floorwalker.db"

    @cached_property
    def secret(self) -> bytes:
        """The project's key for keyed hashes: FLOORWALKER_SECRET, else a file made once with mode 0600."""
        from_env = os.environ.get("FLOORWALKER_SECRET")
        if from_env:
            return from_env.encode()
        path = self.state / "secret.key"
        if not path.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            made = self.state / f"secret.{secrets.token_hex(4)}.new"
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            # Of several processes that make one, the first to link it has it; nobody reads half a key.
            with contextlib.suppress(FileExistsError):
                os.link(made, path)
            made.unlink()
        return path.read_text().strip().encode()
