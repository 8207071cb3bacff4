# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon as its user meets it: a configuration goes in, mails come out. The receiver is the mail catcher, and a real
Postfix at the end. Time-outs are generous, because the machine may be busy; no test waits longer than it must."""

import email
import email.policy
import re
import signal
import time

import pytest

import certs
import harness
import mailcatcher

DISK = harness.check("root", "disk", path="/")
# Not what the machine of the tests happens to be busy with is looked at, but that it is looked at.
LOAD = harness.check("load", "load", load5_warning=1000, load5_critical=1000, load15_warning=1000, load15_critical=1000)


def assert_no_secret(daemon, catcher):
    assert catcher.password not in daemon.log
    assert not any(catcher.password in value for _, value in daemon.messages)


# ---- reports and alerts

@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_first_mail(setup, daemon, catcher, victim, security):
    setup.mail.update(security=security, port=catcher.port_tls if security == "tls" else catcher.port_starttls)
    setup.write(LOAD, DISK, victim.check())
    d = daemon(setup)
    mail = catcher.wait(r"^\[testhost\] monitoring started: ")
    assert mail.is_tls and mail.login == catcher.username
    assert mail.sender == catcher.username and mail.recipients == ["ops@example.org"]
    assert mail.message["From"].addresses[0].addr_spec == catcher.username
    assert mail.message["To"].addresses[0].addr_spec == "ops@example.org"
    assert mail.message["Date"].datetime.tzinfo is not None
    assert re.fullmatch(r"<[^@<>\s]+@[^@<>\s]+>", mail.message["Message-ID"].strip())
    assert mail.message["Auto-Submitted"] == "auto-generated"
    for name in ("load", "disk /", "process victim"):
        assert name in mail.text
    assert b"\n" not in mail.content.replace(b"\r\n", b"")
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0
    assert d.notified("STOPPING") == ["1"] and len(d.notified("STATUS")) >= 1
    assert d.notified("READY") == ["1"]
    assert len(catcher.mails) == 1
    assert_no_secret(d, catcher)


def test_report_at_every_interval(setup, daemon, catcher, victim):
    setup.sections["report"]["every"] = "3s"
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("monitoring started")
    first = catcher.wait(r"^\[testhost\] status OK \(1 check\)")
    second = catcher.wait(r"^\[testhost\] status OK", after=catcher.mails.index(first) + 1)
    assert first.message["Message-ID"] != second.message["Message-ID"]
    assert "victim" in first.text


def test_alert_and_recovery_of_a_killed_process(setup, daemon, catcher, victim):
    # Looked at every 30 s: what is noticed sooner was noticed by the watch.
    setup.write(victim.check(interval="30s"))
    daemon(setup)
    catcher.wait("monitoring started: OK")
    time.sleep(1)
    victim.kill()
    alert = catcher.wait(r"^\[testhost\] CRITICAL process victim", timeout=25)
    assert alert.message["Importance"] == "high" and "victim" in alert.text
    assert alert.message["X-Tocsin-Host"] == "testhost"
    victim.start()
    recovery = catcher.wait(r"^\[testhost\] RECOVERED process victim", timeout=90)
    assert alert.message["Message-ID"].strip() in (recovery.message["References"] or "")
    assert len(catcher.mails) == 3


def test_recipients_each_get_the_mail(setup, daemon, catcher, victim):
    setup.mail["to"] = "ops@example.org\nto = night@example.org"
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("monitoring started")
    assert sorted(r for m in catcher.mails for r in m.recipients) == ["night@example.org", "ops@example.org"]


def test_restart_sends_no_mail_of_its_own(setup, daemon, catcher, victim):
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("monitoring started")
    d.wait_notified("STATUS", "OK")
    d.stop()
    d = daemon(setup)
    time.sleep(3)
    victim.kill()
    catcher.wait("CRITICAL process victim")
    assert [re.search("started|CRITICAL", m.subject).group() for m in catcher.mails] == ["started", "CRITICAL"]
    d.stop()
    # a problem that was mailed is not mailed again, and its recovery is
    d = daemon(setup)
    time.sleep(3)
    victim.start()
    catcher.wait("RECOVERED process victim")
    assert len(catcher.mails) == 3


# ---- servers that fail

def test_server_down_then_up_over_a_restart(setup, daemon, catcher, victim):
    catcher.stop()
    setup.write(victim.check())
    d = daemon(setup)
    d.wait_notified("STATUS", r"\b1 mails? queued")
    assert d.stop() < harness.END_WITHIN
    catcher.start()
    d = daemon(setup)
    catcher.wait("monitoring started", timeout=150)
    d.wait_notified("STATUS", r"^(?!.*queued)")
    d.stop()
    assert len(catcher.mails) == 1


def test_silent_server_keeps_nobody_waiting(setup, daemon, catcher, victim):
    catcher.behave("silent")
    setup.write(victim.check())
    d = daemon(setup, watchdog_usec=2000000)
    end = time.monotonic() + 30
    while catcher.connections == 0 and time.monotonic() < end:
        time.sleep(0.1)
    assert catcher.connections > 0
    d.wait_notified("WATCHDOG", "^1$", count=len(d.notified("WATCHDOG")) + 2)  # a dead server is no lack of progress
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0
    catcher.behave("accept")
    daemon(setup)
    catcher.wait("monitoring started", timeout=150)
    assert len(catcher.mails) == 1


@pytest.mark.parametrize("fault", ["unknown authority", "another name", "expired"])
def test_wrong_certificate(setup, daemon, tmp_path, authority, victim, fault):
    certificate = {
        "unknown authority": lambda: certs.Authority(tmp_path / "other").issue("server"),
        "another name": lambda: authority.issue("other", names=("mail.example.net",)),
        "expired": lambda: authority.issue("expired", expired=True),
    }[fault]()
    server = mailcatcher.MailCatcher(tmp_path / "wrong", certificate).start()
    try:
        setup.mail["port"] = server.port_tls
        setup.write(victim.check())
        d = daemon(setup)
        d.wait_log(r"to ops@example\.org: .*certificate")
        assert server.logins == [] and server.mails == []
        assert_no_secret(d, server)
    finally:
        server.stop()


def test_no_starttls_no_mail(setup, daemon, tmp_path, server_certificate, victim):
    server = mailcatcher.MailCatcher(tmp_path / "plain", server_certificate, offers_starttls=False).start()
    try:
        setup.mail.update(port=server.port_starttls, security="starttls")
        setup.write(victim.check())
        d = daemon(setup)
        d.wait_log(r"to ops@example\.org: .*STARTTLS")
        assert server.connections > 0 and server.logins == [] and server.mails == []
        assert_no_secret(d, server)
    finally:
        server.stop()


def test_wrong_password(setup, daemon, catcher, victim):
    setup.password_file.write_text("not the code\n")
    setup.write(victim.check())
    d = daemon(setup)
    d.wait_log(r"to ops@example\.org: .*\b535\b.*password")
    assert catcher.logins and catcher.mails == []
    assert all(password == "not the code" for _, password, _ in catcher.logins)
    assert len(catcher.logins) <= 4  # not hammered: providers lock accounts
    assert "not the code" not in d.log


# ---- checks that fail

@pytest.mark.parametrize("module, options", [
    ("rogue", {"deed": "crash"}), ("rogue", {"deed": "close"}), ("misfit-abi", {}), ("garbage", {}), ("absent", {}),
], ids=["crashes", "loses its socket", "another ABI", "no shared object", "does not exist"])
def test_broken_module_is_one_unknown(setup, daemon, catcher, victim, module, options):
    (setup.modules / "garbage.so").write_bytes(b"\x7fELF and then nothing of the kind\n" * 100)
    setup.write(harness.check("broken", module, **options), victim.check(), DISK)
    d = daemon(setup)
    mail = catcher.wait(r"monitoring started: .*UNKNOWN")
    assert re.search(r"UNKNOWN\W.*\bbroken", mail.text) or re.search(r"\bbroken\b.*UNKNOWN", mail.text)
    assert re.search(r"OK\W.*\bvictim", mail.text) or re.search(r"\bvictim\b.*OK", mail.text)
    assert "disk /" in mail.text
    victim.kill()
    catcher.wait("CRITICAL process victim")
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0


def test_hung_check(setup, daemon, catcher, victim):
    setup.write(harness.check("stuck", "hang", timeout="2s"), victim.check())
    d = daemon(setup, watchdog_usec=2000000)
    mail = catcher.wait(r"UNKNOWN", timeout=60)
    assert "stuck" in mail.text
    d.wait_notified("WATCHDOG", "^1$", count=len(d.notified("WATCHDOG")) + 2)
    victim.kill()
    catcher.wait("CRITICAL")
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0  # stop() also looks for what the module left behind


def test_ends_while_a_check_hangs(setup, daemon, catcher, victim):
    setup.write(harness.check("stuck", "hang", timeout="10m"), victim.check())
    d = daemon(setup, wait=False)
    end = time.monotonic() + 20
    while not any("tocsin-check" in command for _, command in d.leftovers()) and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(2)
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0


# ---- configuration

def test_reload_bad_then_good(setup, daemon, catcher, victim):
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("monitoring started")
    setup.write(victim.check(intervall="5s"))
    d.reload()
    d.wait_log(r"tocsin\.conf:\d+: .*intervall.*interval\b")
    d.wait_notified("READY", "^1$", count=2)
    assert d.notified("RELOADING") == ["1"] and int(d.notified("MONOTONIC_USEC")[0]) > 0
    victim.kill()
    catcher.wait(r"^\[testhost\] CRITICAL process victim")  # the running configuration is still in force
    victim.start()
    catcher.wait("RECOVERED process victim")

    setup.sections["tocsin"]["host"] = "newname"
    setup.write(victim.check())
    d.reload()
    d.wait_notified("READY", "^1$", count=3)
    victim.kill()
    catcher.wait(r"^\[newname\] CRITICAL process victim")
    assert len(catcher.mails) == 4


def test_check_config(setup, victim):
    setup.write(victim.check(), LOAD, DISK)
    r = setup.tocsind("--check-config", "--config", str(setup.config))
    assert r.returncode == 0, r.stderr
    lines = ["[tocsin]", "intervall = 60s", "[mail]", "port = 70000", "[check a]", "type = nonsense",
             "[check b]", "type = disk", "path = /", "warning = lots", "timeout = soon"]
    setup.config.write_text("\n".join(lines) + "\n")
    r = setup.tocsind("--check-config", "--config", str(setup.config))
    assert r.returncode == 78
    said = r.stdout + r.stderr
    for line in (2, 4, 6, 10, 11):
        assert f"tocsin.conf:{line}: " in said, said
    assert re.search(r"did you mean.*interval\b", said, re.I)
    assert r.stderr.count("tocsin.conf:") == len(set(re.findall(r"tocsin\.conf:\d+: .*", r.stderr)))


@pytest.mark.parametrize("what", ["missing", "directory", "binary", "megabyte"])
def test_check_config_of_what_is_no_configuration(setup, what):
    if what == "directory":
        setup.config.mkdir()
    elif what == "binary":
        setup.config.write_bytes(bytes(range(256)) * 64)
    elif what == "megabyte":
        setup.config.write_bytes(b"x" * (1 << 20))
    r = setup.tocsind("--check-config", "--config", str(setup.config))
    assert r.returncode == 78 and "tocsin.conf" in r.stderr
    assert len(r.stderr) < 64 * 1024


def test_without_mail_it_is_ready_and_says_so(setup, daemon, victim):
    setup.mail = {}
    setup.write(victim.check())
    assert setup.tocsind("--check-config", "--config", str(setup.config)).returncode == 0
    daemon(setup).wait_notified("STATUS", "(?i)mail|recipient")


# ---- the administrator's command line

def test_command_line(setup, daemon, catcher, victim):
    setup.write(victim.check())
    assert setup.tocsin("status").returncode == 3
    assert setup.tocsin("reload").returncode == 69
    d = daemon(setup)
    catcher.wait("monitoring started")
    r = setup.tocsin("status")
    assert r.returncode == 0 and "victim" in r.stdout and "OK" in r.stdout, r
    r = setup.tocsin("status", "--json")
    assert r.returncode == 0 and r.stdout.lstrip().startswith(("{", "[")) and '"victim"' in r.stdout
    for more in ([], ["--direct", "--config", str(setup.config)]):
        r = setup.tocsin("check", "victim", *more)
        assert r.returncode == 0 and "OK" in r.stdout, r
    victim.kill()
    catcher.wait("CRITICAL process victim")
    assert setup.tocsin("check", "victim").returncode == 2
    assert setup.tocsin("status").returncode == 2

    assert setup.tocsin("reload").returncode == 0
    setup.write(victim.check(intervall="5s"))
    r = setup.tocsin("reload")
    assert r.returncode == 78 and re.search(r"tocsin\.conf:\d+: ", r.stdout + r.stderr)
    setup.write(victim.check())
    d.process.send_signal(signal.SIGTERM)
    d.process.wait(20)
    assert setup.tocsin("status").returncode == 3


def test_test_mail(setup, daemon, catcher, victim):
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("monitoring started")
    for arguments in (["test-mail"], ["test-mail", "-v"],
                      ["test-mail", "-v", "--direct", "--config", str(setup.config)]):
        before = len(catcher.mails)
        r = setup.tocsin(*arguments)
        assert r.returncode == 0, r
        catcher.wait(r"^\[testhost\] test mail", after=before)
        assert catcher.password not in r.stdout + r.stderr
        assert ("EHLO" in r.stdout and "250" in r.stdout) == ("-v" in arguments), r.stdout


@pytest.mark.parametrize("language, prefix, subject", [
    ("en", None, "[testhost] test mail"), ("zh_CN", None, "[testhost] 测试邮件"),
    ("en", "{host} v{version}:", r"testhost v\S+: test mail"), ("zh_CN", "{host}：", "testhost： 测试邮件")])
def test_each_test_mail_has_one_subject(setup, daemon, catcher, victim, language, prefix, subject):
    """Whoever sends it: one filter finds them all."""
    setup.sections["tocsin"]["language"] = language
    if prefix is not None:
        setup.sections["report"]["subject_prefix"] = prefix
    setup.write(victim.check())
    daemon(setup)
    catcher.wait(".")
    config = ["--config", str(setup.config)]
    pattern = re.escape(subject) if prefix is None else subject
    for arguments in (["test-mail"], ["test-mail", "--direct", *config],
                      ["doctor", "--send", *config, "--state", str(setup.state)]):
        before = len(catcher.mails)
        setup.tocsin(*arguments)
        mail = catcher.wait(pattern, after=before)
        assert re.fullmatch(pattern, mail.subject), (arguments, mail.subject)


def test_send(setup, catcher):
    setup.write()
    config = ["--config", str(setup.config)]
    r = setup.tocsin("send", *config, "--subject", "告警 test", "one@example.org", "two@example.org", input="hello\n")
    assert r.returncode == 0, r.stderr
    mail = catcher.wait("^告警 test$")
    assert sorted(mail.recipients) == ["one@example.org", "two@example.org"] and mail.text.strip() == "hello"
    raw = "From: a@example.org\nTo: one@example.org\nSubject: as it is\nMessage-ID: <x@example.org>\n\nhi\n.\n"
    r = setup.tocsin("send", *config, "--raw", "one@example.org", input=raw)
    assert r.returncode == 0, r.stderr
    assert catcher.wait("as it is").text == "hi\n.\n"
    assert setup.tocsin("send", *config).returncode == 64
    catcher.behave("refuse")
    assert setup.tocsin("send", *config, "--raw", "one@example.org", input=raw).returncode in (69, 77)
    catcher.stop()
    assert setup.tocsin("send", *config, "--raw", "one@example.org", input=raw).returncode in (69, 75)


# ---- a real server

def mails_of(server):
    return [email.message_from_bytes(c, policy=email.policy.default) for c in server.mails()]


def wait_in_maildir(server, pattern, timeout=60):
    end = time.monotonic() + timeout
    while True:
        for message in mails_of(server):
            if re.search(pattern, str(message["Subject"])):
                return message
        if time.monotonic() > end:
            raise AssertionError(f"no mail {pattern!r}; Postfix says:\n{server.log()}")
        time.sleep(0.2)


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("auth", ["auto", "PLAIN", "LOGIN"])
def test_postfix_accepts_what_we_send(tmp_path, daemon, postfix_server, victim, security, auth):
    setup = harness.Setup(tmp_path, postfix_server, postfix_server.ca_file)
    host = f"{security}-{auth.lower()}"
    setup.sections["tocsin"]["host"] = host
    setup.mail.update(security=security, auth=auth,
                      port=postfix_server.port_tls if security == "tls" else postfix_server.port_starttls)
    setup.write(victim.check(), DISK)
    d = daemon(setup)
    message = wait_in_maildir(postfix_server, rf"^\[{host}\] monitoring started: ")
    assert any("with ESMTPSA" in received for received in message.get_all("Received"))
    assert f"Authenticated sender: {postfix_server.username}" in str(message["Received"])
    assert "victim" in message.get_body(preferencelist=("plain",)).get_content()
    if auth == "auto":
        victim.kill()
        alert = wait_in_maildir(postfix_server, rf"^\[{host}\] CRITICAL process victim")
        assert alert["Importance"] == "high"
        victim.start()
        wait_in_maildir(postfix_server, rf"^\[{host}\] RECOVERED process victim")
    assert d.stop() < harness.END_WITHIN
