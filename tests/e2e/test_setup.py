# SPDX-License-Identifier: GPL-3.0-or-later
"""`tocsin setup`: by options as a script calls it, and on a terminal as a person does, against the mail catcher."""
import grp
import os
import pathlib
import pty
import re
import select
import stat
import subprocess
import time

import pytest

import harness


class Folder:
    """An /etc/tocsin of the test; what trusts the catcher stands in the main file."""

    def __init__(self, path, catcher):
        self.path, self.catcher = path, catcher
        self.main, self.conf_d = path / "tocsin.conf", path / "conf.d"
        self.conf_d.mkdir(parents=True)
        self.main.write_text(f"[tocsin]\nhost = web1\n[mail]\ntls_ca_file = {catcher.ca_file}\ntimeout = 5s\n")
        self.mail, self.password = self.conf_d / "00-mail.conf", path / "mail-password"
        self.command = [harness.program("tocsin"), "--config", str(self.main), "--conf-dir", str(self.conf_d), "setup"]

    def environment(self):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TOCSIN_LIBEXEC_DIR": str(harness.BUILD / "src"),
                "TOCSIN_CHECK_DIR": str(harness.BUILD / "checks/.libs"), harness.MARK: str(self.path),
                **{k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "LSAN_"))}}

    def server(self, how="tls"):
        port = self.catcher.port_tls if how == "tls" else self.catcher.port_starttls
        return ["--provider", "127.0.0.1", "--security", how, "--port", str(port)]

    def setup(self, *arguments, input=""):
        return subprocess.run([*self.command, *arguments], input=input, capture_output=True, text=True, timeout=60,
                              env=self.environment())

    def files(self):
        return {p.relative_to(self.path).as_posix(): p.read_text() for p in self.path.rglob("*") if p.is_file()}


@pytest.fixture
def folder(tmp_path, catcher):
    return Folder(tmp_path / "etc", catcher)


def account(catcher):
    return ["--address", catcher.username, "--password-file", "-", "--yes"]


@pytest.mark.parametrize("how", ["tls", "starttls"])
def test_by_options(folder, catcher, how):
    r = folder.setup(*account(catcher), *folder.server(how), "--to", "ops@example.org,night@example.org", "--language", "zh_CN",
                     input=f"{catcher.password}\n")
    assert r.returncode == 0, r.stdout + r.stderr
    assert folder.mail.read_text().split("\n\n", 1)[1] == (
        f"[tocsin]\nlanguage = zh_CN\n\n[mail]\nserver = 127.0.0.1\nsecurity = {how}\n"
        f"port = {catcher.port_tls if how == 'tls' else catcher.port_starttls}\nfrom = {catcher.username}\n"
        f"username = {catcher.username}\npassword_file = {folder.password}\nto = ops@example.org\nto = night@example.org\n")
    mail = catcher.wait("测试邮件")
    assert mail.recipients == ["ops@example.org", "night@example.org"] and mail.is_tls and mail.login == catcher.username
    assert folder.password.read_text() == catcher.password + "\n"
    assert catcher.password not in r.stdout + r.stderr
    assert set(folder.files()) == {"tocsin.conf", "conf.d/00-mail.conf", "mail-password"}, "nothing is left over"


def test_only_the_service_reads_the_secret(folder, catcher):
    assert folder.setup(*account(catcher), *folder.server(), input=catcher.password).returncode == 0
    mode, gid = stat.S_IMODE(folder.password.stat().st_mode), folder.password.stat().st_gid
    try:
        group = grp.getgrnam("tocsin").gr_gid
    except KeyError:
        group = None
    assert (mode, gid) == (0o640, group) or mode == 0o600
    assert stat.S_IMODE(folder.mail.stat().st_mode) == 0o644
    assert "tocsin.invalid" not in folder.mail.read_text() and catcher.password not in folder.mail.read_text()


