# SPDX-License-Identifier: GPL-3.0-or-later
"""The check modules about what a host carries: cgroup, diskio, directory, updates, mailq, users; in the way of
test_checks.py."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from test_checks import MODULES, PROGRAM, copied, run

MIB = 1 << 20


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


# A disk in a file of a file system that is stopped: what is written to it waits in the kernel, as behind a broken cable.
FROZEN_DISK = """
set -e
cd "$1"
truncate -s 64M outer
mkfs.ext4 -q outer
mkdir mnt
mount -o loop outer mnt
trap 'fsfreeze -u mnt 2> /dev/null; wait; [ -z "$disk" ] || losetup -d "$disk"; umount mnt' EXIT
fallocate -l 8M mnt/inner
disk=$(losetup --find --show mnt/inner)
fsfreeze -f mnt
dd if=/dev/zero of="$disk" bs=4k count=1 oflag=direct status=none &
echo "${disk##*/}"
read end
"""


def test_diskio_of_a_disk_that_hangs(tmp_path):
    if os.geteuid() != 0 or not all(shutil.which(p, path="/usr/sbin:/sbin:/usr/bin:/bin") for p in ("losetup", "fsfreeze", "mkfs.ext4")):
        pytest.skip("only root, with losetup, fsfreeze and mkfs.ext4, can make a disk that hangs")
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", FROZEN_DISK, "sh", tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}) as holder:
        try:
            disk = holder.stdout.readline().strip()
            if not disk:
                pytest.skip(f"no such disk can be made here: {holder.stderr.read()}")
            options = {"device": disk, "stalled": "1s"}
            end = time.monotonic() + 30
            while (first := run(None, "diskio", options)).number("in_flight") == 0 and time.monotonic() < end:
                time.sleep(0.05)
            assert first.one()[0] == "OK" and first.number("in_flight") == 1
            time.sleep(1.2)
            r = run(None, "diskio", options, first.memory, 1_200_000)
        finally:
            holder.communicate("\n", timeout=60)
    assert r.one() == ("CRITICAL", "1 request waits for 1 s, and none was completed: the disk hangs")


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
    ({"pattern": ["day1*", "day2*"]}, "OK", "2 files"), ({"exclude": ["old", "READ*"]}, "OK", "3 files")])
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
    r = run(None, "directory", {**options, "files_warning": "1"})
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


# --- updates

HOUR_USEC = 3600_000_000


def packages(tree, tmp_path, changed=3600):
    """The recorded tree, whose lists were fetched and whose packages changed so many seconds ago."""
    root = copied(f"updates/{tree}", tmp_path)
    set_age(root / "var/lib/apt/lists", changed)
    set_age(root / "var/lib/dpkg/status", changed)
    return root


def asked(root):
    """How many looks asked apt-get; run() makes each in two languages."""
    times, rest = divmod(len((root / "asked").read_text().splitlines()) if (root / "asked").exists() else 0, 2)
    assert rest == 0
    return times


def test_updates_good(tmp_path):
    r = run(packages("good", tmp_path), "updates")
    assert r.one() == ("OK", "0 security updates and 0 others are pending; the lists of packages are 1 h old")
    assert r.metrics["c", "security"] == ["0", "", "1", "", "0", ""] and r.number("held") == 1 and r.number("broken") == 0
    assert r.number("security_age") == 0 and 3600 <= r.number("lists_age") < 3700 and r.evidence == {}


def test_updates_bad(tmp_path):
    """What a list names twice is one; what is new counts, and the lines of its configuration do not."""
    root = packages("bad", tmp_path)
    r = run(root, "updates")
    assert r.one() == ("WARNING", "5 security updates are pending: libssl3, openssl, linux-image-6.1.0-25-amd64 and 2 more; "
                                  "2 packages are only half installed: half, worse")
    assert (r.number("security"), r.number("updates"), r.number("held"), r.number("broken")) == (5, 7, 1, 2)
    assert r.evidence["c", "Security updates that are pending"].split() == [
        "libssl3", "openssl", "linux-image-6.1.0-25-amd64", "linux-image-amd64", "python3-jwt"]
    assert r.evidence["c", "Packages on hold"] == "kept\n" and asked(root) == 1


@pytest.mark.parametrize("options, state, text", [
    ({"security_warning": "6"}, "WARNING", "2 packages are only half installed"),
    ({"security_critical": "5"}, "CRITICAL", "5 security updates are pending"),
    ({"security_warning": "0", "updates_warning": "7"}, "WARNING", "7 updates are pending: base-files, libssl3, openssl and 4 more"),
    ({"updates_critical": "2"}, "CRITICAL", "7 updates are pending"), ({"held_warning": "1"}, "WARNING", "1 package is on hold: kept"),
    ({"lists_warning": "1h"}, "WARNING", "the lists of packages are 1 h old (limit 1 h)"),
    ({"lists_critical": "30m", "lists_warning": "0"}, "CRITICAL", "(limit 30 min): what is pending is not known since then")])
def test_updates(options, state, text, tmp_path):
    r = run(packages("bad", tmp_path), "updates", options)
    assert r.one()[0] == state and text in r.one()[1]


def test_updates_of_ubuntu(tmp_path):
    assert run(packages("ubuntu", tmp_path), "updates").one() == ("WARNING", "1 security update is pending: openssl")


def test_updates_are_asked_for_when_something_changed(tmp_path):
    root = packages("bad", tmp_path)
    first = run(root, "updates")
    again = run(root, "updates", {}, first.memory)
    assert asked(root) == 1 and again.items == first.items and again.evidence == first.evidence
    assert {k: v for k, v in again.metrics.items() if not k[1].endswith("age")} == {
        k: v for k, v in first.metrics.items() if not k[1].endswith("age")}
    run(root, "updates", {}, first.memory, 25 * HOUR_USEC)
    assert asked(root) == 2
    (root / "usr/share/apt-get.out").write_text("")
    (root / "var/lib/dpkg/status").write_text("Package: base-files\nStatus: install ok installed\n\n")
    well = run(root, "updates", {}, first.memory)
    assert well.one()[0] == "OK" and asked(root) == 3 and well.memory["since"] == 0
    assert run(root, "updates", {}, {**first.memory, **well.memory}).one() == well.one() and asked(root) == 3


def test_updates_that_nobody_installs(tmp_path):
    root = packages("bad", tmp_path)
    first = run(root, "updates")
    memory = {**first.memory, "since": first.memory["since"] - 8 * 24 * HOUR_USEC}
    state, text = run(root, "updates", {}, memory).one()
    assert state == "CRITICAL" and "5 security updates are pending: libssl3" in text
    assert "security updates are pending for 8 d" in text and "(limit 7 d)" in text
    assert run(root, "updates", {"security_age_critical": "0"}, memory).one()[0] == "WARNING"
    assert run(root, "updates", {"security_age_critical": "9d"}, memory).one()[0] == "WARNING"


def test_updates_half_installed(tmp_path):
    """Right after the last change an upgrade may be at work."""
    options = {"security_warning": "0"}
    assert run(packages("bad", tmp_path), "updates", options).one() == ("WARNING", "2 packages are only half installed: half, worse")
    set_age(tmp_path / "root/var/lib/dpkg/status", 300)
    r = run(tmp_path / "root", "updates", options)
    assert r.one()[0] == "OK" and r.number("broken") == 2


def test_updates_cannot_look(tmp_path):
    r = run(packages("garbage", tmp_path), "updates")
    assert (r.items, r.code) == ({}, 71) and r.reason == "apt-get failed: Unable to correct problems, you have held broken packages."
    r = run("updates/empty", "updates")
    assert (r.items, r.code) == ({}, 61) and "apt-get update never ran here" in r.reason
    r = run("memory/good", "updates")
    assert (r.items, r.code) == ({}, 95) and r.reason == "this host has no apt-get"


def test_updates_apt_that_hangs(tmp_path):
    root = packages("good", tmp_path)
    for text, reason in (("exec sleep 1000", "apt-get did not answer in time (apt_timeout) and was killed"),
                         ("kill -SEGV $$", "apt-get crashed: it does not say why")):
        (root / "usr/bin/apt-get").write_text(f"#!/bin/sh\n{text}\n")
        r = run(root, "updates", {"apt_timeout": "300ms"})
        assert r.items == {} and r.reason == reason
    (root / "var/lib/dpkg/status").unlink()
    (root / "usr/bin/apt-get").write_text("#!/bin/sh\n")
    r = run(root, "updates")
    assert (r.items, r.code) == ({}, 2) and "/var/lib/dpkg/status cannot be read" in r.reason


@pytest.mark.parametrize("options", [
    {"security_warning": "5", "security_critical": "4"}, {"updates_warning": "5", "updates_critical": "4"},
    {"lists_warning": "2d", "lists_critical": "1d"}, {"held_warning": "-1"}])
def test_updates_wrong_options(options):
    r = run("updates/good", "updates", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_updates_of_this_host():
    """With the real apt-get, and the same number of updates as it counts itself."""
    r = run(None, "updates", {"apt_timeout": "200s"})
    if r.code in (95, 61):
        pytest.skip(r.reason)
    assert r.code == 0 and r.one()[0] in ("OK", "WARNING", "CRITICAL"), r.reason
    out = subprocess.run(["apt-get", "-s", "-o", "Debug::NoLocking=1", "dist-upgrade"], capture_output=True, text=True,
                         env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}).stdout
    upgraded, new = out.split(" upgraded, ")[0].split()[-1], out.split(" upgraded, ")[1].split()[0]
    assert r.number("updates") == int(upgraded) + int(new)


# --- mailq

def test_mailq_empty():
    r = run("mailq/empty", "mailq")
    assert r.items == {"postfix": ("OK", "the queue is empty")}
    assert r.metrics["postfix", "messages"] == ["0", "", "50", "500", "0", ""] and ("postfix", "oldest") not in r.metrics


def test_mailq_postfix():
    """What is on hold is shown and not judged."""
    r = run("mailq/postfix", "mailq", {"age_warning": "0"})
    age = int(time.time()) - 1780000000
    assert r.items["postfix"][0] == "OK" and r.items["postfix"][1].startswith("3 mails wait, the oldest for ")
    assert r.items["postfix"][1].endswith("; 1 on hold") and abs(r.number("oldest") - age) < 60
    assert [r.number(n) for n in ("messages", "active", "deferred", "incoming", "hold")] == [3, 1, 2, 0, 1] and r.evidence == {}


@pytest.mark.parametrize("options, state, text", [
    ({}, "WARNING", "the oldest mail waits for "), ({"age_critical": "30d"}, "CRITICAL", "(limit 30 d)"),
    ({"messages_warning": "3", "age_warning": "0"}, "WARNING", "3 mails wait (limit 3)"),
    ({"messages_warning": "1", "messages_critical": "2"}, "CRITICAL", "3 mails wait (limit 2)"),
    ({"messages_warning": "4", "age_warning": "0"}, "OK", "3 mails wait")])
def test_mailq(options, state, text):
    r = run("mailq/postfix", "mailq", options)
    assert r.items["postfix"][0] == state and text in r.items["postfix"][1]
    if state != "OK":
        lines = r.evidence["postfix", "The oldest mails in the queue"].splitlines()
        assert len(lines) == 3 and lines[0].endswith(
            "3A2  from <a@example.org> to <c@example.net>: connect to mx.example.net[192.0.2.1]:25: Connection timed out")
        assert lines[1].endswith("host said: 450 4.2.1 € mailbox busy") and lines[2].endswith("to <b@example.org>")


def test_mailq_instance(tmp_path):
    root = copied("mailq/empty", tmp_path)
    assert run(root, "mailq", {"mta": "postfix", "config_directory": "/etc/other"}).one()[0] == "OK"
    assert (root / "asked").read_text() == "-j -c /etc/other\n"


def test_mailq_exim(tmp_path):
    """Split or not; how old a mail is stands in its name, which no attempt changes."""
    root = copied("mailq/exim", tmp_path)
    r = run(root, "mailq", {"age_warning": "0"})
    assert r.items["exim"][0] == "OK" and r.number("messages") == 4 and abs(r.number("oldest") - (time.time() - 1789990000)) < 60
    assert ("exim", "deferred") not in r.metrics


def test_mailq_folders(tmp_path):
    root = copied("mailq/sendmail", tmp_path)
    for path in (root / "var/spool").glob("**/*"):
        set_age(path, 60)
    set_age(root / "var/spool/mqueue/df4AB2", 2 * 3600)
    set_age(root / "var/spool/dma/Q1", 3 * 3600)
    r = run(root, "mailq", {"age_warning": "1h"})
    assert r.items == {"sendmail": ("WARNING", "the oldest mail waits for 2 h (limit 1 h)"), "nullmailer": ("OK", "1 mail waits, the oldest for 1 min"),
                       "dma": ("WARNING", "the oldest mail waits for 3 h (limit 1 h)")}
    assert r.number("messages", "sendmail") == 3 and r.evidence["sendmail", "The oldest mails in the queue"].splitlines()[0].endswith("  qf4AB2")
    r = run(root, "mailq", {"mta": "folder", "spool": "/var/spool/dma", "pattern": "[MQ]*", "messages_critical": "2", "messages_warning": "0", "age_warning": "0"})
    assert r.items == {"/var/spool/dma": ("CRITICAL", "2 mails wait (limit 2)")}
    assert set(run(root, "mailq", {"mta": "sendmail", "spool": "/var/spool/mqueue-client"}).items) == {"sendmail"}


def test_mailq_without_end(tmp_path):
    for i in range(4000):
        (tmp_path / f"{i}").touch()
    options = {"mta": "folder", "spool": tmp_path, "mailq_timeout": "1ms"}
    r = run(None, "mailq", {**options, "messages_warning": "0", "messages_critical": "0"})
    assert r.one()[0] == "UNKNOWN" and "could not be read to its end (mailq_timeout); it has at least" in r.one()[1] and r.metrics == {}
    r = run(None, "mailq", {**options, "messages_warning": "1", "messages_critical": "0"})
    assert r.one()[0] == "WARNING" and r.one()[1].startswith("at least ")


def test_mailq_cannot_look(tmp_path):
    assert run("mailq/down", "mailq").one() == ("UNKNOWN", "postqueue failed: Queue report unavailable - mail system is down")
    assert run("mailq/denied", "mailq").one() == ("UNKNOWN", "postqueue failed: Connect to the Postfix showq service: Permission denied; "
                                                             "tocsin-check-mailq(7) tells how to allow it")
    assert run("mailq/garbage", "mailq").one() == ("UNKNOWN", "what postqueue says is not understood (Postfix 3.1 is needed)")
    root = copied("mailq/empty", tmp_path)
    for text, reason in (("exec sleep 1000", "could not be read to its end"), ("kill -SEGV $$", "postqueue crashed")):
        (root / "usr/sbin/postqueue").write_text(f"#!/bin/sh\n{text}\n")
        r = run(root, "mailq", {"mailq_timeout": "300ms"})
        assert r.one()[0] == "UNKNOWN" and reason in r.one()[1]
    assert run("mailq/exim", "mailq", {"mta": "sendmail"}).one() == ("UNKNOWN", "there is no folder /var/spool/mqueue")
    r = run("memory/good", "mailq")
    assert (r.items, r.code) == ({}, 95) and "no queue" in r.reason
    (root / "var/spool").mkdir(parents=True)
    (root / "var/spool/dma").symlink_to("dma")
    assert run(root, "mailq").items["dma"][0] == "UNKNOWN"


@pytest.mark.parametrize("options", [
    {"mta": "folder"}, {"spool": "/var/spool/x"}, {"mta": "postfix", "spool": "/x"}, {"mta": "exim", "config_directory": "/x"},
    {"messages_warning": "5", "messages_critical": "4"}, {"age_warning": "2d", "age_critical": "1d"}, {"mta": "qmail"}])
def test_mailq_wrong_options(options):
    r = run("mailq/empty", "mailq", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_mailq_real_postfix(postfix_server):
    """Mails that wait in a Postfix that is told not to deliver them."""
    config = postfix_server.folder / "config"
    options = {"mta": "postfix", "config_directory": config}

    def postfix(*words, **more):
        subprocess.run(words, check=True, stderr=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, timeout=60, **more)

    before = run(None, "mailq", options)
    assert before.one() == ("OK", "the queue is empty")
    postfix("postconf", "-c", config, "-e", "defer_transports = virtual")
    try:
        postfix("postfix", "-c", config, "reload")
        for i in range(2):
            postfix("sendmail", "-C", config, "-f", "a@example.org", "ops@example.org", input=f"Subject: {i}\n\nHello\n", text=True)
        end = time.monotonic() + 30
        while run(None, "mailq", options).number("messages") < 2 and time.monotonic() < end:
            time.sleep(0.3)
        r = run(None, "mailq", {**options, "messages_warning": "2"})
        assert r.one() == ("WARNING", "2 mails wait (limit 2)") and r.number("oldest") < 120
        assert "from <a@example.org> to <ops@example.org>" in r.evidence["postfix", "The oldest mails in the queue"]
    finally:  # others use it after us
        postfix("postsuper", "-c", config, "-d", "ALL")
        postfix("postconf", "-c", config, "-X", "defer_transports")
        postfix("postfix", "-c", config, "reload")
    assert run(None, "mailq", options).one() == before.one()


# --- users

def test_users_good():
    """What was left behind by a process that is gone does not count, nor does the screen that asks for a login."""
    r = run("users/good", "users")
    assert r.one() == ("OK", "3 sessions: ops, anna") and r.evidence == {}
    assert [r.number(n) for n in ("sessions", "users", "root", "remote")] == [3, 2, 0, 2]
    assert run("users/empty", "users").one() == ("OK", "nobody is logged in")


def test_users_bad():
    r = run("users/bad", "users", {"allowed": "ops"})
    state, text = r.one()
    assert state == "CRITICAL" and text.startswith(
        "somebody is logged in who is not allowed: mallory-with-a-name-of-32-letter on pts/2 from 2001:db8::1 since ")
    lines = r.evidence["c", "Who is logged in"].splitlines()
    assert len(lines) == 3 and lines[0].endswith("  root  pts/0  from 203.0.113.66  pid 400") and r.number("root") == 1


@pytest.mark.parametrize("root, options, state, text", [
    ("bad", {}, "WARNING", "root is logged in: root on pts/0 from 203.0.113.66 since "), ("bad", {"root": "critical"}, "CRITICAL", "root is logged in"),
    ("bad", {"root": "ok"}, "OK", "3 sessions: root, ops, mallory"), ("bad", {"root": "ok", "allowed": ["o*", "m*"]}, "OK", "3 sessions"),
    ("bad", {"allowed": "o*", "stranger": "warning"}, "WARNING", "not allowed: mallory"), ("bad", {"allowed": "*"}, "WARNING", "root"),
    ("good", {"sessions_warning": "3"}, "WARNING", "3 sessions (limit 3)"), ("good", {"sessions_warning": "4"}, "OK", "3 sessions"),
    ("good", {"sessions_critical": "2"}, "CRITICAL", "3 sessions (limit 2)"),
    ("good", {"age_warning": "1h"}, "WARNING", "logged in for long: ops on pts/0 from 192.0.2.7 since ")])
def test_users(root, options, state, text):
    r = run(f"users/{root}", "users", options)
    assert r.one()[0] == state and text in r.one()[1]


def test_users_cannot_look(tmp_path):
    r = run("users/garbage", "users")
    assert (r.items, r.code) == ({}, 74) and "/run/utmp cannot be read: it is not of the form" in r.reason
    r = run("memory/good", "users")
    assert (r.items, r.code) == ({}, 95) and "neither logind nor" in r.reason
    for source, text in (("utmp", "/run/utmp cannot be read: No such file"), ("logind", "logind does not run here")):
        r = run("memory/good", "users", {"source": source})
        assert (r.items, r.code) == ({}, 2) and text in r.reason
    # Where processes are hidden nobody knows which records were left behind.
    root = copied("users/good", tmp_path)
    shutil.rmtree(root / "proc")
    assert run(root, "users").number("sessions") == 4


@pytest.mark.parametrize("options", [
    {"sessions_warning": "3", "sessions_critical": "2"}, {"root": "unknown"}, {"source": "wtmp"}, {"age_warning": "soon"}])
def test_users_wrong_options(options):
    r = run("users/good", "users", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_users_of_this_host():
    r = run(None, "users")
    if r.code == 95:
        pytest.skip(r.reason)
    assert r.code == 0 and len(r.watches) == 1 and r.number("users") <= r.number("sessions")


# --- users and cgroup, where systemd has booted

CONTAINER = pathlib.Path(__file__).resolve().parent.parent / "system" / "container"


def test_in_a_container(tmp_path):
    here = pathlib.Path(__file__).resolve().parent
    (tmp_path / "checks").mkdir()
    shutil.copy(PROGRAM, tmp_path / "tocsin-check")
    for name in ("users", "cgroup", "tcp"):
        shutil.copy(MODULES / f"{name}.so", tmp_path / "checks")
    shutil.copytree(here, tmp_path / "e2e", ignore=shutil.ignore_patterns("__pycache__"))
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [CONTAINER, tmp_path, "env", "TOCSIN_LIBEXEC_DIR=/run/test", "TOCSIN_CHECK_DIR=/run/test/checks",
         "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=/run/pytest",
         "/run/test/e2e/rest_booted.py"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    if done.returncode in (77, 125):  # not allowed, or systemd does not boot here
        pytest.skip(" ".join(done.stdout.split()[-30:]))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout
