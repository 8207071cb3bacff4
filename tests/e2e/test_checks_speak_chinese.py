# SPDX-License-Identifier: GPL-3.0-or-later
"""What the check modules from network to users say with language = zh_CN: every sentence is looked up when it is used. In
the way of test_checks.py, on the same recorded trees and servers."""
import os
import re
import signal
import subprocess
import sys

import pytest

import smtp_server
from test_checks import FIXTURES, copied, run
from test_checks_net import PASSWORD, Server, ask_server, login_options, pop3_server  # noqa: F401 (the fixture "login")
from test_plugin import plugin  # noqa: F401
from test_tcp import greet, refusing, server

ENGLISH = re.compile(r"(?<![\w-])[a-z]{2,}[,;:]? [a-z]{2,}(?!\w)")
# What the C library and smartctl say, and a command.
FOREIGN = {os.strerror(n) for n in range(1, 134)} | {"Completed: read failure", "btrfs device stats"}


@pytest.fixture(autouse=True)
def language(monkeypatch):
    monkeypatch.setenv("TOCSIN_LANGUAGE", "zh_CN")


def assert_chinese(text):
    for words in FOREIGN:
        text = text.replace(words, "")
    assert re.search("[\u3000-\u9fff\uff00-\uffef]", text), text
    assert not ENGLISH.search(text), text


def trees(*modules):
    return [(f"{m}/{tree.name}", m) for m in modules for tree in sorted((FIXTURES / m).iterdir())]


@pytest.mark.parametrize("root, module", [
    t for t in trees("network", "pressure", "raid", "reboot", "smart", "temperature", "updates", "users") if t[0] != "updates/garbage"])
def test_recorded_trees(root, module, tmp_path):
    r = run(copied(root, tmp_path), module)  # the stand-in for apt-get writes
    for text in [text for _, text in r.items.values()] + ([r.reason] if r.code else []):
        assert_chinese(text)
    if module not in ("pressure", "temperature"):  # which show what others show too
        for _, title in r.evidence:
            assert title.startswith("/proc") or assert_chinese(title) is None


@pytest.mark.parametrize("root, module, options, item, text", [
    ("network/bad", "network", {"interface": "eth1"}, "eth1", "没有链路：未插网线，或对端没有设备"),
    ("network/good", "network", {"interface": "nosuch"}, "nosuch", "接口不存在"),
    ("pressure/bad", "pressure", {}, "cpu", "91.0 % 的时间里有任务在等待处理器（some avg60，阈值 80 %）"),
    ("process/good", "process", {"name": "nginx", "min": "5"}, "c", "有 3 个名称为 nginx 的进程，至少应有 5 个"),
    ("process/good", "process", {"name": "nginx", "max": "1"}, "c", "有 3 个名称为 nginx 的进程，最多应有 1 个"),
    ("process/good", "process", {"name": "nope", "user": "root"}, "c", "未运行：用户 root 没有名称为 nope 的进程"),
    ("process/good", "process", {"pattern": "no.*such"}, "c", "未运行：没有命令行匹配“no.*such”的进程"),
    ("process/bad", "process", {"pidfile": "/run/nginx.pid"}, "c", "未运行：没有 PID 文件（/run/nginx.pid）"),
    ("process/good", "process", {"name": "nginx", "memory_warning": "1K"}, "c", "占用内存 5.86 MiB（阈值 1.00 KiB）"),
    ("raid/bad", "raid", {}, "md1", "已降级：3 块磁盘中有 2 块正常，故障盘：sdd1；recovery 12.6 %，还需 2 小时 7 分钟"),
    ("raid/bad", "raid", {}, "btrfs data", "2 个设备中缺少 1 个"),
    ("raid/good", "raid", {}, "md2", "raid0，无冗余，2 块磁盘"),
    ("reboot/good", "reboot", {}, "c", "不需要重启，已运行 5 天"),
    ("smart/good", "smart", {}, "/dev/nvme0", "自评通过，QEMU NVMe Ctrl（NV1），寿命已消耗 3 %，50 °C"),
    ("smart/denied", "smart", {}, "/dev/sda", "无法检查：Permission denied；如何授权见 tocsin-check-smart(7)"),
    ("temperature/bad", "temperature", {}, "coretemp.0 Core 2", "50.0 °C，传感器自身发出警报"),
    ("users/good", "users", {}, "c", "3 个会话：ops、anna")])
