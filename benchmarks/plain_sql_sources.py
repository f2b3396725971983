"""What the control reads: for each kind of record one SELECT per file, typed and in the words of the warehouse.

In: nothing. Out: `SOURCES`, kind → SELECTs over the raw files below `{raw}`; see `benchmarks.plain_sql`.
"""

from __future__ import annotations

TILL = "read_csv('{raw}/till/{files}', delim=';', encoding='latin-1', all_varchar=true, filename=true)"
CSV = "read_csv('{raw}/{files}', all_varchar=true, filename=true)"
JSON = "read_json('{raw}/shop/{files}', format='newline_delimited', filename=true, columns={columns})"
PARQUET = "read_parquet('{raw}/{files}', filename=true)"
LONDON = "timezone('Europe/London', {0})"
UTC = "timezone('UTC', {0})"


def csv(files: str) -> str:
    return CSV.replace("{files}", files)


def till(files: str) -> str:
    return TILL.replace("{files}", files)


def parquet(files: str) -> str:
    return PARQUET.replace("{files}", files)


def json(files: str, columns: str) -> str:
    return JSON.replace("{files}", files).replace("{columns}", columns)


def london(local: str) -> str:
    """Time, day and hour of a local time of the stores."""
    return f"{london_day(local)}, hour({local}) AS occurred_hour"


def london_day(local: str) -> str:
    """Time and day of a local day, which says no hour."""
    return f"{LONDON.format(local)} AS occurred_at, CAST({local} AS DATE) AS occurred_on"


def utc(moment: str) -> str:
    return (
        f"{UTC.format(moment)} AS occurred_at, CAST({moment} AS DATE) AS occurred_on, hour({moment}) AS occurred_hour"
    )


def zulu(text: str) -> str:
    """Time, day and hour of a text such as 2026-06-01T09:22:38Z."""
    return (
        f"CAST({text} AS TIMESTAMPTZ) AS occurred_at, CAST(CAST({text} AS TIMESTAMPTZ) AS DATE) AS occurred_on, "
        f"hour(CAST({text} AS TIMESTAMPTZ)) AS occurred_hour"
    )


TILL_TIME = london("strptime(sold_at, '%d/%m/%Y %H:%M')")
TILL_WHO = (
    "clean(card_no) AS loyalty_id, clean(receipt_email) AS email, customer_no AS customer_ref, tablet AS device_id"
)

