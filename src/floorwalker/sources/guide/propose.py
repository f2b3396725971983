"""A mapping proposed for a file: its kinds of record, every column with its confidence, and what is unclear.

In: a sample in a DuckDB connection, the file's name, and what somebody has settled already. Out: a `Proposal`, the same
for the same input: asking a question and proposing again with the answer is all that a dialogue is.

Kinds are ranked by how well their needed columns are filled and by how much of the file they explain; the file's name
counts a little. Where one row tells of several things, there are several drafts, each a mapping file of its own: an
order with its customer's name and address also makes `customers`, a list of addresses with a date of opting in also
makes `consents`. Rows that are returns by their sign or type, and orders that were cancelled, are parted from sales.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

import duckdb

from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.conversions import MACROS, quoted
from floorwalker.sources.guide.draft import Choice, Doubt, Draft, MapDraft, Proposal, Said
from floorwalker.sources.guide.facts import Facts, look
from floorwalker.sources.guide.fill import Filling, doubt_about, number_sql
from floorwalker.sources.guide.matching import Candidate, Match, match
from floorwalker.sources.guide.names import language_of, meanings, words_of
from floorwalker.sources.guide.sample import TABLE, Sample
from floorwalker.sources.guide.several import NAMED, Several, lines_in_rows
from floorwalker.sources.guide.split import part_rows
from floorwalker.sources.mapping import needs_time

GUESSED = (
    *("order_lines", "returns", "customers", "consents", "browse_events", "email_events", "loyalty_events", "tickets"),
    *("redemptions", "products", "stores", "stock", "prices", "exchange_rates"),
)
_FILE_WORDS = {
    "order_lines": "order orders sale sales bestellung bestellungen verkauf verkaeufe umsatz bon bons kasse commande "
    "commandes vente ventes caisse pedidos ventas ordini vendite scontrini orderregels verkopen till receipts "
    "transactions pos",
    "returns": "return returns refund refunds retoure retouren retour retours devoluciones resi rma",
    "customers": "customer customers contact contacts client clients kunden clientes clienti klanten profiles audience "
    "members subscribers people adressen mitglieder",
    "consents": "consent consents optin einwilligungen consentements",
    "browse_events": "browse clicks clickstream pageviews events web analytics",
    "email_events": "email mail mailing campaign activity opens newsletter",
    "loyalty_events": "loyalty points punkte bonus fidelite fidelity rewards puntos punti treue partner payback miles",
    "tickets": "ticket tickets case cases support helpdesk anfragen service",
    "redemptions": "redemption redemptions coupon coupons voucher vouchers gutscheine",
    "products": "product products catalog catalogue articles artikel produits articulos prodotti items",
    "stores": "store stores filialen magasins tiendas negozi winkels branches outlets",
    "stock": "stock inventory bestand lager existencias giacenze voorraad",
    "exchange_rates": "exchange rate rates fx wechselkurse taux cambio",
    "prices": "price prices preise tarifs precios prezzi prijzen",
}
_CHANNELS = (
    (
        "store",
        {"till", "pos", "receipt", "receipts", "kasse", "bon", "bons", "caisse", "store", "scontrini", "kassenbon"},
    ),
    ("web", {"shop", "web", "webshop", "online", "ecommerce", "boutique", "tienda", "webwinkel"}),
)
_OF_KIND = {"loyalty_events": "loyalty", "tickets": "service", "email_events": "email", "browse_events": "web"}
_ZONES = {
    "de": "Europe/Berlin",
    "fr": "Europe/Paris",
    "es": "Europe/Madrid",
    "it": "Europe/Rome",
    "nl": "Europe/Amsterdam",
    "sv": "Europe/Stockholm",
    "pt": "Europe/Lisbon",
}
_TELLS = ("given_name", "family_name", "full_name", "birth_date", "address")
"""What makes it worth to have customers from a file about something else."""
_IDENTIFIERS = ("email", "phone", "loyalty_id", "customer_ref", "account_id")


def columns_of(connection: duckdb.DuckDBPyConnection, sample: Sample) -> dict[str, Facts]:
    """The facts of every column of a sample; makes the view `guide_named`."""
    listed = ", ".join(f"{column} AS {quoted(name)}" for name, (column, _) in sample.columns.items())
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {NAMED} AS SELECT {listed} FROM {TABLE}")
    return {
        name: look(connection, name, f"SELECT {column} AS v FROM {TABLE}", of)
        for name, (column, of) in sample.columns.items()
    }


def propose(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, Facts], file: str, said: Said | None = None
) -> Proposal:
    """The best mapping of a file whose columns are `columns`."""
    said = said or Said()
    columns = {name: _as_said(facts, said) for name, facts in columns.items()}
    plain = {name: Candidate(name, facts) for name, facts in columns.items() if facts.filled}
    several = lines_in_rows(connection, columns)
    ranked = _ranked(plain, several, file)
    kind = said.get("kind") or ranked[0][0]
    matches = _match(kind, plain, several, said)
    candidates = _candidates(kind, plain, several)
    if kind == "order_lines":
        matches = _without_order_amounts(connection, matches, candidates, several)
    draft, notes = _draft(connection, kind, matches, candidates, several)
    drafts = [draft, *_also(connection, kind, matches, candidates, said)]
    shown = [choice for one in drafts for item in one.maps for choice in item.choices]
    used = {part for choice in shown for part in (choice.column, *choice.column.split(" + "))}
    used |= set(several.used) if several and draft.maps[0].each else set()
    doubts = _doubts(ranked, kind, drafts, candidates, said)
    return Proposal(
        file,
        tuple(drafts),
        _options(kind, columns, file, shown, candidates, said),
        tuple(ranked),
        tuple(doubts),
        tuple(name for name in columns if name not in used),
        tuple(notes),
    )


def _as_said(facts: Facts, said: Said) -> Facts:
    order = said.get("order", facts.name)
    return facts if facts.times is None or order is None else replace(facts, times=facts.times.turned(order == "day"))


def _candidates(kind: str, plain: dict[str, Candidate], several: Several | None) -> dict[str, Candidate]:
    """What may fill the columns of a kind: order lines may stand within rows."""
    if several is None or kind != "order_lines":
        return plain
    return {name: one for name, one in plain.items() if name not in several.used} | several.parts


def _match(kind: str, plain: dict[str, Candidate], several: Several | None, said: Said) -> dict[str, Match]:
    return match(kind, _candidates(kind, plain, several), said=said.columns(kind))


def _ranked(plain: dict[str, Candidate], several: Several | None, file: str) -> list[tuple[str, float]]:
    """Kinds by how well the file is one."""
    told = set(words_of(PurePath(file).name.split(".")[0]))
    scores = {}
    for kind in GUESSED:
        matches = match(kind, _candidates(kind, plain, several))
        named = bool(told & {word for text in _FILE_WORDS[kind].split() for word in words_of(text)})
        scores[kind] = round(_kind_score(kind, matches, plain) + 0.12 * named, 3)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _kind_score(kind: str, matches: dict[str, Match], plain: dict[str, Candidate]) -> float:
    """Needed columns, as a geometric mean, times how much of the file is explained."""
    about = KINDS[kind]
    own = {column.name for column in about.own}
    needs = {column.name for column in about.own if column.required} | ({"occurred_at"} if needs_time(about) else set())
    held = {target: found.score for target, found in matches.items()}
    if kind == "order_lines":
        held.setdefault("unit_price", 0.8 * held.get("amount", 0.7 * held.get("order_total", 0.0)))
        held.setdefault("product_id", 0.7 * held.get("product_name", 0.4 * held.get("order_total", 0.0)))
        held.setdefault("quantity", 0.4)
    elif kind == "returns":
        # A sale has all that a return has: only its own words tell it from one.
        told = max(held.get("return_id", 0.0), held.get("reason", 0.0))
        told = max(told, *(found.meaning.score * ("ret" in found.meaning.phrase) for found in matches.values()), 0.0)
        held["return"] = max(told, 0.25)
        needs = {*needs, "return"}
        held.setdefault("quantity", 0.4)
    elif kind == "customers":
        # Somebody stands in a list of customers once, in whatever else there is as often as something happened.
        who = max(
            (
                held[name] * (0.4 + 0.6 * plain[matches[name].column].facts.unique)
                for name in _IDENTIFIERS
                if name in held
            ),
            default=0.0,
        )
        held["person"], needs = who * 0.9 + 0.1 * bool(own & held.keys()), {*needs, "person"}
    elif kind == "consents":
        held.setdefault("purpose", 0.5)
    elif kind == "loyalty_events":
        held.setdefault("event_name", 0.6 * held.get("points", 0.0))
        needs = {*needs, "points"} if "event_name" not in matches else needs
    elif kind in ("products", "stores"):
        held["told"], needs = max((held.get(name, 0.0) for name in own - needs), default=0.0), {*needs, "told"}
    elif kind == "prices":
        # Prices that are no catalogue say from when they hold.
        held.setdefault("occurred_at", held.get("valid_from", 0.0))
        needs = {*needs, "valid_from"}
    elif kind == "redemptions":
        held["coupon"], needs = held.get("coupon_id", 0.0) ** 2, {*needs, "coupon"}
    product = 1.0
    for need in needs:
        product *= max(held.get(need, 0.0), 0.02)
    mean = product ** (1 / len(needs)) if needs else 0.5
    explained = sum(
        found.score * (1.0 if target in own else 0.8 if target != "occurred_at" else 0.6)
        for target, found in matches.items()
    )
    return mean * (0.35 + 0.65 * min(explained / max(len(plain), 1), 1.0))


def _without_order_amounts(
    connection: duckdb.DuckDBPyConnection,
    matches: dict[str, Match],
    candidates: Mapping[str, Candidate],
    several: Several | None,
) -> dict[str, Match]:
    """Without an amount that is no line's: it must be quantity × price − discount in most rows to be believed."""
    amount, price, count = (matches.get(name) for name in ("amount", "unit_price", "quantity"))
    if amount is None or price is None or count is None:
        return matches
    if several and not candidates[amount.column].expression:
        return {target: found for target, found in matches.items() if target != "amount"}
    sql = {name: number_sql(candidates[found.column]) for name, found in matches.items() if name in _RECKONED}
    rows = f"SELECT unnest({several.each}) AS item, * FROM {NAMED}" if several else f"SELECT * FROM {NAMED}"
    off = f"{sql['quantity']} * {sql['unit_price']} - coalesce({sql.get('discount', '0')}, 0) - {sql['amount']}"
    plain = f"{sql['quantity']} * {sql['unit_price']} - {sql['amount']}"
    fits = f"least(abs({off}), abs({plain})) <= 0.02 + 0.01 * abs({sql['amount']})"
    connection.execute(MACROS[0])
    found = connection.execute(f"SELECT avg(CAST({fits} AS INTEGER)) FROM ({rows})").fetchone()
    if found and found[0] is not None and found[0] >= 0.5:
        return matches
    return {target: one for target, one in matches.items() if target != "amount"}


