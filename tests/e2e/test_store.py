# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer process: its protocol, what is there after kill -9, and what happens on a full disk."""
import ctypes
import fcntl
import os
import random
import shutil
import sqlite3
import subprocess
import time

import pytest

import helper
from helper import Helper, encode, spill

READY, DONE = ("ready", [""]), ("done", [])


def start(path, **kwargs):
    return Helper.start("tocsin-store", [path], **kwargs)


def open_sound(path):
    """A started store that had nothing to complain about, and its rows as {(table, first column): fields}."""
    store = start(path)
    messages = store.until("done")
    assert messages[0] == READY, messages[0]
    return store, {(f[0], f[1]): f[1:] for kind, f in messages[1:-1] if kind == "row"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


def test_says_ready_rows_done(path):
    store, rows = open_sound(path)
    with store:
        assert rows == {}
        store.send("put", "meta", "serial", "7")
        store.send("put", "recipient", "m1", "a@b", "waiting", "")
        store.send("put", "recipient", "m1", "c@d", "waiting", "")
        store.send("commit", 1)
        assert store.expect("committed") == ["1"]
        store.send("delete", "recipient", "m1", "a@b")
        store.send("put", "meta", "serial", "8")
        store.send("commit", 2)
        store.send("clear", "recipient")  # never committed
        assert store.expect("committed") == ["2"]
        store.close()
        assert store.wait() == 0
    with start(path) as store:
        assert store.until("done") == [
            READY, ("row", ["meta", "serial", "8"]), ("row", ["recipient", "m1", "c@d", "waiting", ""]), DONE]


def test_large_rows_travel_as_memory(path):
    content = "x" * 3_000_000
    store, _ = open_sound(path)
    with store:
        store.send("put", "mail", "m1", "subject", "from", content, "1", "2", "3", "status", "", "")
        store.send("commit", 1)
        store.expect("committed")
    store, rows = open_sound(path)
    with store:
        assert rows["mail", "m1"][3] == content


def test_failed_transaction_is_void_and_the_next_one_is_not(path):
    store, _ = open_sound(path)
    with store:
        store.send("put", "meta", "a", "1")
        store.send("commit", 1)
        store.expect("committed")
    limited = ["/bin/bash", "-c", f"ulimit -S -f 4096; exec {helper.libexec_directory()}/tocsin-store {path}"]
    with Helper.start(limited[0], limited[1:]) as store:
        store.until("done")
        store.send("put", "meta", "a", "2")
        store.send("put", "mail", "m1", "s", "f", "x" * 8_000_000, "1", "2", "3", "status", "", "")
        store.send("commit", 2)
        number, text = store.expect("failed")
        assert number == "2" and text
        store.send("put", "meta", "b", "3")
        store.send("commit", 3)
        assert store.expect("committed") == ["3"]
    store, rows = open_sound(path)
    with store:
        assert rows == {("meta", "a"): ["a", "1"], ("meta", "b"): ["b", "3"]}


def test_held_file_is_temporary(path):
    store, _ = open_sound(path)
    with store, start(path) as second:
        number, text = second.expect("failed")
        assert number == "0" and f"process {store.process.pid}" in text
        assert second.wait() == 75


def test_no_folder(tmp_path):
    with start(tmp_path / "missing" / "state.db") as store:
        number, text = store.expect("failed")
        assert number == "0" and "folder" in text
        assert store.wait() == 73


def test_newer_file_is_refused(path):
    open_sound(path)[0].__exit__()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=77")
    db.close()
    with start(path) as store:
        number, text = store.expect("failed")
        assert number == "0" and "newer" in text
        assert store.wait() == 73


def test_damaged_file_is_told_in_the_note(path):
    path.write_bytes(b"not a state file " * 100)
    with start(path) as store:
        (note,) = store.expect("ready")
        assert "damaged" in note and "set aside" in note
        store.expect("done")
    assert len(list(path.parent.glob("state.db.damaged-*"))) == 1


def test_usage():
    for arguments in ([], ["a", "b"], [""]):
        with Helper.start("tocsin-store", arguments) as store:
            assert store.wait() == 64


def test_without_a_socket(path):
    result = subprocess.run([helper.libexec_directory() / "tocsin-store", path], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=20)
    assert result.returncode == 64 and not path.exists()


BAD = {
    "garbage": b"\xff\xfe\x00garbage",
    "half": encode("put", "meta", "a", "b")[:-1],
    "no kind": b"\0",
    "unknown kind": encode("vacuum", "meta"),
    "of another helper": encode("mail", "1", "2", "3", "status", "", ""),
    "of its own": encode("committed", "1"),
    "unknown table": encode("put", "sqlite_master", "a", "b"),
    "table with a quote": encode("clear", 'meta"; DROP TABLE item; --'),
    "no table": encode("clear"),
    "column missing": encode("put", "mail", "id", "subject"),
    "column too many": encode("put", "meta", "a", "b", "c"),
    "key missing": encode("delete", "recipient", "m1"),
    "key too many": encode("delete", "meta", "a", "b"),
    "no number": encode("commit", "one"),
    "number with a tail": encode("commit", "1x"),
    "no such history": encode("query", "1", "meta", "0", "9", "", "0"),
    "history of nobody": encode("query", "1", "sqlite_master", "0", "9", "", "0"),
    "no time": encode("query", "1", "event", "0", "now", "", "0"),
    "no limit": encode("query", "1", "event", "0", "9", ""),
    "prune no table": encode("prune", "sqlite_master", "9"),
    "prune no history": encode("prune", "meta", "9"),
    "prune no time": encode("prune", "event", ""),
    "too many fields": encode("put", *["meta"] * 17),
    "oversized": encode("put", "meta", "a", "x" * 40_000),
    "memory that is not there": b"memfd\0",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_bad_message(path, data):
    store, _ = open_sound(path)
    with store:
        store.send("put", "meta", "kept", "1")
        store.send("commit", 1)
        store.expect("committed")
        store.send("put", "meta", "void", "1")
        store.send_bytes(data)
        assert store.wait() == 76
        assert "no message" in store.stderr()
    store, rows = open_sound(path)
    with store:
        assert rows == {("meta", "kept"): ["kept", "1"]}


def test_bad_memory(path):
    unsealed = spill(encode("clear", "meta"), seals=0)
    huge = spill(b"", seals=0)
    os.ftruncate(huge, helper.SIZE_MAX + 1)
    fcntl.fcntl(huge, helper.F_ADD_SEALS, helper.SEALS)
    half = spill(b"put\0meta\0a\0" + b"x" * 20_000)
    with open(os.devnull) as null:
        for fd in (unsealed, huge, half, null.fileno()):
            store, _ = open_sound(path)
            with store:
                store.send_bytes(b"memfd\0", fd)
                assert store.wait() == 76
    for fd in (unsealed, huge, half):
        os.close(fd)


def test_unasked_descriptors(path):
    store, _ = open_sound(path)
    with store:
        store.send_bytes(encode("commit", "1"), 0, 0)
        assert store.wait() == 76


def test_the_peer_goes_while_rows_are_sent(path):
    store, _ = open_sound(path)
    with store:
        for i in range(300):
            store.send("put", "mail", f"m{i}", "s", "f", "x" * 8000, "1", "2", "3", "status", "", "")
        store.send("commit", 1)
        store.expect("committed")
    with start(path) as store:
        store.expect("ready")
        store.close()
        assert store.wait() == 0


def put_events(store, numbers, check="c", waiting=""):
    for number in numbers:
        store.send("put", "event", number, "problem", check, "i", "OK", "CRITICAL", number, "1", "1", "text", waiting, "",
                   "3", "")


def answer(store, id):
    """The rows of an answer, oldest first, and how it ended."""
    *rows, (_, (end, error)) = store.until("answered")
    assert all(kind == "answer" and fields[0] == id for kind, fields in rows) and end == id
    return [fields[1:] for _, fields in reversed(rows)], error


def test_answers_questions_for_history(path):
    store, _ = open_sound(path)
    with store:
        put_events(store, range(1, 1001))
        put_events(store, [1001], check="other")
        store.send("commit", 1)
        assert store.expect("committed") == ["1"]
        store.send("query", "a", "event", "11", "20", "", "0")
        store.send("query", "b", "event", "0", "5000", "ot*", "0")
        rows, error = answer(store, "a")
        assert [r[0] for r in rows] == [str(n) for n in range(11, 21)] and not error
        assert rows[0] == ["11", "problem", "c", "i", "OK", "CRITICAL", "11", "1", "1", "text", "", "", "3", ""]
        rows, error = answer(store, "b")
        assert [r[0] for r in rows] == ["1001"] and not error
        store.send("query", "c", "event", "0", "5000", "", "3")
        assert [r[0] for r in answer(store, "c")[0]] == ["999", "1000", "1001"]
        # Old history is deleted, nothing that somebody waits for.
        put_events(store, [500], waiting="night")
        store.send("prune", "event", "1000")
        store.send("commit", 2)
        assert store.expect("committed") == ["2"]
        store.send("query", "d", "event", "0", "5000", "", "0")
        deadline = time.monotonic() + 20
        while [r[0] for r in answer(store, "d")[0]] != ["500", "1000", "1001"]:
            assert time.monotonic() < deadline
            store.send("query", "d", "event", "0", "5000", "", "0")


def test_a_commit_does_not_wait_for_a_long_answer(path):
    store, _ = open_sound(path)
    with store:
        put_events(store, range(1, 20_001))
        store.send("commit", 1)
        store.expect("committed")
        store.send("query", "long", "event", "0", "50000", "", "0")
        store.receive()  # it has begun
        store.send("put", "meta", "a", "1")
        store.send("commit", 2)
        messages = store.until("committed")
        assert messages[-1] == ("committed", ["2"])
        assert ("answered", ["long", ""]) not in messages, "the whole answer came first"
        rows, error = answer(store, "long")
        assert not error and len(messages) + len(rows) == 20_000


def test_too_many_questions(path):
    store, _ = open_sound(path)
    with store:
        put_events(store, range(1, 20_001))
        store.send("put", "meta", "a", "1")  # a transaction is open: the questions wait for its end
        for i in range(20):
            store.send("query", i, "event", "0", "0", "", "0")
        refused = [store.expect("answered") for _ in range(4)]
        assert refused == [[str(i), "too many questions at once"] for i in range(16, 20)]
        store.send("commit", 1)
        assert store.expect("committed") == ["1"]
        assert [store.expect("answered") for _ in range(16)] == [[str(i), ""] for i in range(16)]


# A transaction of the kill test: the same number in a row of each table, and a mail that takes several pages.
def send_transaction(store, number, rng):
    store.send("put", "meta", "number", number)
    store.send("put", "item", "check", "item", "m", number, "r", "", "no", "0", "")
    store.send("put", "event", number % 50, "e", "c", "i", "OK", "CRITICAL", "1", "1", "1", number, "mail", "", "3", "")
    store.send("put", "mail", f"m{number % 20}", number, "f", "x" * rng.randrange(100, 60_000), "1", "2", "3", "status", "", "")
    store.send("delete", "mail", f"m{(number + 10) % 20}")
    store.send("commit", number)


def check_state(rows, acknowledged, sent):
    """The state is that after one whole transaction, not before the last acknowledged one."""
    number = int(rows["meta", "number"][1]) if rows else 0
    assert acknowledged <= number <= sent
    if number:
        assert rows["item", "check"][3] == str(number)
        assert rows["event", str(number % 50)][9] == str(number)
        assert rows["mail", f"m{number % 20}"][1] == str(number)
        assert len([r for r in rows if r[0] == "mail"]) == min(number, 10)
        assert len([r for r in rows if r[0] == "event"]) == min(number, 50)
    return number


def test_kill_at_random_instants(path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    number = between = 0
    for _ in range(50):
        store, rows = open_sound(path)
        with store:
            number = acknowledged = check_state(rows, number, number + between)
            between = 0
            deadline = time.monotonic() + rng.uniform(0, 0.06)
            while time.monotonic() < deadline:
                send_transaction(store, number + 1, rng)
                number += 1
                store.socket.settimeout(max(deadline - time.monotonic(), 0.0001))
                try:
                    acknowledged = int(store.expect("committed")[0])
                except TimeoutError:
                    break
            store.kill()
            store.socket.settimeout(20)
            try:  # what was acknowledged before it died counts, read or not
                while True:
                    acknowledged = int(store.expect("committed")[0])
            except helper.Closed:
                pass
            between, number = number - acknowledged, acknowledged
    store, rows = open_sound(path)
    with store:
        check_state(rows, number, number + between)
    assert number >= 10, "the machine is too slow: hardly a commit between two kills"
    assert not list(path.parent.glob("*damaged*"))


def test_kill_during_the_first_start(tmp_path):
    """A file that is half begun is no damage."""
    rng = random.Random(4)
    for i in range(20):
        path = tmp_path / f"{i}.db"
        with start(path) as store:
            time.sleep(rng.uniform(0, 0.04))
            store.kill()
        store, rows = open_sound(path)
        with store:
            assert rows == {}
    assert not list(tmp_path.glob("*damaged*"))


CLONE_NEWNS = 0x00020000


@pytest.fixture
def mounts():
    """A mount table of our own, so that nothing mounted here is seen or left elsewhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS) != 0:
        pytest.skip("mounting needs root and CAP_SYS_ADMIN")
    if subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True).returncode != 0:
        pytest.skip("the mount table cannot be made private here")


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request, mounts, tmp_path):
    """The folder of a file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder]
    else:
        image = tmp_path / "image"
        with open(image, "wb") as file:
            file.truncate(24 << 20)
        if not shutil.which("mkfs.ext4"):
            pytest.skip("no mkfs.ext4")
        # No blocks for root: else "full" is not full for us.
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
        command = ["mount", "-o", "loop", image, folder]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"cannot mount {request.param}: {result.stderr}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder, name="filler"):
    """Takes the last byte of the disk."""
    fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for size in (1 << 20, 4096, 512, 1):
            try:
                while True:
                    os.write(fd, b"x" * size)
            except OSError:
                pass
        os.fsync(fd)
    except OSError:
        pass
    finally:
        os.close(fd)
    assert os.statvfs(folder).f_bavail == 0


def use_heavily(store, number):
    """Much comes and goes, so that all free pages have been somewhere else."""
    for i in range(100):
        number += 1
        store.send("put", "mail", f"h{i}", "s", "f", "x" * 40_000, "1", "2", "3", "status", "", "")
        if i >= 10:
            store.send("delete", "mail", f"h{i - 10}")
        store.send("commit", number)
        assert store.expect("committed") == [str(number)]
    return number


def test_full_disk(small_disk):
    path = small_disk / "state.db"
    store, _ = open_sound(path)
    with store:
        number = use_heavily(store, 0)
        fill(small_disk)
        # A bad night: 20 mails of 10 KB wait, each change of an item is stored, some mails go out.
        for i in range(400):
            number += 1
            store.send("put", "item", f"check{i % 40}", "item", "m", f"state {number}", "r" * 200, "", "no", "0", "")
            store.send("put", "event", number, "e", "c", "i", "OK", "CRITICAL", "1", "1", "1", "text" * 20, "mail", "", "3", "")
            store.send("delete", "event", number - 200)
            store.send("put", "mail", f"m{i % 20}", "s", "f", "x" * 10_000, "1", "2", "3", "status", "", "")
            store.send("put", "incident", i % 100, "c", "i", "m", number, "0", "CRITICAL", "t" * 80, "", "", "0", "0", "")
            for j in range(i % 2 * 60):  # an hour's worth of metrics, again and again
                store.send("put", "sample", i // 20, "check", j % 20, f"metric{j // 20}", "%", "v" * 300)
            if i % 20 == 0:
                store.send("prune", "sample", i // 20 - 3)
            store.send("commit", number)
            assert store.expect("committed") == [str(number)], f"after {i} commits on the full disk"
        # Past the reserve a transaction fails, says why, and leaves no half of itself.
        store.send("put", "meta", "half", "1")
        store.send("put", "mail", "huge", "s", "f", "x" * 8_000_000, "1", "2", "3", "status", "", "")
        store.send("commit", number + 1)
        failed, text = store.expect("failed")
        assert failed == str(number + 1) and "full" in text
        store.send("put", "meta", "after", "1")
        store.send("commit", number + 2)
        assert store.expect("committed") == [str(number + 2)]
        store.kill()
    # It starts on the full disk, with all that was acknowledged.
    store, rows = open_sound(path)
    with store:
        assert ("meta", "after") in rows and ("meta", "half") not in rows and ("mail", "huge") not in rows
        assert rows["item", "check39"][3] == f"state {number}"
        assert len([r for r in rows if r[0] == "event"]) == 200
        # Room again: the reserve grows back for the next time.
        os.unlink(small_disk / "filler")
        for i in range(80):
            store.send("put", "meta", "room", i)
            store.send("commit", i)
            store.expect("committed")
        fill(small_disk)
        for i in range(50):
            store.send("put", "mail", f"again{i}", "s", "f", "x" * 10_000, "1", "2", "3", "status", "", "")
            store.send("commit", i)
            assert store.expect("committed") == [str(i)]


def test_full_disk_after_the_writer_died_while_it_reserved(small_disk):
    path = small_disk / "state.db"
    store, _ = open_sound(path)
    store.__exit__()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=PERSIST")
        db.execute("CREATE TABLE reserve (content BLOB)")
        db.execute("INSERT INTO reserve VALUES (zeroblob(1048576))")
    db.close()
    fill(small_disk)
    store, _ = open_sound(path)
    with store:
        for i in range(50):
            store.send("put", "mail", f"m{i}", "s", "f", "x" * 10_000, "1", "2", "3", "status", "", "")
            store.send("commit", i)
            assert store.expect("committed") == [str(i)]


def test_no_room_for_a_first_file(small_disk):
    fill(small_disk)
    with start(small_disk / "state.db") as store:
        number, text = store.expect("failed")
        assert number == "0" and ("full" in text or "space" in text)
        assert store.wait() == 73


def test_begins_without_a_reserve(small_disk):
    """Room for the tables but not for the reserve: better than no state."""
    fill(small_disk)
    with open(small_disk / "filler", "r+b") as file:
        file.truncate(os.fstat(file.fileno()).st_size - 300_000)
    store, _ = open_sound(small_disk / "state.db")
    with store:
        assert "nearly full" in store.stderr()
        store.send("put", "meta", "a", "1")
        store.send("commit", 1)
        assert store.expect("committed") == ["1"]
