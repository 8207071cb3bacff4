# SPDX-License-Identifier: GPL-3.0-or-later
"""The private Postfix is a witness in test_daemon.py; here other clients show that it does what it is there for."""

import base64
import smtplib
import ssl
import subprocess
import time

import pytest

MAIL = b"Subject: hello\r\nFrom: 10000@example.org\r\nTo: ops@example.org\r\n\r\nfrom %s\r\n"


def connect(server, how):
    context = ssl.create_default_context(cafile=str(server.ca_file))
    if how == "tls":
        return smtplib.SMTP_SSL("localhost", server.port_tls, context=context, timeout=20)
    client = smtplib.SMTP("localhost", server.port_starttls, timeout=20)
    client.starttls(context=context)
    return client


def wait_for(server, words):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for content in server.mails():
            if words in content:
                return content
        time.sleep(0.1)
    raise AssertionError(f"{words} did not arrive\n{server.log()}")


@pytest.mark.parametrize("how", ["tls", "starttls"])
def test_delivers_for_smtplib(postfix_server, how):
    with connect(postfix_server, how) as client:
        client.ehlo()
        assert set(client.esmtp_features["auth"].upper().split()) >= {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"}
        client.login(postfix_server.username, postfix_server.password)
        client.sendmail("10000@example.org", ["ops@example.org"], MAIL % how.encode())
    assert b"with ESMTPSA" in wait_for(postfix_server, b"from " + how.encode())


@pytest.mark.parametrize("method", ["plain", "login", "cram-md5"])
def test_delivers_for_msmtp(postfix_server, method):
    r = subprocess.run(["msmtp", "--file=/dev/null", "--host=localhost", f"--port={postfix_server.port_starttls}",
                        "--tls=on", f"--auth={method}", f"--tls-trust-file={postfix_server.ca_file}",
                        f"--user={postfix_server.username}",
                        f"--passwordeval=printf '%s\\n' '{postfix_server.password}'",
                        "--from=10000@example.org", "ops@example.org"],
                       input=MAIL.replace(b"\r\n", b"\n") % method.encode(), capture_output=True, timeout=60)
    assert r.returncode == 0, r.stderr
    wait_for(postfix_server, b"from " + method.encode())


def test_refuses_what_it_must(postfix_server):
    with connect(postfix_server, "tls") as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("10000@example.org", ["ops@example.org"], MAIL % b"nobody")
        client.user, client.password = postfix_server.username, "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.auth("PLAIN", client.auth_plain)
    with smtplib.SMTP("127.0.0.1", postfix_server.port_starttls, timeout=20) as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        plain = base64.b64encode(b"\0a\0b").decode()
        assert client.docmd("AUTH", "PLAIN " + plain)[0] >= 500
        assert client.docmd("MAIL", "FROM:<10000@example.org>")[0] == 530  # "Must issue a STARTTLS command first"
