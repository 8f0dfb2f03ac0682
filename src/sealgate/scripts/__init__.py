"""What `sealgate apply`, `deposit`, `session`, `usage` and `status` do, from anywhere, over HTTP.

Counterparts: the console's management API and the vault's sealing page. Nothing here reads a database.
"""
