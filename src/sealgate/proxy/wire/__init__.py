"""Bytes ↔ HTTP/1.1 messages and server-sent events, both ways, strict on both hops.

Counterpart: the proxy's server.py and upstream.py, which own the sockets and the clock.
Must never do input or output, nor trust either side's framing.
"""
