"""`roundel eval`, end to end on classical codecs."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from roundel import image
from roundel.cli.eval import command
from roundel.codecs import zoo
from roundel.container import Kind
from roundel.errors import ImageError, RoundelError

RNG = np.random.default_rng(50)


@pytest.fixture
def folder(tmp_path):
    y, x = np.mgrid[:48, :64]
    smooth = np.stack([3 * x, 4 * y, x + y], axis=2).clip(0, 255).astype(np.uint8)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for k in range(2):
        noisy = np.clip(smooth + RNG.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
        image.write(image.from_array(noisy), pictures / f"{k}.png")
    return pictures


def run(*arguments: object):
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False, catch_exceptions=False)


def test_points_bd_rates_and_a_file_with_provenance(folder, tmp_path) -> None:
    output = tmp_path / "results.json"
    found = run(folder, "-c", "jpeg=30,60,90", "-c", "webp=30,60,90", "--bd-anchor", "jpeg", "--json", "-o", output)
    assert found.return_value == 0
    rows = [json.loads(line) for line in found.output.splitlines()]
    metrics = {row["metric"] for row in rows[6:]}
    assert [row["kind"] for row in rows] == ["Point"] * 6 + ["Comparison"] * len(metrics)
    assert {"PSNR", "MS-SSIM"} <= metrics
    stored = json.loads(output.read_text())
    assert stored["provenance"]["data"].startswith("pictures: 2 pictures")
    assert [p["bpp"] for p in stored["points"]] == [row["bpp"] for row in rows[:6]]
    files = 8 * sum(len(_jpeg(file, 60)) for file in sorted(folder.iterdir())) / 2 / (48 * 64)
    assert stored["points"][1]["bpp"] == pytest.approx(files, abs=1e-5)
    assert [rate["percent"] for rate in stored["bd_rates"]] == [row["percent"] for row in rows[6:]]


def _jpeg(file, quality: int) -> bytes:
    from roundel.measure.baselines import find

    return find("jpeg").encode(image.read(file).pixels, quality)


def test_an_earlier_run_over_the_same_pictures_is_compared_with(folder, tmp_path) -> None:
    earlier = tmp_path / "jpeg.json"
    run(folder, "-c", "jpeg=30,60,90", "-o", earlier)
    together = run(folder, "-c", "jpeg=30,60,90", "-c", "webp=30,60,90", "--bd-anchor", "jpeg", "--json").output
    apart = run(folder, "-c", "webp=30,60,90", "--beside", earlier, "--bd-anchor", "jpeg", "--json").output
    percents = [json.loads(output.splitlines()[-1])["percent"] for output in (apart, together)]
    assert percents[0] == pytest.approx(percents[1], abs=0.001)  # points are stored rounded
    next(folder.iterdir()).unlink()
    with pytest.raises(ImageError, match="other pictures"):
        run(folder, "-c", "webp=30", "--beside", earlier)
    earlier.write_text("{}")
    with pytest.raises(ImageError, match="not results"):
        run(folder, "-c", "webp=30", "--beside", earlier)


def test_tables_for_people_with_published_rows(folder) -> None:
    text = run(folder, "-c", "jpeg=30,60,90", "--published").output
    assert "PSNR dB" in text
    assert "VTM (published)" in text


def test_lossless(folder) -> None:
    text = run(folder, "--lossless", "-c", "png", "-c", "jpeg2000-lossless", "--published").output
    assert "bits/subpixel" in text
    assert "IDF++" in text


def test_wrong_pixels_are_a_failure(folder, monkeypatch) -> None:
    from roundel.measure.baselines import Baseline

    monkeypatch.setattr(Baseline, "decode", lambda self, data: np.zeros((48, 64, 3), np.uint8))
    assert run(folder, "--lossless", "-c", "png").return_value == 1


def test_what_cannot_be_done_is_refused_before_the_work(folder, tmp_path) -> None:
    existing = tmp_path / "there.json"
    existing.write_text("{}")
    with pytest.raises(ImageError, match="exists"):
        run(folder, "-c", "jpeg", "-o", existing)
    with pytest.raises(RoundelError, match="known are"):
        run(folder, "-c", "nothing")
    assert CliRunner().invoke(command, [str(folder), "-c", "jpeg", "--bd-anchor", "webp"]).exit_code == 2
    assert CliRunner().invoke(command, [str(folder), "--lossless", "--plot", "a.png"]).exit_code == 2


def test_the_page_holds_curves_tables_crops_and_provenance(folder, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    run(folder, "-c", "jpeg=30,60,90", "-c", "webp=30,60,90", "--html", page)
    text = page.read_text()
    assert "<svg" in text
    assert "BD-rate by PSNR" in text
    assert text.count("<img") == 2 * 3  # the original and two codecs, of two pictures
    assert "pictures: 2 pictures, SHA-256" in text
    with pytest.raises(ImageError, match="exists"):
        run(folder, "-c", "jpeg=30", "--html", page)
    run(folder, "--lossless", "-c", "png", "--published", "--html", page, "-f")
    assert "bits a subpixel" in page.read_text()
    assert "IDF++" in page.read_text()


def test_weights_of_one_s_own_have_curves(folder, tmp_path) -> None:
    """Models that are not published are named by their weights file, for encoding and for decoding."""
    for kind, options, points in ((Kind.LOSSY, ["=30,60"], 2), (Kind.LOSSLESS, [""], 1)):
        own = tmp_path / f"my-{kind.name.lower()}.safetensors"
        shutil.copy(zoo.find(zoo.default(kind)).weights, own)
        found = run(folder, *["--lossless"] * (kind is Kind.LOSSLESS), "-c", f"roundel:{own}{options[0]}", "--json")
        assert found.return_value == 0
        rows = [json.loads(line) for line in found.output.splitlines()]
        assert [row["codec"] for row in rows if "Point" in row["kind"]] == [f"roundel:{own}"] * points
