"""From a trained wavelet network to the weights file that the codec loads, its tables refitted to what it meets."""

import tempfile
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from roundel.codecs.protocol import Window
from roundel.codecs.wavelet import stored, synthesis
from roundel.codecs.wavelet.codec import UNITS, WaveletModel
from roundel.codecs.wavelet.places import LEVELS, PLAIN, SECOND, TILTS, flag_table
from roundel.codecs.wavelet.stored import QUALITIES, TABLE_ARRAYS
from roundel.codecs.wavelet.symbols import Decided, Writing
from roundel.codecs.wavelet.walk import Group
from roundel.codecs.weights import read
from roundel.coding import Tables
from roundel.training import weights as files
from roundel.training.graphs import prove
from roundel.training.trainer import Task
from roundel.training.wavelet import density
from roundel.training.wavelet.families import family_tables
from roundel.training.wavelet.filters import OUT_UNIT, UNIT, Filter
from roundel.training.wavelet.graphs import filter_graph, level_graphs
from roundel.training.wavelet.net import WaveletNet
from roundel.training.wavelet.subbands import DETAILS, LevelContext
from roundel.training.wavelet.transform import BANDS, COLOURS
from roundel.training.wavelet.tunings import TUNINGS

PRIOR_COUNT = 300.0
"""Weight of a table's original shape, in symbols."""
CROPS = 160
CROP_PX = 256
_ZETA = 1.149604398860241


def export(
    net: WaveletNet,
    pictures: NDArray[np.uint8],
    path: FilePath,
    notes: Mapping[str, str],
) -> None:
    """Write the weights file of a trained network.

    Args:
        pictures: uint8 (N, S, S, 3) of the training data, to count symbols in; S a multiple of 32.
    """
    net = net.cpu().eval()
    tensors, graphs = parts_of(net)
    tables = net.tables
    shape = {"tunings": [t.name for t in TUNINGS], "filter_reach_px": net.filters[0].reach_px}
    with tempfile.TemporaryDirectory() as folder:
        draft = FilePath(folder) / "draft.safetensors"
        for _ in range(2):  # what the encoder chooses depends on the tables
            files.write(draft, stored.ARCHITECTURE, shape, tensors | _arrays(tables), graphs, {})
            tables = refitted(WaveletModel(stored.unchecked(read(draft)), name="", model_id=0), pictures, tables)
        everything = tensors | _arrays(tables)
        files.write(draft, stored.ARCHITECTURE, shape, everything, graphs, {})
        selftest = stored.selftest(stored.unchecked(read(draft)))
    files.write(path, stored.ARCHITECTURE, shape, everything, graphs, notes, selftest)


def export_trained(model: nn.Module, task: Task, path: FilePath, notes: dict[str, str]) -> None:
    """Write the weights file of what a `WaveletTask` trained: see `recipes.Kind.export`."""
    assert isinstance(model, WaveletNet)
    pictures = task.batch(CROPS, CROP_PX, np.random.default_rng(0)).permute(0, 2, 3, 1).contiguous().numpy()
    export(model, pictures, path, notes)


@torch.no_grad()
def parts_of(net: WaveletNet) -> tuple[dict[str, NDArray[Any]], dict[str, bytes]]:
    """Integer tensors and graphs of a network, all but the tables."""
    tensors: dict[str, NDArray[Any]] = {
        "multipliers": np.stack([_multipliers(net, k) for k in range(len(TUNINGS))]),
        "bit_price": np.array([t.bit_price / PLAIN**2 for t in TUNINGS], np.float32),
        "t_of_quality": net.t_of_quality.numpy(),
        "masking": np.array([t.masking for t in TUNINGS], np.float32),
        "low_index": torch.stack([_at_qualities(net, net.low_index, k) for k in _all()])
        .round().clamp(1, 63).flatten(2).numpy().astype(np.uint8),
    }  # fmt: skip
    graphs: dict[str, bytes] = {}
    offsets = torch.stack([_at_qualities(net, net.offset, k) for k in _all()])
    for k, level in enumerate(net.contexts.steps()):
        own = _level_tensors(net, level, offsets[..., k * DETAILS :])
        tensors |= {f"context{k}.{name}": array for name, array in own.items()}
        for name, (data, places) in level_graphs(level).items():
            graphs[f"context{k}.{name}"], tensors[f"context{k}.{name}_at"] = data, places
    filters = {f"filter.{tuning.name}": own for tuning, own in zip(TUNINGS, net.filters, strict=True)}
    for name, repair in (filters | {f"prefilter.{name}": before for name, before in net.prefilters.items()}).items():
        assert isinstance(repair, Filter)
        found, graphs[name] = _filter_parts(net, repair)
        tensors |= {f"{name}.{part}": array for part, array in found.items()}
    return tensors, graphs


