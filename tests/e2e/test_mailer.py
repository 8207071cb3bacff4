# SPDX-License-Identifier: GPL-3.0-or-later
"""tocsin-mail as it is built, over its socket, against scripted servers on loopback."""

import os
import socket
import threading
import time

import pytest

import certs
from mailer_client import Mailer, program
from smtp_server import CLOSE, DRIP, RESET, SILENCE, SmtpServer

pytestmark = pytest.mark.skipif(not os.access(program(), os.X_OK), reason="tocsin-mail is not built")

THREE = ["a@example.org", "b@example.org", "c@example.org"]


@pytest.fixture
def mailer(tmp_path):
    started = []

    def start(**environment):
        m = Mailer(tmp_path, environment)
        started.append(m)
        return m

    yield start
    for m in started:
        # ends properly when the daemon goes; sanitizers speak through the status
        assert m.wait(0) is not None or m.close() == 0, m.log.read_text()


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text("s3cret\nsecond line\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def tls_server(server_certificate):
    """Implicit TLS with a login."""
    with SmtpServer(server_certificate, tls=True, users={"me": "s3cret"}) as s:
        yield s


def relay(where, authority=None, **keys):
    settings = {"server": "127.0.0.1", "port": where if isinstance(where, int) else where.port, "to": "a@example.org",
                "from": "tocsin@client.test", "timeout": "2s", "timeout_receipt": "2s",
                "security": "tls" if authority else "none"}
    if authority:
        settings["tls_ca_file"] = authority.ca_file
    return {**settings, **keys}


def login(path):
    return {"username": "me", "password_file": path}


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def outcomes(batch):
    return {r.address: r.outcome for r in batch.results}


# What works.


def test_implicit_tls_with_login(mailer, tls_server, authority, password):
    m = mailer()
    note = m.load(relay(tls_server, authority, **login(password)))
    assert "mail" not in note  # nothing wrong with the relay; memory may not be lockable here
    batch = m.send_one(THREE, content="Subject: x\n\n.dot\nend\n")
    assert outcomes(batch) == {a: "sent" for a in THREE}
    assert {(r.id, r.code, r.status, r.relay) for r in batch.results} == {("1", "250", "0", "")}
    assert tls_server.logins == [("me", "s3cret")]
    assert tls_server.mails == [("tocsin@client.test", THREE, b"Subject: x\r\n\r\n.dot\r\nend")]
    assert batch.dialogue == []


def test_starttls(mailer, server_certificate, authority, password):
    with SmtpServer(server_certificate, starttls=True, users={"me": "s3cret"}) as s:
        m = mailer()
        m.load(relay(s, authority, security="starttls", **login(password)))
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}
        assert s.lines[:2] == ["EHLO client.test", "STARTTLS"]
        assert s.lines[2] == "EHLO client.test"
        assert s.logins == [("me", "s3cret")]


def test_plain_on_loopback_needs_no_leave(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s))
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}


def test_name_is_resolved(mailer, server_certificate, authority):
    with SmtpServer(server_certificate, tls=True) as s:
        m = mailer()
        m.load({**relay(s, authority), "server": "localhost"})
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}


def test_address_is_told_and_used_when_the_resolver_fails(mailer):
    name = "mail.invalid"  # never resolves (RFC 6761)
    with SmtpServer() as s:
        m = mailer()
        m.load({**relay(s), "server": name, "timeout": "20s"})
        m.send("setting", "address", "", name, "127.0.0.1", "default", 0)
        m.send("setting", "address", "", "former.invalid", "127.0.0.77", "default", 0)
        batch = m.send_one()
        assert outcomes(batch) == {"a@example.org": "sent"}
        assert batch.addresses == [("", name, "127.0.0.1")]


def test_other_settings_may_not_come_after_the_load(mailer):
    m = mailer()
    m.load()
    m.send("setting", "mail", "", "server", "localhost", "test.conf", 1)
    assert m.wait() == 76


def test_address_of_another_server_is_not_used(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load({**relay(s), "server": "mail.invalid", "timeout": "20s"})
        m.send("setting", "address", "", "former.invalid", "127.0.0.1", "default", 0)
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "75")
        assert result.text.startswith("mail.invalid: ")
        assert s.connections == 0


def test_hello_without_a_dot_is_the_literal(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s), host="web1")
        m.send_one()
        assert s.lines[0] == "EHLO [127.0.0.1]"


