# SPDX-License-Identifier: GPL-3.0-or-later
"""The state file of a daemon that is stopped: to look into it, and to make hours pass in it."""

import contextlib
import sqlite3


def change(setup, *statements):
    with contextlib.closing(sqlite3.connect(setup.state, timeout=20)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def rows(setup, query):
    with contextlib.closing(sqlite3.connect(f"file:{setup.state}?mode=ro", uri=True, timeout=20)) as db:
        return db.execute(query).fetchall()


def value(setup, query):
    """The first column of the first row; None when there is none."""
    found = rows(setup, query)
    return found[0][0] if found else None
