# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon when something beside it goes wrong at a bad moment: a reload, a stop, a full queue, a helper that cannot be
started, a writer that is slow, dies, or comes late. Each test here was a fault once."""

import fcntl
import glob
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

import harness
from test_control import INTERFACE, Client
from test_helpers import fake, status, wait_until  # noqa: F401 (a fixture)


def children(d, name):
    """Ids of the daemon's own children that run NAME."""
    found = []
    for pid in open(f"/proc/{d.process.pid}/task/{d.process.pid}/children").read().split():
        try:
            if name in open(f"/proc/{pid}/cmdline").read():
                found.append(int(pid))
        except OSError:
            pass
    return found


def is_connected(pid):
    """Has the process a TCP connection?"""
    connected = {f"socket:[{line.split()[9]}]" for line in open("/proc/net/tcp") if line.split()[3] == "01"}
    try:
        return any(os.readlink(fd) in connected for fd in glob.glob(f"/proc/{pid}/fd/*"))
    except OSError:  # it is ending
        return False


def cpu_seconds(d):
    fields = open(f"/proc/{d.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrap(folder, name, script):
    path = folder / "libexec" / name
    partial = path.with_suffix(".new")
    partial.write_text("#!/bin/sh\n" + script)
    partial.chmod(0o755)
    partial.rename(path)


# ---- reload and stop

def test_reload_that_is_asked_for_while_one_runs(setup, daemon, victim, fake, tmp_path):
    """What was written after the first one had read the file must be in force after the second."""
    setup.write(victim.check())
    d = daemon(setup)
    wrap(tmp_path, "tocsin-check", f"""\
        if [ "$1" = --config ]; then
            cp "$2" "$2.read"; file=$2; shift 2; sleep 1
            exec {harness.program("tocsin-check")} --config "$file.read" "$@"
        fi
        exec {harness.program("tocsin-check")} "$@"
        """)
    d.reload()
    time.sleep(0.5)
    setup.write(victim.check(), harness.check("load", "load"))
    assert setup.tocsin("reload").returncode == 0
    assert {i["check"] for i in status(setup)["items"]} == {victim.name, "load"}


def test_check_that_is_removed_while_somebody_waits_for_it(setup, daemon, victim):
    setup.write(victim.check(), harness.check("slow", "hang", timeout="60s", interval="1h"))
    d = daemon(setup)
    client = Client(setup)
    client.send(json.dumps({"method": f"{INTERFACE}.Check", "parameters": {"name": "slow"}}).encode() + b"\0")
    time.sleep(0.5)
    setup.write(victim.check())
    assert setup.tocsin("reload").returncode == 0
    assert "removed from the configuration" in client.receive()["parameters"]["error"]
    assert d.stop() < harness.END_WITHIN


def test_check_that_is_removed_while_it_hangs(setup, daemon, victim):
    """Those behind it in the batch do not wait for it, and are not blamed for its end."""
    setup.write(harness.check("a", "hang", timeout="60s"), victim.check())
    d = daemon(setup)
    time.sleep(1)
    assert [i["state"] for i in status(setup)["items"] if i["check"] == victim.name] == [None]
    setup.write(victim.check())
    assert setup.tocsin("reload").returncode == 0
    wait_until(lambda: [i["state"] for i in status(setup)["items"]] == ["OK"], timeout=30)
    assert "crashed" not in d.log
    assert d.stop() < harness.END_WITHIN


def test_stop_while_somebody_waits(setup, daemon, victim):
    setup.write(victim.check(), harness.check("slow", "hang", timeout="60s", interval="1h"))
    d = daemon(setup)
    clients = [Client(setup) for _ in range(2)]
    for client in clients:
        client.send(json.dumps({"method": f"{INTERFACE}.Check", "parameters": {"name": "slow"}}).encode() + b"\0")
    clients[0].send(json.dumps({"method": f"{INTERFACE}.Reload"}).encode() + b"\0")
    time.sleep(0.3)
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0


def test_not_ready_after_stopping(setup, daemon, victim, fake):
    fake("tocsin-store", 'send("ready", "")\ntime.sleep(3)\nsend("done")\nwait_for("nothing")\n')
    setup.write(victim.check())
    d = daemon(setup, wait=False)
    wait_until(lambda: children(d, "tocsin-store"))
    time.sleep(2)
    assert d.stop() < harness.END_WITHIN
    assert d.notified("READY") == [] and d.notified("STOPPING") == ["1"]


def test_mail_section_removed_while_a_mail_waits(setup, daemon, victim, fake):
    fake("tocsin-mail", "wait_for('nothing')")
    setup.write(victim.check(interval="1h"))
    d = daemon(setup)
    d.wait_notified("STATUS", "1 mail queued")
    setup.mail = {}
    setup.write(victim.check(interval="1h"))
    assert setup.tocsin("reload").returncode == 0
    time.sleep(1)
    before = cpu_seconds(d)
    time.sleep(3)
    assert cpu_seconds(d) - before < 0.5
    assert d.stop() < harness.END_WITHIN


def test_configuration_that_nobody_could_read(setup, fake, tmp_path):
    """Exit status 78 is for files that somebody must mend; systemd does not start us again after it."""
    setup.write()
    wrap(tmp_path, "tocsin-check", "kill -9 $$\n")
    r = setup.tocsind("--config", str(setup.config), "--state", str(setup.state), "--control", str(setup.control))
    assert r.returncode == 75 and "was not read" in r.stderr


# ---- helpers

def test_checker_that_says_ready_in_its_work(setup, daemon, catcher, victim, fake):
    """Being ready ends the time limit of a start, not that of a check."""
    fake("tocsin-check", 'send("ready", "")\nwait_for("run")\nsend("ready", "")\nwait_for("nothing")\n')
    setup.write(victim.check(timeout="1s"))
    daemon(setup)
    assert victim.name in catcher.wait("UNKNOWN", timeout=20).text


def test_no_checker_can_be_started(setup, daemon, catcher, victim, fake):
    """Nobody looks: that is UNKNOWN, and is told."""
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    fake("tocsin-check", "wait_for('nothing')")
    # Retired ones leave by themselves; the new ones are scripts, which are never ready.
    for _ in range(20):
        for pid in children(d, "tocsin-check"):
            if "python" not in open(f"/proc/{pid}/cmdline").read():
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    mail = catcher.wait("UNKNOWN", timeout=60)
    assert victim.name in mail.text and "tocsin-check" in mail.text
    assert d.stop() < harness.END_WITHIN


@pytest.mark.parametrize("moment", ["before DATA", "after DATA"])
def test_mailer_that_is_killed(setup, daemon, catcher, victim, moment):
    """Nobody has refused anything, so the mail does not wait for its minute. What the server had already comes a second time,
    under the same Message-ID."""
    setup.mail["timeout"] = "60s"
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    wait_until(lambda: not status(setup)["outbox"])

    def kill(mail=None):
        catcher.on_mail = None
        busy, = (pid for pid in children(d, "tocsin-mail") if is_connected(pid))
        os.kill(busy, signal.SIGKILL)

    def alerts():
        return [m for m in catcher.mails if "CRITICAL process victim" in m.subject]

    if moment == "before DATA":
        catcher.behave("silent")
        victim.kill()
        wait_until(lambda: catcher.silent)
        catcher.behave("accept")
        kill()
    else:
        catcher.on_mail = kill
        victim.kill()
    expected = 1 if moment == "before DATA" else 2
    wait_until(lambda: len(alerts()) == expected, timeout=50)
    assert len({m.message["Message-ID"] for m in alerts()}) == 1
    assert "tocsin-mail crashed (SIGKILL" in d.log
    wait_until(lambda: not status(setup)["outbox"])
    assert len(alerts()) == expected


def test_mail_that_kills_every_mailer(setup, daemon, catcher, victim, fake, tmp_path):
    """It is tried at once a single time, and then by the schedule; mails that were beside it arrive."""
    gate = tmp_path / "gate"
    fake("tocsin-mail", f"""\
        while not os.path.exists({str(gate)!r}):
            time.sleep(0.1)
        send("ready", "")
        while True:
            mails = []
            while (message := receive())[0] != "run":
                if message[0] in ("mail", "recipient"):
                    mails.append(message)
            poison = any(m[0] == "mail" and "process victim" in m[3].partition("Subject: ")[2].split("\\n")[0] for m in mails)
            with open(FOLDER + "/runs", "a") as runs:
                print(sum(m[0] == "mail" for m in mails), "died" if poison else "sent", file=runs)
            if poison:
                os.kill(os.getpid(), 9)
            for message in mails:
                if message[0] == "recipient":
                    send("result", message[1], message[2], "sent", "250", "", "ok", "", "0")
            send("done")
        """)
    other = harness.Probe(tmp_path, "other")
    setup.sections["report"]["charts"] = "none"  # so that each mail is one datagram
    setup.write(victim.check(), other.check())
    daemon(setup)
    wait_until(lambda: len(status(setup)["outbox"]) == 1)
    for i, fail in enumerate((victim.kill, lambda: other.say("CRITICAL"))):
        fail()
        wait_until(lambda: len(status(setup)["outbox"]) == 2 + i)
    gate.touch()
    mail = wait_until(lambda: (m := status(setup)["outbox"]) and len(m) == 1 and m[0]["attempts"] == 1 and m[0])
    assert "victim" in mail["subject"] and "SIGKILL" in mail["recipients"][0]["answer"]
    assert (tmp_path / "runs").read_text().split("\n")[0] == "3 died"
    assert sorted((tmp_path / "runs").read_text().split("\n")[1:-1]) == ["1 died", "1 sent", "1 sent"]


def test_more_watches_than_descriptors_by_default(setup, daemon, catcher, victim):
    """Each process check hands over a pidfd; the soft limit that a daemon inherits is made for select()."""
    setup.write(*(harness.check(f"v{i}", "process", pidfile=victim.pidfile) for i in range(120)))
    d = harness.Daemon(setup, prefix=["prlimit", "--nofile=100:"])  # not ours, which other tests may have used up
    try:
        catcher.wait("started: OK")
        time.sleep(2)
        assert "garbage" not in d.log and "what is no message" not in d.log
        assert d.stop() < harness.END_WITHIN
    finally:
        d.kill()


def test_as_first_process_it_kills_no_orphans(setup, daemon, catcher, victim, tmp_path, monkeypatch):
    """In a container the orphans of everybody come to process 1; strays of checks are not the only ones."""
    inner = tmp_path / "inner"
    inner.write_text(f"#!/bin/sh\n(setsid sleep 777 &)\nsleep 0.2\nexec {harness.program('tocsind')} \"$@\"\n")
    outer = tmp_path / "outer"
    outer.write_text(f"#!/bin/sh\nexec unshare -pf --mount-proc --kill-child {inner} \"$@\"\n")
    for path in (inner, outer):
        path.chmod(0o755)
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("needs a process namespace")
    real = harness.program
    monkeypatch.setattr(harness, "program", lambda name: str(outer) if name == "tocsind" else real(name))
    setup.write(harness.check("load", "load"))
    d = daemon(setup)
    catcher.wait("started")
    time.sleep(2)
    assert any("sleep 777" in command for _, command in d.leftovers())


# ---- the writer

def test_slow_writer_is_no_dead_one(setup, daemon, catcher, victim, fake):
    """Every commit is confirmed after 0.4 s, well within the limit, however many changes come."""
    fake("tocsin-store", """\
        send("ready", "")
        send("done")
        while True:
            message = receive()
            if message[0] == "commit":
                time.sleep(0.4)
                send("committed", message[1])
        """)
    setup.write(*(victim.check().replace("check victim", f"check v{i}") for i in range(10)),
                *(harness.check(f"x{i}", "rogue", deed="crash") for i in range(8)))
    d = daemon(setup)
    catcher.wait("started")
    time.sleep(8)
    assert "going on in memory" not in d.log
    assert d.stop() < harness.END_WITHIN


def test_steady_results_are_not_written_each_time(setup, daemon, catcher, victim, fake, tmp_path):
    fake("tocsin-store", """\
        send("ready", "")
        send("done")
        while True:
            message = receive()
            if message[:2] == ["put", "item"]:
                with open(FOLDER + "/puts", "a") as f:
                    f.write(message[2] + "\\n")
            if message[0] == "commit":
                send("committed", message[1])
        """)
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("started")
    time.sleep(3)
    before = (tmp_path / "puts").read_text()
    time.sleep(4)
    assert (tmp_path / "puts").read_text() == before


def test_writer_is_killed(setup, daemon, catcher, victim):
    """A new one is told everything, and what it tells is not news."""
    setup.sections["report"]["every"] = "20s"
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    victim.kill()
    catcher.wait("CRITICAL process victim")
    os.kill(children(d, "tocsin-store")[0], signal.SIGKILL)
    d.wait_log("written again")
    victim.start()
    catcher.wait("RECOVERED process victim")
    report = catcher.wait("status OK", timeout=40)
    print(report.text)
    assert report.text.count("→ CRITICAL") + report.text.count("OK to CRITICAL") <= 1
    assert len([m for m in catcher.mails if "CRITICAL" in m.subject]) == 1
    d.stop()
    d = daemon(setup)
    time.sleep(2)
    assert len([m for m in catcher.mails if "RECOVERED" in m.subject]) == 1


def test_row_that_could_not_be_sent_to_the_writer(setup, daemon, catcher, tmp_path):
    """For a moment there is no descriptor for a row as large as a mail: the writer is well, and gets the whole state later."""
    web = harness.Probe(tmp_path, "web")
    setup.sections["alert"].update(group_wait="4s", unknown_confirm=50)
    setup.write(web.check())
    d = daemon(setup)
    catcher.wait("monitoring started")
    web.say("CRITICAL", "it is down\n" + "and this is how it came to be\n" * 1000)
    setup.wait_item("web", state="CRITICAL")
    limits = resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (8, limits[1]))
    d.wait_log("cannot be written: Too many open files")
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, limits)
    d.wait_log("the state file is written again")
    catcher.wait("CRITICAL", timeout=90)
    d.stop()
    with sqlite3.connect(setup.state) as db:
        assert db.execute("SELECT count(*) FROM incident WHERE closed_usec = 0").fetchone() == (1,)


