"""The samples of a PNG, of every colour type and depth, with alpha.

Pillow decodes them, from the chunks that they need alone: it refuses others that are large.
"""

import io

import numpy as np
from PIL import ImageFile, PngImagePlugin

from roundel.errors import ImageError
from roundel.image.picture import Picture, scale_samples
from roundel.image.pil import samples_of
from roundel.image.png.chunks import GREY, GREY_ALPHA, PALETTE, RGBA, SIGNATURE, Chunk, Header, Pieces, chunk

OF_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS")


def read_pixels(header: Header, chunks: list[Chunk]) -> Picture:
    """Samples and alpha. Raises: ImageError where they do not decode."""
    for found in chunks:
        if found.kind not in OF_PIXELS and not found.kind[0] & 0x20:
            what = " (of Apple's own making for iOS)" if found.kind == b"CgBI" else ""
            raise ImageError(f"the PNG needs the chunk {found.kind!r}{what}, which is not supported; convert it first")
    contents = {found.kind: found.content for found in reversed(chunks)}
    plain = [found.whole for found in chunks if found.kind in (b"IHDR", b"PLTE", b"IDAT")]
    pieces: list[bytes | memoryview] = [SIGNATURE, *plain, chunk(b"IEND", b"")]
    try:
        with PngImagePlugin.PngImageFile(_file(pieces)) as image:
            if header.depth == 16 and header.colour_type != GREY:
                with PngImagePlugin.PngImageFile(_file(pieces)) as again:
                    samples = _read_deep(image, again)
            else:
                image.load()
                samples = samples_of(image)
    except (OSError, SyntaxError) as error:
        raise ImageError(f"damaged PNG ({error}); get a whole copy of the file") from error
    if header.depth == 16:
        samples = samples.astype(np.uint16, copy=False)
    elif samples.dtype == bool:
        samples = samples.astype(np.uint8) * np.uint8(255)
    key = contents.get(b"tRNS")
    if header.colour_type == PALETTE:
        return _from_palette(samples[:, :, 0], contents.get(b"PLTE", b""), key)
    if header.colour_type in (GREY_ALPHA, RGBA):
        return Picture(np.ascontiguousarray(samples[:, :, :-1]), np.ascontiguousarray(samples[:, :, -1]))
    return Picture(samples, None if key is None else _keyed(samples, key, header.depth))


def _file(pieces: list[bytes | memoryview]) -> io.BufferedReader:
    return io.BufferedReader(Pieces(pieces), 2**16)


def _read_deep(high: ImageFile.ImageFile, low: ImageFile.ImageFile) -> np.ndarray:
    """The samples of a 16-bit PNG of colour, or of grey with alpha.

    Pillow's unpackers keep one byte of each sample. Decoding twice, the second time with the other byte order in the
    packing's name, gives both.

    Args:
        high: The picture, opened and not loaded.
        low: The same, opened a second time.

    Returns:
        uint16 (H, W, C), C = 2 (grey, alpha), 3 or 4.
    """
    packing = str(high.tile[0].args)  # "RGB;16B", in Pillow's words
    if packing == "LA;16B":  # four bytes a pixel, which "RGBA" hands over as they are
        high.tile = [tile._replace(args="RGBA") for tile in high.tile]
        high.load()
        return np.asarray(high).view(">u2").astype(np.uint16)
    low.tile = [tile._replace(args=packing[:-1] + "L") for tile in low.tile]
    high.load()
    low.load()
    return (np.asarray(high).astype(np.uint16) << 8) | np.asarray(low)


def _from_palette(indices: np.ndarray, colours: bytes, opacities: bytes | None) -> Picture:
    if not colours or len(colours) % 3 or int(indices.max()) >= len(colours) // 3:
        raise ImageError(f"damaged: a PNG with {len(colours) // 3} colours and an index of {int(indices.max())}")
    table = np.frombuffer(colours, np.uint8).reshape(-1, 3)
    if opacities is None:
        return Picture(table[indices])
    alpha = np.full(max(256, len(opacities)), 255, np.uint8)
    alpha[: len(opacities)] = np.frombuffer(opacities, np.uint8)
    return Picture(table[indices], alpha[indices])


def _keyed(samples: np.ndarray, key: bytes, depth: int) -> np.ndarray:
    """Alpha of samples (H, W, C) with one transparent colour, which is noted before scaling, in 16 bits a sample."""
    channels = samples.shape[2]
    if len(key) < 2 * channels:
        raise ImageError("damaged: a transparent colour of too few bytes; get a whole copy of the file")
    largest = 2**depth - 1
    colour = scale_samples(np.frombuffer(key, ">u2", channels).astype(np.uint16) & largest, largest)
    whole = np.iinfo(samples.dtype).max
    return np.where((samples == colour).all(axis=2), 0, whole).astype(samples.dtype)
