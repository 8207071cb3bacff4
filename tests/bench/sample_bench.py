#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the samples of metrics cost: a day of them in simulated time through the real tocsin-store, as the daemon sends
them. Prints bytes in the file, bytes written to the disk, commits, and how long a chart and a commit beside it wait."""
import argparse
import os
import pathlib
import random
import sqlite3
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
import helper  # noqa: E402

HOUR = 3600 * 1_000_000
BUCKETS = 12


class Series:
    """A value that wanders, looked at once a minute."""

    def __init__(self, number, metrics, rng):
        self.check, self.metric = f"check{number // metrics}", f"metric{number % metrics}"
        self.kind, self.value, self.rng = number % 3, rng.uniform(1, 100), rng
        self.buckets = []

    def look(self):
        if self.kind == 0:  # a percentage that moves
            self.value += self.rng.gauss(0, 0.5)
        elif self.kind == 1:  # bytes that grow
            self.value += self.rng.randrange(1 << 20)
        return self.value  # and one that hardly ever changes

    def bucket(self):
        values = [self.look() for _ in range(5)]
        if min(values) == max(values):
            return f"5:{values[-1]:.6g}"
        return f"5:{min(values):.6g},{statistics.mean(values):.6g},{max(values):.6g},{values[-1]:.6g}"

    def row(self):
        return self.check, self.check, self.metric, "%", ";".join(self.buckets)


def written(store):
    return int(dict(line.split(": ") for line in open(f"/proc/{store.process.pid}/io").read().splitlines())["write_bytes"])


def size_of_samples(path):
    with sqlite3.connect(path) as db:
        rows, length = db.execute("SELECT count(*), sum(length(buckets)) FROM sample").fetchone()
        used = db.execute("PRAGMA page_count").fetchone()[0] - db.execute("PRAGMA freelist_count").fetchone()[0]
    db.close()
    return rows, length, used * 4096


def ask(store, glob, since):
    began = time.perf_counter()
    store.send("query", "q", "sample", since, "9" * 16, glob, "0")
    rows = len(store.until("answered")) - 1
    return rows, (time.perf_counter() - began) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=20)
    parser.add_argument("--metrics", type=int, default=3)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--folder", default="/var/tmp", help="on a real disk, or nothing is written")
    options = parser.parse_args()
    rng = random.Random(1)
    series = [Series(i, options.metrics, rng) for i in range(options.checks * options.metrics)]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = os.path.join(folder, "state.db")
        store = helper.Helper.start("tocsin-store", [path], timeout=60)
        store.until("done")
        before, times, number, start = written(store), [], 0, 1_700_000_000_000_000 // HOUR * HOUR
        for hour in range(24 * options.days):
            for s in series:
                s.buckets = []
            for _ in range(BUCKETS):
                for s in series:
                    s.buckets.append(s.bucket())
                    store.send("put", "sample", start + hour * HOUR, *s.row())
                number += 1
                began = time.perf_counter()
                store.send("commit", number)
                store.expect("committed")
                times.append((time.perf_counter() - began) * 1000)
        wrote, end = written(store) - before, start + 24 * options.days * HOUR
        day = ask(store, "check0/check0/metric0", end - 24 * HOUR)
        week = ask(store, "check0/check0/metric0", end - 7 * 24 * HOUR)
        store.send("query", "q", "sample", "0", "9" * 16, "nothing", "0")
        store.send("put", "meta", "a", "1")
        began = time.perf_counter()
        store.send("commit", number + 1)
        while store.receive()[0] != "committed":
            pass
        beside = (time.perf_counter() - began) * 1000
        store.__exit__()
        rows, length, used = size_of_samples(path)
    print(f"{len(series)} series, {options.days} days: {rows} rows, {length / rows:.0f} bytes of buckets each")
    print(f"file: {used / options.days / 1000:.0f} kB a day, {used / 1e6:.1f} MB in all")
    print(f"disk: {wrote / options.days / 1e6:.1f} MB written a day, {number / 24 / options.days:.0f} commits an hour,"
          f" {wrote / number / 1000:.0f} kB each")
    print(f"commit: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms; beside a question {beside:.1f} ms")
    print(f"chart of a day: {day[0]} rows in {day[1]:.1f} ms; of a week: {week[0]} rows in {week[1]:.1f} ms")


if __name__ == "__main__":
    main()
