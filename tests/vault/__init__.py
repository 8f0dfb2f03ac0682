"""The vault on its real SQLite file, real sockets and real files."""
