"""Why a customer's records are one person: the fewest pieces of evidence that hold them together, in words.

In: a connection on the published tables, a customer id. Out: a `Why`. Its links tell the story from the strongest
evidence on: each brings in records that no stronger one had. What agrees besides stands under `also`, what was not
believed under `refused`.

    why(connection, "c2yj…").links[0].text
    "loyalty card L77: 3 records of till and crm, since 10 January 2026"
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import words
from floorwalker.identity.explain.pieces import (
    CUT,
    PERSON,
    Piece,
    Record,
    Visible,
    everybody,
    holders,
    pieces,
    record_ids,
    records,
)
from floorwalker.identity.explain.tree import Point, span, subject, walk

if TYPE_CHECKING:
    import duckdb

MOST = 20
"""Records that a link names; of the others it says how many."""


class Member(msgspec.Struct, frozen=True):
    """A record as a link names it."""

    record_id: str
    source: str
    first_seen: dt.datetime | None


class Link(msgspec.Struct, frozen=True):
    """Records that belong together through one thing.

    `from_record`: the record known before, '' in `also`; `records`: those that come with it, the first of `new`;
    `count`: all the customer's records that share it; `since`: when the second of them was seen, and with it the
    link; of a person's decision, when it was made, and `value` is its id.
    """

    rule: str
    tier: int
    weight: float
    kind: str
    value: str
    from_record: str
    records: list[Member]
    new: int
    count: int
    sources: list[str]
    since: dt.datetime | None
    strength: str
    text: str


class Refused(msgspec.Struct, frozen=True):
    """Evidence that tied none of the customer's records: about `kind` `value`, for `reason`."""

    rule: str
    tier: int
    kind: str
    value: str
    reason: str
    records: int
    others: int
    """Other customers who are seen with it (a thousand at most); of pairs, other records."""
    text: str


class Why(msgspec.Struct, frozen=True):
    """Why records are one customer. `parts` is more than 1 only where the tables do not fit each other."""

    customer_id: str
    records: int
    sources: list[str]
    first_seen: dt.datetime | None
    last_seen: dt.datetime | None
    start: Member
    links: list[Link]
    also: list[Link]
    refused: list[Refused]
    left_out: dict[str, int]
    parts: int
    text: str


def why(
    connection: duckdb.DuckDBPyConnection,
    customer_id: str,
    *,
    clear: bool = False,
    limit: int = 50,
    visible: Visible = everybody,
) -> Why:
    """The spanning evidence of a customer, each list at most `limit` long. `clear`: identifiers as they are;
    `visible`: the other customers who may be counted.

    Raises NotFoundError when the customer has no records.
    """
    ids = record_ids(connection, customer_id)
    if not ids:
        raise NotFoundError(f"no customer {customer_id}", fix="floorwalker customers search TEXT")
    known = records(connection, ids)
    evidence = pieces(connection, ids)
    found = span(ids, evidence)
    start = _start(known, found.tree)
    about = _by_subject(one for one in evidence if one.accepted and one.way != CUT)
    links = [
        _link(record, news, about[subject(news[0])], known, clear=clear) for record, news in walk(found.tree, start)
    ]
    told = {subject(one) for one in found.tree}
    also = [
        _link("", group, group, known, clear=clear)
        for key, group in _by_subject(found.beside).items()
        if key not in told and (len(group) > 1 or group[0].partner)
    ]
    refused = refusals(connection, ids, evidence, clear=clear, limit=limit, visible=visible)
    seen = [one.first_seen for one in known.values() if one.first_seen]
    last = [one.last_seen for one in known.values() if one.last_seen]
    sources = sorted({one.source for one in known.values() if one.source})
    return Why(
        customer_id, len(ids), sources, min(seen, default=None), max(last, default=None), member(known[start]),
        links[:limit], also[:limit], refused[0],
        {"links": max(len(links) - limit, 0), "also": max(len(also) - limit, 0), "refused": refused[1]},
        len(found.parts), _summary(len(ids), sources, links),
    )  # fmt: skip


def member(record: Record) -> Member:
    """A record without what it says."""
    return Member(record.record_id, record.source, record.first_seen)


def _start(known: dict[str, Record], tree: Sequence[Piece]) -> str:
    """Where the story begins: at the strongest evidence, with the record of it that was seen first."""
    if not tree:
        return next(iter(known))
    first = tree[0]
    at = {end for one in tree if one.node == first.node for end in (one.record_id, one.partner) if end}
    return next(record for record in known if record in at)


