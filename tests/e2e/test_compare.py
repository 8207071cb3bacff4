# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks beside Debian's monitoring-plugins and procps, on the same host, with the same limits: the same verdicts.

Twice: on this host as it is, with limits far from the values, because the host changes between the two looks; and, as
root, where both see the same recorded numbers (a file bound over one of /proc, a file system filled for the purpose) in a
mount name space of their own, so that the limits may be close. Where the verdicts differ by intent, a test says so."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import BUILD, program

PLUGINS = pathlib.Path("/usr/lib/nagios/plugins")
OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3


def plugin(name, *arguments, prefix=()):
    """Its exit status."""
    path = PLUGINS / f"check_{name}"
    if not path.exists():
        pytest.skip(f"{path} is not installed (monitoring-plugins-basic)")
    r = subprocess.run([*prefix, str(path), *map(str, arguments)], capture_output=True, text=True, timeout=60,
                       stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    assert r.returncode in (OK, WARNING, CRITICAL, UNKNOWN), r
    return r.returncode


def ours(module, prefix=(), **options):
    """Exit status and result of our check."""
    env = {**os.environ, "TOCSIN_LIBEXEC_DIR": str(BUILD / "src"), "TOCSIN_CHECK_DIR": str(BUILD / "checks/.libs")}
    r = subprocess.run([*prefix, program("tocsin"), "try", "--json", module, *(f"{k}={v}" for k, v in options.items())],
                       capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env=env)
    assert r.stdout, r.stderr
    return r.returncode, json.loads(r.stdout)


def metric(result, name):
    return next(m["value"] for i in result["items"] for m in i["metrics"] if m["name"] == name)


@pytest.fixture
def within(tmp_path):
    """within(script): a command that runs what follows it in a mount name space where SCRIPT was run before."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("a mount name space needs root")

    def prefix(script):
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{script}; exec "$@"', "sh"]
        r = subprocess.run([*command, "true"], capture_output=True, text=True)
        if r.returncode:
            pytest.skip(f"cannot mount here: {r.stderr.strip()}")
        return command

    return prefix


@pytest.fixture
def recorded(within, tmp_path):
    """recorded(path, text): a name space where the file PATH of /proc has this content."""
    def prefix(path, text):
        file = tmp_path / path.strip("/").replace("/", "-")
        file.write_text(text)
        return within(f"mount --bind '{file}' {path}")

    return prefix


# --- load

@pytest.mark.parametrize("warning, critical, verdict", [
    (1e5, 2e5, OK), (0.000001, 1e5, WARNING), (0.000001, 0.000002, CRITICAL)])
def test_load_of_this_host(warning, critical, verdict):
    """Limits that no host reaches, or every one that did anything in the last 15 minutes."""
    if float(pathlib.Path("/proc/loadavg").read_text().split()[2]) == 0:
        pytest.skip("this host has done nothing for 15 minutes")
    theirs = plugin("load", "-r", "-w", f"{warning},{warning},{warning}", "-c", f"{critical},{critical},{critical}")
    options = {f"load{m}_{s}": f"{v:f}" for m in (1, 5, 15) for s, v in (("warning", warning), ("critical", critical))}
    assert (theirs, ours("load", **options)[0]) == (verdict, verdict)


LOADS = "3.00 2.00 1.00 1/100 4242\n"


@pytest.mark.parametrize("warning, critical, verdict", [
    ((4, 4, 4), (9, 9, 9), OK), ((2.9, 4, 4), (9, 9, 9), WARNING), ((4, 1.9, 4), (9, 9, 9), WARNING),
    ((4, 4, 0.9), (9, 9, 9), WARNING), ((1, 1, 1), (2.9, 9, 9), CRITICAL), ((0.5, 0.5, 0.5), (9, 9, 0.9), CRITICAL),
    ((3.1, 2.1, 1.1), (3.2, 2.2, 1.2), OK)])
def test_load_recorded(recorded, warning, critical, verdict):
    prefix = recorded("/proc/loadavg", LOADS)
    theirs = plugin("load", "-w", ",".join(map(str, warning)), "-c", ",".join(map(str, critical)), prefix=prefix)
    options = {f"load{m}_{s}": v[i] for i, m in enumerate((1, 5, 15)) for s, v in (("warning", warning), ("critical", critical))}
    assert (theirs, ours("load", prefix, per_cpu="no", **options)[0]) == (verdict, verdict)


def test_load_that_is_exactly_the_limit(recorded):
    """check_load alerts above its limit, ours from the limit on, as all our checks do ("from which it is a warning")."""
    prefix = recorded("/proc/loadavg", LOADS)
    assert plugin("load", "-w", "3,9,9", "-c", "9,9,9", prefix=prefix) == OK
    assert ours("load", prefix, per_cpu="no", load1_warning=3, load5_warning=0, load15_warning=0)[0] == WARNING


def test_load_as_procps_reads_it(recorded):
    prefix = recorded("/proc/loadavg", LOADS)
    said = subprocess.run([*prefix, "uptime"], capture_output=True, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}).stdout
    averages = [float(word) for word in said.rsplit("load average: ", 1)[1].split(",")]
    _, result = ours("load", prefix, per_cpu="no")
    assert [metric(result, f"load{m}") for m in (1, 5, 15)] == averages == [3, 2, 1]


# --- disk

def disk(path, used_warning, used_critical, prefix=()):
    """(theirs, ours). Their percentage is of what must be free, ours of what may be used."""
    theirs = plugin("disk", "-w", f"{100 - used_warning}%", "-c", f"{100 - used_critical}%", "-p", path, prefix=prefix)
    return theirs, ours("disk", prefix, path=path, warning=f"{used_warning}%", critical=f"{used_critical}%", inodes_warning="0%",
                        inodes_critical="0%")[0]


def test_root_of_this_host():
    usage = shutil.disk_usage("/")
    used = 100 * usage.used / (usage.used + usage.free)
    if not 3 < used < 97:
        pytest.skip(f"/ is {used:.0f} % full: no limit is far from that")
    assert disk("/", 100, 100) == (OK, OK)
    assert disk("/", 1, 100) == (WARNING, WARNING)
    assert disk("/", 1, 2) == (CRITICAL, CRITICAL)


@pytest.fixture
def half_full(within, tmp_path):
    """A name space with a file system of 64 MiB, 32 of them used, and its path."""
    folder = tmp_path / "half"
    folder.mkdir()
    return within(f"mount -t tmpfs -o size=64m,nr_inodes=1000 tmpfs '{folder}'; head -c 33554432 /dev/zero > '{folder}/fill'"), folder


@pytest.mark.parametrize("warning, critical, verdict", [
    (55, 60, OK), (51, 90, OK), (49, 60, WARNING), (10, 51, WARNING), (10, 49, CRITICAL), (30, 40, CRITICAL)])
def test_disk_in_percent(half_full, warning, critical, verdict):
    prefix, path = half_full
    assert disk(path, warning, critical, prefix) == (verdict, verdict)


@pytest.mark.parametrize("warning, critical, verdict", [(31, 10, OK), (33, 10, WARNING), (40, 33, CRITICAL)])
def test_disk_in_bytes_left(half_full, warning, critical, verdict):
    """Their bare numbers are MiB that must be free."""
    prefix, path = half_full
    theirs = plugin("disk", "-u", "MiB", "-w", warning, "-c", critical, "-p", path, prefix=prefix)
    assert (theirs, ours("disk", prefix, path=path, warning=f"{warning}M", critical=f"{critical}M")[0]) == (verdict, verdict)


@pytest.mark.parametrize("warning, critical, verdict", [(50, 1, OK), (99.9, 1, WARNING), (99.9, 99.8, CRITICAL)])
def test_inodes(half_full, warning, critical, verdict):
    """2 of 1000 are used: their percentage is of what must be free."""
    prefix, path = half_full
    theirs = plugin("disk", "-w", "0%", "-c", "0%", "-W", f"{warning}%", "-K", f"{critical}%", "-p", path, prefix=prefix)
    # 0% switches ours off, theirs to "nothing need be free".
    own = ours("disk", prefix, path=path, warning="100%", critical="100%", inodes_warning=f"{100 - warning:.4g}%",
               inodes_critical=f"{100 - critical:.4g}%")[0]
    assert (theirs, own) == (verdict, verdict)


def test_blocks_for_root_only(within, tmp_path):
    """Of an ext4 with half of its blocks kept for root: the share is of what ordinary users can have, as df(1) shows it."""
    if not shutil.which("mkfs.ext4"):
        pytest.skip("there is no mkfs.ext4")
    image, folder = tmp_path / "image", tmp_path / "kept"
    folder.mkdir()
    subprocess.run(["truncate", "-s", "64M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-m", "50", "-O", "^has_journal", image], check=True)
    prefix = within(f"mount -o loop '{image}' '{folder}'; head -c 25000000 /dev/zero > '{folder}/fill'")
    said = subprocess.run([*prefix, "df", "--output=pcent", folder], capture_output=True, text=True, check=True).stdout
    df = int(said.split()[-1].rstrip("%"))
    assert 90 < df < 97 and metric(ours("disk", prefix, path=folder)[1], "used") == df
    assert disk(folder, 70, 99, prefix) == (WARNING, WARNING)
    assert disk(folder, 98, 99, prefix) == (OK, OK)


def test_a_disk_that_is_not_there():
    """check_disk calls it critical. For us a path that is not there could not be looked at, unless something must be mounted
    there."""
    assert plugin("disk", "-w", "10%", "-c", "5%", "-p", "/nowhere") == CRITICAL
    assert ours("disk", path="/nowhere")[0] == UNKNOWN
    assert ours("disk", path="/nowhere", mounted="yes")[0] == CRITICAL


# --- processes

@pytest.fixture
def sleepers(tmp_path):
    """Three processes with a name that nobody else has."""
    name = f"slp{os.getpid()}"
    path = tmp_path / name
    shutil.copy(shutil.which("sleep"), path)
    running = [subprocess.Popen([str(path), "600"], stdin=subprocess.DEVNULL) for _ in range(3)]
    yield name
    for p in running:
        p.kill()
        p.wait()


@pytest.mark.parametrize("theirs, own, verdict", [
    (["-c", "3:3"], {"min": 3, "max": 3}, OK), (["-c", "1:"], {"min": 1}, OK), (["-c", "4:"], {"min": 4}, CRITICAL),
    (["-w", ":2", "-c", "1:"], {"min": 1, "max": 2}, WARNING), (["-w", ":3", "-c", "1:"], {"min": 1, "max": 3}, OK)])
def test_processes_by_name(sleepers, theirs, own, verdict):
    assert (plugin("procs", *theirs, "-C", sleepers), ours("process", name=sleepers, **own)[0]) == (verdict, verdict)


def test_processes_by_user_and_argument(sleepers):
    for user, verdict in (("root" if os.geteuid() == 0 else str(os.geteuid()), OK), ("nobody", CRITICAL)):
        assert plugin("procs", "-c", "3:3", "-u", user, "-C", sleepers) == verdict
        assert ours("process", name=sleepers, user=user, min=3, max=3)[0] == verdict
    assert plugin("procs", "-c", "3:3", "--ereg-argument-array", f"{sleepers} 600$") == OK
    assert ours("process", pattern=f"{sleepers} 600$", min=3)[0] == OK


def test_processes_that_are_not_there():
    assert plugin("procs", "-c", "1:", "-C", "no-such-program") == CRITICAL
    assert ours("process", name="no-such-program")[0] == CRITICAL


def test_zombies_do_not_count(sleepers, tmp_path):
    """check_procs counts a process that has ended and was not waited for; for us it does not live."""
    path = tmp_path / sleepers
    zombie = subprocess.Popen([str(path), "0"], stdin=subprocess.DEVNULL)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    assert plugin("procs", "-c", "4:4", "-C", sleepers) == OK
    assert ours("process", name=sleepers, min=4)[0] == CRITICAL
    assert ours("process", name=sleepers, min=3, max=3)[0] == OK
    zombie.wait()


def test_processes_as_procps_counts_them(sleepers):
    count = int(subprocess.run(["pgrep", "--count", "--exact", sleepers], capture_output=True, text=True).stdout)
    assert metric(ours("process", name=sleepers)[1], "processes") == count == 3


# --- swap and memory

def meminfo(swap_free):
    return (f"MemTotal: 1000000 kB\nMemFree: 200000 kB\nMemAvailable: 400000 kB\nBuffers: 10000 kB\nCached: 300000 kB\n"
            f"SwapCached: 0 kB\nShmem: 1000 kB\nSReclaimable: 5000 kB\nSwapTotal: 500000 kB\nSwapFree: {swap_free} kB\n")


@pytest.mark.parametrize("free, verdict", [(400000, OK), (201000, OK), (199000, WARNING), (101000, WARNING), (99000, CRITICAL)])
def test_swap(recorded, free, verdict):
    """Theirs must be free, ours may be used: 40 and 20 %, 60 and 80 %."""
    prefix = recorded("/proc/meminfo", meminfo(free))
    status, result = ours("memory", prefix, available_warning="0", available_critical="0", swap_warning="60%", swap_critical="80%")
    assert (plugin("swap", "-w", "40%", "-c", "20%", prefix=prefix), status) == (verdict, verdict)
    assert metric(result, "swap_used_bytes") == (500000 - free) * 1024


def test_a_host_without_swap(recorded):
    """check_swap calls that critical unless told otherwise (-n); for us there is nothing to judge."""
    prefix = recorded("/proc/meminfo", meminfo(0).replace("SwapTotal: 500000", "SwapTotal: 0"))
    assert plugin("swap", "-w", "40%", "-c", "20%", prefix=prefix) == CRITICAL
    assert plugin("swap", "-n", "ok", "-w", "40%", "-c", "20%", prefix=prefix) == OK
    assert ours("memory", prefix, swap_warning="60%", swap_critical="80%")[0] == OK


def test_memory_as_procps_reads_it(recorded):
    prefix = recorded("/proc/meminfo", meminfo(400000))
    said = subprocess.run([*prefix, "free", "--bytes"], capture_output=True, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    lines = {line.split(":")[0]: [int(n) for n in line.split()[1:]] for line in said.stdout.splitlines() if ":" in line}
    _, result = ours("memory", prefix)
    assert metric(result, "available_bytes") == lines["Mem"][5] == 400000 * 1024
    assert metric(result, "swap_used_bytes") == lines["Swap"][1] == 100000 * 1024
