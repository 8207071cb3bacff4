# SPDX-License-Identifier: GPL-3.0-or-later
"""One host under fire: a daemon whose processes are killed, whose checks fail and recover, and whose mail server
misbehaves, with a log of all that was done to it; and the judge who compares that log with the mailbox.

Not a test: test_chaos.py runs several of these side by side. The judge knows mails, Message-IDs and what
`tocsin status --json` says, and nothing of how the programs work inside."""

import collections
import ctypes
import os
import re
import select
import signal
import struct
import threading
import time
import traceback
import types
from datetime import datetime

import harness
import mailcatcher
from test_faults import children
from test_helpers import status

TARGETS = ("daemon", "tocsin-store", "tocsin-mail", "tocsin-check")
SERVER_FAULTS = ("defer", "defer-data", "close", "silent", "refuse-one")
OPS, SECOND = "ops@example.org", "second@example.org"
STRIKE_WITHIN = 2  # seconds from a change: a strike that found no occasion by then is called off
CALM = 2.5  # seconds that the right state stands before it is taken for stored: a commit has 2 s (law 1)
PATIENCE = 90  # seconds until a state must stand; a machine may be busy
SLACK = 1  # mails show whole seconds


class Watch:
    """Calls back at each write to the state file or its journal: between them a transaction becomes durable."""

    MODIFY = 2

    def __init__(self, folder, on_write):
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(folder), self.MODIFY) < 0:
            raise OSError(ctypes.get_errno(), f"inotify on {folder}: {os.strerror(ctypes.get_errno())}")
        self._on_write = on_write
        self._end, self._ended = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while self._end not in select.select([self._fd, self._end], [], [])[0]:
            data = os.read(self._fd, 1 << 16)
            while data:
                length = struct.unpack_from("iIII", data)[3]
                name, data = data[16:16 + length].rstrip(b"\0"), data[16 + length:]
                if name.startswith(b"state.db"):
                    self._on_write()

    def stop(self):
        os.write(self._ended, b"x")
        self._thread.join(5)
        for fd in (self._fd, self._end, self._ended):
            os.close(fd)


class Switch:
    """A check that fails while a word stands in a file: a script as plugin, or the file's being there itself."""

    def __init__(self, folder, name, module):
        self.name, self.module, self.folder = name, module, folder
        self.path = folder / f"{name}.word"
        self.script = folder / f"{name}.sh"
        self.script.write_text(f'#!/bin/sh\n[ -e "{self.path}" ] || exit 0\necho broken\nexit 2\n')
        self.script.chmod(0o755)

    def start(self):
        self.path.unlink(missing_ok=True)

    def kill(self):
        self.path.touch()

    def check(self):
        options = {"command": self.script} if self.module == "plugin" else {"path": self.path, "exists": "no"}
        return harness.check(self.name, self.module, **options)


