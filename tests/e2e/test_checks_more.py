# SPDX-License-Identifier: GPL-3.0-or-later
"""More check modules (memory, pressure, cpu, mount, file), in the way of test_checks.py."""
import os
import pathlib
import re
import select
import subprocess
import sys
import time

import pytest

from test_checks import Result, run, send, start


# --- memory

def test_memory_good():
    r = run("memory/good", "memory")
    assert r.one() == ("OK", "75 % available, 6.00 GiB of 8.00 GiB; 1 % of 2.00 GiB swap used")
    assert r.metrics["c", "available"] == ["75", "%", "10", "5", "0", "100"]
    assert r.metrics["c", "available_bytes"][:4] == [str(6 * 2**30), "B", "", ""]
    assert r.number("swap_used_bytes") == 20972 * 1024 and r.metrics["c", "oom_kills"][:2] == ["0", "c"]
    assert r.evidence == {}


def test_memory_bad():
    r = run("memory/bad", "memory")
    assert r.one() == ("CRITICAL", "4.0 % of the memory available (limit 5 %), 328 MiB of 8.00 GiB")
    where = r.evidence["c", "Where the memory is"]
    assert " 6.00 GiB  programs\n" in where and "killed for want of memory since the boot: 3" in where
    top = r.evidence["c", "Processes that hold most memory (resident and swapped out)"].splitlines()
    assert len(top) == 10 and top[0] == " 5.50 GiB (1.50 GiB swapped out)  pid 300  leaky"
    assert top[1] == " 1.00 GiB  pid 301  java  /usr/bin/java -jar server.jar" and "sleeper" in top[2]
    assert "kthreadd" not in "".join(top)
    assert any("memory: some avg10=41.20" in v for v in r.evidence.values())


@pytest.mark.parametrize("options, state, text", [
    ({"available_critical": "3%"}, "WARNING", "(limit 10 %)"), ({"available_warning": "3%", "available_critical": "2%"}, "OK", ""),
    ({"available_warning": "400M", "available_critical": "300M"}, "WARNING", "328 MiB of the memory available (limit 400 MiB)"),
    ({"available_warning": "400M", "available_critical": "350M"}, "CRITICAL", "(limit 350 MiB)"),
    ({"available_warning": "0", "available_critical": "0"}, "OK", "100 % of 2.00 GiB swap used"),
    ({"available_warning": "0", "available_critical": "0", "swap_warning": "90%"}, "WARNING", "100 % of the swap used (limit 90 %)"),
    ({"swap_critical": "90%"}, "CRITICAL", "MiB of 8.00 GiB; 100 % of the swap used (limit 90 %), 2.00 GiB of 2.00 GiB"),
    ({"available_warning": "10%", "available_critical": "0%"}, "WARNING", "")])
def test_memory_limits(options, state, text):
    got = run("memory/bad", "memory", options).one()
    assert got[0] == state and text in got[1]


def test_memory_zfs_cache_is_available():
    r = run("memory/zfs", "memory")
    assert r.one() == ("OK", "51 % available, 4.07 GiB of 8.00 GiB; no swap") and ("c", "swap_used") not in r.metrics
    assert run("memory/zfs", "memory", {"swap_critical": "1%"}).one()[0] == "OK"


@pytest.mark.parametrize("root, code, text", [
    ("garbage", 74, "cannot be read"), ("old", 74, "how much memory is available"), ("missing", 2, "cannot be read")])
def test_memory_cannot_look(root, code, text):
    r = run(f"memory/{root}", "memory")
    assert (r.items, r.code) == ({}, code) and text in r.reason


@pytest.mark.parametrize("options", [
    {"available_warning": "5%", "available_critical": "6%"}, {"available_warning": "1G", "available_critical": "2G"},
    {"swap_warning": "90%", "swap_critical": "80%"}, {"swap_warning": "101%"}, {"available_warning": "101%"}])