def test_hello_of_the_configuration_comes_first(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s, hello="other.example.org"))
        m.send_one()
        assert s.lines[0] == "EHLO other.example.org"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6(mailer):
    with SmtpServer(host="::1") as s:
        m = mailer()
        m.load(relay(s, server="::1"), host="web1")
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}
        assert s.lines[0] == "EHLO [IPv6:::1]"


def test_mails_share_one_connection_and_batches_follow(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s))
        for round in (1, 2):
            for i in range(5):
                m.mail(f"{round}-{i}", [f"r{i}@example.org"])
            batch = m.run()
            assert [(r.id, r.outcome) for r in batch.results] == [(f"{round}-{i}", "sent") for i in range(5)]
            assert s.connections == round
        assert len(s.mails) == 10


def test_large_content_comes_in_a_memfd(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s))
        body = "x" * 70 + "\n"
        assert outcomes(m.send_one(content="Subject: x\n\n" + body * 10000)) == {"a@example.org": "sent"}
        assert s.mails[0][2].count(b"x" * 70) == 10000


def test_server_that_takes_one_mail_for_each_connection(mailer):
    with SmtpServer(at={"mail": [None, "421 4.7.0 one is enough", None, "421 4.7.0 one is enough", None]}) as s:
        m = mailer()
        m.load(relay(s), relay(closed_port(), name="other"))
        for i in range(3):
            m.mail(str(i), ["a@example.org"])
        batch = m.run()
        # what the 421 hit is temporary at this relay; what was not begun is sent over the next connection
        sent = [r.id for r in batch.results if r.outcome == "sent"]
        assert "0" in sent and len(batch.results) == 3
        assert s.connections >= 2
        assert len(s.mails) == len(sent)


# Recipients.


def test_one_of_three_refused(mailer):
    refuse = {"rcpt": lambda line: "550 5.1.1 no such user" if b"b@" in line else None}
    with SmtpServer(at=refuse) as s:
        m = mailer()
        m.load(relay(s))
        batch = m.send_one(THREE)
        assert outcomes(batch) == {"a@example.org": "sent", "b@example.org": "permanent", "c@example.org": "sent"}
        refused = [r for r in batch.results if r.outcome == "permanent"][0]
        assert (refused.code, refused.enhanced, refused.status) == ("550", "5.1.1", "69")
        assert "no such user" in refused.text
        assert s.mails[0][1] == ["a@example.org", "c@example.org"]


def test_permanent_refusal_does_not_go_to_the_next_relay(mailer):
    with SmtpServer(at={"rcpt": "550 5.1.1 no such user"}) as first, SmtpServer() as second:
        m = mailer()
        m.load(relay(first), relay(second, name="second"))
        assert outcomes(m.send_one()) == {"a@example.org": "permanent"}
        assert second.connections == 0


@pytest.mark.parametrize("stage, answer", [
    ("mail", "550 5.7.60 not from this address"), ("rcpt", "554 5.7.1 Relay access denied"), ("data", "554 5.6.0 not such mails"),
    ("content", "554 5.7.1 this looks like spam"), ("size", None), ("smtputf8", None)])
def test_what_only_this_relay_refuses_goes_to_the_next_one(mailer, stage, answer):
    to = ["值班@example.org"] if stage == "smtputf8" else ["a@example.org"]
    offers = {"size": ("PIPELINING", "SIZE 20"), "smtputf8": ("PIPELINING",)}.get(stage, ("PIPELINING", "8BITMIME"))
    choosy = {"at": {stage: answer}, "extensions": offers}
    with SmtpServer(**choosy) as first, SmtpServer(extensions=("SMTPUTF8",)) as second, SmtpServer(**choosy) as third:
        m = mailer()
        m.load(relay(first), relay(second, name="second"))
        assert [(r.outcome, r.relay) for r in m.send_one(to).results] == [("sent", "second")]
        assert len(second.mails) == 1 and not any(content for _, _, content in first.mails)

        m = mailer()  # each of them refuses it
        m.load(relay(first), relay(third, name="third"))
        [result] = m.send_one(to).results
        assert (result.outcome, result.status) == ("permanent", "69")
        assert "[mail]: " in result.text and "[mail third]: " in result.text

        m = mailer()  # the other one may take it later
        m.load(relay(first), relay(closed_port(), name="down"))
        [result] = m.send_one(to).results
        assert (result.outcome, result.status) == ("temporary", "75")


def test_a_limit_that_passes_is_temporary_whatever_its_code(mailer):
    with SmtpServer(at={"content": "550 5.4.5 Daily user sending limit exceeded"}) as s:
        m = mailer()
        m.load(relay(s, provider="gmail"))
        [result] = m.send_one().results
        assert (result.outcome, result.status, result.code) == ("temporary", "75", "550") and "limit" in result.text


