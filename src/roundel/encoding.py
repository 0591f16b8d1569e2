"""A picture made ready for a codec, and its file at a quality or at a target."""

import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from roundel import container, target
from roundel.boxes import slide_boxes, to_boxes, with_samples
from roundel.codecs import zoo
from roundel.codecs.drawn import is_drawn
from roundel.codecs.protocol import Encoded
from roundel.container import Box, Header, Kind, Sliceable, Spool, Writable
from roundel.container.index import check_cells
from roundel.decoding import Decoding
from roundel.errors import RoundelError
from roundel.image import Picture, reduce_depth
from roundel.image.scan import Scan
from roundel.loaded import Codec
from roundel.tiling import Grid, Rect

THIN_PX = 32
"""Pictures with a shorter side are widened by the lossy model, and may need fewer bytes as they are."""


class Goal(NamedTuple):
    """What decides the quality, instead of a number; at most one is given."""

    bpp: float | None = None
    """Best quality within so many bits a pixel."""
    size: int | None = None
    """Best quality within so many bytes."""
    psnr: float | None = None
    """Smallest file with at least this PSNR, in dB."""
    ssimulacra2: float | None = None
    """Smallest file with at least this SSIMULACRA2 score, up to 100."""


@dataclass(frozen=True)
class Encoding:
    """A picture with its tiles and boxes."""

    picture: Picture
    """Of a scan, one pixel with what stands beside the pixels."""
    codec: Codec
    pixels: np.ndarray | Scan
    """uint8 (H, W, 1 or 3): what the model codes."""
    depth: int
    boxes: list[Box]
    grid: Grid
    rival: "Encoding | None" = None
    """The same picture otherwise: without loss, where it looks drawn or is thin, or as 16-bit samples instead of high
    and low bytes. The smaller of the two is written."""
    stripped: bool = False
    """Whether a scan's properties and associated pictures are left out."""

    @classmethod
    def of(
        cls,
        picture: Picture | Scan,
        codec: Codec,
        *,
        tile_px: int | None = None,
        strip: bool = False,
        free: bool = False,
    ) -> "Encoding":
        """Make a picture ready.

        Args:
            picture: a scan is read tile by tile, as often as it is encoded.
            free: whether another model may take over, one without loss, if its file is smaller.

        Raises:
            FormatError: tiles do not suit the model.
        """
        if isinstance(picture, Scan):
            grid = codec.grid(picture.height, picture.width, tile_px, slide=True)
            _, depth, boxes = to_boxes(picture.beside, codec.model.kind, strip=strip)
            return cls(picture.beside, codec, picture, depth, boxes, grid, stripped=strip)
        pixels, depth, boxes = to_boxes(picture, codec.model.kind, strip=strip)
        drawn = is_drawn(pixels)
        grid = codec.grid(picture.height, picture.width, tile_px, drawn=drawn)
        encoding = cls(picture, codec, pixels, depth, boxes, grid)
        thin = min(picture.height, picture.width) < THIN_PX
        if free and codec.model.kind is Kind.LOSSY and depth == 8 and (thin or drawn):
            exact = replace(codec, model=zoo.get(zoo.default(Kind.LOSSLESS)), progress=None)
            encoding = replace(encoding, rival=cls.of(picture, exact, strip=strip))
        if codec.model.kind is Kind.LOSSLESS and depth > 8 and (other := with_samples(picture.pixels, boxes)):
            silent = replace(codec, progress=None)
            encoding = replace(encoding, rival=cls(picture, silent, np.zeros_like(pixels), depth, other, grid))
        return encoding

    def at(self, quality: int) -> bytes:
        """The file at a quality, 0 … 100, or the rival's if that is smaller."""
        data = self._at(quality)
        other = self.rival.within(len(data)) if self.rival else None
        return other or data

    def within(self, size: int) -> bytes | None:
        """The file, if it is no larger than so many bytes; else given up as soon as that is clear."""
        tiles: list[Encoded] = []
        total = 0
        for tile in self.codec.each_tile(self.grid, partial(self.tile, 0)):
            tiles.append(tile)
            total += sum(map(len, tile.passes))
            if total > size:
                return None
        data = self._file(tiles, 0)
        return data if len(data) <= size else None

    def write_to(self, stream: Writable, quality: int, folder: str | None = None) -> Header:
        """Write the file at a quality, in memory that does not grow with the picture: what large scans are for.

        Args:
            stream: written from its beginning to its end. folder: for what does not fit into memory meanwhile.

        Returns:
            The header.

        Raises:
            FormatError, UnsupportedError: the picture is larger than the format allows.
        """
        check_cells(self._header([], quality).tiles * self.codec.model.passes)  # before the work, not after it
        crcs: list[int] = []
        with Spool(self.codec.model.passes, folder) as spool:
            for tile in self.codec.each_tile(self.grid, partial(self.tile, quality)):
                spool.add(tile.passes)
                crcs.append(tile.crc)
            header = self._header(crcs, quality)
            spool.write_to(stream, header, self._boxes(quality))
        return header

    def check(self, data: Sliceable) -> None:
        """Decode a new file of this picture, some rows of tiles at a time.

        Raises:
            RoundelError: it does not decode, or not to the picture though it must.
        """
        file = container.read(data, max_pixels=None, lazy=True)
        decoding = Decoding.of(file, self.writer(file.header).told(None))
        exact = file.header.kind is Kind.LOSSLESS
        for top in range(0, self.grid.height, self.grid.side):
            band = Rect(top, 0, self.grid.side, self.grid.width).intersect(self.grid.bounds)
            found = decoding.picture(band).picture.pixels
            if exact and not np.array_equal(found, self.pixels[band.rows, band.columns]):
                raise RoundelError("the file does not decode to the picture, so it was not written; please report this")

    def writer(self, header: Header) -> Codec:
        """The codec that wrote a file of this picture."""
        rival = self.rival
        return rival.codec if rival and header.model_id == rival.codec.model.id else self.codec

    def _at(self, quality: int) -> bytes:
        return self._file(list(self.codec.each_tile(self.grid, partial(self.tile, quality))), quality)

    def _file(self, tiles: list[Encoded], quality: int) -> bytes:
        header = self._header([tile.crc for tile in tiles], quality)
        return container.write(header, self._boxes(quality), [tile.passes for tile in tiles])

    def _header(self, crcs: list[int], quality: int) -> Header:
        return self.codec.header(self.grid, crcs, channels=self.picture.channels, depth=self.depth, quality=quality)

    def _boxes(self, quality: int) -> list[Box]:
        """The boxes, those of a slide with its associated pictures coded as it is."""
        if not isinstance(self.pixels, Scan) or self.stripped:
            return self.boxes
        codec = self.codec.told(None)
        pictures = {name: Encoding.of(one, codec).at(quality) for name, one in self.pixels.associated().items()}
        return [*self.boxes, *slide_boxes(self.pixels.properties, pictures)]

    def reaching(self, goal: Goal) -> bytes:
        """The file that meets a goal.

        Raises:
            RoundelError: the goal is out of reach, or the model has no qualities.
        """
        if self.codec.model.kind is not Kind.LOSSY:
            raise RoundelError(f"model {self.codec.model.name} has no qualities to choose from: leave the target out")
        pixels = self.grid.width * self.grid.height
        size = goal.size if goal.bpp is None else int(min(goal.bpp * pixels / 8, sys.maxsize))
        if size is not None:
            return target.largest_within(self._at, size, pixels=pixels).data
        if isinstance(self.pixels, Scan):
            raise RoundelError("a slide is not held whole to be measured: give a quality or a size instead")
        from roundel.measure import metrics, ssimulacra2

        original = reduce_depth(self.picture).pixels
        score, wanted, typical, unit = metrics.psnr, goal.psnr, target.PSNR_DB, "dB"
        if wanted is None:
            score, wanted, typical = ssimulacra2.ssimulacra2, goal.ssimulacra2, target.SSIMULACRA2  # type: ignore[assignment]
            unit = "of SSIMULACRA2"
        assert wanted is not None

        def fidelity(data: bytes) -> float:
            return float(score(original, self.shown(data).pixels))

        return target.smallest_reaching(self._at, fidelity, wanted, typical, unit).data

    def shown(self, data: bytes) -> Picture:
        """What a file of this picture decodes to."""
        file = container.read(data, max_pixels=None)
        decoding = Decoding.of(file, self.writer(file.header).told(None))
        return decoding.picture(decoding.grid.bounds).picture

    def boxes_bytes(self, quality: int) -> int:
        """Bytes of all boxes."""
        return sum(len(box.data) for box in self._boxes(quality))

    def tile(self, quality: int, index: int) -> Encoded:
        """A tile of the file, coded."""
        return self.codec.model.encode(*self.codec.cut(self.pixels, self.grid, index), quality)