def test_memory_options_that_contradict_each_other(options):
    r = run("memory/good", "memory", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_memory_of_this_host_shows_who_holds_it():
    """A real process that holds 300 MB, and a limit that any host reaches."""
    hold = "import sys; x = bytearray(b'x') * 300000000; print(); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        try:
            p.stdout.readline()
            before = run(None, "memory", {"available_warning": "100%"})
        finally:
            p.kill()
    after = run(None, "memory", {"available_warning": "0", "available_critical": "0"})
    assert before.one()[0] in ("WARNING", "CRITICAL") and after.one()[0] == "OK"
    meminfo = dict(re.findall(r"(\w+): +(\d+) kB", pathlib.Path("/proc/meminfo").read_text()))
    assert abs(after.number("available_bytes") / 1024 - int(meminfo["MemAvailable"])) < 500_000
    text = next(v for (_, t), v in before.evidence.items() if t.startswith("Processes that hold most memory"))
    sizes = [line for line in text.splitlines() if f"pid {p.pid} " in line]
    assert sizes or len(text.splitlines()) == 10, text  # ten others may hold more
    assert all(line.split()[1] == "GiB" or float(line.split()[0]) >= 286 for line in sizes), text


# --- pressure

def test_pressure_good():
    r = run("pressure/good", "pressure")
    assert r.items == {"cpu": ("OK", "some 3.1 % (avg60)"), "io": ("OK", "some 0.2 %, full 0.1 % (avg60)"),
                       "memory": ("OK", "some 0.0 %, full 0.0 % (avg60)")}
    assert r.metrics["memory", "full_avg60"] == ["0", "%", "10", "40", "0", "100"]
    assert r.metrics["cpu", "some_avg10"] == ["12.5", "%", "", "", "0", "100"] and ("cpu", "full_avg60") not in r.metrics
    assert r.evidence == {} and r.watches == []


def test_pressure_bad():
    r = run("pressure/bad", "pressure")
    assert r.items == {
        "cpu": ("WARNING", "tasks waited for a processor for 91.0 % of the time (some avg60, limit 80 %)"),
        "io": ("WARNING", "all tasks waited for a disk for 45.5 % of the time (full avg60, limit 40 %)"),
        "memory": ("CRITICAL", "all tasks waited for memory for 45.0 % of the time (full avg60, limit 40 %)")}
    assert "pid 500  tar" in r.evidence["io", "Waiting for a disk or file server (state D)"]
    assert "leaky" in r.evidence["memory", "Processes that hold most memory (resident and swapped out)"]
    assert "tar" in r.evidence["cpu", "Processes that used most CPU"]
    assert not [title for item, title in r.evidence if item == "io" and "memory" in title]


@pytest.mark.parametrize("options, item, state, text", [
    ({"window": "avg10"}, "io", "CRITICAL", "85.0 % of the time (full avg10, limit 80 %)"),
    ({"window": "avg300"}, "io", "OK", "some 60.0 %, full 20.0 % (avg300)"),
    ({"io_some_warning": "90%"}, "io", "WARNING", "tasks waited for a disk for 90.0 % of the time (some avg60, limit 90 %); all"),
    ({"io_some_critical": "90%"}, "io", "CRITICAL", "(some avg60, limit 90 %)"), ({"io_full_warning": "0%"}, "io", "OK", ""),
    ({"cpu_some_critical": "91%"}, "cpu", "CRITICAL", "limit 91 %"), ({"cpu_some_critical": "91.1%"}, "cpu", "WARNING", ""),
    ({"memory_full_critical": "0%", "memory_full_warning": "0%"}, "memory", "WARNING", "(some avg60, limit 20 %)")])
def test_pressure_limits(options, item, state, text):
    got = run("pressure/bad", "pressure", options).items[item]
    assert got[0] == state and text in got[1]


def test_pressure_cannot_look():
    r = run("pressure/missing", "pressure")
    assert (r.items, r.code) == ({}, 95) and "CONFIG_PSI" in r.reason
    r = run("pressure/garbage", "pressure")
    assert [r.items[i][0] for i in ("cpu", "io", "memory")] == ["OK", "UNKNOWN", "UNKNOWN"]
    assert "Bad message" in r.items["io"][1] and "No such file" in r.items["memory"][1]


@pytest.mark.parametrize("options", [
    {"cpu_some_critical": "79%"}, {"memory_full_warning": "50%"}, {"io_full_warning": "101%"}, {"window": "avg20"}])
def test_pressure_options_that_contradict_each_other(options):
    r = run("pressure/good", "pressure", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_pressure_wakes():
    """Real pressure: more busy processes than processors. The kernel says so, and the next look sees it."""
    options = {"window": "avg10", "cpu_some_warning": "1%", "io_full_warning": "0%", "io_full_critical": "0%",
               "memory_some_warning": "0%", "memory_some_critical": "0%", "memory_full_warning": "0%", "memory_full_critical": "0%"}
    if not os.path.exists("/proc/pressure/cpu"):
        assert run(None, "pressure", options).code == 95
        pytest.skip("this kernel does not measure pressure")
    busy = []
    try:
        with start() as h:
            h.expect("ready")
            send(h, "pressure", options)
            h.send("run", "")
            fds = []
            while True:
                kind, _, got = h.receive()
                fds += [got] if got is not None else []
                if kind == "done":
                    break
            if not fds:
                pytest.skip("this kernel takes triggers from root only")
            assert len(fds) == 1
            poll = select.poll()
            poll.register(fds[0], select.POLLPRI)
            load = os.getloadavg()[0]
            busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count() + 1)]
            assert poll.poll(30_000) == [(fds[0], select.POLLPRI)]
            os.close(fds[0])
            deadline, state = time.monotonic() + 30, None  # the averages follow every two seconds
            while state != "WARNING" and time.monotonic() < deadline:
                send(h, "pressure", options)
                h.send("run", "")
                r = Result(h.until("done"))
                state = r.items["cpu"][0]
                time.sleep(0 if state == "WARNING" else 0.5)
    finally:
        for p in busy:
            p.kill()
        for p in busy:
            p.wait()
    assert state == "WARNING" and "waited for a processor" in r.items["cpu"][1]
    text = next(v for (_, t), v in r.evidence.items() if "use most CPU" in t)
    # on a host that was busy before, others may have used more
    assert any(f"pid {p.pid} " in text for p in busy) or load > os.cpu_count() and re.search(r"pid \d+ ", text)


