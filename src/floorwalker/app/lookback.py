"""Who somebody was on an earlier day: an id, a record or an identifier, as the tables knew them then.

In: a project, words, a day or the id of a run. Out: the customer of then, its records, and whose they are today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from floorwalker.app.identifying import open_identity
from floorwalker.engines.lake import Lake
from floorwalker.errors import NotFoundError
from floorwalker.identity import history

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


def customer_at(project: Project, text: str, moment: str) -> dict[str, Any]:
    """Raises NotFoundError when no run knew them by then, or when it was several customers."""
    connection = Lake(project).read((history.MAP, history.IDS, "silver.customer_map", "silver.identity_records"))
    was = history.customer_then(connection, text.removeprefix("customer_id:"), moment)
    if was is None:
        with open_identity(project) as tables:
            party = tables.find(text)
        rows = history.moments(connection, moment, party.records, limit=len(party.records))
        customers = sorted({row[1] for row in rows})
        if len(customers) != 1:
            raise NotFoundError(
                f"'{text}' was {'nobody' if not customers else f'{len(customers)} customers'} then",
                why=", ".join(customers) or f"no run before {moment} knew them",
                fix="floorwalker status lists the runs" if not customers else "ask for one of them",
            )
        was = customers[0]
    records = history.records_then(connection, was, moment)
    said = connection.execute(
        "SELECT record_id, source, given_name, family_name, email, phone, loyalty_id, first_seen, last_seen"
        " FROM silver.identity_records WHERE record_id IN (SELECT unnest(?::VARCHAR[]))",
        [[one["record_id"] for one in records]],
    )
    names = [column[0] for column in said.description or ()]
    words = {row[0]: dict(zip(names, row, strict=True)) for row in said.fetchall()}
    return {
        "asked": text,
        "as_of": moment,
        "customer_id": was,
        "customers_today": sorted({one["customer_today"] for one in records if one["customer_today"]}),
        "records": [{**words.get(one["record_id"], {}), **one} for one in records],
    }
