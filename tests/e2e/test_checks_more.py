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
