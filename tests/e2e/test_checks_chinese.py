# SPDX-License-Identifier: GPL-3.0-or-later
"""The check modules with language = zh_CN. Whatever else is tested on a recorded tree is looked at in Chinese, too (run() of
test_checks.py); here each tree is, whoever recorded it, and what no tree can tell: servers, and options that do not fit."""
import errno
import socket

import pytest

from test_checks import FIXTURES, MODULES, copied, run, run_in
from test_checks_net import Server, imap_server, login_options

# Without these they would only say what is missing.
OPTIONS = {
    "directory": {"path": "/srv/backup"},
    "file": {"path": "/etc"},
    "process": {"name": "nginx"},
}
TREES = [(tree.parent.name, tree.name) for tree in sorted(FIXTURES.glob("*/*")) if tree.is_dir()]


@pytest.mark.parametrize("module, tree", TREES)
def test_tree(module, tree, tmp_path):
    run(copied(f"{module}/{tree}", tmp_path), module, OPTIONS.get(module))  # stand-ins for programs write there


@pytest.mark.parametrize("module", sorted({path.stem for path in MODULES.glob("*.so")}))
def test_any_module(module, tmp_path):
    """In a tree without anything: what it lacks there, or that it cannot look into one, or which option is needed."""
    run(tmp_path, module)


@pytest.mark.parametrize("module, options, text", [
    ("load", {"load1_warning": "2", "load1_critical": "1"}, "CRITICAL 的阈值低于 WARNING 的阈值：load1、load5、load15 之一"),
    ("mount", {"options": "ro"}, "请用 access = rw 或 access = ro 代替此挂载选项"),
    ("imap", {"username": "box"}, "username 需要设置 password_file 和 credential 之一")])
def test_options_that_do_not_fit(module, options, text):
    r = run_in("zh_CN", None, module, options, None, 0)
    assert r.code == errno.EINVAL and r.reason == text


@pytest.fixture
def login(tmp_path):
    return login_options(tmp_path)


def ask(module, **options):
    return run_in("zh_CN", None, module, {"answer_timeout": "5s", **options}, None, 0)


@pytest.mark.parametrize("said, text", [
    ("* OK\r\na1 BAD what", "127.0.0.1 port {} 拒绝查询能力（CAPABILITY）：“BAD what”"),
    ("* OK", "等待查询能力（CAPABILITY）时，127.0.0.1 port {} 关闭了连接")])
def test_imap_bad(said, text):
    def talk(s):
        s.say(said)
        s.hear()
    with Server(talk) as s:
        r = ask("imap", host="127.0.0.1", port=s.port, security="none")
    assert r.one() == ("CRITICAL", text.format(s.port)) and ("c", "对话内容（> 为本机，< 为服务器）") in r.evidence


def test_imap_good(authority, server_certificate, login):
    with Server(imap_server(), server_certificate, tls=True) as s:
        server = {"host": "127.0.0.1", "port": s.port, "tls_ca_file": str(authority.ca_file)}
        r = ask("imap", **server, **login)
        assert r.one()[0] == "OK" and "后应答，登录成功，证书有效期还剩 364 天" in r.one()[1]
        r = ask("imap", **server, certificate_warning="370d")
        assert r.one()[0] == "WARNING" and r.one()[1].startswith("证书将在 364 天 ") and r.one()[1].endswith("，阈值 370 天）")
        r = ask("imap", **server, expect="Dovecot")
        assert r.one()[0] == "CRITICAL" and r.one()[1].startswith("问候语不包含“Dovecot”：“* OK")


def test_certificate_of_files(server_certificate, tmp_path):
    r = run_in("zh_CN", None, "certificate", {"file": [str(server_certificate[0]), str(tmp_path / "none")], "trust": "no"}, None, 0)
    (state, text), missing = r.items.values()
    assert state == "OK" and text.startswith("有效期还剩 364 天") and missing == ("CRITICAL", "文件不存在")


def test_http():
    def talk(s):
        while s.hear():
            pass
        s.say("HTTP/1.0 404 Not Found", "Content-Length: 4", "", "none")
    with Server(talk) as s:
        r = ask("http", url=f"http://127.0.0.1:{s.port}/", expect="welcome")
    assert r.one() == ("CRITICAL", "状态码 404，不是预期的状态码；页面不包含“welcome”")
    assert list(r.evidence) == [("c", "请求"), ("c", "应答（开头部分）")]


def test_dns_of_a_server_that_is_none():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    r = ask("dns", name="example.org", record="mx", server="127.0.0.1", port=port, answer_timeout="3s")
    assert r.one() == ("CRITICAL", "example.org: 没有服务器应答，或服务器出错（SERVFAIL）；查询的服务器：127.0.0.1")


def test_configuration(setup):
    setup.config.write_text("[tocsin]\nlanguage = zh_CN\n[check a]\ntype = load\nload1_warning = 2\nload1_critical = 1\n")
    r = setup.tocsind("--check-config", "--config", str(setup.config))
    assert r.returncode == 78 and "[check a]: CRITICAL 的阈值低于 WARNING 的阈值：load1、load5、load15 之一\n" in r.stderr
