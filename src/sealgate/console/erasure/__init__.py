"""Erasure for people: ordered here, done by the vault; the console's own rows go, and a receipt stays."""
