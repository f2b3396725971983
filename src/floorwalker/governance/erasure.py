"""Erase a person from every store, and prove it by decoding every store afterwards.

In: a `Subject` and the registered handlers. Out: an `ErasureReport`, a receipt in SQLite without personal data, and two
audit entries.

    1. suppress   keyed hashes, so that nothing delivered meanwhile brings the person back; in the same transaction the
       journal
    2. erase      each handler, one after the other, its receipt kept as soon as it is done; the lake last
    3. prove      every handler decodes its store and searches it; only an empty search is called an erasure

Killed anywhere, `finish_pending` ends it: handlers that are done are skipped, the others run (again). When the proof
finds something, the erasure stays pending and the report says where.

Run it in the project's writer lane (under the run lock): it rewrites tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from floorwalker.errors import NotFoundError
from floorwalker.governance import audit, journal, suppression
from floorwalker.governance.decode import Finding
from floorwalker.governance.handlers import Handler, Receipt, in_order, register, registered, unowned_files
from floorwalker.governance.subject import Identifier, Subject, find_subject, subject_hashes
from floorwalker.governance.transactions import atomic

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

__all__ = [
    "ErasureReport",
    "Finding",
    "Handler",
    "Identifier",
    "Receipt",
    "Subject",
    "erase_customer",
    "find_subject",
    "finish_pending",
    "register",
    "registered",
    "search_everywhere",
    "unowned_files",
]


@dataclass(frozen=True)
class ErasureReport:
    """What was done. `subject`: keyed hash of the customer_id. For a dry run `findings` is what would be erased."""

    erasure_id: str
    subject: str
    dry_run: bool
    suppressed: int
    receipts: tuple[Receipt, ...]
    findings: tuple[Finding, ...]

    @property
    def proven(self) -> bool:
        """The person was erased and no store holds a trace."""
        return not self.dry_run and not self.findings

    @property
    def told(self) -> tuple[str, ...]:
        """Recipients of the person's data, who must be told (GDPR article 19)."""
        return tuple(sorted({name for receipt in self.receipts for name in receipt.told}))


def erase_customer(
    project: Project,
    subject: Subject,
    *,
    connection: sqlite3.Connection,
    at: str,
    actor: str,
    reason: str = "request",
    handlers: Sequence[Handler] | None = None,
    dry_run: bool = False,
) -> ErasureReport:
    """Erase `subject` from every store. `at`: the time, ISO 8601, given by the caller. `connection`: the project
    database.

    With `dry_run` nothing is written: the report lists where the person is found. Errors of a handler are raised; the
    erasure is then pending and `finish_pending` goes on where it stopped.
    """
    visited = in_order(registered() if handlers is None else handlers)
    digest = suppression.hash_identifier(project.secret, "customer_id", subject.customer_ids[0])
    if dry_run:
        found = search_everywhere(project, subject, visited)
        return ErasureReport("", digest, True, 0, (), found)
    hashes = subject_hashes(project.secret, subject)
    erasure_id = suppression.hash_identifier(project.secret, "erasure", f"{digest} {at}")[:26]
    with atomic(connection):
        begun = journal.begin(
            connection,
            erasure_id,
            at=at,
            actor=actor,
            reason=reason,
            customer_ids=subject.customer_ids,
            record_ids=subject.record_ids,
            hashes=[value for _, value in hashes],
        )
        added = suppression.add(connection, hashes, reason="erasure", at=at)
        audit.record(
            connection, project.secret, at=at, actor=actor, action="erasure.begin", subject=digest,
            detail={"erasure": begun.erasure_id, "reason": reason, "stores": [handler.name for handler in visited]},
        )  # fmt: skip
    report = _carry_out(project, subject, begun, connection=connection, at=at, actor=actor, handlers=visited)
    return replace(report, suppressed=added)


def finish_pending(
    project: Project,
    *,
    connection: sqlite3.Connection,
    at: str,
    actor: str,
    handlers: Sequence[Handler] | None = None,
    resolve: Callable[[Sequence[str], Sequence[str]], Subject] | None = None,
) -> list[ErasureReport]:
    """Finish what a crash, or a failed proof, left pending; every run should begin with it.

    `resolve(customer_ids, record_ids)` gives the subject again from the tables (`find_subject` on the published run).
    Without it, or when the tables no longer know the person, the journal's surrogate ids and keyed hashes serve.
    """
    visited = in_order(registered() if handlers is None else handlers)
    reports = []
    for begun in journal.pending(connection):
        subject = Subject(begun.customer_ids, begun.record_ids)
        if resolve is not None:
            try:
                subject = resolve(begun.customer_ids, begun.record_ids)
            except NotFoundError:
                # Nothing is published, or nobody of these ids is left: the hashes remain.
                subject = Subject(begun.customer_ids, begun.record_ids)
        subject = replace(
            subject,
            customer_ids=tuple(dict.fromkeys((*begun.customer_ids, *subject.customer_ids))),
            record_ids=tuple(sorted({*begun.record_ids, *subject.record_ids})),
            hashes=begun.hashes,
        )
        reports.append(_carry_out(project, subject, begun, connection=connection, at=at, actor=actor, handlers=visited))
    return reports


def search_everywhere(project: Project, subject: Subject, handlers: Sequence[Handler]) -> tuple[Finding, ...]:
    """Every trace in every store, in order; files under state/ that nobody owns are findings too."""
    found = {finding for handler in handlers for finding in handler.search(project, subject)}
    found |= {Finding("(no handler)", path.as_posix(), "unowned") for path in unowned_files(project, handlers)}
    return tuple(sorted(found))


def _carry_out(
    project: Project,
    subject: Subject,
    begun: journal.Pending,
    *,
    connection: sqlite3.Connection,
    at: str,
    actor: str,
    handlers: Sequence[Handler],
) -> ErasureReport:
    receipts = list(begun.receipts)
    done = {receipt.store for receipt in receipts}
    for handler in handlers:
        if handler.name not in done:
            receipt = handler.erase(project, subject)
            receipts.append(replace(receipt, store=handler.name))
            journal.note(connection, begun.erasure_id, receipts)
    findings = search_everywhere(project, subject, handlers)
    subjects = [suppression.hash_identifier(project.secret, "customer_id", one) for one in subject.customer_ids]
    with atomic(connection):
        journal.finish(
            connection,
            journal.StoredReceipt(
                begun.erasure_id,
                tuple(subjects),
                begun.started_at,
                at,
                actor,
                begun.reason,
                proven=not findings,
                receipts=tuple(receipts),
                findings=tuple(replace(finding, place=_without_names(finding)) for finding in findings),
            ),
        )
        audit.record(
            connection, project.secret, at=at, actor=actor, action="erasure.done" if not findings else
            "erasure.unproven", subject=subjects[0],
            detail={
                "erasure": begun.erasure_id,
                "removed": {receipt.store: receipt.removed for receipt in receipts},
                "findings": len(findings),
            },
        )  # fmt: skip
    # The pending row held surrogate ids: they must not linger in the write-ahead log.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return ErasureReport(begun.erasure_id, subjects[0], False, 0, tuple(receipts), findings)


def _without_names(finding: Finding) -> str:
    """The place, unless it is a file named after the person."""
    return finding.place if not finding.place.isascii() or "@" not in finding.place else "(name withheld)"