# --- cpu

BEFORE = {"user": 9000.0, "nice": 500.0, "system": 2500.0, "idle": 72000.0, "iowait": 900.0, "irq": 100.0, "softirq": 400.0,
          "steal": 0.0, "boot": 1.7e9}  # the recorded tree: 1000 user, 500 system, 8000 idle, 100 iowait since then


def test_cpu_first_look():
    r = run("cpu/good", "cpu")
    assert r.one() == ("OK", "first look: nothing to compare with yet, a value comes with the next one")
    assert r.metrics == {} and r.memory == {
        "user": 10000, "nice": 500, "system": 3000, "idle": 80000, "iowait": 1000, "irq": 100, "softirq": 400, "steal": 0,
        "boot": 1.7e9}


def test_cpu_good():
    r = run("cpu/good", "cpu", {}, BEFORE)
    assert r.one() == ("OK", "16 % busy, 1 % iowait, 0 % steal in the last 1 min, on 2 processors")
    assert r.metrics["c", "usage"][1:] == ["%", "95", "", "0", "100"] and abs(r.number("usage") - 15.625) < 1e-6
    assert abs(r.number("system") - 500 / 96) < 1e-6 and r.number("processors") == 2
    assert r.memory["user"] == 10000 and r.evidence == {}


@pytest.mark.parametrize("before, options, state, text", [
    ({"idle": 80000.0, "iowait": 1000.0}, {}, "WARNING", "the processors were busy for 100 % of the time (usage, limit 95 %)"),
    ({"idle": 80000.0, "iowait": 1000.0}, {"usage_critical": "99%"}, "CRITICAL", "limit 99 %"),
    ({"idle": 80000.0, "iowait": 0.0}, {"iowait_warning": "40%"}, "WARNING", "waited for a disk for 40 % of the time (iowait, lim"),
    ({"idle": 80000.0, "steal": -1000.0}, {}, "WARNING", "the hypervisor took 38 % of the time (steal, limit 20 %)"),
    ({}, {"usage_warning": "15.6%"}, "WARNING", ""), ({}, {"usage_warning": "15.7%"}, "OK", ""),
    ({"idle": 80001.0, "iowait": 1001.0}, {"usage_warning": "0%"}, "OK", "100 % busy, 0 % iowait"),  # these may go back
    ({"steal": 400000.0}, {}, "OK", "16 % busy, 1 % iowait, 0 % steal"),
    ({"user": 10001.0}, {}, "OK", "counters began anew"), ({"boot": 1.6e9}, {}, "OK", "counters began anew"),
    ({"boot": 1.7e9 + 3}, {}, "OK", "16 % busy")])