SOURCES: dict[str, tuple[str, ...]] = {
    "order_lines": (
        f"""SELECT 'till' AS source, 'store' AS channel, filename, {TILL_TIME}, country AS market, country, {TILL_WHO},
          receipt_no AS order_id, 'till:' || receipt_no AS order_key, line AS line_no, sku AS product_id,
          clean(description) AS product_name, size, CAST(qty AS DECIMAL(18,3)) AS quantity,
          CAST(price AS DECIMAL(18,4)) AS unit_price, CAST(discount AS DECIMAL(18,4)) AS discount,
          CAST(total AS DECIMAL(18,4)) AS amount, currency, store AS store_id
        FROM {till("receipts_*.csv")} WHERE kind = 'sale'""",
        f"""SELECT 'shop' AS source, 'web' AS channel, filename, {zulu("placed_at")}, country AS market, country,
          customer.id AS customer_ref, customer.id AS account_id, clean(customer.email) AS email,
          customer.loyalty_card AS loyalty_id, order_id, 'shop:' || order_id AS order_key, line.no AS line_no,
          line.sku AS product_id, clean(line.name) AS product_name, line.size AS size,
          CAST(line.qty AS DECIMAL(18,3)) AS quantity, CAST(line.price AS DECIMAL(18,4)) AS unit_price,
          CAST(line.discount AS DECIMAL(18,4)) AS discount, CAST(line.total AS DECIMAL(18,4)) AS amount, currency,
            coupon
        FROM {
            json(
                "orders_*.jsonl",
                "{order_id: 'VARCHAR', placed_at: 'VARCHAR', country: 'VARCHAR', currency: 'VARCHAR', "
                "coupon: 'VARCHAR', "
                "customer: 'STRUCT(id VARCHAR, email VARCHAR, loyalty_card VARCHAR)', "
                "line: 'STRUCT(no VARCHAR, sku VARCHAR, name VARCHAR, size VARCHAR, qty VARCHAR, price VARCHAR, "
                "discount VARCHAR, total VARCHAR)'}",
            )
        }""",
        f"""SELECT 'app' AS source, 'app' AS channel, filename, {utc("ordered_at")}, country AS market, country,
          user_id AS customer_ref, user_id AS account_id, device_id, order_id, 'app:' || order_id AS order_key,
          CAST(line_no AS VARCHAR) AS line_no, sku AS product_id, size, CAST(quantity AS DECIMAL(18,3)) AS quantity,
          CAST(unit_price AS DECIMAL(18,4)) AS unit_price, CAST(discount AS DECIMAL(18,4)) AS discount,
          CAST(quantity * unit_price - coalesce(discount, 0) AS DECIMAL(18,4)) AS amount, currency, coupon
        FROM {parquet("app/orders_*.parquet")}""",
    ),
    "returns": (
        f"""SELECT 'till' AS source, 'store' AS channel, filename, {TILL_TIME}, country AS market, country, {TILL_WHO},
          receipt_no AS return_id, original_receipt AS order_id, 'till:' || original_receipt AS order_key,
          sku AS product_id, clean(description) AS product_name, abs(CAST(qty AS DECIMAL(18,3))) AS quantity,
          CAST(price AS DECIMAL(18,4)) AS unit_price, abs(CAST(total AS DECIMAL(18,4))) AS amount, currency,
          store AS store_id, clean(reason) AS reason
        FROM {till("receipts_*.csv")} WHERE kind = 'return'""",
        f"""SELECT 'shop' AS source, 'web' AS channel, filename, {zulu("created_at")}, country AS market, country,
          customer.id AS customer_ref, customer.id AS account_id, rma AS return_id, order_id,
          'shop:' || order_id AS order_key, sku AS product_id, CAST(qty AS DECIMAL(18,3)) AS quantity,
          CAST(refund AS DECIMAL(18,4)) AS amount, currency, clean(reason) AS reason,
          type = 'cancellation' AS is_cancellation
        FROM {
            json(
                "returns_*.jsonl",
                "{rma: 'VARCHAR', order_id: 'VARCHAR', type: 'VARCHAR', sku: 'VARCHAR', qty: 'VARCHAR', "
                "refund: 'VARCHAR', "
                "currency: 'VARCHAR', country: 'VARCHAR', reason: 'VARCHAR', customer: 'STRUCT(id VARCHAR)', "
                "created_at: 'VARCHAR'}",
            )
        }""",
        f"""SELECT 'app' AS source, 'app' AS channel, filename, {utc("created_at")}, country AS market, country,
          user_id AS customer_ref, user_id AS account_id, return_id, order_id, 'app:' || order_id AS order_key,
          sku AS product_id, CAST(qty AS DECIMAL(18,3)) AS quantity, CAST(refund AS DECIMAL(18,4)) AS amount, currency,
          clean(reason) AS reason, type = 'cancellation' AS is_cancellation
        FROM {parquet("app/returns_*.parquet")}""",
    ),
    "customers": (
        f"""SELECT 'till' AS source, 'store' AS channel, filename,
          {london_day("strptime(registered, '%d/%m/%Y')")},
          country AS market, country, customer_no AS customer_ref, clean(first_name) AS given_name,
          clean(surname) AS family_name, CAST(strptime(dob, '%d/%m/%Y') AS DATE) AS birth_date, clean(e_mail) AS email,
          clean(telephone) AS phone, clean(address) AS address, clean(postcode) AS postcode, clean(town) AS city,
          clean(loyalty_card) AS loyalty_id
        FROM {till("customers.csv")}""",
        f"""SELECT 'shop' AS source, 'web' AS channel, filename, {zulu("created_at")}, country AS market, country,
          id AS customer_ref, id AS account_id, clean(name.first) AS given_name, clean(name.last) AS family_name,
          clean(email) AS email, clean(phone) AS phone, CAST(birth_date AS DATE) AS birth_date,
          clean(address.line) AS address, clean(address.postcode) AS postcode, clean(address.city) AS city,
          clean(loyalty_card) AS loyalty_id
        FROM {
            json(
                "customers.jsonl",
                "{id: 'VARCHAR', created_at: 'VARCHAR', name: 'STRUCT(first VARCHAR, last VARCHAR)', email: 'VARCHAR', "
                "phone: 'VARCHAR', birth_date: 'VARCHAR', country: 'VARCHAR', loyalty_card: 'VARCHAR', "
                "address: 'STRUCT(line VARCHAR, postcode VARCHAR, city VARCHAR)'}",
            )
        }""",
        f"""SELECT 'app' AS source, 'app' AS channel, filename, {utc("registered_at")}, country AS market, country,
          user_id AS customer_ref, user_id AS account_id, clean(given_name) AS given_name,
          clean(family_name) AS family_name, clean(email) AS email, clean(phone) AS phone,
          CAST(birth_date AS DATE) AS birth_date, clean(address) AS address, clean(postcode) AS postcode,
          clean(city) AS city, clean(loyalty_card) AS loyalty_id
        FROM {parquet("app/users.parquet")}""",
        f"""SELECT 'loyalty' AS source, 'loyalty' AS channel, filename,
          {london("CAST(joined_at AS TIMESTAMP)")},
          country AS market, country, member_no AS customer_ref, card_no AS loyalty_id, clean(given_name) AS given_name,
          clean(family_name) AS family_name, CAST(birth_date AS DATE) AS birth_date, clean(email) AS email,
          clean(mobile) AS phone, clean(street) AS address, clean(postcode) AS postcode, clean(town) AS city
        FROM {csv("loyalty/members.csv")}""",
        f"""SELECT 'partner' AS source, 'partner' AS channel, filename,
          {london_day("strptime(since, '%Y%m%d')")},
          country AS market, country, member AS customer_ref, clean(first) AS given_name, clean(last) AS family_name,
          CAST(strptime(born, '%Y%m%d') AS DATE) AS birth_date,
          'hash:sha256(lower(trim(email))):' || lower(clean(email_sha256)) AS email, clean(phone) AS phone,
          clean(address) AS address, clean(postcode) AS postcode, clean(city) AS city,
          clean(retailer_card) AS loyalty_id
        FROM {csv("partner/members.csv")}""",
    ),
    "consents": (
        f"""SELECT 'consents' AS source, 'web' AS channel, filename, {zulu("recorded_at")}, country AS market,
          account AS account_id, card_no AS loyalty_id, clean(email) AS email, purpose,
          CASE agreed WHEN 'Y' THEN 'granted' ELSE 'denied' END AS status, 'consent' AS basis, text_version,
          form AS method
        FROM {csv("consents.csv")}""",
    ),
    "browse_events": (
        f"""SELECT 'web' AS source, 'web' AS channel, filename, {utc("happened_at")}, country AS market, account
          AS account_id,
          cookie AS cookie_id, event AS event_name, session AS session_id, sku AS product_id, category, url,
          clean(query) AS query, CAST(quantity AS DECIMAL(18,3)) AS quantity, CAST(price AS DECIMAL(18,4)) AS price,
            currency
        FROM {parquet("web/clicks_*.parquet")}""",
        f"""SELECT 'app' AS source, 'app' AS channel, filename, {utc("happened_at")}, country AS market,
          user_id AS customer_ref, user_id AS account_id, device_id, event AS event_name, session AS session_id,
          sku AS product_id, category, url, clean(query) AS query, CAST(quantity AS DECIMAL(18,3)) AS quantity,
          CAST(price AS DECIMAL(18,4)) AS price, currency
        FROM {parquet("app/events_*.parquet")}""",
    ),
    "email_events": (
        f"""SELECT 'email' AS source, 'email' AS channel, filename, {zulu('"timestamp"')}, country AS market,
          clean(recipient) AS email, message_id, campaign_id, campaign AS campaign_name, url AS link_url,
          CASE event WHEN 'send' THEN 'Email Sent' WHEN 'open' THEN 'Email Opened'
            WHEN 'click' THEN 'Email Link Clicked'
            WHEN 'bounce' THEN 'Email Bounced' WHEN 'complaint' THEN 'Email Marked as Spam'
            WHEN 'unsubscribe' THEN 'Unsubscribed' END AS event_name
        FROM {csv("email/events_*.csv")}""",
    ),
    "loyalty_events": (
        f"""SELECT 'loyalty' AS source, 'loyalty' AS channel, filename, {london("CAST(happened_at AS TIMESTAMP)")},
          country AS market, card_no AS loyalty_id, CAST(points AS BIGINT) AS points, tier, store AS store_id,
          CASE event WHEN 'join' THEN 'Loyalty Joined' WHEN 'earn' THEN 'Points Earned'
            WHEN 'redeem' THEN 'Points Redeemed'
            WHEN 'tier' THEN 'Tier Changed' END AS event_name
        FROM {csv("loyalty/events_*.csv")}""",
        f"""SELECT 'partner' AS source, 'partner' AS channel, filename,
          {london_day("strptime(date, '%Y%m%d')")},
          country AS market, member AS customer_ref, CAST(points AS BIGINT) AS points, 'Points Earned' AS event_name
        FROM {csv("partner/earnings_*.csv")}""",
    ),
    "tickets": (
        f"""SELECT 'helpdesk' AS source, 'service' AS channel, filename, {zulu("created_at")}, country AS market,
          clean(requester.email) AS email, clean(requester.phone) AS phone, ticket AS ticket_id, topic, status,
          CAST(csat AS BIGINT) AS satisfaction, order_id
        FROM {
            json(
                "../helpdesk/tickets_*.jsonl",
                "{ticket: 'VARCHAR', created_at: 'VARCHAR', country: 'VARCHAR', topic: 'VARCHAR', status: 'VARCHAR', "
                "csat: 'VARCHAR', order_id: 'VARCHAR', requester: 'STRUCT(email VARCHAR, phone VARCHAR)'}",
            )
        }""",
    ),
    "products": (
        f"""SELECT 'catalogue' AS source, filename, sku AS product_id, name, category, subcategory, brand AS brand_name,
          size_scale AS garment, colour AS color, CAST(price AS DECIMAL(18,4)) AS price,
          CAST(cost AS DECIMAL(18,4)) AS cost, currency, active = 'yes' AS is_active, CAST(launched AS DATE)
            AS launched_on
        FROM {csv("catalogue/products.csv")}""",
    ),
    "stores": (
        f"""SELECT 'catalogue' AS source, filename, store AS store_id, name, town AS city, region, country AS market,
          country, time_zone, CAST(latitude AS DOUBLE) AS latitude, CAST(longitude AS DOUBLE) AS longitude,
          CAST(opened AS DATE) AS opened_on
        FROM {csv("catalogue/stores.csv")}""",
    ),
    "stock": (
        f"""SELECT 'catalogue' AS source, filename,
          {london_day("CAST(counted_on AS TIMESTAMP)")}, sku AS product_id,
          place AS store_id, CAST(on_hand AS DECIMAL(18,3)) AS quantity
        FROM {csv("catalogue/stock.csv")}""",
    ),
    "prices": (
        f"""SELECT 'catalogue' AS source, filename,
          {london_day("CAST(valid_from AS TIMESTAMP)")}, sku AS product_id,
          CAST(price AS DECIMAL(18,4)) AS price, currency, CASE currency WHEN 'EUR' THEN 'IE' ELSE 'UK' END AS market,
          CAST(valid_from AS DATE) AS valid_from
        FROM {csv("catalogue/prices.csv")}""",
    ),
    "exchange_rates": (
        f"""SELECT 'bank' AS source, filename, currency, CAST(rate AS DOUBLE) AS rate, CAST(date AS DATE) AS rate_date
        FROM {csv("exchange_rates.csv")}""",
    ),
    "stock_adjustments": (),
    "exposures": (),
    "redemptions": (),
}
"""What each file says, in the words of the warehouse."""
