"""`roundel decode`, `verify`, `info`, `compare`, `models`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel import container
from tests.cli.conftest import Shell, pixels
from tests.standin import BlockMeans
from tests.test_codec import scene


def _damage(path: Path, tile: int) -> None:
    """Flip a byte of a tile's second pass."""
    data = bytearray(path.read_bytes())
    file = container.read(bytes(data))
    data[file.layout.payload + file.index.span(file.header.tiles + tile)[0]] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "bmp", "ppm"])
def test_the_suffix_says_the_format(shell: Shell, packed: Path, suffix: str) -> None:
    assert shell("decode", packed, "-o", f"x.{suffix}") == 0
    shown = pixels(Path(f"x.{suffix}"))
    whole = roundel.decode_array(packed.read_bytes(), model=BlockMeans())
    assert np.abs(shown.astype(int) - whole).mean() < (2 if suffix == "jpg" else 1e-9)


def test_folders_take_a_format(shell: Shell, packed: Path) -> None:
    Path("out").mkdir()
    assert shell("decode", packed, "-o", "out", "--format", "WebP", "-j", 3) == 0
    assert [path.name for path in Path("out").iterdir()] == ["photo.webp"]


def test_previews(shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = packed.stat().st_size
    for number, option in enumerate([("--passes", 1), ("--bytes", size - 1), ("--fraction", 0.7)]):
        capsys.readouterr()
        assert shell("decode", packed, "-o", f"{number}.png", "--json", *option) == 0
        assert json.loads(capsys.readouterr().out)["passes"] < 3
        assert pixels(Path(f"{number}.png")).shape == (130, 200, 3)
    assert shell("decode", packed, "-o", "small.png", "--bytes", 10) == 1
    assert not Path("small.png").exists()


def test_a_region(shell: Shell, packed: Path) -> None:
    assert shell("decode", packed, "-o", "part.png", "--region", "60,50,70,40") == 0
    whole = roundel.decode_array(packed.read_bytes(), model=BlockMeans())
    assert np.array_equal(pixels(Path("part.png")), whole[50:90, 60:130])
    assert shell("decode", packed, "-o", "x.png", "--region", "190,50,70,40") == 1
    assert shell("decode", packed, "-o", "x.png", "--region", "190,50,70") == 2


def test_damage_is_an_error_and_salvage_recovers_the_rest(
    shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _damage(packed, 4)
    assert shell("decode", packed, "-o", "x.png") == 1
    assert not Path("x.png").exists()
    assert "tile 4" in capsys.readouterr().err
    assert shell("verify", packed) == 1
    assert shell("decode", packed, "-o", "x.png", "--salvage") == 1
    assert pixels(Path("x.png")).shape == (130, 200, 3)
    assert "1 tile is damaged: 4" in capsys.readouterr().err


def test_verify_says_sound(shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert shell("verify", packed, "--json") == 0
    assert json.loads(capsys.readouterr().out)["sound"] is True
    packed.write_bytes(packed.read_bytes()[:-1])
    assert shell("verify", packed) == 1
    assert str(packed) in capsys.readouterr().err


def test_info_names_what_it_knows(shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert shell("info", packed, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    size = packed.stat().st_size
    assert (record["model"], record["width_px"], record["tiles"], record["passes"]) == ("block-means", 200, 12, 3)
    assert record["file_bytes"] == size == sum(record["pass_bytes"]) + record["overhead_bytes"]
    assert record["bits_per_pixel"] == pytest.approx(8 * size / 200 / 130, abs=1e-6)
    assert shell("info", packed) == 0
    assert "block-means" in capsys.readouterr().out


def test_compare_a_picture_with_its_file(shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert shell("compare", packed.with_suffix(".png"), packed, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert 10 < record["psnr_db"] < 60
    assert 0 < record["ms_ssim"] < 1
    assert record["identical"] is False
    assert shell("compare", packed, packed, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["psnr_db"], record["identical"]) == (None, True)
    Image.fromarray(scene(9, 9)).save("other.png")
    assert shell("compare", packed, "other.png") == 1


def test_models_lists_names_and_ids(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("models", "--json") == 0
    names = {json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()}
    assert names == {"block-means", "exact"}


def test_an_unknown_suffix_is_refused_before_the_work(
    shell: Shell, packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell("decode", packed, "-o", "x.docx") == 1
    assert "docx" in capsys.readouterr().err
