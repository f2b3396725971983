"""What the control makes of the bronze tables: one query per silver and gold table, in the order to run them.

In: nothing. Out: `SILVER` and `GOLD`, table → SELECT; see `benchmarks.plain_sql`.
"""

from __future__ import annotations

PERSON_KINDS = (
    *("order_lines", "returns", "consents", "browse_events", "email_events", "loyalty_events", "tickets"),
    *("exposures", "redemptions"),
)
_WHO = "customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id, fingerprint"
_WORDS = (
    *("source", "channel", "market", "customer_ref", "account_id", "loyalty_id", "email", "phone", "device_id"),
    *(
        "cookie_id",
        "fingerprint",
        "given_name",
        "family_name",
        "birth_date",
        "gender",
        "address",
        "postcode",
        "city",
        "country",
    ),
    "language",
)
_PERSON = ("market", "given_name", "family_name", "birth_date", "gender", "postcode", "city", "country", "language")
_LATEST = "QUALIFY row_number() OVER (PARTITION BY {0} ORDER BY occurred_at DESC, received_at DESC, event_id) = 1"


def _with_customer(kind: str, own: str) -> str:
    return f"""
      SELECT event_id, source, market, channel, occurred_at, occurred_on, customer_id, record_id, {own}
      FROM bronze.{kind} LEFT JOIN silver.customer_map USING (record_id)"""


def _in_pounds(own: str, kind: str) -> str:
    return f"""
      SELECT {own}
      FROM bronze.{kind} AS l CROSS JOIN meta.run AS q
      LEFT JOIN silver.customer_map AS m USING (record_id)
      LEFT JOIN silver.exchange_rates AS r
        ON r.currency = l.currency AND l.occurred_on >= r.rate_date AND l.occurred_on < r.next_date"""


_RATE = "CASE l.currency WHEN q.reporting_currency THEN 1::DECIMAL(18,8) ELSE r.rate END"
_POUNDS = f"CAST(l.amount * {_RATE} AS DECIMAL(18,4))"

