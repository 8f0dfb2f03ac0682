"""Where browsers come in: certificates that change without a restart, and peers that may speak for others.

Used by the three processes alike. Knows nothing of what they serve, and logs no address.
"""
