# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail catcher is a witness in the other tests; here two clients that are not ours hear it out."""

import shutil
import smtplib
import ssl
import subprocess

import pytest

MAIL = "Subject: =?utf-8?b?5ZGK6K2m?=\r\nFrom: a@example.org\r\nTo: b@example.org\r\n\r\nhello\r\n.dot\r\n"


def connect(catcher, how):
    context = ssl.create_default_context(cafile=str(catcher.ca_file))
    if how == "tls":
        return smtplib.SMTP_SSL("localhost", catcher.port_tls, context=context, timeout=10)
    client = smtplib.SMTP("localhost", catcher.port_starttls, timeout=10)
    client.starttls(context=context)
    return client


@pytest.mark.parametrize("how", ["tls", "starttls"])
@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_keeps_a_mail(catcher, how, mechanism):
    with connect(catcher, how) as client:
        client.user, client.password = catcher.username, catcher.password
        client.ehlo()
        client.auth(mechanism[5:].upper(), getattr(client, mechanism))
        client.sendmail("a@example.org", ["b@example.org", "c@example.org"], MAIL)
    mail = catcher.wait("^告警$")
    assert mail.is_tls and mail.login == catcher.username
    assert mail.recipients == ["b@example.org", "c@example.org"]
    assert mail.content == MAIL.encode() and mail.path.read_bytes() == mail.content


@pytest.mark.parametrize("how", ["tls", "starttls"])
def test_refuses_without_login_or_with_a_wrong_one(catcher, how):
    with connect(catcher, how) as client:
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a@example.org", ["b@example.org"], MAIL)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(catcher.username, "wrong")
    assert catcher.mails == [] and not any(right for _, _, right in catcher.logins)


def test_no_login_in_the_clear(catcher):
    with smtplib.SMTP("localhost", catcher.port_starttls, timeout=10) as client:
        client.ehlo()
        assert not client.has_extn("auth") and client.has_extn("starttls")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] in (530, 538)
    assert catcher.logins == []


@pytest.mark.parametrize("behaviour, code", [("refuse", 550), ("defer", 450)])
def test_refuses_recipients_on_request(catcher, behaviour, code):
    catcher.behave(behaviour)
    with connect(catcher, "tls") as client:
        client.login(catcher.username, catcher.password)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("a@example.org", ["b@example.org"], MAIL)
        assert refused.value.recipients["b@example.org"][0] == code


def test_closes_and_stays_silent_on_request(catcher):
    catcher.behave("close")
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        connect(catcher, "starttls")
    catcher.behave("silent")
    with pytest.raises(OSError):  # socket.timeout
        smtplib.SMTP("localhost", catcher.port_starttls, timeout=1)


def test_stops_and_comes_back_on_the_same_port(catcher):
    port = catcher.port_tls
    catcher.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(catcher, "tls")
    catcher.start()
    assert catcher.port_tls == port
    connect(catcher, "tls").quit()


@pytest.mark.skipif(not shutil.which("msmtp"), reason="msmtp is not installed")
@pytest.mark.parametrize("how", ["tls", "starttls"])
def test_msmtp_agrees(catcher, how, tmp_path):
    port = catcher.port_tls if how == "tls" else catcher.port_starttls
    subprocess.run(["msmtp", "--file=/dev/null", "--host=localhost", f"--port={port}", "--tls=on", "--auth=on",
                    f"--tls-starttls={'on' if how == 'starttls' else 'off'}", f"--tls-trust-file={catcher.ca_file}",
                    f"--user={catcher.username}", f"--passwordeval=printf '%s\\n' '{catcher.password}'",
                    "--from=a@example.org", "b@example.org"],
                   input=MAIL.replace("\r\n", "\n").encode(), check=True, timeout=30)
    assert catcher.wait("告警").content.endswith(MAIL.encode())  # msmtp puts a Date and a Message-ID before
