# SPDX-License-Identifier: GPL-3.0-or-later
"""The past: what the state file keeps, for how long, and how it is asked for."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import time

import pytest

import harness
from test_control import INTERFACE, Client
from test_faults import children
from test_helpers import fake, wait_until  # noqa: F401 (a fixture)

UNAVAILABLE = 69

USEC = 1_000_000
DAY = 86400 * USEC
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d")


def now():
    return time.time_ns() // 1000


def rfc3339(usec):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(usec / USEC))


@contextlib.contextmanager
def state_file(setup):
    """The state file, while no daemon has it."""
    db = sqlite3.connect(setup.state)
    db.execute("PRAGMA journal_mode=PERSIST")
    with db:
        yield db
    db.close()


def put(db, table, **columns):
    marks = ", ".join("?" for _ in columns)
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", list(columns.values()))


def put_event(db, number, **columns):
    event = {"number": number, "event": "problem", "check_name": "disks", "item": "/", "from_state": "OK",
             "to_state": "CRITICAL", "time_usec": number, "since_usec": number, "incident": 7, "text": "full", "waiting": "",
             "note": "", "looks": 3, "who": ""}
    put(db, "event", **{**event, **columns})


def put_item(db, name, alert):
    db.execute("INSERT OR REPLACE INTO item (check_name, item, module, alert, result, thread, stands_in, absent_since)"
               " VALUES (?, ?, 'process', ?, '{}', '', 'no', '0')", [name, name, alert])


def put_incident(db, number, **columns):
    incident = {"number": number, "check_name": "disks", "item": "/", "module": "disk", "opened_usec": now() - 3600 * USEC,
                "closed_usec": 0, "state": "CRITICAL", "text": "full", "ack_who": "", "ack_why": "", "ack_usec": 0,
                "ack_until_usec": 0, "escalated": ""}
    put(db, "incident", **{**incident, **columns})


@pytest.fixture
def stopped(setup, daemon, victim):
    """A setup whose daemon has run and ended: there is a state file."""
    setup.write(victim.check())
    daemon(setup).stop()
    return setup


def history(setup, *arguments):
    result = setup.tocsin("history", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["events"]


# ---- events

def test_nothing_is_said_of_before_the_first_look(setup, daemon, catcher, tmp_path):
    """Neither in the mail nor in the state file: that it was OK nobody has seen."""
    probe = harness.Probe(tmp_path, "new").say("CRITICAL")
    setup.write(probe.check(confirm=1))
    d = daemon(setup)
    assert "Before" not in catcher.wait("CRITICAL plugin new").text
    d.stop()
    daemon(setup)
    probe.say("OK")
    assert re.search("^  Before +CRITICAL", catcher.wait("RECOVERED").text, re.M)
    assert [(e["event"], e["from"], e["to"]) for e in history(setup)] == [
        ("problem", "", "CRITICAL"), ("recovered", "CRITICAL", "OK")]


def test_what_happened_is_told(setup, daemon, catcher, victim):
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("started")
    victim.kill()
    catcher.wait("CRITICAL")
    victim.start()
    catcher.wait("RECOVERED")
    events = history(setup)
    assert [(e["event"], e["from"], e["to"]) for e in events if e["check"] == victim.name] == [
        ("found", "", "OK"), ("problem", "OK", "CRITICAL"), ("recovered", "CRITICAL", "OK")]
    problem = next(e for e in events if e["event"] == "problem")
    assert set(problem) == {"number", "event", "check", "item", "from", "to", "time", "since", "incident", "text", "waiting",
                            "note", "looks", "who"}
    assert TIME.fullmatch(problem["time"]) and TIME.fullmatch(problem["since"])
    assert problem["waiting"] == [] and problem["looks"] == 1 and problem["incident"] >= 1
    lines = setup.tocsin("history").stdout.splitlines()
    assert lines[0].split() == ["TIME", "EVENT", "STATE", "CHECK", "ITEM", "TEXT"]
    assert [line.split()[2] for line in lines[1:] if victim.name in line] == ["found", "problem", "recovered"]
    # It is still there after a restart, and only what is asked for is shown.
    assert [e["event"] for e in history(setup, "--check", "vict*")] == ["found", "problem", "recovered"]
    assert history(setup, "--check", "disk*") == []
    assert setup.tocsin("history", "--check", "disk*").stdout == "nothing happened\n"


def test_since(stopped, daemon):
    begin = now()
    with state_file(stopped) as db:
        db.execute("DELETE FROM event")
        for days in (80, 8, 6, 3, 1):
            put_event(db, begin - days * DAY, text=f"{days} days ago")
    daemon(stopped)

    def texts(*arguments):
        return [e["text"].split()[0] for e in history(stopped, "--check", "disks", *arguments)]

    assert texts() == ["6", "3", "1"]
    assert texts("--since", "4d") == ["3", "1"]
    assert texts("--since", "12w") == ["80", "8", "6", "3", "1"]
    assert texts("--since", rfc3339(begin - 3 * DAY - USEC)) == ["3", "1"]
    assert texts("--since", rfc3339(begin - 3 * DAY + USEC)) == ["1"]
    day = time.strftime("%Y-%m-%d", time.localtime(begin / USEC - 3 * 86400))
    assert texts("--since", day)[-2:] == ["3", "1"]
    for wrong in ("yesterday", "2026-13-01", "2026-11-25T08:00:00", "-1d", "", "2026-11-25T08:00:00+0800"):
        result = stopped.tocsin("history", "--since", wrong)
        assert result.returncode == 64 and "expected a time" in result.stderr, wrong


def test_remarks_and_wide_names(stopped, daemon):
    with state_file(stopped) as db:
        db.execute("DELETE FROM event")
        put_event(db, now() - 3 * USEC, check_name="磁盘", text="报警", note="silenced", who="alice (uid 1000)")
        put_event(db, now() - 2 * USEC, check_name="disks", text="bad\n\x1b[31m text", waiting="mail", incident=0)
    stopped.sections["alert"]["group_wait"] = "1h"  # so it still waits when we look
    stopped.write()
    daemon(stopped)
    result = stopped.tocsin("history", "--check", "[!v]*")
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    # In columns of the terminal the texts begin below their heading.
    column = lines[0].index("TEXT")
    assert lines[1].index("报警") == column - len("磁盘")
    assert lines[1].endswith("报警 [by alice (uid 1000)] [silenced]")
    assert lines[2].index("bad") == column and "\x1b" not in result.stdout
    assert lines[2].endswith("[waits for a mail to mail]")
    second = history(stopped, "--check", "disks")[0]
    assert second["waiting"] == ["mail"] and second["incident"] is None


def test_more_than_is_shown(stopped, daemon, catcher, victim):
    begin = now() - 20_000
    with state_file(stopped) as db:
        for i in range(15_000):
            put_event(db, begin + i, check_name="flood", text=f"number {i}")
    daemon(stopped)
    result = stopped.tocsin("history", "--check", "flood")
    lines = result.stdout.splitlines()
    assert len(lines) == 10_001 and lines[1].endswith("number 5000") and lines[-1].endswith("number 14999")
    assert "older ones are not shown" in result.stderr
    answer = Client(stopped).call(f"{INTERFACE}.History", {"limit": 2, "check": "flood"})["parameters"]
    assert [e["text"] for e in answer["events"]] == ["number 14998", "number 14999"] and answer["cut"] is True
    # An alert does not wait for those who read.
    clients = [Client(stopped) for _ in range(8)]
    for client in clients:
        client.send(json.dumps({"method": f"{INTERFACE}.History", "parameters": {"limit": 10000}}).encode() + b"\0")
    victim.kill()
    catcher.wait("CRITICAL")
    for client in clients:
        reply = client.receive()
        assert reply.get("error") == f"{INTERFACE}.HistoryUnavailable" or reply["parameters"]["unavailable"] or \
            len(reply["parameters"]["events"]) == 10_000


def test_what_is_old_is_forgotten(stopped, daemon):
    with state_file(stopped) as db:
        for days in (400, 100, 91, 89):
            put_event(db, now() - days * DAY, check_name="old")
            put_incident(db, days, check_name="old", opened_usec=now() - 500 * DAY, closed_usec=now() - days * DAY)
            hour = now() - days * DAY // 12
            put(db, "sample", hour_usec=hour - hour % (3600 * USEC), check_name="old", item="i", metric="m", unit="",
                buckets="1:1")
        put_event(db, now() - 300 * DAY, check_name="old", waiting="mail")
    stopped.sections["alert"]["group_wait"] = "1h"
    stopped.write()

    def left():
        with contextlib.closing(sqlite3.connect(stopped.state)) as db:
            return [db.execute(f"SELECT count(*) FROM {table} WHERE check_name = 'old'").fetchone()[0]
                    for table in ("event", "incident", "sample")]

    d = daemon(stopped)

    def incidents():
        result = stopped.tocsin("incidents", "--json", "--all")
        return json.loads(result.stdout)["incidents"] if result.returncode == 0 else None

    # Samples and events are forgotten before incidents are, one step a commit.
    wait_until(lambda: [i["number"] for i in incidents() or []] == [89])
    d.stop()
    # One event is young enough, and one waits for a mail; 8 days is too old for a sample, and 7.4 are.
    assert left() == [2, 1, 0]


# ---- incidents

def test_incidents(stopped, daemon, victim):
    alert = "state=CRITICAL known=1 since={0} incident=9 incident_since={0} told=CRITICAL told_at={0}".format(now() - 60 * USEC)
    victim.kill()
    with state_file(stopped) as db:
        put_item(db, victim.name, alert)
        put_incident(db, 7, opened_usec=now() - 9 * DAY, closed_usec=now() - 9 * DAY + 72 * 60 * USEC, state="WARNING")
        put_incident(db, 8, opened_usec=now() - 3 * DAY, closed_usec=now() - DAY)
        put_incident(db, 9, check_name=victim.name, item=victim.name, module="process", opened_usec=now() - 60 * USEC,
                     ack_who="alice (uid 1000)", ack_why="on it", ack_usec=now(), ack_until_usec=now() + DAY,
                     escalated="mail", text="gone")
    daemon(stopped)

    def numbers(*arguments):
        result = stopped.tocsin("incidents", "--json", *arguments)
        assert result.returncode == 0, result.stderr
        return [i["number"] for i in json.loads(result.stdout)["incidents"]]

    assert numbers() == [9]
    assert numbers("--all") == [7, 8, 9]
    assert numbers("--since", "2d") == [8, 9]
    assert numbers("--all", "--check", "disks//") == [7, 8]
    lines = stopped.tocsin("incidents", "--all").stdout.splitlines()
    assert lines[0].split() == ["NUMBER", "OPENED", "DURATION", "WORST", "CHECK", "ITEM", "TEXT"]
    assert "1 h 12 min" in lines[1] and "WARNING" in lines[1]
    assert "still open" in lines[3] and lines[3].endswith("gone")
    assert "acknowledged by alice (uid 1000) until" in lines[4] and lines[4].endswith(": on it")
    assert lines[5].strip() == "escalated to mail"
    incident = json.loads(stopped.tocsin("incidents", "--json").stdout)["incidents"][0]
    assert set(incident) == {"number", "check", "item", "module", "opened", "closed", "state", "text", "acknowledged",
                             "escalated"}
    assert incident["closed"] is None and incident["acknowledged"]["reason"] == "on it"
    assert TIME.fullmatch(incident["acknowledged"]["until"])
    result = stopped.tocsin("incidents", "--check", "nothing")
    assert result.returncode == 0 and result.stdout == "no incidents\n"


def test_incident_whose_check_is_gone(stopped, daemon):
    with state_file(stopped) as db:
        put_incident(db, 3, ack_who="bob", text="full")
    d = daemon(stopped)
    wait_until(lambda: stopped.tocsin("incidents").stdout == "no incidents\n")
    (incident,) = json.loads(stopped.tocsin("incidents", "--all", "--json").stdout)["incidents"]
    assert TIME.fullmatch(incident["closed"]) and incident["text"] == "full" and incident["acknowledged"]["who"] == "bob"
    d.wait_log("incident 3 of disks / is closed")


# The state file of the first version, as it was before there were incidents.
VERSION_1 = """
CREATE TABLE meta (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name)) WITHOUT ROWID;
CREATE TABLE item (check_name TEXT NOT NULL, item TEXT NOT NULL, module TEXT NOT NULL, alert TEXT NOT NULL,
    result TEXT NOT NULL, thread TEXT NOT NULL, stands_in TEXT NOT NULL, absent_since TEXT NOT NULL,
    PRIMARY KEY (check_name, item)) WITHOUT ROWID;
