"""What the browser SDK asks for before it sends: `GET /v1/projects/{writeKey}/settings`.

In: a write key and the host that was asked. Out: JSON. `apiKey` overrides the key in the page, so it is the key itself.

>>> b'"apiKey":"fw_browser_1_x"' in settings_answer("fw_browser_1_x", "collect.shop.example")
True
"""

from __future__ import annotations

import msgspec


def settings_answer(write_key: str, host: str) -> bytes:
    """The answer of which analytics.js 2 makes a source without destinations."""
    return msgspec.json.encode(
        {
            "integrations": {
                "Segment.io": {
                    "apiKey": write_key,
                    "apiHost": f"{host}/v1",
                    "bundlingStatus": "bundled",
                    "unbundledIntegrations": [],
                    "addBundledMetadata": True,
                    "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                }
            },
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
    )
