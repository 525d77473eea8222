"""Brings the database to the present schema, and ends."""

from database import connect

MIGRATIONS = [
    "CREATE TABLE IF NOT EXISTS notes (id INT AUTO_INCREMENT PRIMARY KEY, text TEXT NOT NULL)",
]

with connect() as database, database.cursor() as cursor:
    for migration in MIGRATIONS:
        cursor.execute(migration)
print(f"{len(MIGRATIONS)} migration(s) applied")