def test_mail_that_costs_its_connection_holds_up_no_other(mailer):
    with SmtpServer(at={"rcpt": lambda line: CLOSE if b"poison" in line else None}) as s:
        m = mailer()
        m.load(relay(s))
        m.mail("poison", ["poison@example.org"])
        for i in range(3):
            m.mail(str(i), ["a@example.org"])
        assert {r.id: r.outcome for r in m.run().results} == {"poison": "temporary", "0": "sent", "1": "sent", "2": "sent"}
        assert s.connections == 2


def test_server_that_serves_nobody_is_not_asked_for_long(mailer):
    with SmtpServer(at={"mail": CLOSE}) as s:
        m = mailer()
        m.load(relay(s))
        for i in range(20):
            m.mail(str(i), ["a@example.org"])
        assert {r.outcome for r in m.run().results} == {"temporary"}
        assert s.connections <= 4


def test_what_is_no_address_is_refused_before_connecting(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s))
        batch = m.send_one(["a b@example.org", "a@example.org\r\nRCPT TO:<x@example.org>"])
        assert set(outcomes(batch).values()) == {"permanent"}
        assert s.connections == 0


def test_temporary_refusal_goes_to_the_next_relay_alone(mailer):
    grey = {"rcpt": lambda line: "451 4.7.1 greylisted" if b"b@" in line else None}
    with SmtpServer(at=grey) as first, SmtpServer() as second:
        m = mailer()
        m.load(relay(first), relay(second, name="second"))
        batch = m.send_one(THREE)
        assert set(outcomes(batch).values()) == {"sent"} and len(batch.results) == 3
        assert {r.address: r.relay for r in batch.results} == {
            "a@example.org": "", "b@example.org": "second", "c@example.org": ""}
        assert second.mails[0][1] == ["b@example.org"]


def test_each_relay_gets_the_mail_from_its_own_address(mailer):
    content = "From: Bell <first@qq.example>\nTo: a@example.org\nSubject: x\n\nfirst@qq.example\n"
    with SmtpServer(at={"rcpt": "451 4.3.2 later"}) as first, SmtpServer() as second:
        m = mailer()
        m.load(relay(first, **{"from": "first@qq.example"}), relay(second, name="second", **{"from": "second@163.example"}))
        assert outcomes(m.send_one(content=content, sender="first@qq.example")) == {"a@example.org": "sent"}
        assert "MAIL FROM:<first@qq.example>" in str(first.lines)
        assert second.mails == [("second@163.example", ["a@example.org"], content.replace(
            "<first@", "<second@").replace("<second@qq", "<second@163").strip().replace("\n", "\r\n").encode())]


def test_a_queued_mail_is_sent_from_the_account_of_today(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s, **{"from": "new@qq.example"}))
        assert outcomes(m.send_one(content="From: old@qq.example\n\nx\n", sender="old@qq.example")) == {
            "a@example.org": "sent"}
        assert s.mails == [("new@qq.example", ["a@example.org"], b"From: new@qq.example\r\n\r\nx")]


# Servers that fail.

STAGES = ["connect", "greeting", "ehlo", "mail", "rcpt", "data", "content"]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("action", [SILENCE, RESET, CLOSE])
def test_failure_at_each_stage_is_temporary_and_ends(mailer, stage, action):
    with SmtpServer(at={stage: action}) as s:
        m = mailer()
        m.load(relay(s, timeout="1s", timeout_receipt="1s"))
        batch = m.send_one(THREE)
        assert outcomes(batch) == {a: "temporary" for a in THREE}
        assert {r.status for r in batch.results} == {"75"}
        assert all(r.text for r in batch.results)
        assert batch.seconds < 15
        assert s.mails == []


@pytest.mark.parametrize("stage", STAGES)
def test_failure_at_each_stage_goes_to_the_next_relay(mailer, stage):
    with SmtpServer(at={stage: RESET}) as first, SmtpServer() as second:
        m = mailer()
        m.load(relay(first), relay(second, name="second"))
        batch = m.send_one(THREE)
        assert outcomes(batch) == {a: "sent" for a in THREE}
        assert {r.relay for r in batch.results} == {"second"}
        assert first.connections == 1 and len(second.mails) == 1


