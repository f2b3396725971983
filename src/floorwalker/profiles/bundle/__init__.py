"""The serving bundle: what a published run knows, packed so that a decision reads it in microseconds.

build_bundle(connection, project.bundles, …)  gold tables            → state/bundles/<run_id>/
Bundle.open(path)                             one run's bundle       → profiles, identifiers, lists, products
Shelf(project).current()                      the published bundle   → the newest, looked up at most once a second
erase_from_bundle(path, customer_ids)         a person               → gone, and no freed page keeps a trace
"""

from __future__ import annotations

from floorwalker.profiles.bundle.build import build_bundle
from floorwalker.profiles.bundle.erasure import erase_from_bundle
from floorwalker.profiles.bundle.reader import Bundle
from floorwalker.profiles.bundle.shelf import Shelf

__all__ = ["Bundle", "Shelf", "build_bundle", "erase_from_bundle"]
