-- The newest row per store.
SELECT store_id, name, city, region, country, time_zone, latitude, longitude, opened_on
FROM bronze.stores
QUALIFY ROW_NUMBER() OVER (PARTITION BY store_id ORDER BY occurred_at DESC, received_at DESC, event_id) = 1
