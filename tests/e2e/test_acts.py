# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator does: the verbs of `tocsin` that change something, their exit statuses, and the same over the
control socket: errors by name, limits, and who may. What acts do to mails stands in test_alerts.py and test_outbox.py."""

import json
import os
import pathlib
import re
import shutil
import tempfile

import pytest

from harness import recipient, wait_until
from state import change, rows, value
from test_alerts import begin, is_quiet, probes, readers, reload, setup, the_next  # noqa: F401
from test_control import INTERFACE, Client
from test_outbox import HOUR, words

NO_DAEMON, REFUSED, USAGE = 69, 78, 64


# ---- test-alert

def test_test_alert_goes_the_way_of_a_real_one(setup, daemon, catcher, probes):
    web, disk = probes("web"), probes("disk")
    d = begin(setup, daemon, catcher, web.check(), disk.check(), text=recipient("boss", minimum="critical") +
              recipient("storage", checks="disk"))
    run = setup.tocsin("test-alert", "web")
    assert run.returncode == 0 and "marked as a test" in run.stdout, run
    problem = the_next(catcher, 1, r"^\[testhost\] TEST: CRITICAL plugin web")
    recovery = the_next(catcher, 2, r"^\[testhost\] TEST: RECOVERED plugin web after [1-9]")
    for mail in (problem, recovery):
        assert readers(mail) == ["boss", "ops"] and "This is a test" in words(mail)
        assert mail.message["X-Tocsin-Incident"] is None
    assert problem.message["Importance"] == "high"
    item = setup.item("web")
    assert item["state"] == "OK" and item["incident"] is None
    web.say("CRITICAL")
    mail = the_next(catcher, 3, r"^\[testhost\] CRITICAL .*web")
    assert mail.message["X-Tocsin-Incident"] == "1" and mail.message["References"] is None
    assert re.search(r"TEST\W+plugin web", setup.tocsin("report").stdout)
    setup.tocsin("test-alert", "disk")
    assert readers(the_next(catcher, 4, "TEST: CRITICAL .*disk")) == ["boss", "ops", "storage"]
    d.stop()  # its recovery is not told any more, and nothing is left behind
    daemon(setup)
    is_quiet(catcher)


def test_test_alert_that_nobody_would_get(setup, daemon, catcher, probes):
    web = probes("web")
    setup.mail.pop("to")
    d = begin(setup, daemon, catcher, web.check(), text=recipient("storage", reports="yes", checks="disk*"))
    run = setup.tocsin("test-alert", "web")
    assert run.returncode == REFUSED and "no recipient takes mails about this check" in run.stderr, run
    setup.mail = {}
    reload(setup, d, web.check())
    for arguments in (["test-alert", "web"], ["report", "--send"]):
        run = setup.tocsin(*arguments)
        assert run.returncode == REFUSED and "tocsin setup" in run.stderr, run
    run = setup.tocsin("report")
    assert run.returncode == 0 and "web" in run.stdout


# ---- forget

def test_forget(setup, daemon, catcher, probes):
    web = probes("web")
    d = begin(setup, daemon, catcher, web.check(interval="1h"))
    web.say("CRITICAL")
    reload(setup, d, web.check(interval="1h"))  # which looks at once
    the_next(catcher, 1, "CRITICAL .*web")

    def forgotten():
        run = setup.tocsin("forget", "web")
        assert run.returncode == 0 or "being looked at" in run.stderr, run
        return run.returncode == 0

    wait_until(forgotten, "the end of a look")
    assert setup.item("web")["state"] is None
    run = setup.tocsin("forget", "web/web")
    assert run.returncode == REFUSED and "no such item" in run.stderr, run
    is_quiet(catcher)
    d.stop()
    assert value(setup, "SELECT closed_usec FROM incident WHERE number = 1") > 0
    assert rows(setup, "SELECT from_state FROM event WHERE event = 'removed'") == [("CRITICAL",)]
    daemon(setup)  # as it is reported again, it is a new problem
    assert the_next(catcher, 2, "CRITICAL .*web").message["X-Tocsin-Incident"] == "2"


# ---- exit statuses

VERBS = [["ack", "1"], ["silence", "web", "1h", "-m", "x"], ["silence"], ["unsilence", "s1"], ["outbox"],
         ["outbox", "show", "x"], ["outbox", "retry"], ["outbox", "drop", "x"], ["report"], ["report", "--send"],
         ["forget", "web"], ["test-alert", "web"]]


def test_without_a_daemon(setup):
    for arguments in VERBS:
        run = setup.tocsin(*arguments)
        assert run.returncode == NO_DAEMON and "is tocsind running?" in run.stderr, run


@pytest.mark.parametrize("arguments", [
    ["ack"], ["ack", "x"], ["ack", "1", "2"], ["ack", "1", "--until", "yesterday"], ["ack", "1", "--until", "2020-01-01"],
    ["silence", "web"], ["silence", "web", "1h"], ["silence", "web", "1h", "-m", ""], ["silence", "web", "soon", "-m", "x"],
    ["silence", "web", "2020-01-01", "-m", "x"], ["silence", "web", "1h", "2h"], ["unsilence"], ["unsilence", "a", "b"],
    ["outbox", "show"], ["outbox", "drop"], ["outbox", "nonsense"], ["report", "x"], ["forget"], ["test-alert"],
], ids=" ".join)
def test_usage(setup, arguments):
    run = setup.tocsin(*arguments)
    assert run.returncode == USAGE and run.stderr.strip() and run.stdout == "", run


def test_refusals(setup, daemon, catcher, probes):
    begin(setup, daemon, catcher, probes("web").check())
    for arguments, words_said in [
            (["ack", "99"], "no such incident is open"), (["unsilence", "s1"], "no such silence"),
            (["outbox", "drop", "x"], "no such mail"), (["forget", "nonesuch"], "no check called"),
            (["forget", "web/nonesuch"], "no such item"), (["test-alert", "nonesuch"], "no check called"),
            (["silence", "web", "1000d", "-m", "x"], "at most a year"), (["silence", "x" * 400, "1h", "-m", "x"], "glob")]:
        run = setup.tocsin(*arguments)
        assert run.returncode == REFUSED and words_said in run.stderr and run.stdout == "", run


def test_json(setup, daemon, catcher, probes):
    begin(setup, daemon, catcher, probes("web").check())
    silenced = json.loads(setup.tocsin("silence", "w?b", "--until", "2h", "-m", "it's so", "--json").stdout)
    assert silenced["id"] == "s1" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)", silenced["until"])
    [silence] = json.loads(setup.tocsin("silence", "--json").stdout)["silences"]
    assert silence["glob"] == "w?b" and silence["reason"] == "it's so" and f"uid {os.getuid()}" in silence["who"]
    assert json.loads(setup.tocsin("report", "--json").stdout)["sent"] is False
    assert json.loads(setup.tocsin("outbox", "--json").stdout)["outbox"] == []


# ---- the control socket

@pytest.fixture
def running(setup, daemon, catcher, probes):
    begin(setup, daemon, catcher, probes("web").check())
    return setup


OURS, VARLINK = INTERFACE, "org.varlink.service"


@pytest.mark.parametrize("method, parameters, error", [
    ("Acknowledge", {"incident": 99}, f"{OURS}.NoSuchIncident"), ("Acknowledge", {}, f"{VARLINK}.InvalidParameter"),
    ("Acknowledge", {"incident": "1"}, f"{VARLINK}.InvalidParameter"),
    ("Acknowledge", {"incident": -1}, f"{OURS}.NoSuchIncident"),
    ("Acknowledge", {"incident": 1, "duration": "soon"}, f"{OURS}.Refused"),
    ("Silence", {}, f"{VARLINK}.InvalidParameter"), ("Silence", {"glob": 1, "duration": "1h"}, f"{VARLINK}.InvalidParameter"),
    ("Silence", {"glob": "web"}, f"{OURS}.Refused"), ("Silence", {"glob": "", "duration": "1h"}, f"{OURS}.Refused"),
    ("Silence", {"glob": "x" * 301, "duration": "1h"}, f"{OURS}.Refused"),
    *(("Silence", {"glob": "web", "duration": t}, f"{OURS}.Refused") for t in ("0", "0.5s", "-1h", "367d", "9e99s", "", 5)),
    ("Unsilence", {"silence": "s1"}, f"{OURS}.NoSuchSilence"), ("Unsilence", {}, f"{VARLINK}.InvalidParameter"),
    ("ShowMail", {"id": "x"}, f"{OURS}.NoSuchMail"), ("ShowMail", {}, f"{VARLINK}.InvalidParameter"),
    ("RetryMail", {"id": "x"}, f"{OURS}.NoSuchMail"), ("DropMail", {"id": "x"}, f"{OURS}.NoSuchMail"),
    ("DropMail", {}, f"{VARLINK}.InvalidParameter"),
    ("Forget", {"check": "web"}, f"{VARLINK}.InvalidParameter"), ("Forget", {"item": "web"}, f"{VARLINK}.InvalidParameter"),
    ("Forget", {"check": "x", "item": "y"}, f"{OURS}.NoSuchCheck"),
    ("Forget", {"check": "web", "item": "y"}, f"{OURS}.NoSuchItem"),
    ("TestAlert", {"check": "x"}, f"{OURS}.NoSuchCheck"), ("TestAlert", {}, f"{VARLINK}.InvalidParameter"),
])
def test_errors_have_names(running, method, parameters, error):
    client = Client(running)
    assert client.call(f"{INTERFACE}.{method}", parameters).get("error") == error
    assert client.call(f"{INTERFACE}.Status")["parameters"]["silences"] == []  # the connection and the daemon go on


def test_every_method_is_described(running):
    text = Client(running).call(f"{VARLINK}.GetInterfaceDescription", {"interface": INTERFACE})["parameters"]["description"]
    for name in ("Acknowledge", "Silence", "Unsilence", "ShowMail", "RetryMail", "DropMail", "Report", "Forget", "TestAlert"):
        assert f"method {name}(" in text
    for name in ("NoSuchIncident", "NoSuchSilence", "NoSuchMail", "NoSuchItem", "MailInFlight", "Refused", "NoMail"):
        assert f"error {name} " in text


def test_silences_are_limited(running):
    client = Client(running)
    call = {"glob": "nonesuch", "duration": "1h"}
    for _ in range(1000):
        assert "id" in client.call(f"{INTERFACE}.Silence", call)["parameters"]
    answer = client.call(f"{INTERFACE}.Silence", call)
    assert answer["error"] == f"{INTERFACE}.Refused" and "too many" in answer["parameters"]["reason"]
    assert client.call(f"{INTERFACE}.Unsilence", {"silence": "nonesuch"}) == {"parameters": {}}
    assert "id" in client.call(f"{INTERFACE}.Silence", call)["parameters"]


def test_what_a_caller_says_is_cut_and_cleaned(running):
    client = Client(running)
    long = "é" * 5000
    client.call(f"{INTERFACE}.Silence", {"glob": "a", "duration": "1h", "reason": f"first\r\nBcc: x@example.org {long}",
                                         "name": "root (uid 0)\n\x1b[31m" + long})
    [silence] = client.call(f"{INTERFACE}.Status")["parameters"]["silences"]
    assert "\n" not in silence["reason"] and len(silence["reason"]) <= 510
    assert re.fullmatch(rf"[^\x00-\x1f]{{1,80}} \(uid {os.getuid()}\)", silence["who"]), silence["who"]
    run = running.tocsin("report")
    assert run.returncode == 0 and "\x1b" not in run.stdout and "\nBcc" not in run.stdout


def as_another(uid, call):
    """What CALL returns in a process of that user, with group root only."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(0, 0, 0)
            os.setresuid(uid, uid, uid)
            os.write(writer, json.dumps(call()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_what_only_root_may(setup, daemon, catcher, probes):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-control-"))
    folder.chmod(0o755)  # pytest's folders are for root alone
    try:
        setup.control = folder / "control"
        web = probes("web")
        begin(setup, daemon, catcher, web.check())
        web.say("WARNING")
        the_next(catcher, 1, "WARNING .*web")
        web.say("CRITICAL")
        mail = the_next(catcher, 2, "CRITICAL .*web")
        for method, parameters in [("Reload", {}), ("Forget", {"check": "web", "item": "web"}), ("DropMail", {"id": "x"})]:
            answer = as_another(65534, lambda: Client(setup).call(f"{INTERFACE}.{method}", parameters))
            assert answer["error"] == f"{VARLINK}.PermissionDenied", answer
        number = int(mail.message["X-Tocsin-Incident"])
        answer = as_another(65534, lambda: Client(setup).call(f"{INTERFACE}.Acknowledge", {"incident": number, "name": "root"}))
        assert "error" not in answer
        assert setup.item("web")["acknowledged"]["who"] == "root (uid 65534)"  # it can say what it likes, and is known
    finally:
        shutil.rmtree(folder)


def test_acts_of_many_at_once(running):
    clients = [Client(running) for _ in range(20)]
    for i, client in enumerate(clients):
        client.send(json.dumps({"method": f"{INTERFACE}.Silence", "parameters": {"glob": f"g{i}", "duration": "1h"}}).encode()
                    + b"\0")
    ids = {client.receive()["parameters"]["id"] for client in clients}
    assert len(ids) == 20
    for client, name in zip(clients, ids):
        client.send(json.dumps({"method": f"{INTERFACE}.Unsilence", "parameters": {"silence": name}}).encode() + b"\0")
    assert all(client.receive() == {"parameters": {}} for client in clients)


# ---- a clock that was wrong

def test_clock_was_set_back_while_the_daemon_was_down(setup, daemon, catcher, probes):
    """As the state file shows it: all its times lie in the future. (CLOCK_REALTIME has no namespace, so no test steps the
    clock of a daemon that runs; what is done then is tested without one.)"""
    web, disk = probes("web"), probes("disk")
    setup.sections["report"]["every"] = "8s"
    d = begin(setup, daemon, catcher, web.check(remind_critical="4s"), disk.check())
    setup.sections["report"]["every"] = "24h"
    reload(setup, d, web.check(remind_critical="4s"), disk.check())
    web.say("CRITICAL")
    catcher.wait("CRITICAL .*web", after=1)
    catcher.behave("defer")
    disk.say("WARNING")
    wait_until(lambda: any("disk" in m["subject"] and m["attempts"] for m in setup.status()["outbox"]), "a mail that waits")
    d.stop()
    catcher.behave("accept")
    year = 365 * 24 * HOUR
    with_time = value(setup, "SELECT alert FROM item WHERE item = 'web'")
    later = re.sub(r"\b(\d{16})\b", lambda m: str(int(m.group()) + year), with_time)
    change(setup, f"UPDATE item SET alert = '{later}' WHERE item = 'web'",
           f"UPDATE mail SET queued_usec = queued_usec + {year}, next_try_usec = next_try_usec + {year}, attempts = 0",
           f"UPDATE meta SET value = value + {year} WHERE name IN ('last_report', 'alive')")
    setup.sections["report"]["every"] = "8s"
    setup.write(web.check(remind_critical="4s"), disk.check())
    n = len(catcher.mails)
    daemon(setup)
    catcher.wait("WARNING .*disk", after=n)
    catcher.wait("CRITICAL .*web for", after=n)
    catcher.wait("status CRITICAL", after=n)
    web.say("OK")
    catcher.wait("RECOVERED .*web", after=n)
