"""A simulated robot fleet that speaks the fleet's HTTP API, for the demo and for tests.

``engine`` is the state machine (no clock of its own, no HTTP), ``api`` turns requests into engine calls, ``app`` is the
thin ASGI layer, ``server`` binds the port. Nothing here touches the database.
"""