def test_rows_that_come_late(setup, daemon, catcher, victim, fake, tmp_path):
    """The state file hangs at the start. What only it knows, an open incident, is not forgotten for that."""
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    victim.kill()
    alert = catcher.wait("CRITICAL process victim")
    d.stop()
    victim.start()
    wrap(tmp_path, "tocsin-store", f"sleep 12\nexec {harness.program('tocsin-store')} \"$@\"\n")
    d = daemon(setup)
    recovery = catcher.wait("RECOVERED process victim", timeout=40)
    assert alert.message["Message-ID"].strip() in (recovery.message["References"] or "")
    assert d.stop() < harness.END_WITHIN


def test_incidents_of_a_start_without_the_state_file(setup, daemon, catcher, victim, fake, tmp_path):
    """A number means one incident, whoever opened it: those that the file knows, those of the start that could not read it,
    and those after the file has come back."""
    def probe(name, state):
        return harness.Probe(tmp_path, name).say(state)

    def numbers():
        return {i["item"]: i["incident"] for i in status(setup)["items"] if i["incident"]}

    def history(*arguments):
        return {i["number"]: i for i in json.loads(setup.tocsin("incidents", "--json", *arguments).stdout)["incidents"]}

    a, b, c = probe("a", "CRITICAL"), probe("b", "OK"), probe("c", "OK")
    setup.write(a.check(), b.check(), c.check())
    d = daemon(setup)
    wait_until(lambda: numbers() == {"a": 1})
    b.say("CRITICAL")
    wait_until(lambda: numbers() == {"a": 1, "b": 2})
    d.stop()

    # b has ended meanwhile; a is found again, and c is new: which of them comes first shall not matter.
    b.say("OK")
    c.say("CRITICAL")
    gate = tmp_path / "gate"
    wrap(tmp_path, "tocsin-store", f"[ -e {gate} ] || exit 1\nexec {harness.program('tocsin-store')} \"$@\"\n")
    begun = int(time.time())
    d = daemon(setup)
    blind = wait_until(lambda: (n := numbers()) and len(n) == 2 and n)
    assert set(blind) == {"a", "c"} and all(begun <= n <= time.time() + 1 for n in blind.values()), blind
    wait_until(lambda: any(f"Incident      {blind['c']}\n" in m.text for m in catcher.mails))
    assert setup.tocsin("ack", "1").returncode != 0  # whatever it was, it is not known here
    gate.touch()
    d.wait_log("written again")
    wait_until(lambda: not history().keys() & {1, 2})  # only the file has called them open
    assert set(history()) == set(blind.values())
    past = history("--all")
    assert {n: past[n]["item"] for n in (1, 2)} == {1: "a", 2: "b"} and all(past[n]["closed"] for n in (1, 2))
    assert setup.tocsin("ack", str(blind["c"]), "-m", "known").returncode == 0
    assert [i["item"] for i in status(setup)["items"] if i["acknowledged"]] == ["c"]

    heading, *rows = setup.tocsin("incidents").stdout.splitlines()
    assert all(row.index(" 20") + 1 == heading.index("OPENED") for row in rows if row[0].isdigit()), (heading, rows)

    # The file counts on from where it was.
    b.say("CRITICAL")
    wait_until(lambda: numbers().get("b"))
    assert numbers() == {**blind, "b": 3}
    d.stop()
    d = daemon(setup)
    assert numbers() == {**blind, "b": 3}
    assert d.stop() < harness.END_WITHIN


