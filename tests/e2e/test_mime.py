# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mail reader makes of our mails: the samples of compose-mail in each language, parsed by Python's email package."""

import email
import email.policy
import os
import pathlib
import re
import subprocess
import unicodedata
from html.parser import HTMLParser

import pytest

BUILD = pathlib.Path(os.environ.get("TOCSIN_BUILD", "."))
COMPOSE = BUILD / "tests/unit/compose-mail"
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
SAMPLES = ["started", "started-bad", "status", "status-bad", "problem", "several", "unknown", "recovered", "test",
           "nothing", "late", "told-late", "reminder", "unstable", "steady", "escalated", "restarted", "restarted-bad",
           "test-alert", "test-recovery", "parent", "pair", "storm", "digest", "digest-of-reports", "status-full",
           "status-many", "alert-many", "course", "course-status", "course-text", "course-none", "hostile-crowd", "hostile-crowd-status", "hostile", "hostile-status",
           "hostile-digest"]
HEADERS = ["Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
           "X-Auto-Response-Suppress", "List-Id", "X-Tocsin-Host", "X-Tocsin-Check", "MIME-Version", "Content-Type"]
VOID = {"meta", "br", "img"}
LEFT_OUT = {"en": "left out here", "zh_CN": "此处省略"}
FOOTER = {"en": ("Host and monitoring", "Sent by"), "zh_CN": ("主机与监控", "发送程序")}
in_all_languages = pytest.mark.parametrize("language", ["en", "zh_CN"])


def compose(sample, part, language="en"):
    return subprocess.run([COMPOSE, sample, part], check=True, stdout=subprocess.PIPE, timeout=60,
                          env=os.environ | {"TOCSIN_LANGUAGE": language}).stdout


def parse(sample, language="en"):
    return email.message_from_bytes(compose(sample, "mail", language), policy=email.policy.default)