def test_the_service_of_an_address_is_known(folder):
    r = folder.setup("--address", "10000@qq.com", "--password-file", "-", "--yes", "--no-test", input="code\n")
    assert r.returncode == 0, r.stderr
    assert folder.mail.read_text().endswith(
        f"[mail]\nprovider = qq\nfrom = 10000@qq.com\nusername = 10000@qq.com\npassword_file = {folder.password}\n"
        "to = 10000@qq.com\n")


def test_a_server_without_login(folder):
    r = folder.setup("--address", "web1@example.org", "--provider", "mail.example.org", "--to", "ops@example.org", "--yes",
                     "--no-test")
    assert r.returncode == 0, r.stderr
    assert folder.mail.read_text().endswith(
        "[mail]\nserver = mail.example.org\nsecurity = tls\nfrom = web1@example.org\nto = ops@example.org\n")
    assert not folder.password.exists()


def test_the_secret_from_a_file(folder, catcher, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(catcher.password + "\nand more\n")
    secret.chmod(0o600)
    r = folder.setup("--address", catcher.username, "--password-file", str(secret), "--yes", *folder.server())
    assert r.returncode == 0 and folder.password.read_text() == catcher.password + "\n"


@pytest.mark.parametrize("options, why", [
    (["--address", "nobody"], "--address: expected one mail address"),
    (["--address", "a@example.org"], "--provider: expected the name of a mail server"),
    (["--address", "a@example.org", "--provider", "qqq"], "or one of qq, exmail, 163"),
    (["--address", "a@qq.com", "--to", "b@example.org,c"], "'c' is no mail address"),
    (["--address", "a@qq.com", "--to", ","], "--to: expected 1 to 32"),
    (["--address", "a@qq.com", "--language", "en\n[check x]"], "expected one of en, zh_CN"),
    (["--address", "a@qq.com", "--language", "zh"], "--language zh: expected one of en, zh_CN"),
    ([], "--address: expected one mail address"),
])
def test_wrong_options_change_nothing(folder, options, why):
    before = folder.files()
    r = folder.setup(*options, "--yes")
    assert r.returncode == 64 and why in r.stderr, r.stderr
    assert folder.files() == before


def test_without_a_secret_on_standard_input(folder, catcher):
    r = folder.setup(*account(catcher), *folder.server())
    assert r.returncode == 66 and "no password on standard input" in r.stderr


def test_what_the_configuration_refuses_is_taken_back(folder):
    before = folder.files()
    r = folder.setup("--address", "a@qq.com", "--port", "70000", "--password-file", "-", "--yes", "--no-test", input="code")
    assert r.returncode == 78 and "00-mail.conf" in r.stderr and "out of range" in r.stderr and "Nothing was changed" in r.stderr
    assert folder.files() == before


def test_a_refused_login_is_explained_and_taken_back(folder, catcher):
    assert folder.setup(*account(catcher), *folder.server(), input=catcher.password).returncode == 0
    before = folder.files()
    r = folder.setup(*account(catcher), *folder.server(), "--to", "other@example.org", input="wrong")
    assert r.returncode == 77, r.stdout + r.stderr
    assert "535 5.7.8 authentication failed" in r.stdout and "Nothing was changed" in r.stderr
    assert folder.files() == before and len(catcher.mails) == 1


def test_a_refusal_by_a_known_service_has_advice(folder, authority, server_certificate):
    """The words for a service go by its name; the server of the test answers in its place."""
    catcher = folder.catcher
    folder.main.write_text(folder.main.read_text() + f"provider = qq\n")
    r = folder.setup("--address", "10000@qq.com", *folder.server(), "--password-file", "-", "--yes", input="wrong")
    assert r.returncode == 77 and "授权码" in r.stdout, r.stdout + r.stderr
    assert catcher.logins[-1] == ("10000@qq.com", "wrong", False)


def test_another_folder_must_be_named(folder):
    r = subprocess.run([harness.program("tocsin"), "--config", str(folder.main), "setup", "--yes"], capture_output=True,
                       text=True, env=folder.environment(), timeout=60)
    assert r.returncode == 64 and "--conf-dir" in r.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_else_cannot(folder, catcher):
    r = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *folder.command, "--address", "a@qq.com",
                        "--no-test", "--yes"], input="", capture_output=True, text=True, env=folder.environment(), timeout=60)
    if "cannot execute" in r.stderr or r.returncode in (126, 127):
        pytest.skip("the build is not readable for others")
    assert r.returncode in (77, 73) and "cannot be written" in r.stderr, r.stderr