class Host:
    """All faults that are done to one daemon, by one thread; strikes come from others."""

    def __init__(self, folder, certificate, ca_file, dice, say):
        folder.mkdir()
        self.dice, self.say = dice, say
        self.log = []  # (time, what, detail)
        self.kills = collections.Counter()  # by (occasion, target)
        self.kill_times = []
        self.daemon_logs = []
        self.rounds = 0
        self._strike = None  # what the next occasion of its kind does
        self._lock = threading.Lock()
        self.catcher = mailcatcher.MailCatcher(folder / "mails", certificate)
        self.catcher.ca_file = ca_file
        self.catcher.start()
        self.setup = harness.Setup(folder, self.catcher, ca_file)
        state = folder / "state"
        state.mkdir()
        self.setup.state = state / "state.db"
        self.victims = [harness.Victim(folder, "v1").start(), harness.Victim(folder, "v2").start(),
                        Switch(folder, "script", "plugin"), Switch(folder, "flag", "file")]
        self.setup.mail["to"] = f"{OPS}\nto = {SECOND}"
        self.setup.mail["timeout"] = "2s"
        self.setup.sections["alert"]["unknown_confirm"] = 60  # a checker that was killed is no news here
        self.setup.write(*(v.check() for v in self.victims))
        self.down = set()
        self.catcher.on_mail = lambda mail: self._occasion("before the receipt")
        self.catcher.on_receipt = lambda mail: self._occasion("after the receipt")
        self.watch = Watch(state, lambda: self._occasion("write"))
        self.daemon = harness.Daemon(self.setup).wait_ready()

    def note(self, what, detail=""):
        self.log.append((time.time(), what, detail))

    # ---- kills

    def kill(self, target, occasion):
        """SIGKILL to the daemon, alone or as a service manager does it, or to its helpers of one kind."""
        daemon = self.daemon.process
        if daemon.poll() is not None:
            return
        alone = target == "daemon" and self.dice.random() < 0.5
        try:
            pids = [] if alone else children(self.daemon, "" if target == "daemon" else target)
        except OSError:  # it has just died
            return
        if target != "daemon" and not pids:
            return
        self.note(f"kill {target}", f"{occasion}{', alone' if alone else ''} {daemon.pid} {pids}")
        self.kills[occasion, target] += 1
        self.kill_times.append(time.time())
        if target == "daemon":
            daemon.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def revive(self):
        if self.daemon.process.poll() is None:
            return
        time.sleep(self.dice.choice((0, self.dice.random() / 2)))
        self.daemon.crash()
        self.daemon_logs.append(self.daemon.log)
        self.note("start")
        self.daemon = harness.Daemon(self.setup)

    def _occasion(self, kind):
        """Something happened that a strike may wait for; in the thread where it happened."""
        with self._lock:
            strike = self._strike
            if not strike or strike.kind != kind:
                return
            strike.skip -= 1
            if strike.skip >= 0:
                return
            self._strike = None
        time.sleep(strike.delay)
        self.kill(strike.target, kind)

    def arm(self, kind):
        skip = self.dice.randrange(12) if kind == "write" else 0
        delay = self.dice.choice((0, 0, 0.0005, 0.002, 0.01))
        with self._lock:
            self._strike = types.SimpleNamespace(kind=kind, target=self.dice.choice(TARGETS), skip=skip, delay=delay)

    def disarm(self):
        with self._lock:
            self._strike = None

    def strike_at_random(self):
        for _ in range(self.dice.randrange(1, 4)):
            time.sleep(self.dice.choice((0, 0.05, 0.3, 0.6)) * self.dice.random())
            self.kill(self.dice.choice(TARGETS), "random")
            self.revive()

    def strike_at_start(self):
        self.kill("daemon", "random")
        self.daemon.process.wait()
        self.revive()
        time.sleep(self.dice.random() * 0.3)
        self.kill(self.dice.choice(TARGETS), "start")

    # ---- phases

    def serve(self, how):
        self.note("server", how)
        self.catcher.answers = {SECOND: mailcatcher.BEHAVIOURS["refuse"]} if how == "refuse-one" else {}
        self.catcher.behave("accept" if how == "refuse-one" else how)

    def change(self, victims, goes_down):
        for v in victims:
            self.note("down" if goes_down else "up", v.name)
            v.kill() if goes_down else v.start()
            (self.down.add if goes_down else self.down.discard)(v.name)

    def under_fire(self, act):
        kind = self.dice.choice(("before the receipt", "after the receipt", "after the receipt", "write", "write",
                                 "random", "random", "start"))
        if kind in ("random", "start"):
            act()
            self.strike_at_random() if kind == "random" else self.strike_at_start()
            return
        self.arm(kind)
        act()
        end = time.monotonic() + STRIKE_WITHIN
        while self._strike and time.monotonic() < end:
            time.sleep(0.02)
            self.revive()
        self.disarm()

    def is_right(self):
        """Does the daemon know the state of every victim, and say nothing of a state file that it cannot write?"""
        try:
            s = status(self.setup)
        except ValueError:  # no answer
            return False
        states = {i["check"]: i["state"] for i in s["items"]}
        return (states == {v.name: "CRITICAL" if v.name in self.down else "OK" for v in self.victims}
                and not any(note.startswith("state file cannot be written") for note in s["notes"]))

    def settle(self):
        """Waits until the right state has stood long enough to be stored; what ends before need not be known later."""
        end, since = time.monotonic() + PATIENCE, None
        while since is None or time.monotonic() < since + CALM:
            self.revive()
            who = [self.daemon.process.pid, *children(self.daemon, "tocsin-store")]
            if not self.is_right() or who != [self.daemon.process.pid, *children(self.daemon, "tocsin-store")]:
                since = None
            elif since is None:
                since = time.monotonic()
            assert time.monotonic() < end, f"the state is not {self.down}: {self.setup.tocsin('status').stdout}"
            time.sleep(0.2)

    def round(self, with_server_faults):
        some = self.dice.sample(self.victims, self.dice.randrange(1, 4))
        for goes_down in (True, False):
            faulty = with_server_faults and self.dice.random() < 0.4
            self.serve(self.dice.choice(SERVER_FAULTS) if faulty else "accept")
            self.under_fire(lambda: self.change(some, goes_down))
            self.settle()
        self.rounds += 1

    def run(self, rounds, server_faults_until):
        self.catcher.wait("started")
        self.settle()
        for n in range(rounds):
            self.round(n < server_faults_until)
            self.say(f"{n + 1} of {rounds} rounds, {sum(self.kills.values())} kills, {len(self.catcher.mails)} mails")
        self.serve("accept")

    def ids(self):
        return {m.message["Message-ID"] for m in list(self.catcher.mails)}

    def last_restart(self, judge_until):
        """Two problems stand and are told; kill -9, and a new daemon: it knows, and does not tell them again."""
        self.change(self.victims[1:3], True)
        self.settle()
        judge_until()
        before = self.ids()
        incidents = {i["check"]: i["incident"] for i in status(self.setup)["items"]}
        self.kill("daemon", "last")
        self.daemon.process.wait(10)
        self.revive()
        self.settle()
        assert {i["check"]: i["incident"] for i in status(self.setup)["items"]} == incidents
        time.sleep(2)
        assert self.ids() == before
        self.change(self.victims[1:3], False)
        self.settle()
        judge_until()

    def end(self):
        took = self.daemon.stop()
        assert took < harness.END_WITHIN and self.daemon.process.returncode == 0, (took, self.daemon.process.returncode)

    def free(self):
        self.daemon.kill()
        self.watch.stop()
        self.catcher.stop()
        for v in self.victims:
            v.kill()

    def story(self):
        """All that happened, in order, for whoever has to find out why."""
        lines = [(t, f"{what} {detail}") for t, what, detail in self.log]
        lines += [(m.time, f"  mail {m.message['Message-ID']} {m.subject} to {m.recipients}") for m in self.catcher.mails]
        lines += [(t, f"  refused {address} {answer}") for t, address, answer in self.catcher.refusals]
        return "\n".join([*(f"{t:.3f} {text}" for t, text in sorted(lines)), "logs of the daemons:", *self.daemon_logs,
                          self.daemon.log])


