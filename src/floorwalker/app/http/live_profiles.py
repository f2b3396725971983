"""Live profiles over HTTP: what somebody is doing right now, and a stream of who changes.

In: a call. Out: `GET /v1/live/{id}` answers with one profile; `GET /v1/changes` with server-sent events, or, over a
WebSocket, with one message per step:

    id: shop~3-41
    data: {"id":"shop~3-41","missed":false,"changes":[{"customer_id":"c7x…","at":"…","events":["Product Viewed"]}]}

`?purpose=personalization` answers with what may be used for it: where consent is missing, that somebody is a customer
and no more, never an error. Whoever comes back with `Last-Event-ID` (or `?after=`) gets what came in the meantime. A
new generation of the live side, or too long an absence, is told as `missed`: then profiles are to be read anew. A
market's key hears nothing: live profiles know no market.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.http.answers import Answer, Call, Problem, as_json
from floorwalker.decisions.once import parse_identifier
from floorwalker.errors import did_you_mean
from floorwalker.governance.consent import PURPOSES, load_consent_policy
from floorwalker.profiles.live.listening import Changed, listen, newest
from floorwalker.profiles.live.reading import LiveProfile, LiveProfiles

if TYPE_CHECKING:
    from floorwalker.app.http.live import Live

KINDS = ("account_id", "cookie_id", "device_id", "email", "loyalty_id", "phone")
LOOK = 0.02
"""Seconds between two looks for changes."""
HEARTBEAT = 15.0
"""So often a stream says that it lives when nothing changes."""


class AskedLive(msgspec.Struct, forbid_unknown_fields=True):
    """`features`: all features, too, or only the context; `purpose`: what it is used for, so that consent decides."""

    features: bool = True
    purpose: str = ""


class AskedChanges(msgspec.Struct, forbid_unknown_fields=True):
    """`after`: the id of the message that was heard last."""

    after: str = ""


class Message(msgspec.Struct, frozen=True):
    """Whose profiles have changed."""

    id: str
    missed: bool
    changes: list[Changed]


def live_profile(live: Live, call: Call) -> Answer:
    """`GET /v1/live/{id}`"""
    asked = call.asked(AskedLive)
    profiles = _profiles(live, call)
    kind, value = parse_identifier(call.parameters["id"])
    if kind != "customer_id" and kind not in KINDS:
        raise Problem(400, "unknown_kind", "a kind of identifier is not known", fix=did_you_mean(kind, KINDS))
    customer_id = value if kind == "customer_id" else _known(live, profiles, kind, value)
    found = profiles.profile(customer_id) if customer_id else None
    if found is None:
        raise Problem(404, "not_found", "no such customer", "neither the last run nor what came since knows them")
    if asked.purpose:
        if asked.purpose not in PURPOSES:
            raise Problem(400, "unknown_purpose", "a purpose is not known", fix=did_you_mean(asked.purpose, PURPOSES))
        found = profiles.for_purpose(found, asked.purpose, load_consent_policy(live.project.policies / "consent.toml"))
    return Answer(200, as_json(found if asked.features else _plain(found)))


def _known(live: Live, profiles: LiveProfiles, kind: str, value: str) -> str | None:
    """By what came since the last run; else by that run."""
    found = profiles.find(kind, value)
    return found if found is not None else live.bundle_customer(kind, value)


def _plain(found: LiveProfile) -> LiveProfile:
    return msgspec.structs.replace(found, features={})


async def changes(live: Live, call: Call) -> AsyncIterator[Message | None]:
    """Messages as things change; None: nothing did for a while."""
    after = call.asked(AskedChanges).after
    profiles = _profiles(live, call)
    name, number = live.live_shelf.name, newest(profiles)
    missed = False
    if after:
        known, _, told = after.rpartition("-")
        missed = known != name or not told.isdigit()
        number = number if missed else int(told)
    waited = 0.0
    if missed:
        yield Message(f"{name}-{number}", True, [])
    while True:
        now = live.live_shelf.profiles()
        if now is None:
            return
        if live.live_shelf.name != name:
            name, profiles = live.live_shelf.name, now
            number = newest(profiles)
            yield Message(f"{name}-{number}", True, [])
        heard = listen(now, number)
        if heard.number != number:
            number, waited = heard.number, 0.0
            yield Message(f"{name}-{number}", heard.missed, heard.changes)
            continue
        if waited >= HEARTBEAT:
            waited = 0.0
            yield None
        waited += LOOK
        await asyncio.sleep(LOOK)


def _profiles(live: Live, call: Call) -> LiveProfiles:
    if call.key.market:
        raise Problem(403, "other_market", "this key is of one market", "live profiles know no market")
    profiles = live.live_shelf.profiles()
    if profiles is None:
        raise Problem(503, "not_ready", "there are no live profiles yet", fix="floorwalker live")
    return profiles