def test_next_relay_gets_the_mail_in_its_own_name(mailer):
    """Services refuse mail that is not from the account that logged in."""
    content = "Date: x\nFrom: tocsin@client.test\nSubject: x\n\nHello.\n"
    with SmtpServer(at={"connect": RESET}) as first, SmtpServer() as second:
        m = mailer()
        m.load(relay(first), relay(second, name="second", **{"from": "10000@qq.test"}))
        assert outcomes(m.send_one(content=content)) == {"a@example.org": "sent"}
        sender, _, received = second.mails[0]
        assert sender == "10000@qq.test"
        assert received == b"Date: x\r\nFrom: 10000@qq.test\r\nSubject: x\r\n\r\nHello."
    with SmtpServer(at={"connect": RESET}) as first, SmtpServer() as second:  # what a person wrote stays as it is
        m = mailer()
        m.load(relay(first), relay(second, name="second", **{"from": "10000@qq.test"}))
        assert outcomes(m.send_one(content=content.replace("tocsin@", "somebody@"))) == {"a@example.org": "sent"}
        assert b"From: somebody@client.test" in second.mails[0][2]


@pytest.mark.parametrize("action", [SILENCE, RESET, CLOSE])
def test_failure_in_the_tls_handshake(mailer, server_certificate, authority, action):
    with SmtpServer(server_certificate, tls=True, at={"connect": action}) as s:
        m = mailer()
        m.load(relay(s, authority, timeout="1s"))
        batch = m.send_one()
        assert outcomes(batch) == {"a@example.org": "temporary"}
        assert batch.results[0].status == "75"
        assert "TLS" in batch.results[0].text or "reset" in batch.results[0].text


def test_lost_receipt_under_tls_is_temporary(mailer, server_certificate, authority):
    with SmtpServer(server_certificate, tls=True, at={"content": RESET}) as s:
        m = mailer()
        m.load(relay(s, authority))
        assert outcomes(m.send_one()) == {"a@example.org": "temporary"}


def test_nothing_after_the_receipt_changes_it(mailer):
    for action in (SILENCE, RESET, CLOSE, "500 what?"):
        with SmtpServer(at={"quit": action}) as s:
            m = mailer()
            m.load(relay(s))
            batch = m.send_one()
            assert outcomes(batch) == {"a@example.org": "sent"}
            assert batch.seconds < 10


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_receipt_is_told_before_quit_is_answered(mailer, extensions):
    told = threading.Event()
    in_time = []
    with SmtpServer(extensions=extensions, at={"quit": lambda line: in_time.append(told.wait(0.8))}) as s:
        m = mailer()
        m.load(relay(s))
        m.mail("1", ["a@example.org"])
        m.send("run", "", "no")
        assert next(kind for kind, *_ in iter(m.receive, None) if kind != "setting") == "result"
        told.set()
        assert m.receive()[0] == "done"
        assert in_time == [True]


def test_drip_is_ended(mailer):
    with SmtpServer(at={"greeting": DRIP}) as s:
        m = mailer()
        m.load(relay(s, timeout="30s"))
        batch = m.send_one(seconds=3)
        assert outcomes(batch) == {"a@example.org": "temporary"}
        assert batch.seconds < 12


def test_deadline_holds_over_all_relays(mailer):
    with SmtpServer(at={"greeting": SILENCE}) as first, SmtpServer() as second:
        m = mailer()
        m.load(relay(first, timeout="60s"), relay(second, name="second"))
        batch = m.send_one(seconds=4)
        # the first one may use its share only, so that there is time for the second
        assert outcomes(batch) == {"a@example.org": "sent"}
        assert batch.seconds < 15


def test_refused_connection_and_what_each_relay_said(mailer):
    port = closed_port()
    with SmtpServer(at={"greeting": "554 5.3.2 go away"}) as s:
        m = mailer()
        m.load(relay(port), relay(s, name="second"))
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "75")
        assert f"[mail]: connection refused by 127.0.0.1:{port}" in result.text
        assert "[mail second]: " in result.text and "go away" in result.text


# TLS.


def test_unknown_authority(mailer, tmp_path, server_certificate, authority, password):
    other = certs.Authority(tmp_path / "other", "another CA")
    with SmtpServer(server_certificate, tls=True, users={"me": "s3cret"}) as s:
        m = mailer()
        m.load(relay(s, other, **login(password)))
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "76")
        assert "was issued by \"CN=tocsin test CA\"" in result.text
        pin = result.text[result.text.index("sha256:"):].split()[0]
        assert s.lines == [] and s.logins == []
        # and the pin that it says makes it work
        again = mailer()
        again.load(relay(s, authority, tls_pin=pin, **login(password)))
        assert outcomes(again.send_one()) == {"a@example.org": "sent"}


def test_wrong_certificate_after_starttls_sends_nothing(mailer, authority, password):
    wrong = authority.issue("wrong", names=("other.test",))
    with SmtpServer(wrong, starttls=True, users={"me": "s3cret"}) as s:
        m = mailer()
        m.load(relay(s, authority, security="starttls", **login(password)))
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "76")
        assert "is for \"other.test\", not for \"127.0.0.1\"" in result.text
        assert s.lines == ["EHLO client.test", "STARTTLS"]


def test_expired_certificate(mailer, authority):
    with SmtpServer(authority.issue("old", expired=True), tls=True) as s:
        m = mailer()
        m.load(relay(s, authority))
        result = m.send_one().results[0]
        assert result.status == "76" and "expired on" in result.text and "clock" in result.text


def test_plain_server_on_the_tls_port(mailer, authority):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s, authority))
        result = m.send_one().results[0]
        assert result.status == "76" and "this port does not speak TLS" in result.text


def test_tls_server_on_the_plain_port(mailer, server_certificate, authority):
    with SmtpServer(server_certificate, tls=True) as s:
        m = mailer()
        m.load(relay(s, authority, security="starttls"))
        result = m.send_one().results[0]
        assert result.outcome == "temporary" and "this port speaks TLS" in result.text


def test_tls_server_where_no_security_is_set(mailer, server_certificate):
    with SmtpServer(server_certificate, tls=True) as s:
        m = mailer()
        m.load(relay(s))
        result = m.send_one().results[0]
        assert result.outcome == "temporary" and "this port speaks TLS" in result.text


def test_server_that_wants_a_client_certificate(mailer, server_certificate, authority):
    with SmtpServer(server_certificate, tls=True, client_authority=authority.ca_file) as s:
        m = mailer()
        m.load(relay(s, authority))
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "76")
        assert "want of a client certificate" in result.text


@pytest.mark.parametrize("auth", [None, "external"])
def test_client_certificate(mailer, server_certificate, authority, auth):
    certificate, key = authority.issue("client", names=("web1.example.org",), client=True)
    users = {"": None} if auth else None
    with SmtpServer(server_certificate, tls=True, client_authority=authority.ca_file, users=users,
                    mechanisms="PLAIN EXTERNAL") as s:
        m = mailer()
        keys = {"auth": auth} if auth else {}
        m.load(relay(s, authority, tls_cert_file=certificate, tls_key_file=key, **keys))
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}
        assert s.clients == [((("commonName", "web1.example.org"),),)]
        assert s.logins == ([("", None)] if auth else [])
        assert s.names == [None]  # an address is no name for SNI


def test_pin_that_does_not_fit(mailer, tls_server, authority, password):
    pin = "sha256:" + "A" * 43 + "="
    m = mailer()
    m.load(relay(tls_server, authority, tls_pin=pin, **login(password)))
    result = m.send_one().results[0]
    assert (result.outcome, result.status) == ("temporary", "76")
    assert "is not the pinned one" in result.text and pin in result.text
    assert tls_server.logins == [] and tls_server.lines == []


def test_server_name_in_chinese(mailer, authority, password):
    certificate = authority.issue("idn", names=("xn--c0zu34b.test",))
    with SmtpServer(certificate, tls=True, users={"me": "s3cret"}) as s:
        m = mailer()
        m.load(relay(s, authority, server="邮箱.test", **login(password)))
        m.send("setting", "address", "", "邮箱.test", "127.0.0.1", "default", 0)
        batch = m.send_one(dialogue=True)
        assert outcomes(batch) == {"a@example.org": "sent"}, batch
        assert s.names == ["xn--c0zu34b.test"]


def test_client_certificate_that_cannot_be_read(mailer, server_certificate, authority):
    with SmtpServer(server_certificate, tls=True) as s:
        m = mailer()
        note = m.load(relay(s, authority, tls_cert_file="/nonexistent/cert.pem"))
        assert "client certificate (tls_cert_file /nonexistent/cert.pem" in note
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "78")
        assert s.connections == 0


def test_starttls_not_offered(mailer, authority, password):
    with SmtpServer(users={"me": "s3cret"}) as s:
        m = mailer()
        m.load(relay(s, authority, security="starttls", **login(password)))
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "76")
        assert s.logins == [] and s.mails == []


# Plain text.


