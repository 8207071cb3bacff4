# SPDX-License-Identifier: GPL-3.0-or-later
"""`tocsin send` and `tocsin test-mail` as a person at a terminal meets them: what they print, with what they exit, and
what the server got. The servers are scripted, and on loopback."""

import email
import email.policy
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

import certs
import harness
from smtp_server import CLOSE, DRIP, RESET, SILENCE, SmtpServer

PASSWORD = "s3cret-of-the-test"
RAW = b"From: a@example.org\nTo: one@example.org\nSubject: as it is\n\nhi\n"
ONE, TWO, THREE = "one@example.org", "two@example.org", "three@example.org"


class Terminal:
    """A folder with a configuration, and `tocsin` with it."""

    def __init__(self, folder, authority):
        self.folder, self.authority = folder, authority
        self.config = folder / "tocsin.conf"
        self.password = folder / "password"
        self.password.touch(mode=0o600)
        self.password.write_text(PASSWORD + "\n")
        self.sections = []

    def relay(self, where, name="", **keys):
        """Adds a relay: a server, or a port where nobody listens. A key that is None is left out."""
        is_port = isinstance(where, int)
        is_tls, is_starttls = (False, False) if is_port else (where.tls, where.starttls)
        settings = {"server": "127.0.0.1", "port": where if is_port else where.port, "from": "tocsin@client.test",
                    "security": "tls" if is_tls else "starttls" if is_starttls else "none", "timeout": "5s",
                    "timeout_receipt": "5s", "hello": "client.test"}
        if is_tls or is_starttls:
            settings["tls_ca_file"] = self.authority.ca_file
        if not is_port and where.users is not None:
            settings.update(username="me", password_file=self.password)
        settings.update(keys)
        header = f"[mail {name}]" if name else "[mail]"
        self.sections.append("\n".join([header, *(f"{k} = {v}" for k, v in settings.items() if v is not None)]))
        self.config.write_text("[tocsin]\nhost = client.test\n" + "\n".join(self.sections) + "\n")
        return self

    def environment(self):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TOCSIN_LIBEXEC_DIR": str(harness.BUILD / "src"),
                "TOCSIN_CHECK_DIR": str(self.folder), harness.MARK: str(self.folder),
                **{k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "LSAN_"))}}

    def run(self, *arguments, input=b"hello\n", **options):
        if "stdin" not in options:
            options["input"] = input.encode() if isinstance(input, str) else input
        return subprocess.run([harness.program("tocsin"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, env=self.environment(), **options)

    def send(self, *arguments, **options):
        r = self.run("send", "--config", str(self.config), *arguments, **options)
        for secret in (PASSWORD.encode(), b"AG1lAHMz"):  # and "\0me\0s3" in base64
            assert secret not in r.stdout + r.stderr
        return r


@pytest.fixture
def terminal(tmp_path, authority):
    return Terminal(tmp_path, authority)


def lines(r):
    return r.stdout.decode().splitlines()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def message(server, i=0):
    return email.message_from_bytes(server.mails[i][2], policy=email.policy.default)


def refusing(*pairs):
    """RCPT: each address that contains a word gets its reply."""
    return {"rcpt": lambda line: next((reply for word, reply in pairs if word.encode() in line), None)}


# What it prints, and the exit status.


def test_sent_to_all(terminal):
    with SmtpServer() as s:
        r = terminal.relay(s).send("--raw", ONE, TWO, input=RAW)
        assert (r.returncode, r.stderr) == (0, b"")
        assert lines(r) == [f"sent {ONE}: 250 2.0.0 taken", f"sent {TWO}: 250 2.0.0 taken"]
        assert s.mails == [("tocsin@client.test", [ONE, TWO], RAW.strip().replace(b"\n", b"\r\n"))]
        assert s.connections == 1


def test_some_recipients_refused(terminal):
    with SmtpServer(at=refusing(("two", "550 5.1.1 no such user"), ("three", "451 4.7.1 greylisted, wait"))) as s:
        r = terminal.relay(s).send(ONE, TWO, THREE)
        assert r.returncode == 69
        assert sorted(lines(r)) == [f"permanent {TWO}: 550 5.1.1 no such user", f"sent {ONE}: 250 2.0.0 taken",
                                    f"temporary {THREE}: 451 4.7.1 greylisted, wait"]
        assert [m[1] for m in s.mails] == [[ONE]]


def test_temporary(terminal):
    with SmtpServer(at=refusing(("two", "451 4.7.1 greylisted, wait"))) as s:
        r = terminal.relay(s).send(ONE, TWO)
        assert r.returncode == 75 and f"temporary {TWO}: 451 4.7.1 greylisted, wait" in lines(r)


def test_all_refused_sends_no_content(terminal):
    with SmtpServer(at={"rcpt": "550 5.1.1 no such user"}) as s:
        r = terminal.relay(s).send(ONE, TWO)
        assert r.returncode == 69 and all(l.startswith("permanent ") for l in lines(r)) and len(lines(r)) == 2
        assert s.mails == []


def test_words_of_the_server_are_cleaned(terminal):
    with SmtpServer(at={"rcpt": "550 5.1.1 no\x1b[31m \x07user \u202eresu"}) as s:
        r = terminal.relay(s).send(ONE)
        assert r.returncode == 69 and len(lines(r)) == 1
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", r.stdout.decode())


def test_login_refused(terminal, server_certificate):
    with SmtpServer(server_certificate, tls=True, users={"me": "other"}) as s:
        r = terminal.relay(s).send(ONE)
        assert r.returncode == 77
        assert lines(r)[0].startswith(f"temporary {ONE}: 535 5.7.8 ") and "authentication failed" in lines(r)[0]
        assert len(s.logins) == 1 and s.mails == []


@pytest.mark.parametrize("fault, words", [
    ("no TLS", "does not speak TLS"), ("no STARTTLS", "does not offer STARTTLS"), ("another name", "not for"),
    ("expired", "expired on"), ("unknown authority", "was issued by"), ("STARTTLS refused", "refuses it"),
])
def test_tls_that_fails(terminal, server_certificate, authority, tmp_path, fault, words):
    certificate, options, keys = server_certificate, {"tls": True}, {}
    if fault == "no TLS":
        options, keys = {}, {"security": "tls", "tls_ca_file": authority.ca_file}
    elif fault == "no STARTTLS":
        options, keys = {}, {"security": "starttls", "tls_ca_file": authority.ca_file}
    elif fault == "STARTTLS refused":
        options = {"starttls": True, "at": {"starttls": "502 5.5.1 not today"}}
    elif fault == "another name":
        certificate = authority.issue("another", names=("mail.example.net",))
    elif fault == "expired":
        certificate = authority.issue("expired", expired=True)
    else:
        certificate = certs.Authority(tmp_path / "other", "another CA").issue("server")
    with SmtpServer(certificate, users={"me": PASSWORD}, **options) as s:
        r = terminal.relay(s, **keys).send(ONE)
        assert r.returncode == 76, r
        assert lines(r)[0].startswith(f"temporary {ONE}: ") and words in lines(r)[0]
        assert s.mails == [] and s.logins == []


def test_what_is_no_mail_server(terminal):
    with SmtpServer(at={"greeting": "* OK IMAP4rev1 ready"}) as s:
        r = terminal.relay(s).send(ONE)
        assert r.returncode == 76 and lines(r)[0].startswith(f"temporary {ONE}: ")


def test_server_down(terminal):
    port = closed_port()
    r = terminal.relay(port).send(ONE, TWO)
    assert r.returncode == 75
    assert lines(r) == [f"temporary {a}: connection refused by 127.0.0.1:{port}" for a in (ONE, TWO)]


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "content"])
@pytest.mark.parametrize("action", [SILENCE, CLOSE, RESET])
def test_server_that_fails(terminal, stage, action):
    with SmtpServer(at={stage: action}) as s:
        r = terminal.relay(s, timeout="1s", timeout_receipt="1s").send(ONE)
        assert r.returncode == 75 and lines(r)[0].startswith(f"temporary {ONE}: ") and len(lines(r)) == 1
        assert s.connections == 1  # once


