# SPDX-License-Identifier: GPL-3.0-or-later
"""Scale and latency: tocsin and Monit with the same process and file checks, side by side in one run. See README.md.

Both run as instances of their own with what the test made; nothing but loopback is used. It judges nothing: the times
are of a machine that does other things too, whose load stands beside each number."""

import argparse
import datetime
import os
import pathlib
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import harness  # noqa: E402
import mailcatcher  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
PROCESSES_MAX = 100  # real ones behind the pidfiles: what is measured is the watcher, not the kernel's list of tasks
MONIT = shutil.which("monit", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")


def load():
    return f"{os.getloadavg()[0]:.1f}"


def stat_fields(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def tree(pid):
    """PID and all that descend from it."""
    parents = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int(stat_fields(entry.name)[1])
        except OSError:
            pass
    found, grown = {pid}, True
    while grown:
        more = {p for p, parent in parents.items() if parent in found and p not in found}
        found, grown = found | more, bool(more)
    return found


def each(pid, read):
    """READ of each process that still lives."""
    values = {}
    for p in tree(pid):
        try:
            values[p] = read(p)
        except (OSError, AttributeError):
            pass
    return values


def cpu_seconds(pid):
    """User and system time of the daemon, its living helpers, and those that it has reaped. What a living helper used
    before it is reaped is counted once, with itself."""
    return sum(sum(int(x) for x in f[11:15]) for f in each(pid, stat_fields).values()) / TICK


def pss_kib(pid):
    def read(p):
        return int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{p}/smaps_rollup").read_text(), re.M)[1])
    return sum(each(pid, read).values())


def wakeups(pid):
    """Voluntary context switches, by process."""
    def read(p):
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{p}/status").read_text(), re.M)[1])
    return each(pid, read)


def wakeups_per_minute(pid, seconds):
    """Of the daemon, and of all. A helper that came and went in between is not seen."""
    before, began = wakeups(pid), time.monotonic()
    time.sleep(seconds)
    minutes = (time.monotonic() - began) / 60
    delta = {p: n - before.get(p, 0) for p, n in wakeups(pid).items()}
    return delta[pid] / minutes, sum(delta.values()) / minutes


class Crowd:
    """What is watched: N things in a folder, every other one a process by its pidfile, the others files."""

    def __init__(self, folder, n):
        self.folder, self.n = folder, n
        self.folder.mkdir()
        self.processes = [subprocess.Popen(["sleep", "86400"], stdin=subprocess.DEVNULL)
                          for _ in range(min(PROCESSES_MAX, (n + 1) // 2))]
        self.things = []
        for i in range(n):
            path = folder / f"{i}"
            is_process = i % 2 == 0
            path.write_text(f"{self.processes[i // 2 % len(self.processes)].pid}\n" if is_process else "x\n")
            self.things.append((f"{'p' if is_process else 'f'}{i}", is_process, path))

    def stop(self):
        for p in self.processes:
            p.kill()
            p.wait()


class Tocsin:
    name = "tocsin"

    def __init__(self, folder, catcher, crowd, interval, alert=None):
        folder.mkdir()
        self.setup = harness.Setup(folder, catcher, catcher.ca_file)
        if alert is None:
            self.setup.mail = None
        self.setup.sections = {"tocsin": {"host": "testhost", "interval": f"{interval}s"}, "report": {"every": "24h"},
                               "alert": {"flap_count": 0, "max_per_hour": 0, "max_per_day": 0, **(alert or {})}}
        self.setup.write(*(harness.check(name, "process" if is_process else "file", **{"pidfile" if is_process else "path": path})
                           for name, is_process, path in crowd.things))
        self.n = len(crowd.things)

    def start(self):
        """Seconds to READY=1, and to the end of the first round."""
        began = time.monotonic()
        self.daemon = harness.Daemon(self.setup)
        self.pid = self.daemon.process.pid
        self.daemon.wait_ready(600)
        ready = time.monotonic() - began
        self.daemon.wait_notified("STATUS", rf"\({self.n} checks?\)", 600)
        return ready, time.monotonic() - began

    def all_well(self):
        return bool(re.match(r"OK \(", self.daemon.notified("STATUS")[-1]))

    def stop(self):
        began = time.monotonic()
        self.daemon.process.terminate()
        self.daemon.process.wait(60)
        self.daemon.kill()
        return time.monotonic() - began


class Monit:
    name = "Monit"

    def __init__(self, folder, catcher, crowd, interval, alert=None):
        folder.mkdir()
        lines = [f"set daemon {interval}", f"set pidfile {folder}/pid", f"set statefile {folder}/state", f"set idfile {folder}/id",
                 f"set log {folder}/log"]
        if alert is not None:
            lines += [f'set mailserver 127.0.0.1 port {catcher.port_starttls} username "{catcher.username}" '
                      f'password "{catcher.password}" with timeout 10 seconds', "set alert ops@example.org"]
        for name, is_process, path in crowd.things:
            lines.append(f"check {'process' if is_process else 'file'} {name} with {'pidfile' if is_process else 'path'} {path}")
        self.config = folder / "monitrc"
        self.config.touch(mode=0o600)
        self.config.write_text("\n".join(lines) + "\n")
        self.log, self.state = folder / "log", folder / "state"

    def start(self):
        """It tells nobody when it is ready; a first round has ended when it uses no more time."""
        began = time.monotonic()
        self.process = subprocess.Popen([MONIT, "-I", "-c", str(self.config)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        before, since = -1, began
        while time.monotonic() < began + 600:
            now = cpu_seconds(self.pid)
            if now != before:
                before, since = now, time.monotonic()
            elif now > 0 and time.monotonic() > since + 1 or time.monotonic() > since + 3:
                break
            time.sleep(0.02)
        return None, since - began

    def all_well(self):
        return self.process.poll() is None and "error" not in self.log.read_text()

    def stop(self):
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - began


WATCHERS = [Tocsin, Monit] if MONIT else [Tocsin]


# ---- how much

def measure_rounds(watcher, interval, rounds):
    """CPU seconds of each round: samples in the middle between two rounds would need their phase; the sum does not."""
    samples = []
    for _ in range(rounds):
        before = cpu_seconds(watcher.pid)
        time.sleep(interval)
        samples.append(cpu_seconds(watcher.pid) - before)
    return samples


def scale(folder, counts, interval_of, rounds, idle):
    rows = []
    for n in counts:
        crowd = Crowd(folder / f"crowd{n}", n)
        try:
            for kind in WATCHERS:
                interval = interval_of(n)
                watcher = kind(folder / f"{kind.name}{n}", None if kind is Monit else Nobody, crowd, interval)
                ready, first = watcher.start()
                time.sleep(min(interval, 2))
                cpu = measure_rounds(watcher, interval, rounds)
                memory = pss_kib(watcher.pid)
                fds = len(os.listdir(f"/proc/{watcher.pid}/fd"))
                well = watcher.all_well()
                stopped = watcher.stop()
                row = {"n": n, "who": kind.name, "ready": ready, "first": first, "cpu": cpu, "memory": memory, "fds": fds,
                       "well": well, "stopped": stopped, "load": load(), "wakeups": None}
                if idle:
                    watcher = kind(folder / f"{kind.name}{n}idle", None if kind is Monit else Nobody, crowd,
                                   60 if kind is Tocsin else 120)
                    watcher.start()
                    time.sleep(5)
                    row["wakeups"] = wakeups_per_minute(watcher.pid, idle)
                    watcher.stop()
                rows.append(row)
                print(".", end="", file=sys.stderr, flush=True)
        finally:
            crowd.stop()
    return rows


class Nobody:
    """A relay that is not there: without mails nobody asks."""
    username = password = "none"
    port_tls = 1
    ca_file = "/dev/null"


def print_scale(rows, interval_of, rounds):
    print(f"| checks | watcher | s to ready | s to the first round | CPU ms a round, of {rounds} | µs a check | PSS MiB | "
          "descriptors | wake-ups a minute, daemon / all | s to end | load |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for r in rows:
        cpu = statistics.mean(r["cpu"]) * 1000
        wake = f"{r['wakeups'][0]:.0f} / {r['wakeups'][1]:.0f}" if r["wakeups"] else "–"
        print(f"| {r['n']:,} | {r['who']}, every {interval_of(r['n'])} s | {'–' if r['ready'] is None else format(r['ready'], '.2f')} | "
              f"{r['first']:.2f} | {cpu:.1f} ({min(r['cpu']) * 1000:.0f}–{max(r['cpu']) * 1000:.0f}) | {cpu * 1000 / r['n']:.0f} | "
              f"{r['memory'] / 1024:.1f} | {r['fds']:,} | {wake} | {r['stopped']:.2f} | {r['load']} |")
    print(flush=True)


# ---- how fast

class Deaths:
    """Processes that die one after the other and do not come back: nobody waits for a recovery."""

    def __init__(self, folder, n):
        folder.mkdir()
        self.victims = [harness.Victim(folder, f"victim{i}").start() for i in range(n)]
        self.things = [(v.name, True, v.pidfile) for v in self.victims]

    def next(self, catcher, how_dead, timeout):
        """Milliseconds from kill -9 to the receipt."""
        victim = self.victims.pop()
        before, began = len(catcher.mails), time.time()
        victim.kill()  # and reaped at once: Monit takes a zombie for something else
        mail = catcher.wait(f"{how_dead}.*{victim.name}", timeout, before)
        return (mail.time - began) * 1000

    def stop(self):
        for v in self.victims:
            v.kill()


def new_catcher(folder):
    catcher = mailcatcher.MailCatcher(folder, offers_starttls=False)
    return catcher.start()


QUICK = {"group_second": "1s", "group_interval": "1s"}
WAYS = [
    ("tocsin, group_wait = 0, grace = 0", Tocsin, 60, {**QUICK, "group_wait": "0s", "grace": "0s"}),
    ("tocsin, group_wait = 2s (default), grace = 0", Tocsin, 60, {**QUICK, "grace": "0s"}),
    ("tocsin, defaults (group_wait = 2s, grace = 5s)", Tocsin, 60, QUICK),
    ("Monit, set daemon 1 (its shortest)", Monit, 1, {}),
]


def latency(folder, repeat, idle):
    rows = []
    for i, (name, kind, interval, alert) in enumerate(WAYS):
        if kind not in WATCHERS:
            continue
        here = folder / f"way{i}"
        deaths = Deaths(here, repeat)
        catcher = new_catcher(here / "mails")
        watcher = kind(here / "watcher", catcher, deaths, interval, alert)
        try:
            watcher.start()
            time.sleep(5)
            awake = wakeups_per_minute(watcher.pid, idle) if idle and alert in ({}, QUICK) else None
            times = []
            for _ in range(repeat):
                times.append(deaths.next(catcher, "CRITICAL" if kind is Tocsin else "Does not exist", 120))
                time.sleep(random.uniform(3, 4))  # so that it is quiet again
            rows.append((name, times, awake, load()))
        finally:
            watcher.stop()
            catcher.stop()
            deaths.stop()
        print(".", end="", file=sys.stderr, flush=True)
    return rows


def latency_of_long_cycle(folder, instances, cycle=120):
    """Each instance has its victim, which dies at another moment of the cycle: together they are a uniform sample."""
    times, awake, threads, errors = [], [], [], []

    def one(i):
        here = folder / f"long{i}"
        deaths = Deaths(here, 1)
        catcher = new_catcher(here / "mails")
        watcher = Monit(here / "watcher", catcher, deaths, cycle, {})
        try:
            watcher.start()
            time.sleep(cycle * (i + 0.5) / instances)
            times.append(deaths.next(catcher, "Does not exist", 3 * cycle))
            if i == 0:
                awake.append(wakeups_per_minute(watcher.pid, cycle))
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)
        finally:
            watcher.stop()
            catcher.stop()
            deaths.stop()

    for i in range(instances):
        threads.append(threading.Thread(target=one, args=(i,)))
        threads[-1].start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return f"Monit, set daemon {cycle} (Debian's default)", times, awake[0] if awake else None, load()


def print_latency(rows):
    print("| watcher | rounds | ms from kill -9 to the receipt: median (smallest–largest) | wake-ups a minute when idle, daemon / all | load |")
    print("|---|---|---|---|---|")
    for name, times, awake, busy in rows:
        wake = f"{awake[0]:.0f} / {awake[1]:.0f}" if awake else "–"
        print(f"| {name} | {len(times)} | {statistics.median(times):.1f} ({min(times):.1f}–{max(times):.1f}) | {wake} | {busy} |")
    print(flush=True)


def interval_of(n):
    """Short, so that a run has several rounds; long enough for a round of either."""
    return 5 if n <= 1000 else 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checks", default="10,1000,10000", help="how many, with commas between")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--idle", type=int, default=125, help="seconds to count wake-ups in; 0: none are counted")
    parser.add_argument("--repeat", type=int, default=11, help="deaths for each way; 0: none")
    parser.add_argument("--long", type=int, default=7, help="instances of Monit with its default cycle; 0: none")
    o = parser.parse_args()
    monit = subprocess.run([MONIT, "-V"], capture_output=True, text=True).stdout.split("\n")[0] if MONIT else "no monit here"
    print(f"{datetime.date.today()}; {os.cpu_count()} × {platform.machine()}, Linux {platform.release()}; {monit}\n")
    with tempfile.TemporaryDirectory(prefix="tocsin-scale-") as folder:
        folder = pathlib.Path(folder)
        counts = [int(n) for n in o.checks.split(",") if n]
        if counts:
            print_scale(scale(folder, counts, interval_of, o.rounds, o.idle), interval_of, o.rounds)
        rows = latency(folder, o.repeat, o.idle) if o.repeat else []
        if o.long and MONIT:
            rows.append(latency_of_long_cycle(folder, o.long))
        if rows:
            print_latency(rows)


if __name__ == "__main__":
    main()
