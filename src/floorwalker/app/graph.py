"""The run's graph: the product's models and steps, joined by the user's own models.

In: a project and its settings. Out: a `Graph` from bronze tables to gold ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from floorwalker.engines.models import SqlModel, load_models
from floorwalker.engines.runner import Graph, plan
from floorwalker.engines.steps import Step
from floorwalker.errors import ModelError
from floorwalker.events.vocabulary import KINDS
from floorwalker.profiles import SQL

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project

BRONZE = tuple(f"bronze.{kind}" for kind in KINDS)


def all_models(project: Project) -> list[SqlModel]:
    """The product's models, then the project's. A project may not redefine one of the product's tables."""
    own = load_models(SQL)
    theirs = load_models(project.sql) if project.sql.exists() else []
    taken = {model.name for model in own}
    for model in theirs:
        if model.name in taken:
            raise ModelError(f"{model.where} would replace the product's own {model.name}", fix="give it another name")
    return own + theirs


def all_steps(project: Project, settings: Settings) -> list[Step]:
    """The rooms' steps in Python."""
    from floorwalker.identity.steps import steps as identity_steps
    from floorwalker.models.recommend.steps import steps as recommend_steps
    from floorwalker.models.segmentation.steps import steps as segmentation_steps
    from floorwalker.profiles.segments import segment_steps

    return [
        *identity_steps(settings.identity),
        *segmentation_steps(settings.segmentation),
        *segment_steps(project.policies / "segments.toml"),
        *recommend_steps(settings.recommend),
    ]


def build_graph(project: Project, settings: Settings, extra: Iterable[Step] = ()) -> Graph:
    """Plan the whole run. Raises ModelError for whatever does not fit together."""
    return plan(all_models(project), [*all_steps(project, settings), *extra], BRONZE)
