# SPDX-License-Identifier: GPL-3.0-or-later
"""The language changes while a daemon runs: as when `tocsin setup` writes it after the package has started the service."""

import harness
from harness import wait_until


def speaker(tmp_path, end=""):
    """A check that says in which language the program that runs it speaks."""
    script = tmp_path / "speaker"
    if not script.exists():  # one that runs cannot be written
        script.write_text("#!/bin/sh\n"
                          "echo \"speaks $(tr '\\000' '\\n' < /proc/$PPID/environ | sed -n 's/^TOCSIN_LANGUAGE=//p')\"\n" + end)
        script.chmod(0o755)
    return harness.check("speaker", "plugin", command=script, interval="1h")


def write(setup, tmp_path, language, mail):
    kept = setup.mail
    setup.sections["tocsin"]["language"] = language
    setup.mail = kept if mail else None
    setup.write(speaker(tmp_path))
    setup.mail = kept


def test_the_first_mail_is_in_the_language_that_setup_wrote(setup, daemon, catcher, tmp_path):
    write(setup, tmp_path, "en", mail=False)
    d = daemon(setup)
    wait_until(lambda: setup.item("speaker").get("text", "").endswith("speaks en"), "the first look", 20)
    write(setup, tmp_path, "zh_CN", mail=True)
    d.reload()
    mail = catcher.wait()
    assert "speaks zh_CN" in mail.text and "speaks en" not in mail.text, mail.text
    assert d.stop() < harness.END_WITHIN


def test_who_is_being_looked_at_during_a_reload_is_looked_at_again(setup, daemon, tmp_path):
    """Otherwise the result in the former language, or by the former limits, would stand for an hour."""
    begun = tmp_path / "begun"
    speaker(tmp_path, f"touch {begun}\nsleep 2\n")
    write(setup, tmp_path, "en", mail=False)
    d = daemon(setup)
    wait_until(begun.exists, "the first look")
    write(setup, tmp_path, "zh_CN", mail=False)
    d.reload()
    wait_until(lambda: setup.item("speaker").get("text", "").endswith("speaks zh_CN"), "a look in the new language", 30)


def test_no_helper_of_the_former_language_looks(setup, daemon, catcher, tmp_path):
    """Also when they change in quick succession, and helpers of the one before are still being started."""
    write(setup, tmp_path, "en", mail=True)
    d = daemon(setup)
    catcher.wait()
    for language in ("zh_CN", "en", "zh_CN", "en", "zh_CN"):
        write(setup, tmp_path, language, mail=True)
        d.reload()
    wait_until(lambda: setup.item("speaker").get("text", "").endswith("speaks zh_CN"), "a look in the last language", 20)
    assert setup.tocsin("check", "speaker").stdout.count("speaks zh_CN") == 1


def test_problems_of_a_reload_are_told_in_the_language_of_its_files(setup, daemon, tmp_path):
    """They are worded while they are read. Files that no longer name a language speak English, as tocsin will; of files that
    cannot be read nobody knows."""
    write(setup, tmp_path, "zh_CN", mail=False)
    d = daemon(setup)
    good = setup.config.read_text()
    for text, problem in ((good + "\n[mistake]\n", "未知的配置节"),
                          (good.replace("language = zh_CN\n", "") + "\n[mistake]\n", "unknown section"),
                          (None, "无法打开文件")):
        setup.config.unlink()
        if text:
            setup.config.write_text(text)
        refused = setup.tocsin("reload")
        assert refused.returncode == 78 and problem in refused.stderr, refused
    assert d.stop() < harness.END_WITHIN
