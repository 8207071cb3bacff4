# SPDX-License-Identifier: GPL-3.0-or-later
"""language = zh_CN: what is said of the configuration, of modules and of the way of a mail. The words of the server stay."""

import json
import re
import subprocess

import pytest

import harness
from smtp_server import SmtpServer
from test_runner import batch, deed, end, modules, runner  # noqa: F401
from test_send import HOWS, PASSWORD, QQ_REFUSAL, assert_masked, closed_port, test_mail as mail_by  # noqa: F401

mail_by.__test__ = False
CHINESE = "[tocsin]\nlanguage = zh_CN\n"
BROKEN = ["[report]", "eveery = 1d", "[mail]", "port = 70000", "[check a]", "type = nonsense", "[check b]", "type = disk",
          "path = /", "warning = lots", "timeout = soon", "colour = red", "[check c]", "type = disk", "[chekc d]"]
HAN = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b(the|is|are|was|has|with|and|not|than|expected|did you|there|cannot)\b|\.conf:\d+: (error|warning): ")


def assert_chinese(text):
    """Every line of it, and all of the line but names."""
    assert text.strip()
    for line in text.strip().splitlines():
        assert HAN.search(line), line
        assert not ENGLISH.search(line), line


# ---- the configuration

@pytest.mark.parametrize("where", ["file", "drop-in"])
def test_check_config_of_a_broken_file(setup, where):
    dropins = setup.folder / "conf.d"
    dropins.mkdir()
    if where == "drop-in":
        (dropins / "10-language.conf").write_text(CHINESE)
    setup.config.write_text((CHINESE if where == "file" else "") + "\n".join(BROKEN) + "\n")
    r = setup.tocsind("--check-config", "--config", str(setup.config), "--conf-dir", str(dropins))
    assert r.returncode == 78
    assert r.stderr.count("tocsin.conf:") >= 7, r.stderr
    assert_chinese(r.stderr)
    shift = 2 if where == "file" else 0
    assert f"tocsin.conf:{2 + shift}: 错误: 未知的配置项“eveery”（在 [report] 中）：是否应为 every？" in r.stderr
    assert f"tocsin.conf:{4 + shift}: 错误: port: “70000”超出范围：应为 1 到 65535 之间的整数" in r.stderr
    assert f"tocsin.conf:{6 + shift}: 警告: type: 没有检查模块“nonsense”" in r.stderr
    assert f"tocsin.conf:{11 + shift}: 错误: timeout: “soon”不是时长：应为带单位的数字" in r.stderr


def test_check_config_of_a_good_file(setup):
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.write(harness.check("root", "disk", path="/"))
    r = setup.tocsind("--check-config", "--config", str(setup.config))
    assert (r.returncode, r.stderr) == (0, "配置无误：1 个检查项，1 个发信服务器。\n")


