-- Coupons: of which campaign each is and for which products, each once.
SELECT coupon_id, campaign_id, product_id
FROM bronze.coupons
GROUP BY coupon_id, campaign_id, product_id
