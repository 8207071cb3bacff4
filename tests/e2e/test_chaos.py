# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill -9 of the daemon and its helpers at random instants, while a process dies and comes back and the mail server
accepts, defers, closes or is silent. The test keeps a log of what it has done; at the end the mailbox must tell the same.

TOCSIN_CHAOS_ROUNDS: how many incidents (default 6, about a minute); TOCSIN_CHAOS_SEED: another sequence of faults (when
exactly they hit differs in each run all the same). Only children of the daemon under test are killed, by their ids."""

import collections
import os
import random
import re
import signal
import time

import harness
from test_faults import children

ROUNDS = int(os.environ.get("TOCSIN_CHAOS_ROUNDS", "6"))
SEED = int(os.environ.get("TOCSIN_CHAOS_SEED", 20261123))
TARGETS = ("daemon", "tocsin-store", "tocsin-mail", "tocsin-check")
FAULTS = ("defer", "defer-data", "close", "silent")
AT_LEAST = 6  # seconds that each state of the victim lasts: longer than a restart of anything and a look


class Chaos:
    def __init__(self, setup, catcher, victim, dice):
        self.setup, self.catcher, self.victim, self.dice = setup, catcher, victim, dice
        self.log = []
        self.restarts = 0
        self.daemon = harness.Daemon(setup).wait_ready()

    def note(self, what):
        self.log.append(f"{time.time():.3f} {what}")

    def kill(self, target):
        if target == "daemon":
            self.note("kill daemon")
            self.daemon.kill()
            self.restarts += 1
            self.daemon = harness.Daemon(self.setup)
            return
        for pid in children(self.daemon, target):
            self.note(f"kill {target} {pid}")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def last(self, seconds):
        """Lets time pass, with kills in its first half."""
        end = time.monotonic() + seconds
        for _ in range(self.dice.randrange(4)):
            time.sleep(self.dice.random() * seconds / 8)
            self.kill(self.dice.choice(TARGETS))
        time.sleep(max(0, end - time.monotonic()))


def events(text):
    """What befell the victim by this mail: several events are one entry, with a row for each."""
    heading = re.findall(r"^(CRITICAL|RECOVERED)  process victim on testhost$", text, re.M)
    return re.findall(r"^  (CRITICAL|RECOVERED) +\d{4}-\d\d-\d\d ", text, re.M) or heading


def told(catcher):
    """By word: in how many mails that differ it was told; and the mails by Message-ID."""
    by_id = collections.defaultdict(list)
    for mail in catcher.mails:
        by_id[mail.message["Message-ID"]].append(mail)
    words = collections.Counter()
    for mails in by_id.values():
        for word in events(mails[0].text):
            words[word] += 1
            words["in memory"] += "state file cannot be written" in " ".join(mails[0].text.split())
    return words, by_id


def test_chaos(setup, catcher, victim):
    print(f"TOCSIN_CHAOS_SEED={SEED}")
    dice = random.Random(SEED)
    setup.sections["alert"]["unknown_confirm"] = 30  # a checker that was killed is no news here
    setup.write(victim.check())
    chaos = Chaos(setup, catcher, victim, dice)
    try:
        catcher.wait("started")
        for n in range(ROUNDS):
            # What is put off comes a minute later: not in the last rounds, so that the test ends in time.
            catcher.behave(dice.choice(FAULTS) if n < ROUNDS // 3 else "accept")
            chaos.note(f"victim dies, server: {catcher.behaviour}")
            victim.kill()
            chaos.last(AT_LEAST)
            chaos.note("victim comes back")
            victim.start()
            chaos.last(AT_LEAST)
        catcher.behave("accept")
        end = time.monotonic() + 200
        while time.monotonic() < end:
            words, _ = told(catcher)
            if words["CRITICAL"] >= ROUNDS and words["RECOVERED"] >= ROUNDS:
                break
            time.sleep(0.5)
        time.sleep(2)
        words, by_id = told(catcher)
        story = "\n".join([f"seed {SEED}", *chaos.log, *(f"mail {m.subject} {m.message['Date']}" for m in catcher.mails),
                           chaos.daemon.log])
        assert words["CRITICAL"] >= ROUNDS and words["RECOVERED"] >= ROUNDS, story
        # Told again under another id only what could not be stored before the daemon was killed, and said so.
        extra = words["CRITICAL"] + words["RECOVERED"] - 2 * ROUNDS
        assert extra <= min(words["in memory"], chaos.restarts), story
        for mails in by_id.values():
            assert len({m.content for m in mails}) == 1, story
        assert chaos.setup.tocsin("status").returncode == 0, story
        assert chaos.daemon.stop() < harness.END_WITHIN
        assert chaos.daemon.process.returncode == 0, story
    finally:
        chaos.daemon.kill()