@pytest.mark.parametrize("action", [SILENCE, DRIP])
def test_timeout_is_the_deadline_of_the_whole(terminal, action):
    with SmtpServer(at={"greeting": action}) as s:
        begun = time.monotonic()
        r = terminal.relay(s, timeout="50s").send("--timeout", "2s", ONE)
        assert r.returncode == 75 and lines(r)[0].startswith(f"temporary {ONE}: ")
        assert time.monotonic() - begun < 20


# The worst wins: 78 > 77 > 76 > 69 > 75.


def a_relay(terminal, status, name, stack, certificate):
    """Adds a relay that fails with STATUS."""
    if status == 75:
        return terminal.relay(closed_port(), name)
    server = SmtpServer(*([certificate] if status in (77, 78) else []), tls=status in (77, 78),
                        users={"me": "other"} if status in (77, 78) else None)
    stack.append(server)
    keys = {76: {"security": "tls", "tls_ca_file": terminal.authority.ca_file},
            78: {"password_file": terminal.folder / "absent"}}
    return terminal.relay(server, name, **keys.get(status, {}))


@pytest.mark.parametrize("first, second", [(78, 77), (77, 76), (76, 75), (77, 75), (78, 75), (78, 76)])
@pytest.mark.parametrize("order", [1, -1])
def test_the_worst_of_two_relays(terminal, server_certificate, first, second, order):
    servers = []
    try:
        for status, name in list(zip((first, second)[::order], ("", "backup"))):
            a_relay(terminal, status, name, servers, server_certificate)
        r = terminal.send(ONE)
        assert r.returncode == first, r
        assert len(lines(r)) == 1 and "[mail]: " in lines(r)[0] and "[mail backup]: " in lines(r)[0]
    finally:
        for s in servers:
            s.__exit__()


