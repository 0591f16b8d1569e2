"""The demo draws a fair table."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Shell, pixels
from tests.test_codec import scene


def test_the_table_holds_true_sizes_and_rivals_within_them(
    shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell("demo", photo, "-o", "out", "-q", "20", "-q", "100", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["codec"] for row in rows] == ["roundel", "jpeg", "webp", "avif"] * 2
    for row in rows:
        path = Path(row["file"])
        packed = path.with_suffix(".rndl") if row["codec"] == "roundel" else path
        assert packed.stat().st_size == row["file_bytes"]
        assert row["bits_per_pixel"] == pytest.approx(8 * row["file_bytes"] / 200 / 130)
        assert pixels(path).shape == (130, 200, 3)
    assert (pixels(Path("out/original.png")) == scene(130, 200)).all()


def test_the_default_is_a_photo(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skimage")
    assert shell("demo", "-q", "50") == 0
    out = capsys.readouterr().out
    assert "600×400" in out
    assert str(Path("out/demo").resolve()) in out