def own_address():
    """An address of this host that is not of its loopback, or None. Nothing is sent: UDP only chooses a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
        except OSError:
            return None


def test_plain_to_another_host_needs_leave(mailer):
    host = own_address()
    if not host:
        pytest.skip("this host has no address but its loopback")
    with SmtpServer(host=host) as s:
        m = mailer()
        m.load(relay(s, server=host))
        result = m.send_one().results[0]
        assert (result.outcome, result.status) == ("temporary", "78") and "allow_plaintext" in result.text
        assert s.lines == []
        again = mailer()
        again.load(relay(s, server=host, allow_plaintext="yes"))
        assert outcomes(again.send_one()) == {"a@example.org": "sent"}


@pytest.mark.parametrize("auth", ["auto", "plain", "login"])
def test_no_plain_password_without_encryption(mailer, password, auth):
    with SmtpServer(users={"me": "s3cret"}) as s:
        m = mailer()
        m.load(relay(s, auth=auth, allow_plaintext="yes", **login(password)))
        result = m.send_one().results[0]
        assert result.outcome == "temporary" and result.status in ("77", "78")
        assert s.logins == [] and s.mails == [] and not any(l.startswith("AUTH") for l in s.lines)


# Addresses, sizes, many recipients.


def test_source_address(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s, source_address="127.0.0.9"), host="web1")
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}
        assert s.peers == ["127.0.0.9"] and s.lines[0] == "EHLO [127.0.0.9]"


def test_domain_in_chinese_travels_as_a_labels(mailer):
    with SmtpServer() as s:
        m = mailer()
        m.load(relay(s))
        assert outcomes(m.send_one(["ops@例子.test"])) == {"ops@例子.test": "sent"}
        assert s.mails[0][1] == ["ops@xn--fsqu00a.test"] and not any("SMTPUTF8" in l for l in s.lines)


@pytest.mark.parametrize("offered", [True, False])
def test_local_part_in_chinese_needs_smtputf8(mailer, offered):
    with SmtpServer(extensions=("PIPELINING", "8BITMIME") + (("SMTPUTF8",) if offered else ())) as s:
        m = mailer()
        m.load(relay(s))
        result = outcomes(m.send_one(["值班@example.org", "a@example.org"]))
        assert result == {"值班@example.org": "sent" if offered else "permanent", "a@example.org": "sent"}
        assert any("SMTPUTF8" in l for l in s.lines) == offered


def test_size_is_declared_and_honoured(mailer):
    with SmtpServer(extensions=("PIPELINING", "SIZE 5000")) as s:
        m = mailer()
        m.load(relay(s))
        m.mail("small", ["a@example.org"])
        m.mail("large", ["a@example.org"], content="Subject: x\n\n" + "y" * 70 * 100 + "\n")
        result = {r.id: (r.outcome, r.status) for r in m.run().results}
        assert result == {"small": ("sent", "0"), "large": ("permanent", "69")}
        assert [l for l in s.lines if l.startswith("MAIL")] == ["MAIL FROM:<tocsin@client.test> SIZE=25"]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_452_splits(mailer, extensions):
    taken = []

    def five_at_once(line):
        taken.append(line)
        return "452 4.5.3 too many recipients" if len(taken) > 5 else None

    def begin(line):
        taken.clear()

    everybody = [f"r{i}@example.org" for i in range(12)]
    with SmtpServer(at={"rcpt": five_at_once, "mail": begin}, extensions=extensions) as s:
        m = mailer()
        m.load(relay(s))
        assert outcomes(m.send_one(everybody)) == {a: "sent" for a in everybody}
        assert [len(r) for _, r, _ in s.mails] == [5, 5, 2] and sorted(sum((r for _, r, _ in s.mails), [])) == sorted(everybody)


# Login and secrets.


def test_refused_login_goes_to_the_next_relay(mailer, server_certificate, authority, password):
    with SmtpServer(server_certificate, tls=True, users={"me": "other"}) as first, SmtpServer() as second:
        m = mailer()
        m.load(relay(first, authority, **login(password)), relay(second, name="second"))
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}
        assert len(first.logins) == 1


def test_refused_login_is_reported_when_nobody_delivers(mailer, server_certificate, authority, password):
    with SmtpServer(server_certificate, tls=True, users={"me": "other"}) as s:
        m = mailer()
        m.load(relay(s, authority, **login(password)), relay(closed_port(), name="second"))
        result = m.send_one().results[0]
        assert (result.outcome, result.status, result.code, result.enhanced) == ("temporary", "77", "535", "5.7.8")
        assert "authentication failed" in result.text and "connection refused" in result.text


def test_changed_password_is_read_again_after_a_refusal(mailer, tls_server, authority, password):
    password.write_text("wrong\n")
    m = mailer()
    m.load(relay(tls_server, authority, **login(password)))
    assert outcomes(m.send_one()) == {"a@example.org": "temporary"}
    password.write_text("s3cret\n")
    # by hand, as a dialogue: an account that is being spared is tried all the same
    assert outcomes(m.send_one(dialogue=True)) == {"a@example.org": "sent"}


def test_account_is_spared_when_the_service_asks_for_a_pause(mailer, tls_server, authority, password):
    tls_server.at["auth"] = ["535 Login fail. Login frequency limited, code 1"]
    m = mailer()
    m.load(relay(tls_server, authority, provider="qq", **login(password)))
    assert m.send_one().results[0].status == "77"
    result = m.send_one().results[0]
    assert (result.outcome, result.status) == ("temporary", "75")
    assert "to spare the account" in result.text and "frequency limited" in result.text
    assert len(tls_server.logins) == 1
    # somebody who waits may know better
    assert outcomes(m.send_one(dialogue=True)) == {"a@example.org": "sent"}


def test_account_is_spared_by_the_next_mailer_too(mailer, tls_server, authority, password):
    soon, later = str(int((time.clock_gettime(time.CLOCK_BOOTTIME) + 600) * 1e6)), str(2**62)
    for server, until, tried in (("127.0.0.1", soon, False), ("127.0.0.1", later, False), ("other.test", soon, True),
                                 ("127.0.0.1", "1", True), ("127.0.0.1", "0", True)):
        tls_server.logins.clear()
        m = mailer()
        m.load(relay(tls_server, authority, **login(password)))
        m.send("setting", "spared", "", server, until, "535 no", "0")
        result = m.send_one().results[0]
        assert (result.outcome == "sent") == tried == (len(tls_server.logins) == 1)
        assert tried or "to spare the account: 535 no" in result.text
        m.close()


def test_missing_password_file_is_noted_and_read_again(mailer, tls_server, authority, tmp_path):
    path = tmp_path / "later"
    m = mailer()
    note = m.load(relay(tls_server, authority, **login(path)))
    assert f"[mail]: password_file {path} cannot be read: No such file" in note
    result = m.send_one().results[0]
    assert (result.outcome, result.status) == ("temporary", "78")
    assert tls_server.connections == 0
    path.write_text("s3cret")
    assert outcomes(m.send_one()) == {"a@example.org": "sent"}


def test_password_stays_in_memory(mailer, tls_server, authority, password):
    m = mailer()
    m.load(relay(tls_server, authority, **login(password)))
    password.unlink()
    assert outcomes(m.send_one()) == {"a@example.org": "sent"}


def test_world_readable_password_gets_a_warning(mailer, tls_server, authority, password):
    password.chmod(0o644)
    m = mailer()
    m.load(relay(tls_server, authority, **login(password)))
    assert "can be read by every user" in m.log.read_text()
    assert "s3cret" not in m.log.read_text()
    assert outcomes(m.send_one()) == {"a@example.org": "sent"}


def test_credential(mailer, tls_server, authority, password):
    m = mailer(CREDENTIALS_DIRECTORY=str(password.parent))
    m.load(relay(tls_server, authority, username="me", credential="password"))
    assert outcomes(m.send_one()) == {"a@example.org": "sent"}


def test_password_command(mailer, tls_server, authority):
    m = mailer()
    m.load(relay(tls_server, authority, username="me", password_command="echo s3cret; echo more"))
    assert outcomes(m.send_one()) == {"a@example.org": "sent"}


@pytest.mark.parametrize("command, words", [
    ("exit 3", "token_command failed with exit status 3"),
    ("true", "first line of its output is empty"),
    ("yes x | tr -d '\\n'", "printed more than"),
    ("sleep 100", "did not end in time"),
])
def test_command_that_fails(mailer, server_certificate, authority, command, words):
    with SmtpServer(server_certificate, tls=True, users={}, mechanisms="XOAUTH2") as s:
        m = mailer()
        m.load(relay(s, authority, username="me", token_command=command))
        batch = m.send_one(seconds=3)
        assert outcomes(batch) == {"a@example.org": "temporary"}
        assert words in batch.results[0].text
        assert batch.seconds < 20 and s.logins == []


def test_token_command_runs_for_each_session(mailer, server_certificate, authority, tmp_path):
    token = tmp_path / "token"
    with SmtpServer(server_certificate, tls=True, users={"me": "t2"}, mechanisms="XOAUTH2") as s:
        m = mailer()
        m.load(relay(s, authority, username="me", token_command=f"cat {token}"))
        token.write_text("t2\n")
        assert outcomes(m.send_one()) == {"a@example.org": "sent"}
        assert s.logins == [("me", "t2")]


def test_dialogue_shows_all_but_the_secret(mailer, tls_server, authority, password):
    m = mailer()
    m.load(relay(tls_server, authority, **login(password)))
    batch = m.send_one(dialogue=True)
    text = "\n".join(" ".join(l) for l in batch.dialogue)
    assert "* connected to 127.0.0.1" in text and "TLS1.3" in text
    assert "> EHLO client.test" in text and "< 235 2.7.0 welcome" in text
    assert "s3cret" not in text and "AG1lAHMzY3JldA==" not in text
    assert "Hello." not in text


# The daemon.


@pytest.mark.parametrize("extensions", [("PIPELINING", "SIZE 100000"), ()])
def test_probe_asks_and_sends_nothing(mailer, extensions):
    def refuse(line):
        return "550 5.1.1 who?" if b"b@" in line else "450 4.2.1 later" if b"c@" in line else None

    with SmtpServer(extensions=extensions, at={"rcpt": refuse}) as s:
        m = mailer()
        m.load(relay(s))
        batch = m.send_one(THREE, dialogue="probe")
        assert outcomes(batch) == {"a@example.org": "accepted", "b@example.org": "permanent", "c@example.org": "temporary"}
        assert {r.address: r.status for r in batch.results}["a@example.org"] == "0"
        verbs = [line.split()[0] for line in s.lines]
        assert verbs == ["EHLO", "MAIL", "RCPT", "RCPT", "RCPT", "RSET", "QUIT"] and s.mails == []
        assert [line.split()[0] for direction, line in batch.dialogue if direction == "@"] == ["secret", "name", "connect"]
        # The same mailer sends afterwards as ever, and tells no stages unless it is asked to.
        batch = m.send_one(THREE[:1], dialogue=True)
        assert outcomes(batch) == {"a@example.org": "sent"} and len(s.mails) == 1
        assert "@" not in [direction for direction, _ in batch.dialogue]


def test_stages_tell_of_the_certificate(mailer, tls_server, authority, password, tmp_path):
    """Of one that is believed, and of one that is not."""
    other = certs.Authority(tmp_path / "other", "another CA")
    for ca, outcome in ((authority, "sent"), (other, "temporary")):
        m = mailer()
        m.load(relay(tls_server, ca, **login(password)))
        batch = m.send_one(dialogue="stages")
        assert outcomes(batch) == {"a@example.org": outcome}
        stages = [line.split(" ", 1) for direction, line in batch.dialogue if direction == "@"]
        assert [s[0] for s in stages] == ["secret", "name", "connect", "tls", "certificate"]
        until, chain, words = stages[-1][1].split(" ", 2)
        assert abs(int(until) / 1e6 - time.time() - 365 * 86400) < 2 * 86400 and chain == "never"
        assert words.startswith('for "localhost", "127.0.0.1", issued by')


def test_no_relay_is_a_configuration_failure(mailer):
    m = mailer()
    m.load()
    result = m.send_one().results[0]
    assert (result.outcome, result.status) == ("temporary", "78")
    assert "[mail] section" in result.text


def test_end_of_the_daemon_ends_the_mailer(mailer):
    m = mailer()
    m.load()
    assert m.close() == 0


@pytest.mark.parametrize("message", [
    b"", b"rubbish", b"rubbish\0", b"mail\0", b"run\0x\0no\0", b"load\0", b"recipient\0nobody\0a@example.org\0",
    b"setting\0mail\0\0server\0x\0f\0001\0", b"check\0a\0b\0001\0", b"mail\0" + b"1\0s\0c", b"memfd\0",
])
def test_what_the_daemon_cannot_mean_ends_it(mailer, message):
    m = mailer()
    m.load()
    if message:
        m.socket.send(message)
        assert m.wait() == 76
        assert "the daemon sent" in m.log.read_text()
    else:  # an empty datagram reads like the end
        m.socket.send(message)
        assert m.wait() == 0


def test_settings_that_are_none(mailer):
    m = mailer()
    m.send("setting", "mail", "", "security", "maybe", "test.conf", 7)
    m.send("load")
    assert m.receive() is None
    assert m.wait() == 78
    assert "test.conf:7" in m.log.read_text()
