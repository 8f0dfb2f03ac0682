"""The feed: configuration out to the proxies, usage in from them."""
