# SPDX-License-Identifier: GPL-3.0-or-later
"""The check modules, on recorded trees (good, bad, cannot look) and on this very host."""
import atexit
import functools
import os
import pathlib
import shutil
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import chinese
import helper

BUILD = pathlib.Path(os.environ.get("TOCSIN_BUILD", pathlib.Path(__file__).parents[2] / "build")).resolve()
PROGRAM = pathlib.Path(os.environ.get("TOCSIN_LIBEXEC_DIR", BUILD / "src")).resolve() / "tocsin-check"
MODULES = pathlib.Path(os.environ.get("TOCSIN_CHECK_DIR", BUILD / "checks/.libs")).resolve()
FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"


class Result:
    """What one run of one check said."""

    def __init__(self, messages):
        def of(kind):
            return [f[1:] for k, f in messages if k == kind]

        self.items = {f[0]: (f[1], f[2]) for f in of("item")}
        self.looks = [f[0] for f in of("look")]
        self.metrics = {(f[0], f[1]): f[2:] for f in of("metric")}
        self.evidence = {(f[0], f[1]): f[2] for f in of("evidence")}
        self.memory = {f[0]: float(f[1]) for f in of("remember")}
        self.watches = [int(f[0]) for f in of("watch")]
        self.code, self.reason = int(of("end")[0][0]), of("end")[0][1]

    def one(self):
        assert self.code == 0 and len(self.items) == 1, (self.items, self.reason)
        return next(iter(self.items.values()))

    def number(self, name, item=None):
        return float(next(v for (i, n), v in self.metrics.items() if n == name and item in (None, i))[0])


def copied(tree, folder):
    """A recorded tree, to change. Symbolic links, which a tarball does not keep, are lines of its file `links`."""
    root = folder / "root"
    shutil.copytree(FIXTURES / tree, root)
    for directory, _, _ in os.walk(root):
        os.chmod(directory, 0o755)  # what comes out of a tarball may be read-only
    links = root / "links"
    if links.exists():
        for line in links.read_text().splitlines():
            path, target = line.split()
            (root / path).symlink_to(target)
        links.unlink()
    return root


