# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line in Chinese. What a daemon or a check module says is in the language of the configuration and has its own
tests: here it is taken out of what is printed, and what is left may have no English word but those that are the same in every
language."""

import json
import re

import pytest

import harness
from harness import wait_until

# States and words of subjects, names, placeholders of usage, commands, and what people call by its Latin name.
SAME = """
    OK WARNING CRITICAL UNKNOWN RECOVERED TEST GLOB TIME WHY FILE DIR SOCKET NAME NUMBER HOW ADDRESS ADDRESSES MODULE KEY VALUE
    INCIDENT ID CHECK ITEM OPTION VERB ARGUMENT RCPT TEXT Ctrl SMTP TLS JSON json shell conf setup status watch interval check try
    describe test mail send config ack silence unsilence outbox report forget alert history incidents doctor reload direct again
    root sections raw subject from name to configured until since all show retry drop message control state timeout words mdoc
    verbose address provider password file security port username language yes no start version help tls starttls none en zh_CN
    tocsin tocsind systemctl systemd uid TOCSIN_CONTROL dir
""".split()


def latin(text, *known):
    """Words of TEXT in Latin letters that nobody has allowed."""
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, " ")
    words = re.findall(r"[A-Za-z][A-Za-z_]+", text)
    return sorted({w for w in words if w not in SAME})


def strings(value):
    """All texts in what JSON says, with times as a person is shown none."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [s for v in value for s in strings(v)]
    return [value] if isinstance(value, str) and re.search("[A-Za-z]", value) else []


@pytest.fixture
def chinese(setup, catcher, daemon, tmp_path):
    """A daemon with a check that is bad, one that is well, one that has nothing to look at, and a mail server that is down."""
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.mail["port"] = 1
    full = harness.Probe(tmp_path, "full").say("CRITICAL", "CRITICAL 满了 | used=97%;80;90;0;100")
    well = harness.Probe(tmp_path, "well").say("OK", "OK 正常 | load=1;5;10")
    setup.write(full.check(), well.check(), harness.check("none", "rogue", deed="absent"))
    daemon(setup)
    setup.wait_item("full", state="CRITICAL")
    wait_until(lambda: setup.status()["outbox"] and setup.item("none").get("not_applicable"), "a mail that waits")
    return setup


def run(setup, *arguments, status=0):
    r = setup.tocsin("--language", "zh_CN", *arguments)
    assert r.returncode == status, r.stdout + r.stderr
    return r.stdout + r.stderr


def said(setup, *arguments):
    return strings(json.loads(setup.tocsin(*arguments, "--json").stdout))


def test_what_is_and_what_was(chinese):
    number = chinese.item("full")["incident"]
    assert "已确认" in run(chinese, "ack", str(number), "--until", "2h", "-m", "在清理")
    assert "已静默" in run(chinese, "silence", "web*", "2h", "-m", "换盘")
    known = said(chinese, "status") + said(chinese, "history")
    for verb, status, words in (
            ("status", 2, ["状态", "检查项", "监测项", "已持续", "最近检查", f"故障 {number}，由", "确认: 在清理", "静默（1）：", "待投递的邮件（", "不适用"]),
            ("history", 0, ["时间", "事件", "说明", "问题", "首次检查", "确认"]),
            ("incidents", 0, ["编号", "开始", "时长", "最严重", "未结束", "由"]),
            ("outbox", 0, ["入队", "排队中 ops@example.org"]),
            ("silence", 0, ["web*，至 ", "设置: 换盘"])):
        text = run(chinese, verb, status=status)
        assert all(word in text for word in words), text
        assert latin(text, *known, *said(chinese, verb if verb != "outbox" else "status")) == [], text
    assert run(chinese, "unsilence", "web*") == "完成\n"
    assert run(chinese, "silence") == "没有静默\n"
    assert run(chinese, "history", "--check", "nothing") == "没有事件\n"
    assert run(chinese, "incidents", "--check", "nothing") == "没有故障\n"
    assert run(chinese, "reload") == "已重新加载\n"


def test_a_look(chinese):
    text = run(chinese, "check", "full", status=2)
    assert "used = 97 %，警告阈值 80 %，严重阈值 90 %，最小 0 %，最大 100 %" in text


