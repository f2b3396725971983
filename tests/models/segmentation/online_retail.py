"""Online Retail (UCI, 2010-2011) cleaned as in the research notes, as gold.customers of a `MemoryContext`."""

from __future__ import annotations

import datetime as dt

from tests.data import bench_data
from tests.steps import MemoryContext

AS_OF = dt.date(2011, 12, 10)
"""The day after the last sale: recency is counted to it."""


def load(context: MemoryContext) -> None:
    """Fill gold.customers with 4,338 customers from the 397,884 sale lines that name one."""
    path = bench_data("online_retail", "online_retail_2010_2011.parquet")
    context.connection.execute(
        f"""CREATE TABLE gold.customers AS
        SELECT CAST(CustomerID AS VARCHAR) AS customer_id,
          CAST(DATE '{AS_OF}' - max(CAST(InvoiceDate AS DATE)) AS INTEGER) AS recency_days,
          count(DISTINCT InvoiceNo) AS orders,
          CAST(sum(CAST(Quantity AS DECIMAL(18,4)) * CAST(UnitPrice AS DECIMAL(18,4))) AS DECIMAL(28,4)) AS revenue
        FROM '{path}'
        WHERE CustomerID IS NOT NULL AND NOT starts_with(InvoiceNo, 'C') AND Quantity > 0 AND UnitPrice > 0
        GROUP BY 1"""
    )
