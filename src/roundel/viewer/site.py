"""Everything that the page fetches, by its path: the list of what is shown, files, originals, figures, weights."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from threading import Lock

from roundel import image
from roundel.codecs import zoo
from roundel.errors import RoundelError
from roundel.image import Picture
from roundel.measure.pairs import figures
from roundel.restore import restore
from roundel.viewer.items import Item

LIST = "view.json"
_COMPUTING = Lock()
"""Figures of one picture after the other: each takes a processor for seconds."""


@dataclass(frozen=True)
class Site:
    """What is shown; every path is relative to the page, so that it can lie in any folder of any server.

    Args:
        items: in order. title: of the page.
        weights: name -> path of the weights files that the decoder may need.
        models: lines of the decoder's list of weights.
        model: the weights file that wrote the files, if it is not one that ships.
        max_pixels: the most to decode for a figure.
    """

    items: tuple[Item, ...]
    title: str
    weights: Mapping[str, Path]
    models: tuple[Mapping[str, object], ...]
    model: str | None
    max_pixels: int

    @classmethod
    def of(cls, items: Sequence[Item], title: str, *, model: str | None = None, max_pixels: int = 1 << 29) -> "Site":
        """A site of these items, with the weights that their files name, as far as they are here.

        Args:
            model: path of weights of one's own. max_pixels: the most to decode for a figure.
        """
        there = {entry.name: entry.weights for entry in zoo.entries() if entry.weights.is_file()}
        if model is not None and model.endswith(".safetensors"):
            there[f"own-{Path(model).stem}"] = Path(model)
        needed = {item.weights_hash for item in items}
        hashes = {name: zoo.weights_hash(path).hex() for name, path in there.items()}
        weights = {name: path for name, path in there.items() if hashes[name] in needed}
        ids = {entry.name: entry.id for entry in zoo.entries()}
        models = tuple(
            {"name": n, "id": ids.get(n, zoo.CUSTOM_ID), "hash": hashes[n], "bytes": p.stat().st_size}
            for n, p in weights.items()
        )
        return cls(tuple(items), title, weights, models, model, max_pixels)

    def files(self) -> dict[str, Path]:
        """Those that are on the disk already: path of the page -> file."""
        return {_file(number): item.path for number, item in enumerate(self.items) if "error" not in item.facts} | {
            f"decoder/weights/{name}.safetensors": path for name, path in self.weights.items()
        }

    @cached_property
    def made(self) -> dict[str, Callable[[], bytes]]:
        """All else, which is made when it is asked for; that may raise a RoundelError."""
        found: dict[str, Callable[[], bytes]] = {
            LIST: lambda: _json(self.listed()),
            "decoder/weights/models.json": lambda: _json(list(self.models)),
        }
        for number, item in enumerate(self.items):
            if item.original is not None:
                found[_original(number)] = partial(self._png, item.original)
                for passes in range(1, item.passes + 1):
                    found[_figures(number, passes)] = partial(self._measured, item, item.original, passes)
        return found

    def listed(self) -> dict[str, object]:
        """What the page reads first."""
        rows = []
        for number, item in enumerate(self.items):
            row: dict[str, object] = {"name": item.name, "file": _file(number), **item.facts}
            if item.original is not None:
                size = item.original.stat().st_size
                row["original"] = {"name": item.original.name, "file": _original(number), "file_bytes": size}
                row["figures"] = [_figures(number, passes) for passes in range(1, item.passes + 1)]
            rows.append(row)
        return {"title": self.title, "items": rows}

    def _png(self, original: Path) -> bytes:
        """Samples as `image.Picture` holds them, without a profile that browsers would apply."""
        picture = _picture(original, self.max_pixels)
        buffer = io.BytesIO()
        image.to_pil(Picture(picture.pixels, picture.alpha)).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def _measured(self, item: Item, original: Path, passes: int) -> bytes:
        """Figures of a file's first passes; an error in their place where there are none."""
        with _COMPUTING:
            try:
                data = item.path.read_bytes()
                shown = restore(data, passes=passes, model=self.model, max_pixels=self.max_pixels).picture
                found = figures(_picture(original, self.max_pixels), shown)
            except RoundelError as error:
                return _json({"error": str(error)})
        return _json(found._asdict())


def _file(number: int) -> str:
    return f"files/{number}.rndl"


def _original(number: int) -> str:
    return f"originals/{number}.png"


def _figures(number: int, passes: int) -> str:
    return f"figures/{number}-{passes}.json"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@lru_cache(maxsize=2)
def _picture(path: Path, max_pixels: int) -> Picture:
    """A picture, upright, at 8 bits a sample; kept, since figures of its passes follow one another."""
    return image.reduce_depth(image.read(path, max_pixels=max_pixels))
