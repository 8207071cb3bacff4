# SPDX-License-Identifier: GPL-3.0-or-later
"""tocsin-mail with a real server: Postfix, with Dovecot for the logins; the mail is read back from the Maildir."""

import itertools
import os
import time

import pytest

from mailer_client import Mailer, program

pytestmark = pytest.mark.skipif(not os.access(program(), os.X_OK), reason="tocsin-mail is not built")

numbers = itertools.count(1)


@pytest.fixture
def mailer(tmp_path):
    m = Mailer(tmp_path)
    yield m
    assert m.close() == 0, m.log.read_text()


def relay(server, tmp_path, how="tls", **keys):
    password = tmp_path / "password"
    password.write_text(server.password + "\n")
    return {"server": "localhost", "port": server.port_tls if how == "tls" else server.port_starttls, "security": how,
            "tls_ca_file": server.ca_file, "username": server.username, "password_file": password,
            "to": "ops@example.org", "timeout": "20s", **keys}


def wait_for(server, words, count=1):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = [m for m in server.mails() if words in m]
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{words} did not arrive\n{server.log()}")


def compose(mark):
    return f"From: 10000@example.org\nTo: ops@example.org\nSubject: {mark}\n\n{mark}\n.\n..two\n"


@pytest.mark.parametrize("how", ["tls", "starttls"])
@pytest.mark.parametrize("auth", ["auto", "plain", "login", "cram-md5", "scram-sha-256"])
def test_delivers(postfix_server, mailer, tmp_path, how, auth):
    mark = f"mark-{next(numbers)}-end"
    mailer.load(relay(postfix_server, tmp_path, how, auth=auth))
    batch = mailer.send_one(["ops@example.org"], content=compose(mark), sender="10000@example.org", dialogue=True)
    assert [r.outcome for r in batch.results] == ["sent"], (batch, postfix_server.log())
    mail = wait_for(postfix_server, mark.encode())[0]
    assert b"with ESMTPSA" in mail and mail.replace(b"\r\n", b"\n").endswith(b"\n.\n..two\n")
    assert "authorization code" not in str(batch.dialogue)


def test_many_mails_one_connection_one_recipient_refused(postfix_server, mailer, tmp_path):
    mark = f"mark-{next(numbers)}-end"
    mailer.load(relay(postfix_server, tmp_path))
    for i in range(20):
        mailer.mail(str(i), ["a@example.org", "b@elsewhere.test", "c@example.org"], compose(mark), "10000@example.org")
    batch = mailer.run(dialogue=True)
    assert len(batch.results) == 60
    assert sum(r.outcome == "sent" for r in batch.results) >= 40, batch.results
    assert len([l for l in batch.dialogue if l[1].startswith("connected to")]) == 1


def test_wrong_password(postfix_server, mailer, tmp_path):
    settings = relay(postfix_server, tmp_path)
    settings["password_file"].write_text("wrong\n")
    mailer.load(settings)
    result = mailer.send_one(sender="10000@example.org").results[0]
    assert (result.outcome, result.status, result.code) == ("temporary", "77", "535")


# What the mail is made of; and what it is in the Maildir, behind the header fields that Postfix adds above it.
CONTENTS = {
    "dots": "body\n.\n..\n...dot\n.\n\n",
    "blank lines and trailing blanks": "\n\nline \t \n\n\n\n",
    "no end of the last line": "the end",
    "Chinese": "告警：磁盘已满\n" * 50,
    "looks like the end": "QUIT\nRSET\nBDAT 5 LAST\nDATA\n.\nMAIL FROM:<x@example.org>\n",
    "From at the begin": "From here on\n>From there\n",
    "long lines": "x" * 990 + "\n" + "y" * 900 + "\n",
    "large": "0123456789" * 7 + "\n" + ("z" * 75 + "\n") * 8000,
}


def commands(batch):
    return [line for direction, line in batch.dialogue if direction == ">"]


@pytest.mark.parametrize("how", ["tls", "starttls"])
@pytest.mark.parametrize("what", CONTENTS)
def test_every_byte_arrives(postfix_server, mailer, tmp_path, how, what):
    mark = f"mark-{next(numbers)}-end"
    content = (f"From: 10000@example.org\nTo: ops@example.org\nSubject: {mark}\nMIME-Version: 1.0\n"
               f"Date: Mon, 23 Nov 2026 22:00:00 +0000\nMessage-ID: <{mark}@example.org>\n"
               f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{CONTENTS[what]}")
    mailer.load(relay(postfix_server, tmp_path, how))
    batch = mailer.send_one(["ops@example.org"], content=content, sender="10000@example.org", dialogue=True)
    assert [r.outcome for r in batch.results] == ["sent"], (batch, postfix_server.log())
    assert any(line.startswith("BDAT ") for line in commands(batch)) and "DATA" not in commands(batch)
    assert ("BODY=8BITMIME" in str(commands(batch))) == (not content.isascii())
    mail = wait_for(postfix_server, mark.encode())[0]
    begin = mail.index(b"From: 10000@example.org")
    assert mail[begin:].decode() == content + ("" if content.endswith("\n") else "\n")
    assert mail[:begin].count(b"\nFrom:") == 0 and mail.count(f"Subject: {mark}".encode()) == 1


@pytest.mark.parametrize("how", ["tls", "starttls"])
def test_smtputf8(postfix_server, mailer, tmp_path, how):
    mark = f"mark-{next(numbers)}-end"
    mailer.load(relay(postfix_server, tmp_path, how))
    everybody = ["值班@example.org", "ops@example.org"]
    batch = mailer.send_one(everybody, content=compose(mark), sender="10000@example.org", dialogue=True)
    assert {r.address: r.outcome for r in batch.results} == {a: "sent" for a in everybody}, postfix_server.log()
    assert any(line.startswith("MAIL FROM:") and "SMTPUTF8" in line for line in commands(batch))
    mails = wait_for(postfix_server, mark.encode(), 2)
    assert any("Delivered-To: 值班@example.org".encode() in m for m in mails)
    assert any(b"UTF8SMTPSA" in m for m in mails)  # RFC 6531, 4.3


def test_ascii_addresses_do_without_smtputf8(postfix_server, mailer, tmp_path):
    mark = f"mark-{next(numbers)}-end"
    mailer.load(relay(postfix_server, tmp_path))
    batch = mailer.send_one(["ops@example.org"], content=compose(mark), sender="10000@example.org", dialogue=True)
    assert [r.outcome for r in batch.results] == ["sent"]
    assert any("SMTPUTF8" in line for direction, line in batch.dialogue if direction == "<")
    assert not any("SMTPUTF8" in line for line in commands(batch))
    assert all("PIPELINING" in str(batch.dialogue) and word in str(batch.dialogue) for word in ("CHUNKING", "DSN"))
