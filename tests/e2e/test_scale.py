# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of scale and latency, tiny: that it works. The numbers are for tests/bench/run --scale, by hand."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent / "bench"))

import scale  # noqa: E402


def test_rounds(tmp_path, capsys):
    rows = scale.scale(tmp_path, [4], lambda n: 1, 2, 0)
    assert [r["who"] for r in rows] == [w.name for w in scale.WATCHERS]
    for row in rows:
        assert row["well"] and row["memory"] > 0 and len(row["cpu"]) == 2
    assert rows[0]["ready"] <= rows[0]["first"]
    scale.print_scale(rows, lambda n: 1, 2)
    assert "| 4 | tocsin, every 1 s |" in capsys.readouterr().out


def test_latency(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scale, "WAYS", scale.WAYS[:1])
    rows = scale.latency(tmp_path, 1, 0)
    scale.print_latency(rows)
    assert len(rows) == 1 and rows[0][1][0] > 0 and "from kill -9" in capsys.readouterr().out
