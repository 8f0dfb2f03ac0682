"""Retention: what is too old is deleted, at start and daily; and what else is done once a day."""
