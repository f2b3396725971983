"""What a kind of record is: its columns, and those that every kind or every person has.

In: nothing. Out: `Kind` and `Column`, in which `people` and `things` write the vocabulary; the types of the lake.

>>> kind = Kind("visits", "somebody came in", (Column("store_id", "id", required=True),), person=True)
>>> kind.names[:2], kind.column("store_id").required, "email" in kind.names
(('event_id', 'source'), True, True)
"""

from __future__ import annotations

from dataclasses import dataclass, field

SCHEMA_VERSION = 1
"""Version of the bronze tables, carried by every row."""

# Types a mapping can produce, and what they are in the lake. `id` is text cleaned of spreadsheet damage ("17850.0").
LAKE_TYPES = {
    "text": "VARCHAR",
    "id": "VARCHAR",
    "integer": "BIGINT",
    "quantity": "DECIMAL(18,3)",
    "money": "DECIMAL(18,4)",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Column:
    """One column of a kind. `personal`: it can name a person, so it is erased, never logged."""

    name: str
    type: str = "text"
    required: bool = False
    personal: bool = False
    values: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of record. `person`: it carries identifiers, hence a `record_id`."""

    name: str
    about: str
    own: tuple[Column, ...]
    person: bool = False
    key: tuple[str, ...] = ()
    """For records that describe a thing (a product, a store): the newest row per key is the thing's state."""
    columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        person = PERSON if self.person else ()
        object.__setattr__(self, "columns", COMMON + person + self.own)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


COMMON = (
    Column(
        "event_id", "id", about="the row's key: a hash of its content and its ordinal among equal rows of its delivery"
    ),
    Column("source", about="name of the source in its mapping"),
    Column("delivery_id", "id", about="the delivery that brought the row first"),
    Column("schema_version", "integer"),
    Column("occurred_at", "timestamp", about="when it happened, UTC"),
    Column("occurred_on", "date", about="the day it happened, in the source's time zone"),
    Column(
        "occurred_hour",
        "integer",
        about="the hour it happened, 0 to 23, in the source's time zone; empty where only the day is known",
    ),
    Column("received_at", "timestamp", about="when Floorwalker received the delivery, UTC"),
    Column("channel", about="store, web, app, email, loyalty, service, partner"),
    Column("market"),
    Column("brand"),
    Column("legal_entity"),
    Column("language"),
    Column(
        "purposes", about="purposes the record was collected for, space-separated; empty: the consent policy decides"
    ),
)

PERSON = (
    Column("record_id", "id", about="hash of who this row says it is: rows with the same words share it"),
    Column(
        "customer_ref", "id", personal=True, about="the source's own customer number; means nothing in another source"
    ),
    Column("account_id", "id", personal=True, about="login of the shop or app, verified"),
    Column("loyalty_id", "id", personal=True),
    Column("email", personal=True),
    Column("phone", personal=True),
    Column("device_id", "id", personal=True),
    Column("cookie_id", "id", personal=True),
    Column(
        "fingerprint",
        "id",
        personal=True,
        about="of a browser or device, by its properties; used only with consent, see `identity.fingerprint_purpose`",
    ),
)

MONEY_OF = Column("currency", about="ISO 4217")
