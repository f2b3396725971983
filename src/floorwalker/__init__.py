"""Floorwalker: one customer across stores, web, app, e-mail and loyalty, and one decision for every channel.

Rooms, in the order data moves through them:
`sources` → `events` → `identity` → `profiles` → `models` → `decisions` → `channels`;
`governance` and `engines` run under all of them, `console` and `app` stand on top.
"""

__version__ = "0.1.0"
