"""Packs: every picture back, one at a time or all, and refusals that name the picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from roundel.cli.main import group as program
from roundel.container import read_pack
from roundel.errors import ChecksumError, ImageError
from roundel.image import cifar
from roundel.packing import Collection, pack, unpack
from tests.codecs.pyramids import picture, tiny_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


def batch(count: int) -> list[np.ndarray]:
    return [np.roll(picture("gradient", 32, 32), 3 * i, axis=1) for i in range(count)]


def test_pictures_of_one_size_come_back_in_any_order(weights: str) -> None:
    pictures = batch(10)
    opened = read_pack(pack(Collection(pictures), model=weights, group=4))
    assert (len(opened), opened.units, opened.group) == (10, 3, 4)
    for wanted in ([9], [3, 4], range(10), [7, 0]):
        for number, found in zip(wanted, unpack(opened, list(wanted), model=weights), strict=True):
            assert np.array_equal(found, pictures[number])


def test_pictures_of_many_sizes_and_grey_ones(weights: str) -> None:
    pictures = [picture("noise", 3, 5), picture("gradient", 20, 9), picture("gradient", 8, 8)[..., :1]]
    opened = read_pack(pack(Collection(pictures, names=["a/x.png", "a/y.png", "z.png"]), model=weights))
    found = list(unpack(opened, [0, 1, 2], model=weights))
    assert opened.names == ("a/x.png", "a/y.png", "z.png")
    assert all(np.array_equal(f, np.broadcast_to(p, f.shape)) for f, p in zip(found, pictures, strict=True))


def test_a_pack_of_grey_pictures_stays_grey(weights: str) -> None:
    grey = [p[..., 1:2] for p in batch(3)]
    opened = read_pack(pack(Collection(grey), model=weights))
    assert [f.shape for f in unpack(opened, [0, 1, 2], model=weights)] == [(32, 32, 1)] * 3


def test_groups_share_their_overhead(weights: str) -> None:
    pictures = batch(32)
    sizes = [len(pack(Collection(pictures), model=weights, group=g)) for g in (1, 8, 32)]
    assert sizes == sorted(sizes, reverse=True)


def test_a_damaged_group_spares_the_others(weights: str) -> None:
    data = bytearray(pack(Collection(batch(4)), model=weights, group=1))
    data[-1] ^= 1
    opened = read_pack(bytes(data))
    damaged = {n for r in opened.damaged() for n in r}
    assert 3 in damaged
    with pytest.raises(ChecksumError, match="damaged"):
        list(unpack(opened, [3], model=weights))


def test_pictures_that_packs_cannot_hold_are_named() -> None:
    with pytest.raises(ImageError, match=r"deep\.png"):
        pack(Collection([np.zeros((4, 4, 3), np.uint16)], names=["deep.png"]), model="photo")


def test_cifar_batches_come_back_byte_for_byte(weights: str, tmp_path: Path) -> None:
    pixels, labels = np.stack(batch(5)), np.array([3, 0, 9, 9, 1], np.uint8)
    source, packed, result = tmp_path / "b.bin", tmp_path / "b.rndl", tmp_path / "c.bin"
    source.write_bytes(cifar.to_bytes(pixels, labels))
    assert np.array_equal(cifar.read([source])[0], pixels)
    run = CliRunner().invoke(program, ["pack", str(source), "-o", str(packed), "--model", weights])
    assert run.exit_code == 0, run.output
    run = CliRunner().invoke(program, ["unpack", str(packed), "-o", str(result), "--model", weights])
    assert run.exit_code == 0, run.output
    assert "5 of 5 pictures" in run.output
    facts = json.loads(CliRunner().invoke(program, ["info", str(packed), "--json"]).output)
    assert facts["bits_per_subpixel"] == pytest.approx(8 * packed.stat().st_size / pixels.size, abs=1e-6)
    assert result.read_bytes() == source.read_bytes()


def test_a_folder_comes_back_by_name(weights: str, tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    pictures = {"one.png": picture("gradient", 12, 20), "sub/two.png": picture("noise", 5, 4)}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    packed = tmp_path / "set.rndl"
    arguments = ["pack", str(tmp_path / "in"), "-o", str(packed), "--model", weights]
    assert CliRunner().invoke(program, arguments).exit_code == 0
    assert CliRunner().invoke(program, ["verify", str(packed), "--model", weights]).output == f"{packed}: sound\n"
    listed = CliRunner().invoke(program, ["unpack", str(packed), "--list"]).output
    assert listed == "0\tone.png\t20×12\n1\tsub/two.png\t4×5\n"
    arguments = ["unpack", str(packed), "-o", str(tmp_path / "out"), "--model", weights]
    assert CliRunner().invoke(program, arguments).exit_code == 0
    for name, pixels in pictures.items():
        with Image.open(tmp_path / "out" / name) as file:
            assert np.array_equal(np.asarray(file), pixels)