def test_former_writer_is_slow_to_end(setup, daemon, catcher, victim):
    """The daemon was killed while its writer waits for a slow disk, and the next one is there at once: it waits for the
    file too, and knows what the first one knew."""
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    victim.kill()
    catcher.wait("CRITICAL process victim")
    wait_until(lambda: not status(setup)["outbox"])
    d.crash()
    wait_until(lambda: not d.leftovers())
    former = sqlite3.connect(setup.state)
    former.execute("BEGIN EXCLUSIVE")
    d = daemon(setup, wait=False)
    time.sleep(1.5)
    former.close()
    d.wait_ready()
    assert "going on in memory" not in d.log
    assert [(i["state"], i["incident"]) for i in status(setup)["items"]] == [("CRITICAL", 1)]
    time.sleep(3)
    assert len(catcher.mails) == 2, catcher.mails
    assert d.stop() < harness.END_WITHIN


def test_writer_dies_while_it_reads(setup, daemon, catcher, victim, fake, tmp_path):
    """Another one reads again; the daemon does not begin as if there had never been anything."""
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    victim.kill()
    catcher.wait("CRITICAL process victim")
    wait_until(lambda: not status(setup)["outbox"])
    d.crash()
    wrap(tmp_path, "tocsin-store", f"mkdir {tmp_path}/once && kill -9 $$\nexec {harness.program('tocsin-store')} \"$@\"\n")
    d = daemon(setup)
    assert (tmp_path / "once").is_dir()
    assert [(i["state"], i["incident"]) for i in status(setup)["items"]] == [("CRITICAL", 1)]
    time.sleep(3)
    assert len(catcher.mails) == 2, catcher.mails
    assert d.stop() < harness.END_WITHIN


