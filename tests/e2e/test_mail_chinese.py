# SPDX-License-Identifier: GPL-3.0-or-later
"""The mails of a daemon that is told to speak Chinese, from its first one to its report; what each kind of mail says stands in
tests/golden/zh_CN."""

import re

import pytest

import harness
from harness import wait_until
from state import change
from test_mime import Visible, columns, english_in

# Of this host and its check, and of the harness.
NAMES = {"testhost", "plugin", "db", "rc"}


@pytest.fixture
def probe(tmp_path):
    return harness.Probe(tmp_path, "db").say("OK", "主库运行正常")


def assert_chinese(mail):
    """Well formed, and each of its parts in Chinese alone."""
    message = mail.message
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    seen = Visible()
    seen.feed(html)
    assert columns(mail.subject) <= 78 and not [part for part in message.walk() if part.defects]
    assert '<html lang="zh-CN">' in html
    for part in (mail.subject, text, " ".join(seen.words)):
        assert re.search("[\u4e00-\u9fff]", part), part
        assert english_in(re.sub(r"plugin db|/\S+/probe-db|PATH|LC_ALL|[0-9]+\.[0-9.]+\S*", " ", part)) <= NAMES, part
    assert [line for line in text.splitlines() if columns(line) > 72 and "/probe-db" not in line] == []  # a command is one line


def test_from_the_first_mail_to_the_report(setup, daemon, catcher, probe):
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.write(probe.check())
    daemon(setup)
    first = catcher.wait("开始监控：OK（1 个检查项）")
    wait_until(lambda: not setup.status()["outbox"], "an empty outbox")
    probe.say("CRITICAL", "主库无法连接：磁盘已满")
    alert = catcher.wait(r"CRITICAL plugin db: 主库无法连接：磁盘已满")
    probe.say("OK", "主库运行正常")
    recovery = catcher.wait("RECOVERED plugin db 历时 [0-9]+ 毫?秒")
    n = len(catcher.mails)
    assert setup.tocsin("report", "--send").returncode == 0
    report = catcher.wait("状态 OK（1 个检查项）", after=n)
    for mail in (first, alert, recovery, report):
        assert_chinese(mail)
    assert "确认命令      tocsin ack 1" in alert.text
    assert "自上次报告以来" in report.text and "RECOVERED  plugin db: " in report.text


def test_a_reload_changes_the_language_of_the_next_mail(setup, daemon, catcher, probe):
    setup.write(probe.check())
    daemon(setup)
    catcher.wait("monitoring started: OK \\(1 check\\)")
    wait_until(lambda: not setup.status()["outbox"], "an empty outbox")
    for language, pattern in (("zh_CN", "状态 OK（1 个检查项）"), ("en", "status OK \\(1 check\\)")):
        setup.sections["tocsin"]["language"] = language
        setup.write(probe.check())
        run = setup.tocsin("reload")
        assert run.returncode == 0, run.stderr
        n = len(catcher.mails)
        assert setup.tocsin("report", "--send").returncode == 0
        mail = catcher.wait(pattern, after=n)
        assert ("全部检查项" in mail.text, "All checks" in mail.text) == (language == "zh_CN", language == "en")


def test_what_tocsin_says_of_itself(setup, daemon, catcher, probe):
    """Of a restart of the host, and of a mail that was dropped."""
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.write(probe.check())
    d = daemon(setup)
    catcher.wait("开始监控")
    wait_until(lambda: not setup.status()["outbox"], "an empty outbox")
    d.stop()
    change(setup, "UPDATE meta SET value = 'another boot' WHERE name = 'boot_id'")
    d = daemon(setup)
    restarted = catcher.wait("主机已重启，停机 .*（正常关机）")
    assert "最后活动" in restarted.text
    assert_chinese(restarted)
    wait_until(lambda: not setup.status()["outbox"], "an empty outbox")
    catcher.behave("defer")
    probe.say("CRITICAL", "主库无法连接")
    mail = wait_until(lambda: next((m for m in setup.status()["outbox"] if m["attempts"]), None), "a try to deliver it")
    assert setup.tocsin("outbox", "drop", mail["id"]).returncode == 0
    catcher.behave("accept")
    n = len(catcher.mails)
    assert setup.tocsin("report", "--send").returncode == 0
    report = catcher.wait("状态 CRITICAL：1/1 项异常", after=n)
    assert re.search("注意：邮件“\\[testhost\\] CRITICAL plugin db: 主库无法连接”已被.*从发件队列中移除。",
                     "".join(line.strip() for line in report.text.splitlines()))