def test_cpu(before, options, state, text):
    r = run("cpu/good", "cpu", options, {**BEFORE, **before})
    assert r.one()[0] == state and text in r.one()[1]
    if state != "OK":
        assert "tar" in r.evidence["c", "Processes that used most CPU"]
        assert "tar" in r.evidence["c", "Waiting for a disk or file server (state D)"]


def test_cpu_no_time_between_two_looks():
    memory = run("cpu/good", "cpu").memory
    r = run("cpu/good", "cpu", {"usage_warning": "1%"}, memory)
    assert r.one()[0] == "OK" and r.metrics == {} and r.memory == memory


@pytest.mark.parametrize("root, code", [("garbage", 74), ("missing", 2)])
def test_cpu_cannot_look(root, code):
    r = run(f"cpu/{root}", "cpu", {}, BEFORE)
    assert (r.items, r.code) == ({}, code) and "/proc/stat cannot be read" in r.reason


@pytest.mark.parametrize("options", [{"usage_critical": "90%"}, {"iowait_warning": "90%"}, {"steal_warning": "101%"}])
def test_cpu_options_that_contradict_each_other(options):
    r = run("cpu/good", "cpu", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_cpu_of_this_host():
    """Two looks with a busy process between them: the busy share is seen, and who it is."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as p:
        try:
            memory = run(None, "cpu").memory
            time.sleep(0.5)
            r = run(None, "cpu", {"usage_warning": "1%"}, memory)
        finally:
            p.kill()
    assert r.one()[0] == "WARNING" and 1 <= r.number("usage") <= 100
    text = next(v for (_, t), v in r.evidence.items() if "use most CPU" in t)
    assert f"pid {p.pid} " in text or len(text.splitlines()) == 10


# --- mount

def test_mount_fstab():
    r = run("mount/good", "mount")
    assert r.items == {
        "/": ("OK", "/dev/sda1, ext4, rw"), "/data": ("OK", "/dev/sdb1, ext4, rw"), "/srv/with blank": ("OK", "/dev/sdc1, xfs, rw"),
        "/mnt/nfs": ("OK", "is mounted when it is first used"), "/backup": ("OK", "/dev/sdd1, ext4, ro")}
    assert r.looks[1:] == list(r.items) and r.evidence == {}


def test_mount_bad():
    r = run("mount/bad", "mount")
    assert {i: s for i, (s, _) in r.items.items()} == {
        "/": "OK", "/data": "OK", "/srv/with blank": "CRITICAL", "/mnt/nfs": "CRITICAL", "/backup": "WARNING"}
    assert r.items["/backup"][1] == "not mounted (nofail in /etc/fstab)" and r.items["/mnt/nfs"][1] == "not mounted"
    text = r.evidence["/srv/with blank", "The mount"]
    assert "the path lies on: /dev/sda1 on /, type ext4" in text and "mounted elsewhere: /dev/sdc1 on /mnt/wrong" in text
    assert "/etc/fstab: /dev/sdc1 /srv/with blank xfs defaults\n" in text


@pytest.mark.parametrize("root, options, state, text", [
    ("good", {"path": "/data"}, "OK", ""), ("good", {"path": "/data/"}, "OK", ""), ("good", {"path": "/dat"}, "CRITICAL", "not mounted"),
    ("good", {"path": "/data/deep"}, "CRITICAL", "not mounted"), ("good", {"path": "/over"}, "OK", "second, tmpfs"),
    ("good", {"path": "/over/deep"}, "CRITICAL", "not mounted"),
    ("good", {"path": "/data", "fstype": ["xfs", "ext?"], "source": "/dev/sd*", "access": "rw", "options": ["noexec", "nodev"]}, "OK", ""),
    ("bad", {"path": "/data", "fstype": "ext?"}, "CRITICAL", "is of type btrfs"),
    ("bad", {"path": "/data", "source": "/dev/sdb1"}, "CRITICAL", "/dev/sdz1 is mounted, not /dev/sdb1"),
    ("bad", {"path": "/data", "options": ["nodev", "noexec"]}, "WARNING", "is mounted without noexec"),
    ("bad", {"path": "/", "access": "rw"}, "CRITICAL", "is read-only"), ("bad", {"path": "/", "access": "ro"}, "OK", "ro"),
    ("bad", {"path": "/data", "access": "ro"}, "CRITICAL", "is writable"),
    ("bad", {"path": "/emergency", "access": "rw"}, "CRITICAL", "the kernel stopped writing after an error"),
    ("good", {"path": "/backup", "access": "rw"}, "CRITICAL", "is read-only"),
    # Our own name space may be read-only for us alone: then only the file system itself counts.
    ("hidepid", {"path": "/", "access": "rw"}, "OK", ""), ("hidepid", {"path": "/data", "access": "rw"}, "CRITICAL", "is read-only"),
    ("container", {"path": "/"}, "OK", "overlay")])
def test_mount(root, options, state, text):
    got = run(f"mount/{root}", "mount", options).one()
    assert got[0] == state and text in got[1]


def test_mount_is_reported_once():
    r = run("mount/good", "mount", {"path": ["/data", "/data", "fstab", "/over"]})
    assert sorted(r.items) == sorted(["/data", "/over", "/", "/srv/with blank", "/mnt/nfs", "/backup"]) and r.code == 0


@pytest.mark.parametrize("root, code, text", [
    ("garbage", 74, "cannot be read"), ("missing", 2, "cannot be read"), ("container", 95, "names nothing")])
def test_mount_cannot_look(root, code, text):
    r = run(f"mount/{root}", "mount")
    assert (r.items, r.code) == ({}, code) and text in r.reason


@pytest.mark.parametrize("options", [{"path": "data"}, {"options": "ro"}, {"options": "nodev,noexec"}, {"access": "wr"}])
def test_mount_options_that_contradict_each_other(options):
    r = run("mount/good", "mount", options)
    assert r.code == 22 and r.reason and r.items == {}


def test_mount_wakes():
    """A file system is taken away: the watch becomes ready, and the next look says so."""
    script = r"""
import os, select, subprocess, sys
sys.path.insert(0, sys.argv[1])
import test_checks as t
where = sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,noexec", "none", where], check=True)
options = {"path": where, "fstype": "tmpfs", "access": "rw", "options": "noexec"}
with t.start() as h:
    h.expect("ready")
    t.send(h, "mount", options)
    h.send("run", "")
    fd = None
    while True:
        kind, fields, got = h.receive()
        fd = got if got is not None else fd
        if kind == "item": assert fields[2] == "OK", fields
        if kind == "done": break
    poll = select.poll()
    poll.register(fd, select.POLLPRI)
    assert poll.poll(0) == []
    subprocess.run(["mount", "-o", "remount,ro,exec", where], check=True)
    assert poll.poll(5000)
    t.send(h, "mount", options)
    h.send("run", "")
    print(*t.Result(h.until("done")).one())
    subprocess.run(["umount", where], check=True)
    assert poll.poll(5000)
    t.send(h, "mount", options)
    h.send("run", "")
    print(*t.Result(h.until("done")).one())
"""
    folder = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"tocsin-mount-more-{os.getpid()}"
    folder.mkdir()
    try:
        p = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--map-root-user", "--propagation", "private",
                            sys.executable, "-c", script, str(pathlib.Path(__file__).parent), str(folder)],
                           capture_output=True, text=True, timeout=60, check=False)
    finally:
        folder.rmdir()
    if "unshare" in p.stderr or "permission denied" in p.stderr.lower():
        pytest.skip("this host does not allow a mount name space")
    assert p.stdout == "CRITICAL is read-only\nCRITICAL not mounted\n", p.stderr


# --- file: version control keeps neither times nor owners, so these trees are made here.

HOUR = 3600 * 1_000_000


@pytest.fixture(name="tree")
def tree_of_files(tmp_path):
    """One file of 1000 bytes, two hours old, beside others; and accounts."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(f"keeper:x:{os.getuid()}:{os.getgid()}::/:/bin/sh\nother:x:4242:4242::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text(f"keepers:x:{os.getgid()}:\nothers:x:4242:\n")
    (tmp_path / "data").mkdir()
    for i in range(15):
        (tmp_path / f"data/other{i}").write_text("")
        os.utime(tmp_path / f"data/other{i}", (time.time() - 86400 - i,) * 2)
    path = tmp_path / "data/backup.tar"
    path.write_bytes(b"x" * 1000)
    path.chmod(0o640)
    os.utime(path, (time.time() - 7200,) * 2)
    (tmp_path / "data/empty").write_text("")
    (tmp_path / "data/link").symlink_to("backup.tar")
    (tmp_path / "data/loop").symlink_to("loop")
    return tmp_path


FILE = {"path": "/data/backup.tar"}


def test_file_good(tree):
    r = run(tree, "file", {**FILE, "age_critical": "3h", "size_min": "1", "mode": "0640", "owner": "keeper", "group": "keepers",
                           "kind": "file"})
    assert r.items == {"/data/backup.tar": ("OK", "file, 1000 B, changed 2 h ago")} and r.evidence == {}
    assert r.metrics["/data/backup.tar", "size"] == ["1000", "B", "", "", "0", ""]
    assert 7200 <= r.number("age") < 7300 and r.metrics["/data/backup.tar", "age"][3] == "10800"
    assert r.memory == {"size": 1000, "inode": (tree / "data/backup.tar").stat().st_ino}


@pytest.mark.parametrize("options, state, text", [
    ({"path": "/data/none"}, "CRITICAL", "is not there"), ({"path": "/data/backup.tar/x"}, "CRITICAL", "is not there"),
    ({"path": "/data/none", "exists": "no"}, "OK", "as it should be"), ({"exists": "no"}, "CRITICAL", "is there, and must not be"),
    ({"age_warning": "1h"}, "WARNING", "not changed for 2 h (limit 1 h)"), ({"age_warning": "1h", "age_critical": "1.5h"}, "CRITICAL", ""),
    ({"age_warning": "121m"}, "OK", ""), ({"age_min": "3h"}, "CRITICAL", "changed 2 h ago (limit 3 h)"), ({"age_min": "1h"}, "OK", ""),
    ({"size_warning": "1000"}, "WARNING", "1000 B large (limit 1000 B)"), ({"size_warning": "1001"}, "OK", ""),
    ({"size_critical": "500"}, "CRITICAL", "(limit 500 B)"), ({"size_min": "1k"}, "CRITICAL", "only 1000 B large (at least 1.00 KiB)"),
    ({"path": "/data/empty", "size_min": "1"}, "CRITICAL", "empty"), ({"path": "/data/empty"}, "OK", ""),
    ({"mode": "0600"}, "CRITICAL", "its permissions are 0640, not 0600"), ({"mode": "640"}, "OK", ""),
    ({"owner": "other"}, "CRITICAL", "not to other"), ({"owner": "4242"}, "CRITICAL", "not to 4242"),
    ({"group": "others"}, "CRITICAL", "not to others"), ({"kind": "directory"}, "CRITICAL", "is a file, not a directory"),
    ({"path": "/data", "kind": "directory"}, "OK", "directory"), ({"path": "/data/link", "kind": "file", "size_min": "1000"}, "OK", ""),
    ({"mode": "0600", "size_min": "1k"}, "CRITICAL", "(at least 1.00 KiB); its permissions are 0640")])
def test_file(tree, options, state, text):
    got = run(tree, "file", {**FILE, **options}).one()
    assert got[0] == state and text in got[1]


def test_file_evidence(tree):
    r = run(tree, "file", {"path": "/data/new/backup.tar"})
    lines = r.evidence["/data/new/backup.tar", "The folder"].splitlines()
    assert lines[0] == "/data, newest first:" and len(lines) == 12 and lines[-1] == "and 9 more"
    assert [x.split()[-1] for x in lines[1:-1]] == sorted(
        (x.name for x in (tree / "data").iterdir()), key=lambda n: (-((tree / "data" / n).lstat().st_mtime_ns // 1000), n))[:10]
    r = run(tree, "file", {**FILE, "size_min": "1M"})
    text = next(v for (_, t), v in r.evidence.items() if t.startswith("The file"))
    assert text.startswith("0640  ") and "1000 B" in text and text.endswith("  /data/backup.tar\n")


def test_file_growth(tree):
    inode = float((tree / "data/backup.tar").stat().st_ino)
    options = {**FILE, "growth_warning": "400", "growth_critical": "800"}
    assert run(tree, "file", options).one()[0] == "OK"
    r = run(tree, "file", options, {"size": 500.0, "inode": inode}, HOUR)
    assert r.one() == ("WARNING", "grows by 500 B an hour (limit 400 B)") and r.number("growth") == 500
    assert run(tree, "file", options, {"size": 500.0, "inode": inode}, HOUR // 2).one()[0] == "CRITICAL"
    assert run(tree, "file", options, {"size": 500.0, "inode": inode}, 2 * HOUR).one()[0] == "OK"
    assert run(tree, "file", options, {"size": 5000.0, "inode": inode}, HOUR).number("growth") == 0  # cut
    r = run(tree, "file", options, {"size": 1.0, "inode": inode + 1}, HOUR)  # another file took its place
    assert r.one()[0] == "OK" and (FILE["path"], "growth") not in r.metrics


def test_file_from_the_future(tree):
    os.utime(tree / "data/backup.tar", (time.time() + 7300,) * 2)
    got = run(tree, "file", {**FILE, "age_critical": "1h"}).one()
    assert got[0] == "WARNING" and got[1].startswith("its time of change lies 2 h") and got[1].endswith("in the future")
    assert run(tree, "file", FILE).one() == ("OK", "file, 1000 B, changed now")


@pytest.mark.parametrize("options, code, text", [
    ({"path": "/data/loop"}, 40, "cannot be looked at"), ({"owner": "nobody-of-that-name"}, 126, "no user"),
    ({"group": "nobody-of-that-name"}, 126, "no group")])
def test_file_cannot_look(tree, options, code, text):
    r = run(tree, "file", {**FILE, **options})
    assert (r.items, r.code) == ({}, code) and text in r.reason


@pytest.mark.parametrize("options", [
    {"path": "data"}, {"exists": "no", "size_min": "1"}, {"age_warning": "2h", "age_critical": "1h"}, {"mode": "0888"},
    {"mode": "rw"}, {"mode": "10000"}, {"age_min": "2h", "age_warning": "1h"}, {"size_min": "2k", "size_critical": "1k"},
    {"growth_warning": "2k", "growth_critical": "1k"}, {"kind": "folder"}])
def test_file_options_that_contradict_each_other(tree, options):
    r = run(tree, "file", {**FILE, **options})
    assert r.code == 22 and r.reason and r.items == {}


def test_file_needs_a_path(tree):
    r = run(tree, "file")
    assert r.code == 22 and "path is needed" in r.reason


def look_and_watch(h, options):
    """One look; the state, and the descriptor that it wants to be watched."""
    send(h, "file", options)
    h.send("run", "")
    fd = state = None
    while True:
        kind, fields, got = h.receive()
        fd = got if got is not None else fd
        state = fields[2] if kind == "item" else state
        if kind == "done":
            return state, fd


def test_file_changes_wake(tmp_path):
    """Created two folders deep, chmod, written and closed, replaced, removed while open: each is noticed at once."""
    path = tmp_path / "a/b"
    options = {"path": path, "mode": "0600", "size_min": "1"}

    def make():
        path.write_text("x")
        path.chmod(0o600)

    def replace():
        (tmp_path / "new").write_text("")
        (tmp_path / "new").rename(path)

    with start() as h, open(os.devnull, "rb") as null:
        h.expect("ready")
        state, fd = look_and_watch(h, options)
        assert state == "CRITICAL"
        opened = null
        steps = [("CRITICAL", path.parent.mkdir), ("OK", make), ("CRITICAL", lambda: path.chmod(0o644)), ("OK", lambda: path.chmod(0o600)),
                 ("CRITICAL", lambda: path.write_text("")), ("OK", lambda: path.write_text("y")), ("CRITICAL", replace), ("CRITICAL", path.unlink)]
        for expected, step in steps:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            assert poll.poll(0) == [], step
            if path.exists():
                opened = path.open("rb")  # its last name goes, not the file
            step()
            assert poll.poll(5000), step
            os.close(fd)
            opened.close()
            state, fd = look_and_watch(h, options)
            assert state == expected, step
        os.close(fd)
        assert look_and_watch(h, {**options, "watch": "no"})[1] is None


def test_modules_in_one_helper():
    """All of them in one batch, as the daemon runs them on a host whose state does not matter here."""
    modules = ["memory", "cpu", "pressure", "mount", "file"]
    with start() as h:
        h.expect("ready")
        for m in modules:
            send(h, m, {"path": "/"} if m in ("mount", "file") else {}, name=m)
        h.send("run", "")
        ends = [f for k, f in h.until("done") if k == "end"]
        assert [f[0] for f in ends] == modules and h.stderr() == ""
        assert all(f[1] in ("0", "95") for f in ends)