def test_mistakes(chinese):
    for arguments, status, words in (
            (["statu"], 64, "没有子命令“statu”；是否应为“status”？"), (["--nonsense"], 64, "未知的选项 --nonsense"),
            (["status", "--interval"], 64, "--interval 缺少值"), (["status", "--interval", "soon"], 64, "--interval soon: 应为"),
            (["ack"], 64, "用法：tocsin ack INCIDENT"), (["ack", "x"], 64, "“x”不是故障编号"), (["ack", "999"], 78, "没有这个未结束的故障"),
            (["check", "nosuch"], 3, "没有名为“nosuch”的检查项；现有：full well none"), (["unsilence", "s9"], 78, "s9: 没有这个静默"),
            (["silence", "x", "yesterday", "-m", "y"], 64, "应为将来的时间"), (["silence", "x", "800d", "-m", "y"], 78, "duration: 应为"),
            (["outbox", "show"], 64, "用法：tocsin outbox"), (["outbox", "show", "9"], 78, "9: 发件队列中没有这封邮件"),
            (["history", "--since", "x"], 64, "--since x: 应为"), (["status", "--watch"], 3, "--watch 只能用于终端"),
            (["try", "nosuch", "x"], 3, "应为 KEY=VALUE"), (["send"], 64, "发给谁？"), (["send", "x"], 64, "“x”不是邮箱地址")):
        text = run(chinese, *arguments, status=status)
        assert words in text, text
        assert latin(text, *arguments, "full", "well", "none", "duration") == [], text


def test_help(setup):
    text = run(setup, "--help")
    assert not re.search(r"[ \t]$", text, re.M)
    assert text.startswith("用法：tocsin [选项]... 子命令 [参数]...\n") and "参见 tocsin(1)。" in text
    paths = re.findall(r"/\S+?(?=[），])", text)
    assert latin(text, *paths, "TOCSIN_CONTROL, /run/tocsin/control", "--failed") == [], text
    # As the configuration says, too, and the environment says it before it.
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.write()
    assert setup.tocsin("--config", str(setup.config), "--help").stdout == text
    assert setup.tocsin("--help", "--language", "en").stdout.startswith("Usage: ")
    assert setup.tocsind("--config", str(setup.config), "--help").stdout.startswith("用法：tocsind")
    good = setup.tocsind("--config", str(setup.config), "--check-config")
    assert "配置无误：0 个检查项，1 个发信服务器。" in good.stderr


def test_no_daemon(setup):
    text = run(setup, "status", status=3)
    assert "tocsind 在运行吗？" in text and latin(text, str(setup.control), "No such file or directory") == []


# What check modules say is theirs.
BY_MODULES = ("clock", "state folder", "service")


def test_doctor(setup, catcher, daemon):
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.write(harness.check("none", "rogue", deed="absent"))
    daemon(setup)
    catcher.wait()
    wait_until(lambda: setup.status()["last_mail"], "the mail's end")
    found = json.loads(setup.tocsin("--config", str(setup.config), "doctor", "--json").stdout)["findings"]
    assert {f["subject"] for f in found} >= {"configuration", "mail: password", "mail: name", "mail: connection", "mail: login",
                                             "mail: recipient", "daemon", "memory", "outbox"}, "the same in every language"
    r = setup.tocsin("--config", str(setup.config), "doctor")
    theirs = [f["text"] for f in found if f["subject"] in BY_MODULES or f["subject"] == "memory"]
    text = r.stdout
    for word in ("配置  ", "邮件: 密码", "邮件: 域名", "邮件: 连接", "邮件: 证书", "邮件: 登录", "登录成功", "已被接受", "已连接 ", "守护进程", "发件队列",
                 "没有邮件在排队，最近一封于"):
        assert word in text, text
    certificate = next(f["text"] for f in found if f["subject"] == "mail: certificate").split("：还剩")[0]
    assert latin(text, *theirs, certificate, str(setup.config), str(setup.password_file), catcher.username, "ops@example.org",
                 "localhost", "memory", "LimitMEMLOCK=64M", "tocsin.service", "cat", "sudo", "is-enabled", "enable") == [], text
