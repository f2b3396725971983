"""The collector: an HTTP service that SDKs send events to.

accepting   a request: key, body, events, the durable log, an answer
bodies      bytes of a request, unpacked within limits
settings_answer   what the browser SDK asks for before it sends
service     routes, the server and its workers
"""
