"""The desk's memory: one SQLite file, by SQLModel."""
