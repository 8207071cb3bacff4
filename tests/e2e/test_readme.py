# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents tell people to type or to write: the same in both languages, and right."""

import pathlib
import re

import pytest

from harness import program  # noqa: F401 (says where the build is)

ROOT = pathlib.Path(__file__).parents[2]
PAIRS = [("README.md", "README.zh_CN.md"), ("doc/guide.md", "doc/guide.zh_CN.md")]
DOCUMENTS = [name for pair in PAIRS for name in pair]


def blocks(name):
    """The indented blocks of a document, without comments, which are in its language."""
    found, block = [], []
    for line in (ROOT / name).read_text().splitlines() + ["end"]:
        if line.startswith("    ") or (not line and block):
            block.append(re.sub(r"(^|\s)#(?!!).*", "", line[4:]).rstrip())
        elif block:
            found.append("\n".join(line for line in block if line))
            block = []
    return found


def rows(name):
    """The first cell of each row of each table, as far as it is code."""
    return [cells for line in (ROOT / name).read_text().splitlines() if line.startswith("| `")
            if (cells := re.findall(r"`[^`]+`", line.split("|")[1]))]


def shape(name):
    """Its headings, lists and tables, in order and without their words."""
    return re.findall(r"^(?:#+|-|\d+\.|\|)(?= )|^\*\*", (ROOT / name).read_text(), re.M)


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_say_the_same(english, chinese):
    assert blocks(english) == blocks(chinese)
    assert len(blocks(english)) >= 5
    assert shape(english) == shape(chinese)


def test_both_languages_list_the_same():
    assert rows("README.md") == rows("README.zh_CN.md")


def test_the_two_commands_are_there():
    text = (ROOT / "bootstrap").read_text()
    commands = [line.split()[:2] for line in blocks("README.md")[0].splitlines()]
    assert commands == [["./bootstrap", "demo"], ["./bootstrap", "check"]]
    assert all(f"\n{verb})" in text for _, verb in commands)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text()
    anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert (ROOT / name).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_configurations_are_right(setup, name):
    """Every section that is shown is accepted, alone or with a [mail] and the check that it depends on."""
    shown = [b for b in blocks(name) if b.lstrip().startswith("[") and not b.startswith("[web1")]
    assert shown
    for n, block in enumerate(shown):
        text = re.sub(r"/etc/tocsin/[a-z-]+", str(setup.password_file), block)
        if "[mail]" not in text:
            text = "[mail]\nserver = localhost\nfrom = a@example.org\nto = a@example.org\n" + text
        if "[check " not in text:
            text += "\n[check load]\ntype = load\n"
        if "type = http" in text and not (setup.modules / "http.so").exists():
            continue  # built without libcurl
        setup.config.write_text(text)
        r = setup.tocsind("--check-config", "--config", str(setup.config))
        assert r.returncode == 0 and "error" not in r.stderr, f"{name}, block {n}:\n{text}\n{r.stderr}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_verbs_exist(setup, name):
    help_text = setup.tocsin("--help").stdout
    verbs = set(re.findall(r"^  ([a-z-]+)", help_text, re.M))
    used = set(re.findall(r"(?:`|^    |sudo )tocsin ([a-z][a-z-]+)", (ROOT / name).read_text(), re.M))
    assert used and used <= verbs, used - verbs