SILVER: dict[str, str] = {
    "identity_records": f"""
      SELECT record_id, {", ".join(f"max({name}) AS {name}" for name in _WORDS)}, min(occurred_at) AS first_seen,
        max(occurred_at) AS last_seen, count(*) AS rows
      FROM (SELECT record_id, occurred_at, {", ".join(_WORDS)} FROM bronze.customers {
        " ".join(
            f"UNION ALL BY NAME SELECT record_id, occurred_at, source, channel, market, language, {_WHO}"
            f"{', country' if kind in ('order_lines', 'returns') else ''} FROM bronze.{kind}"
            for kind in PERSON_KINDS
        )
    })
      WHERE record_id IS NOT NULL GROUP BY record_id""",
    "exchange_rates": """
      SELECT currency, rate, rate_date, lead(rate_date, 1, DATE '9999-12-31') OVER (PARTITION BY currency
        ORDER BY rate_date) AS next_date
      FROM (SELECT currency, rate_date, CAST(rate AS DECIMAL(18,8)) AS rate FROM bronze.exchange_rates
        QUALIFY row_number() OVER (PARTITION BY currency, rate_date ORDER BY received_at DESC, event_id) = 1)""",
    "stock": f"""
      SELECT product_id, coalesce(store_id, '') AS store_id, quantity, occurred_at FROM bronze.stock
      {_LATEST.format("product_id, coalesce(store_id, '')")}""",
    "stores": f"""
      SELECT store_id, name, city, region, country, time_zone, latitude, longitude, opened_on FROM bronze.stores
      {_LATEST.format("store_id")}""",
    "products": f"""
      SELECT product_id, coalesce(c.name, s.product_name) AS name, category, subcategory, brand_name, garment, color,
        c.size, coalesce(c.price, s.unit_price) AS price, cost, coalesce(c.currency, s.currency) AS currency,
        coalesce(is_active, true) AS is_active, launched_on
      FROM (SELECT * FROM bronze.products {_LATEST.format("product_id")}) AS c
      FULL JOIN (SELECT product_id, arg_max(product_name, occurred_at) AS product_name,
          arg_max(unit_price, occurred_at) AS unit_price, arg_max(currency, occurred_at) AS currency
        FROM bronze.order_lines GROUP BY product_id) AS s USING (product_id)""",
    "product_price_ranks": """
      SELECT product_id, category, brand_name, garment, CASE WHEN count(*) OVER (PARTITION BY category) > 1
        THEN percent_rank() OVER (PARTITION BY category ORDER BY price, product_id) ELSE 0.5 END AS price_rank
      FROM silver.products WHERE price > 0""",
    "consents": """
      WITH purposes AS (SELECT unnest(['analytics', 'personalization', 'marketing_email', 'marketing_sms',
        'marketing_push',
        'ads', 'profiling']) AS purpose),
      said AS (
        SELECT record_id, p.purpose, CASE status WHEN 'granted' THEN 'granted' ELSE 'denied' END AS status,
          occurred_at, basis
        FROM bronze.consents AS c JOIN purposes AS p ON p.purpose = c.purpose OR c.purpose = 'all'
          WHERE record_id IS NOT NULL
        UNION ALL
        SELECT record_id, 'marketing_email', 'denied', occurred_at, 'unsubscribe' FROM bronze.email_events
        WHERE event_name IN ('Unsubscribed', 'Email Marked as Spam') AND record_id IS NOT NULL)
      SELECT record_id, purpose, status, occurred_at AS since, basis FROM said
      QUALIFY row_number() OVER (PARTITION BY record_id, purpose ORDER BY occurred_at DESC, status) = 1""",
    "order_sources": """
      SELECT order_key, 1000::INTEGER AS precedence, min(lpad('1000', 6, '0') || source) AS believed
      FROM bronze.order_lines GROUP BY order_key HAVING count(DISTINCT source) > 1""",
    "order_corrections": """
      SELECT source, order_key, line_no, max(received_at) AS received_at FROM bronze.order_lines
      WHERE line_no IS NOT NULL GROUP BY ALL HAVING min(received_at) < max(received_at)""",
    "browse_events": """
      SELECT event_id, source, market, channel, occurred_at, occurred_on, occurred_hour, customer_id, record_id,
        event_name, session_id, product_id, category, query, quantity, CAST(price * CASE
          WHEN coalesce(currency, reporting_currency) = reporting_currency THEN 1::DECIMAL(18,8) ELSE rate END
          AS DECIMAL(18,4)) AS price
      FROM bronze.browse_events CROSS JOIN meta.run LEFT JOIN silver.customer_map USING (record_id)
      LEFT JOIN (SELECT currency, occurred_on, rate
          FROM (SELECT DISTINCT currency, occurred_on FROM bronze.browse_events) AS d
          JOIN silver.exchange_rates AS r USING (currency)
          WHERE d.occurred_on >= r.rate_date AND d.occurred_on < r.next_date) USING (currency, occurred_on)""",
    "email_events": _with_customer("email_events", "occurred_hour, event_name, message_id, campaign_id, campaign_name"),
    "loyalty_events": _with_customer("loyalty_events", "event_name, points, tier, loyalty_id, store_id, order_id"),
    "tickets": _with_customer("tickets", "ticket_id, topic, status, satisfaction, store_id, order_id")
    + """
      QUALIFY row_number() OVER (PARTITION BY source, ticket_id
        ORDER BY received_at DESC, occurred_at DESC, event_id) = 1""",
    "order_lines": _in_pounds(
        f"""l.event_id, l.source, l.market, l.brand, l.channel, l.occurred_at, l.occurred_on, l.occurred_hour,
        l.order_key, l.order_id, l.line_no, customer_id, l.record_id, l.product_id, l.product_name, l.quantity,
        l.unit_price, coalesce(l.discount, 0)::DECIMAL(18,4) AS discount, l.amount, l.currency,
        {_POUNDS} AS amount_reporting,
        CAST(coalesce(l.discount, 0)::DECIMAL(18,4) * {_RATE} AS DECIMAL(18,4)) AS discount_reporting,
        l.store_id, l.country, l.size, l.coupon, l.quantity > 0 AND l.unit_price > 0 AS is_sale""",
        "order_lines",
    )
    + """
      LEFT JOIN silver.order_sources AS d ON d.order_key = l.order_key
      LEFT JOIN silver.order_corrections AS c
        ON c.source = l.source AND c.order_key = l.order_key AND c.line_no = l.line_no
      WHERE (d.order_key IS NULL OR substr(d.believed, 7) = l.source)
        AND l.received_at = coalesce(c.received_at, l.received_at)""",
    "returns": _in_pounds(
        f"""l.event_id, l.source, l.market, l.brand, l.channel, l.occurred_at, l.occurred_on, l.return_id, l.order_key,
        customer_id, l.record_id, l.product_id, l.quantity, l.amount, l.currency, {_POUNDS} AS amount_reporting,
        l.store_id, l.country, l.reason, coalesce(l.is_cancellation, false) AS is_cancellation""",
        "returns",
    )
    + """
      QUALIFY rank() OVER (PARTITION BY l.source, coalesce(l.return_id, l.event_id), l.product_id
        ORDER BY l.received_at DESC) = 1""",
    "customer_people": f"""
      WITH golden AS (PIVOT (SELECT customer_id, attribute, value FROM silver.golden_fields)
        ON attribute IN ({", ".join(f"'{name}'" for name in _PERSON)}) USING max(value) GROUP BY customer_id)
      SELECT customer_id, count(*) AS records, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
        bool_or(coalesce(r.customer_ref, r.account_id, r.loyalty_id, r.email, r.phone, r.family_name) IS NOT NULL)
          AS is_known,
        {", ".join(f"any_value(golden.{name}){'::DATE' if name == 'birth_date' else ''} AS {name}" for name in _PERSON)}
      FROM silver.customer_map JOIN silver.identity_records AS r USING (record_id) LEFT JOIN golden USING (customer_id)
      GROUP BY customer_id""",
    "customer_sources": """
      SELECT customer_id, array_to_string(list_sort(list(DISTINCT source)), ',') AS sources,
        array_to_string(list_sort(list(DISTINCT channel)), ',') AS channels, count(DISTINCT channel) AS channel_count
      FROM silver.customer_map JOIN silver.identity_records USING (record_id) GROUP BY customer_id""",
    "customer_contacts": """
      SELECT customer_id, max(CASE attribute WHEN 'email' THEN lower(trim(value)) END) AS email,
        max(CASE attribute WHEN 'phone' THEN key END) AS phone,
        max(CASE attribute WHEN 'loyalty_id' THEN value END) AS loyalty_id
      FROM silver.golden_fields WHERE attribute IN ('email', 'phone', 'loyalty_id') GROUP BY customer_id""",
    "customer_orders": """
      SELECT customer_id, min(occurred_on) AS first_order_on, max(occurred_on) AS last_order_on,
        count(DISTINCT order_key) AS orders, count(*) AS line_count, sum(quantity)::DECIMAL(28,3) AS units,
        sum(amount_reporting)::DECIMAL(28,4) AS revenue, count(DISTINCT product_id) AS distinct_products,
        count(DISTINCT order_key) FILTER (channel = 'store') AS orders_store,
        count(DISTINCT order_key) FILTER (channel = 'web') AS orders_web,
        count(DISTINCT order_key) FILTER (channel = 'app') AS orders_app,
        coalesce(sum(amount_reporting) FILTER (channel = 'store'), 0)::DECIMAL(28,4) AS revenue_store,
        coalesce(sum(amount_reporting) FILTER (channel = 'web'), 0)::DECIMAL(28,4) AS revenue_web,
        coalesce(sum(amount_reporting) FILTER (channel = 'app'), 0)::DECIMAL(28,4) AS revenue_app,
        count(*) FILTER (discount > 0 OR coupon IS NOT NULL) / count(*) AS discount_affinity,
        max(occurred_on) FILTER (channel IN ('web', 'app')) AS last_online_order_on
      FROM silver.order_lines WHERE is_sale AND customer_id IS NOT NULL GROUP BY customer_id""",
    "customer_tastes": """
      WITH lines AS (
        SELECT l.customer_id, l.channel, l.country, l.size, l.market, p.category, p.brand_name, p.garment, p.price_rank
        FROM silver.order_lines AS l LEFT JOIN silver.product_price_ranks AS p USING (product_id)
        WHERE l.is_sale AND l.customer_id IS NOT NULL),
      ranked AS (
        SELECT customer_id, about, word, n, row_number() OVER (PARTITION BY customer_id, about ORDER BY n DESC, word)
          AS place
        FROM (SELECT customer_id, about, word, count(*) AS n FROM (
          SELECT customer_id, 'category' AS about, category AS word FROM lines
          UNION ALL SELECT customer_id, 'brand', brand_name FROM lines
          UNION ALL SELECT customer_id, 'channel', channel FROM lines
          UNION ALL SELECT customer_id, 'country', country FROM lines
          UNION ALL SELECT customer_id, 'market', market FROM lines
          UNION ALL SELECT customer_id, garment, size FROM lines WHERE garment IN ('top', 'bottom', 'shoe'))
          WHERE word IS NOT NULL GROUP BY ALL)),
      prices AS (
        SELECT customer_id, count(*) AS line_count, 1 - avg(price_rank) AS price_sensitivity FROM lines
          GROUP BY customer_id)
      SELECT customer_id, max(word) FILTER (about = 'category' AND place = 1) AS favourite_category,
        max(word) FILTER (about = 'category' AND place = 2) AS second_category,
        max(word) FILTER (about = 'brand' AND place = 1) AS favourite_brand,
        max(n) FILTER (about = 'brand' AND place = 1) / max(line_count) AS brand_affinity,
        max(word) FILTER (about = 'channel' AND place = 1) AS preferred_channel,
        max(word) FILTER (about = 'country' AND place = 1) AS order_country,
        max(word) FILTER (about = 'market' AND place = 1) AS order_market,
        max(word) FILTER (about = 'top' AND place = 1) AS size_top, max(word) FILTER (about = 'bottom' AND place = 1)
          AS size_bottom,
        max(word) FILTER (about = 'shoe' AND place = 1) AS size_shoe, max(price_sensitivity) AS price_sensitivity
      FROM ranked JOIN prices USING (customer_id) WHERE place <= 2 GROUP BY customer_id""",
    "customer_activity": """
      WITH browsing AS (
        SELECT customer_id, count(*) FILTER (event_name = 'Product Viewed' AND occurred_on >= as_of - 30) AS views_30d,
          count(*) FILTER (event_name = 'Product Added' AND occurred_on >= as_of - 30) AS carts_30d, max(occurred_on)
            AS last_browsed_on
        FROM silver.browse_events, meta.run WHERE customer_id IS NOT NULL GROUP BY customer_id),
      mail AS (
        SELECT customer_id, count(DISTINCT message) FILTER (event_name IN ('Email Sent', 'Email Delivered'))
          AS emails_received,
          count(DISTINCT message) FILTER (event_name = 'Email Opened') AS emails_opened,
          count(DISTINCT message) FILTER (event_name = 'Email Link Clicked') AS emails_clicked
        FROM (SELECT *, coalesce(message_id, event_id) AS message FROM silver.email_events)
        WHERE customer_id IS NOT NULL GROUP BY customer_id),
      back AS (SELECT customer_id, count(*) AS returns, sum(amount_reporting)::DECIMAL(28,4) AS returned_amount
        FROM silver.returns WHERE customer_id IS NOT NULL GROUP BY customer_id),
      service AS (SELECT customer_id, count(DISTINCT ticket_id) AS tickets FROM silver.tickets
        WHERE customer_id IS NOT NULL GROUP BY 1),
      points AS (
        SELECT customer_id, sum(CASE event_name WHEN 'Points Redeemed' THEN -abs(points) ELSE points END)::BIGINT
          AS loyalty_points,
          arg_max(tier, occurred_at) AS loyalty_tier
        FROM silver.loyalty_events WHERE customer_id IS NOT NULL GROUP BY customer_id)
      SELECT customer_id, views_30d, carts_30d, last_browsed_on, emails_received, emails_opened, emails_clicked,
        returns,
        returned_amount, tickets, loyalty_points, loyalty_tier
      FROM browsing FULL JOIN mail USING (customer_id) FULL JOIN back USING (customer_id)
      FULL JOIN service USING (customer_id) FULL JOIN points USING (customer_id)""",
}