# Which relay.


def test_mail_chooses_the_relay(terminal):
    with SmtpServer() as first, SmtpServer() as second:
        terminal.relay(first).relay(second, "backup", **{"from": "backup@client.test"})
        assert terminal.send("--mail", "backup", ONE).returncode == 0
        assert (first.connections, second.connections) == (0, 1)
        assert second.mails[0][0] == "backup@client.test" and message(second)["From"] == "backup@client.test"
        assert terminal.send("--mail", "", ONE).returncode == 0
        assert (first.connections, second.connections) == (1, 1)
        r = terminal.send("--mail", "absent", ONE)
        assert r.returncode == 78 and b"[mail absent]" in r.stderr


def test_the_next_relay_takes_it(terminal):
    with SmtpServer() as second:
        r = terminal.relay(closed_port()).relay(second, "backup").send(ONE)
        assert r.returncode == 0 and lines(r) == [f"sent {ONE}: 250 2.0.0 taken"]


# What is composed.


def test_chinese_subject_and_name(terminal):
    subject = "告警:磁盘 / 已使用 96 %,超过了在配置文件里写下的限制,请尽快处理!" * 3
    with SmtpServer() as s:
        r = terminal.relay(s).send("--subject", subject, "--from-name", "值班 警钟", ONE, input="磁盘满了。\n.\n..\n")
        assert r.returncode == 0
        content, m = s.mails[0][2], message(s)
        assert m["Subject"] == subject and m["From"].addresses[0].display_name == "值班 警钟"
        assert m["From"].addresses[0].addr_spec == "tocsin@client.test" and b"<tocsin@client.test>" in content
        # The server leaves out the end of the last line, which is that of the data too.
        assert m.get_body().get_content().replace("\r\n", "\n") == "磁盘满了。\n.\n.."
        head = content.split(b"\r\n\r\n")[0]
        assert all(len(l) <= 78 for l in head.split(b"\r\n")) and head.isascii()
        for word in re.findall(rb"=\?[^?]*\?[^?]\?[^?]*\?=", head):  # each one by itself is whole characters
            assert "\ufffd" not in str(email.header.make_header(email.header.decode_header(word.decode())))
        for name in ("Date", "Message-ID", "From", "To", "Subject", "MIME-Version"):
            assert len(m.get_all(name)) == 1
        assert m["Date"].datetime.tzinfo is not None and m["To"].addresses[0].addr_spec == ONE