# ---- the judge

Told = collections.namedtuple("Told", "word check incident since mail in_memory")
HEADING = re.compile(r"^(CRITICAL|WARNING|UNKNOWN|RECOVERED)  \S")


def tellings(mail):
    """The events that a mail tells, as it is written for people."""
    in_memory = "state file cannot be written" in " ".join(mail.text.split())
    word = check = since = None
    for line in mail.text.splitlines():
        heading = HEADING.match(line)
        fields = line.split()
        if heading:
            word = heading[1]
        elif line.startswith("  Since  ") or line.startswith("  Recovered  "):
            since = datetime.strptime(" ".join(fields[1:4]).rstrip(","), "%Y-%m-%d %H:%M:%S %z").timestamp()
        elif line.startswith("  Check  "):
            check = fields[1]
        elif line.startswith("  Incident  "):
            yield Told(word, check, int(fields[1]), since, mail, in_memory)


class Verdict:
    def __init__(self, host):
        self.host = host
        self.by_id = collections.defaultdict(list)
        for mail in list(host.catcher.mails):
            self.by_id[str(mail.message["Message-ID"]).strip()].append(mail)
        self.told = [t for mails in self.by_id.values() for t in tellings(mails[0])]
        self.problems = []

    def spans(self, check):
        """(word, from, until) of each state that a check was put in, by the log."""
        changes = [(t, what) for t, what, detail in self.host.log if what in ("down", "up") and detail == check]
        ends = [t for t, _ in changes[1:]] + [time.time()]
        return [("CRITICAL" if what == "down" else "RECOVERED", t, end) for (t, what), end in zip(changes, ends)]

    def find(self, word, check, begin, end):
        return [t for t in self.told if (t.word, t.check) == (word, check) and begin - SLACK <= t.since <= end + SLACK]

    def missing(self):
        """What was done and is in no mail."""
        return [(word, v.name, begin) for v in self.host.victims for word, begin, end in self.spans(v.name)
                if not self.find(word, v.name, begin, end)]

    def complain(self, is_wrong, text):
        if is_wrong:
            self.problems.append(text)

    def judge_events(self):
        explained, again = set(), 0
        for v in self.host.victims:
            last = 0
            for word, begin, end in self.spans(v.name):
                found = self.find(word, v.name, begin, end)
                explained.update(found)
                stored = [t for t in found if not t.in_memory]
                again += max(0, len(found) - 1)
                self.complain(not found, f"lost: {word} of {v.name} at {begin:.3f}")
                # Told again under another id only what could not be stored, and said so.
                self.complain(len(stored) > 1, f"told {len(stored)} times: {word} of {v.name} at {begin:.3f}")
                if word == "CRITICAL" and stored:
                    self.complain(stored[0].incident <= last, f"incident {stored[0].incident} of {v.name} after {last}")
                    last = stored[0].incident
        deaths = sum(n for (_, target), n in self.host.kills.items() if target == "daemon")
        self.complain(again > deaths, f"{again} events told again, and the daemon died {deaths} times")
        for t in self.told:
            self.complain(t not in explained, f"invented: {t}")
        numbers = collections.defaultdict(set)
        for t in self.told:
            if not t.in_memory:
                numbers[t.incident].add(t.check)
        self.complain(any(len(checks) > 1 for checks in numbers.values()), f"one number for several incidents: {numbers}")

    def judge_started(self):
        started = [i for i, mails in self.by_id.items() if re.search(r"\bstarted", mails[0].subject)]
        self.complain(len(started) != 1, f"'monitoring started' was told by {started}")

    def judge_recipients(self):
        """Everybody has every mail, but for what the server refused for good."""
        bare = sum(1 for _, address, answer in self.host.catcher.refusals
                   if address == SECOND and answer.startswith("5"))
        for i, mails in self.by_id.items():
            have = {r for m in mails for r in m.recipients}
            self.complain(OPS not in have, f"{OPS} has no {i}")
            if SECOND not in have:
                self.complain(not any(SECOND in m.refused for m in mails) and bare <= 0, f"{SECOND} has no {i}")
                bare -= 1

    def duplicates(self):
        """(id, recipient, first, second) of mails that came twice."""
        for i, mails in self.by_id.items():
            for address in (OPS, SECOND):
                came = [m for m in mails if address in m.recipients]
                yield from ((i, address, a, b) for a, b in zip(came, came[1:]))

    def judge_duplicates(self):
        for i, address, first, second in self.duplicates():
            self.complain(first.content != second.content, f"{i} is not the same mail twice")
            self.complain(not any(first.time - 5 < t < second.time for t in self.host.kill_times),
                          f"{i} came twice to {address}, and nobody was killed meanwhile")

    def judge(self):
        self.judge_events()
        self.judge_started()
        self.judge_recipients()
        self.judge_duplicates()
        return self.problems


def run_host(host, rounds, server_faults_until, wait):
    """The whole life of a host; returns what was wrong."""
    def all_told():
        end = time.monotonic() + wait
        while Verdict(host).missing():
            assert time.monotonic() < end, f"not told within {wait} s: {Verdict(host).missing()}"
            host.revive()
            time.sleep(0.5)

    try:
        host.run(rounds, server_faults_until)
        all_told()
        host.last_restart(all_told)
        end = time.monotonic() + wait
        while status(host.setup)["outbox"] and time.monotonic() < end:
            time.sleep(0.5)
        host.end()
        return Verdict(host).judge()
    except Exception:
        return [traceback.format_exc(), *Verdict(host).judge()]
