"""People: organizations, users, invitations, and signing in."""