def columns(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def test_samples_are_all_here():
    assert subprocess.run([COMPOSE], check=True, stdout=subprocess.PIPE, text=True).stdout.split() == SAMPLES


@in_all_languages
@pytest.mark.parametrize("sample", SAMPLES)
def test_form(sample, language):
    raw = compose(sample, "mail", language)
    message = parse(sample, language)
    assert message.keys() == HEADERS
    assert max(raw) < 0x80 and 0 not in raw
    assert raw.endswith(b"\r\n") and not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert len(body) < 195_000  # and the headers of a mail have less than the rest of 200,000
    for line in head.split(b"\r\n"):
        assert len(line) <= 78 or re.match(rb" ?<[^ ]*>$|(Message-ID|In-Reply-To|References): <[^ ]*>$", line)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    for part in message.walk():
        assert part.defects == []
        for name, value in part.items():
            assert value.defects == (), (name, value.defects)
        if not part.is_multipart():
            is_text = part.get_content_maintype() == "text"
            assert part["Content-Transfer-Encoding"] == ("quoted-printable" if is_text else "base64")
            assert all(len(line) <= 76 for line in part.get_payload().splitlines())


@in_all_languages
@pytest.mark.parametrize("sample", SAMPLES)
def test_structure(sample, language):
    message = parse(sample, language)
    types = [part.get_content_type() for part in message.walk()]
    if len(types) == 3:
        assert types == ["multipart/alternative", "text/plain", "text/html"]
    else:
        image = "application/octet-stream" if sample == "hostile" else "image/png"
        assert types[:4] == ["multipart/alternative", "text/plain", "multipart/related", "text/html"]
        assert types[4:] == [image] * (len(types) - 4)
        images = list(message.walk())[4:]
        assert all(part.get_payload(decode=True).startswith(b"\x89PNG\r\n\x1a\n") for part in images)
        shown = re.findall(r'<img src="cid:([^"]+)"', message.get_body(("html",)).get_content())
        assert shown == [part["Content-ID"].strip("<>") for part in images] or not sample.startswith("course")
        assert len(message.as_bytes()) < 200_000 or sample.startswith("hostile")
    assert message.preamble is None and message.epilogue in (None, "")
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == compose(sample, "text", language).decode()
    assert message.get_body(("html",)).get_content().replace("\r\n", "\n") == compose(sample, "html", language).decode()


@in_all_languages
@pytest.mark.parametrize("sample", SAMPLES)
def test_subject(sample, language):
    subject = compose(sample, "subject", language).decode()
    assert columns(subject) <= 78
    assert str(parse(sample, language)["Subject"]) == re.sub(" +", " ", subject)
    assert subject.startswith("[")


def test_names_survive():
    message = parse("problem")
    assert message["From"].addresses[0].addr_spec == "tocsin@example.org"
    assert message["From"].addresses[0].display_name == "警钟 web1 😀"
    assert [a.addr_spec for a in message["To"].addresses] == ["ops@example.org", '"night shift"@example.org']
    assert message["X-Tocsin-Check"] == "磁盘 😀"
    assert message["Message-ID"] == "<17.1@web1>"
    assert message["In-Reply-To"] == message["References"] == "<16.1@web1>"
    assert message["Date"].datetime.isoformat() == "2026-11-23T20:04:05+08:00"


def test_injection_adds_nothing():
    message = parse("hostile")
    for part in message.walk():
        assert not part["Bcc"]
    assert len(message["To"].addresses) == 2
    assert message["From"].addresses[0].addr_spec == "tocsin@example.org"
    assert "\\r\\nBcc: victim@example.org" in " ".join(message.get_body(("plain",)).get_content().split())
    assert len(message["X-Tocsin-Check"].replace(" ", "")) > 30000


class Checker(HTMLParser):
    """Every element is closed in its order, and nothing is there that a report never has."""

    allowed = {"html", "head", "meta", "title", "style", "body", "table", "tr", "td", "p", "b", "br", "span", "pre",
               "div", "img"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open = []

    def handle_starttag(self, tag, attributes):
        assert tag in self.allowed, tag
        for name, value in attributes:
            assert not name.startswith("on") and name != "href"
            assert name != "src" or (tag == "img" and value.startswith("cid:"))
        if tag == "img":
            assert re.fullmatch(r".+: .+", dict(attributes)["alt"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_decl(self, declaration):
        assert declaration == "DOCTYPE html"

    def handle_comment(self, data):
        raise AssertionError("a comment: " + data)


@in_all_languages
@pytest.mark.parametrize("sample", SAMPLES)
def test_html(sample, language):
    html = compose(sample, "html", language)
    assert len(html) < 60000
    checker = Checker()
    checker.feed(html.decode())
    checker.close()
    assert checker.open == []
    assert b"url(" not in html and b"data:" not in html
    assert f'<html lang="{language.replace("_", "-")}">'.encode() in html
    assert (LEFT_OUT[language] in html.decode()) == sample.startswith("hostile") or sample.endswith("many")


@in_all_languages
@pytest.mark.parametrize("sample", SAMPLES)
def test_text(sample, language):
    text = compose(sample, "text", language).decode()
    # Evidence is the only text whose lines are not ours; a hostile word without a blank cannot be broken either.
    if not sample.startswith("hostile"):
        assert [line for line in text.split("\n") if columns(line) > 72
                and not re.match(r"  +[0-9]+ (postgres|root) ", line)] == []
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert not re.search("^(-- |\\.$|From )", text, re.M)
    assert not re.search(" $", text, re.M) or sample.startswith("hostile")
    assert "\n\n\n" not in text
    assert len(text.encode()) < 80_000
    heading, field = FOOTER[language]
    assert field in text.split(heading)[-1]
    # No line begins with what closes, or ends with what opens.
    assert sample.startswith("hostile") or not re.search("^ *[，。；：、）”]|[（“]$", text, re.M)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if not s.startswith("hostile")])
def test_golden(sample):
    """After a change that is meant: make refresh-golden, and read the difference."""
    text = compose(sample, "subject").decode() + "\n\n" + compose(sample, "text").decode()
    assert text == (GOLDEN / (sample + ".txt")).read_text(encoding="utf-8")
    assert compose(sample, "html").decode() == (GOLDEN / (sample + ".html")).read_text(encoding="utf-8")


@pytest.mark.parametrize("sample", [s for s in SAMPLES if not s.startswith("hostile")])
def test_golden_in_chinese(sample):
    """Its HTML says the same, and is checked above."""
    text = compose(sample, "subject", "zh_CN").decode() + "\n\n" + compose(sample, "text", "zh_CN").decode()
    assert text == (GOLDEN / "zh_CN" / (sample + ".txt")).read_text(encoding="utf-8")


# What compose-mail has made up: sentences of checks and answers of servers, which were told in English.
SCENE = re.compile(r"""
    [0-9.]+\ %\ used(\ \(limit\ [0-9]+\ %\))? | [0-9.]+\ over\ 1\ minute(\ \(limit\ [0-9]+\))? | 5\ processes\ nginx | 41\ %\ of\ 16\ GiB\ available
    | no\ process\ nginx\ \(was\ 812,\ ended\ by\ signal\ 9\) | no\ process\ old | no\ mail\ could\ be\ delivered\ for\ 41\ min
    | did\ not\ answer\ within\ 10\ s:\ the\ file\ system\ may\ hang | there\ are\ no\ md\ arrays
    | was\ down\ for\ (40\ s\ \(clean\ shutdown\)|3\ min\ 10\ s\ \(crash\ or\ power\ cut\)) | maintenance\ until\ 20:00 | silenced\ by\ ops\ until\ 23:04
    | by\ ops\ until\ (23:04:\ the\ array\ is\ rebuilt|2026-11-24\ 09:00) | the\ array\ is\ rebuilt | a\ larger\ disk\ is\ ordered
    | 451\ 4\.3\.0\ mail\ server\ temporarily\ rejected\ message | connection\ to\ mx\.example\.org\ timed\ out
    | the\ name\ mail\.example\.org\ could\ not\ be\ resolved:\ Temporary\ failure\ in\ name\ resolution
    | \[web1\]\ 2\ problems,\ 1\ recovered:\ CRITICAL\ process\ web,\ WARNING\ disk\ /,\ 1\ more
    | The\ state\ file\ cannot\ be\ written\ since\ .*\ told\ again\ after\ a\ restart\.
    | The\ mount\ /dev/vda1\ .*?97\.8\ GiB | Growth\ 2\.1\ GiB\ in\ .*?91\.7\ GiB | Processes\ with\ most\ CPU\ time\ PID.*?of-a-phone
    """, re.X)
WORDS = set("""OK WARNING CRITICAL UNKNOWN RECOVERED UNSTABLE STEADY ESCALATED ACK SILENCED REMOVED RESTARTED TEST WAITING LATE N A
    web1 tocsin ack report status outbox history test alert check backup journalctl b e
    disk process load load1 load5 memory raid root mail web backup home srv customer www disks old tcp imap ops GiB
    used free inodes available""".split())


NAMES_ONLY = {"problem", "unknown", "late", "told-late", "test-alert", "parent", "course"}  # and a sentence of a check


class Visible(HTMLParser):
    """What a reader sees, and what is read aloud instead of a picture."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.words = []
        self.is_hidden = False

    def handle_starttag(self, tag, attributes):
        self.is_hidden = tag in ("style", "title")  # which is the subject
        self.words.append(dict(attributes).get("alt", ""))

    def handle_endtag(self, tag):
        self.is_hidden = False

    def handle_data(self, data):
        self.words += [] if self.is_hidden else [data]


def english_in(text):
    flat = " ".join(text.split())
    return set(re.findall("[A-Za-z][A-Za-z0-9]*", SCENE.sub(" ", flat))) - WORDS


@pytest.mark.parametrize("sample", [s for s in SAMPLES if not s.startswith("hostile")])
def test_nothing_is_told_in_english(sample):
    """Besides what is the same in all languages and what the scene consists of."""
    seen = Visible()
    seen.feed(compose(sample, "html", "zh_CN").decode())
    # A subject may have a sentence cut in its middle; the same stands whole below.
    assert english_in(compose(sample, "text", "zh_CN").decode()) == set()
    assert english_in(" ".join(seen.words)) == set()
    assert re.search("[\u4e00-\u9fff]", compose(sample, "subject", "zh_CN").decode()) or sample in NAMES_ONLY
