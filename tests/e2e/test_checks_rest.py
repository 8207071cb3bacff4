# SPDX-License-Identifier: GPL-3.0-or-later
"""The check modules about what a host carries: cgroup, diskio, directory, updates, mailq, users; in the way of
test_checks.py."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from test_checks import FIXTURES, run

MIB = 1 << 20


def copied(tree, tmp_path):
    """A recorded tree to change."""
    shutil.copytree(FIXTURES / tree, tmp_path / "root", symlinks=True)
    return tmp_path / "root"


# --- cgroup

DATABASE, CONTAINERS = "/system.slice/mariadb.service", "/system.slice/docker-*.scope"


def test_cgroup_good():
    r = run("cgroup/good", "cgroup")
    assert r.one() == ("OK", "7 control groups, 2 of them with a limit of memory or processors")
    assert r.number("groups") == 7 and r.number("near_limit") == 0 and r.number("oom_kills") == 0 and r.evidence == {}


def test_cgroup_named():
    """The cache that can be given back is not counted: 1400 of 4096 MiB are left."""
    r = run("cgroup/good", "cgroup", {"cgroup": [DATABASE, "/system.slice"]})
    assert r.items == {DATABASE: ("OK", "34 % of its memory used, 1.37 GiB of 4.00 GiB, 42 tasks"),
                       "/system.slice": ("OK", "3.00 GiB of memory used, it has no limit, 310 tasks")}
    assert r.metrics[DATABASE, "memory"][1:] == ["%", "90", "97", "0", "100"]
    assert r.metrics[DATABASE, "pids"] == ["42", "", "", "", "0", "4531"] and r.number("memory_bytes", DATABASE) == 1400 * MIB


def test_cgroup_bad():
    r = run("cgroup/bad", "cgroup")
    state, text = r.one()
    assert state == "CRITICAL" and set(text.split("; ")) == {
        "/system.slice/cron.service: 99 % of its tasks (limit 95 %), 4500 of 4531",
        "/system.slice/docker-aaaa.scope: 99.2 % of its memory used (limit 97 %), 508 MiB of 512 MiB"}
    lines = r.evidence["c", "Control groups near a limit, or with killed processes"].splitlines()
    assert len(lines) == 4 and r.number("near_limit") == 3 and r.number("oom_kills") == 3 and r.number("oom_kills_recent") == 0
    assert "/system.slice/cron.service: memory" not in "".join(lines)
    assert any("cron.service: tasks 4500 of 4531, 7 times one could not be started" in line for line in lines)


@pytest.mark.parametrize("options, state, text", [
    ({"cgroup": DATABASE}, "WARNING", "92.8 % of its memory used (limit 90 %), 3.71 GiB of 4.00 GiB"),
    ({"cgroup": DATABASE, "memory_critical": "92%"}, "CRITICAL", "92.8 % of its memory used (limit 92 %)"),
    ({"cgroup": DATABASE, "memory_warning": "0%"}, "OK", "93 % of its memory used"),
    ({"cgroup": "/system.slice/cron.service", "pids_critical": "0%"}, "WARNING", "99 % of its tasks (limit 80 %)"),
    ({"cgroup": CONTAINERS}, "CRITICAL", "/system.slice/docker-aaaa.scope: 99.2 %"),
    ({"cgroup": "/docker-*.scope"}, "CRITICAL", "there is no such control group"),
    ({"cgroup": "/system.slice/gone.service"}, "CRITICAL", "there is no such control group"),
    ({"exclude": ["/system.slice/cron*", "/system.slice/docker-a*"]}, "WARNING", "mariadb.service: 92.8 %"),
    ({"exclude": "/system.slice"}, "OK", "2 control groups, 0 of them")])
def test_cgroup(options, state, text):
    r = run("cgroup/bad", "cgroup", options)
    assert r.one()[0] == state and text in r.one()[1]


def set_throttled(root, group, periods, throttled):
    path = root / f"sys/fs/cgroup/system.slice/{group}/cpu.stat"
    path.write_text(f"usage_usec 1\nnr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec 1\n")


def test_cgroup_throttled(tmp_path):
    root = copied("cgroup/good", tmp_path)
    name, options = "/system.slice/docker-aaaa.scope", {"cgroup": "/system.slice/docker-aaaa.scope"}
    first = run(root, "cgroup", options)
    assert first.one()[0] == "OK" and (name, "throttled") not in first.metrics
    set_throttled(root, "docker-aaaa.scope", 1600, 460)
    r = run(root, "cgroup", options, first.memory)
    assert r.one() == ("WARNING", "had to wait for processor time in 75 % of the periods (limit 50 %), its quota is 1.5 processors")
    assert r.metrics[name, "throttled"] == ["75", "%", "50", "", "0", "100"]
    assert run(root, "cgroup", {**options, "throttled_critical": "75%"}, first.memory).one()[0] == "CRITICAL"
    assert run(root, "cgroup", {}, first.memory).one()[1].startswith("/system.slice/docker-aaaa.scope: had to wait")
    assert run(root, "cgroup", options, r.memory).number("throttled") == 0
    # Made anew under its old name: there is nothing to compare with.
    shutil.copytree(root / "sys/fs/cgroup/system.slice/docker-aaaa.scope", root / "other")
    shutil.rmtree(root / "sys/fs/cgroup/system.slice/docker-aaaa.scope")
    (root / "other").rename(root / "sys/fs/cgroup/system.slice/docker-aaaa.scope")
    set_throttled(root, "docker-aaaa.scope", 1700, 560)
    assert (name, "throttled") not in run(root, "cgroup", options, first.memory).metrics


def set_kills(root, group, kills):
    path = root / f"sys/fs/cgroup/{group}/memory.events"
    path.write_text("".join(f"{line.rpartition(' ')[0]} {kills if line.startswith('oom_kill ') else 0}\n"
                            for line in path.read_text().splitlines()))


def test_cgroup_killed(tmp_path):
    root = copied("cgroup/good", tmp_path)
    first = run(root, "cgroup")
    # In a container that is gone at the next look: the slice has counted it.
    set_kills(root, "system.slice", 2)
    shutil.rmtree(root / "sys/fs/cgroup/system.slice/docker-aaaa.scope")
    r = run(root, "cgroup", {}, first.memory)
    assert r.one() == ("WARNING", "2 processes killed for want of memory within 1 h") and r.number("oom_kills_recent") == 2
    assert "killed for want of memory in it or below it: 2" in r.evidence["c", "Control groups near a limit, or with killed processes"]
    # The same is still told at the next look, though none was added, and not once the window is over.
    memory = {**first.memory, **r.memory}
    assert run(root, "cgroup", {"oom": "critical"}, memory).one()[0] == "CRITICAL"
    assert run(root, "cgroup", {}, memory, age_usec=3601_000_000).one()[0] == "OK"
    assert run(root, "cgroup", {"oom_window": "0"}, memory).one()[0] == "OK"
    set_kills(root, "system.slice", 3)
    again = run(root, "cgroup", {}, memory)
    assert again.one()[1].startswith("3 processes killed")
    one = run(root, "cgroup", {"cgroup": "/system.slice"}, {"kills /system.slice": 2.0})
    assert one.items["/system.slice"] == ("WARNING", "1 process killed for want of memory within 1 h")


def test_cgroup_of_a_container():
    """Its root is a group with limits, and has counted everything below it."""
    r = run("cgroup/container", "cgroup", {"memory_warning": "75%"}, {"kills auto": 0.0})
    assert r.one() == ("WARNING", "/: 78.1 % of its memory used (limit 75 %), 800 MiB of 1.00 GiB; "
                                  "1 process killed for want of memory within 1 h")


def test_cgroup_cannot_look():
    r = run("cgroup/garbage", "cgroup")
    assert r.one() == ("UNKNOWN", "1 control groups cannot be read: /system.slice/odd.service: a file is not of the form that is known")
    assert run("cgroup/garbage", "cgroup", {"cgroup": "/system.slice"}).one()[0] == "OK"
    for tree in ("cgroup/hybrid", "memory/good"):
        r = run(tree, "cgroup")
        assert (r.items, r.code) == ({}, 95) and "control groups of version 2" in r.reason
        r = run(tree, "cgroup", {"cgroup": DATABASE})
        assert (r.items, r.code) == ({}, 2) and r.reason


@pytest.mark.parametrize("options", [
    {"cgroup": "system.slice"}, {"cgroup": "/a/../b"}, {"cgroup": ["/a", "/a"]}, {"memory_warning": "95%", "memory_critical": "90%"},
    {"pids_warning": "101%"}, {"oom": "unknown"}, {"throttled_warning": "5%", "throttled_critical": "4%"}])
def test_cgroup_wrong_options(options):
    r = run("cgroup/good", "cgroup", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_cgroup_of_this_host():
    r = run(None, "cgroup")
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        assert (r.items, r.code) == ({}, 95)
        pytest.skip(r.reason)
    assert r.code == 0 and r.number("groups") >= 1 and r.one()[0] != "UNKNOWN"


# --- diskio

def set_counters(root, name, **change):
    """Adds to the counters of one device."""
    names = ("reads reads_merged read_sectors read_ms writes writes_merged written_sectors write_ms in_flight busy_ms queue_ms "
             "discards discards_merged discarded_sectors discard_ms flushes flush_ms").split()
    path = root / "proc/diskstats"
    lines = [line.split() for line in path.read_text().splitlines()]
    for words in lines:
        if words[2] == name:
            for key, more in change.items():
                i = 3 + names.index(key)
                words[i] = str(int(words[i]) + more)
    path.write_text("".join(" ".join(words) + "\n" for words in lines))


def test_diskio_good(tmp_path):
    root = copied("diskio/good", tmp_path)
    first = run(root, "diskio")
    assert first.items == {"sda": ("OK", "rates come with the next look"), "nvme0n1": ("OK", "rates come with the next look")}
    assert {n for _, n in first.metrics} == {"in_flight"}
    set_counters(root, "sda", reads=600, read_sectors=122880, read_ms=6000, writes=300, written_sectors=61440, write_ms=1500,
                 busy_ms=15000, queue_ms=30000)
    r = run(root, "diskio", {}, first.memory)
    assert r.items["sda"] == ("OK", "busy for 25 % of the time, 1.00 MiB/s read, 512 KiB/s written, a request takes 8 ms")
    assert r.items["nvme0n1"] == ("OK", "busy for 0 % of the time, 0 B/s read, 0 B/s written")
    assert abs(r.number("queue", "sda") - 0.5) < 0.01 and abs(r.number("reads", "sda") - 10) < 0.1
    assert r.metrics["sda", "read_latency"] == ["0.01", "s", "0.25", "", "0", ""] and r.number("write_latency", "sda") == 0.005
    assert abs(r.number("read", "sda") - MIB) < MIB / 100 and ("nvme0n1", "read_latency") not in r.metrics and r.evidence == {}


@pytest.mark.parametrize("options, change, state, text", [
    ({}, {"writes": 20, "write_ms": 5000}, "WARNING", "a write takes 250 ms (limit 250 ms)"),
    ({}, {"writes": 20, "write_ms": 4999}, "OK", "a request takes"), ({}, {"writes": 9, "write_ms": 90000}, "OK", "a request takes 10 s"),
    ({"latency_critical": "1s"}, {"reads": 10, "read_ms": 30000}, "CRITICAL", "a read takes 3 s (limit 1 s)"),
    ({"latency_warning": "0"}, {"reads": 10, "read_ms": 30000}, "OK", ""),
    ({"busy_warning": "90%"}, {"busy_ms": 57000}, "WARNING", "busy for 95 % of the time (limit 90 %)"),
    ({"busy_warning": "90%", "busy_critical": "95%"}, {"busy_ms": 60000}, "CRITICAL", "of the time (limit 95 %)"),
    ({"queue_critical": "4"}, {"queue_ms": 600000}, "CRITICAL", "10.0 requests in the queue (limit 4)")])
def test_diskio(options, change, state, text, tmp_path):
    root = copied("diskio/good", tmp_path)
    first = run(root, "diskio", options)
    set_counters(root, "sda", **change)
    r = run(root, "diskio", options, first.memory)
    assert r.items["sda"][0] == state and text in r.items["sda"][1]
    assert (("sda", "Requests since the look before") in r.evidence) == (state != "OK")


def test_diskio_that_hangs(tmp_path):
    root = copied("diskio/bad", tmp_path)
    first = run(root, "diskio")
    assert first.items["sda"][0] == "OK" and first.number("in_flight", "sda") == 3
    r = run(root, "diskio", {}, first.memory)
    assert r.items["sda"] == ("CRITICAL", "3 requests wait for 1 min, and none was completed: the disk hangs")
    assert "requests in flight now: 3" in r.evidence["sda", "Requests since the look before"]
    assert run(root, "diskio", {"stalled": "2m"}, first.memory).items["sda"][0] == "OK"
    assert run(root, "diskio", {"stalled": "0"}, first.memory).items["sda"][0] == "OK"
    set_counters(root, "sda", writes=1)
    assert run(root, "diskio", {}, first.memory).items["sda"][0] == "OK"


def test_diskio_counters_that_began_anew(tmp_path):
    root = copied("diskio/good", tmp_path)
    first = run(root, "diskio")
    set_counters(root, "sda", reads=-50)
    r = run(root, "diskio", {}, first.memory)
    assert r.items["sda"] == ("OK", "rates come with the next look") and r.memory["sda 0"] == 99950


def test_diskio_chosen(tmp_path):
    assert set(run("diskio/good", "diskio", {"exclude": "nvme*"}).items) == {"sda"}
    assert set(run("diskio/good", "diskio", {"device": ["auto", "sda"], "exclude": "sda"}).items) == {"sda", "nvme0n1"}
    assert set(run("diskio/good", "diskio", {"device": ["vg0-root", "sda1", "sr0"]}).items) == {"vg0-root", "sda1", "sr0"}
    assert run("diskio/good", "diskio", {"device": "sdz"}).one() == ("CRITICAL", "there is no such block device")
    assert run("diskio/old", "diskio").one()[0] == "OK"


@pytest.mark.parametrize("root, code, text", [
    ("none", 95, "no disk of its own"), ("garbage", 74, "not of the form"), ("missing", 2, "cannot be read")])
def test_diskio_cannot_look(root, code, text):
    r = run(f"diskio/{root}", "diskio")
    assert (r.items, r.code) == ({}, code) and text in r.reason


@pytest.mark.parametrize("options", [
    {"device": "/dev/sda"}, {"device": ""}, {"device": ["sda", "sda"]}, {"latency_critical": "100ms"}, {"busy_warning": "101%"},
    {"queue_warning": "5", "queue_critical": "4"}])
def test_diskio_wrong_options(options):
    r = run("diskio/good", "diskio", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_diskio_of_this_host(tmp_path):
    """Writes that reach the disk are seen: at least as many bytes as were written."""
    before = run(None, "diskio")
    if before.code == 95:
        pytest.skip(before.reason)
    began = time.monotonic()
    with open(tmp_path / "data", "wb") as f:
        f.write(os.urandom(8 * MIB))
        os.fsync(f.fileno())
    time.sleep(1.2)
    took_usec = int((time.monotonic() - began) * 1e6)
    r = run(None, "diskio", {}, before.memory, took_usec)
    assert r.items.keys() == before.items.keys() and all(0 <= r.number("busy", i) <= 100 for i in r.items)
    device = os.stat(tmp_path).st_dev
    if not os.path.exists(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"):
        pytest.skip("the folder of the tests lies on no block device of its own")
    assert sum(r.number("written", i) for i in r.items) * took_usec / 1e6 >= 7 * MIB


# --- directory

BACKUP, DAY = "/srv/backup", 86400


def set_age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def backups(tmp_path):
    """The recorded tree with ages: git does not keep them."""
    root = copied("directory/good", tmp_path)
    for name, days in (("day1.tar", 3), ("day2.tar", 2), ("day3.tar", 1), ("old/year.tar", 400), ("README", 500)):
        set_age(root / "srv/backup" / name, days * DAY + 60)
    return root


def test_directory_good(tmp_path):
    r = run(backups(tmp_path), "directory", {"path": BACKUP, "pattern": "*.tar"})
    assert r.one() == ("OK", f"4 files, {r.one()[1].split(', ')[1].partition(';')[0]}; the newest is 1 d old, the oldest 400 d")
    assert r.number("files") == 4 and r.number("folders") == 1 and 1 * DAY < r.number("newest") < 1 * DAY + 600
    assert 400 * DAY < r.number("oldest") < 400 * DAY + 600 and r.evidence == {} and BACKUP in r.looks
    assert run("directory/good", "directory", {"path": BACKUP}).number("files") == 5
    assert run("directory/good", "directory", {"path": BACKUP, "recursive": "no"}).number("files") == 4


@pytest.mark.parametrize("options, state, text", [
    ({"files_warning": "5"}, "WARNING", "5 files (limit 5)"), ({"files_warning": "6"}, "OK", "5 files"),
    ({"files_warning": "2", "files_critical": "4"}, "CRITICAL", "5 files (limit 4)"),
    ({"files_min": "6"}, "CRITICAL", "5 files (at least 6)"), ({"files_min": "2", "pattern": "year*"}, "CRITICAL", "1 file (at least 2)"),
    ({"newest_warning": "1d"}, "WARNING", "the newest file is 1 d"), ({"newest_critical": "1d"}, "CRITICAL", "old (limit 1 d)"),
    ({"newest_critical": "25h"}, "OK", "5 files"), ({"oldest_warning": "500d"}, "WARNING", "the oldest file is 500 d old (limit 500 d)"),
    ({"oldest_warning": "1d", "oldest_critical": "10d", "pattern": "day*"}, "WARNING", "the oldest file is 3 d old (limit 1 d)"),
    ({"newest_critical": "1d", "pattern": "*.zip"}, "CRITICAL", "there is no file, so none that is new enough"),
    ({"newest_warning": "1d", "pattern": "*.zip"}, "WARNING", "there is no file"), ({"pattern": "*.zip"}, "OK", "no file"),
    ({"path": "/srv/gone"}, "CRITICAL", "there is no such folder"), ({"path": "/srv/backup/README"}, "CRITICAL", "this is not a folder"),
    ({"pattern": ["day1*", "day2*"]}, "OK", "2 files")])
def test_directory(options, state, text, tmp_path):
    r = run(backups(tmp_path), "directory", {"path": BACKUP, **options})
    assert r.one()[0] == state and text in r.one()[1]


def test_directory_evidence(tmp_path):
    r = run(backups(tmp_path), "directory", {"path": BACKUP, "files_critical": "1"})
    lines = r.evidence[BACKUP, "In the folder"].splitlines()
    assert lines[0].startswith("oldest") and lines[0].endswith("  README") and lines[1].endswith("  day3.tar")


def test_directory_size_is_that_of_du(tmp_path):
    """Holes take no space, a second name takes none, links are not followed."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/one").write_bytes(os.urandom(300_000))
    os.link(tmp_path / "a/one", tmp_path / "a/b/two")
    (tmp_path / "a/b/up").symlink_to("../..")
    with open(tmp_path / "a/hole", "wb") as f:
        f.truncate(1 << 30)
    r = run(None, "directory", {"path": tmp_path / "a"})
    used = int(subprocess.run(["du", "-s", "--block-size=1", tmp_path / "a"], capture_output=True, text=True).stdout.split()[0])
    folders = sum(os.stat(tmp_path / p).st_blocks * 512 for p in ("a", "a/b"))
    assert r.number("size") == used - folders and r.number("files") == 4 and r.number("folders") == 1
    r = run(None, "directory", {"path": tmp_path / "a", "size_warning": "200k", "size_critical": "1M"})
    assert r.one()[0] == "WARNING" and "together (limit 200 KiB)" in r.one()[1]
    assert next(x for x in r.evidence.values()).splitlines()[2].split()[0] == "largest"


