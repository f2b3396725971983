"""What browser SDKs ask for before they send: Segment's `GET /v1/projects/{writeKey}/settings`, RudderStack's
`GET /sourceConfig`, PostHog's flags.

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


def source_config(write_key: str) -> bytes:
    """The answer of which RudderStack's browser SDK makes a source without destinations."""
    return msgspec.json.encode(
        {
            "source": {
                "id": write_key.rpartition("_")[0],
                "name": "floorwalker",
                "writeKey": write_key,
                "enabled": True,
                "workspaceId": "floorwalker",
                "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
                "connections": [],
                "destinations": [],
                "dataplanes": {},
                "updatedAt": "2026-01-01T00:00:00.000Z",
            },
            "updatedAt": "2026-01-01T00:00:00.000Z",
        }
    )


NO_FLAGS = msgspec.json.encode(
    {
        "featureFlags": {},
        "featureFlagPayloads": {},
        "flags": {},
        "errorsWhileComputingFlags": False,
        "sessionRecording": False,
        "supportedCompression": ["gzip", "gzip-js"],
    }
)
"""PostHog asks for feature flags: there are none."""