@pytest.mark.parametrize("text", [b"", b"\n", b"no line end", b"a\r\nb\rc\n", b"\xff\xfe broken \x80\n", b"x" * 5000,
                                  b".\n..\n.x\n", b"From here\n"])
def test_any_text_is_sent(terminal, text):
    with SmtpServer(extensions=("PIPELINING",)) as s:  # no 8BITMIME
        r = terminal.relay(s).send("--subject", "x", ONE, input=text)
        assert r.returncode == 0, r
        content = s.mails[0][2]
        assert content.isascii() and b"\0" not in content
        assert all(len(l) <= 998 and b"\r" not in l and b"\n" not in l for l in content.split(b"\r\n"))


def test_domains_in_chinese_are_a_labels_in_the_header_too(terminal):
    with SmtpServer(extensions=("PIPELINING",)) as s:
        r = terminal.relay(s, **{"from": "me@例子.test"}).send("ops@例子.test", "b@邮箱.test")
        assert r.returncode == 0, r
        assert s.mails[0][:2] == ("me@xn--fsqu00a.test", ["ops@xn--fsqu00a.test", "b@xn--c0zu34b.test"])
        assert message(s)["From"] == "me@xn--fsqu00a.test" and message(s)["To"] == "ops@xn--fsqu00a.test, b@xn--c0zu34b.test"


def test_subject_cannot_add_a_header(terminal):
    with SmtpServer() as s:
        evil = "x\r\nBcc: evil@example.org\n\nbody"
        assert terminal.relay(s).send("--subject", evil, "--from-name", "a\r\nX-Evil: 1", ONE).returncode == 0
        assert set(message(s).keys()) & {"Bcc", "X-Evil"} == set() and "evil@" not in str(s.mails[0][1])


# What is finished already.


def test_raw_goes_as_it_is(terminal):
    raw = RAW + "8 bit: 磁盘\n.\n..\n.dot\ntrailing \n\n\n".encode() + b"lone \r cr, \xff no utf-8\nend"
    with SmtpServer() as s:
        r = terminal.relay(s).send("--raw", ONE, input=raw)
        assert r.returncode == 0
        assert any("BODY=8BITMIME" in l for l in s.lines)
        expected = raw.replace(b"lone \r cr", b"lone \n cr").replace(b"\n", b"\r\n")
        assert s.mails[0][2] in (expected, raw.replace(b"lone \r cr", b"lone  cr").replace(b"\n", b"\r\n")), s.mails


def test_raw_8bit_where_it_is_not_offered(terminal):
    raw = RAW[:-4] + b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" + "磁盘\n".encode()
    with SmtpServer(extensions=("PIPELINING",)) as s:
        assert terminal.relay(s).send("--raw", ONE, input=raw).returncode == 0
        assert s.mails[0][2].isascii() and message(s).get_content().strip() == "磁盘"


