"""Where an application's answers come from: its keys by rank and weight, on a page."""
