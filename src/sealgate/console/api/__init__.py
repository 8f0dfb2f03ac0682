"""The management API: what the pages do, for programs, under `/api/v1` on the console's listener."""