@functools.cache
def recorded(tree):
    """A recorded tree as it was on its host: where it had symbolic links, a copy."""
    if not (FIXTURES / tree / "links").exists():
        return FIXTURES / tree
    folder = tempfile.mkdtemp(prefix="tocsin-fixture-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return copied(tree, pathlib.Path(folder))


def start(root=None, language="en"):
    args = ["--root", recorded(root)] if root else []
    return helper.Helper.start(PROGRAM, args, env={"TOCSIN_CHECK_DIR": str(MODULES), "TOCSIN_LANGUAGE": language})


def send(h, module, options, memory=None, age_usec=60_000_000, name="c"):
    h.send("check", name, module, 10_000_000)
    for key, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            h.send("option", name, key, one)
    for key, value in (memory or {}).items():
        h.send("memory", name, key, repr(value), age_usec)


def run(root, module, options=None, memory=None, age_usec=60_000_000):
    """One look, in English where a test has not set another language. A recorded tree is looked at in both: it is the same
    for the next look, which must see the same."""
    def look(language):
        return run_in(language, root, module, options, memory, age_usec)
    wanted = os.environ.get("TOCSIN_LANGUAGE", "en")
    if not root:
        return look(wanted)
    results = {language: look(language) for language in ("en", "zh_CN")}
    chinese.check(module, **results)
    return results[wanted]


def run_in(language, root, module, options, memory, age_usec):
    with start(root, language) as h:
        h.expect("ready")
        send(h, module, options or {}, memory, age_usec)
        h.send("run", "")
        result = Result(h.until("done"))
        assert h.stderr() == ""
        return result


def test_fixtures_survive_a_tarball():
    """tar follows symbolic links when automake calls it, so none may lie in what is distributed."""
    assert [path for path in FIXTURES.rglob("*") if path.is_symlink()] == []


# --- load

def test_load_good():
    r = run("load/good", "load")
    assert r.one() == ("OK", "load 0.42, 0.40, 0.35 on 4 processors")
    assert r.metrics["c", "load5"] == ["0.1", "", "5", "10", "0", ""]
    assert r.number("tasks") == 95 and r.evidence == {}


def test_load_bad():
    r = run("load/bad", "load")
    assert r.one() == ("CRITICAL", "load5 is 12.00 for each processor (limit 10); load 61.10, 48.00, 20.00 on 4 processors")
    busy = r.evidence["c", "Processes that used most CPU"].splitlines()
    assert len(busy) == 10 and busy[0].split()[:6] == ["120.0", "s", "pid", "211", "worker11", "/usr/bin/worker"]
    assert "tar" in r.evidence["c", "Waiting for a disk or file server (state D)"]
    pressure = next(v for (_, t), v in r.evidence.items() if t.startswith("Pressure"))
    assert "cpu: some avg10=93.10" in pressure and "io: some" in pressure and "full" not in pressure


@pytest.mark.parametrize("options, state", [
    ({"per_cpu": "no", "load5_critical": "48"}, "CRITICAL"), ({"per_cpu": "no", "load5_critical": "49"}, "CRITICAL"),
    ({"load5_critical": "12.01"}, "WARNING"), ({"load5_critical": "12"}, "CRITICAL"),
    ({"load5_critical": "0", "load5_warning": "0", "load15_warning": "5.1"}, "OK"),
    ({"load5_critical": "0", "load5_warning": "0", "load15_warning": "5"}, "WARNING"),
    ({"load5_critical": "0", "load5_warning": "0", "load15_warning": "0", "load1_critical": "15.2"}, "CRITICAL")])
def test_load_limits(options, state):
    assert run("load/bad", "load", options).one()[0] == state


@pytest.mark.parametrize("root, text", [("load/garbage", "not of the form"), ("load/missing", "cannot be read")])
def test_load_cannot_look(root, text):
    r = run(root, "load")
    assert r.code and r.items == {} and text in r.reason


def test_load_limits_the_wrong_way_round():
    r = run("load/good", "load", {"load5_warning": "20"})
    assert r.code == 22 and "below" in r.reason


def test_load_of_this_host():
    r = run(None, "load", {"load1_warning": "0"})
    loads = [float(x) for x in pathlib.Path("/proc/loadavg").read_text().split()[:3]]
    state, text = r.one()
    assert state == "OK" or max(loads) > 1
    assert r.number("processors") == sum(bool(re.match(r"cpu\d", x)) for x in open("/proc/stat", encoding="ascii"))


def test_load_shows_who_it_is():
    """A real load is too slow to make: a limit under what there is, and a process that is busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            text = ""
            deadline = time.monotonic() + 60  # the one-minute average is computed every five seconds
            while not text and time.monotonic() < deadline:
                r = run(None, "load", {"per_cpu": "no", "load1_warning": "0.01", "load15_warning": "0", "load15_critical": "0"})
                text = next((v for (_, t), v in r.evidence.items() if "use most CPU" in t), "")
                time.sleep(0 if text else 1)
        finally:
            busy.kill()
    first = next(line for line in text.splitlines() if f"pid {busy.pid} " in line)
    assert float(first.split()[0]) > 0  # how much it gets is up to what else runs here


# --- disk

def test_disk_auto_chooses():
    """No pseudo, image or network file system, no overlay of a container, one mount of each device."""
    r = run("disk/good", "disk")
    assert r.items == {
        "/": ("OK", "43 % used, 2.10 GiB of 3.81 GiB left"), "/home": ("OK", "50 % used, 3.81 GiB of 7.63 GiB left"),
        "/srv/with blank\\s": ("OK", "10 % used, 3.52 MiB of 3.91 MiB left")}
    assert r.looks[-3:] == list(r.items)
    assert r.metrics["/", "used"] == ["43", "%", "85", "95", "0", "100"]
    assert r.number("inodes", "/") == 9 and ("/home", "inodes") not in r.metrics
    assert "device: /dev/sda1\ntype: ext4\n" in r.evidence["/", "The file system"]
    assert "root only" in r.evidence["/", "The file system"]


@pytest.mark.parametrize("options, items", [
    ({"exclude": ["/srv/*", "/home"]}, {"/"}), ({"exclude_type": "btr*"}, {"/", "/srv/with blank\\s"}),
    ({"network": "yes", "exclude": "/srv/*"}, {"/", "/home", "/mnt/nfs"})])
def test_disk_auto_options(options, items):
    assert set(run("disk/good", "disk", options).items) == items


def test_disk_bad():
    r = run("disk/bad", "disk")
    assert r.items["/"] == ("CRITICAL", "is read-only, as the kernel makes it after an error")
    assert r.items["/full"] == ("CRITICAL", "100 % used (limit 95 %), 400 KiB left")
    assert r.items["/inodes"] == ("CRITICAL", "100 % of the inodes used (limit 97 %)")
    assert r.items["/emergency"] == ("CRITICAL", "the kernel stopped writing after an error")
    assert r.items["/stale"] == ("UNKNOWN", "cannot look at it (xfs on /dev/sda5): Input/output error")
    assert r.items["/usr"] == ("OK", "50 % used, 1.95 MiB of 3.91 MiB left, read-only")
    assert "/dev/sda8" in r.evidence["/over", "The file system"]
    assert r.memory["writable /usr"] == 0 and r.memory["writable /full"] == 1


def test_disk_with_errors(tmp_path):
    """As Debian's Linux 6.1 shows a file system to which it has stopped writing: "rw", with errors. Old ones were there when it
    was mounted again; the tree has such."""
    text = "the file system has errors from before this boot, 7 of them: e2fsck(8) was not run"
    r = run("disk/errors", "disk")
    assert r.items["/srv/bad"] == ("WARNING", text) and r.items["/"][0] == "OK"
    said = r.evidence["/srv/bad", "The file system"]
    assert "errors since the last e2fsck: 7, the first 2020-01-01" in said and "in the function __ext4_find_entry of" in said
    tree = shutil.copytree(FIXTURES / "disk/errors", tmp_path / "tree")
    told = tree / "sys/fs/ext4/dm-0"
    (told / "last_error_time").write_text(f"{int(time.time())}\n")
    state, text = run(tree, "disk").items["/srv/bad"]
    assert state == "CRITICAL" and re.fullmatch(
        r"the file system has met errors, 7 of them, the last [0-9]+ m?s ago: the kernel may have stopped writing to it", text)
    for count in "0\n", "rubbish\n", "":
        (told / "errors_count").write_text(count)
        assert run(tree, "disk").items["/srv/bad"][0] == "OK"


def test_disk_became_read_only():
    options = {"path": "/usr"}
    r = run("disk/bad", "disk", options, {"writable /usr": 1})
    assert r.one() == ("CRITICAL", "has become read-only") and r.memory["writable /usr"] == 1
    assert run("disk/bad", "disk", options, {"writable /usr": 0}).one()[0] == "OK"
    assert run("disk/bad", "disk", {**options, "read_only": "yes"}, {"writable /usr": 1}).one()[0] == "OK"


@pytest.mark.parametrize("options, state, text", [
    ({"warning": "43%"}, "WARNING", "43 % used (limit 43 %)"), ({"warning": "43.1%"}, "OK", ""),
    ({"warning": "3G", "critical": "2G"}, "WARNING", "2.10 GiB left (limit 3.00 GiB)"),
    ({"warning": "3G", "critical": "2.5G"}, "CRITICAL", "2.10 GiB left (limit 2.50 GiB)"),
    ({"warning": "2G", "critical": "1G"}, "OK", ""), ({"inodes_warning": "9%"}, "WARNING", "9 % of the inodes used"),
    ({"warning": "10%", "inodes_warning": "9%"}, "WARNING", "left; 9 % of the inodes"),
    ({"inodes_warning": "0%", "inodes_critical": "0%"}, "OK", "")])
def test_disk_limits(options, state, text):
    got = run("disk/good", "disk", {"path": "/", **options}).one()
    assert got[0] == state and text in got[1]


@pytest.mark.parametrize("options", [
    {"path": "relative"}, {"warning": "96%"}, {"warning": "1G", "critical": "2G"}, {"mounted": "yes"},
    {"inodes_warning": "99%"}, {"full_warning": "1h", "full_critical": "2h"}, {"warning": "101%"}])
def test_disk_options_that_contradict_each_other(options):
    r = run("disk/good", "disk", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_disk_path_below_a_mount():
    r = run("disk/good", "disk", {"path": "/home"})
    assert list(r.items) == ["/home"]
    r = run("disk/bad", "disk", {"path": "/full/deep", "mounted": "yes"})
    assert r.one() == ("CRITICAL", "not mounted")
    assert run("disk/bad", "disk", {"path": "/over", "mounted": "yes"}).one()[0] == "OK"


@pytest.mark.parametrize("root, code, text", [
    ("disk/garbage", 74, "cannot be read"), ("disk/missing", 2, "cannot be read"), ("disk/none", 95, "no local file system")])
def test_disk_cannot_look(root, code, text):
    r = run(root, "disk")
    assert r.code == code and text in r.reason and r.items == {}


def test_disk_growth():
    """1 GiB in an hour with 2.1 GiB left: full in two hours; trusted only after some minutes of looking."""
    used = 400000 * 4096
    hour = 3600 * 1_000_000
    r = run("disk/good", "disk", {"path": "/"})
    assert r.memory == {"used /": used, "writable /": 1} and "first look" in r.evidence["/", "The file system"]
    r = run("disk/good", "disk", {"path": "/", "full_warning": "3h"}, {"used /": used - 2**30}, hour)
    assert r.one()[0] == "WARNING" and re.fullmatch(r"full in about 2 h \d+ min at the present rate", r.one()[1])
    assert abs(r.number("growth") - 2**30 / 3600) < 1 and 7200 < r.number("time_to_full") < 7700
    assert "fills by 1.00 GiB an hour (average of about two hours); at this rate it is full in about 2 h" in r.evidence["/", "The file system"]
    # The average goes on: an hour of standstill after it halves what is expected, more or less.
    r = run("disk/good", "disk", {"path": "/"}, {**r.memory, "used /": used}, hour)
    assert 0.2 * 2**30 / 3600 < r.number("growth") < 0.5 * 2**30 / 3600
    # Seen over a minute only, it is shown and not judged.
    r = run("disk/good", "disk", {"path": "/", "full_warning": "3h"}, {"used /": used - 2**30})
    assert r.one()[0] == "OK" and r.evidence["/", "The file system"].endswith("(over the last minutes only)\n")
    assert r.number("growth") > 0 and ("/", "time_to_full") not in r.metrics
    r = run("disk/good", "disk", {"path": "/"}, {"used /": used + 2**30}, hour)
    assert "empties by 1.00 GiB" in r.evidence["/", "The file system"] and ("/", "time_to_full") not in r.metrics


def test_disk_like_df():
    """This host's root: the same percentage as df."""
    r = run(None, "disk", {"path": "/", "warning": "99%", "critical": "100%"})
    df = subprocess.run(["df", "--output=pcent", "/"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert abs(r.number("used", "/") - float(df.rstrip("%"))) <= 1
    assert r.watches == [select.POLLPRI]


def test_disk_auto_of_this_host():
    r = run(None, "disk")
    assert r.code in (0, 95) and all(state != "UNKNOWN" for state, _ in r.items.values())
    sources = [v.split("\n")[0] for v in r.evidence.values()]
    assert len(sources) == len(r.items)


def test_disk_a_path_that_is_not_there():
    r = run(None, "disk", {"path": "/nonexistent-for-tocsin"})
    assert r.code == 2 and r.items == {}
    r = run(None, "disk", {"path": "/nonexistent-for-tocsin", "mounted": "yes"})
    assert r.one() == ("CRITICAL", "not mounted: there is no such folder")


def test_disk_mount_wakes():
    """The watch becomes ready when something is mounted, and the next look sees it."""
    script = r"""
import os, select, subprocess, sys
sys.path.insert(0, sys.argv[1])
import test_checks as t
with t.start() as h:
    h.expect("ready")
    t.send(h, "disk", {"path": sys.argv[2], "mounted": "yes"})
    h.send("run", "")
    fd = None
    while True:
        kind, fields, got = h.receive()
        fd = got if got is not None else fd
        if kind == "item": assert fields[2] == "CRITICAL", fields
        if kind == "done": break
    poll = select.poll()
    poll.register(fd, select.POLLPRI)
    assert poll.poll(0) == []
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", sys.argv[2]], check=True)
    assert poll.poll(5000)
    t.send(h, "disk", {"path": sys.argv[2], "mounted": "yes", "warning": "100%", "critical": "100%"})
    h.send("run", "")
    print(t.Result(h.until("done")).one()[0])
"""
    here = pathlib.Path(__file__).parent
    folder = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"tocsin-mount-{os.getpid()}"
    folder.mkdir()
    try:
        p = subprocess.run(["unshare", "--mount", "--map-root-user", "--propagation", "private", sys.executable, "-c", script,
                            str(here), str(folder)], capture_output=True, text=True, timeout=60, check=False)
    finally:
        folder.rmdir()
    if "unshare" in p.stderr or "permission denied" in p.stderr.lower():
        pytest.skip("this host does not allow a mount name space")
    assert p.stdout == "OK\n", p.stderr


# --- process

def test_process_good():
    r = run("process/good", "process", {"name": "nginx"})
    assert r.one() == ("OK", "3 processes running")  # no zombie, no thread of the kernel
    assert r.number("processes") == 3 and r.number("memory") == 3 * 500 * os.sysconf("SC_PAGESIZE")
    assert r.memory == {"pid": 100, "start": 500, "newest": 702, "restarts": 0, "ticks": 0}
    assert "worker process" in r.evidence["c", "Processes found"]


@pytest.mark.parametrize("options, state, text", [
    ({"name": "nginx", "user": "www-data"}, "OK", "2 processes running"), ({"name": "nginx", "user": "33"}, "OK", "2 proc"),
    ({"name": "nginx", "user": "root"}, "OK", "running, pid 100"), ({"name": "nginx", "min": "4"}, "CRITICAL", "at least 4"),
    ({"name": "nginx", "max": "2"}, "WARNING", "at most 2"), ({"name": "nginx", "max": "3"}, "OK", ""),
    ({"name": "apache"}, "CRITICAL", "no process with the name apache"), ({"name": "apache", "min": "0"}, "OK", "allowed"),
    ({"name": "odd) R 1 (name"}, "OK", "pid 110"), ({"name": "averyveryverylongname"}, "OK", "pid 111"),
    ({"name": "averyveryverylonganother"}, "CRITICAL", ""),
    ({"name": "ngin"}, "CRITICAL", ""), ({"pattern": "worker (process|thread)$"}, "OK", "2 processes"),
    ({"pattern": "^worker"}, "CRITICAL", "command line like '^worker'"), ({"pattern": "kthreadd"}, "CRITICAL", ""),
    ({"pidfile": "/run/nginx.pid"}, "OK", "pid 100"), ({"pidfile": "/run/nginx.pid", "name": "nginx"}, "OK", "pid 100"),
    ({"pidfile": "/run/other.pid", "name": "nginx"}, "CRITICAL", "another process"),
    ({"pidfile": "/run/stale.pid"}, "CRITICAL", "pid 4242 of the pidfile /run/stale.pid is not running"),
    ({"pidfile": "/run/zombie.pid"}, "CRITICAL", "pid 103"), ({"pidfile": "/run/none.pid"}, "CRITICAL", "no pidfile"),
    ({"pidfile": "/run/empty.pid"}, "CRITICAL", "empty")])
def test_process(options, state, text):
    got = run("process/good", "process", options).one()
    assert got[0] == state and text in got[1]


def test_process_by_the_name_of_its_executable(tmp_path):
    """A link that leads nowhere is left out of tarballs, so it is made here."""
    shutil.copytree(FIXTURES / "process" / "good", tmp_path / "good")
    (tmp_path / "good" / "proc" / "112" / "exe").symlink_to("/usr/sbin/realname (deleted)")
    state, text = run(tmp_path / "good", "process", {"name": "realname"}).one()
    assert state == "OK" and "pid 112" in text


@pytest.mark.parametrize("root, options, code, text", [
    ("good", {"pidfile": "/run/garbage.pid"}, 74, "does not begin with"), ("good", {"pidfile": "/run/folder.pid"}, 21, "pidfile"),
    ("good", {"name": "x", "user": "nobody-of-that-name"}, 126, "no user"), ("missing", {"name": "nginx"}, 2, "/proc cannot"),
    ("hidden", {"name": "nginx"}, 1, "hidepid"), ("hidden", {"name": "mine", "min": "2"}, 1, "hidepid")])
def test_process_cannot_look(root, options, code, text):
    r = run(f"process/{root}", "process", options)
    assert (r.items, r.code) == ({}, code) and text in r.reason


def test_process_is_proven_even_if_others_are_hidden():
    assert run("process/hidden", "process", {"name": "mine"}).one()[0] == "OK"


@pytest.mark.parametrize("options", [
    {}, {"name": "/usr/bin/x"}, {"name": "x", "min": "3", "max": "2"}, {"pattern": "(("}, {"pidfile": "/x", "min": "2"},
    {"pidfile": "relative"}])
def test_process_options_that_contradict_each_other(options):
    r = run("process/good", "process", options)
    assert r.code == 22 and r.reason and r.items == {}


def test_process_gone_with_evidence():
    r = run("process/bad", "process", {"name": "nginx"}, {"pid": 55, "start": 900})
    assert r.one() == ("CRITICAL", "not running: no process with the name nginx")
    assert "pid 55, last seen 1 min ago\nit is a zombie" in r.evidence["c", "The process that went"]
    similar = r.evidence["c", "Similar processes"]
    assert "nginx, a zombie, killed by signal 11" in similar and "ngimx" in similar and "supervise" in similar
    assert r.memory == {}
    r = run("process/bad", "process", {"name": "nginx"}, {"pid": 99, "start": 900})
    assert "not available" in r.evidence["c", "The process that went"]


def test_process_restarted():
    r = run("process/good", "process", {"name": "nginx"}, {"pid": 99, "start": 400})
    assert r.one()[0] == "OK" and "pid 99" in r.evidence["c", "The process that was there before"]
    assert r.memory == {"pid": 100, "start": 500, "newest": 702, "restarts": 0, "ticks": 0}


def test_process_number_given_to_another():
    written = (FIXTURES / "process/good/run/nginx.pid").stat().st_mtime_ns // 1000
    options = {"pidfile": "/run/nginx.pid"}
    same = {"pid": 100, "start": 400, "written": float(written)}
    got = run("process/good", "process", options, same).one()
    assert got[0] == "CRITICAL" and "stale" in got[1] and "nginx" in got[1]
    assert run("process/good", "process", options, {**same, "written": written - 5.0}).one()[0] == "OK"
    assert run("process/good", "process", options, {**same, "start": 500}).one()[0] == "OK"


def test_process_death_wakes():
    """A real process: found by each way, its pidfd is ready when it dies, and then it is gone."""
    with subprocess.Popen(["sleep", "987654"]) as p, start() as h:
        h.expect("ready")
        send(h, "process", {"pattern": "^sleep 987654$"})
        h.send("run", "")
        fd, items = None, []
        while True:
            kind, fields, got = h.receive()
            fd = got if got is not None else fd
            items += [fields] if kind == "item" else []
            if kind == "done":
                break
        assert items[0][2] == "OK" and f"pid {p.pid}," in items[0][3]
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(0) == []
        p.send_signal(signal.SIGKILL)
        assert poll.poll(5000)
        os.close(fd)
        # Still a zombie, because nobody has waited for it.
        send(h, "process", {"pattern": "^sleep 987654$"}, {"pid": p.pid, "start": 1})
        h.send("run", "")
        assert Result(h.until("done")).one()[0] == "CRITICAL"


def test_process_pidfile_older_than_the_process(tmp_path):
    pidfile = tmp_path / "x.pid"
    with subprocess.Popen(["sleep", "60"]) as p:
        try:
            pidfile.write_text(f"{p.pid}\n")
            r = run(None, "process", {"pidfile": pidfile, "name": "sleep"})
            assert r.one()[0] == "OK" and r.watches == [select.POLLIN]
            boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
            old = time.time() - 300
            os.utime(pidfile, (old, old))
            state, text = run(None, "process", {"pidfile": pidfile}).one()
            assert state == ("CRITICAL" if old > boot else "OK") and (state == "OK" or "long after" in text)
            os.utime(pidfile, (boot - 10, boot - 10))  # the clock may have been set since: no proof
            assert run(None, "process", {"pidfile": pidfile}).one()[0] == "OK"
        finally:
            p.kill()


def test_process_many_checks_one_scan(tmp_path):
    """A hundred checks in a batch open each stat file of /proc once, not a hundred times."""
    trace = tmp_path / "trace"
    if subprocess.run(["sh", "-c", "command -v strace"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not installed")
    args = ["-f", "-o", trace, "-e", "trace=openat", str(PROGRAM), "--root", FIXTURES / "process/good"]
    with helper.Helper.start(subprocess.run(["sh", "-c", "command -v strace"], capture_output=True, text=True,
                                            check=True).stdout.strip(), args,
                             env={"TOCSIN_CHECK_DIR": str(MODULES), "ASAN_OPTIONS": "detect_leaks=0"}) as h:
        h.expect("ready")
        for i in range(100):
            send(h, "process", {"name": "nginx"}, name=f"c{i}")
        h.send("run", "")
        assert sum(k == "item" for k, _ in h.until("done")) == 100
        h.close()
        h.wait()
    assert trace.read_text().count('"100/stat"') == 1


def test_modules_in_one_helper():
    with helper.Helper.start(PROGRAM, ["load", "disk", "process"], env={"TOCSIN_CHECK_DIR": str(MODULES)}) as h:
        h.expect("ready")
        send(h, "load", {}, name="l")
        send(h, "disk", {}, name="d")
        send(h, "process", {"name": "nonesuch"}, name="p")
        h.send("run", "")
        ends = [f for k, f in h.until("done") if k == "end"]
        assert [f[0] for f in ends] == ["l", "d", "p"] and h.stderr() == ""