_RECKONED = ("quantity", "unit_price", "discount", "amount")


def _draft(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    matches: dict[str, Match],
    candidates: Mapping[str, Candidate],
    several: Several | None,
) -> tuple[Draft, list[str]]:
    """The main draft, its rows parted where they are not all of one kind."""
    filling = Filling(kind, matches, candidates)
    choices, missing = filling.run()
    each = several.each if several and any(c.entry.get("expression", "").find("item") >= 0 for c in choices) else ""
    notes = [*filling.notes, *([several.why] if several and each else [])]
    whole = MapDraft(kind, choices, each=each)
    if kind != "order_lines":
        return Draft((whole,), missing=missing), notes
    maps, rest, more = part_rows(connection, whole, matches, candidates)
    return Draft(maps, rest=rest, missing=missing), [*notes, *more]


def _also(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    matches: dict[str, Match],
    candidates: Mapping[str, Candidate],
    said: Said,
) -> list[Draft]:
    """What else the rows tell of."""
    if said.get("also") == "no":
        return []
    plain = {name: one for name, one in candidates.items() if not one.expression}
    if kind in ("order_lines", "loyalty_events", "tickets"):
        return _their_customers(kind, matches, plain, said)
    if kind == "customers":
        return _their_consents(matches, plain, said)
    return []