_PURPOSES = ("personalization", "profiling", "marketing_email", "marketing_sms", "marketing_push", "analytics", "ads")
_NONE = {"BIGINT": "0", "UNITS": "0::DECIMAL(28,3)", "MONEY": "0::DECIMAL(28,4)"}


def _zero(names: str, of: str) -> str:
    return ", ".join(f"coalesce({name}, {_NONE[of]}) AS {name}" for name in names.split())


GOLD: dict[str, str] = {
    "consents": """
      SELECT customer_id, purpose, status, since, basis FROM silver.consents JOIN silver.customer_map USING (record_id)
      QUALIFY row_number() OVER (PARTITION BY customer_id, purpose ORDER BY status, since DESC, basis) = 1""",
    "stock": "SELECT product_id, store_id, quantity, occurred_at AS counted_at FROM silver.stock",
    "customers": f"""
      WITH allowed AS (PIVOT (SELECT customer_id, purpose, status FROM gold.consents)
        ON purpose IN ('personalization', 'profiling', 'marketing_email', 'marketing_sms', 'marketing_push',
          'analytics', 'ads')
        USING min(status) GROUP BY customer_id)
      SELECT customer_id, coalesce(order_market, p.market) AS market, nullif(given_name, '') AS given_name, family_name,
        email, phone, nullif(city, '') AS city, postcode, coalesce(country, order_country) AS country, gender,
        year(birth_date)::INTEGER AS birth_year, language, loyalty_id, loyalty_tier, {
        _zero("loyalty_points", "BIGINT")
    },
        sources, channels, channel_count, is_known, records, first_seen, last_seen,
        household_key AS household_id, coalesce(members, 1) AS household_members, first_order_on, last_order_on,
        date_diff('day', last_order_on, as_of)::INTEGER AS recency_days, {_zero("orders", "BIGINT")},
        coalesce(line_count, 0) AS lines, {_zero("units", "UNITS")}, {_zero("revenue", "MONEY")},
        CAST(o.revenue / o.orders AS DECIMAL(28,4)) AS average_order, {_zero("returns", "BIGINT")},
        {_zero("returned_amount", "MONEY")}, {_zero("orders_store orders_web orders_app", "BIGINT")},
        {_zero("revenue_store revenue_web revenue_app", "MONEY")}, {_zero("distinct_products", "BIGINT")},
        favourite_category, second_category, favourite_brand, brand_affinity, preferred_channel, size_top,
          size_bottom, size_shoe,
        discount_affinity, price_sensitivity, {_zero("views_30d carts_30d", "BIGINT")},
        greatest(last_browsed_on, last_online_order_on) AS last_online_on,
        {
        _zero("emails_received emails_opened emails_clicked tickets", "BIGINT")
    }, loyalty_id IS NOT NULL AS has_loyalty,
        {", ".join(f"coalesce({purpose}, 'unknown') AS {purpose}" for purpose in _PURPOSES)}
      FROM silver.customer_people AS p CROSS JOIN meta.run LEFT JOIN silver.customer_sources USING (customer_id)
      LEFT JOIN silver.customer_contacts USING (customer_id) LEFT JOIN silver.households USING (customer_id)
      LEFT JOIN silver.customer_orders AS o USING (customer_id)
      LEFT JOIN silver.customer_tastes USING (customer_id) LEFT JOIN silver.customer_activity USING (customer_id)
      LEFT JOIN allowed USING (customer_id)""",
    "customer_products": """
      SELECT customer_id, product_id, coalesce(units, 0)::DECIMAL(28,3) AS units, coalesce(orders, 0) AS orders,
        coalesce(revenue, 0)::DECIMAL(28,4) AS revenue, last_bought_at, coalesce(views, 0) AS views, last_viewed_at,
        greatest(last_bought_at, last_viewed_at) AS last_at
      FROM (SELECT customer_id, product_id, sum(quantity) AS units, count(DISTINCT order_key) AS orders,
          sum(amount_reporting) AS revenue, max(occurred_at) AS last_bought_at
        FROM silver.order_lines WHERE is_sale AND customer_id IS NOT NULL GROUP BY customer_id, product_id)
      FULL JOIN (SELECT customer_id, product_id, count(*) AS views, max(occurred_at) AS last_viewed_at
        FROM silver.browse_events WHERE event_name IN ('Product Viewed', 'Product Added') AND customer_id IS NOT NULL
        AND product_id IS NOT NULL GROUP BY customer_id, product_id) USING (customer_id, product_id)""",
    "products": f"""
      WITH sold AS (
        SELECT product_id, sum(quantity)::DECIMAL(28,3) AS units, count(DISTINCT order_key) AS orders,
          count(DISTINCT customer_id) AS customers, sum(amount_reporting)::DECIMAL(28,4) AS revenue,
          (sum(quantity) FILTER (occurred_on >= as_of - 7))::DECIMAL(28,3) AS units_7d,
          (sum(quantity) FILTER (occurred_on >= as_of - 30))::DECIMAL(28,3) AS units_30d, max(occurred_on)
            AS last_sold_on
        FROM silver.order_lines, meta.run WHERE is_sale GROUP BY product_id),
      seen AS (
        SELECT product_id, count(*) AS views_30d FROM silver.browse_events, meta.run
        WHERE event_name = 'Product Viewed' AND product_id IS NOT NULL AND occurred_on >= as_of - 30
          GROUP BY product_id),
      pieces AS (SELECT product_id, sum(quantity)::DECIMAL(28,3) AS stock FROM silver.stock GROUP BY product_id)
      SELECT product_id, name, category, subcategory, brand_name, garment, color, size, price, cost, currency,
        is_active,
        launched_on, {_zero("units_7d units_30d units", "UNITS")}, {_zero("orders customers", "BIGINT")},
        {_zero("revenue", "MONEY")}, {_zero("views_30d", "BIGINT")}, stock, last_sold_on
      FROM silver.products LEFT JOIN sold USING (product_id) LEFT JOIN seen USING (product_id) LEFT
        JOIN pieces USING (product_id)""",
    "daily_revenue": """
      SELECT occurred_on, market, channel, country, count(DISTINCT order_key) AS orders, count(DISTINCT customer_id)
        AS customers,
        sum(quantity)::DECIMAL(28,3) AS units, sum(amount_reporting)::DECIMAL(28,4) AS revenue
      FROM silver.order_lines WHERE is_sale GROUP BY ALL""",
    "country_revenue": """
      SELECT *, revenue / sum(revenue) OVER () AS share FROM (
        SELECT coalesce(country, 'unknown') AS country, count(DISTINCT order_key) AS orders,
          count(DISTINCT customer_id) AS customers, sum(amount_reporting)::DECIMAL(28,4) AS revenue
        FROM silver.order_lines WHERE is_sale AND customer_id IS NOT NULL GROUP BY 1)""",
    "funnel": """
      SELECT 1::INTEGER AS position, 'accepted' AS step, (SELECT count(*) FROM bronze.order_lines)
        + (SELECT count(*) FROM bronze.returns) + (SELECT count(*) FROM bronze.stock_adjustments) AS rows,
          NULL::BIGINT AS customers
      UNION ALL SELECT 2, 'customer known', count(*), count(DISTINCT customer_id) FROM (
        SELECT customer_id FROM silver.order_lines UNION ALL SELECT customer_id FROM silver.returns)
          WHERE customer_id IS NOT NULL
      UNION ALL SELECT 3, 'not cancelled or returned', count(*), count(DISTINCT customer_id) FROM silver.order_lines
        WHERE customer_id IS NOT NULL
      UNION ALL SELECT 4, 'quantity and price above zero', count(*), count(DISTINCT customer_id) FROM silver.order_lines
        WHERE customer_id IS NOT NULL AND is_sale""",
    "channel_records": """
      SELECT coalesce(channel, 'unknown') AS channel, source, sum(rows)::BIGINT AS rows, count(*) AS records,
        count(DISTINCT customer_id) AS customers
      FROM silver.identity_records JOIN silver.customer_map USING (record_id) GROUP BY ALL""",
}
