"""OpenLineage events (openlineage.io, RunEvent of spec 2-0-2): what a run read and wrote, for catalogues to pick up.

In: names, times, schemas, column lineage, results of tests. Out: dictionaries that are JSON, and `Emitter`, which
writes
them to `state/lineage/<run>.jsonl` and, when an address is set, posts them.

Ids of runs are UUIDs that follow from ours (version 5), so that an event sent twice is the same event. Events hold
names of tables and columns, SQL texts of models and numbers: no values, so no person.

>>> at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
>>> event = run_event("START", at, Job("shop", "gold.customers"), uuid_of("shop", "r1"))
>>> event["eventType"], event["run"]["runId"]
('START', '4ec91acc-fff1-5672-9428-6d591019bfea')
"""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from floorwalker import __version__
from floorwalker.engines.lineage import Lineage, column_of, table_of
from floorwalker.engines.relations import ROWS

EventType = Literal["START", "COMPLETE", "FAIL", "ABORT"]
PRODUCER = f"pkg:pypi/floorwalker@{__version__}"
SPEC = "https://openlineage.io/spec"
SCHEMA_URL = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "schema": "1-1-1/SchemaDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityAssertions": "1-0-1/DataQualityAssertionsDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "parent": "1-0-1/ParentRunFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "sql": "1-0-1/SQLJobFacet",
    "jobType": "2-0-3/JobTypeJobFacet",
}
_USES = {
    "value": ("DIRECT", "TRANSFORMATION"),
    "rows": ("DIRECT", "AGGREGATION"),
    "condition": ("INDIRECT", "CONDITION"),
    "order": ("INDIRECT", "WINDOW"),
}
_REASONS = {"filter": "FILTER", "join": "JOIN", "group": "GROUP_BY"}


@dataclass(frozen=True)
class Job:
    """What runs: a node of the graph, a source, or the whole run."""

    namespace: str
    name: str
    facets: Mapping[str, Any] = field(default_factory=dict)


def uuid_of(*words: str) -> str:
    """The UUID of a run of ours: the same words, the same id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "floorwalker:" + ":".join(words)))


def facet(name: str, **content: Any) -> dict[str, Any]:
    """A facet with who made it and which schema it follows."""
    version, kind = _FACETS[name].split("/")
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{version}/{kind}.json#/$defs/{kind}", **content}


def run_event(
    kind: EventType,
    at: dt.datetime,
    job: Job,
    run_id: str,
    *,
    inputs: Sequence[Mapping[str, Any]] = (),
    outputs: Sequence[Mapping[str, Any]] = (),
    run_facets: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One event of a run."""
    return {
        "eventType": kind,
        "eventTime": at.astimezone(dt.UTC).isoformat(),
        "run": {"runId": run_id, "facets": dict(run_facets or {})},
        "job": {"namespace": job.namespace, "name": job.name, "facets": dict(job.facets)},
        "inputs": list(inputs),
        "outputs": list(outputs),
        "producer": PRODUCER,
        "schemaURL": SCHEMA_URL,
    }


def dataset(namespace: str, name: str, **facets: Any) -> dict[str, Any]:
    """A table, or the files of a source."""
    return {"namespace": namespace, "name": name, "facets": facets}


def sql_job(namespace: str, name: str, sql: str = "") -> Job:
    """The job of a node, with its SQL where it has one."""
    facets = {
        "jobType": facet(
            "jobType", processingType="BATCH", integration="FLOORWALKER", jobType="MODEL" if sql else "STEP"
        )
    }
    return Job(namespace, name, facets | ({"sql": facet("sql", query=sql)} if sql else {}))


def schema_facet(columns: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Names and types of a table's columns."""
    return facet("schema", fields=[{"name": name, "type": of} for name, of in columns])


def assertions_facet(tests: Iterable[tuple[str, bool, str]]) -> dict[str, Any]:
    """Results of tests: (name, whether it passed, its column or '')."""
    listed = [
        {"assertion": name, "success": passed, **({"column": column} if column else {})}
        for name, passed, column in tests
    ]
    return facet("dataQualityAssertions", assertions=listed)


def parent_facet(namespace: str, job: str, run_id: str) -> dict[str, Any]:
    """The run that a node's run is part of."""
    return facet("parent", run={"runId": run_id}, job={"namespace": namespace, "name": job})


def error_facet(message: str) -> dict[str, Any]:
    """Why a run failed; the message must not quote data."""
    return facet("errorMessage", message=message, programmingLanguage="PYTHON")


def column_lineage_facet(lineage: Lineage, table: str, namespace: str) -> dict[str, Any]:
    """Each column's inputs with their use, and what decides which rows the table has."""
    fields = {}
    for name in lineage.columns.get(table, ()):
        node = f"{table}.{name}"
        inputs = [
            _input(namespace, one, *_USES[how], identity=node in lineage.copied and how == "value")
            for one, how in lineage.inputs(node).items()
            if column_of(one) not in ("", ROWS)
        ]
        fields[name] = {"inputFields": inputs}
    around = {
        (one, _REASONS[influence.reason])
        for influence in lineage.rows.get(table, ())
        for one in influence.inputs
        if column_of(one) not in ("", ROWS)
    }
    whole = [_input(namespace, one, "INDIRECT", reason) for one, reason in sorted(around)]
    return facet("columnLineage", fields=fields, dataset=whole)


def _input(namespace: str, node: str, kind: str, subtype: str, *, identity: bool = False) -> dict[str, Any]:
    how = {"type": kind, "subtype": "IDENTITY" if identity else subtype, "description": "", "masking": False}
    return {"namespace": namespace, "name": table_of(node), "field": column_of(node), "transformations": [how]}


class Emitter:
    """Writes the events of one run to a file, and posts them when there is an address. Never raises: `problem` says
    what went wrong, once; after a failed post nothing more of the run is posted."""

    def __init__(self, folder: Path, run_id: str, *, url: str | None = None, timeout: float = 5.0) -> None:
        self.path = folder / f"{run_id}.jsonl"
        self.url, self.timeout = url, timeout
        self.problem = ""

    def emit(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Write events, then post them."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        except OSError as error:
            self.problem = self.problem or f"lineage events were not written: {error.strerror}"
        for event in events:
            if self.url is None:
                return
            self._post(event)

    def _post(self, event: Mapping[str, Any]) -> None:
        try:
            request = urllib.request.Request(
                str(self.url), json.dumps(event).encode(), {"Content-Type": "application/json"}, method="POST"
            )
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                answer.read()
        except (OSError, ValueError, urllib.error.URLError) as error:
            # The address may carry a key: only what went wrong is told.
            reason = getattr(error, "reason", None) or getattr(error, "code", None) or type(error).__name__
            self.problem = f"lineage events were not sent: {reason}; this run sends no more"
            self.url = None


def trim(folder: Path, keep: int) -> int:
    """Remove the events of all but the newest `keep` runs; returns how many went."""
    found = sorted(folder.glob("*.jsonl")) if folder.exists() else []
    gone = found[: max(len(found) - keep, 0)]
    for path in gone:
        path.unlink()
    return len(gone)