@pytest.mark.parametrize("raw, words", [
    (b"", "header"), (b"\nSubject: x\n\nbody\n", "header"), (b"just text\n", "header"), (b"hello", "header"),
    (b" Subject: folded\n\nx\n", "header"), (b"From bob Mon Jan  1 00:00:00 2024\nFrom: a@example.org\n\nx\n", "header"),
    (b"From: a@example.org\nno field here\n\nbody\n", "line 2"), ("主题: x\n\nbody\n".encode(), "header"),
    (b"From: a@example.org\r\nSubject : x\r\n\r\nbody\r\n", "line 2"),
    (RAW + b"NUL \0 inside\n", "NUL"), (b"\0" + RAW, "NUL"),
])
def test_malformed_message(terminal, raw, words):
    with SmtpServer() as s:
        r = terminal.relay(s).send("--raw", ONE, input=raw)
        assert r.returncode == 65 and words in r.stderr.decode() and r.stdout == b""
        assert s.connections == 0


def test_nul_in_a_text(terminal):
    with SmtpServer() as s:
        assert terminal.relay(s).send(ONE, input=b"a\0b\n").returncode == 65
        assert s.connections == 0


def test_message_that_is_too_large(terminal):
    with SmtpServer() as s:
        r = terminal.relay(s).send("--raw", ONE, input=RAW + (b"x" * 76 + b"\n") * 170000)
        assert r.returncode == 65 and b"larger than" in r.stderr and s.connections == 0


def test_message_that_the_server_finds_too_large(terminal):
    with SmtpServer(extensions=("PIPELINING", "SIZE 1000")) as s:
        r = terminal.relay(s).send("--raw", ONE, input=RAW + b"x" * 76 + b"\n" + b"y" * 2000 + b"\n")
        assert r.returncode == 69 and "the server takes 1000 at most" in lines(r)[0]
        assert not any(l.startswith("MAIL") for l in s.lines)


# Usage, input, configuration.


@pytest.mark.parametrize("arguments", [
    [], ["--raw"], ["--nonsense", ONE], ["no-address"], ["a b@example.org"], [f"{ONE}\r\nRCPT TO:<x@example.org>"],
    ["<one@example.org>"], ["--timeout", "soon", ONE], ["--timeout", "0", ONE], ["--raw", "--subject", "x", ONE],
    ["--raw", "--from-name", "x", ONE], ["--subject"],
])
def test_usage(terminal, arguments):
    with SmtpServer() as s:
        r = terminal.relay(s).send(*arguments, input=RAW)
        assert r.returncode == 64 and r.stderr and r.stdout == b"" and s.connections == 0


def test_standard_input_closed(terminal):
    with SmtpServer() as s:
        terminal.relay(s)
        r = terminal.send(ONE, stdin=None, preexec_fn=lambda: os.close(0))
        assert r.returncode == 66 and b"standard input" in r.stderr and s.connections == 0


