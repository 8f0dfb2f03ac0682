"""The console database's history, applied at start by `database.migrate`."""
