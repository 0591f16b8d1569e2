"""Rate-distortion figures come from the bytes of files and the pixels that come back, averaged as stated."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest

from roundel import image
from roundel.errors import ImageError, RoundelError, RoundelWarning, UnsupportedError
from roundel.measure import baselines, curves, published, rd, rd_table
from roundel.measure.metrics import Curve, bd_rate


@dataclass(frozen=True)
class Coarse:
    """Stand-in codec: a byte per pixel and setting, every sample off by a constant."""

    name: str = "coarse"
    settings: str = "stand-in"
    ladder: tuple[float, ...] = (1, 2)
    missing: bool = False

    def encode(self, pixels: np.ndarray, setting: float) -> bytes:
        if self.missing:
            raise UnsupportedError("its package is missing")
        shape = np.array(pixels.shape, np.uint32).tobytes()
        return (
            shape + (pixels + np.uint8(4 / setting)).tobytes() + bytes(int(setting) * pixels.shape[0] * pixels.shape[1])
        )

    def decode(self, data: bytes) -> np.ndarray:
        height, width, channels = np.frombuffer(data, np.uint32, 3).astype(int)
        return np.frombuffer(data, np.uint8, height * width * channels, 12).reshape(height, width, channels)


@pytest.fixture
def folder(tmp_path):
    for name, size in (("b.png", (20, 30, 3)), ("a.png", (10, 12, 1))):
        image.write(image.Picture(np.full(size, 100, np.uint8)), tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_a_point_averages_each_pictures_own_value(folder) -> None:
    files = rd.pictures_in(folder)
    assert [file.name for file in files] == ["a.png", "b.png"]
    point = curves.lossy_point("coarse", 2, rd.measure(Coarse(), 2, files))
    bpp_a, bpp_b = 8 * (12 + 3 * 120) / 120, 8 * (12 + 5 * 600) / 600
    assert point.bpp == pytest.approx((bpp_a + bpp_b) / 2)
    assert point.psnr_db == pytest.approx(10 * math.log10(255**2 / 2**2))
    assert point.images == 2
    assert 0.9 < point.ms_ssim < 1


def test_lossless_figures_are_totals_and_count_wrong_pictures(folder) -> None:
    files = rd.pictures_in(folder)
    wrong = curves.lossless_point("coarse", rd.measure(Coarse(), 2, files, jobs=2))
    assert wrong.wrong == 2
    assert wrong.bits_per_subpixel == pytest.approx(8 * (24 + 360 + 3000) / (120 + 1800))
    assert curves.lossless_point("png", rd.measure(baselines.find("png"), 0, files)).wrong == 0


def test_grey_that_comes_back_as_colour_is_still_the_same_picture(folder) -> None:
    found = rd.measure(baselines.find("webp-lossless"), 0, rd.pictures_in(folder))
    assert all(sample.exact for sample in found)


def test_a_missing_package_stops_the_sweep_or_is_skipped_with_a_warning(folder) -> None:
    files = rd.pictures_in(folder)
    codecs = [Coarse(missing=True), Coarse(name="there")]
    with pytest.raises(UnsupportedError):
        list(rd.sweep(codecs, files))
    with pytest.warns(RoundelWarning, match="left out"):
        found = list(rd.sweep(codecs, files, skip_missing=True))
    assert [(name, setting) for name, setting, _ in found] == [("there", 1), ("there", 2)]


def points(name: str, factor: float) -> list[curves.Point]:
    return [curves.Point(name, 0, factor * 2**k, 30 + 3 * k, 0.9, 0, 0, 1) for k in range(4)]


def test_comparisons_cover_every_pair_and_explain_gaps() -> None:
    alone = [curves.Point("alone", 0, 1, 33, 0.9, 0, 0, 1)]
    every = curves.comparisons(points("x", 1) + points("y", 0.5) + alone, ["x", "y"])
    found = {(c.codec, c.anchor): c for c in every if c.metric == "PSNR"}
    assert set(found) == {("y", "x"), ("alone", "x"), ("x", "y"), ("alone", "y")}
    assert found["y", "x"].percent == pytest.approx(-50)
    assert found["x", "y"].percent == pytest.approx(100)
    assert found["alone", "x"].percent is None
    assert "two or more" in found["alone", "x"].note
    text = rd_table.comparisons_table(list(found.values()))
    assert "-50.0 (100)" in text


def test_each_metric_has_bd_rates_of_its_own_where_it_was_measured() -> None:
    def of(name: str, rate: float, *, scored: bool) -> list[curves.Point]:
        score = 20.0 if scored else math.nan
        return [
            curves.Point(name, 0, rate * 2**k, 30 + 3 * k, 1 - 0.5**k / 10, 0, 0, 1, ssimulacra2=score + 10 * k)
            for k in range(4)
        ]

    def percents(*, scored: bool) -> dict[str, float | None]:
        both = of("x", 1, scored=scored) + of("y", 0.8, scored=scored)
        return {c.metric: c.percent for c in curves.comparisons(both, ["x"])}

    assert percents(scored=True) == pytest.approx({"PSNR": -20, "MS-SSIM": -20, "SSIMULACRA2": -20})
    assert percents(scored=False) == pytest.approx({"PSNR": -20, "MS-SSIM": -20})


def test_codec_names_carry_settings_and_models() -> None:
    assert rd.codec_of("jpeg=10,90", lossless=False).ladder == (10, 90)
    assert rd.codec_of("jpeg", lossless=False, qualities="3").ladder == baselines.find("jpeg").ladder
    assert rd.codec_of("roundel", lossless=False, qualities="3,7").ladder == (3, 7)
    special = rd.codec_of("roundel:fast=5", lossless=False)
    assert isinstance(special, rd.Roundel)
    assert (special.model, special.ladder, special.name) == ("fast", (5,), "roundel:fast")
    for spec, lossless, said in [("jpeg=x", False, "numbers"), ("jpeg", True, "lossy"), ("png", False, "lossless")]:
        with pytest.raises(RoundelError, match=said):
            rd.codec_of(spec, lossless=lossless)


def test_an_empty_folder_is_named(tmp_path) -> None:
    with pytest.raises(ImageError, match=tmp_path.name):
        rd.pictures_in(tmp_path)


def test_published_curves_are_marked_and_reproduce_a_known_difference() -> None:
    found = published.lossy_points()
    assert all(point.codec.endswith(published.MARK) for point in found)
    curves = {
        name: Curve(*zip(*[(p.bpp, p.psnr_db) for p in found if p.codec == name + published.MARK], strict=True))
        for name in ("VTM", "mean-scale hyperprior 2018")
    }
    assert bd_rate(*curves.values()).percent == pytest.approx(21, abs=1)
    assert all(row.source and 2 < row.bits_per_subpixel < 7 for row in published.lossless_rows())


def test_records_are_json_without_infinities() -> None:
    record = rd_table.record({"a": points("x", 1), "b": published.lossy_points()[:1], "c": (math.inf, 1)})
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["a"][0]["psnr_db"] == 30
    assert json.loads(text)["c"] == [None, 1]


def test_a_plot_is_drawn_with_a_label_for_each_curve(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    from roundel.measure.rd_plot import plot

    plot(points("mine", 0.1) + points("rival", 0.2), tmp_path / "p.svg", title="two")
    assert (tmp_path / "p.svg").read_text().count("<!-- mine -->") == 2
    with pytest.raises(UnsupportedError, match="xyz"):
        plot(points("mine", 0.1), tmp_path / "p.xyz", title="two")
