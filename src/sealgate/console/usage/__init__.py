"""Usage: one row for each settled exchange, as the proxies tell it; never any text."""
