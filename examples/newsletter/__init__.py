"""Larkspur, a small newsletter tool: the demo host application that embeds the Sealgate assistant.

It plays a customer of Sealgate, so it uses only what a customer has: `sealgate.session` on the server and the
assistant's script in the page. It must never see a provider key.
"""
