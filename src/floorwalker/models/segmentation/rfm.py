"""RFM: customers scored 1 to 5 by how recently, how often and how much they bought.

In: gold.customers. Out: gold.rfm, one row per customer with an order: the three figures, their quintiles `r`, `f`, `m`
(5 is best), the `cell` ("555"), our eight-way `segment`, and the `lifecycle`, one of the classic twelve.

Quintiles are NTILE(5), ties broken by customer_id, so that two engines agree on every row; with fewer than five
customers the best still gets a 5.

>>> lifecycle("555"), lifecycle("155"), lifecycle("111")
('Champions', 'Cannot Lose Them', 'Lost')
>>> segment("555"), segment("155"), segment("511")
('Best customers', 'Win back first', 'Newcomers')
"""

from __future__ import annotations

from floorwalker.engines.steps import Step, StepContext

LIFECYCLES: dict[str, tuple[str, ...]] = {
    name: tuple(cells.split())
    for name, cells in {
        "Champions": "555 554 544 545 454 455 445",
        "Loyal": "543 444 435 355 354 345 344 335",
        "Potential Loyalist": (
            "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 333 323"
        ),
        "New Customers": "512 511 422 421 412 411 311",
        "Promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
        "Need Attention": "535 534 443 434 343 334 325 324",
        "About to Sleep": "331 321 312 221 213 231 241 251",
        "At Risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
        "Cannot Lose Them": "155 154 144 214 215 115 114 113",
        "Hibernating": "332 322 233 232 223 222 132 123 122 212 211",
        "Losing but Engaged": "131 141 151",
        "Lost": "111 112 121",
    }.items()
}
"""The classic grid, cell by cell (r, f, m). Source: the table marketing tools copy from each other: in eleven names
in Squeezely's RFM app, in twelve with "Losing but Engaged", which in print carries the same six cells as "Lost"
(111 112 121 131 141 151). So the printed twelve are no partition. Here those of the six who had ordered often (f >= 3)
are losing but engaged, the others lost; every other cell is as printed."""

SEGMENTS = (
    "Best customers",
    "Regulars",
    "Newcomers",
    "Slipping away",
    "Occasional",
    "Win back first",
    "Former regulars",
    "Gone",
)
"""Eight names instead of twelve, each with one obvious thing to do: recency (4-5, 3, 1-2) against value f + m
(8-10, 5-7, 2-4), the two lower values of the middle recency in one."""

_SEGMENT_SQL = """CASE
    WHEN r >= 4 AND f + m >= 8 THEN 'Best customers'
    WHEN r >= 4 AND f + m >= 5 THEN 'Regulars'
    WHEN r >= 4 THEN 'Newcomers'
    WHEN r = 3 AND f + m >= 8 THEN 'Slipping away'
    WHEN r = 3 THEN 'Occasional'
    WHEN f + m >= 8 THEN 'Win back first'
    WHEN f + m >= 5 THEN 'Former regulars'
    ELSE 'Gone'
  END"""


def _lifecycle_sql() -> str:
    arms = [f"    WHEN cell IN ({', '.join(map(repr, cells))}) THEN '{name}'" for name, cells in LIFECYCLES.items()]
    return "\n".join(["CASE", *arms, "  END"])


RFM_SQL = f"""
WITH bought AS (
  SELECT customer_id, recency_days, orders AS frequency, COALESCE(revenue, 0) AS monetary
  FROM gold.customers
  WHERE orders > 0 AND recency_days IS NOT NULL
), scored AS (
  SELECT
    customer_id, recency_days, frequency, monetary,
    NTILE(5) OVER (ORDER BY recency_days DESC, customer_id) AS r,
    NTILE(5) OVER (ORDER BY frequency, customer_id) AS f,
    NTILE(5) OVER (ORDER BY monetary, customer_id) AS m,
    CASE WHEN COUNT(*) OVER () < 5 THEN 5 - COUNT(*) OVER () ELSE 0 END AS missing
  FROM bought
), quintiles AS (
  SELECT
    customer_id,
    CAST(recency_days AS INTEGER) AS recency_days,
    CAST(frequency AS BIGINT) AS frequency,
    CAST(monetary AS DECIMAL(28, 4)) AS monetary,
    CAST(r + missing AS INTEGER) AS r,
    CAST(f + missing AS INTEGER) AS f,
    CAST(m + missing AS INTEGER) AS m
  FROM scored
), cells AS (
  SELECT *, CAST(r AS VARCHAR) || CAST(f AS VARCHAR) || CAST(m AS VARCHAR) AS cell
  FROM quintiles
)
SELECT
  customer_id, recency_days, frequency, monetary, r, f, m, cell,
  {_SEGMENT_SQL} AS segment,
  {_lifecycle_sql()} AS lifecycle
FROM cells
ORDER BY customer_id
"""
"""One query in the portable subset: DuckDB runs it as it stands, Spark after transpiling."""

_LIFECYCLE_OF = {cell: name for name, cells in LIFECYCLES.items() for cell in cells}


def lifecycle(cell: str) -> str:
    """The classic name of an RFM cell such as "355"; KeyError for anything but three digits 1 to 5."""
    return _LIFECYCLE_OF[cell]


def segment(cell: str) -> str:
    """Our name of an RFM cell such as "355": one of `SEGMENTS`, the same rule as `RFM_SQL`."""
    recency, value = int(cell[0]), int(cell[1]) + int(cell[2])
    if recency == 3:
        return "Slipping away" if value >= 8 else "Occasional"
    high, middle, low = SEGMENTS[0:3] if recency > 3 else SEGMENTS[5:8]
    return high if value >= 8 else middle if value >= 5 else low


def rfm_steps() -> list[Step]:
    """The step that writes gold.rfm (empty, with its columns, when nobody has bought yet)."""
    return [
        Step(
            "rfm",
            reads=("gold.customers",),
            writes=("gold.rfm",),
            run=_write_rfm,
            version="1",
            lineage={"gold.rfm": RFM_SQL},
        )
    ]


def _write_rfm(context: StepContext) -> None:
    context.write("gold.rfm", context.connection.sql(RFM_SQL))
