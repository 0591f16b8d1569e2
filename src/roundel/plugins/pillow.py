"""What Pillow's `Image.open` gives for a .rndl file, and what `Image.save` writes; `roundel.pillow` registers both."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, NamedTuple, Protocol, cast

import numpy as np
from PIL import Image, ImageFile, ImageSequence

from roundel import container, image
from roundel.boxes import from_boxes
from roundel.codec import encode
from roundel.container import Kind, Pack, Sliceable, Source, Tag
from roundel.container.head import unpack_head
from roundel.errors import ChecksumError, RoundelError, RoundelWarning
from roundel.image import Picture, from_pil, reduce_depth
from roundel.image.pil import from_frame
from roundel.packs import members, pack
from roundel.restore import restore
from roundel.tiling import Rect

_ENCODING = (
    *("quality", "lossless", "effort", "tune", "model", "tile_px", "strip", "jobs"),
    *("target_bpp", "target_size", "target_psnr", "target_ssimulacra2"),
)
_PACKING = ("names", "labels", "model", "group", "strip", "jobs")
_INFO = ("exif", "icc_profile", "xmp", "dpi")
_LOSSY = ("quality", "target_bpp", "target_size", "target_psnr", "target_ssimulacra2")
MAX_LEVEL = 31


class PillowError(RoundelError, OSError):
    """A file that Pillow cannot open or save, as an OSError, which users of Pillow expect."""


class Facts(NamedTuple):
    """What is known of a picture before it is decoded."""

    mode: str
    size: tuple[int, int]
    info: dict[Any, Any]
    text: dict[str, str]


class Frames(Protocol):
    """The pictures of a file."""

    count: int

    def level(self, times: int) -> int:
        """How often to halve a picture that is wanted so many times smaller, if that is quicker than all of it."""
        ...

    def facts(self, frame: int) -> Facts:
        """Mode, size and metadata of one."""
        ...

    def load(self, frame: int, level: int) -> Picture:
        """One, halved `level` times."""
        ...

    def verify(self) -> None:
        """Raises: FormatError, if a checksum does not match."""
        ...


class OnePicture:
    """The file of one picture."""

    count = 1

    def __init__(self, data: Sliceable) -> None:
        self._data = data
        self._file = container.read(data, allow_truncated=True, max_pixels=None, lazy=True)

    def level(self, times: int) -> int:
        # a lossless picture is halved by leaving out samples: one that is twice as large is there to be averaged
        spare = 1 if self._file.header.kind is Kind.LOSSLESS else 0
        return min(max(0, times.bit_length() - 1 - spare), MAX_LEVEL)

    def facts(self, frame: int) -> Facts:
        header = self._file.header
        alpha = any(place.entry.tag == Tag.ALPHA for place in self._file.layout.places)
        return _facts((header.width, header.height), header.channels, header.depth, alpha, self._file.box)

    def load(self, frame: int, level: int) -> Picture:
        header, lenient = self._file.header, ImageFile.LOAD_TRUNCATED_IMAGES
        limit = header.width * header.height  # Pillow has judged the size when it opened the file
        found = restore(self._data, reduce=level, partial_file=lenient, salvage=lenient, max_pixels=limit)
        return found.picture

    def verify(self) -> None:
        whole = container.read(self._data, max_pixels=None)
        for damage in whole.damaged():
            whole.passes(damage.tile)  # complains of it


class ManyPictures:
    """A pack; of the pictures that are coded together all are kept, as the next one is mostly among them."""

    def __init__(self, data: Sliceable) -> None:
        self._pack: Pack = container.read_pack(data, allow_truncated=ImageFile.LOAD_TRUNCATED_IMAGES)
        self._names, self._labels = self._pack.names, self._pack.labels
        self._unit, self._pictures = -1, list[Picture]()
        self.count = len(self._pack)

    def level(self, times: int) -> int:
        return 0

    def facts(self, frame: int) -> Facts:
        own = {box.tag: box.data for box in self._pack.metadata[frame]}
        channels = 1 if Tag.GREY in own else self._pack.header.channels
        depth = 16 if Tag.LOW_BYTES in own else 8
        facts = _facts(self._pack.size(frame), channels, depth, Tag.ALPHA in own, own.get)
        if self._names is not None:
            facts.info["name"] = self._names[frame]
        if self._labels is not None:
            facts.info["label"] = self._labels[frame]
        return facts

    def load(self, frame: int, level: int) -> Picture:
        unit, place = self._pack.locate(frame)
        if unit != self._unit:
            self._pictures = [member.picture for member in members(self._pack, self._pack.images(unit))]
            self._unit = unit
        return self._pictures[place]

    def verify(self) -> None:
        damaged = self._pack.damaged()
        if damaged:
            raise ChecksumError(f"images {damaged[0][0]} to {damaged[0][-1]} are damaged; fetch the file again")


class RoundelImageFile(ImageFile.ImageFile):
    """A .rndl file in Pillow: size, mode and metadata at once, pixels when they are looked at; a pack has frames."""

    format = "ROUNDEL"
    format_description = "roundel"
    text: Mapping[str, str]
    """Comments and descriptions, as of a PNG."""

    def _open(self) -> None:
        assert self.fp is not None
        with _complaints(self.filename):
            data = Source(cast("Any", self.fp))
            self._frames: Frames = OnePicture(data) if not _is_pack(data) else ManyPictures(data)
            self.n_frames = self._frames.count
            self.is_animated = self.n_frames > 1
            self._close_exclusive_fp_after_loading = not self.is_animated
            self._show(0)

    def _show(self, frame: int) -> None:
        facts = self._frames.facts(frame)
        self._frame, self._level = frame, 0
        self._mode, self._size, self.info, self.text = facts
        self.tile = [ImageFile._Tile("roundel", (0, 0, *self.size))]

    def seek(self, frame: int) -> None:
        """Go to a picture of a pack. Raises: EOFError, there are fewer."""
        if self._seek_check(frame):
            with _complaints(self.filename):
                self._show(frame)

    def tell(self) -> int:
        """The number of the picture that is shown."""
        return self._frame

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Decode at a size that is halved as often as it stays as large as `size`; `thumbnail` asks for this."""
        if not self.tile or not size or self._level:
            return None
        times = min(side // max(1, int(wanted)) for side, wanted in zip(self.size, size, strict=True))
        self._level = self._frames.level(times)
        if not self._level:
            return None
        width, height = self.size
        scale = 1 << self._level
        self._size = -(-width // scale), -(-height // scale)
        return self.mode, (0, 0, width / scale, height / scale)

    def load(self) -> Any:
        """Decode, if that is not done yet. Raises: PillowError, the file is damaged."""
        if self.tile:
            if self.fp is None or self.fp.closed:
                raise ValueError("Operation on closed image")
            with _complaints(self.filename):
                shown = image.to_pil(_within_pillow(self._frames.load(self._frame, self._level)))
            self.im, self._mode, self.tile, self.readonly = shown.im, shown.mode, [], 0
            if not self.is_animated:
                if self._exclusive_fp:
                    self.fp.close()
                self.fp = None
        return super().load()

    def load_seek(self, position: int) -> None:
        """By this Pillow's parser knows a format that loads by itself."""

    def verify(self) -> None:
        """Check every checksum without decoding. Raises: PillowError, one does not match."""
        with _complaints(self.filename):
            self._frames.verify()
        super().verify()


def save(shown: Image.Image, file: IO[bytes]) -> None:
    """Write an image with the options of `roundel.encode` in its `encoderinfo`, and its metadata or that given there.

    Raises:
        PillowError: the mode or an option is not acceptable.
    """
    options = shown.encoderinfo
    with _complaints(""):
        data = encode(from_pil(shown, _given(options)), **_chosen(options, _ENCODING))
    file.write(data)


def save_all(shown: Image.Image, file: IO[bytes]) -> None:
    """Write all frames of an image, and those of the images in `append_images`, as a pack; one frame as a picture.

    Raises:
        PillowError: a mode or an option is not acceptable.
    """
    options = shown.encoderinfo
    given = [name for name in _LOSSY if options.get(name) is not None]
    pictures: list[Picture] = []
    infos: list[dict[Any, Any]] = []
    with _complaints(""):
        for source in (shown, *options.get("append_images", ())):
            for frame in ImageSequence.Iterator(source):
                pictures.append(from_frame(frame, _given(options if source is shown else {})))
                infos.append(frame.info)
        if len(pictures) == 1:
            data = encode(pictures[0], **_chosen(options, _ENCODING))
        elif given:
            raise RoundelError(f"{len(pictures)} frames become a pack, which is without loss: leave {given[0]} out")
        else:
            if any("duration" in info for info in infos):
                warnings.warn("how long frames are shown is not kept: a pack is a set", RoundelWarning, stacklevel=4)
            known = {f"{key}s": [info.get(key) for info in infos] for key in ("name", "label")}
            kept = {key: values for key, values in known.items() if None not in values}
            data = pack(pictures, **{**kept, **_chosen(options, _PACKING)})
    file.write(data)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata that the caller gives instead of the image's own; None leaves it out."""
    given = {key: options[key] for key in _INFO if key in options}
    if isinstance(given.get("exif"), Image.Exif):
        given["exif"] = given["exif"].tobytes()
    return given


def _chosen(options: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Those that roundel knows; others are of other formats, and Pillow's rule is to let them pass."""
    return {name: options[name] for name in names if name in options}


def _is_pack(data: Sliceable) -> bool:
    return bool(unpack_head(data).images)


def _facts(size: tuple[int, int], channels: int, depth: int, alpha: bool, box: Callable[[int], bytes | None]) -> Facts:
    mode = "I;16" if depth == 16 and channels == 1 and not alpha else ("L" if channels == 1 else "RGB") + "A" * alpha
    point = Rect(0, 0, 1, 1)
    notes = from_boxes(np.zeros((1, 1, channels), np.uint8), point, 8, lambda tag: _small(box, tag), point)
    return Facts(mode, size, dict(image.to_pil(notes).info), dict(notes.texts))


def _small(box: Callable[[int], bytes | None], tag: int) -> bytes | None:
    return None if tag in (Tag.ALPHA, Tag.LOW_BYTES, Tag.SAMPLES) else box(tag)


def _within_pillow(picture: Picture) -> Picture:
    """The picture in a mode that Pillow has: it holds no 16-bit colour and no 16-bit alpha."""
    if picture.depth == 8 or (picture.channels == 1 and picture.alpha is None):
        return picture
    warnings.warn("16 bits of colour or alpha, which Pillow cannot hold, are shown in 8", RoundelWarning, stacklevel=4)
    return reduce_depth(picture)


@contextmanager
def _complaints(filename: str | bytes) -> Iterator[None]:
    """Let what roundel complains of be an OSError that names the file."""
    try:
        yield
    except RoundelError as error:
        name = filename.decode("utf-8", "replace") if isinstance(filename, bytes) else filename
        raise PillowError(f"{name}: {error}" if name else str(error)) from error
