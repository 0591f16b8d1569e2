"""`roundel encode` as users of cwebp and zstd expect it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.codecs import zoo
from roundel.container import Kind
from roundel.measure import metrics
from roundel.restore import restore
from tests.cli.conftest import Shell, pixels
from tests.standin import BlockMeans, Exact
from tests.test_codec import scene


def test_the_file_lies_beside_the_picture(shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("encode", photo, "-q", 40) == 0
    header = roundel.info(photo.with_suffix(".rndl")).header
    assert (header.width, header.height, header.quality) == (200, 130, 40)
    out, err = capsys.readouterr()
    assert out == ""
    assert "quality 40" in err


def test_json_is_one_object_a_line(shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(scene(20, 30)).save("b.png")
    Path("out").mkdir()
    assert shell("encode", photo, "b.png", "-o", "out", "--json") == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["width_px"], second["width_px"]) == (200, 30)
    for record in (first, second):
        size = Path(record["output"]).stat().st_size
        assert record["file_bytes"] == size
        assert record["bits_per_pixel"] == pytest.approx(8 * size / record["width_px"] / record["height_px"], abs=1e-6)


def test_an_output_is_not_overwritten_without_force(
    shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.rndl").write_bytes(b"precious")
    assert shell("encode", photo, "-o", "x.rndl") == 1
    assert "x.rndl" in capsys.readouterr().err
    assert Path("x.rndl").read_bytes() == b"precious"
    assert shell("encode", photo, "-o", "x.rndl", "-f") == 0
    assert roundel.info("x.rndl").header.width == 200


@pytest.mark.parametrize("option", ["--target-bpp", "--target-size"])
def test_size_targets_give_the_best_quality_within(shell: Shell, photo: Path, option: str) -> None:
    size = len(roundel.encode(scene(130, 200), quality=50, model=BlockMeans()))
    assert shell("encode", photo, "-o", "x.rndl", option, size if option == "--target-size" else size / 3250) == 0
    quality = roundel.info("x.rndl").header.quality
    assert Path("x.rndl").stat().st_size <= size
    assert 50 <= quality < 100
    assert len(roundel.encode(scene(130, 200), quality=quality + 1, model=BlockMeans())) > size


def test_a_psnr_target_is_reached(shell: Shell, photo: Path) -> None:
    whole = roundel.decode_array(roundel.encode(scene(130, 200), quality=100, model=BlockMeans()), model=BlockMeans())
    goal = metrics.psnr(whole, scene(130, 200)) - 0.2
    assert shell("encode", photo, "-o", "x.rndl", "--target-psnr", goal) == 0
    found = restore(Path("x.rndl").read_bytes(), model=BlockMeans()).picture.pixels
    assert metrics.psnr(found, scene(130, 200)) >= goal
    assert roundel.info("x.rndl").header.quality < 100


@pytest.mark.parametrize("target", [("--target-size", 100), ("--target-bpp", 0.001), ("--target-psnr", 90)])
def test_targets_out_of_reach_say_so(
    shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str], target: tuple[str, float]
) -> None:
    assert shell("encode", photo, *target) == 1
    assert "out of reach" in capsys.readouterr().err
    assert not photo.with_suffix(".rndl").exists()


def test_lossless_keeps_every_bit(shell: Shell, photo: Path) -> None:
    assert shell("encode", photo, "--lossless", "--verify") == 0
    assert np.array_equal(roundel.decode_array(photo.with_suffix(".rndl").read_bytes(), model=Exact()), pixels(photo))


def test_alpha_is_verified_too(
    shell: Shell, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.dstack([pixels(photo), pixels(photo)[..., 0]])).save("clear.png")
    assert shell("encode", "clear.png", "--lossless", "--verify") == 0
    monkeypatch.setattr("roundel.boxes.unpack_plane", lambda data, h, w: np.zeros((h, w), np.uint8))
    assert shell("encode", "clear.png", "-f", "--lossless", "--verify") == 1
    assert "not written" in capsys.readouterr().err


def test_lossless_takes_no_lossy_model(shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = zoo.default(Kind.LOSSY)
    assert shell("encode", photo, "--lossless", "--model", name) == 1
    assert f"{name} is not lossless" in capsys.readouterr().err
    assert not photo.with_suffix(".rndl").exists()


def test_effort_is_refused_by_models_that_know_one_only(
    shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell("encode", photo, "--effort", 4) == 1
    assert "knows one effort only" in capsys.readouterr().err
    assert not photo.with_suffix(".rndl").exists()
    assert shell("encode", photo, "--lossless", "--effort", 4) == 0
    assert shell("encode", photo, "--effort", 10) == 2


def test_verify_keeps_a_wrong_file_from_being_written(
    shell: Shell, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(self: Exact, latents: np.ndarray, window: object, quality: int) -> np.ndarray:
        return latents.transpose(1, 2, 0) ^ 1

    monkeypatch.setattr(Exact, "render", wrong)
    assert shell("encode", photo, "--lossless", "--verify") == 1
    assert "not written" in capsys.readouterr().err
    assert not photo.with_suffix(".rndl").exists()


def test_one_bad_input_does_not_stop_the_others(shell: Shell, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.png").write_text("no picture")
    Path("out").mkdir()
    assert shell("encode", "text.png", "missing.png", photo, "-o", "out") == 1
    assert [path.name for path in Path("out").iterdir()] == ["photo.rndl"]
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 2
    assert "text.png" in lines[0]
    assert "missing.png" in lines[1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-q", "101", "a.png"],
        ["-q", "50", "--lossless", "a.png"],
        ["--target-bpp", "1", "--target-size", "9", "a.png"],
        ["a.png", "b.png", "-o", "one.rndl"],
        ["a.png", "-o", "packed.jpg"],
        ["--no-such-option", "a.png"],
    ],
)
def test_wrong_usage_is_exit_2(shell: Shell, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("encode", *arguments) == 2
    assert "roundel: error:" in capsys.readouterr().err


def test_sixteen_bits_are_reduced_with_a_warning(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(scene(20, 30, 1)[..., 0].astype(np.uint16) * 257).save("deep.png")
    assert shell("encode", "deep.png") == 0
    assert "roundel: warning: deep.png: 16 bits" in capsys.readouterr().err
