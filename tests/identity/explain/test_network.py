"""The graph for a page: whole by parts, bounded, masked, and nobody in it who may not be seen."""

from __future__ import annotations

import msgspec
import pytest
from tests.identity.explain.tables import Tables
from tests.identity.explain.test_reasons import ann

from floorwalker.errors import NotFoundError
from floorwalker.identity.explain import graph


def test_nodes_and_edges_fit_each_other() -> None:
    found = graph(ann().connection, "c1", clear=True)
    ids = [node.id for node in found.nodes]
    assert len(ids) == len(set(ids))
    assert {end for edge in found.edges for end in (edge.source, edge.target)} <= set(ids)
    assert [node.type for node in found.nodes].count("record") == 5
    spanning = [edge for edge in found.edges if edge.spanning]
    assert {edge.rule for edge in spanning} == {"loyalty_id", "email", "model", "cookie_id"}
    refused = [edge for edge in found.edges if edge.accepted is False]
    assert {edge.reason for edge in refused} == {"learned hub: more than 3 names"}


def test_an_identifier_on_one_record_alone_is_there_too() -> None:
    shop = Tables(["a till email=x", "b web phone=+441"]).customers("a b")
    found = graph(shop.connection, "c1", clear=True)
    assert sorted(node.value for node in found.nodes if node.type == "identifier") == ["+441", "x"]
    assert {edge.type for edge in found.edges} == {"carries", "member"}


def test_parts_make_the_whole_and_name_things_alike() -> None:
    shop = ann()
    whole = graph(shop.connection, "c1")
    edges, nodes, offset = set(), {}, 0
    while offset is not None:
        part = graph(shop.connection, "c1", limit=2, offset=offset)
        assert part.counts["records"].shown <= 2
        for node in part.nodes:
            assert nodes.setdefault(node.id, node) == node
        edges |= {msgspec.json.encode(edge) for edge in part.edges}
        offset = part.next_offset
    assert nodes.keys() == {node.id for node in whole.nodes}
    # Evidence about two records is in the part that has both.
    missing = {msgspec.json.encode(edge) for edge in whole.edges} - edges
    assert all(b'"rule":"model"' in edge for edge in missing)


def test_masked_unless_asked_for() -> None:
    text = msgspec.json.encode(graph(ann().connection, "c1")).decode()
    assert '"masked":true' in text
    for secret in ("ann@", "info@", "+441"):
        assert secret not in text


def test_records_of_others_are_shown_to_those_who_may_see_them() -> None:
    shop = Tables(["a till", "b web"]).customers("a", "b").model("a", "b", 12.0, refused="limit loyalty_id 1")
    seen = graph(shop.connection, "c1")
    assert [(node.record_id, node.outside) for node in seen.nodes if node.type == "record"] == [
        ("a", False),
        ("b", True),
    ]
    hidden = graph(shop.connection, "c1", visible=lambda some: set(some) - {"c2"})
    assert "c2" not in msgspec.json.encode(hidden).decode()
    assert hidden.counts["evidence"].all == 1 and hidden.counts["evidence"].shown == 0


def test_levels_and_households_where_there_are_any() -> None:
    shop = Tables(["a till", "b web"]).model("a", "b", 7.0).customers("a b")
    connection = shop.connection
    connection.execute("CREATE TABLE silver.customer_levels AS SELECT 'b' AS record_id, 'transactional' AS level,"
                       " 'c7' AS customer_id")  # fmt: skip
    found = graph(connection, "c1")
    assert next(node for node in found.nodes if node.record_id == "b").levels == {"transactional": "c7"}


def test_a_persons_decision_is_a_point_of_the_graph() -> None:
    shop = Tables(["a till", "b web", "c app"]).person("a", "b").person("a", "c").person("a", "b", cut=True)
    found = graph(shop.customers("a b c").connection, "c1")
    (decision,) = [node for node in found.nodes if node.kind == "decision"]
    assert (decision.value, decision.label, decision.records) == ("d7", "a person's decision d7", 3)
    assert sum(edge.target == decision.id and edge.spanning for edge in found.edges) == 3
    assert [edge.text for edge in found.edges if edge.accepted is False] == ["a person decided that they are two"]


def test_a_bridge_of_many_visits_stays_bounded() -> None:
    shop = Tables([f"v{n} clicks cookie_id=k" for n in range(700)])
    for n in range(700):
        shop.tie(f"v{n}", "cookie_id", "k")
    found = graph(shop.customers(" ".join(f"v{n}" for n in range(700))).connection, "c1", limit=10_000)
    assert found.counts["records"].shown == 500
    assert found.next_offset == 500


def test_nobody() -> None:
    with pytest.raises(NotFoundError):
        graph(Tables([]).connection, "c1")