CREATE TABLE event (number TEXT NOT NULL, event TEXT NOT NULL, check_name TEXT NOT NULL, item TEXT NOT NULL,
    from_state TEXT NOT NULL, to_state TEXT NOT NULL, time_usec TEXT NOT NULL, since_usec TEXT NOT NULL,
    incident TEXT NOT NULL, text TEXT NOT NULL, mail_id TEXT NOT NULL, PRIMARY KEY (number)) WITHOUT ROWID;
CREATE TABLE mail (id TEXT NOT NULL, subject TEXT NOT NULL, sender TEXT NOT NULL, content TEXT NOT NULL,
    queued_usec TEXT NOT NULL, attempts TEXT NOT NULL, next_try_usec TEXT NOT NULL, PRIMARY KEY (id)) WITHOUT ROWID;
CREATE TABLE recipient (mail_id TEXT NOT NULL, address TEXT NOT NULL, fate TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (mail_id, address)) WITHOUT ROWID;
CREATE TABLE memory (check_name TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, time_usec TEXT NOT NULL,
    PRIMARY KEY (check_name, name)) WITHOUT ROWID;
PRAGMA application_id = 1415803758;
PRAGMA user_version = 1;
"""


def test_upgrade(setup, daemon, catcher, victim):
    """A problem that the first version had mailed is not mailed again, and its end is mailed."""
    victim.kill()
    began = now() - 30 * 3600 * USEC
    boot = open("/proc/sys/kernel/random/boot_id").read().strip().replace("-", "")
    with state_file(setup) as db:
        db.executescript(VERSION_1)
        for name, value in (("boot_id", boot), ("started_told", "yes"), ("next_incident", "5"), ("last_report", str(now()))):
            put(db, "meta", name=name, value=value)
        put_item(db, victim.name, f"state=CRITICAL known=1 since={began} incident=4 incident_since={began} blind=0 eased=0")
        put(db, "event", number=str(began), event="problem", check_name=victim.name, item=victim.name, from_state="OK",
            to_state="CRITICAL", time_usec=str(began), since_usec=str(began), incident="4", text="gone", mail_id="1.testhost")
    setup.write(victim.check())
    daemon(setup)
    time.sleep(4)
    assert catcher.mails == []
    (incident,) = json.loads(setup.tocsin("incidents", "--json").stdout)["incidents"]
    assert incident["number"] == 4 and incident["text"] == "gone" and incident["state"] == "CRITICAL"
    victim.start()
    assert "RECOVERED" in catcher.wait().subject
    assert [e["event"] for e in history(setup)] == ["problem", "recovered"]


# ---- samples

@pytest.fixture
def meter(tmp_path):
    """A check that measures what stands in a file."""
    script, value = tmp_path / "meter", tmp_path / "value"
    script.write_text(f"#!/bin/sh\nread v < {value}\necho \"OK - $v | 'temp'=${{v}};80;90 other=1s\"\n")
    script.chmod(0o755)
    value.write_text("42\n")
    return value, harness.check("meter", "plugin", command=script)


def samples(setup, **more):
    reply = Client(setup).call(f"{INTERFACE}.Samples", {"check": "meter", "item": "meter", "metric": "temp", **more})
    assert "error" not in reply, reply
    return reply["parameters"]


def test_samples(setup, daemon, meter):
    value, check = meter
    setup.write(check)
    d = daemon(setup)
    wait_until(lambda: sum(p["count"] for p in samples(setup)["points"]) >= 2)
    value.write_text("50.5\n")
    wait_until(lambda: samples(setup)["points"][-1]["max"] == 50.5)
    first = samples(setup)
    assert first["step"] == 300 and len(first["points"]) <= 2
    assert set(first["points"][0]) == {"time", "min", "mean", "max", "last", "count"}
    assert first["points"][0]["min"] == 42 and first["points"][-1]["last"] == 50.5
    assert TIME.fullmatch(first["points"][0]["time"])
    # At the end they go to the file, and the next daemon goes on with them.
    d.stop()
    with state_file(setup) as db:
        rows = db.execute("SELECT metric, unit, hour_usec FROM sample WHERE check_name = 'meter' ORDER BY metric").fetchall()
        assert {(metric, unit) for metric, unit, _ in rows} == {("other", "s"), ("temp", "")}
        assert all(hour % (3600 * USEC) == 0 for *_, hour in rows)
        older = now() - 5 * 3600 * USEC
        older -= older % (3600 * USEC)
        put(db, "sample", hour_usec=older, check_name="meter", item="meter", metric="temp", unit="", buckets=";5:1,2,4,3")
    d = daemon(setup)
    count = sum(p["count"] for p in first["points"])
    wait_until(lambda: sum(p["count"] for p in samples(setup)["points"]) >= count + 5 + 1)
    second = samples(setup)
    assert {k: v for k, v in second["points"][0].items() if k != "time"} == {
        "min": 1, "mean": 2, "max": 4, "last": 3, "count": 5}
    assert second["points"][1]["min"] == 42
    week = samples(setup, since=rfc3339(now() - 7 * DAY))
    assert week["step"] == 2100 and sum(p["count"] for p in week["points"]) >= count + 5
    assert samples(setup, since=rfc3339(now() - 9 * DAY), until=rfc3339(now() - 8 * DAY))["points"] == []
    assert samples(setup, metric="no such")["points"] == []


@pytest.mark.parametrize("method, parameters, wrong", [
    ("Samples", {"check": "meter", "item": "meter"}, "metric"),
    ("Samples", {"check": "meter", "item": 7, "metric": "temp"}, "item"),
    ("Samples", {"check": "m", "item": "m", "metric": "t", "step": 301}, "step"),
    ("Samples", {"check": "m", "item": "m", "metric": "t", "step": 0}, "step"),
    ("Samples", {"check": "m", "item": "m", "metric": "t", "since": "2199-01-01T00:00:00Z"}, "since"),
    ("Samples", {"check": "m", "item": "m", "metric": "t", "since": "1970-01-01T00:00:00Z"}, "since"),
    ("Samples", {"check": "m", "item": "m", "metric": "t", "since": "1969-01-01T00:00:00Z"}, "since"),
    ("Samples", {"check": "x" * 5000, "item": "m", "metric": "t"}, "check"),
    ("History", {"since": "yesterday"}, "since"),
    ("History", {"until": 5}, "until"),
    ("History", {"limit": 0}, "limit"),
    ("History", {"limit": 10001}, "limit"),
    ("History", {"check": ["disk"]}, "check"),
    ("History", {"check": "*" * 301}, "check"),
    ("Incidents", {"since": ""}, "since"),
])
def test_wrong_questions(stopped, daemon, method, parameters, wrong):
    daemon(stopped)
    reply = Client(stopped).call(f"{INTERFACE}.{method}", parameters)
    assert reply["error"] == "org.varlink.service.InvalidParameter" and reply["parameters"] == {"parameter": wrong}


# ---- when the state file has no answer

def test_writer_that_does_not_answer(setup, daemon, victim, fake):
    fake("tocsin-store", """\
        send("ready", "")
        send("done")
        while True:
            message = receive()
            if message[0] == "commit":
                send("committed", message[1])
        """)
    setup.write(victim.check())
    d = daemon(setup)
    time.sleep(3)  # the daemon's own question after its start has had no answer
    clients = [Client(setup) for _ in range(20)]
    began = time.monotonic()
    for client in clients:
        client.send(json.dumps({"method": f"{INTERFACE}.History"}).encode() + b"\0")
    answers = [client.receive()["parameters"] for client in clients]
    reasons = [a.get("reason") or a["unavailable"] for a in answers]
    assert 1 < time.monotonic() - began < 10
    assert sum("in time" in r for r in reasons) == 16 and sum("too many" in r for r in reasons) == 4
    result = setup.tocsin("history")
    assert result.returncode == 69 and "did not answer in time" in result.stderr
    client = clients[0]
    client.send(json.dumps({"method": f"{INTERFACE}.Incidents"}).encode() + b"\0")
    time.sleep(0.3)
    assert d.stop() < harness.END_WITHIN
    assert "stopping" in client.receive()["parameters"]["reason"]


def test_answers_that_nobody_asked_for(setup, daemon, victim, fake):
    fake("tocsin-store", """\
        send("ready", "")
        send("done")
        send("answer", "99", "1", "problem")
        send("answered", "99", "")
        send("answered", "x", "")
        while True:
            message = receive()
            if message[0] == "commit":
                send("committed", message[1])
            if message[0] == "query":
                send("answer", message[1], *"abcdefghijklmn")
                send("answered", message[1], "")
                send("answered", message[1], "")
        """)
    setup.write(victim.check())
    d = daemon(setup)
    reply = Client(setup).call(f"{INTERFACE}.History")["parameters"]
    assert reply["events"][0]["check"] == "c" and reply["events"][0]["number"] == 0
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0


def test_answers_that_are_too_short(setup, daemon, victim, fake):
    fake("tocsin-store", """\
        send("ready", "")
        send("done")
        while True:
            message = receive()
            if message[0] == "commit":
                send("committed", message[1])
            if message[0] == "query":
                send("answer", message[1], "7")
                send("answered", message[1], "")
        """)
    setup.write(victim.check())
    d = daemon(setup)
    reply = Client(setup).call(f"{INTERFACE}.History")["parameters"]
    assert reply["unavailable"] == "the state file cannot be read" and all(e["text"] != "7" for e in reply["events"])
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0


def test_memory_mode(setup, daemon, catcher, meter, fake):
    """The writer hangs: questions are answered that there is no answer, and what was measured meanwhile is stored later."""
    setup.write(meter[1])
    d = daemon(setup)
    catcher.wait("started")
    wait_until(lambda: samples(setup)["points"])
    store = children(d, "tocsin-store")[0]
    os.kill(store, signal.SIGSTOP)
    client = Client(setup)
    client.send(json.dumps({"method": f"{INTERFACE}.History"}).encode() + b"\0")
    chart = {"check": "meter", "item": "meter", "metric": "temp"}
    assert Client(setup).call(f"{INTERFACE}.Samples", chart)["error"] == f"{INTERFACE}.HistoryUnavailable"
    reply = client.receive()["parameters"]
    assert reply["unavailable"] and reply["events"] == [], reply  # the first report has told all
    assert setup.tocsin("test-mail").returncode == 0
    # Something is to be stored: memory mode begins.
    os.kill(store, signal.SIGKILL)
    d.wait_log("going on in memory")
    d.wait_log("written again")
    wait_until(lambda: Client(setup).call(f"{INTERFACE}.History")["parameters"]["unavailable"] is None)
    count = sum(p["count"] for p in samples(setup)["points"])
    assert count > 0
    # The file has them although nobody stopped or waited five minutes: they came with all the rest.
    os.kill(d.process.pid, signal.SIGKILL)
    d.process.wait()
    d.kill()
    with state_file(setup) as db:
        assert db.execute("SELECT count(*) FROM sample WHERE metric = 'temp'").fetchone()[0] >= 1


def test_without_the_state_file_memory_answers(setup, daemon, catcher, tmp_path, fake):
    """Its rows came and no commit is ever acknowledged: what is open and what has happened is known all the same."""
    fake("tocsin-store", 'send("ready", "")\nsend("done")\nwhile True:\n    receive()\n')
    web, disk = harness.Probe(tmp_path, "web"), harness.Probe(tmp_path, "disk")
    setup.write(web.check(), disk.check())
    d = daemon(setup)
    d.wait_log("going on in memory")
    web.say("CRITICAL")
    setup.wait_item("web", state="CRITICAL")
    disk.say("WARNING")
    incident = setup.wait_item("disk", state="WARNING")["incident"]
    assert setup.tocsin("ack", str(incident), "-m", "new disks").returncode == 0
    run = setup.tocsin("incidents")
    assert run.returncode == UNAVAILABLE
    assert "the state file cannot be read: " in run.stderr and "this is what the daemon remembers" in run.stderr
    first, second = (line for line in run.stdout.splitlines()[1:] if "still open" in line)
    assert re.match(r" +1 .*CRITICAL +web", first) and re.match(r" +2 .*WARNING +disk", second), run.stdout
    assert re.search(r"acknowledged by .*: new disks", run.stdout)
    run = setup.tocsin("incidents", "--check", "disk*", "--json")
    answer = json.loads(run.stdout)
    assert [i["check"] for i in answer["incidents"]] == ["disk"] and answer["unavailable"] and run.returncode == UNAVAILABLE
    run = setup.tocsin("history", "--json")
    answer = json.loads(run.stdout)
    told = [(e["event"], e["check"]) for e in answer["events"]]
    assert told[-3:] == [("problem", "web"), ("problem", "disk"), ("acknowledged", "disk")] and answer["unavailable"], told
    last = Client(setup).call(f"{INTERFACE}.History", {"limit": 1, "check": "disk"})["parameters"]
    assert [e["event"] for e in last["events"]] == ["acknowledged"] and last["cut"] is True
    future = Client(setup).call(f"{INTERFACE}.History", {"since": "2200-01-01T00:00:00Z"})["parameters"]
    assert future["events"] == [] and future["unavailable"]
    assert d.stop() < harness.END_WITHIN
