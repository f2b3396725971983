"""Files in layouts that nobody described to the code, in six languages: what is proposed, and what it reads."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest
from tests.sources.guide.trying import EXPORTS, try_file, try_text


def table(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_a_french_till() -> None:
    tried = try_file(EXPORTS / "ventes_2026-03.csv")
    assert tried.kind == "order_lines"
    assert tried.columns() == {
        "occurred_at": "Date + Heure",
        "loyalty_id": "Carte fidélité",
        "order_id": "N° ticket",
        "product_id": "Code-barres",
        "product_name": "Désignation",
        "quantity": "Qté",
        "unit_price": "Prix unitaire TTC",
        "discount": "Remise",
        "amount": "Montant TTC",
        "store_id": "Magasin",
    }
    assert tried.choices()["occurred_at"].entry["formats"] == ["%d/%m/%Y %H:%M", "%d/%m/%Y"]
    assert tried.choices()["unit_price"].entry["decimal"] == ","
    assert {key: value for key, (value, _) in tried.proposal.options.items()} == {
        "time_zone": "Europe/Paris",
        "channel": "store",
        "currency": "EUR",
    }
    # Goods brought back have a quantity below zero.
    found = tried.previews["it"]
    assert (found.read, found.accepted, found.refused) == (297, {"returns": 21, "order_lines": 276}, {})
    assert not tried.proposal.doubts


def test_a_german_loyalty_partner_also_tells_of_customers() -> None:
    tried = try_file(EXPORTS / "punktekonto.txt")
    assert tried.kind == "loyalty_events"
    event = tried.choices()["event_name"]
    assert event.entry["map"] == {
        "Gutschrift": "Points Earned",
        "Bonusaktion": "Points Earned",
        "Einlösung": "Points Redeemed",
    }
    assert tried.columns()["loyalty_id"] == "Teilnehmer-Nr."
    assert tried.columns(1) == {
        "occurred_at": "Buchungsdatum",
        "loyalty_id": "Teilnehmer-Nr.",
        "email": "E-Mail-Adresse",
        "given_name": "Vorname",
        "family_name": "Name",
        "address": "Straße",
        "postcode": "PLZ",
        "city": "Ort",
    }
    assert tried.previews["it"].accepted == {"loyalty_events": 260}
    assert tried.previews["it_customers"].accepted == {"customers": 260}


def test_an_american_shop_with_lines_side_by_side() -> None:
    tried = try_file(EXPORTS / "orders_export.csv")
    main = tried.proposal.drafts[0].maps[-1]
    assert main.kind == "order_lines"
    assert main.each.startswith('[CASE WHEN "Item 1 SKU" IS NOT NULL')
    assert tried.columns()["product_id"] == "Item SKU"
    assert tried.choices()["occurred_at"].entry["formats"] == ["%m/%d/%Y %I:%M %p"]
    assert tried.proposal.options["currency"][0] == "USD"
    # Cancelled orders are no sales; the order's total is no line's amount.
    assert "Cancelled" in main.where
    assert "Order Total" in tried.proposal.unused
    assert tried.previews["it"].refused == {}
    assert tried.columns(1)["given_name"] == "Buyer Name"


CASES = {
    "scontrini.csv": (
        "Data;Ora;Numero scontrino;Negozio;Codice articolo;Descrizione;Qtà;Prezzo;Totale riga;Tessera",
        "{d:02d}/{m:02d}/2026;1{h}:30;SC{i};Milano;A{p};Maglia {p};{q};{p},50;{t};77{c:06d}",
        "order_lines",
        {"order_id": "Numero scontrino", "product_id": "Codice articolo", "quantity": "Qtà", "unit_price": "Prezzo",
         "amount": "Totale riga", "store_id": "Negozio", "loyalty_id": "Tessera", "occurred_at": "Data + Ora"},
    ),
    "clientes.csv": (
        "Código cliente;Nombre;Apellidos;Correo electrónico;Teléfono móvil;Fecha de nacimiento;Código postal;Ciudad",
        "C{i};{n};García {l};l{i}@example.es;+34 6{c:08d};{d:02d}-{m:02d}-19{h}5;28{c:03d};Madrid",
        "customers",
        {"customer_ref": "Código cliente", "given_name": "Nombre", "family_name": "Apellidos", "city": "Ciudad",
         "phone": "Teléfono móvil", "email": "Correo electrónico", "birth_date": "Fecha de nacimiento",
         "postcode": "Código postal"},
    ),
    "bestellingen.csv": (
        "Ordernummer,Besteldatum,Klantnummer,E-mailadres,Artikelnummer,Omschrijving,Aantal,Stukprijs,Korting,Valuta",
        "NL{i},2026-{m:02d}-{d:02d}T1{h}:05:00+01:00,K{c},kl{c}@example.nl,ART-{p},Trui {p},{q},{p}.95,0.00,EUR",
        "order_lines",
        {"order_id": "Ordernummer", "customer_ref": "Klantnummer", "email": "E-mailadres",
         "product_id": "Artikelnummer", "product_name": "Omschrijving", "quantity": "Aantal",
         "unit_price": "Stukprijs", "currency": "Valuta"},
    ),
    "SALESHIST.csv": (
        "ORD_NUM|ORD_DT|CUST_NO|ITEM_NO|ITEM_DESC|QTY_SOLD|UNIT_PRC|STORE_NO",
        "{i}|2026{m:02d}{d:02d}|9{c:05d}|1000{p}|WIDGET {p}|{q}|{p}.25|0{h}",
        "order_lines",
        {"order_id": "ORD_NUM", "occurred_at": "ORD_DT", "customer_ref": "CUST_NO", "product_id": "ITEM_NO",
         "quantity": "QTY_SOLD", "unit_price": "UNIT_PRC", "store_id": "STORE_NO"},
    ),
    "artikel.csv": (
        "Artikelnummer;Bezeichnung;Warengruppe;Marke;Farbe;VK-Preis;EK-Preis;Aktiv",
        "A{i};Pullover {p};Strick;Fuchsbau;blau;{p}9,90;{p}1,20;ja",
        "products",
        {"product_id": "Artikelnummer", "name": "Bezeichnung", "category": "Warengruppe", "brand_name": "Marke",
         "color": "Farbe", "price": "VK-Preis", "cost": "EK-Preis", "is_active": "Aktiv"},
    ),
    "mailing.csv": (
        "recipient,event,timestamp,campaign_id,subject,clicked url",
        "kl{c}@example.com,{e},176{i}{c:03d},C{p},Hello {p},https://example.com/{p}",
        "email_events",
        {"email": "recipient", "event_name": "event", "occurred_at": "timestamp", "campaign_id": "campaign_id"},
    ),
    "kurse.csv": (
        "Datum;Währung;Kurs", "{d:02d}.{m:02d}.2026;CHF;0,9{p}1", "exchange_rates",
        {"rate_date": "Datum", "currency": "Währung", "rate": "Kurs"},
    ),
    "inventaire.csv": (
        "Référence;Magasin;Quantité en stock", "R{i};Lyon {h};{c}", "stock",
        {"product_id": "Référence", "store_id": "Magasin", "quantity": "Quantité en stock"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_layouts_in_many_languages(name: str, tmp_path: Path) -> None:
    header, row, kind, expected = CASES[name]
    draw = random.Random(name)
    rows = []
    for number in range(80):
        q, p = draw.randint(1, 4), draw.randint(2, 8)
        rows.append(
            row.format(
                i=1000 + number, d=draw.randint(1, 28), m=draw.randint(1, 12), h=draw.randint(0, 9), p=p, q=q,
                c=draw.randint(1, 60), t=f"{q * (p + 0.5):.2f}".replace(".", ","),
                e=draw.choice(["delivered", "open", "click", "bounce"]),
                n=draw.choice(["Lucía", "Hugo", "Sofía", "Pablo", "Inés"]),
                l=draw.choice(["Pérez", "Ruiz", "Gil", "Vega"]),
            )
        )  # fmt: skip
    tried = try_text(tmp_path, name, table(header, rows))
    assert tried.kind == kind
    assert {target: tried.columns().get(target) for target in expected} == expected
    found = tried.previews["it"]
    assert found.refused == {}, tried.texts["it"]
    assert found.read == 80


def test_values_alone_are_enough_for_what_only_they_can_be(tmp_path: Path) -> None:
    rows = [f"x{n},ann{n}@example.com,2026-01-{n % 28 + 1:02d} 10:00,+44 7700 90{n:04d}" for n in range(40)]
    tried = try_text(tmp_path, "list.csv", table("c1,c2,c3,c4", rows), {("kind",): "customers"})
    assert {tried.columns()[name] for name in ("email", "occurred_at", "phone")} == {"c2", "c3", "c4"}
    assert tried.choices()["email"].confidence > tried.choices()["phone"].confidence


def test_what_is_unclear_is_asked_and_the_answer_counts(tmp_path: Path) -> None:
    # No day is above 12, and the rows are in no order: nothing decides which number is the day.
    days = ["03/05", "07/02", "01/09", "11/04", "02/02", "09/10", "05/01", "12/12"]
    rows = [f"{n},{day}/2026,A{n},1,2.50,ann{n}@example.com" for n, day in enumerate(days * 3)]
    text = table("order_id,date,sku,qty,price,email", rows)
    tried = try_text(tmp_path, "orders.csv", text)
    (doubt,) = [one for one in tried.proposal.doubts if one.key[0] == "order"]
    assert doubt.key == ("order", "date")
    assert doubt.options[0] == ("day first", "day")
    assert tried.choices()["occurred_at"].confidence < 0.75
    assert "Unsure" in tried.texts["it"]
    told = try_text(tmp_path, "orders.csv", text, {("order", "date"): "month"})
    assert told.choices()["occurred_at"].entry["formats"] == ["%m/%d/%Y"]
    assert not told.proposal.doubts
    other = try_text(tmp_path, "orders.csv", text, {("column", "order_lines", "product_id"): "price"})
    assert other.columns()["product_id"] == "price"
    none = try_text(tmp_path, "orders.csv", text, {("column", "order_lines", "email"): ""})
    assert "email" not in none.columns()


def test_rows_in_order_of_time_tell_day_from_month(tmp_path: Path) -> None:
    days = [f"{m:02d}/{d:02d}/2026" for m in range(1, 13) for d in (2, 5, 9, 12)]
    rows = [f"{n},{day},A{n % 5},1,2.50" for n, day in enumerate(days)]
    tried = try_text(tmp_path, "orders.csv", table("order_id,date,sku,qty,price", rows))
    assert tried.choices()["occurred_at"].entry["formats"] == ["%m/%d/%Y"]
    assert "in order of time" in tried.choices()["occurred_at"].doubt


LINES = {
    "parts": lambda p, q: f"SKU-{p}:{q}:{p}.50; SKU-{p + 1}:1:9.99",
    "words": lambda p, q: f"{q} x SKU-{p} @ {p}.50, 1 x SKU-{p + 1} @ 9.99",
    "named": lambda p, q: f"name:Mug|sku:SKU-{p}|quantity:{q}|price:{p}.5;name:Cap|sku:SKU-{p + 1}|quantity:1|price:9",
    "json": lambda p, q: json.dumps(
        [{"sku": f"SKU-{p}", "qty": q, "price": p}, {"sku": "SKU-9", "qty": 1, "price": 9}]
    ),
}


@pytest.mark.parametrize("form", sorted(LINES))
def test_lines_in_one_cell(form: str, tmp_path: Path) -> None:
    rows = []
    for n in range(40):
        cell = LINES[form](n % 7 + 2, n % 3 + 1).replace('"', '""')
        rows.append(f'{n}\t2026-01-{n % 28 + 1:02d}\tann{n}@example.com\t"{cell}"')
    tried = try_text(tmp_path, "orders.tsv", table("order id\tdate\temail\titems", rows))
    assert tried.kind == "order_lines"
    assert tried.proposal.drafts[0].maps[-1].each
    found = tried.previews["it"]
    assert (found.read, found.accepted["order_lines"], found.refused) == (80, 80, {})
    names, lines = found.rows["order_lines"]
    assert lines[0][names.index("product_id")] == "SKU-2"
    assert lines[0][names.index("quantity")] == "1.000"
    assert float(lines[0][names.index("unit_price")]) in (2, 2.5)


def test_an_order_without_lines_stands_as_one(tmp_path: Path) -> None:
    rows = [f"{n},2026-02-{n % 28 + 1:02d},ann{n}@example.com,€ {n}.90" for n in range(10, 60)]
    tried = try_text(tmp_path, "orders.csv", table("Order No,Order Date,Email,Grand Total", rows))
    assert tried.choices()["product_id"].entry == {"value": "order"}
    assert tried.columns()["unit_price"] == "Grand Total"
    assert tried.choices()["product_id"].unsure
    assert tried.previews["it"].accepted == {"order_lines": 50}
    assert tried.proposal.options["currency"][0] == "EUR"


def test_lines_of_json_with_objects_inside(tmp_path: Path) -> None:
    rows = [
        {"id": f"T{n}", "opened_at": "2026-01-05T10:00:00Z", "requester": {"email": f"a{n}@example.com"}, "csat": 4}
        for n in range(30)
    ]
    tried = try_text(tmp_path, "tickets.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert tried.kind == "tickets"
    assert tried.columns() == {
        "occurred_at": "opened_at",
        "email": "requester.email",
        "ticket_id": "id",
        "satisfaction": "csat",
    }
    assert tried.previews["it"].accepted == {"tickets": 30}


def test_nothing_is_proposed_for_what_it_is_not(tmp_path: Path) -> None:
    rows = [f"{n},{n * 7 % 13},{n % 3}" for n in range(50)]
    tried = try_text(tmp_path, "sensor.csv", table("reading,pressure,valve", rows))
    assert tried.proposal.kinds[0][1] < 0.35
    assert any(doubt.key == ("kind",) for doubt in tried.proposal.doubts)


def test_the_same_file_gives_the_same_text(tmp_path: Path) -> None:
    path = EXPORTS / "ventes_2026-03.csv"
    assert try_file(path).texts == try_file(path).texts


def test_hashed_addresses_are_told_with_their_scheme(tmp_path: Path) -> None:
    rows = [f"M{n},{hashlib.sha256(f'a{n}@example.com'.encode()).hexdigest()},Ann" for n in range(40)]
    tried = try_text(tmp_path, "members.csv", table("member,email_sha256,first name", rows))
    email = tried.choices()["email"]
    assert email.entry == {"column": "email_sha256", "hash": "sha256(lower(trim(email)))"}
    assert "guess" in email.doubt
    assert tried.previews["it"].accepted == {"customers": 40}


def test_what_a_kind_needs_is_asked_for(tmp_path: Path) -> None:
    rows = [f"{n},A{n % 7},2.50,2026-01-{n % 28 + 1:02d}x" for n in range(40)]
    text = table("order_id,sku,price,weird", rows)
    tried = try_text(tmp_path, "orders.csv", text, {("kind",): "order_lines"})
    assert tried.proposal.drafts[0].missing == ("occurred_at",)
    assert tried.proposal.doubts[0].key == ("column", "order_lines", "occurred_at")
    said = {("kind",): "order_lines", ("column", "order_lines", "occurred_at"): "weird"}
    told = try_text(tmp_path, "orders.csv", text, said)
    assert told.columns()["occurred_at"] == "weird"
    assert told.previews["it"].refused_rows == 40
