"""What to put into floorwalker.toml for a connector, with what is known of it as comments.

In: a connector's name. Out: TOML text.

>>> as_settings("shopify").splitlines()[0]
'[pulls.shopify]'
"""

from __future__ import annotations

from pathlib import Path

from floorwalker.sources.connectors.definition import load_connector, shipped_mappings

_SQL = """\
[pulls.database]
connector = "sql"
url = "postgresql+psycopg://reader@db.example.com:5432/shop"    # any database that SQLAlchemy knows; no password here
password_env = "SHOP_DB_PASSWORD"                               # the environment variable that holds it
# since = "2024-01-01"                                          # how far the first pull looks back

[[pulls.database.tables]]
name = "orders"                                                 # a table or a view
# schema = "public"
key = "id"
cursor = { field = "updated_at", overlap_minutes = 10 }         # a time, or { field = "id", type = "number" }

# Then a mapping of your own with files = "state/pulled/database/orders/*.jsonl"
"""

_FILES = """\
[pulls.drop]
connector = "files"
url = "sftp://files.example.com/out"    # any address that fsspec knows, with its package: s3://… needs s3fs
pattern = "orders_*.csv"
username = "reader"                     # what else stands here goes to fsspec's file system
password_env = "DROP_PASSWORD"          # the environment variable that holds it

# Then a mapping of your own with files = "state/pulled/drop/files/*.csv"
"""
_DEBEZIUM = """\
[pulls.erp]
connector = "debezium"                  # floorwalker receive takes POST /v1/changes/erp

# Then a mapping of your own with files = "state/pulled/erp/changes/*.jsonl", format = "debezium", change_key = "id"
"""
_OTHERS = {"sql": _SQL, "files": _FILES, "debezium": _DEBEZIUM}


def as_settings(name: str, own: Path | None = None) -> str:
    """Ready to paste."""
    if name in _OTHERS:
        return _OTHERS[name]
    connector = load_connector(name, own)
    lines = [f"[pulls.{name}]", f'connector = "{name}"']
    if "{url}" in connector.client.get("base_url", "") and "url" not in connector.options:
        lines.append('url = "https://…"')
    for key, value in connector.options.items():
        lines.append(f'{"# " if value else ""}{key} = "{value or "…"}"')
    for key, about in connector.secrets.items():
        lines.append(f'{key}_env = "{name.upper()}_{key.upper()}"    # the environment variable that holds: {about}')
    names = ", ".join(f'"{one.name}"' for one in connector.streams)
    lines += [
        f"# streams = [{names}]    # default: all",
        '# since = "2024-01-01"    # how far the first pull looks back',
        "# keep_days = 30          # files that a run has read are removed after so many days; 0: never",
        "",
        f"# {connector.title}: {connector.documentation}",
    ]
    if connector.looked_at:
        lines.append(f"# written by the vendor's documentation as of {connector.looked_at.isoformat()}")
    for one in connector.unverified:
        lines.append(f"# not verified: {one}")
    mappings = sorted(shipped_mappings(name))
    if mappings:
        lines.append(f"# mappings that read it: {', '.join(mappings)}; to change them: floorwalker pull --adopt {name}")
    return "\n".join(lines) + "\n"