# ---- on a terminal ----

class Person:
    def __init__(self, folder, *arguments, **env):
        self.output = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(folder.command[0], [*folder.command, *arguments], {**folder.environment(), **env})

    def _read(self, limit):
        ready, _, _ = select.select([self.fd], [], [], limit)
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += data.decode(errors="replace")
        return bool(data)

    def sees(self, text, limit=30):
        end = time.monotonic() + limit
        while text not in self.output:
            assert time.monotonic() < end and self._read(max(0, end - time.monotonic())), f"{text!r} in {self.output!r}"
        self.output = self.output.split(text, 1)[1]
        return self

    def types(self, text):
        os.write(self.fd, text.encode())
        return self

    def leaves(self):
        while self._read(30):
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def echoes(self):
        import termios
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)


def test_on_a_terminal(folder, catcher):
    p = Person(folder, "--port", str(catcher.port_tls))
    p.sees("Language").sees("[en]: ").types("klingon\n").sees("No: expected one of en, zh_CN").sees("[en]: ").types("\n")
    p.sees("sends from: ").types("not an address\n").sees("No: expected one mail address").sees("sends from: ")
    p.types(f"{catcher.username}\n").sees("or the name of a mail server: ").types("127.0.0.1\n")
    p.sees("Encryption").sees("[tls]: ").types("\n")
    p.sees("User name").sees(f"[{catcher.username}]: ").types("\n")
    p.sees("Who gets the mails").sees(f"[{catcher.username}]: ").types("ops@example.org night@example.org\n")
    p.sees("it is not shown").sees(": ")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types("a wrong code\n").sees("535 5.7.8").sees("did not go out").sees("The login was refused").sees("it is not shown").sees(": ")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types(f"{catcher.password}\n").sees("sent ops@example.org").sees("Written: ")
    assert p.leaves() == 0
    assert catcher.password not in p.output and "a wrong code" not in p.output
    assert folder.password.read_text() == catcher.password + "\n"
    assert catcher.wait("test mail").recipients == ["ops@example.org", "night@example.org"]
    assert [right for *_, right in catcher.logins] == [False, True]
    assert "[tocsin]\nlanguage = en\n" in folder.mail.read_text()


def test_a_server_of_ones_own_may_know_another_name(folder, catcher):
    p = Person(folder, "--port", str(catcher.port_tls), "--address", "web1@example.org", "--to", "ops@example.org", "--language", "en",
               "--provider", "127.0.0.1", "--security", "tls")
    p.sees("User name").sees("[web1@example.org]: ").types(f"{catcher.username}\n").sees("it is not shown").sees(": ")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types(f"{catcher.password}\n").sees("Written: ")
    assert p.leaves() == 0 and catcher.wait("test mail").sender == "web1@example.org"


def test_the_code_of_a_known_service_is_asked_for_by_its_name(folder):
    p = Person(folder, "--no-test")
    p.sees("[en]: ").types("\n").sees("sends from: ").types("10000@qq.com\n").sees("[qq]: ").types("\n")
    p.sees("[10000@qq.com]: ").types("\n").sees("授权码").sees("it is not shown").sees(": ")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types("code\n").sees("Written: ")
    assert p.leaves() == 0 and "provider = qq\n" in folder.mail.read_text()


def test_who_breaks_off_has_his_terminal_back(folder):
    before = folder.files()
    p = Person(folder, "--no-test", "--address", "10000@qq.com", "--provider", "qq", "--to", "a@example.org", "--language", "en")
    p.sees("it is not shown")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types("\x03")
    harness.wait_until(p.echoes, "a terminal that shows what is typed")
    assert p.leaves() == -2
    assert folder.files() == before


