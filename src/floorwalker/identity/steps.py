"""Identity in a run: two steps, from raw identifiers to customers.

In: silver.identity_records, and the map and aliases last published (silver.customer_map_previous,
silver.customer_aliases_previous; empty on the first run). Out:

- silver.normalised_records    the keys of each record
- silver.identity_pairs        pairs of records that a model weighed (silver.identity_matched: of which records)
- silver.identity_hubs         values that name nobody, by a hash, and why
- silver.identity_evidence     every piece of evidence, accepted or refused with its reason
- silver.customer_map          every record exactly once, with its customer
- silver.customer_aliases      ids that were merged into others
- silver.customer_levels       who is together at other levels of confidence (silver.identity_levels: where these end)
- silver.customer_identifiers  what each customer can be reached or recognised by
- silver.customer_map_history  every record's customers, from run to run
- silver.customer_ids          what every customer id stood for, from run to run
- silver.identity_summary      the figures of the run

What people have decided is part of the input. Where little has changed since the last publication, only what came is
normalised (`normalising`), only the records that it can concern are resolved anew (`touched`), and the tables are
merged; which gives what a whole run gives. What the guards have found (`guards`) is part of the input, too.

>>> [step.name for step in steps(IdentitySettings())]
['identity.normalise', 'identity.resolve']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from floorwalker.engines.steps import Step
from floorwalker.governance.consent import known_purpose
from floorwalker.identity import consenting, guards, history, match, normalising, resolution, rules
from floorwalker.identity.decisions import digest
from floorwalker.identity.guards import Known
from floorwalker.identity.records import COLUMNS, HASHABLE, OUTPUT
from floorwalker.identity.settings import (
    AlarmSettings,
    GoldenSettings,
    HouseholdSettings,
    IdentitySettings,
    ReviewSettings,
)

if TYPE_CHECKING:
    from floorwalker.identity.standing import Standing

VERSION = "7"
NOTHING = Known()
_PREVIOUS = (
    "silver.customer_map_previous", "silver.customer_aliases_previous", "silver.identity_evidence_previous",
    "silver.identity_summary_previous", "silver.identity_pairs_previous", "silver.identity_matched_previous",
    normalising.PREVIOUS, f"{guards.HUBS}_previous", f"{history.MAP}_previous", f"{history.IDS}_previous",
)  # fmt: skip
REMEMBERED = {
    "silver.customer_map": pa.schema([("record_id", pa.string()), ("customer_id", pa.string())]),
    "silver.customer_aliases": pa.schema(
        [("customer_id", pa.string()), ("alias_of", pa.string()), ("since_run", pa.string()), ("since", pa.date32())]
    ),
    "silver.identity_evidence": pa.schema(
        [
            *((name, pa.string()) for name in ("record_id", "rule", "rule_version")), ("tier", pa.int32()),
            *((name, pa.string()) for name in ("identifier_kind", "identifier_key")), ("weight", pa.float64()),
            *((name, pa.string()) for name in ("kind", "source")), ("first_seen", pa.timestamp("us", "UTC")),
            ("accepted", pa.bool_()), ("reason", pa.string()),
        ]
    ),
    "silver.identity_summary": pa.schema([("name", pa.string()), ("value", pa.float64())]),
    guards.HUBS: pa.schema([(name, pa.string()) for name in ("kind", "code", "reason")]),
    normalising.NORMALISED: pa.schema(
        [
            (name, {"birth_date": pa.date32(), "hashes": pa.list_(pa.int64())}.get(name, pa.string()))
            for name in COLUMNS
        ]
    ),
    history.MAP: history.MAP_SCHEMA,
    history.IDS: history.IDS_SCHEMA,
    **match.MEMORY,
}  # fmt: skip
"""Tables of the last published run that the room reads, as `<table>_previous`, with the columns they have while there
is none."""


def steps(settings: IdentitySettings, decided: Sequence[Standing] = (), known: Known = NOTHING) -> list[Step]:
    """The steps of the room, for `settings` and what people have decided (`decisions.active`); `known`: what is
    known to name nobody (`guards.known`)."""
    # What is chosen from the records of a customer, and who lives together, changes nobody's customer.
    who = msgspec.structs.replace(
        settings,
        golden=GoldenSettings(),
        household=HouseholdSettings(),
        review=ReviewSettings(),
        alarm=AlarmSettings(),
    )
    text = msgspec.json.encode(who).decode()
    if settings.fingerprint_purpose:
        known_purpose(settings.fingerprint_purpose)
    return [
        Step(
            "identity.normalise",
            reads=(
                normalising.RECORDS,
                normalising.PREVIOUS,
                *((consenting.TABLE,) if settings.fingerprint_purpose else ()),
            ),
            writes=(normalising.NORMALISED,),
            run=lambda context: normalising.normalise(context, settings),
            version=VERSION,
            settings=text,
            lineage=_lineage_of_records(settings.fingerprint_purpose),
        ),
        Step(
            "identity.resolve",
            reads=(
                "silver.identity_records",
                "silver.normalised_records",
                *_PREVIOUS,
            ),
            writes=(
                "silver.identity_pairs",
                "silver.identity_matched",
                guards.HUBS,
                "silver.identity_evidence",
                "silver.customer_map",
                "silver.customer_aliases",
                "silver.customer_levels",
                "silver.identity_levels",
                "silver.customer_identifiers",
                history.MAP,
                history.IDS,
                "silver.identity_summary",
            ),
            run=lambda context: resolution.resolve(context, settings, decided, known),
            version=VERSION,
            settings=text + known.digest,
            amendments=digest(decided),
            lineage=_lineage_of_customers(),
        ),
    ]


def _lineage_of_records(purpose: str) -> dict[str, dict[str, tuple[str, ...]]]:
    written_in = tuple(f"silver.identity_records.{name}" for name in ("market", "country"))
    keys: dict[str, tuple[str, ...]] = {key: (f"silver.identity_records.{field}",) for key, field in OUTPUT.items()}
    keys["phone_key"] = (*keys["phone_key"], *written_in)
    keys["initial_key"] = keys["given_name_key"]
    if purpose:
        keys[rules.FINGERPRINT] += tuple(f"{consenting.TABLE}.{name}" for name in ("record_id", "purpose", "status"))
    keys["hashes"] = tuple(f"silver.identity_records.{field}" for field in HASHABLE)
    return {"silver.normalised_records": {"record_id": ("silver.identity_records.record_id",), **keys}}


def _lineage_of_customers() -> dict[str, dict[str, tuple[str, ...]]]:
    """A customer follows from every key; identifiers and evidence quote them."""
    raw, record = "silver.identity_records.", ("silver.identity_records.record_id",)
    keys = tuple(f"silver.normalised_records.{key}" for key in OUTPUT)
    seen = (f"{raw}first_seen", f"{raw}last_seen")
    customer = (*keys, *record, *seen)
    said = tuple(raw + OUTPUT[key] for key in rules.KEYS.values())
    found = (
        "rule",
        "rule_version",
        "tier",
        "identifier_kind",
        "identifier_key",
        "weight",
        "kind",
        "accepted",
        "reason",
    )
    return {
        "silver.identity_pairs": {
            **dict.fromkeys(("record_a", "record_b"), record),
            **dict.fromkeys(("weight", "probability", "model", "against_strangers", *match.GAMMAS), keys),
        },
        "silver.identity_matched": {"record_id": record, "said": keys, "model": keys},
        "silver.identity_levels": dict.fromkeys(
            ("step", "name", "tier", "weight", "customers", "pairs", "wrong_pairs", "precision", "recall", "levels"),
            keys,
        ),
        guards.HUBS: dict.fromkeys(("kind", "code", "reason"), keys),
        "silver.customer_levels": {"record_id": record, "level": (), "customer_id": customer},
        "silver.customer_map": {"record_id": record, "customer_id": customer},
        "silver.customer_aliases": dict.fromkeys(("customer_id", "alias_of", "since_run", "since"), customer),
        history.MAP: {"record_id": record, **dict.fromkeys(history.MAP_SCHEMA.names[1:], customer)},
        history.IDS: dict.fromkeys(history.IDS_SCHEMA.names, customer),
        "silver.identity_evidence": {
            "record_id": record,
            "source": (f"{raw}source",),
            "first_seen": seen[:1],
            **dict.fromkeys(found, (*keys, *seen)),
        },
        "silver.customer_identifiers": {
            "customer_id": customer,
            "kind": (),
            "value": (*said, f"{raw}last_seen"),
            "key": keys,
            "records": record,
            "sources": (f"{raw}source",),
            "first_seen": seen[:1],
            "last_seen": seen[1:],
        },
        "silver.identity_summary": dict.fromkeys(("name", "value"), customer),
    }
