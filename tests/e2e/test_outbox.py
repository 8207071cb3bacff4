# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlives the daemon: mails until each recipient has an outcome, status reports at their times, a restart of the
host, a state file of an older version. Hours pass in the state file, while no daemon has it (state.py)."""

import contextlib
import os
import pathlib
import re
import sqlite3
import subprocess
import time

import pytest

from harness import recipient, wait_until
from state import change, rows, value
from test_alerts import begin, is_quiet, probes, readers, reload, setup, subjects, the_next  # noqa: F401

HOUR = 3600 * 10**6


def outbox(setup):
    return setup.status()["outbox"]


def wait_outbox(setup, n, attempts=0):
    """Waits until N mails are in the outbox and each was tried so often."""
    return wait_until(lambda: (mails := outbox(setup)) is not None and len(mails) == n and
                      all(m["attempts"] >= attempts for m in mails) and (mails or True), f"{n} mails in the outbox")


def age_mails(setup, usec=HOUR, *more):
    """Queued so much earlier, and due now."""
    change(setup, f"UPDATE mail SET queued_usec = queued_usec - {usec}, next_try_usec = {int(time.time() * 1e6)}", *more)


def leave_two_waiting(setup, daemon, catcher, probes, state):
    """A daemon that has stopped while its mails about web, CRITICAL, and disk, in STATE, were deferred."""
    web, disk = probes("web"), probes("disk")
    d = begin(setup, daemon, catcher, web.check(), disk.check())
    catcher.behave("defer")
    web.say("CRITICAL")
    wait_outbox(setup, 1, attempts=1)
    disk.say(state)
    wait_outbox(setup, 2, attempts=1)
    d.stop()


def words(mail):
    """Its text without line breaks."""
    return " ".join(mail.text.split())


# ---- mail servers that fail

def test_backlog_goes_as_one_digest(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    d = begin(setup, daemon, catcher, web.check(), disk.check())
    catcher.stop()
    web.say("CRITICAL")
    wait_outbox(setup, 1)
    web.say("OK")
    wait_outbox(setup, 2)
    disk.say("WARNING")
    queued = wait_outbox(setup, 3, attempts=1)
    assert "pending" in setup.tocsin("outbox").stdout
    disk.say("CRITICAL")
    dropped = next(m for m in wait_outbox(setup, 4, attempts=1) if m not in queued and "CRITICAL" in m["subject"])
    assert setup.tocsin("outbox", "drop", dropped["id"]).returncode == 0
    d.stop()
    age_mails(setup)
    catcher.start()
    d = daemon(setup)
    digest = the_next(catcher, 1, "digest: 1 problem, 1 recovered")
    text = words(digest)
    assert "was taken out of the outbox" in text
    assert "3 mails that could not be delivered in time" in text
    for mail in queued:  # subjects, as far as lines go
        assert mail["subject"][:30] in text, (mail, text)
    happened = text.split("What happened")[1]
    assert re.search(r"RECOVERED plugin web: after .*\(found .*, over .*\)", happened) and "WARNING plugin disk" in happened
    assert "plugin web on testhost" not in text  # it is well again: a row is enough
    wait_outbox(setup, 0)
    is_quiet(catcher)
    d.stop()
    assert rows(setup, "SELECT * FROM mail") == rows(setup, "SELECT * FROM recipient") == []
    disk.say("OK")
    daemon(setup)
    assert "outbox" not in the_next(catcher, 2, "RECOVERED .*disk").text  # it was told


@pytest.mark.parametrize("attempts", ["tried", "never tried"])
def test_single_late_mail_says_so_under_its_message_id(setup, daemon, catcher, probes, attempts):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    catcher.behave("defer")
    web.say("CRITICAL")
    [mail] = wait_outbox(setup, 1, attempts=1)
    d.stop()
    never = ("UPDATE mail SET attempts = 0", "UPDATE recipient SET answer = ''") if attempts == "never tried" else ()
    age_mails(setup, 2 * HOUR, *never)
    catcher.behave("accept")
    daemon(setup)
    late = the_next(catcher, 1, r"CRITICAL .*web")
    assert late.message["Message-ID"].startswith(f"<{mail['id']}@")
    assert re.search(r"This mail is late. It was written at .*, 2 h( \d+ s)? before", words(late)), late.text
    assert ("mailbox busy" in words(late)) == (attempts == "tried")
    wait_outbox(setup, 0)
    is_quiet(catcher)


def test_mail_that_is_a_little_late_is_as_it_was(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    catcher.behave("close")
    web.say("CRITICAL")
    wait_outbox(setup, 1, attempts=1)
    d.stop()
    age_mails(setup, HOUR // 3)
    stored = value(setup, "SELECT content FROM mail")
    catcher.behave("accept")
    daemon(setup)
    mail = the_next(catcher, 1, "CRITICAL .*web")
    assert mail.content.replace(b"\r\n", b"\n").strip() == stored.encode().replace(b"\r\n", b"\n").strip()


def test_backlog_that_is_merged_and_fails_again_stays_one(setup, daemon, catcher, probes):
    leave_two_waiting(setup, daemon, catcher, probes, "CRITICAL")
    age_mails(setup)
    d = daemon(setup)
    [digest] = wait_until(lambda: (m := outbox(setup)) and len(m) == 1 and m[0]["attempts"] >= 2 and m, "one digest, tried")
    d.stop()
    change(setup, "UPDATE mail SET next_try_usec = 0")
    catcher.behave("accept")
    daemon(setup)
    mail = the_next(catcher, 1, "digest: 2 problems")
    assert mail.message["Message-ID"].startswith(f"<{digest['id']}@")
    is_quiet(catcher)


def test_one_recipient_of_two_is_refused(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check(), text=recipient("gone"))
    catcher.answers["gone@example.org"] = "550 5.1.1 no such user here"
    web.say("CRITICAL")
    assert readers(the_next(catcher, 1, "CRITICAL .*web")) == ["ops"]
    wait_outbox(setup, 0)
    d.stop()  # who did not get it is not forgotten
    daemon(setup)
    assert "did not reach gone@example.org" in setup.tocsin("status").stdout
    is_quiet(catcher)
    web.say("OK")
    mail = the_next(catcher, 2, "RECOVERED .*web")
    assert readers(mail) == ["ops"]
    assert re.search(r'CRITICAL .*web.*did not reach gone@example\.org: .*550 5\.1\.1', words(mail)), mail.text
    wait_outbox(setup, 0)
    assert words(mail).count("did not reach") == 1
    assert "did not reach" in setup.tocsin("status").stdout  # of the second mail now


def test_who_did_not_get_it_is_told_by_a_mail_that_arrives(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check(), text=recipient("gone"))
    catcher.answers["gone@example.org"] = "550 5.1.1 no such user here"
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    wait_outbox(setup, 0)
    catcher.answers["ops@example.org"] = "450 4.2.1 mailbox busy"
    web.say("OK")  # the mail that tells it is late, and written anew; then it is dropped
    [mail] = wait_outbox(setup, 1, attempts=1)
    d.stop()
    age_mails(setup, 2 * HOUR)
    daemon(setup)
    wait_until(lambda: outbox(setup)[0]["attempts"] > 1, "another attempt")
    assert "did not reach gone@example.org" in " ".join(setup.tocsin("outbox", "show", mail["id"]).stdout.split())
    assert setup.tocsin("outbox", "drop", mail["id"]).returncode == 0
    catcher.answers.clear()
    web.say("CRITICAL")
    text = words(the_next(catcher, 2, "CRITICAL .*web"))
    assert "did not reach gone@example.org" in text and "was taken out of the outbox" in text
    web.say("OK")
    assert "did not reach" not in words(the_next(catcher, 3, "RECOVERED .*web"))


def test_one_recipient_of_two_is_deferred(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check(), text=recipient("busy"))
    catcher.answers["busy@example.org"] = "450 4.2.1 mailbox busy"
    web.say("CRITICAL")
    assert readers(the_next(catcher, 1, "CRITICAL .*web")) == ["ops"]
    [mail] = wait_outbox(setup, 1, attempts=1)
    assert {r["address"]: r["fate"] for r in mail["recipients"]} == {"ops@example.org": "sent", "busy@example.org": "pending"}
    d.stop()
    daemon(setup)
    assert setup.tocsin("outbox", "retry").returncode == 0
    is_quiet(catcher)
    catcher.answers.clear()
    assert setup.tocsin("outbox", "retry", mail["id"]).returncode == 0
    second = the_next(catcher, 2, "CRITICAL .*web")
    assert readers(second) == ["busy"] and second.message["Message-ID"] == catcher.mails[1].message["Message-ID"]
    wait_outbox(setup, 0)
    is_quiet(catcher)


def test_mail_is_given_up_and_that_is_told(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    catcher.behave("defer")
    web.say("CRITICAL")
    wait_outbox(setup, 1, attempts=1)
    d.stop()
    age_mails(setup, 6 * 24 * HOUR, "UPDATE mail SET next_try_usec = 0")  # the host was off, and its network may come late
    d = daemon(setup)
    wait_outbox(setup, 1, attempts=2)
    d.stop()
    age_mails(setup, 0)
    d = daemon(setup)
    wait_outbox(setup, 0)
    d.stop()
    catcher.behave("accept")
    daemon(setup)
    web.say("OK")
    mail = the_next(catcher, 1, "RECOVERED .*web")
    assert re.search(r"did not reach ops@example\.org: .*mailbox busy", words(mail)), mail.text


def test_digest_is_not_given_up_for_the_oldest_mail_in_it(setup, daemon, catcher, probes):
    """What happened an hour ago has four days and 23 hours left, beside whatever it is told."""
    leave_two_waiting(setup, daemon, catcher, probes, "CRITICAL")
    age_mails(setup, HOUR, f"UPDATE mail SET queued_usec = queued_usec - {6 * 24 * HOUR} WHERE subject LIKE '%web%'")
    d = daemon(setup)
    tried = 'mail "[^"]*digest[^"]*" to ops@example.org: temporary'
    d.wait_log(tried)
    [digest] = wait_outbox(setup, 1, attempts=2)
    catcher.behave("accept")
    assert setup.tocsin("outbox", "retry").returncode == 0
    mail = the_next(catcher, 1, "digest: 2 problems")
    assert mail.message["Message-ID"].startswith(f"<{digest['id']}@") and "did not reach" not in words(mail)


def test_late_mail_tells_what_is_no_longer_remembered(setup, daemon, catcher, probes):
    """Thousands of events have come since it was written: a mail that cannot be written anew in full goes as it is."""
    leave_two_waiting(setup, daemon, catcher, probes, "WARNING")
    age_mails(setup, HOUR, """WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n <= 5100)
        INSERT INTO event SELECT (SELECT max(number) FROM event) + n, 'found', 'web', 'other', 'OK', 'OK',
        (SELECT max(time_usec) FROM event), 0, 0, 'it is well', '', '', 0, '' FROM i""")
    catcher.behave("accept")
    daemon(setup)
    wait_until(lambda: not outbox(setup), "an empty outbox")
    text = " ".join(words(m) for m in catcher.mails[1:])
    assert "CRITICAL plugin web on testhost" in text and "WARNING plugin disk on testhost" in text, text


def test_start_with_a_long_past_and_a_long_mail(setup, daemon, catcher, probes):
    """The events of the mails that wait are found among all that the state file has before the daemon ceases to wait for it."""
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    catcher.behave("defer")
    web.say("CRITICAL")
    wait_outbox(setup, 1, attempts=1)
    d.stop()
    first = value(setup, "SELECT min(number) FROM event") - 10**6
    change(setup, f"""WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 60000)
        INSERT INTO event SELECT {first} + n, 'problem', 'web', 'other', 'OK', 'CRITICAL', {first} - {HOUR}, 0, 0, 'it was so', '',
        '', 0, '' FROM i""",
           "UPDATE mail SET events = (SELECT group_concat(number, ' ') FROM (SELECT number FROM event ORDER BY number"
           " LIMIT 5000)) || ' ' || events")
    d = daemon(setup)
    assert "could not be read" not in d.log and "cannot be written" not in d.log
    assert setup.item("web")["incident"] == 1
    catcher.behave("accept")
    assert setup.tocsin("outbox", "retry").returncode == 0
    the_next(catcher, 1, "CRITICAL .*web")


def test_outbox_that_is_full_drops_the_oldest_and_says_so(setup, daemon, catcher, probes):
    """A thousand mails to as many people, which cannot become fewer."""
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    d.stop()
    now = int(time.time() * 1e6)
    numbers = "WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 999) "
    change(setup, f"{numbers} INSERT INTO mail SELECT printf('%032x', 7919 * (n + 1) % 1000), 'mail ' || n, 'a@example.org',"
           f" 'Subject: x', {now} - (1000 - n) * 1000, 1, {now} + {HOUR // 60}, 'alert', '', '' FROM i",
           f"{numbers} INSERT INTO recipient SELECT printf('%032x', 7919 * (n + 1) % 1000), 'r' || n || '@example.org', 'pending',"
           " '' FROM i")
    d = daemon(setup)
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    d.wait_log('"mail 0" was dropped')
    left = {m["subject"] for m in outbox(setup)}
    assert "mail 0" not in left and {f"mail {n}" for n in range(1, 1000)} <= left
    for mail in outbox(setup)[:20]:
        assert setup.tocsin("outbox", "drop", mail["id"]).returncode == 0
    web.say("OK")
    text = words(the_next(catcher, 2, "RECOVERED .*web"))
    assert 'The mail "mail 0" was dropped: more than 1000 mails wait' in text
    assert text.count("was taken out of the outbox") == 18 and "There was more to be noted than there is room for" in text


def test_mails_keep_their_order_over_a_restart(setup, daemon, catcher, probes):
    """Those that are not so late that they become one go in the order of what happened; ids are no order."""
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    catcher.behave("defer")
    for n, state in enumerate(["CRITICAL", "OK"] * 3, 1):
        web.say(state)
        queued = wait_outbox(setup, n)
    d.stop()
    change(setup, "UPDATE mail SET next_try_usec = 0")
    catcher.behave("accept")
    daemon(setup)
    wait_until(lambda: len(catcher.mails) == 1 + len(queued), "all mails")
    assert [m.message["Message-ID"].strip("<").split("@")[0] for m in catcher.mails[1:]] == [m["id"] for m in queued]


def test_outbox_by_hand(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    begin(setup, daemon, catcher, web.check(), disk.check())
    assert "no mail waits" in setup.tocsin("outbox").stdout
    catcher.behave("defer")
    web.say("CRITICAL")
    [mail] = wait_outbox(setup, 1, attempts=1)
    run = setup.tocsin("outbox")
    assert run.returncode == 0
    for part in (mail["subject"], mail["id"], "pending ops@example.org", "450 4.2.1"):
        assert part in run.stdout, run.stdout
    shown = setup.tocsin("outbox", "show", mail["id"][:8])
    assert shown.returncode == 0 and re.search(rf"^Message-ID: <{mail['id']}@", shown.stdout, re.M)
    assert "password" not in shown.stdout
    for arguments in (["show"], ["drop"], ["empty"]):
        assert setup.tocsin("outbox", *arguments).returncode == 64
    for verb in ("show", "retry", "drop"):
        for id in ("nonesuch", mail["id"][:3], mail["id"] + "0"):
            run = setup.tocsin("outbox", verb, id)
            assert run.returncode == 78 and "no such mail" in run.stderr, run

    disk.say("WARNING")
    wait_outbox(setup, 2, attempts=1)
    assert setup.tocsin("outbox", "drop", mail["id"]).returncode == 0
    assert [m["subject"] for m in outbox(setup)] == [s for s in [outbox(setup)[0]["subject"]] if "disk" in s]
    catcher.behave("accept")
    assert setup.tocsin("outbox", "retry").returncode == 0
    the_next(catcher, 1, "WARNING .*disk")
    web.say("OK")
    mail = the_next(catcher, 2, "RECOVERED .*web")
    assert re.search(r"was taken out of the outbox by .*uid \d+", words(mail)), mail.text


def test_mail_on_its_way_is_not_dropped(setup, daemon, catcher, probes):
    web = probes("web")
    setup.mail["timeout"] = "20s"
    begin(setup, daemon, catcher, web.check())
    catcher.behave("silent")
    n = catcher.connections
    web.say("CRITICAL")
    wait_until(lambda: catcher.connections > n, "a connection")
    [mail] = outbox(setup)
    run = setup.tocsin("outbox", "drop", mail["id"])
    assert run.returncode == 78 and "on its way" in run.stderr, run


# ---- status reports

def test_reports_are_numbered_and_never_sent_twice(setup, daemon, catcher, probes):
    web = probes("web")
    setup.sections["report"]["every"] = "1h"
    d = begin(setup, daemon, catcher, web.check())
    web.say("WARNING")
    the_next(catcher, 1, "WARNING .*web")
    run = setup.tocsin("report")
    assert run.returncode == 0 and "Since the last report" in run.stdout and "web" in run.stdout
    run = setup.tocsin("report", "--send")
    assert run.returncode == 0 and "on its way" in run.stdout
    first = the_next(catcher, 2, r"status WARNING")
    assert "Status report 1," in first.text and "Report 2 is expected by" in words(first)
    assert re.search(r"Since the last report.*WARNING +plugin web|Since the last report.*WARNING.*web", words(first))
    d.stop()
    d = daemon(setup)
    is_quiet(catcher)
    d.stop()
    change(setup, f"UPDATE meta SET value = value - {HOUR} WHERE name = 'last_report'")  # it was due meanwhile
    d = daemon(setup)
    second = the_next(catcher, 3, r"status WARNING")
    assert "Status report 2," in second.text
    is_quiet(catcher)
    d.stop()
    daemon(setup)
    is_quiet(catcher)


def test_report_at_a_time_of_the_day(setup, daemon, catcher, probes):
    del setup.sections["report"]["every"]
    soon = subprocess.run(["date", "+%s %H:%M", "-d", "+75 seconds"], env={"PATH": os.environ["PATH"]}, check=True,
                          capture_output=True, text=True).stdout.split()
    setup.sections["report"]["at"] = soon[1]
    d = begin(setup, daemon, catcher, probes("web").check())
    d.stop()
    d = daemon(setup)
    mail = the_next(catcher, 1, "status OK", timeout=150)
    due = int(soon[0]) // 60 * 60
    assert due <= mail.message["Date"].datetime.timestamp() < due + 60
    assert re.search(rf"Report 2 is expected by \S+ {soon[1]}:00", words(mail)), mail.text
    d.stop()
    d = daemon(setup)
    is_quiet(catcher)
    d.stop()
    change(setup, f"UPDATE meta SET value = value - {24 * HOUR} WHERE name = 'last_report'")  # down for a day
    daemon(setup)
    assert "Status report 2," in the_next(catcher, 2, "status OK").text
    is_quiet(catcher)


def test_report_says_all_that_is_in_force(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    begin(setup, daemon, catcher, web.check(), disk.check(), text=recipient("boss"))
    web.say("CRITICAL")
    number = the_next(catcher, 1, "CRITICAL .*web").message["X-Tocsin-Incident"]
    setup.tocsin("ack", number, "-m", "the supplier knows")
    setup.tocsin("silence", "disk*", "2h", "-m", "it is being moved")
    catcher.behave("defer")
    web.say("OK")
    wait_outbox(setup, 1, attempts=1)
    report = " ".join(setup.tocsin("report").stdout.split())
    for part in (r"ACK +plugin web: .*by .*uid \d+\): the supplier knows",
                 r"Silences in force.*disk\*: until .*, by .*uid \d+.*: it is being moved",
                 r"Mails not delivered yet.*RECOVERED .*web.*tried \d+ time.*mailbox busy", r"RECOVERED.*web"):
        assert re.search(part, report), (part, report)
    catcher.behave("accept")
    setup.tocsin("outbox", "retry")
    the_next(catcher, 2, "RECOVERED")
    setup.tocsin("report", "--send")
    assert readers(the_next(catcher, 3, "status OK")) == ["ops"]


# ---- the host restarts

@pytest.mark.parametrize("how", ["clean", "crash"])
def test_restart_of_the_host(setup, daemon, catcher, probes, how):
    web, disk = probes("web"), probes("disk")
    d = begin(setup, daemon, catcher, web.check(), disk.check(), text=recipient("boss", minimum="critical") +
              recipient("later", escalate_after="1h"))
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    setup.tocsin("silence", "disk", "1h", "-m", "x")
    disk.say("CRITICAL")
    untold = setup.wait_item("disk", state="CRITICAL")["incident"]
    d.stop()
    change(setup, "DELETE FROM silence", "UPDATE meta SET value = 'another boot' WHERE name = 'boot_id'",
           *(["UPDATE meta SET value = '0' WHERE name = 'stopped'"] if how == "crash" else []))
    daemon(setup)
    mail = catcher.wait("host restarted", after=2)
    assert readers(mail) == ["boss", "ops"]
    assert re.search(r"was down for .*\(clean shutdown\)" if how == "clean" else r"was down for .*\(crash, reset or power cut\)",
                     words(mail))
    assert re.search(r"Last alive\W+\d{4}-", mail.text) and "RESTARTED" in mail.text
    assert not re.search(r"host testhost|\bCheck\b.*\bhost\b", mail.text)
    # What nobody was told of is judged anew, and what was told is not told again.
    wait_until(lambda: any("disk" in m.subject for m in catcher.mails[2:]), "the mail about disk")
    assert setup.item("disk")["incident"] > untold
    assert not any(re.search("CRITICAL .*web", s) for s in subjects(catcher, 2))
    is_quiet(catcher)


def test_restart_of_the_host_is_told_once(setup, daemon, catcher, probes):
    d = begin(setup, daemon, catcher, probes("web").check())
    d.stop()
    change(setup, "UPDATE meta SET value = 'another boot' WHERE name = 'boot_id'")
    d = daemon(setup)
    mail = the_next(catcher, 1, "host restarted, was down for")
    assert mail.message["X-Tocsin-Check"] is None
    d.stop()
    daemon(setup)
    is_quiet(catcher)
    assert "RESTARTED" in setup.tocsin("report").stdout


# ---- what is configured no more

def test_check_that_is_removed_while_its_problem_is_open(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    d = begin(setup, daemon, catcher, web.check(), disk.check())
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    reload(setup, d, disk.check())
    assert re.search(r"REMOVED .*web: .*was CRITICAL: all the world", " ".join(setup.tocsin("report").stdout.split()))
    is_quiet(catcher)
    disk.say("CRITICAL")
    the_next(catcher, 2, "CRITICAL .*disk")
    d.stop()
    assert value(setup, "SELECT count(*) FROM incident WHERE closed_usec = 0") == 1
    setup.write(web.say("OK").check())  # the other one goes while nobody is there
    d = daemon(setup)
    setup.wait_item("web", state="OK")
    d.wait_log("incident 2 of disk disk is closed in the state file too")
    d.stop()
    assert value(setup, "SELECT count(*) FROM incident WHERE closed_usec = 0") == 0
    assert value(setup, "SELECT count(*) FROM item") == 1


def test_check_that_is_removed_while_its_mails_wait(setup, daemon, catcher, probes):
    """What it told is told: late, and as one."""
    web, disk = probes("web"), probes("disk")
    d = begin(setup, daemon, catcher, web.check(), disk.check(), text=recipient("boss"))
    catcher.behave("defer")
    web.say("CRITICAL")
    wait_outbox(setup, 1, attempts=1)
    reload(setup, d, disk.check(), text=recipient("chief"))
    d.stop()
    age_mails(setup)
    d = daemon(setup)
    wait_outbox(setup, 1, attempts=2)
    disk.say("CRITICAL")
    wait_outbox(setup, 2, attempts=1)
    d.stop()
    age_mails(setup)
    catcher.behave("accept")
    daemon(setup)
    wait_until(lambda: not outbox(setup), "an empty outbox")
    told = {tuple(readers(m)): words(m) for m in catcher.mails[1:]}
    assert "CRITICAL plugin disk" in told["chief",] and "web" not in told["chief",].split("Other checks")[0]
    assert "CRITICAL web" in told["boss",] and "This mail is late" in told["boss",]
    assert "CRITICAL plugin disk" in told["ops",] and "CRITICAL web" in told["ops",] and "2 mails that could not" in told["ops",]


# ---- a state file of an older version

def steps():
    """The migrations as the source has them."""
    source = (pathlib.Path(__file__).parents[2] / "src" / "store.c").read_text()
    body = re.search(r"store_steps\[\] = \{(.*?)\n\};", source, re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', step)) for step in re.split(r'(?<="),\n', body) if '"' in step]


def make_version_1(setup, boot_id, is_mailed):
    now = int(time.time() * 1e6)
    alert = (f"state=CRITICAL known=1 since={now - HOUR} incident=7 incident_since={now - HOUR} blind=0")
    with contextlib.closing(sqlite3.connect(setup.state)) as db:
        db.executescript(steps()[0])
        db.execute("PRAGMA user_version = 1")
        db.execute(f"PRAGMA application_id = {0x5463736e}")
        db.executemany("INSERT INTO meta VALUES (?, ?)", [
            ("boot_id", boot_id), ("next_incident", "8"), ("started_told", "yes"), ("last_report", str(now - HOUR))])
        db.execute("INSERT INTO item VALUES ('web', 'web', 'plugin', ?, ?, 'old@testhost', 'no', '0')", (
            alert, f'{{"state": "CRITICAL", "time": {now - 10**6}, "text": "it was so"}}'))
        db.execute("INSERT INTO event VALUES (?, 'problem', 'web', 'web', 'OK', 'CRITICAL', ?, ?, '7', 'it was so', ?)",
                   (str(now - HOUR), str(now - HOUR), str(now - HOUR), "0123" if is_mailed else ""))
        db.commit()


@pytest.mark.parametrize("is_mailed", [True, False], ids=["told", "not told yet"])
def test_upgrade_with_an_open_problem(setup, daemon, catcher, probes, is_mailed):
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    make_version_1(setup, boot_id, is_mailed)
    web = probes("web").say("CRITICAL", "it was so")
    setup.write(web.check())
    daemon(setup)
    assert setup.wait_item("web", state="CRITICAL", last_state="CRITICAL")["incident"] == 7
    if not is_mailed:
        the_next(catcher, 0, "CRITICAL .*web")
    is_quiet(catcher)
    assert setup.tocsin("ack", "7", "-m", "known").returncode == 0
    web.say("OK")
    recovery = the_next(catcher, 0 if is_mailed else 1, r"RECOVERED .*web after 1 h")
    if is_mailed:
        assert "old@testhost" in recovery.message["References"]
    is_quiet(catcher)
