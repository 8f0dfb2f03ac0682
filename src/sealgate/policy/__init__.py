"""What a session may do: the policy document, the request table, and the actions.

Pure decisions: objects in, objects or a refusal out. Nothing here opens a socket or a file, or logs.
"""