def test_directory_without_end(tmp_path):
    """What was found in time still shows that a limit is passed, and never that one is kept."""
    for i in range(4000):
        (tmp_path / f"{i}").touch()
    options = {"path": tmp_path, "walk_timeout": "1ms"}
    r = run(None, "directory", options)
    assert r.one()[0] == "UNKNOWN" and "too many files to count within 1 ms" in r.one()[1] and r.metrics == {}
    r = run(None, "directory", {**options, "files_warning": "5"})
    assert r.one()[0] == "WARNING" and r.one()[1].startswith("at least ") and r.metrics == {}
    assert run(None, "directory", {**options, "files_min": "5000"}).one()[0] == "UNKNOWN"
    assert run(None, "directory", {"path": tmp_path, "files_min": "4001"}).one()[0] == "CRITICAL"


def test_directory_stays_on_its_file_system():
    others = [e for e in os.scandir("/dev") if e.is_dir(follow_symlinks=False) and os.path.ismount(e)]
    if not others:
        pytest.skip("nothing is mounted below /dev")
    r = run(None, "directory", {"path": "/dev", "files_warning": "1"})
    assert r.one()[0] == "WARNING" and f"not counted: {len(others)} folders that are other file systems" in r.evidence["/dev", "In the folder"]


def test_directory_cannot_look(tmp_path):
    assert run("directory/none", "directory", {"path": BACKUP}).one() == ("CRITICAL", "there is no such folder")
    root = copied("directory/good", tmp_path)
    (root / "srv/loop").symlink_to("loop")
    assert run(root, "directory", {"path": "/srv/loop"}).one()[0] == "UNKNOWN"
    (root / "srv/deep").mkdir()
    where = root / "srv/deep"
    for _ in range(70):
        where /= "d"
        where.mkdir()
    r = run(root, "directory", {"path": "/srv/deep"})
    assert r.one()[0] == "UNKNOWN" and r.one()[1].startswith("1 of its entries cannot be read, the first is d/d/d")
    assert run(root, "directory", {"path": "/srv/deep", "oldest_warning": "1d"}).one()[0] == "UNKNOWN"


@pytest.mark.parametrize("options", [
    {}, {"path": "srv"}, {"path": "/srv", "files_warning": "2", "files_critical": "1"}, {"path": "/srv", "size_warning": "2", "size_critical": "1"},
    {"path": "/srv", "oldest_warning": "2d", "oldest_critical": "1d"}, {"path": "/srv", "files_min": "5", "files_warning": "4"}])
def test_directory_wrong_options(options):
    r = run("directory/good", "directory", options)
    assert r.code in (22, 34) and r.reason and r.items == {}
