"""A shop small enough to count by hand: a till, a web shop, a click log, a CRM and a preference centre, in two markets.

In: a folder. Out: a project in it. As delivered, one after the other:

    Ann   UK  till R1 2 x 5.00 + 1 x 20.00; web W1 1 x 30.00   = 60.00 in 2 orders; allows everything
    Bob   UK  till R2 1 x 30.00 + 1 x 12.00 by his card        = 42.00; refuses personalisation; one return of 5.00
    Cora  IE  web W2 1 x 6.00 EUR at 0.50                      =  3.00; has said nothing
    somebody without a name: till R3 1 x 5.00
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from floorwalker.app.scaffold import make_project

TILL = """receipt;line;sold_at;sku;name;qty;price;email;card
R1;1;05/01/2026 10:00;A;Café cup;2;5,00;ann@example.com;
R1;2;05/01/2026 10:00;B;Scarf;1;20,00;ann@example.com;
R2;1;10/01/2026 09:30;C;Lamp;1;30,00;;L-77
R2;2;10/01/2026 09:30;D;Vase;1;12,00;;L-77
R3;1;11/01/2026 16:45;A;Café cup;1;5,00;;
"""
WEB = (
    {"order": "W1", "at": "2026-02-01T12:00:00Z", "sku": "C", "qty": 1, "price": "30.00", "currency": "GBP",
     "market": "UK", "mail": " ANN@Example.com"},
    {"order": "W2", "at": "2026-02-02T08:00:00Z", "sku": "A", "qty": 1, "price": "6.00", "currency": "EUR",
     "market": "IE", "mail": "cora@example.ie"},
)  # fmt: skip
FILES = {
    "returns.csv": "ref,at,sku,qty,price,card\nT1,2026-01-20 11:00,A,1,5.00,L77\n",
    "crm.csv": (
        "id,first,last,email,phone,card,market,since\n"
        "1,Ann,Miller,ann@example.com,020 7946 0018,,UK,2025-12-01\n"
        "2,Bob,Stone,bob@example.com,,L-77,UK,2025-12-02\n"
        "3,Cora,Lynch,cora@example.ie,(01) 677 0100,,IE,2025-12-03\n"
    ),
    "consents.csv": (
        "email,purpose,status,at\n"
        "ann@example.com,personalization,granted,2026-01-01\n"
        "ann@example.com,marketing_email,granted,2026-01-01\n"
        "bob@example.com,personalization,denied,2026-01-02\n"
        "bob@example.com,marketing_email,granted,2026-01-02\n"
    ),
    "products.csv": (
        "sku,name,category,brand,price\n"
        + "".join(f"{sku},{name},{category},Acme,{price}\n" for sku, name, category, price in (
            ("A", "Café cup", "Kitchen", "5.00"), ("B", "Scarf", "Clothes", "20.00"), ("C", "Lamp", "Home", "30.00"),
            ("D", "Vase", "Home", "12.00"), ("E", "Gloves", "Clothes", "15.00")))
    ),
    "rates.csv": "currency,rate,day\nEUR,0.50,2026-01-01\n",
}  # fmt: skip
MAPPINGS = {
    "till": """source = "till"
files = "data/till_*.csv"
delimiter = ";"
channel = "store"
[[maps]]
kind = "order_lines"
[maps.columns]
order_id = "receipt"
line_no = "line"
occurred_at = { column = "sold_at", formats = ["%d/%m/%Y %H:%M"] }
product_id = "sku"
product_name = "name"
quantity = "qty"
unit_price = { column = "price", decimal = "," }
email = "email"
loyalty_id = "card"
""",
    "returns": """source = "till"
files = "data/returns.csv"
channel = "store"
[[maps]]
kind = "returns"
[maps.columns]
return_id = "ref"
occurred_at = "at"
product_id = "sku"
quantity = "qty"
unit_price = "price"
loyalty_id = "card"
""",
    "web": """source = "web"
files = "data/web.jsonl"
channel = "web"
brand = "Acme"
[[maps]]
kind = "order_lines"
[maps.columns]
order_id = "order"
occurred_at = "at"
product_id = "sku"
quantity = "qty"
unit_price = "price"
currency = "currency"
market = "market"
email = "mail"
""",
    "clicks": """source = "web"
files = "data/clicks.parquet"
channel = "web"
[[maps]]
kind = "browse_events"
[maps.columns]
event_name = "event"
occurred_at = "at"
product_id = "sku"
cookie_id = "cookie"
email = "mail"
market = "market"
""",
    "crm": """source = "crm"
files = "data/crm.csv"
[[maps]]
kind = "customers"
[maps.columns]
customer_ref = "id"
occurred_at = "since"
given_name = "first"
family_name = "last"
email = "email"
phone = "phone"
loyalty_id = "card"
market = "market"
""",
    "consents": """source = "centre"
files = "data/consents.csv"
[[maps]]
kind = "consents"
[maps.columns]
email = "email"
purpose = "purpose"
status = "status"
occurred_at = "at"
""",
    "products": """source = "catalogue"
files = "data/products.csv"
[[maps]]
kind = "products"
[maps.columns]
product_id = "sku"
name = "name"
category = "category"
brand_name = "brand"
price = "price"
""",
    "rates": """source = "bank"
files = "data/rates.csv"
[[maps]]
kind = "exchange_rates"
[maps.columns]
currency = "currency"
rate = "rate"
rate_date = "day"
""",
}


def make_shop(folder: Path) -> Path:
    """Write the project with everything delivered and nothing run."""
    make_project(folder, template="blank")
    for example in (folder / "mappings").iterdir():
        example.unlink()
    for name, text in MAPPINGS.items():
        (folder / "mappings" / f"{name}.toml").write_text(text, encoding="utf-8")
    # Customer ids follow from the secret: with one for all, the tables of two shops can be compared.
    (folder / "state").mkdir()
    (folder / "state" / "secret.key").write_text("of the tests")
    data = folder / "data"
    data.mkdir()
    (data / "till_1.csv").write_text(TILL, encoding="latin-1")
    (data / "web.jsonl").write_text("".join(json.dumps(line) + "\n" for line in WEB), encoding="utf-8")
    for name, text in FILES.items():
        (data / name).write_text(text, encoding="utf-8")
    clicks = [
        {"event": "Product Viewed", "at": "2026-01-31T20:00:00Z", "sku": "D", "cookie": "k1", "mail": "ann@example.com",
         "market": "UK"},
        {"event": "Product Viewed", "at": "2026-01-31T21:00:00Z", "sku": "E", "cookie": "k2", "mail": None,
         "market": "UK"},
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(clicks), data / "clicks.parquet")
    return folder