def _their_customers(kind: str, matches: dict[str, Match], plain: dict[str, Candidate], said: Said) -> list[Draft]:
    known = {target: found.column for target, found in matches.items() if found.column in plain}
    settled = {target: known.get(target, "") for target in (*_IDENTIFIERS, "occurred_at", "language")}
    taken = {found.column for target, found in matches.items() if target not in settled and target != "country"}
    rest = {name: one for name, one in plain.items() if name not in taken}
    found = match("customers", rest, said={**settled, **said.columns("customers")})
    for target in settled.keys() & found.keys() & matches.keys():
        as_there = matches[target]
        found[target] = replace(
            found[target], confidence=as_there.confidence, meaning=as_there.meaning, said=as_there.said
        )
    who = [found[target].column for target in _IDENTIFIERS if target in found]
    tells = [target for target in _TELLS if target in found and found[target].confidence >= 0.6]
    if not who or not tells:
        return []
    choices, missing = Filling("customers", found, rest).run()
    where = " OR ".join(f"{quoted(name)} IS NOT NULL" for name in who)
    return [
        Draft((MapDraft("customers", choices, where, about="whoever is named in a row"),), "customers", "skip", missing)
    ]


def _their_consents(matches: dict[str, Match], plain: dict[str, Candidate], said: Said) -> list[Draft]:
    found = match("consents", plain, said=said.columns("consents"))
    when, status = found.get("occurred_at"), found.get("status")
    if (
        when is None
        or status is None
        or status.confidence < 0.55
        or "consents" not in _told(when, "consents.occurred_at")
    ):
        return []
    known = {target: one for target, one in found.items() if target in ("status", "purpose", "occurred_at", "method")}
    known |= {target: one for target, one in matches.items() if target in _IDENTIFIERS}
    choices, missing = Filling("consents", known, plain).run()
    where = f"{quoted(status.column)} IS NOT NULL AND {quoted(when.column)} IS NOT NULL"
    return [Draft((MapDraft("consents", choices, where, about="rows that say when"),), "consents", "skip", missing)]


