"""The demonstration: the whole system on one machine against a simulated provider.

It composes the same processes that an installation runs; nothing in here is used by them.
"""