class Counting(Writing):
    """Writes, and counts the slots that symbols fall into."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.counts = np.zeros(self._tables.frequencies.size, np.int64)

    def put(self, group: Group, decided: Decided) -> None:
        """See `Writing.put`."""
        super().put(group, decided)
        odd = decided.path.odd.astype(np.int32)
        own, symbols = decided.table + SECOND * odd, (decided.path.values + odd * np.sign(decided.path.values)) // 2
        self._count(symbols, own)
        # Where nothing is said of the sign, both are alike.
        even = (decided.table - 1) % TILTS == 0
        self._count(-symbols[even], own[even])
        self._count(decided.flags, np.full(decided.flags.size, flag_table(group.part, group.channels)))

    def _count(self, symbols: NDArray[np.int32], table: NDArray[np.int32]) -> None:
        tables = self._tables
        slots, last = symbols - tables.offsets[table], tables.sizes[table] - 1
        slots = np.where((slots < 0) | (slots >= last), last, slots)
        self.counts += np.bincount(tables.starts[table] + slots, minlength=self.counts.size)


def refitted(model: WaveletModel, pictures: NDArray[np.uint8], prior: Tables) -> Tables:
    """Tables that follow the counts where there are many, and the given ones where there are few.

    Args:
        pictures: uint8 (N, S, S, 3), each coded at a quality and a tuning of its own.
    """
    tables = model.stored.tables
    counts = np.zeros(tables.frequencies.size, np.int64)
    family = family_tables()
    for number, picture in enumerate(pictures):
        quality = (number * 37 + 5) % QUALITIES
        own = model.tuned(model.stored.tunings[number % len(TUNINGS)])
        counts += own.choose(own.tile(picture, Window(0, 0, *picture.shape[:2]), quality), Counting).writing.counts
    pmfs, escapes = [], []
    for start, end in zip(tables.starts[:-1], tables.starts[1:], strict=True):
        mass = counts[start:end] + PRIOR_COUNT * (family.frequencies[start:end] / 2**24)
        pmfs.append(mass[:-1])
        escapes.append(mass[-1] / mass.sum())
    return Tables.from_pmfs(pmfs, tables.offsets, escapes)


def _level_tensors(net: WaveletNet, level: LevelContext, offsets: Tensor) -> dict[str, NDArray[Any]]:
    """Biases of a level. Args: offsets: (tunings, 101, ≥ 9), of this level first."""
    up = level.entrance.integers()
    shifts = torch.stack([_at_qualities(net, level.shifts, k) for k in _all()])
    found: dict[str, NDArray[Any]] = {
        "up_bias": up.bias,
        "up_bits": up.shift,
        "shift": shifts.round().numpy().astype(np.int16),
    }
    most = np.abs(up.bias) + np.abs(found["shift"]).max(initial=0) * 2.0**up.shift
    prove(up.weight, most, 255, narrow=True)
    luma, colours = offsets[..., :BANDS], offsets[..., BANDS:DETAILS]
    for name, head, own in (
        ("white", level.white_out, luma),
        ("black", level.black_out, luma),
        ("colours", level.chroma_out, colours),
    ):
        out = head.integers()
        place = torch.cat([own, torch.full_like(own, density.SKEWS // 2)], -1).double()
        bias = torch.round(place * torch.exp2(torch.from_numpy(out.shift).double()))
        found[f"{name}_bias"] = bias.numpy().astype(np.int32)
        prove(out.weight, np.abs(found[f"{name}_bias"]).max((0, 1)), 255, narrow=True)
    return found


def _multipliers(net: WaveletNet, tuning: int) -> NDArray[np.int32]:
    """(101, 48): of the low band, then of the levels, coarsest first; see `synthesis`."""
    steps = [s.flatten(1) for s in net.steps(net.t_of_quality, torch.full((QUALITIES,), tuning))]
    columns = [steps[0] / 2**LEVELS]
    diagonal = torch.tensor([1.0, 1.0, _ZETA**2]).repeat(len(COLOURS))
    for k, step in enumerate(steps[1:]):
        columns.append(step * diagonal / 2 ** (LEVELS - 1 - k))
    return torch.cat(columns, 1).mul(255 * UNITS).round().clamp(1, synthesis.LIMIT - 1).numpy().astype(np.int32)


def _filter_parts(net: WaveletNet, own: Filter) -> tuple[dict[str, NDArray[Any]], bytes]:
    """Biases and gains of a filter at all qualities, and its graph."""
    t = net.t_of_quality
    enter = own.enter.integers()
    exact = (own.enter.bias + own.shift(t)).double() * UNIT
    bias = torch.round(exact * torch.exp2(torch.from_numpy(enter.shift).double())).numpy().astype(np.int32)
    prove(enter.weight, np.abs(bias).max(0), 128, narrow=True)
    graph, places = filter_graph(own)
    gain = torch.exp(own.log_scale(t)[:, 0]) * net.step(t) * 255 / OUT_UNIT * 4096
    gains = gain.round().clamp(1, 2**20).numpy().astype(np.int32)
    return {"bias": bias, "gain": gains, "at": places}, graph


def _all() -> range:
    return range(len(TUNINGS))


def _at_qualities(net: WaveletNet, function: Any, tuning: int) -> Tensor:
    return function(net.t_of_quality, torch.full((QUALITIES,), tuning))


def _arrays(tables: Tables) -> dict[str, NDArray[Any]]:
    return {f"tables.{key}": tables.to_arrays()[key] for key in TABLE_ARRAYS}
