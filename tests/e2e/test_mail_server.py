# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail server that is not as it should be, over minutes: one recipient refused, one put off for ever beside a good one, and
a server that goes away and comes back. What takes hours is in tests/scenarios."""

import collections
import os
import signal
import time

import harness
from test_helpers import status, wait_until

GOOD, BAD = "ops@example.org", "gone@example.org"
RETRY = 60  # seconds until the first retry


def set_recipients(setup):
    setup.mail["to"] = f"{GOOD}\nto = {BAD}"


def came(catcher, address):
    """How often each mail came to ADDRESS."""
    return collections.Counter(m.message["Message-ID"] for m in list(catcher.mails) if address in m.recipients)


def attempts(setup):
    return {m["subject"]: m["attempts"] for m in status(setup)["outbox"]}


def test_one_recipient_of_two_is_refused(setup, daemon, catcher, victim):
    """The other one has each mail once, and is told who has not; no mail stays queued."""
    set_recipients(setup)
    catcher.answers[BAD] = "550 5.1.1 no such user here"
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    for _ in range(3):
        before = len(catcher.mails)
        victim.kill()
        alert = catcher.wait("CRITICAL process victim", after=before)
        assert f"did not reach {BAD}" in " ".join(alert.text.split()) and "550 5.1.1 no such user" in alert.text
        victim.start()
        catcher.wait("RECOVERED process victim", after=before)
    wait_until(lambda: not status(setup)["outbox"])
    time.sleep(2)
    assert len(catcher.mails) == 7 and set(came(catcher, GOOD).values()) == {1} and not came(catcher, BAD)
    assert sum(address == BAD for _, address, _ in catcher.refusals) == 7
    assert d.stop() < harness.END_WITHIN


def test_one_recipient_is_put_off_for_ever_and_the_server_goes_away(setup, daemon, catcher, victim):
    """Nobody waits for another one's mailbox, and nobody gets a mail again because of it: over retries, kill -9 and a
    server that is away and comes back."""
    set_recipients(setup)
    catcher.answers[BAD] = "450 4.2.2 mailbox full"
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    began = time.monotonic()
    victim.kill()
    catcher.wait("CRITICAL process victim")
    print(f"to the good recipient after {time.monotonic() - began:.1f} s")
    wait_until(lambda: len(attempts(setup)) == 2 and set(attempts(setup).values()) == {1})
    for mail in status(setup)["outbox"]:
        assert {r["address"]: r["fate"] for r in mail["recipients"]} == {GOOD: "sent", BAD: "pending"}

    catcher.stop()
    victim.start()
    wait_until(lambda: any("RECOVERED" in s and n == 1 for s, n in attempts(setup).items()))
    os.kill(d.process.pid, signal.SIGKILL)
    d.crash()
    d = daemon(setup)
    assert len([s for s in attempts(setup) if "tocsin restarted" not in s]) == 3
    catcher.start()
    back = time.monotonic()
    recovery = catcher.wait("RECOVERED process victim", timeout=2 * RETRY)
    print(f"the server was back, and had the mail {time.monotonic() - back:.1f} s later")
    assert recovery.recipients == [GOOD]
    wait_until(lambda: all(n >= 2 for n in attempts(setup).values()), timeout=2 * RETRY)
    time.sleep(1)
    assert not came(catcher, BAD) and all({r["address"]: r["fate"] for r in mail["recipients"]} ==
                                          {GOOD: "sent", BAD: "pending"} for mail in status(setup)["outbox"])
    assert came(catcher, GOOD) == {m.message["Message-ID"]: 1 for m in catcher.mails} and len(catcher.mails) == 3
    assert d.stop() < harness.END_WITHIN
