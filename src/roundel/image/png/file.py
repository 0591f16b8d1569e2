"""PNG files in and out."""

import io
import warnings
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from roundel.errors import RoundelWarning
from roundel.image.orientation import upright_picture
from roundel.image.picture import Picture, to_array
from roundel.image.png.chunks import SIGNATURE, chunk, header_of, split
from roundel.image.png.deep import write_deep
from roundel.image.png.notes import to_chunks, with_notes
from roundel.image.png.pixels import read_pixels


def read(file: BinaryIO, check_size: Callable[[int, int], None]) -> Picture:
    """The picture of a PNG file; of an animation, the one that programs show that know no animations.

    Args:
        file: seekable. check_size: raises unless a picture of this width and height is allowed.

    Raises:
        ImageError: damaged, cut short, or too large.
    """
    file.seek(0)
    chunks = split(memoryview(file.read()))
    header = header_of(chunks)
    check_size(header.width, header.height)
    picture = read_pixels(header, chunks)
    if chunks[-1].kind != b"IEND":
        warnings.warn("the PNG ends without its last chunk; the picture is whole", RoundelWarning, stacklevel=5)
    return upright_picture(with_notes(picture, header, chunks))


def write(picture: Picture, file: BinaryIO, xmp: bytes | None = None) -> None:
    """A PNG of 8 or 16 bits with all that the picture has, save Photoshop's resources.

    Args:
        picture: what to write. file: where to. xmp: the packet, with what extends it.
    """
    notes = to_chunks(picture, xmp)
    samples = to_array(picture)
    if picture.depth == 16:
        write_deep(samples if samples.ndim == 3 else samples[:, :, None], file, notes)
        return
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "PNG", compress_level=3)  # 6, as usual, takes twice the time for 2.5 %
    data = buffer.getbuffer()
    end_of_header = len(SIGNATURE) + 25
    file.write(data[:end_of_header])
    file.write(b"".join(chunk(kind, content) for kind, content in notes))
    file.write(data[end_of_header:])
