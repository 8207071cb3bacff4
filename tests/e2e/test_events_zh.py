# SPDX-License-Identifier: GPL-3.0-or-later
"""With language = zh_CN the sentences that the daemon itself says of events and of looks are Chinese, wherever they stand."""
import json

import pytest

import harness
from harness import wait_until
from test_helpers import fake  # noqa: F401 (a fixture)

TEST = "管理员发起的测试"


@pytest.fixture
def setup(setup):
    setup.sections["tocsin"]["language"] = "zh_CN"
    return setup


def events(setup, kind):
    answer = json.loads(setup.tocsin("history", "--json").stdout)
    return [e for e in answer["events"] if e["event"] == kind]


def act(setup, *arguments):
    run = setup.tocsin(*arguments)
    assert run.returncode == 0, run


def test_what_an_administrator_does(setup, daemon, catcher, tmp_path):
    web, disk = harness.Probe(tmp_path, "web"), harness.Probe(tmp_path, "disk")
    setup.write(web.check(), disk.check(depends="web"))
    daemon(setup)
    setup.wait_item("web", state="OK")
    act(setup, "silence", "disk", "1h", "-m", "换盘")
    disk.say("CRITICAL")
    setup.wait_item("disk", state="CRITICAL")
    web.say("CRITICAL")
    incident = setup.wait_item("web", state="CRITICAL")["incident"]
    act(setup, "ack", str(incident), "-m", "在处理")
    act(setup, "ack", str(incident), "--until", "2h", "-m", "在处理")
    act(setup, "unsilence", "disk")
    act(setup, "silence", "disk", "3s", "-m", "片刻")
    wait_until(lambda: len(events(setup, "silenced")) == 4, "the end of the silence")
    begun, ended, again, expired = (e["text"] for e in events(setup, "silenced"))
    assert "静默，至" in begun and begun.endswith("为止：换盘") and "静默，至" in again, begun
    assert ended.startswith("由 ") and ended.endswith("结束静默") and expired == "静默到期，自动结束", (ended, expired)
    forever, until = (e["text"] for e in events(setup, "acknowledged"))
    assert forever.endswith("确认：在处理") and until.endswith("为止：在处理"), (forever, until)
    [problem] = [e for e in events(setup, "problem") if e["check"] == "disk"]
    assert "已将其静默至" in problem["note"] and problem["note"].endswith("：换盘"), problem
    disk.say("OK")
    setup.wait_item("disk", state="OK")
    wait_until(lambda: events(setup, "recovered"), "the recovery")
    assert events(setup, "recovered")[-1]["note"] == "问题本身没有发过邮件"
    disk.say("CRITICAL")  # kept back for its parent
    setup.wait_item("disk", state="CRITICAL")
    assert events(setup, "problem")[-1]["note"] == "先处理它所依赖的检查项"
    act(setup, "test-alert", "disk")
    catcher.wait("TEST: CRITICAL .*disk")
    assert TEST in next(m for m in catcher.mails if "TEST" in m.subject).text


def test_what_cannot_be_looked_at(setup, daemon, catcher):
    setup.write(harness.check("bad", "rogue", deed="crash"), harness.check("good", "rogue", deed="echo"))
    daemon(setup)
    item = setup.wait_item("bad", last_state="UNKNOWN")
    assert item["text"].endswith("当时正在检查 bad") and "SIGSEGV" in item["text"], item


def test_a_state_file_that_does_not_answer(setup, daemon, catcher, victim, fake):
    fake("tocsin-store", 'send("ready", "")\nsend("done")\nwhile True:\n    receive()\n')
    setup.write(victim.check())
    d = daemon(setup)
    d.wait_log("going on in memory")
    run = setup.tocsin("--language", "zh_CN", "history")
    assert "无法读取状态文件：" in run.stderr and "以下是守护进程内存中的内容" in run.stderr, run
