"""Notices: what every owner is told of, on the page and by e-mail; drawn from the record of changes."""