def test_sentences(root, module, options, item, text):
    assert run(root, module, options).items[item][1] == text


@pytest.mark.parametrize("module, options, memory, text", [
    ("network", {"interface": "eth0"}, {"in_bytes eth0": 0.0, "out_bytes eth0": 0.0}, "已连通，1000 Mbit/s，接收 10.0 Mbit/s，发送 1.0 Mbit/s"),
    ("network", {"interface": "eth0", "errors_warning": "0.01", "drops_warning": "0"}, {"in_errors eth0": -600.0, "out_errors eth0": 0.0},
     "接收方向每秒 10 个出错的数据包（阈值 0.01）"),
    ("network", {"interface": "eth0", "throughput_warning": "1K"}, {"in_bytes eth0": 0.0, "out_bytes eth0": 0.0}, "接收 10.0 Mbit/s（阈值 8.2 kbit/s）")])
def test_network_rates(module, options, memory, text):
    assert run("network/good", module, options, memory).one()[1] == text


def test_smart_that_grows_and_sleeps():
    r = run("smart/bad", "smart", {"device": "/dev/sdb"}, {"B reallocated": 20.0})
    assert "24 个扇区已被替换（阈值 1），其中 4 个是在 1 天内新增的" in r.one()[1]
    r = run("smart/good", "smart", {"device": "/dev/sdb"}, {"state /dev/sdb": 1.0})
    assert r.one() == ("WARNING", "休眠中，未唤醒；1 分钟前状态异常")


@pytest.mark.parametrize("root, module, options, title, text", [
    ("process/bad", "process", {"name": "nginx"}, "相似的进程", "进程号 55，父进程 54：nginx，僵尸进程，被信号 11（Segmentation fault）终止\n"),
    ("raid/bad", "raid", {"array": "btrfs data"}, "自上次清零以来的错误（btrfs device stats）", "设备 1：read_errs 3\n"),
    ("reboot/kernel", "reboot", {}, "内核", "已安装：6.1.0-22-amd64"), ("reboot/bad", "reboot", {}, "已计划", "：reboot"),
    ("smart/bad", "smart", {"device": "/dev/sdb"}, "磁盘", "上次自检：Completed: read failure\n"),
    ("users/bad", "users", {}, "当前登录的用户", "root  pts/0  来自 203.0.113.66  pid 400\n")])
def test_evidence(root, module, options, title, text):
    r = run(root, module, options)
    assert text in next(v for (_, t), v in r.evidence.items() if t == title)


