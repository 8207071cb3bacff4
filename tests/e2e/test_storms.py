# SPDX-License-Identifier: GPL-3.0-or-later
"""Much at once: reloads in a row, hundreds of processes that die together, thousands of checks."""

import os
import pathlib
import subprocess
import time

import harness
from test_faults import cpu_seconds
from test_helpers import status, wait_until

RELOADS = int(os.environ.get("TOCSIN_STORM_RELOADS", "60"))
CHECKS = int(os.environ.get("TOCSIN_STORM_CHECKS", "400"))


def memory_kib(pid):
    """What the process has allocated itself: its share of libraries (PSS) grows whenever another user of them ends."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# The machine that tests is busy, and that is no news here.
CALM = {f"load{n}_{level}": 1000 for n in (1, 5, 15) for level in ("warning", "critical")}


def test_reload_storm(setup, daemon, catcher, victim):
    """Good and bad files, checks that come, go and change their module, another relay: nothing is lost, nothing piles up."""
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    time.sleep(1)
    before = descriptors(d.process.pid)
    server = setup.mail["server"]
    for i in range(RELOADS):
        setup.mail["server"] = "127.0.0.1" if i % 7 == 3 else server
        extra = [harness.check(f"x{j}", "load", **CALM) if (i + j) % 3 else harness.check(f"x{j}", "disk", path="/")
                 for j in range(i % 5)]
        extra += [harness.check("hung", "hang", timeout="30s")] if i % 11 == 5 else []
        setup.write(victim.check(**({"intervall": "1s"} if i % 4 == 1 else {})), *extra)
        if i % 3 == 0:
            assert setup.tocsin("reload").returncode == (78 if i % 4 == 1 else 0)
        else:
            d.reload()
    setup.mail["server"] = server
    setup.write(victim.check(), harness.check("last", "load", **CALM))
    assert setup.tocsin("reload").returncode == 0
    assert {i["check"] for i in status(setup)["items"]} == {victim.name, "last"}
    victim.kill()
    catcher.wait("CRITICAL process victim")
    victim.start()
    catcher.wait("RECOVERED process victim")
    wait_until(lambda: len(d.leftovers()) <= 6)  # the daemon, its writer, and two helpers that stand by
    assert descriptors(d.process.pid) <= before + 6
    assert len(catcher.mails) == 3, "\n".join([m.text for m in catcher.mails[1:]] + [d.log])
    messages = [k for k, _ in d.messages if k in ("RELOADING", "READY")][1:]
    assert messages == ["RELOADING", "READY"] * (len(messages) // 2)
    assert d.stop() < harness.END_WITHIN


def test_many_die_together(setup, daemon, catcher, tmp_path):
    n = 300
    setup.sections["alert"].update(group_wait="2s", group_second="10s", group_interval="5m")
    crowd = [subprocess.Popen(["sleep", "900"], stdin=subprocess.DEVNULL) for _ in range(n)]
    try:
        for i, p in enumerate(crowd):
            (tmp_path / f"{i}.pid").write_text(f"{p.pid}\n")
        setup.write(*(harness.check(f"v{i}", "process", pidfile=tmp_path / f"{i}.pid", interval="10s") for i in range(n)))
        d = daemon(setup)
        catcher.wait("started: OK", timeout=60)
        for p in crowd:
            p.kill()
        wait_until(lambda: sum(i["state"] == "CRITICAL" for i in status(setup)["items"]) == n, timeout=120)
        time.sleep(16)
        alerts = catcher.mails[1:]
        assert 1 <= len(alerts) <= 2
        assert all(any(f"v{i}" in mail.text for mail in alerts) for i in (0, 7, 150, 299))
        assert d.stop() < harness.END_WITHIN
    finally:
        for p in crowd:
            p.kill()
            p.wait()


def test_many_checks(setup, daemon, catcher, victim):
    setup.sections["tocsin"]["interval"] = "5s"
    setup.write(*(harness.check(f"v{i}", "process", pidfile=victim.pidfile) for i in range(CHECKS)))
    d = daemon(setup, watchdog_usec=2000000)
    catcher.wait("started: OK", timeout=90)
    time.sleep(6)
    began, before, memory = time.monotonic(), cpu_seconds(d), memory_kib(d.process.pid)
    time.sleep(20)
    share = (cpu_seconds(d) - before) / (time.monotonic() - began)
    print(f"{CHECKS} checks every 5 s: {100 * share:.1f} % of a processor, {memory_kib(d.process.pid)} KiB of its own "
          f"(20 s before: {memory}), {descriptors(d.process.pid)} descriptors")
    assert share < 0.6  # with sanitizers, on a busy machine
    if b"__asan_init" not in pathlib.Path(harness.BUILD / "src" / "tocsind").read_bytes():  # it keeps what was freed
        assert memory_kib(d.process.pid) < memory * 1.1 + 1000
    items = status(setup)["items"]
    assert len(items) == CHECKS and all(i["state"] == "OK" for i in items)
    assert "going on in memory" not in d.log and "no progress" not in d.log
    assert d.stop() < harness.END_WITHIN
