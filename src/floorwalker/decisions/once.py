"""One decision from the command line, and the replay of an earlier one.

In: a project and who to decide for. Out: a `Decision`, recorded before it is returned.

    decide_once(project, "email:ann@example.com", "home", k=5, normalise=normalise).as_dict()
    replay_once(project, decision_id)
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from floorwalker.decisions.decide import decide, replay
from floorwalker.decisions.ledger import Ledger, find_policy, find_record
from floorwalker.decisions.policy import load_policy, parse_policy
from floorwalker.decisions.record import unpack_record
from floorwalker.decisions.request import Decision, Request
from floorwalker.identity.lookup_keys import LookupKeys
from floorwalker.profiles.bundle import Bundle
from floorwalker.profiles.bundle.reader import Normalise, as_written
from floorwalker.profiles.bundle.shelf import published_bundle

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


def parse_identifier(text: str) -> tuple[str, str]:
    """`kind:value`, a bare e-mail address or a bare customer id, as (kind, value).

    >>> parse_identifier("phone:+442079460018"), parse_identifier("ann@example.com"), parse_identifier("cabc")
    (('phone', '+442079460018'), ('email', 'ann@example.com'), ('customer_id', 'cabc'))
    """
    kind, colon, value = text.partition(":")
    if colon:
        return kind, value
    return ("email" if "@" in text else "customer_id", text)


def decide_once(
    project: Project,
    identifier: str | None,
    surface: str,
    k: int | None = None,
    *,
    product_id: str | None = None,
    cart: list[str] | None = None,
    store_id: str | None = None,
    market: str | None = None,
    seed: int = 0,
    decided_at: int | None = None,
    normalise: Normalise = as_written,
) -> Decision:
    """Decide for a customer id or `kind:value` (None: an unknown visitor) with the published bundle, and record it.

    Raises NotFoundError before the first run, ConfigError for an unknown surface or a policy that cannot be used.
    """
    kind, value = parse_identifier(identifier) if identifier else ("", "")
    policy = load_policy(project.policies)
    request = Request(
        surface=surface,
        k=k,
        customer=value if kind == "customer_id" else None,
        identifiers={kind: value} if kind and kind != "customer_id" else {},
        product_id=product_id,
        cart=cart or [],
        store_id=store_id,
        market=market,
        seed=seed,
    )
    when = time.time_ns() // 1000 if decided_at is None else decided_at
    with Bundle.open(published_bundle(project), keys=LookupKeys.load(project), normalise=normalise) as bundle:
        decided = decide(request, bundle, policy, decided_at=when, secret=project.secret)
        product_ids = bundle.product_ids.tolist()
    with Ledger(project.state / "decisions", sync=True) as ledger:
        ledger.keep_numbering(decided.decision.run_id, product_ids)
        ledger.keep_policy(policy.digest, policy.text, policy.absent_personalization)
        ledger.add(decided.decision.decision_id, decided.record, decided.decision.customer_id)
    return decided.decision


def replay_once(project: Project, decision_id: str) -> Decision:
    """Decide again from the ledger, with the policy of that time and the bundle of that run.

    Raises NotFoundError (no such decision, or its bundle is gone) or StateError (erased, or its inputs changed).
    """
    folder = project.state / "decisions"
    data = find_record(folder, decision_id)
    record = unpack_record(data)
    text, absent = find_policy(folder, record.policy)
    with Bundle.open(project.bundles / record.run_id, keys=LookupKeys.load(project)) as bundle:
        return replay(data, bundle, parse_policy(text, absent_personalization=absent), secret=project.secret)