def test_the_end_of_input_is_no_answer(folder):
    before = folder.files()
    p = Person(folder)
    p.sees("[en]: ").types("\n").sees("sends from: ").types("\x04")
    assert p.leaves() == 64 and folder.files() == before


@pytest.mark.parametrize("locale, proposed", [
    ({"LC_ALL": "zh_CN.UTF-8"}, "zh_CN"), ({"LC_ALL": "", "LC_MESSAGES": "zh_SG.UTF-8", "LANG": "en_US.UTF-8"}, "zh_CN"),
    ({"LC_ALL": "", "LANG": "zh_TW.Big5"}, "zh_CN"), ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
    ({"LC_ALL": "", "LANG": "C.UTF-8"}, "en"), ({"LC_ALL": ""}, "en")])
def test_the_locale_proposes_a_language(folder, locale, proposed):
    p = Person(folder, **locale)
    p.sees("Language, 语言").sees(f"[{proposed}]: ").types("\x04")
    p.leaves()


def test_the_language_of_the_configuration_is_proposed_again(folder):
    folder.main.write_text(folder.main.read_text().replace("host = web1\n", "host = web1\nlanguage = zh_CN\n"))
    p = Person(folder)
    p.sees("[zh_CN]: ").types("en\n").sees("Mail address that tocsin sends from: ").types("\x04")
    p.leaves()


def test_scripts_say_the_language_themselves(folder):
    r = subprocess.run([*folder.command, "--address", "a@qq.com", "--yes", "--no-test"], input="", capture_output=True, text=True,
                       timeout=60, env={**folder.environment(), "LC_ALL": "zh_CN.UTF-8"})
    assert r.returncode == 0 and r.stdout.startswith("Written: ") and "language" not in folder.mail.read_text()


def test_it_goes_on_in_the_language_that_was_chosen(folder, catcher):
    """Everything after the first question, the mistakes too."""
    p = Person(folder, "--port", str(catcher.port_tls), LC_ALL="zh_CN.UTF-8")
    p.sees("[zh_CN]: ").types("\n")
    p.sees("邮箱地址: ").types("nobody\n").sees("输入无效：应为一个邮箱地址，例如 web1@example.org")
    p.sees("邮箱地址: ").types(f"{catcher.username}\n")
    p.sees("邮件服务器的名称: ").types("qqq\n").sees("输入无效：应为邮件服务器的名称").sees("邮件服务器的名称: ").types("127.0.0.1\n")
    p.sees("加密方式").sees("[tls]: ").types("\n").sees("登录用户名").sees("]: ").types("\n")
    p.sees("收件人地址（多个用空格分隔）").sees("]: ").types(",\n").sees("输入无效：应为 1 至 32 个邮箱地址").sees("]: ")
    p.types("ops@example.org\n").sees("密码或授权码（输入时不显示；不需要则留空）: ")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types("a wrong code\n").sees("正在发送测试邮件").sees("暂时失败 ops@example.org").sees("535 5.7.8")
    p.sees("测试邮件没有发出").sees("密码或授权码")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types(f"{catcher.password}\n").sees("已送达 ops@example.org").sees("已写入：")
    assert p.leaves() == 0
    mail = catcher.wait("测试邮件")
    assert "这是 tocsin 的测试邮件" in mail.message.get_content()
    assert "[tocsin]\nlanguage = zh_CN\n" in folder.mail.read_text()


def test_a_known_service_is_explained_in_chinese(folder):
    p = Person(folder, "--no-test", "--address", "10000@qq.com", "--to", "ops@example.org", LC_ALL="zh_CN.UTF-8")
    p.sees("[zh_CN]: ").types("\n").sees("[qq]: ").types("\n").sees("qq：用户名是完整的邮箱地址；密码是邮箱设置中生成的授权码，不是登录密码。")
    p.sees("（输入时不显示）: ")
    harness.wait_until(lambda: not p.echoes(), "a terminal that hides what is typed")
    p.types("code\n").sees("已写入：").sees("00-mail.conf")
    assert p.leaves() == 0
