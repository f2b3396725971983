"""What comes over the wire: the requests of SDKs, read into one shape.

`segment` reads Segment's protocol (RudderStack speaks it too); `jitsu` and `posthog` bring theirs into it; `judging`
says of each event whether it can count; `salvage` finds the good events of a body that is not JSON as a whole.
"""