def _by_subject(evidence: Iterable[Piece]) -> dict[Point, list[Piece]]:
    """Pieces by what they are about, the most trusted first."""
    found: dict[Point, list[Piece]] = defaultdict(list)
    for piece in evidence:
        found[subject(piece)].append(piece)
    return found


def _link(record: str, news: Sequence[Piece], group: Sequence[Piece], known: dict[str, Record], *, clear: bool) -> Link:
    """A link from a record to those that `news` brings; `group`: all the evidence about the same thing."""
    first = news[0]
    everyone = {end for one in group for end in (one.record_id, one.partner) if end in known}
    met = {end for one in news for end in (one.record_id, one.partner) if end and end != record}
    seen = sorted(moment for one in everyone if (moment := known[one].first_seen))
    since = seen[1] if len(seen) > 1 else None
    if first.rule == PERSON:
        since = first.first_seen
    sources = sorted({known[one].source for one in everyone if known[one].source})
    kind = "record" if first.partner else words.identifier(first.rule, first.key)[0]
    shown = (
        first.version
        if first.rule == PERSON
        else ""
        if first.partner
        else words.value(first.rule, first.key, clear=clear)
    )
    return Link(
        first.rule, first.tier, round(first.weight, 2), kind, shown, record,
        [member(one) for one in known.values() if one.record_id in met][:MOST], len(met), len(everyone), sources,
        since, words.STRENGTH.get(first.tier, ""), said(first.rule, shown, len(everyone), sources, since),
    )  # fmt: skip


def said(rule: str, shown: str, count: int, sources: Sequence[str], since: dt.datetime | None) -> str:
    """
    >>> said("email", "ann@example.com", 3, ["till", "web"], dt.datetime(2026, 1, 5))
    'e-mail address ann@example.com: 3 records of till and web, since 5 January 2026'
    """
    about = f"{words.through(rule)} {shown}".strip()
    of = f" of {listed(sources)}" if sources else ""
    return f"{about}: {words.plural(count, 'record')}{of}" + (f", since {day(since)}" if since else "")


def listed(names: Sequence[str], most: int = 4) -> str:
    """
    >>> listed(["till"]), listed(["till", "web", "crm"]), listed(list("abcdefg"))
    ('till', 'till, web and crm', 'a, b, c, d and 3 more')
    """
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def day(moment: dt.datetime | dt.date) -> str:
    """
    >>> day(dt.date(2026, 1, 5))
    '5 January 2026'
    """
    return f"{moment.day} {moment:%B %Y}"


def refusals(
    connection: duckdb.DuckDBPyConnection,
    ids: Sequence[str],
    evidence: Iterable[Piece],
    *,
    clear: bool,
    limit: int,
    visible: Visible = everybody,
) -> tuple[list[Refused], int]:
    """What of the evidence was not believed, by identifier and reason, and how many more there are than `limit`."""
    own = set(ids)
    groups: dict[tuple[str, str, str], list[Piece]] = defaultdict(list)
    for piece in evidence:
        if not piece.accepted:
            # An address and the same address with an initial are refused for one reason; so are pairs of records.
            kind, base, _ = ("record", "", "") if piece.partner else words.identifier(piece.rule, piece.key)
            groups[kind, base, piece.reason].append(piece)
    kept = list(groups.items())[:limit]
    at = holders(connection, [group[0].node for _, group in kept if not group[0].partner], visible)
    found = []
    for (kind, base, reason), group in kept:
        first = group[0]
        touched = {end for one in group for end in (one.record_id, one.partner) if end}
        others = max(len(at[first.node].customers) - 1, 0) if base else len(touched - own)
        shown = words.value(first.rule, first.key, clear=clear) if base else ""
        text = f"{words.through(first.rule)} {shown}".strip() + f": {words.refusal(reason)}"
        found.append(Refused(first.rule, first.tier, kind, shown, reason, len(touched & own), others, text))
    return found, len(groups) - len(kept)


def _summary(count: int, sources: Sequence[str], links: Sequence[Link]) -> str:
    of = f" of {listed(sources)}" if sources else ""
    if count == 1:
        return f"1 record{of}: nothing ties another to it"
    weakest = max((link.tier for link in links), key=lambda tier: {3: 4, 4: 3}.get(tier, tier), default=0)
    return (
        f"{count:,} records{of}, held together by {words.plural(len(links), 'link')}; "
        f"the weakest: {words.STRENGTH.get(weakest, 'of its own kind')}"
    )
