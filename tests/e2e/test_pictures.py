# SPDX-License-Identifier: GPL-3.0-or-later
"""Mails as a person sees them, on a phone and at a desk, on a light screen and on a dark one. Nothing is wider than the screen;
what no test can judge is kept as pictures in tests/pictures of the build folder."""

import base64
import re
import struct
import zlib

import pytest

from browser import WHY_NOT, measure, take_picture
from test_mime import parse

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

SAMPLES = [("course", "en"), ("course-status", "en"), ("several", "en"), ("course", "zh_CN"), ("status-full", "zh_CN")]


def page_of(sample, language, folder):
    """The HTML of a mail as one file, with its pictures in it."""
    message = parse(sample, language)
    html = message.get_body(("html",)).get_content()
    for part in message.walk():
        if part.get_content_type() == "image/png":
            data = base64.b64encode(part.get_content()).decode()
            html = html.replace("cid:" + part["Content-ID"].strip("<>"), "data:image/png;base64," + data)
    path = folder / "mail.html"
    path.write_text(html)
    return path


def brightness(path):
    """Of the upper left pixel, 0 to 255: it belongs to the ground of the page."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            depth, colour = data[at + 16], data[at + 17]
            assert depth == 8 and colour in (2, 6)
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    line = zlib.decompressobj().decompress(packed, 5)  # its filter, which changes nothing in the first pixel of the first row
    return sum(line[1:4]) / 3


@pytest.mark.parametrize("width", [390, 1000])
@pytest.mark.parametrize("sample, language", SAMPLES)
def test_mail(sample, language, width, tmp_path):
    source = page_of(sample, language, tmp_path)
    told = measure(tmp_path, source, width)
    assert told["width"] <= width
    assert "web1" in told["text"] and "tocsin ack 17" in told["text"] or sample == "status-full"
    assert len(told["pictures"]) == len(re.findall("<img ", source.read_text()))
    assert all(natural == 640 and shown <= 320 for natural, shown in told["pictures"])
    for is_dark in (False, True):
        path = take_picture(tmp_path, source, f"{sample}-{language}", width, told["height"], is_dark)
        assert (brightness(path) < 100) == is_dark
