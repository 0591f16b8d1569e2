"""The lossless codec model: every bit comes back, prefixes are pictures, and damage is refused."""

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from roundel.codecs import zoo
from roundel.codecs.protocol import Reducing, Window
from roundel.codecs.pyramid import webp
from roundel.codecs.pyramid.codec import Mode, PyramidModel, is_uneven
from roundel.codecs.pyramid.plain_cell import NEIGHBOURS
from roundel.codecs.pyramid.symbols import Expected, Reading, Recording
from roundel.codecs.pyramid.walk import PASSES, RANGES, Group, Prediction, Space, level_count, pass_of, walk
from roundel.codecs.pyramid.ycocg import from_ycocg, to_ycocg
from roundel.coding import Writer
from roundel.errors import FormatError, ModelError
from tests.codecs import reference
from tests.codecs.pyramids import SIZES, picture, tiny_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def model(weights: Path) -> PyramidModel:
    found = zoo.get(str(weights))
    assert isinstance(found, PyramidModel)
    return found


@pytest.fixture(autouse=True)
def no_webp(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the nets, which are untrained here: WebP would be shorter for most pictures."""
    monkeypatch.setattr(webp, "encode", lambda pixels: b"")


@pytest.mark.parametrize("kind", ["noise", "grey", "dot", "extremes", "gradient"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_bit_comes_back_and_nothing_grows(model: PyramidModel, kind: str, height: int, width: int) -> None:
    pixels, window = picture(kind, height, width), Window(0, 0, height, width)
    coded = model.encode(pixels, window, 0)
    assert len(coded.passes) == PASSES
    assert sum(map(len, coded.passes)) <= pixels.size + 1
    decoded = model.decode(coded.passes, height, width, 0)
    assert np.array_equal(model.render(decoded.latents, window, 0), pixels)
    assert decoded.crc == coded.crc


@pytest.mark.parametrize(
    ("kind", "height", "width"),
    [("gradient", 13, 18), ("gradient", 9, 8), ("grey", 11, 18), ("dot", 5, 1), ("noise", 3, 3)],
)
def test_the_plain_decoder_reads_the_same_pixels(
    weights: Path, model: PyramidModel, kind: str, height: int, width: int
) -> None:
    pixels = picture(kind, height, width)
    coded = model.encode(pixels, Window(0, 0, height, width), 0)
    assert np.array_equal(reference.decode(reference.load(weights), coded.passes, height, width), pixels)


def test_the_plain_decoder_reads_extremes_that_the_nets_code(weights: Path, model: PyramidModel) -> None:
    pixels = picture("extremes", 14, 11)
    recording = Recording(to_ycocg(pixels[None]))
    walk(model.nets, recording, 1, 14, 11, colour=True)
    corrected = recording.corrected(model.tables, 3)[0]
    for head in ([Mode.COLOUR], *([Mode.COLOUR_LEARNED, flags] for flags in (7, 4, 8, 15))):
        flags = sum(head[1:])
        placed = corrected if flags & NEIGHBOURS else recording.placed()
        first, *others = recording.written(placed, model.tables, 3, flags).passes
        passes = [bytes(head) + first, *others]
        assert np.array_equal(reference.decode(reference.load(weights), passes, 14, 11), pixels)


def test_a_constant_tile_is_four_bytes(model: PyramidModel) -> None:
    pixels = np.full((200, 100, 3), (7, 0, 255), np.uint8)
    coded = model.encode(pixels, Window(0, 0, 200, 100), 0)
    assert b"".join(coded.passes) == bytes([Mode.CONSTANT, 7, 0, 255])


@pytest.mark.parametrize("kind", ["noise", "dot", "extremes", "gradient"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_nets_code_anything_even_what_is_better_stored(
    model: PyramidModel, kind: str, height: int, width: int
) -> None:
    x = to_ycocg(picture(kind, height, width)[None])
    recording = Recording(x)
    walk(model.nets, recording, 1, height, width, colour=True)
    corrected = recording.corrected(model.tables, 3)[0]
    for flags in (0, 7, 5, 8, 13):
        placed = corrected if flags & NEIGHBOURS else recording.placed()
        passes = recording.written(placed, model.tables, 3, flags).passes
        space = Space(1, height, width, 0, 3)
        reading = Reading(passes, model.tables, Expected(), flags=flags, space=space)
        assert np.array_equal(walk(model.nets, reading, 1, height, width, colour=True), x)


def test_grey_noise_is_one_byte_a_pixel(model: PyramidModel) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (32, 32, 1), np.uint8)
    coded = model.encode(np.repeat(grey, 3, axis=2), Window(0, 0, 32, 32), 0)
    assert b"".join(coded.passes) == bytes([Mode.RAW_GREY]) + grey.tobytes()


@pytest.mark.parametrize("kind", ["grey", "noise", "constant"])
def test_one_plane_is_coded_as_three_equal_ones_are(model: PyramidModel, kind: str) -> None:
    plane = np.full((33, 20, 1), 9, np.uint8) if kind == "constant" else picture(kind, 33, 20)[..., :1]
    window = Window(0, 0, 33, 20)
    coded = model.encode(plane, window, 0)
    assert coded == model.encode(np.repeat(plane, 3, axis=2), window, 0)
    decoded = model.decode(coded.passes, 33, 20, 0)
    assert decoded.crc == coded.crc
    assert np.array_equal(model.render(decoded.latents, window, 0), np.repeat(plane, 3, axis=2))


def test_luma_has_seen_colours_where_some_of_its_values_are_rare(model: PyramidModel) -> None:
    """Elsewhere they would save next to nothing, and take their time."""
    soft = np.random.default_rng(0).normal(0, 20, (128, 128, 1))
    for stretch, uneven in ((1.0, False), (1.5, True)):
        grey = np.clip(np.floor(np.round(soft) * stretch) + 128, 0, 255).astype(np.uint8)
        assert is_uneven(to_ycocg(grey[None])[:, 0]) == uneven
        first = model.encode(grey, Window(0, 0, 128, 128), 0).passes[0]
        assert (first[0] == Mode.GREY_LEARNED and bool(first[1] & 1)) == uneven


def test_a_batch_is_coded_together_and_decoded_alone_or_not_at_all(model: PyramidModel) -> None:
    batch = np.stack([picture("gradient", 16, 16), picture("noise", 16, 16) // 8])
    coded = model.encode_batch(batch)
    assert np.array_equal(model.decode_batch(coded.passes, 2, 16, 16).pixels, batch)


def test_the_window_is_what_is_coded(model: PyramidModel) -> None:
    pixels = picture("gradient", 40, 30)
    coded = model.encode(pixels, Window(5, 7, 20, 11), 0)
    latents = model.decode(coded.passes, 20, 11, 0).latents
    assert np.array_equal(latents.transpose(1, 2, 0), pixels[5:25, 7:18])


def test_every_prefix_is_a_picture_and_each_pass_brings_it_nearer(model: PyramidModel) -> None:
    pixels = picture("gradient", 64, 64)
    coded = model.encode(pixels, Window(0, 0, 64, 64), 0)
    errors = []
    for passes in range(PASSES + 1):
        found = model.decode(coded.passes[:passes], 64, 64, 0).latents.transpose(1, 2, 0)
        errors.append(float(np.square(found.astype(float) - pixels).mean()))
    assert errors[-1] == 0
    assert errors[1] < errors[0]
    assert errors[4] < errors[2]


@pytest.mark.parametrize("kind", ["gradient", "grey", "noise"])
@pytest.mark.parametrize("level", [1, 2, 3, 5, 9])
def test_a_reduced_model_decodes_every_so_many_rows_and_columns(model: PyramidModel, kind: str, level: int) -> None:
    pixels = picture(kind, 70, 45)
    coded = model.encode(pixels, Window(0, 0, 70, 45), 0)
    assert isinstance(model, Reducing)
    reduced = model.reduced(level)
    assert reduced.passes == {1: 3, 2: 2}.get(level, 1)
    found = reduced.decode(coded.passes[: reduced.passes], 70, 45, 0).latents
    assert np.array_equal(found.transpose(1, 2, 0), pixels[:: 2**level, :: 2**level])


def test_samples_of_missing_passes_depend_on_the_seed_alone(model: PyramidModel) -> None:
    pixels = picture("gradient", 32, 32)
    coded = model.encode(pixels, Window(0, 0, 32, 32), 0)

    def sample(seed: int, passes: int) -> np.ndarray:
        return model.sampling(seed).decode(coded.passes[:passes], 32, 32, 0).latents

    assert np.array_equal(sample(1, 3), sample(1, 3))
    assert not np.array_equal(sample(1, 3), sample(2, 3))
    assert np.array_equal(sample(1, 3)[:, ::2, ::2], pixels[::2, ::2].transpose(2, 0, 1))
    assert np.array_equal(sample(1, PASSES), pixels.transpose(2, 0, 1))


class Watching:
    """Passes on what another source of samples gives, and keeps the smallest and largest of each colour."""

    def __init__(self, source: Expected) -> None:
        self.source, self.ends = source, [[0, 0] for _ in RANGES]

    def first(self, colour: int, count: int) -> np.ndarray:
        return np.full(count, RANGES[colour][1], np.int32)

    def next(self, group: Group, predicted: Prediction, before: list[np.ndarray]) -> np.ndarray:
        values = self.source.next(group, predicted, before)
        ends = self.ends[group.colour]
        ends[:] = [min(ends[0], int(values.min())), max(ends[1], int(values.max()))]
        return values


def test_made_up_samples_stay_in_their_ranges(model: PyramidModel) -> None:
    watching = Watching(model.sampling(3)._beyond())  # type: ignore[arg-type]
    walk(model.nets, watching, 1, 64, 64, colour=True)
    for (low, high), (found_low, found_high) in zip(RANGES, watching.ends, strict=True):
        assert low <= found_low < found_high <= high
    values = Expected().next(Group(0, 0, 0, 0, 0), Prediction(*np.array([[9999, -9999], [0, 0], [0, 0]], np.int32)), [])
    assert values.tolist() == [127, -128]


@pytest.mark.parametrize("beyond", [(128, 0, 0), (-129, 0, 0), (0, 256, 0), (0, 0, -256), (2_000_000_000, 0, 0)])
def test_samples_beyond_their_range_are_damage(model: PyramidModel, beyond: tuple[int, int, int]) -> None:
    writer, last = Writer(), len(model.tables) - 1
    for colour, value in enumerate(beyond):
        writer.put([value], [last - (colour == 0)], model.tables)
    with pytest.raises(FormatError, match="beyond its range"):
        model.decode([bytes([Mode.COLOUR]) + writer.close()] + [b""] * (PASSES - 1), 1, 1, 0)


def test_no_crafted_stream_leaves_the_ranges(model: PyramidModel) -> None:
    rng, refused = np.random.default_rng(0), 0
    for _ in range(40):
        passes = [bytes([Mode.COLOUR]) + rng.bytes(60)] + [rng.bytes(90) for _ in range(PASSES - 1)]
        try:
            model.decode(passes, 9, 12, 0)
        except FormatError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize("first", [b"\x02ab", b"\x03abc", b"\x04not zlib", b"\x0a", b"\x05", bytes([4, 120, 156])])
def test_damaged_tiles_are_refused(model: PyramidModel, first: bytes) -> None:
    with pytest.raises(FormatError):
        model.decode([first] + [b""] * (PASSES - 1), 8, 8, 0)


def changed(path: Path, name: str, old: bytes, new: bytes) -> None:
    """Replace bytes in a tensor of a weights file, as damage would."""
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    data = tensors[name].tobytes()
    assert old in data
    tensors[name] = np.frombuffer(data.replace(old, new, 1), tensors[name].dtype)
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    ("graph", "constant"),
    [
        ("levels.1.0.trunk", "inner.0.weight"),
        ("levels.1.2.trunk", "enter.bias"),
        ("levels.0.1.trunk", "linear.weight"),
        ("levels.1.0.heads.5", "hidden.weight"),
        ("levels.0.0.heads.2", "out.weight"),
    ],
)
def test_a_tampered_graph_fails_the_self_test(tmp_path: Path, weights: Path, graph: str, constant: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights.read_bytes())
    old = reference.load(path).constants[f"{graph}/{constant}"]
    new = old.copy()
    new.flat[np.abs(old).argmax()] *= 0
    changed(path, f"graph.{graph}", old.tobytes(), new.tobytes())
    with pytest.raises(ModelError, match="where they were exported"):
        zoo.get(str(path))


def test_an_incomplete_file_is_refused(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "w.safetensors"
    with safe_open(weights, "numpy") as file:
        metadata = file.metadata()
    tensors = load_file(weights)
    del tensors["graph.levels.0.2.heads.3"]
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match=r"lacks levels\.0\.2\.heads\.3"):
        zoo.get(str(path))


def test_colour_is_reversible_on_its_whole_range() -> None:
    corners = np.stack(np.meshgrid(*[[0, 1, 127, 128, 254, 255]] * 3), -1).reshape(1, 6, 36, 3).astype(np.uint8)
    x = to_ycocg(corners)
    assert (x.min(axis=(0, 2, 3)) >= [-128, -255, -255]).all()
    assert (x.max(axis=(0, 2, 3)) <= [127, 255, 255]).all()
    assert np.array_equal(from_ycocg(x), corners)


def test_levels_and_passes_of_known_sizes() -> None:
    assert [level_count(*s) for s in ((1, 1), (1, 2), (3, 2), (512, 1), (513, 512))] == [0, 1, 2, 9, 10]
    assert [pass_of(0, p) for p in range(3)] == [3, 4, 5]
    assert [pass_of(level, 0) for level in range(1, 6)] == [2, 1, 0, 0, 0]
