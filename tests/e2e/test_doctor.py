# SPDX-License-Identifier: GPL-3.0-or-later
"""`tocsin doctor`: each fault between here and the mailbox is provoked, and must be named where it is, with a remedy."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest

import certs
import harness
import mailcatcher
from harness import wait_until

HERE = pathlib.Path(__file__).parent


class Findings(list):
    def __init__(self, run):
        assert run.stdout, run.stderr
        report = json.loads(run.stdout)
        super().__init__(report["findings"])
        self.state, self.status = report["state"], run.returncode

    def of(self, subject):
        return [f for f in self if f["subject"] == subject]

    def one(self, subject, state):
        """The only finding about SUBJECT, which must be of STATE, with a remedy unless it is OK."""
        found = self.of(subject)
        assert [f["state"] for f in found] == [state], (subject, list(self))
        assert (found[0]["remedy"] is None) == (state == "OK"), found
        return found[0]["text"]

    def passed(self, *subjects):
        for subject in subjects:
            self.one(f"mail: {subject}", "OK")

    def never_came_to(self, *subjects):
        for subject in subjects:
            assert self.of(f"mail: {subject}") == [], subject


@pytest.fixture
def doctor(setup, victim):
    """A function that examines SETUP, whose [mail] has these keys too."""
    def run(*arguments, **mail):
        setup.mail.update({key: str(value) for key, value in mail.items()})
        setup.write(victim.check())
        r = setup.tocsin("doctor", "--config", str(setup.config), "--state", str(setup.state), "--json", *arguments)
        found = Findings(r)
        assert r.returncode == {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}[found.state]
        return found

    return run


@pytest.fixture
def other(tmp_path, authority):
    """A function that starts a mail server with another certificate, or none of TLS."""
    running = []

    def start(certificate, **options):
        c = mailcatcher.MailCatcher(tmp_path / f"mails{len(running)}", certificate, **options)
        c.start()
        running.append(c)
        return c

    yield start
    for c in running:
        c.stop()


STAGES = ["connection", "encryption", "certificate", "greeting", "login", "sender", "recipient"]


def test_all_is_well(setup, doctor, daemon, catcher, victim):
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    wait_until(lambda: setup.status()["last_mail"], "the receipt")
    before = len(catcher.mails)
    found = doctor()
    found.passed(*STAGES, "password")
    assert found.one("mail: certificate", "OK").startswith('for "localhost", "127.0.0.1", issued by "CN=tocsin test CA": 36')
    found.one("configuration", "OK")
    found.one("daemon", "OK")
    found.one("state file", "OK")
    found.one("outbox", "OK")
    assert not [f for f in found if f["state"] == "CRITICAL"]
    assert len(catcher.mails) == before, "a mail was sent that nobody wanted"
    d.stop()


def test_for_a_person(setup, doctor, catcher):
    doctor()
    r = setup.tocsin("doctor", "--config", str(setup.config), "--state", str(setup.state))
    lines = r.stdout.splitlines()
    assert any(line.startswith("OK        mail: login") for line in lines), r.stdout
    at = next(i for i, line in enumerate(lines) if line.startswith("CRITICAL  daemon"))
    assert lines[at + 1].startswith("          → systemctl start tocsin")
    assert setup.password_file.read_text().strip() not in r.stdout + r.stderr


def test_send(setup, doctor, catcher):
    found = doctor("--send")
    assert found.one("mail: test mail", "OK").startswith(setup.mail["to"])
    assert catcher.wait("test mail").recipients == [setup.mail["to"]] and len(catcher.mails) == 1


def test_send_wakes_nobody_who_is_for_escalations(setup, doctor, catcher, victim):
    del setup.mail["to"]
    setup.sections["recipient boss"] = {"to": "boss@example.org", "escalate_after": "2h"}
    setup.sections["recipient night"] = {"to": "night@example.org"}
    found = doctor("--send")
    assert sorted(f["text"].split(":")[0] for f in found.of("mail: recipient")) == ["boss@example.org", "night@example.org"]
    assert [m.recipients for m in catcher.mails] == [["night@example.org"]]


def test_starttls(setup, doctor, catcher):
    doctor(port=catcher.port_starttls, security="starttls").passed(*STAGES)


# ---- the configuration and its files

def test_configuration(setup, doctor):
    setup.sections["tocsin"]["intervall"] = "60s"
    found = doctor()
    text, = [f["text"] for f in found.of("configuration")]
    assert text.startswith(f"{setup.config}:") and text.split(":")[1].isdigit() and "intervall" in text
    assert found.state == "CRITICAL" and found.of("configuration")[0]["remedy"]


def test_no_configuration(setup):
    r = setup.tocsin("doctor", "--config", str(setup.folder / "none.conf"), "--json")
    found = Findings(r)
    assert "none.conf" in found.of("configuration")[0]["text"] and r.returncode == 2


def test_nobody_to_write_to(setup, doctor):
    del setup.mail["to"]
    assert "'to' is missing" in doctor().one("mail", "CRITICAL")


def test_no_password_file(setup, doctor):
    setup.password_file.unlink()
    found = doctor()
    texts = [f["text"] for f in found.of("mail: password")]
    assert all("No such file" in t for t in texts) and found.state == "CRITICAL"
    found.never_came_to("connection")


def test_empty_password_file(setup, doctor):
    setup.password_file.write_text("")
    assert "is empty" in doctor().of("mail: password")[0]["text"]


def test_password_file_for_everybody(setup, doctor):
    setup.password_file.chmod(0o644)
    assert "everybody" in doctor().one("mail: password", "WARNING")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_password_file_of_somebody_else(setup, doctor):
    """Who may not look does not say that all is broken: it is UNKNOWN, and says who may."""
    doctor()
    for folder in (setup.folder, *setup.folder.parents):
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    setup.password_file.chmod(0o600)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", harness.program("tocsin"), "doctor", "--json",
               "--config", str(setup.config), "--state", str(setup.state)]
    r = subprocess.run(command, capture_output=True, text=True, timeout=60,
                       env={**setup.environment(), "TOCSIN_CONTROL": str(setup.control)})
    found = Findings(r)
    if found.of("configuration")[0]["state"] == "UNKNOWN":
        pytest.skip("the build cannot be reached by other users")
    assert len(found.of("mail: password")) == 2
    for f in found.of("mail: password"):
        assert f["state"] == "UNKNOWN" and "root" in f["remedy"], f
    found.never_came_to("connection")


# ---- the way to the server

def test_name_that_does_not_exist(setup, doctor):
    found = doctor(server="no-such-host.invalid")
    assert "no-such-host.invalid" in found.one("mail: name", "CRITICAL")
    found.never_came_to("connection", "encryption")


def test_wrong_port(setup, doctor):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    found = doctor(port=port)
    assert "refused" in found.one("mail: connection", "CRITICAL")
    found.never_came_to("encryption", "login")


def test_port_without_tls(setup, doctor, catcher):
    found = doctor(port=catcher.port_starttls)
    found.passed("connection")
    assert "does not speak TLS" in found.one("mail: encryption", "CRITICAL")


def test_wrong_authority(setup, doctor, tmp_path):
    other = certs.Authority(tmp_path / "other", "another CA")
    found = doctor(tls_ca_file=other.ca_file)
    found.passed("connection")
    text = found.one("mail: encryption", "CRITICAL")
    assert 'it showed a certificate for "localhost", "127.0.0.1", issued by "CN=tocsin test CA", valid until 20' in text
    found.never_came_to("login", "certificate")


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_expired_certificate(setup, doctor, authority, other, security):
    c = other(authority.issue("doctor-expired", expired=True))
    found = doctor(port=c.port_tls if security == "tls" else c.port_starttls, security=security)
    assert "expired" in found.one("mail: encryption", "CRITICAL")
    found.never_came_to("login")


def test_certificate_for_another_name(setup, doctor, authority, other):
    c = other(authority.issue("doctor-name", names=["mail.example.org"]))
    text = doctor(port=c.port_tls).one("mail: encryption", "CRITICAL")
    assert "mail.example.org" in text and "not for" in text


def test_certificate_that_ends_soon(setup, doctor, authority, other):
    c = other(authority.issue("doctor-soon", lifetime=certs.DAY * 5))
    found = doctor(port=c.port_tls)
    assert "4 days left" in found.one("mail: certificate", "WARNING")
    found.passed("encryption", "login", "recipient")


def test_wrong_password(setup, doctor):
    setup.password_file.write_text("wrong\n")
    found = doctor()
    found.passed("connection", "encryption", "certificate", "greeting")
    assert "535" in found.one("mail: login", "CRITICAL") or "authentication failed" in found.one("mail: login", "CRITICAL")
    found.never_came_to("sender", "recipient")


def test_refused_recipient(setup, doctor, catcher):
    catcher.behave("refuse")
    found = doctor()
    found.passed("login", "sender")
    assert "no such user" in found.one("mail: recipient", "CRITICAL")


def test_recipient_that_has_to_wait(setup, doctor, catcher):
    catcher.behave("defer")
    assert "busy" in doctor().one("mail: recipient", "WARNING")


def test_refused_sender(setup, doctor, catcher):
    catcher.refuses_sender = "553 5.7.1 this is not your address"
    found = doctor()
    found.passed("login")
    assert "not your address" in found.one("mail: sender", "CRITICAL")
    found.never_came_to("recipient")


def test_refused_content(setup, doctor, catcher):
    """What only a mail that is sent can show."""
    catcher.behave("defer-data")
    found = doctor("--send")
    found.passed("recipient")
    assert "cannot store it now" in found.one("mail: test mail", "WARNING")


def test_server_that_says_nothing(setup, doctor, catcher):
    catcher.behave("silent")
    found = doctor(timeout="2s")
    assert found.one("mail: encryption", "CRITICAL")


def test_each_relay_is_asked(setup, doctor, catcher, victim):
    setup.sections["mail backup"] = {**setup.mail, "port": "1"}
    setup.sections["mail backup"].pop("to")
    found = doctor()
    found.passed("recipient")
    assert [f["state"] for f in found.of("mail backup: connection")] == ["CRITICAL"]


# ---- the daemon

def test_no_daemon(setup, doctor):
    assert str(setup.control) in doctor().one("daemon", "CRITICAL")


def test_mails_that_wait(setup, doctor, daemon, catcher, victim):
    catcher.behave("defer")
    setup.write(victim.check())
    daemon(setup)
    wait_until(lambda: setup.status()["outbox"] and setup.status()["outbox"][0]["attempts"], "a mail that waits")
    assert "mails that wait: 1," in doctor().one("outbox", "WARNING")


def test_mail_that_was_not_tried_yet(setup, doctor, daemon, catcher, victim):
    catcher.behave("silent")
    setup.write(victim.check())
    daemon(setup)
    wait_until(lambda: setup.status()["outbox"], "a mail that waits")
    assert doctor(timeout="2s").one("outbox", "WARNING").endswith("not tried yet")


def test_state_folder_that_is_not_there(setup, doctor, tmp_path):
    setup.state = tmp_path / "nowhere" / "state.db"
    assert "nowhere" in doctor().one("state folder", "WARNING")


# ---- the service

def test_service_in_a_container(tmp_path):
    for name in ("tocsin", "tocsin-check", "tocsin-mail", "tocsin-store"):
        shutil.copy(harness.BUILD / "src" / name, tmp_path)
    (tmp_path / "checks").mkdir()
    for name in ("unit", "clock", "disk"):
        shutil.copy(harness.BUILD / f"checks/.libs/{name}.so", tmp_path / "checks")
    shutil.copy(HERE / "doctor_booted.py", tmp_path)
    (tmp_path / "tocsin.conf").write_text("[check disks]\ntype = disk\n")
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [HERE.parent / "system/container", tmp_path, "env", "TOCSIN_LIBEXEC_DIR=/run/test", "TOCSIN_CHECK_DIR=/run/test/checks",
         "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=/run/pytest",
         "/run/test/doctor_booted.py"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    if done.returncode in (77, 125):  # not allowed, or systemd does not boot here
        pytest.skip(" ".join(done.stdout.split()[-30:]))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout
