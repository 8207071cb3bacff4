# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told what, and when: recipients, escalation, reminders, silences, dependences, quiet hours, flapping, limits. Each
rule once in the real daemon, most of them over its restart; all rows and combinations stand in tests/scenarios.

Mails that must not come are waited for some seconds, which proves something only because each look takes one."""

import datetime
import json
import re
import time

import pytest

import harness
from harness import recipient, wait_until
from state import change, value

LOOKS = 4  # seconds, and as many looks


@pytest.fixture
def setup(setup):
    """Recipients whose last mails went at different times do not drift apart."""
    setup.sections["alert"].update(group_second="0s", group_interval="0s")
    return setup


@pytest.fixture
def probes(tmp_path):
    """A function that makes a check by its name; it says OK at first."""
    return lambda name: harness.Probe(tmp_path, name)


def begin(setup, daemon, catcher, *checks, text=""):
    """A daemon that has looked at everything, told the first mail, and knows that it was accepted."""
    setup.write(*checks, text=text)
    d = daemon(setup)
    catcher.wait("monitoring started")
    wait_until(lambda: not setup.status()["outbox"], "an empty outbox")
    return d


def reload(setup, d, *checks, text=""):
    setup.write(*checks, text=text)
    run = setup.tocsin("reload")
    assert run.returncode == 0, run.stderr


def subjects(catcher, after=0):
    return [m.subject for m in catcher.mails[after:]]


def is_quiet(catcher, seconds=LOOKS):
    """No mail comes for so long."""
    n = len(catcher.mails)
    time.sleep(seconds)
    assert subjects(catcher, n) == []


def the_next(catcher, n, pattern, timeout=60):
    """The mail with index N is this one, and none came between."""
    mail = catcher.wait(pattern, timeout=timeout, after=n)
    assert catcher.mails.index(mail) == n, subjects(catcher)
    return mail


def readers(mail):
    return sorted(address.split("@")[0] for address in mail.recipients)


def around(hours_before, hours_after):
    """A window of the week that covers now in whatever zone the daemon lives, if both are 11."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return "-".join(f"{(now.hour + h) % 24:02}:00" for h in (-hours_before, hours_after))


# ---- recipients