def test_rows_that_come_twice(setup, daemon, catcher, victim, fake, tmp_path):
    """The first writer dies when it has sent half of them: what no mail has told yet is told once."""
    fake("tocsin-store", """\
        send("ready", "")
        send("row", "meta", "started_told", "yes")
        send("row", "event", "1", "problem", "victim", "victim", "OK", "CRITICAL", str(int(time.time() * 1e6)), "1", "1",
             "broken", "mail", "", "1", "")
        try:
            os.mkdir(FOLDER + "/once")
            os.kill(os.getpid(), 9)
        except OSError:
            pass
        send("done")
        while True:
            message = receive()
            if message[0] == "commit":
                send("committed", message[1])
        """)
    setup.write(victim.check())
    d = daemon(setup)
    mail = catcher.wait("CRITICAL")
    assert mail.text.count("Incident      1\n") == 1, mail.text
    assert "going on in memory" not in d.log
    assert d.stop() < harness.END_WITHIN


# ---- those who listen

def fill(fd, write):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
    try:
        while True:
            write(b"x" * 1000)
    except BlockingIOError:
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_NONBLOCK)


@pytest.mark.parametrize("kind", ["pipe", "stream"])
def test_nobody_reads_log_and_notifications(setup, catcher, victim, tmp_path, kind):
    """A journal on a disk that hangs, a service manager that has frozen: the alert goes out."""
    manager, filler = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
    manager.bind(str(tmp_path / "notify"))
    fill(filler.fileno(), lambda data: filler.sendto(data, str(tmp_path / "notify")))
    if kind == "pipe":
        unread, log = os.pipe()
    else:
        pair = socket.socketpair()
        unread, log = (s.detach() for s in pair)
    fill(log, lambda data: os.write(log, data))
    setup.write(victim.check(), harness.check("broken", "rogue", deed="crash"))
    process = subprocess.Popen(
        [harness.program("tocsind"), "--debug", "--config", str(setup.config), "--state", str(setup.state), "--control",
         str(setup.control)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
        env={**setup.environment(), "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
    try:
        catcher.wait("started")
        victim.kill()
        catcher.wait("CRITICAL process victim")
        process.terminate()
        assert process.wait(6) == 0
    finally:
        process.kill()
        process.wait()
        for fd in (unread, log):
            os.close(fd)
        manager.close()
        filler.close()


def test_many_calls_behind_one_that_waits(setup, daemon, victim):
    """They are handled one after the other, not one within the other."""
    setup.write(victim.check(), harness.check("slow", "hang", timeout="2s", interval="1h"))
    d = daemon(setup)
    client = Client(setup)
    client.send(json.dumps({"method": f"{INTERFACE}.Check", "parameters": {"name": "slow"}}).encode() + b"\0")
    time.sleep(0.2)
    n = 4000
    client.send(b'{"method":""}\0' * n)
    assert client.receive()["parameters"]["error"]
    for _ in range(n):
        assert client.receive()["error"].endswith("InterfaceNotFound")
    assert d.stop() < harness.END_WITHIN


def test_client_that_has_nothing_more_to_say(setup, daemon, victim):
    """It has shut down its side, gets its answer, and then the end, even when the answer did not fit at once."""
    setup.write(*(harness.check(f"v{i}", "process", pidfile=victim.pidfile) for i in range(400)))
    d = daemon(setup)
    wait_until(lambda: len([i for i in status(setup)["items"] if i["state"]]) == 400)
    client = Client(setup)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    client.send(json.dumps({"method": f"{INTERFACE}.Status"}).encode() + b"\0")
    client.socket.shutdown(socket.SHUT_WR)
    time.sleep(1)
    assert len(client.receive()["parameters"]["items"]) == 400
    client.socket.settimeout(30)
    assert client.receive() is None
    assert d.stop() < harness.END_WITHIN


def test_crash_is_logged_once(setup, daemon, catcher, victim):
    """The journal of a host with one broken check is still worth reading after a day."""
    setup.write(harness.check("broken", "rogue", deed="crash"), victim.check())
    d = daemon(setup)
    catcher.wait("UNKNOWN")
    time.sleep(4)
    assert d.log.count("check broken crashed") == 1
