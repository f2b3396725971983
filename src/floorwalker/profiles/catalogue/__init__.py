"""The product's features: what is asked of customers, products and stores, one module per theme.

In: nothing. Out: `CUSTOMER`, `PRODUCT`, `STORE`: checked sets of definitions, from which everything else is made.

>>> CUSTOMER.feature("orders_30d").description
'How many orders did they place in the last 30 days?'
"""

from floorwalker.profiles.catalogue import (
    browsing,
    contact,
    loyalty,
    mail,
    orders,
    people,
    product,
    purchases,
    returns,
    store,
)
from floorwalker.profiles.features.definition import Entity, FeatureSet

CUSTOMER = FeatureSet(
    Entity("customer", "customer_id", "silver.customer_people", live=True),
    [
        *orders.FEATURES,
        *purchases.FEATURES,
        *returns.FEATURES,
        *browsing.FEATURES,
        *mail.FEATURES,
        *loyalty.FEATURES,
        *contact.FEATURES,
        *people.FEATURES,
    ],
)
PRODUCT = FeatureSet(Entity("product", "product_id", "silver.products"), product.FEATURES)
STORE = FeatureSet(Entity("store", "store_id", "silver.stores"), store.FEATURES)
ALL = (CUSTOMER, PRODUCT, STORE)
