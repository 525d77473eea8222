"""The way to the database, from the environment."""

import os
from pathlib import Path

import pymysql


def connect():
    return pymysql.connect(
        host=os.environ["DB_HOST"],
        user=os.environ["DB_USER"],
        password=Path(os.environ["DB_PASSWORD_FILE"]).read_text().strip(),
        database=os.environ["DB_NAME"],
        autocommit=True,
    )
