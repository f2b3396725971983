"""All checks, one after the other; one that breaks is a finding and does not stop the others.

In: a project. Out: findings, in the order in which somebody would mend things.

    for finding in examine(project):
        print(finding.status, finding.check, finding.says, finding.fix)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from floorwalker.app.doctor import folders, installation, project, reaching, stores
from floorwalker.app.doctor.finding import Finding, fail

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


def examine(one: Project) -> Iterator[Finding]:
    """Everything, from the installation to the servers."""
    yield from _safely("installation", installation.installation())
    settings, told = project.settings_of(one)
    yield from told
    if settings is not None:
        yield from _safely("memory", installation.memory(one, settings))
    yield from _safely("folders", folders.folders(one))
    if settings is not None:
        yield from _safely("sources", project.sources(one, settings))
    yield from _safely("stores", stores.stores(one, settings))
    yield from _safely("history", project.history(one))
    if settings is not None:
        yield from _safely("servers", reaching.reaching(settings))


def _safely(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except Exception as error:
        says = f"the check itself broke: {type(error).__name__}"
        yield fail(name, says, "report it with what floorwalker doctor --json says")
