"""Shopify's webhooks about a person's rights: checked by their signature, kept with the day they are due, carried out.

In: the body of a webhook as it came, its headers, the app's secret. Out: rows of `privacy_requests`.

    customers/data_request   the person asks what is known        customers/redact   … to be erased
    shop/redact              the shop has taken the app out: everything of it goes, which a person decides

https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance (looked at on 2026-11-28): an answer of 401
where the signature is wrong; 30 days to act.

>>> signature = base64.b64encode(hmac.new(b"key", b"{}", hashlib.sha256).digest()).decode()
>>> is_signed(b"{}", signature, "key"), is_signed(b"{ }", signature, "key"), is_signed(b"{}", "?", "key")
(True, False, False)
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from floorwalker.app.erasing import erase
from floorwalker.app.state import open_state
from floorwalker.errors import NotFoundError
from floorwalker.sources.connectors.rows import at, decode

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

TOPICS = ("customers/data_request", "customers/redact", "shop/redact")
DAYS = 30


@dataclass(frozen=True)
class PrivacyRequest:
    """A request, and what names the person."""

    number: str
    pull: str
    topic: str
    customer_ref: str
    email: str
    phone: str
    received_at: str
    due_on: str


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether whoever knows the secret sent this body: base64 of its HMAC with SHA-256."""
    made = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    return hmac.compare_digest(made, signature.encode("utf-8", "replace"))


def keep(state: sqlite3.Connection, pull: str, topic: str, body: bytes, now: dt.datetime) -> str:
    """Note a request; sent again it is the same. Raises ValueError for a body that is none of the topic."""
    said = decode(body)
    if topic not in TOPICS or not isinstance(said, dict):
        raise ValueError("no such request")
    who = [_text(at(said, f"customer.{name}")) for name in ("id", "email", "phone")]
    if topic != "shop/redact" and not any(who):
        raise ValueError("it names nobody")
    number = hashlib.blake2b(f"{pull}\0{topic}\0".encode() + body, digest_size=8).hexdigest()
    due = (now + dt.timedelta(days=DAYS)).date()
    state.execute(
        "INSERT INTO privacy_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO NOTHING",
        (number, pull, topic, *who, now.isoformat(timespec="seconds"), due.isoformat()),
    )
    return number


def waiting(state: sqlite3.Connection) -> list[PrivacyRequest]:
    """Requests that nobody has settled, the first due first."""
    found = state.execute("SELECT * FROM privacy_requests ORDER BY due_on, received_at, number").fetchall()
    return [PrivacyRequest(*row) for row in found]


def settle(project: Project, number: str) -> None:
    """A request has been answered: it goes. Raises NotFoundError."""
    with open_state(project) as state:
        if not state.execute("DELETE FROM privacy_requests WHERE number = ?", (number,)).rowcount:
            raise NotFoundError(f"no request {number}", fix="floorwalker privacy list")


def carry_out(project: Project, *, dry_run: bool = False) -> list[tuple[str, str]]:
    """Erase everybody whose erasure is asked for: (number, what came of it).

    Erasing takes the request with the person; one whose person is not known here is settled.
    """
    with open_state(project) as state:
        asked = [one for one in waiting(state) if one.topic == "customers/redact"]
    done = []
    for one in asked:
        named = [("email", one.email), ("phone", one.phone), ("customer_ref", one.customer_ref)]
        outcome = "not known here"
        for kind, value in named:
            if not value:
                continue
            try:
                report = erase(project, f"{kind}:{value}", reason=f"{one.pull} {one.topic}", dry_run=dry_run)
            except NotFoundError:
                continue
            outcome = "found" if dry_run else "erased, proven" if report.proven else "erased, not proven"
            break
        if not dry_run and outcome != "erased, not proven":
            with open_state(project) as state:
                state.execute("DELETE FROM privacy_requests WHERE number = ?", (one.number,))
        done.append((one.number, outcome))
    return done


def _text(value: Any) -> str:
    return "" if value is None else str(value)
