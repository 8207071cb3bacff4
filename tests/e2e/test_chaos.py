# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill -9 of the daemon and each of its helpers at random instants, at each write to the state file, and just before and
after the mail server's receipt, while checks fail and recover and the server accepts, defers, refuses one of two, closes or
is silent. Several daemons side by side, because a mail that was put off waits for a minute. See chaos.py for the judge.

TOCSIN_CHAOS_ROUNDS: how many rounds in all, each with some faults and their recoveries (default 9, about a minute and a
half); TOCSIN_CHAOS_SEED: another sequence (when exactly a kill hits differs in each run all the same);
TOCSIN_CHAOS_STORY: a folder for the whole story of each host. Only children of the daemons under test are killed, by
their ids."""

import collections
import concurrent.futures
import os
import pathlib
import random
import statistics
import time
import types

import pytest

from chaos import OPS, SECOND, Host, Verdict, run_host

ROUNDS = int(os.environ.get("TOCSIN_CHAOS_ROUNDS", "9"))
SEED = int(os.environ.get("TOCSIN_CHAOS_SEED", 20261123))
STORIES = os.environ.get("TOCSIN_CHAOS_STORY")
HOSTS = 3 if ROUNDS < 30 else 5
WAIT = 400 if ROUNDS < 30 else 1500  # the first retry comes after 1 min; several in a row are not likely, but come


def lateness(verdict):
    """Seconds from each fault to the first mail that tells it, where the server accepted all the while."""
    for v in verdict.host.victims:
        for word, begin, end in verdict.spans(v.name):
            servers = [d for t, what, d in verdict.host.log if what == "server" and t < begin]
            found = verdict.find(word, v.name, begin, end)
            if found and servers and servers[-1] == "accept":
                yield min(t.mail.time for t in found) - begin


def print_numbers(verdicts):
    hosts = [v.host for v in verdicts]
    kills = sum((h.kills for h in hosts), collections.Counter())
    late = [x for v in verdicts for x in lateness(v)] or [0]
    refusals = collections.Counter(f"{a}: {answer}" for h in hosts for _, a, answer in h.catcher.refusals)
    print(f"{sum(h.rounds for h in hosts)} rounds on {len(hosts)} hosts, "
          f"{sum(len(v.spans(x.name)) for v in verdicts for x in v.host.victims)} changes, "
          f"{sum(len(v.missing()) for v in verdicts)} of them not told, {sum(kills.values())} kills")
    for (occasion, target), n in sorted(kills.items()):
        print(f"    {n:4} {target}, {occasion}")
    print(f"{sum(len(h.catcher.mails) for h in hosts)} mails accepted, {sum(len(v.by_id) for v in verdicts)} that differ, "
          f"{sum(1 for v in verdicts for _ in v.duplicates())} duplicates by recipient, "
          f"{sum(t.in_memory for v in verdicts for t in v.told)} events told from memory")
    for answer, n in refusals.items():
        print(f"    {n:4} × {answer}")
    print(f"with a server that accepts, a change was told after {statistics.median(late):.2f} s (median), "
          f"{max(late):.1f} s (most)")


def test_chaos(tmp_path, authority, server_certificate):
    print(f"TOCSIN_CHAOS_SEED={SEED}")
    hosts = []
    try:
        for i in range(HOSTS):
            hosts.append(Host(tmp_path / f"h{i}", server_certificate, authority.ca_file, random.Random(SEED + i),
                              lambda text, i=i: print(f"host {i}: {text}", flush=True)))
        rounds = [ROUNDS // HOSTS + (i < ROUNDS % HOSTS) for i in range(HOSTS)]
        with concurrent.futures.ThreadPoolExecutor(HOSTS) as threads:
            # What is put off comes a minute later: not in the last rounds, so that the test ends in time.
            wrong = list(threads.map(lambda h, n: run_host(h, n, (2 * n + 2) // 3 if n > 5 else 1, WAIT), hosts, rounds))
        print_numbers([Verdict(h) for h in hosts])
        for i, host in enumerate(hosts):
            if STORIES:
                pathlib.Path(STORIES, f"host{i}").write_text("\n".join([*wrong[i], host.story()]))
        assert not any(wrong), "\n".join(["\n".join([*w, h.story()]) for w, h in zip(wrong, hosts) if w])
    finally:
        for host in hosts:
            host.free()


# ---- the judge himself

NOW = 1_700_000_000


class FakeMail(types.SimpleNamespace):
    __hash__ = object.__hash__


def mail(number, word, at, check="v1", incident=1, text=None):
    when = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(NOW + at))
    key = "Since  " if word == "CRITICAL" else "Recovered  "
    text = text or f"{word}  process {check} on testhost\n\n  {key}  {when}, 1 s ago\n  Check    {check} (module process)\n" \
                   f"  Incident   {incident}\n"
    return FakeMail(message={"Message-ID": f"<{number}@testhost>"}, subject=word, text=text, content=text,
                    time=NOW + at + 1, recipients=[OPS, SECOND], refused=[])


def history():
    """Two faults of one check, all told once; the daemon was killed at second 8."""
    log = [(NOW + at, what, "v1") for at, what in ((10, "down"), (20, "up"), (30, "down"), (40, "up"))]
    mails = [mail(0, "started", 0, text="all is well"), mail(1, "CRITICAL", 10), mail(2, "RECOVERED", 20),
             mail(3, "CRITICAL", 30, incident=2), mail(4, "RECOVERED", 40, incident=2)]
    return types.SimpleNamespace(
        log=log, victims=[types.SimpleNamespace(name="v1")], kills=collections.Counter({("random", "daemon"): 1}),
        kill_times=[NOW + 8], catcher=types.SimpleNamespace(mails=mails, refusals=[]))


def again(host, n, **changed):
    host.catcher.mails.append(FakeMail(**{**vars(host.catcher.mails[n]), **changed}))


@pytest.mark.parametrize("misdeed, words", [
    (lambda h: None, None),
    (lambda h: again(h, 1, time=NOW + 12), None),  # the same mail, and somebody was killed shortly before
    (lambda h: h.catcher.mails.pop(3), "lost: CRITICAL of v1"),
    (lambda h: h.catcher.mails.append(mail(5, "CRITICAL", 31, incident=2)), "told 2 times: CRITICAL"),
    (lambda h: h.catcher.mails.append(mail(5, "CRITICAL", 25, incident=3)), "invented"),
    (lambda h: h.catcher.mails.append(mail(5, "UNKNOWN", 15, incident=3)), "invented"),
    (lambda h: h.catcher.mails.append(mail(5, "started", 30, text="all is well")), "'monitoring started' was told by"),
    (lambda h: again(h, 4, time=NOW + 50), "nobody was killed meanwhile"),
    (lambda h: again(h, 1, content="something else", time=NOW + 12), "is not the same mail twice"),
    (lambda h: h.catcher.mails[2].recipients.remove(SECOND), f"{SECOND} has no <2@testhost>"),
    (lambda h: h.catcher.mails[2].recipients.remove(OPS), f"{OPS} has no <2@testhost>"),
    (lambda h: h.catcher.mails.__setitem__(3, mail(3, "CRITICAL", 30, incident=1)), "incident 1 of v1 after 1")])
def test_the_judge(misdeed, words):
    host = history()
    misdeed(host)
    problems = Verdict(host).judge()
    assert any(words in p for p in problems) if words else not problems, problems