def test_standard_input_is_a_directory(terminal, tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    with SmtpServer() as s:
        r = terminal.relay(s).send(ONE, stdin=fd)
        assert r.returncode == 66 and b"standard input" in r.stderr and s.connections == 0
    os.close(fd)


@pytest.mark.parametrize("text, words", [
    (None, "tocsin.conf"), ("[mail]\nserverr = x\n", "tocsin.conf:2"), ("", "no [mail]"),
    ("[mail]\nserver = localhost\nport = 70000\nfrom = a@example.org\n", "tocsin.conf:3"),
    ("[mail]\nserver = localhost\nfrom = a@example.org\nhello = web1\n", "tocsin.conf:4: error: hello: expected"),
    ("[mail]\nserver = localhost\nfrom = a@example.org\ntls_pin = x\n", "tocsin.conf:4: error: tls_pin: expected"),
])
def test_configuration_errors(terminal, text, words):
    if text is not None:
        terminal.config.write_text(text)
    r = terminal.send(ONE)
    assert r.returncode == 78 and words in r.stderr.decode() and r.stdout == b""


@pytest.mark.parametrize("keys, words", [
    ({"password_file": "/nonexistent/password"}, "/nonexistent/password"),
    ({"tls_ca_file": "/nonexistent/ca.pem"}, "/nonexistent/ca.pem"),
    ({"auth": "xoauth2"}, "token_command"),
    ({"source_address": "192.0.2.77"}, "does not belong to this host"),
])
def test_configuration_that_shows_when_it_is_used(terminal, server_certificate, keys, words):
    with SmtpServer(server_certificate, tls=True, users={"me": PASSWORD}, mechanisms="PLAIN XOAUTH2") as s:
        r = terminal.relay(s, **keys).send(ONE)
        assert r.returncode == 78 and lines(r)[0].startswith(f"temporary {ONE}: ") and words in lines(r)[0], r
        assert s.logins == [] and s.mails == []


# The secret, and what is left behind.


def test_password_is_in_no_command_line_and_nothing_is_left(terminal, server_certificate):
    seen = []

    def look(line):
        mark = f"{harness.MARK}={terminal.folder}".encode()
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes():
                    seen.append((entry / "cmdline").read_bytes() + (entry / "environ").read_bytes())
            except OSError:
                pass

    with SmtpServer(server_certificate, tls=True, users={"me": PASSWORD}, at={"mail": look}) as s:
        before = sorted(p.name for p in terminal.relay(s).folder.iterdir())
        r = terminal.send("-v", ONE)
        assert r.returncode == 0 and s.logins == [("me", PASSWORD)]
        assert len(seen) >= 2 and not any(PASSWORD.encode() in what for what in seen)
        assert sorted(p.name for p in terminal.folder.iterdir()) == before
        assert "> AUTH PLAIN ****" in lines(r) and f"sent {ONE}: 250 2.0.0 taken" in lines(r)


def test_nothing_is_queued(terminal):
    with SmtpServer(at={"content": ["451 4.3.0 later"]}) as s:
        before = sorted(p.name for p in terminal.relay(s).folder.iterdir())
        assert terminal.send(ONE).returncode == 75
        assert terminal.send(TWO).returncode == 0
        assert [m[1] for m in s.mails] == [[TWO]]
        assert sorted(p.name for p in terminal.folder.iterdir()) == before


# test-mail, through the daemon and past it.

QQ_GREETING = "220 newxmesmtplogicsvrszb1.qq.com XMail Esmtp QQ Mail Server."
QQ_REFUSAL = ("535 Login Fail. Please enter your authorization code to login. More information in "
              "http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256")
HOWS = [[], ["--direct"]]


@pytest.fixture
def test_mail(setup, daemon, authority):
    """A function that runs `tocsin test-mail -v` against a server."""
    def run(server, how, **keys):
        setup.mail.update(server="127.0.0.1", port=server.port, tls_ca_file=authority.ca_file, username="me",
                          **{"from": "me@qq.com"}, **keys)
        setup.mail["security"] = "tls" if server.tls else "starttls" if server.starttls else "none"
        setup.password_file.write_text(PASSWORD + "\n")
        setup.sections["report"]["on_first_start"] = "no"
        setup.write()
        if how:
            return setup.tocsin("test-mail", "-v", *how, "--config", str(setup.config))
        daemon(setup)
        return setup.tocsin("test-mail", "-v")
    return run


def assert_masked(r):
    for secret in (PASSWORD, "bWU=", "czNjcmV0", "AG1lAHMz"):  # LOGIN's and PLAIN's base64
        assert secret not in r.stdout + r.stderr


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_dialogue_like_telnet(test_mail, server_certificate, how, mechanism):
    with SmtpServer(server_certificate, starttls=True, users={"me": PASSWORD}, mechanisms=mechanism) as s:
        r = test_mail(s, how, hello="web1.example.org")
        assert r.returncode == 0, r
        assert_masked(r)
        said = r.stdout.splitlines()
        expected = ["< 220 mail.test ESMTP", "> EHLO web1.example.org", "< 250-mail.test at your service", "> STARTTLS",
                    "< 220 2.0.0 go ahead", "* TLS is on: (TLS1.3)", "> EHLO web1.example.org",
                    "> AUTH PLAIN ****" if mechanism == "PLAIN" else "> AUTH LOGIN", "< 235 2.7.0 welcome",
                    "> MAIL FROM:<me@qq.com>", "> RCPT TO:<ops@example.org>", "> DATA", "> QUIT", "< 250 2.0.0 taken",
                    "sent ops@example.org: 250 2.0.0 taken"]
        at = 0
        for line in expected:  # all of them, in this order
            found = [i for i in range(at, len(said)) if said[i].startswith(line)]
            assert found, (line, said)
            at = found[0] + 1
        assert any(l.startswith("* ") and "TLS1.3" in l for l in said) and any("bytes of content" in l for l in said)
        assert "test mail" in str(message(s)["Subject"])


@pytest.mark.parametrize("how", HOWS)
def test_qq_wants_the_authorization_code(test_mail, server_certificate, how):
    with SmtpServer(server_certificate, tls=True, users={"me": "the code"}, mechanisms="LOGIN PLAIN",
                    at={"greeting": QQ_GREETING, "auth": QQ_REFUSAL}) as s:
        r = test_mail(s, how, provider="qq")
        assert r.returncode == 77, r
        assert_masked(r)
        last = r.stdout.splitlines()[-1]
        assert last.startswith("temporary ops@example.org: ") and last.count("535 Login Fail") == 1
        assert "authorization code (授权码) from the mail settings, not the QQ password" in last
        assert f"< {QQ_REFUSAL}" in r.stdout.splitlines()
        assert len(s.logins) == 1 and s.mails == []


@pytest.mark.parametrize("how", HOWS)
def test_qq_wants_the_login_as_sender(test_mail, server_certificate, how):
    refusal = '550 The "From" header is missing or invalid. Please follow RFC5322, RFC2047, RFC822 standard protocol.'
    with SmtpServer(server_certificate, tls=True, users={"me": PASSWORD}, at={"content": refusal}) as s:
        r = test_mail(s, how, provider="qq")
        assert r.returncode == 69, r
        result, = [line for line in r.stdout.splitlines() if line.startswith("permanent ops@example.org: 550 ")]
        assert "the From header must hold the address that logs in" in result


def test_mail_without_a_daemon(setup):
    setup.write()
    r = setup.tocsin("test-mail")
    assert r.returncode == 69 and "is tocsind running?" in r.stderr


def test_a_refused_account_is_spared(setup, daemon, authority, server_certificate, victim):
    """Each mail has a mailer of its own, and yet the account is not tried again and again until it is locked."""
    with SmtpServer(server_certificate, tls=True, users={"me": PASSWORD}, at={"auth": [QQ_REFUSAL]}) as s:
        setup.mail.update(server="127.0.0.1", port=s.port, provider="qq", username="me", **{"from": "me@qq.com"})
        setup.password_file.write_text("the QQ password\n")
        setup.write(victim.check())
        d = daemon(setup)
        d.wait_log("monitoring started.*authorization code")
        assert len(s.logins) == 1
        victim.kill()
        d.wait_log("CRITICAL process victim.*not tried for another .*, to spare the account")
        r = setup.tocsin("test-mail")
        assert r.returncode == 75 and "to spare the account" in r.stdout
        assert len(s.logins) == 1
        # somebody who waits may know better, and if so all mails go on
        setup.password_file.write_text(PASSWORD + "\n")
        d.reload()
        d.wait_notified("READY", "^1$", count=2)
        time.sleep(3)  # the mailer that stood by has read the old password, and serves until its successor is ready
        assert setup.tocsin("test-mail", "-v").returncode == 0
        assert len(s.logins) == 2
        victim.start()
        d.wait_log(r"RECOVERED process victim.*sent")
        assert any("RECOVERED" in str(message(s, i)["Subject"]) for i in range(len(s.mails)))


def test_a_changed_configuration_ends_the_sparing(setup, daemon, authority, server_certificate, victim):
    with SmtpServer(server_certificate, tls=True, users={"me": PASSWORD}, at={"auth": [QQ_REFUSAL]}) as s:
        setup.mail.update(server="127.0.0.1", port=s.port, provider="qq", username="me", **{"from": "me@qq.com"})
        setup.password_file.write_text("the QQ password\n")
        setup.write(victim.check())
        d = daemon(setup)
        d.wait_log("monitoring started.*authorization code")
        setup.password_file.write_text(PASSWORD + "\n")
        assert setup.tocsin("reload").returncode == 0
        time.sleep(3)
        victim.kill()
        d.wait_log(r"CRITICAL process victim.*sent")


# To whom the configuration names.


def test_to_configured(terminal):
    """All who get problems at once, and nobody else."""
    with SmtpServer() as s:
        terminal.relay(s, to=ONE)
        terminal.config.write_text(terminal.config.read_text() + f"[recipient boss]\nto = {TWO}\n"
                                   f"[recipient last]\nto = {THREE}\nescalate_after = 2h\n")
        r = terminal.send("--to-configured", "--subject", "it is down")
        assert (r.returncode, r.stderr) == (0, b"") and [m[1] for m in s.mails] == [[ONE, TWO]]
        assert message(s)["Subject"] == "it is down" and message(s)["To"] == f"{ONE}, {TWO}"
        assert terminal.send("--to-configured", ONE).returncode == 64


def test_to_configured_in_spite_of_errors_elsewhere(terminal):
    """The mail that says that the configuration is wrong."""
    with SmtpServer() as s:
        terminal.relay(s, to=ONE)
        good = terminal.config.read_text()
        terminal.config.write_text(good + "[check x]\ntype = nonesuch\n[alert]\nconfirm = -1\n")
        r = terminal.send("--to-configured")
        assert r.returncode == 0 and b"confirm" in r.stderr and [m[1] for m in s.mails] == [[ONE]]
        assert terminal.send(ONE).returncode == 78
        terminal.config.write_text(good.replace("[tocsin]", "[tocsin]\nintervall = 1s"))
        assert terminal.send("--to-configured").returncode == 0 and len(s.mails) == 2
        terminal.config.write_text(good + "nonsense = 1\n")  # in [mail]: it may be what matters
        assert terminal.send("--to-configured").returncode == 78 and len(s.mails) == 2


@pytest.mark.parametrize("language, subject, first", [
    ("en", "[web1] CRITICAL tocsin: it has failed, nobody watches this host", "tocsind on web1 has ended"),
    ("zh_CN", "[web1] CRITICAL tocsin: 已停止运行，这台主机无人监控", "web1 上的 tocsind 已经停止"),
])
def test_the_mail_that_the_service_has_failed(terminal, language, subject, first):
    """In the language of the configuration, which may be what is wrong."""
    with SmtpServer() as s:
        terminal.relay(s, to=ONE)
        terminal.config.write_text(terminal.config.read_text().replace(
            "host = client.test\n", f"host = web1\nlanguage = {language}\n") + "[alert]\nconfirm = -1\n")
        r = terminal.send("--failed", "--to-configured", input=b"Result=exit-code\nExecMainStatus=78\n")
        assert r.returncode == 0, r.stderr
        sent = message(s)
        body = sent.get_content().replace("\r\n", "\n")
        assert sent["Subject"] == subject and body.startswith(first) and "\nExecMainStatus=78\n" in body
        for wrong in (["--failed", ONE], ["--failed"], ["--failed", "--to-configured", "--subject", "x"]):
            assert terminal.send(*wrong).returncode == 64
        assert len(s.mails) == 1


def test_to_configured_nobody(terminal):
    with SmtpServer() as s:
        r = terminal.relay(s).send("--to-configured")
        assert r.returncode == 78 and b"nobody to write to" in r.stderr and s.connections == 0
