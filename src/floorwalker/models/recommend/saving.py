"""Fitted models in a folder: arrays in `model.npz`, names and settings in `model.json`, no pickle.

In: a folder, a model's name, its settings and its arrays. Out: two files; and back.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp()) / "popular"
>>> write_model(folder, "popular", {"days": 30}, {"score": np.array([1.0, 2.0])})
>>> params, arrays = read_model(folder, "popular")
>>> params, arrays["score"].tolist()
({'days': 30}, [1.0, 2.0])
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from floorwalker.errors import NotFoundError, StateError

SCHEMA = 1
"""Version of the two files; goes up when their meaning changes."""


def write_model(folder: Path, name: str, params: dict[str, Any], arrays: dict[str, NDArray]) -> None:
    """Write both files into `folder`, which is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "model.npz", allow_pickle=False, **arrays)
    words = {"schema": SCHEMA, "name": name, "params": params}
    (folder / "model.json").write_text(json.dumps(words, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_model(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Settings and arrays of the model `name` in `folder`.

    Raises NotFoundError when there is none, StateError when it is damaged, newer, or of another kind.
    """
    try:
        words = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with np.load(folder / "model.npz", allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise NotFoundError(
            f"no model in {folder}", why=f"{Path(error.filename or '').name} is missing", fix="run `floorwalker run`"
        ) from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise StateError(f"the model in {folder} cannot be read", why=str(error), fix="fit it again") from error
    if words.get("schema") != SCHEMA or words.get("name") != name:
        raise StateError(
            f"the model in {folder} is not a '{name}' of schema {SCHEMA}",
            why=f"it says '{words.get('name')}', schema {words.get('schema')}",
            fix="fit it again with this version",
        )
    return words["params"], arrays
