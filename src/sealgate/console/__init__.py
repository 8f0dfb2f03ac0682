"""The developer console: people, applications, policy, usage; and the feed that proxies live on.

Counterparts: the vault (asked over its desk socket) and the proxies (served over the feed socket). It never
holds a provider key, a private key, a KEK or a pepper: what it does not have, nobody can take from it.
"""
