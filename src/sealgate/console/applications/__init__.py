"""Applications: their origins, session keys, actions, models and limits."""