def test_how_a_process_ended(tmp_path):
    """What a later look says of the one before."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as p:
        path = tmp_path / "pid"
        path.write_text(str(p.pid))
        r = run(None, "process", {"pidfile": str(path)})
        assert re.fullmatch(rf"运行中，进程号 {p.pid}，已运行 \d+ \S+", r.one()[1])
        p.send_signal(signal.SIGKILL)
    r = run(None, "process", {"pidfile": str(path)}, r.memory)
    assert r.one()[1] == f"已消失：PID 文件中的进程 {p.pid}（{path}）未在运行"
    assert r.evidence["c", "消失的进程"].startswith(f"进程号 {p.pid}，最后一次见到是 1 分钟前，当时已运行 ")
    assert "结束原因：不得而知" in r.evidence["c", "消失的进程"]


@pytest.mark.parametrize("options, text", [
    ({"host": "nonesuch.invalid"}, None), ({"host": "192.0.2.1", "family": "ipv6"}, "192.0.2.1 没有所要求类型的地址（family = ipv6）")])
def test_ping_cannot_look(options, text):
    r = run(None, "ping", options)
    assert text is None or r.reason == text or "net.ipv4.ping_group_range" in r.reason


def test_tcp():
    with server(greet) as port:
        def ask(**options):
            return run(None, "tcp", {"host": "127.0.0.1", "port": port, **options})
        assert re.fullmatch(rf"127.0.0.1 port {port} 在 .+后接受了连接", ask().one()[1])
        assert re.fullmatch(rf"127.0.0.1 port {port} 在 .+后给出了预期的应答", ask(expect="220 ").one()[1])
        r = ask(expect="SSH-2.0")
        assert r.one()[1] == f"127.0.0.1 port {port} 的应答与预期不符：开头不是“SSH-2.0”" and ("c", "服务器的应答") in r.evidence
    with server() as port:
        r = run(None, "tcp", {"host": "127.0.0.1", "port": port, "expect": "220"})
        assert r.one()[1] == f"127.0.0.1 port {port} 没有应答就关闭了连接"


def test_refused():
    with refusing("127.0.0.2") as (port, _):
        r = run(None, "tcp", {"host": "127.0.0.1", "port": str(port)})
    lines = r.evidence["c", "本机正在监听的 TCP 套接字"].splitlines()
    assert lines[0] == f"有程序监听端口 {port}，但不在拒绝连接的地址上："
    assert re.search("，进程号 [0-9]+$", lines[1])
    with refusing() as (port, _):
        r = run(None, "tcp", {"host": "127.0.0.1", "port": str(port)})
    assert r.evidence["c", "本机正在监听的 TCP 套接字"].startswith(f"没有程序监听端口 {port}，IPv4 和 IPv6 都没有。\n")


@pytest.mark.parametrize("script, end", [
    ("exit 2", "退出码 2，用时 .+"), ("kill -SEGV $$", r".+后被信号 11（Segmentation fault）终止"), ("sleep 300", ".+后被终止")])
def test_how_a_plugin_was_run(plugin, script, end):
    lines = plugin(script, "--password", "x", plugin_timeout="300ms").evidence["c", "插件的运行方式"].splitlines()
    assert re.fullmatch(end, lines[1]) and re.fullmatch("以用户 .+ 运行，环境变量只有 PATH 和 LC_ALL", lines[2])
    assert lines[3] == "**** 代替的内容可能是密码，原文见配置"


@pytest.mark.parametrize("script, text", [
    ("echo so; exit 4", "插件的退出码 4 不表示任何状态: so"), ("exit 0", "插件没有任何输出"),
    ("nonesuch 2> /dev/null", "插件的退出码 127 不表示任何状态（127：找不到它调用的程序）"),
    ("echo so; kill -SEGV $$", "插件被信号 11（Segmentation fault）终止: so"),
    ("echo begun; sleep 300", "插件没有在 300 毫秒内结束，已被终止: begun")])
def test_plugin(plugin, script, text):
    assert plugin(script, plugin_timeout="300ms").one()[1] == text


def test_plugin_evidence(plugin):
    r = plugin("echo 'fine | a=1;10:20;~:5 b=U nonsense'; echo moan >&2")
    said = {title: text for (_, title), text in r.evidence.items()}
    assert said["以范围表示的阈值"] == "a：值在 10:20 之外即为 WARNING\n" and said["插件未能测得的值"] == "b\n"
    assert said["它的标准错误输出"] == "moan\n" and "无法识别的性能数据" in said


def test_pop3(authority, server_certificate, login):
    with Server(pop3_server(login="-ERR no"), server_certificate, tls=True) as s:
        assert ask_server("pop3", s.port, authority, **login).one()[1] == f"127.0.0.1 port {s.port} 拒绝登录：“-ERR no”"
    with Server(lambda s: s.say("* OK ready")) as s:
        text = ask_server("pop3", s.port, authority, security="none").one()[1]
    assert text == f"127.0.0.1 port {s.port} 给出的不是 POP3 服务器的问候：“* OK ready”"


@pytest.mark.parametrize("module", ["pop3", "smtp"])
def test_the_login_works(authority, server_certificate, login, module):
    s = (Server(pop3_server(), server_certificate, tls=True) if module == "pop3" else
         smtp_server.SmtpServer(server_certificate, tls=True, users={"box": PASSWORD}))
    with s:
        assert "，登录成功" in ask_server(module, s.port, authority, security="tls", **login).one()[1]
