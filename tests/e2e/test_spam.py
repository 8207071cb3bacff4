# SPDX-License-Identifier: GPL-3.0-or-later
"""Real mails of a daemon, in English and in Chinese, as spam filters see them: no points for their form."""

import pytest

import spamfilters
from state import change
from test_charts import meter, put_past  # noqa: F401
from harness import wait_until

HOUR = 3600 * 10**6


@pytest.fixture(scope="session")
def rspamd(tmp_path_factory):
    reason = spamfilters.why_no_rspamd()
    if reason:
        pytest.skip(reason)
    server = spamfilters.Rspamd(tmp_path_factory.mktemp("rspamd"))
    try:
        yield server.start()
    finally:
        server.stop()


def digest(setup, daemon, catcher, value):
    """The server is away for an hour."""
    d = daemon(setup)
    setup.wait_item("meter", state="OK")
    catcher.stop()
    for n, state in (("96", "CRITICAL"), ("41", "OK"), ("97", "CRITICAL")):
        value.write_text(f"{n}\n")
        setup.wait_item("meter", state=state)
    wait_until(lambda: len(setup.status()["outbox"]) >= 2, "mails that wait")
    d.stop()
    change(setup, f"UPDATE mail SET queued_usec = queued_usec - {HOUR}, next_try_usec = 0")
    catcher.start()
    d = daemon(setup)
    mail = catcher.wait("digest|汇总", timeout=60)
    d.stop()
    return mail


def all_kinds(setup, daemon, catcher, meter):
    """Of each kind one, by its name: the start, a report with charts, an alert, its recovery, a digest, and a test mail."""
    value, check = meter
    setup.write(check)
    d = daemon(setup)
    mails = {"start": catcher.wait(r"\[")}
    d.stop()
    put_past(setup, 167)
    d = daemon(setup)
    for name, act, subject in (("report", lambda: setup.tocsin("report", "--send"), "(status|状态) OK"),
                               ("alert", lambda: value.write_text("96\n"), "CRITICAL"),
                               ("recovery", lambda: value.write_text("42\n"), "RECOVERED"),
                               ("test alert", lambda: setup.tocsin("test-alert", "meter"), "TEST")):
        after = len(catcher.mails)
        act()
        mails[name] = catcher.wait(subject, after=after, timeout=60)
    d.stop()
    mails["digest"] = digest(setup, daemon, catcher, value)
    return mails


@pytest.fixture(params=["en", "zh_CN"])
def mails(request, setup, daemon, catcher, meter):
    setup.sections["tocsin"]["language"] = request.param
    setup.sections["report"].update({} if request.param == "en" else {
        "header": "这台主机由运维组负责,电话见值班表。", "footer": "如有疑问请联系运维组。", "subject_prefix": "[告警 {host}]"})
    setup.mail["from_name"] = "tocsin" if request.param == "en" else "警钟"
    return all_kinds(setup, daemon, catcher, meter)


def test_rspamd(mails, rspamd):
    assert {name: rspamd.held_against(mail) for name, mail in mails.items()} == dict.fromkeys(mails, {})


@pytest.mark.skipif(spamfilters.why_no_spamassassin() is not None, reason=f"{spamfilters.why_no_spamassassin()}")
def test_spamassassin(mails):
    held = dict(zip(mails, spamfilters.spamassassin(*(mail.content for mail in mails.values()))))
    assert held == dict.fromkeys(mails, {})


def test_rspamd_finds_fault(rspamd):
    """Otherwise the test above could not fail: a mail with the faults that ours had."""
    class Faulty:
        sender, recipients = "tocsin@example.org", ["ops@example.org"]
        content = (b"From: tocsin@example.org\r\nTo: ops@example.org\r\nSubject: x\r\nMessage-ID: <1@web1>\r\nMIME-Version: 1.0\r\n"
                   b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n56OB55uYDQo=\r\n")

    assert {"MID_RHS_NOT_FQDN", "MIME_BASE64_TEXT", "MISSING_DATE"} <= rspamd.held_against(Faulty).keys()


@pytest.mark.skipif(spamfilters.why_no_spamassassin() is not None, reason=f"{spamfilters.why_no_spamassassin()}")
def test_spamassassin_finds_fault():
    assert ["MISSING_DATE" in held for held in spamfilters.spamassassin(
        b"From: a@example.org\nTo: b@example.org\n\nhello\n",
        b"From: a@example.org\nTo: b@example.org\nDate: Wed, 25 Nov 2026 20:00:00 +0000\n\nhello\n")] == [True, False]