def test_each_recipient_gets_what_it_wants(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk-data")
    begin(setup, daemon, catcher, web.check(), disk.check(), text=recipient("boss", minimum="critical") +
          recipient("storage", checks=["disk*", "nonesuch/*"]))
    assert readers(catcher.mails[0]) == ["ops"]

    disk.say("CRITICAL")
    mail = the_next(catcher, 1, r"CRITICAL .*disk-data")
    assert readers(mail) == ["boss", "ops", "storage"]  # one mail, as all of them wait for the same
    assert [a.addr_spec for a in mail.message["To"].addresses] == [f"{n}@example.org" for n in ("ops", "boss", "storage")]
    disk.say("OK")
    assert readers(the_next(catcher, 2, r"RECOVERED .*disk-data")) == ["boss", "ops", "storage"]

    web.say("WARNING")
    assert readers(the_next(catcher, 3, r"WARNING .*web")) == ["ops"]
    web.say("OK")
    assert readers(the_next(catcher, 4, r"RECOVERED .*web")) == ["ops"]

    web.say("WARNING")
    assert readers(the_next(catcher, 5, r"WARNING .*web")) == ["ops"]
    web.say("CRITICAL")
    assert readers(the_next(catcher, 6, r"CRITICAL .*web")) == ["boss", "ops"]
    web.say("OK")
    assert readers(the_next(catcher, 7, r"RECOVERED .*web")) == ["boss", "ops"]
    is_quiet(catcher)


def test_recipients_with_different_news_get_different_mails(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    setup.sections["alert"]["group_wait"] = "5s"
    begin(setup, daemon, catcher, web.check(), disk.check(), text=recipient("storage", checks="disk"))
    web.say("CRITICAL")
    disk.say("CRITICAL")
    catcher.wait("CRITICAL .*disk", after=1)
    wait_until(lambda: len(catcher.mails) == 3, "two mails")
    mails = {readers(m)[0]: m for m in catcher.mails[1:]}
    assert re.search("2 problems", mails["ops"].subject) and readers(mails["ops"]) == ["ops"]
    assert re.search("CRITICAL .*disk", mails["storage"].subject) and "web" not in mails["storage"].subject
    is_quiet(catcher)


def test_recipients_change_while_an_event_waits(setup, daemon, catcher, probes):
    web = probes("web")
    setup.sections["alert"]["group_wait"] = "12s"
    d = begin(setup, daemon, catcher, web.check(), text=recipient("night") + recipient("gone"))
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    # "night" is called "late" now: what waited for it waits for the one that is new.
    reload(setup, d, web.check(), text=recipient("late"))
    assert readers(the_next(catcher, 1, "CRITICAL .*web")) == ["ops"]
    assert readers(the_next(catcher, 2, "CRITICAL .*web")) == ["late"]
    web.say("OK")
    assert readers(the_next(catcher, 3, "RECOVERED .*web")) == ["late", "ops"]
    is_quiet(catcher)


def test_the_only_recipient_is_renamed_while_the_daemon_is_down(setup, daemon, catcher, probes):
    web = probes("web")
    setup.mail.pop("to")
    setup.sections["alert"]["group_wait"] = "8s"
    d = begin(setup, daemon, catcher, web.check(), text=recipient("night", reports="yes"))
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    d.stop()
    assert value(setup, "SELECT waiting FROM event WHERE event = 'problem'") == "night"
    setup.write(web.check(), text=recipient("late", reports="yes"))
    d = daemon(setup)
    assert readers(the_next(catcher, 1, "CRITICAL .*web")) == ["late"]
    is_quiet(catcher)
    d.stop()
    assert value(setup, "SELECT waiting FROM event WHERE event = 'problem'") == ""


def test_recipient_that_is_new_is_not_told_what_others_know(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    reload(setup, d, web.check(), text=recipient("late"))
    is_quiet(catcher)
    web.say("OK")
    the_next(catcher, 2, "RECOVERED .*web")


def test_problem_waits_with_one_mail_over_kill_9(setup, daemon, catcher, probes):
    web = probes("web")
    setup.sections["alert"]["group_wait"] = "6s"
    d = begin(setup, daemon, catcher, web.check())
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    time.sleep(0.5)  # more than a commit takes
    assert len(catcher.mails) == 1
    d.crash()
    wait_until(lambda: not d.leftovers(), "the end of what it had started", 30)
    d = daemon(setup)
    mail = the_next(catcher, 1, "CRITICAL .*web")
    is_quiet(catcher)
    web.say("OK")
    recovery = the_next(catcher, 2, "RECOVERED .*web")
    assert mail.message["Message-ID"].strip() in recovery.message["References"]


# ---- escalation

def test_escalation_over_restarts(setup, daemon, catcher, probes):
    web = probes("web")
    boss = recipient("boss", escalate_after="6s")
    d = begin(setup, daemon, catcher, web.check(), text=boss)
    web.say("CRITICAL")
    assert readers(the_next(catcher, 1, "CRITICAL .*web")) == ["ops"]
    d.stop()
    d = daemon(setup)
    mail = the_next(catcher, 2, "ESCALATED CRITICAL .*web")
    assert readers(mail) == ["boss"] and "not acknowledged" in mail.subject
    is_quiet(catcher)  # once
    d.stop()
    d = daemon(setup)
    is_quiet(catcher, 8)
    web.say("OK")
    assert readers(the_next(catcher, 3, "RECOVERED .*web")) == ["boss", "ops"]
    web.say("WARNING")  # another incident begins anew
    assert readers(the_next(catcher, 4, "WARNING .*web")) == ["ops"]
    web.say("OK")
    assert readers(the_next(catcher, 5, "RECOVERED .*web")) == ["ops"]


def test_what_is_acknowledged_is_not_escalated(setup, daemon, catcher, probes):
    web = probes("web")
    begin(setup, daemon, catcher, web.check(), text=recipient("boss", escalate_after="8s"))
    web.say("CRITICAL")
    mail = the_next(catcher, 1, "CRITICAL .*web")
    assert setup.tocsin("ack", mail.message["X-Tocsin-Incident"], "--until", "14s").returncode == 0
    is_quiet(catcher, 11)
    the_next(catcher, 2, "ESCALATED CRITICAL .*web")  # the acknowledgement is over


# ---- reminders and acknowledgements

def test_reminders(setup, daemon, catcher, probes):
    web = probes("web")
    begin(setup, daemon, catcher, web.check(remind_critical="2s 5s"))
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    first = the_next(catcher, 2, r"CRITICAL .*web for \d+ s")
    second = the_next(catcher, 3, r"CRITICAL .*web for \d+ s")
    assert "still lasts" in first.text
    assert second.message["Date"].datetime - first.message["Date"].datetime >= datetime.timedelta(seconds=2)
    web.say("OK")
    catcher.wait("RECOVERED", after=4)
    is_quiet(catcher)


def test_acknowledgement(setup, daemon, catcher, probes):
    web = probes("web")
    begin(setup, daemon, catcher, web.check(remind_critical="2s 4s", remind_warning="2s 4s"))
    web.say("WARNING")
    number = the_next(catcher, 1, "WARNING .*web").message["X-Tocsin-Incident"]
    the_next(catcher, 2, "WARNING .*web for")
    run = setup.tocsin("ack", f"#{number}", "-m", "I am looking at it")
    assert run.returncode == 0 and "acknowledged" in run.stdout, run
    n = len(catcher.mails)
    is_quiet(catcher, 7)
    acknowledged = setup.item("web")["acknowledged"]
    assert "uid " in acknowledged["who"] and acknowledged["reason"] == "I am looking at it" and acknowledged["until"] is None
    for command in ("status", "report"):
        said = setup.tocsin(command).stdout
        assert "acknowledged" in said.lower() and "I am looking at it" in said, said

    web.say("CRITICAL")  # nobody has said anything of this
    the_next(catcher, n, "CRITICAL .*web")
    assert setup.item("web")["acknowledged"] is None
    the_next(catcher, n + 1, "CRITICAL .*web for")
    web.say("OK")
    catcher.wait("RECOVERED .*web", after=n + 2)
    setup.wait_item("web", incident=None, acknowledged=None)


def test_acknowledgement_ends_and_survives_a_restart(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check(remind_critical="3s"))
    web.say("CRITICAL")
    number = the_next(catcher, 1, "CRITICAL .*web").message["X-Tocsin-Incident"]
    run = setup.tocsin("ack", number, "--until", "16s", "--json")
    assert run.returncode == 0 and re.search(r'"until": "\d{4}-\d\d-\d\dT', run.stdout), run
    n = len(catcher.mails)
    d.stop()
    daemon(setup)
    assert setup.item("web")["acknowledged"]["who"]
    is_quiet(catcher, 6)
    the_next(catcher, n, "CRITICAL .*web for")
    assert setup.item("web")["acknowledged"] is None  # it is over
    assert "acknowledged" not in setup.tocsin("status").stdout


# ---- silences

def test_silence_then_late_mail(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    begin(setup, daemon, catcher, web.check(), disk.check())
    run = setup.tocsin("silence", "w*", "8s", "-m", "new kernel")
    assert run.returncode == 0 and "s1" in run.stdout, run
    web.say("CRITICAL")
    disk.say("WARNING")
    the_next(catcher, 1, "WARNING .*disk")  # another check
    assert setup.item("web")["incident"]
    assert "new kernel" in setup.tocsin("status").stdout and "new kernel" in setup.tocsin("report").stdout
    assert "new kernel" in setup.tocsin("silence").stdout
    late = the_next(catcher, 2, "CRITICAL .*web")
    assert re.search(r"silenced\s+until\s.*by\s.*new\s+kernel", late.text, re.S), late.text
    wait_until(lambda: setup.status()["silences"] == [], "the end of the silence", 10)
    assert "nothing is silenced" in setup.tocsin("silence").stdout


def test_what_came_and_went_in_a_silence_is_no_news(setup, daemon, catcher, probes):
    web = probes("web")
    begin(setup, daemon, catcher, web.check())
    setup.tocsin("silence", "web/web", "8s", "-m", "x")
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    web.say("OK")
    setup.wait_item("web", state="OK")
    wait_until(lambda: setup.status()["silences"] == [], "the end of the silence")
    is_quiet(catcher)
    report = " ".join(setup.tocsin("report").stdout.split())
    assert "silenced until" in report and "the problem itself was not mailed" in report, report


def test_recovery_that_a_silence_kept_back(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    setup.tocsin("silence", "*", "1h", "-m", "x")
    web.say("OK")
    setup.wait_item("web", state="OK")
    is_quiet(catcher)
    d.stop()
    daemon(setup)
    assert [s["glob"] for s in setup.status()["silences"]] == ["*"]
    is_quiet(catcher)
    assert setup.tocsin("unsilence", "*").returncode == 0
    mail = the_next(catcher, 2, "RECOVERED .*web")
    assert re.search(r"silenced\s+until", mail.text), mail.text
    is_quiet(catcher)


def test_silence_that_ended_while_the_daemon_was_down(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check())
    setup.tocsin("silence", "web", "1h", "-m", "over the weekend")
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    d.stop()
    change(setup, "UPDATE silence SET until_usec = until_usec - 3600000000")
    daemon(setup)
    mail = the_next(catcher, 1, "CRITICAL .*web")
    assert re.search(r"over\s+the\s+weekend", mail.text), mail.text
    assert setup.status()["silences"] == []
    is_quiet(catcher)


def test_several_silences(setup, daemon, catcher, probes):
    web = probes("web")
    begin(setup, daemon, catcher, web.check())
    for glob in ("web", "*", "web"):
        assert setup.tocsin("silence", glob, "1h", "-m", "x").returncode == 0
    assert sorted(s["id"] for s in setup.status()["silences"]) == ["s1", "s2", "s3"]
    assert setup.tocsin("unsilence", "web").returncode == 0  # both
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    is_quiet(catcher)  # the other one still holds
    assert setup.tocsin("unsilence", "s2").returncode == 0
    the_next(catcher, 1, "CRITICAL .*web")
    assert setup.tocsin("unsilence", "s2").returncode == 78


# ---- dependences

def test_parent_and_child_fail_together(setup, daemon, catcher, probes):
    web, net = probes("web"), probes("net")
    setup.sections["alert"]["group_wait"] = "3s"
    begin(setup, daemon, catcher, web.check(depends="net"), net.check())
    web.say("CRITICAL")
    net.say("CRITICAL")
    mail = the_next(catcher, 1, "CRITICAL .*net")
    assert re.search(r"Also failing because of it\W+CRITICAL web web: all the world", mail.text), mail.text
    is_quiet(catcher)
    net.say("OK")  # the child is still bad, and now it is told
    setup.wait_item("net", state="OK")
    wait_until(lambda: any("RECOVERED" in s and "net" in s or "recovered" in s for s in subjects(catcher, 2)), "the recovery")
    wait_until(lambda: any("web" in s for s in subjects(catcher, 2)), "the child's mail")
    told = next(m for m in catcher.mails[2:] if "web" in m.subject)
    assert "CRITICAL" in told.subject and re.search(r"depends\s+on\s+comes\s+first", told.text), told.text
    assert not any("Also failing" in m.text for m in catcher.mails[2:])
    web.say("OK")
    catcher.wait("RECOVERED .*web", after=len(catcher.mails) - 1)


def test_child_that_recovers_with_its_parent_is_not_mailed(setup, daemon, catcher, probes):
    web, net = probes("web"), probes("net")
    begin(setup, daemon, catcher, web.check(depends="net"), net.check())
    net.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*net")
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    is_quiet(catcher)
    web.say("OK")
    net.say("OK")
    the_next(catcher, 2, "RECOVERED .*net")
    is_quiet(catcher)


def test_child_fails_alone(setup, daemon, catcher, probes):
    web, net = probes("web"), probes("net")
    # The parent is looked at so seldom that only being asked can free the child in time.
    begin(setup, daemon, catcher, web.check(depends="net"), net.check(interval="1h"))
    web.say("CRITICAL")
    began = time.monotonic()
    mail = the_next(catcher, 1, "CRITICAL .*web")
    assert time.monotonic() - began < 14  # not by the limit for a parent that hangs
    # It is told once and plainly: nothing had kept it back.
    assert "Why only now" not in mail.text and re.search(r"Before\s+OK", mail.text), mail.text
    events = json.loads(setup.tocsin("history", "--check", "web", "--json").stdout)["events"]
    assert [e["event"] for e in events if e["to"] == "CRITICAL"] == ["problem"] and not events[-1]["note"], events
    web.say("OK")
    the_next(catcher, 2, "RECOVERED .*web")


def test_parent_that_hangs_does_not_hold_up_its_child_for_long(setup, daemon, catcher, probes):
    web, net = probes("web"), probes("net")
    begin(setup, daemon, catcher, web.check(depends="net"), net.check(timeout="20m", plugin_timeout="19m"))
    net.say("hang")
    time.sleep(3)
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web", timeout=45)


# ---- quiet hours and maintenance

def test_quiet_hours(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    setup.sections["alert"]["quiet_hours"] = around(11, 11)
    d = begin(setup, daemon, catcher, web.check(), disk.check(), text=recipient("boss", minimum="critical"))
    web.say("WARNING")
    setup.wait_item("web", state="WARNING")
    is_quiet(catcher)
    d.stop()  # what is held stays held
    d = daemon(setup)
    is_quiet(catcher)
    disk.say("CRITICAL")  # CRITICAL is not held, and takes along what waits
    catcher.wait("2 problems", after=1, timeout=60)
    wait_until(lambda: len(catcher.mails) == 3, "a mail each for those who waited and who did not")
    assert sorted((readers(m), "web" in m.subject) for m in catcher.mails[1:]) == [(["boss"], False), (["ops"], True)]
    disk.say("OK")
    web.say("OK")
    setup.wait_item("disk", state="OK")
    setup.wait_item("web", state="OK")
    is_quiet(catcher)  # a recovery can wait
    del setup.sections["alert"]["quiet_hours"]
    reload(setup, d, web.check(), disk.check(), text=recipient("boss", minimum="critical"))
    wait_until(lambda: len(catcher.mails) == 5, "the recoveries")
    assert sorted((readers(m), "2 recovered" in m.subject) for m in catcher.mails[3:]) == [(["boss"], False), (["ops"], True)]
    is_quiet(catcher)


def test_quiet_hours_of_one_recipient(setup, daemon, catcher, probes):
    web = probes("web")
    begin(setup, daemon, catcher, web.check(), text=recipient("boss", quiet_hours=around(11, 11)))
    web.say("WARNING")
    assert readers(the_next(catcher, 1, "WARNING .*web")) == ["ops"]
    is_quiet(catcher)
    web.say("CRITICAL")
    mails = [the_next(catcher, 2, "CRITICAL .*web")]
    wait_until(lambda: len(catcher.mails) == 4, "both mails")
    assert sorted(readers(m)[0] for m in catcher.mails[2:]) == ["boss", "ops"], mails


def test_maintenance(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check(maintenance=around(11, 11)))
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    is_quiet(catcher)
    assert "maintenance" in setup.tocsin("report").stdout
    d.stop()
    d = daemon(setup)
    is_quiet(catcher)
    reload(setup, d, web.check())
    mail = the_next(catcher, 1, "CRITICAL .*web")
    assert "maintenance" in mail.text
    is_quiet(catcher)


# ---- what changes too often, and too much mail

def test_flapping(setup, daemon, catcher, probes):
    web = probes("web")
    begin(setup, daemon, catcher, web.check(flap_count=3, flap_window="10m", flap_quiet="6s"))
    for turn, (state, word) in enumerate([("WARNING", "WARNING"), ("OK", "RECOVERED"), ("WARNING", "UNSTABLE")]):
        web.say(state)
        setup.wait_item("web", state=state)
        mail = catcher.wait(word + " .*web", after=turn + 1)
    assert re.search(r"3\s+changes\s+in", mail.text) and re.search(r"steady\s+for\s+6\s+s\b", mail.text), mail.text
    n = len(catcher.mails)
    for state in ("OK", "WARNING", "OK"):
        web.say(state)
        setup.wait_item("web", state=state)
    assert setup.item("web")["flapping"] and "unstable" in setup.tocsin("status").stdout
    assert [s for s in subjects(catcher, n) if "STEADY" not in s] == []
    steady = the_next(catcher, n, "STEADY .*web")
    assert re.search(r"OK\s+for", steady.text), steady.text
    web.say("WARNING")
    the_next(catcher, n + 1, "WARNING .*web")


def test_unstable_item_that_becomes_critical_is_told(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check(flap_count=3, flap_window="10m", flap_quiet="10m"))
    for state in ("WARNING", "OK", "WARNING"):
        web.say(state)
        setup.wait_item("web", state=state)
    catcher.wait("UNSTABLE .*web")
    n = len(catcher.mails)
    d.stop()
    daemon(setup)
    web.say("OK")
    setup.wait_item("web", state="OK")
    web.say("CRITICAL")
    the_next(catcher, n, "CRITICAL .*web")
    web.say("OK")
    setup.wait_item("web", state="OK")
    is_quiet(catcher)


def test_rate_limit_over_a_restart(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    setup.sections["alert"]["max_per_hour"] = 2
    d = begin(setup, daemon, catcher, web.check(), disk.check())
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    web.say("OK")
    the_next(catcher, 2, "RECOVERED .*web")
    web.say("CRITICAL")  # the third: it is collected
    setup.wait_item("web", state="CRITICAL")
    disk.say("WARNING")
    setup.wait_item("disk", state="WARNING")
    is_quiet(catcher)
    d.stop()
    d = daemon(setup)
    is_quiet(catcher)
    d.stop()
    # As if the second mail had gone an hour ago, but for some seconds.
    now = time.time()
    change(setup, f"UPDATE meta SET value = '{int((now - 3700) * 1e6)} {int((now - 3590) * 1e6)}' WHERE name = 'sent mail'")
    daemon(setup)
    mail = the_next(catcher, 3, "2 problems")
    assert "max_per_hour = 2" in mail.text.replace("\n", " "), mail.text
    is_quiet(catcher)


# ---- hysteresis

def test_hysteresis_over_a_restart(setup, daemon, catcher, probes):
    pool = probes("pool")
    d = begin(setup, daemon, catcher, pool.check(hysteresis="10%"))
    pool.say("WARNING", "95 % used | used=95%;90;99")
    the_next(catcher, 1, "WARNING .*pool: 95 % used")
    pool.say("OK", "85 % used | used=85%;90;99")  # below the limit, not clear of it
    setup.wait_item("pool", last_state="OK", state="WARNING")
    is_quiet(catcher)
    d.stop()
    assert '"used"' in value(setup, "SELECT fault FROM item")
    d = daemon(setup)
    is_quiet(catcher, 6)
    assert setup.item("pool")["state"] == "WARNING"
    pool.say("OK", "70 % used | used=70%;90;99")
    the_next(catcher, 2, "RECOVERED .*pool")
    pool.say("OK", "89 % used | used=89%;90;99")  # no new fault
    is_quiet(catcher)
