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