def _told(found: Match, key: str) -> str:
    """The key by which a name was understood, if it was by that kind's own words."""
    return key if meanings(found.column).get(key) and meanings(found.column)[key].score >= 0.6 else ""


def _doubts(
    ranked: list[tuple[str, float]], kind: str, drafts: list[Draft], candidates: Mapping[str, Candidate], said: Said
) -> list[Doubt]:
    """What is worth a question, the kind first."""
    doubts: list[Doubt] = []
    if said.get("kind") is None and (ranked[0][1] < 0.35 or ranked[0][1] < ranked[1][1] * 1.25):
        options = tuple((f"{name}: {KINDS[name].about}", name) for name, score in ranked[:4] if score > 0)
        doubts.append(Doubt(("kind",), "What is in this file?", options))
    for target in drafts[0].missing:
        if said.get("column", kind, target) is None:
            options = (("none of these", ""), *((name, name) for name in list(candidates)[:30]))
            doubts.append(Doubt(("column", kind, target), f"{kind} needs {target}: which column is it?", options))
    for draft in drafts:
        for item in draft.maps[-1:]:
            for choice in item.choices:
                doubt = doubt_about(item.kind, choice, candidates)
                if doubt and said.get(*doubt.key) is None and doubt.key not in [one.key for one in doubts]:
                    doubts.append(doubt)
    return doubts


def _options(
    kind: str,
    columns: Mapping[str, Facts],
    file: str,
    choices: list[Choice],
    candidates: Mapping[str, Candidate],
    said: Said,
) -> dict[str, tuple[str, str]]:
    """Keys of the mapping's head: key → (value, why)."""
    options: dict[str, tuple[str, str]] = {}
    language = language_of(columns)
    zoned = any(
        facts.times and (facts.times.zoned or facts.times.utc)
        for choice in choices
        if choice.target == "occurred_at" and (one := candidates.get(choice.column)) and (facts := one.facts)
    )
    if zone := said.get("time_zone"):
        options["time_zone"] = (zone, "as you said")
    elif language in _ZONES and not zoned:
        options["time_zone"] = (_ZONES[language], f"a guess: the names of the columns are in the language '{language}'")
    told = {word for name in (file, *columns) for word in re.findall("[a-z]+", name.lower())}
    if kind in _OF_KIND:
        options["channel"] = (_OF_KIND[kind], f"what {kind} are about")
    elif kind in ("order_lines", "returns"):
        found = next(((channel, words & told) for channel, words in _CHANNELS if words & told), None)
        if found:
            options["channel"] = (found[0], f"a guess: there is the word '{min(found[1])}'")
    if not any(choice.target == "currency" for choice in choices) and any(
        c.target in ("unit_price", "amount", "price") for c in choices
    ):
        signs = [one.facts.sign for choice in choices if (one := candidates.get(choice.column)) and one.facts.sign]
        named = [
            code
            for code in ("EUR", "USD", "GBP", "CHF", "SEK")
            if any(re.search(rf"(?i)\b{code}\b|_{code}\b", name) for name in columns)
        ]
        named += ["EUR"] if any("€" in name for name in columns) else []
        if signs or named:
            options["currency"] = (
                (signs or named)[0],
                "the sign beside the amounts" if signs else "it stands in a column's name",
            )
        elif language in ("de", "fr", "es", "it", "nl", "pt"):
            options["currency"] = ("EUR", f"a guess: the names of the columns are in the language '{language}'")
    return options
