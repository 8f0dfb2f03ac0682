"""The vault: the one process that opens envelopes. Keyring, credentials, tickets, sealing page, opener, desk.

Counterparts: proxies ask `opener`, the console asks `desk`, developers' browsers load `pages`.
It makes no outbound connection, and no operation of it hands a key to the console or to a browser.
"""
