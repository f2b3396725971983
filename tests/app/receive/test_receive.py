"""What systems send by themselves: durable before it is answered, only with a key or a signature, carried out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from tests.app.driving import call, run
from tests.app.pull.taking_in import bronze, new_project, take_in
from tests.sources.debezium.messages import line, lines, postgres, with_schema
from tests.sources.debezium.test_changes import TEXT

from floorwalker.app.config import load_config
from floorwalker.app.receive.service import Receiver
from floorwalker.engines.project import Project
from floorwalker.sources.connectors.settings import read_pulls

SETTINGS = """
[pulls.erp]
connector = "debezium"
[pulls.shop]
connector = "shopify"
url = "https://shop.example"
token_env = "SHOP_TOKEN"
webhook_secret_env = "SHOP_SECRET"
"""


def ask(receiver: Receiver, path: str, body: bytes, *, method: str = "POST", **headers: str) -> tuple[int, Any]:
    """One request to the ASGI application."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "client": ("127.0.0.1", 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(receiver(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_SECRET", "app-secret")
    folder = new_project(tmp_path / "project", SETTINGS)
    (folder / "mappings" / "erp.toml").write_text(TEXT.replace('"*"', '"state/pulled/erp/changes/*.jsonl"'))
    return folder


def receiver_of(folder: Path) -> Receiver:
    project = Project(folder)
    return Receiver(project, read_pulls(load_config(project).settings.pulls))


def test_changes_are_on_the_disk_before_the_answer_and_want_a_key(folder: Path) -> None:
    key = call(folder, "keys", "create", "--kind", "server", "erp", "--json").json["key"]
    receiver = receiver_of(folder)
    one = json.dumps(with_schema(postgres("c", 10, None, line(1)))).encode()
    assert ask(receiver, "/v1/changes/erp", one)[0] == 401
    assert ask(receiver, "/v1/changes/erp", one, authorization="Bearer fw_wrong")[0] == 401
    assert not list((folder / "state").rglob("changes/*"))
    assert ask(receiver, "/v1/changes/other", one, authorization=f"Bearer {key}")[0] == 404
    assert ask(receiver, "/v1/changes/../../x", one, authorization=f"Bearer {key}")[0] == 404
    assert ask(receiver, "/v1/changes/erp", one, authorization=f"Bearer {key}") == (200, {"taken": 1})
    more = lines(with_schema(postgres("u", 20, line(1), line(1, "3"))), "{broken").encode()
    assert ask(receiver, "/v1/changes/erp", more, authorization=f"Bearer {key}") == (200, {"taken": 2})
    pretty = json.dumps(with_schema(postgres("c", 30, None, line(2))), indent=1).encode()
    assert ask(receiver, "/v1/changes/erp", pretty, authorization=f"Bearer {key}") == (200, {"taken": 1})
    assert ask(receiver, "/v1/changes/erp", b"x" * (5 << 20), authorization=f"Bearer {key}")[0] == 413
    assert ask(receiver, "/health", b"", method="GET")[0] == 200
    assert take_in(folder)["erp"].rows_quarantined == 1
    found = bronze(folder, "SELECT line_no, quantity FROM bronze.order_lines ORDER BY 1, 2")
    assert found == [("1", "2.000"), ("1", "3.000"), ("2", "2.000")]
    # A pull has nothing to ask of it.
    assert call(folder, "pull", "erp", "--json").json == []


def webhook(receiver: Receiver, topic: str, said: dict[str, Any], secret: str = "app-secret") -> tuple[int, Any]:
    body = json.dumps(said).encode()
    made = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return ask(receiver, "/v1/privacy/shop", body, x_shopify_topic=topic, x_shopify_hmac_sha256=made)


def test_a_request_to_be_erased_by_a_webhook(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_text("no,at,sku,qty,price,mail\n1,2026-01-05,CUP,1,5,ann@example.com\n"
                                           "2,2026-01-05,CUP,1,5,bob@example.com\n")  # fmt: skip
    (folder / "mappings" / "a.toml").write_text(
        'source = "shop"\nfiles = "data/a.csv"\n[[maps]]\nkind = "order_lines"\ncolumns = { order_id = "no",'
        ' occurred_at = "at", product_id = "sku", quantity = "qty", unit_price = "price", email = "mail" }\n'
    )
    run(folder)
    receiver = receiver_of(folder)
    said = {"shop_id": 1, "shop_domain": "shop.example", "customer": {"id": 7, "email": "ann@example.com"},
            "orders_to_redact": [1]}  # fmt: skip
    assert webhook(receiver, "customers/redact", said, "wrong")[0] == 401
    assert ask(receiver, "/v1/privacy/nobody", b"{}")[0] == 401
    assert webhook(receiver, "orders/create", said)[0] == 404
    assert webhook(receiver, "customers/redact", {"customer": {}})[0] == 400
    assert call(folder, "privacy", "list", "--json").json == []
    first, again = webhook(receiver, "customers/redact", said), webhook(receiver, "customers/redact", said)
    assert first == again and first[0] == 200
    assert webhook(receiver, "customers/redact", {"customer": {"id": 9, "email": "nobody@example.com"}})[0] == 200
    asked = webhook(receiver, "customers/data_request", {"customer": {"email": "bob@example.com"}})[1]["request"]
    listed = call(folder, "privacy", "list", "--json").json
    assert sorted(one["topic"] for one in listed) == ["customers/data_request", *["customers/redact"] * 2]
    done = call(folder, "privacy", "carry-out", "--yes", "--json").json
    assert sorted(one["what came of it"] for one in done) == ["erased, proven", "not known here"]
    assert call(folder, "customers", "search", "ann@example.com", "--json").json == []
    left = call(folder, "privacy", "list", "--json").json
    assert [one["request"] for one in left] == [asked]
    assert call(folder, "privacy", "settle", asked).code == 0
    assert call(folder, "privacy", "settle", asked).code == 1
    assert call(folder, "audit", "verify").code == 0
