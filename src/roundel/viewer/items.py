"""What is to be shown: .rndl files, and the picture that each was made from, where it is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roundel import container
from roundel.container import Source, Tag, read_info
from roundel.container.format import PREFIX_BYTES
from roundel.errors import ImageError, RoundelError

MOST_COMPARED_PX = 1 << 26
"""Larger pictures are looked at in parts, without their original."""
_ANY = 1 << 62


@dataclass(frozen=True)
class Item:
    """A file that is shown, and what it says about itself.

    Args:
        path: of the .rndl file. name: as the page calls it.
        original: the picture that it was made from, if it is known.
        facts: for the page; `error` among them where the file cannot be read.
    """

    path: Path
    name: str
    original: Path | None
    facts: dict[str, Any]

    @property
    def passes(self) -> int:
        """Passes of a picture; 0 of a pack, and of what cannot be read."""
        return len(self.facts.get("prefix_bytes", ()))

    @property
    def weights_hash(self) -> str:
        """By which the file names its weights, hexadecimal."""
        return str(self.facts.get("weights_hash", ""))


def items_of(files: Sequence[tuple[Path, str]], pictures: Sequence[Path], suffixes: frozenset[str]) -> list[Item]:
    """Put each file together with its original.

    Args:
        files: path and name of each .rndl file.
        pictures: originals, or folders of them, in which they lie as the files' names say. One of the same stem is a
            file's original; so is the only one there is. Without one, a picture of the same stem beside the file is.
        suffixes: of pictures, in lower case.

    Raises:
        ImageError: a picture that was named goes with no file.
    """
    named = [path for path in pictures if not path.is_dir()]
    folders = [path for path in pictures if path.is_dir()]
    by_stem: dict[Path, dict[str, Path]] = {}  # of each folder, which is listed once
    items, used = [], set()
    for path, name in files:
        places = [folder / Path(name).parent for folder in folders] or [path.parent]
        for place in places:
            if place not in by_stem:
                by_stem[place] = _pictures(place, suffixes)
        beside = (by_stem[place].get(path.stem) for place in places)
        original = _named(path, named) or next((found for found in beside if found), None)
        used.add(original)
        items.append(_item(path, name, original))
    if left := [path for path in named if path not in used]:
        raise ImageError(f"{left[0]}: none of the .rndl files has its name; name the file that was made from it, too")
    return items


def _named(path: Path, pictures: Sequence[Path]) -> Path | None:
    same = [picture for picture in pictures if picture.stem == path.stem]
    return same[0] if same else pictures[0] if len(pictures) == 1 else None


def _pictures(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """The pictures of a folder by their stems; the first by name if several share one."""
    if not folder.is_dir():
        return {}
    found = (path for path in sorted(folder.iterdir(), reverse=True) if path.suffix.lower() in suffixes)
    return {path.stem: path for path in found}


def _item(path: Path, name: str, original: Path | None) -> Item:
    try:
        facts = _facts(path)
    except RoundelError as error:
        facts = {"error": str(error)}
    except OSError as error:
        facts = {"error": f"cannot read {path}: {error.strerror}"}
    if "images" in facts or facts.get("width_px", 0) * facts.get("height_px", 0) > MOST_COMPARED_PX:
        original = None
    return Item(path, name, original, facts)


def _facts(path: Path) -> dict[str, Any]:
    """What the page is told. Reads header and index. Raises: RoundelError."""
    with open(path, "rb") as stream:
        source = Source(stream)
        about = read_info(source[:PREFIX_BYTES], len(source))
        header = about.header
        facts: dict[str, Any] = {
            "kind": header.kind.name.lower(),
            "file_bytes": len(source),
            "weights_hash": header.weights_hash.hex(),
        }
        if about.pack:
            opened = container.read_pack(source, max_pixels=_ANY)
            sizes = [opened.size(number) for number in range(len(opened))]
            return facts | {"images": len(opened), "sizes_px": sizes, "names": opened.names}
        file = container.read(source, max_pixels=None, lazy=True)
        prefixes = [file.prefix_bytes(passes + 1) for passes in range(header.passes)]
        if any(box.tag == Tag.SAMPLES for box in about.boxes):  # its passes are empty: there is no preview
            prefixes = [len(source)]
        return facts | {
            "width_px": header.width,
            "height_px": header.height,
            "tile_px": header.tile_px,
            "quality": header.quality,
            "prefix_bytes": prefixes,
        }