def test_check_config_of_no_file_in_the_language_of_the_caller(setup):
    env = {**setup.environment(), "TOCSIN_LANGUAGE": "zh_CN"}
    r = subprocess.run([harness.program("tocsind"), "--check-config", "--config", str(setup.folder / "none")], env=env,
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 78 and "错误: 无法打开文件: No such file or directory" in r.stderr


@pytest.mark.parametrize("language, words", [("zh_CN", "未知的配置项“hots”"), ("en", "unknown key 'hots'")])
def test_the_command_line_may_choose(setup, language, words):
    """Whatever the configuration says."""
    setup.config.write_text("[tocsin]\nhots = x\nlanguage = " + {"zh_CN": "en", "en": "zh_CN"}[language] + "\n")
    r = setup.tocsin("--language", language, "config", "--config", str(setup.config))
    assert r.returncode == 78 and words in r.stdout + r.stderr, r


def test_reload_of_a_broken_file_is_refused_in_chinese(setup, daemon, catcher):
    """In the language of the file that is refused, which is not yet in force."""
    setup.write(harness.check("root", "disk", path="/"))
    daemon(setup)
    catcher.wait("monitoring started")
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.write(harness.check("root", "disk", path="/", timeout="soon", colour="red"))
    r = setup.tocsin("--language", "zh_CN", "reload")
    assert r.returncode == 78, r
    said = r.stdout + r.stderr
    assert "timeout: “soon”不是时长：应为带单位的数字，例如 90s、5m、2h 或 1d" in said
    assert "未知的配置项“colour”（在 [check root] 中，类型为 disk）" in said


# ---- modules

@pytest.mark.parametrize("name", ["nothing", "twice", "early", "positive", "nan"])
def test_faults_of_modules(runner, name):  # noqa: F811
    h = runner(TOCSIN_LANGUAGE="zh_CN")
    h.expect("ready")
    assert_chinese(end(batch(h, deed(name)), name)[1])


@pytest.mark.parametrize("module", ["rouge", "nonesuch", "misfit-abi", "misfit-size", "misfit-small", "misfit-name",
                                    "misfit-offset", "misfit-symbol"])
def test_modules_that_do_not_fit(runner, module):  # noqa: F811
    h = runner(module, TOCSIN_LANGUAGE="zh_CN")
    h.expect("ready")
    assert_chinese(end(batch(h, ("bad", module, {})), "bad")[1])


@pytest.mark.parametrize("options", [{"deed": ["echo", "fail"]}, {"deed": "sing"}, {"deeed": "echo"}, {"number": "101"},
                                     {"number": ""}])
def test_options_that_do_not_fit(runner, options):  # noqa: F811
    h = runner(TOCSIN_LANGUAGE="zh_CN")
    h.expect("ready")
    assert_chinese(end(batch(h, ("bad", "rogue", options)), "bad")[1])


def test_sections_are_described(setup):
    r = setup.tocsin("--language", "zh_CN", "describe", "--sections", "--json")
    assert r.returncode == 0, r
    sections = json.loads(r.stdout)
    assert len(sections) == 9
    for section in sections:
        assert_chinese(section["summary"])
        for option in section["options"]:
            assert_chinese(option["help"])
            assert HAN.search(option["expects"]), option
            assert re.fullmatch("[a-z]+", option["type"]), option
    english = json.loads(setup.tocsin("describe", "--sections", "--json").stdout)
    assert english[0]["summary"] == "The host" and english[0]["name"] == sections[0]["name"]


# ---- the way of a mail

@pytest.mark.parametrize("how", HOWS)
def test_qq_wants_the_authorization_code(setup, mail_by, server_certificate, how):  # noqa: F811
    setup.sections["tocsin"]["language"] = "zh_CN"
    with SmtpServer(server_certificate, tls=True, users={"me": "the code"}, mechanisms="LOGIN PLAIN",
                    at={"auth": QQ_REFUSAL}) as s:
        r = mail_by(s, how, provider="qq")
        assert r.returncode == 77, r
        assert_masked(r)
        last = r.stdout.splitlines()[-1]
        assert QQ_REFUSAL.removeprefix("535 ") in last
        assert "（这里要填授权码，而不是 QQ 密码：请在网页版 QQ 邮箱的设置中开启" in last
        for line in r.stdout.splitlines():
            assert not line.startswith("* ") or HAN.search(line) or "TLS1." in line, line
        assert len(s.logins) == 1 and s.mails == []


@pytest.mark.parametrize("at, words", [
    ({"greeting": "554 5.7.1 go away"}, "服务器目前不接受本机: 554 5.7.1 go away"),
    ({"greeting": "close"}, "服务器没有发送问候语就关闭了连接"),
])
def test_other_failures(setup, mail_by, server_certificate, at, words):  # noqa: F811
    setup.sections["tocsin"]["language"] = "zh_CN"
    with SmtpServer(server_certificate, starttls=True, users={"me": PASSWORD}, at=at) as s:
        r = mail_by(s, ["--direct"])
        assert words in r.stdout, r


def test_nobody_listens(setup):
    port = closed_port()
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.mail.update(server="127.0.0.1", port=port, security="none", **{"from": "me@example.org"})
    del setup.mail["username"], setup.mail["password_file"], setup.mail["tls_ca_file"]
    setup.write()
    r = setup.tocsin("test-mail", "-v", "--direct", "--config", str(setup.config))
    assert f"127.0.0.1:{port} 拒绝连接" in r.stdout, r
    assert f"* 正在连接 127.0.0.1，端口 {port}" in r.stdout


def test_a_secret_that_is_not_there(setup, authority):
    setup.sections["tocsin"]["language"] = "zh_CN"
    setup.password_file.unlink()
    setup.write()
    r = setup.tocsin("test-mail", "-v", "--direct", "--config", str(setup.config))
    assert f"无法读取 password_file {setup.password_file}：No such file or directory" in r.stdout, r
