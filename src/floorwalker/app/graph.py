"""The run's graph: the product's models and steps, joined by the user's own models.

In: a project and its settings. Out: a `Graph` from bronze tables to gold ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floorwalker.engines.models import SqlModel, load_models
from floorwalker.engines.runner import Graph, plan
from floorwalker.engines.steps import Step
from floorwalker.errors import ModelError
from floorwalker.events.vocabulary import KINDS
from floorwalker.profiles import SQL
from floorwalker.profiles.catalogue import ALL as CATALOGUE
from floorwalker.profiles.features.custom import extended
from floorwalker.profiles.features.sql import models as feature_models

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project
    from floorwalker.identity.standing import Standing
    from floorwalker.profiles.features.definition import FeatureSet

BRONZE = tuple(f"bronze.{kind}" for kind in KINDS)


def feature_sets(project: Project) -> tuple[FeatureSet, ...]:
    """The catalogue, with the features of the project's own `features/*.toml`."""
    return extended(CATALOGUE, project.root / "features")


def all_models(project: Project) -> list[SqlModel]:
    """The product's models, then the project's."""
    own = own_models(feature_sets(project))
    return own + their_models(project, own)


def own_models(features: Iterable[FeatureSet] = CATALOGUE) -> list[SqlModel]:
    """The product's models; a test holds them to what travels, so a run need not. What a project adds to the features
    is in the language of expressions, which travels too."""
    return [*_shipped(), *(model for one in features for model in feature_models(one))]


@lru_cache(maxsize=1)
def _shipped() -> tuple[SqlModel, ...]:
    """The product's own files: the same all the time that a process lives."""
    return tuple(load_models(SQL))


def their_models(project: Project, own: Iterable[SqlModel]) -> list[SqlModel]:
    """The project's models. Raises ModelError when one would redefine a table of the product."""
    theirs = load_models(project.sql) if project.sql.exists() else []
    taken = {model.name for model in own}
    for model in theirs:
        if model.name in taken:
            raise ModelError(f"{model.where} would replace the product's own {model.name}", fix="give it another name")
    return theirs


def all_steps(project: Project, settings: Settings) -> list[Step]:
    """The rooms' steps in Python."""
    from floorwalker.governance.consent import load_consent_policy
    from floorwalker.identity.golden import golden_step
    from floorwalker.identity.guards import known as guarded
    from floorwalker.identity.household_steps import household_step
    from floorwalker.identity.review import step as review_step
    from floorwalker.identity.steps import steps as identity_steps
    from floorwalker.models.recommend.steps import steps as recommend_steps
    from floorwalker.models.segmentation.clusters import cluster_steps
    from floorwalker.models.segmentation.rfm import rfm_steps
    from floorwalker.profiles.segments import segment_steps

    consent = load_consent_policy(project.policies / "consent.toml")
    absent = "allow" if consent.when_absent("personalization") else "deny"
    return [
        *identity_steps(settings.identity, decided(project), guarded(project)),
        review_step(settings.identity),
        golden_step(settings.identity.golden),
        household_step(settings.identity.household),
        *rfm_steps(),
        *cluster_steps(settings.segmentation),
        *segment_steps(project.policies / "segments.toml"),
        *recommend_steps(settings.recommend, tracker_of(project) if settings.segmentation.track else None, absent),
    ]


def decided(project: Project) -> tuple[Standing, ...]:
    """What people have decided about who is who, as it stands now."""
    from floorwalker.app.state import open_state
    from floorwalker.identity.decisions import active

    if not project.database.exists():
        return ()
    with open_state(project) as state:
        return active(state)


def tracker_of(project: Project) -> Callable[[str, dict[str, Any], dict[str, float], Path], None]:
    """What the recommender calls to have a fitted model in MLflow: parameters, figures and the model's files."""

    def track(name: str, params: dict[str, Any], metrics: dict[str, float], folder: Path) -> None:
        from floorwalker.models.tracking import Tracker

        with Tracker(project).run(name, params, {"run_id": folder.name}) as run:
            run.metrics(metrics)
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                run.model_file("_".join(file.relative_to(folder).parts), file.read_bytes())

    return track


def build_graph(project: Project, settings: Settings, extra: Iterable[Step] = ()) -> Graph:
    """Plan the whole run. Raises ModelError for whatever does not fit together."""
    own = own_models(feature_sets(project))
    steps = [*all_steps(project, settings), *extra]
    return plan([*own, *their_models(project, own)], steps, BRONZE, trusted={model.name for model in own})
