"""The alpha plane, kept without loss as a grey PNG inside the file."""

import io

import numpy as np
from PIL import Image

from roundel.errors import FormatError
from roundel.image.pil import samples_of

_DTYPES = {"L": np.uint8, "I;16": np.uint16}


def pack_plane(plane: np.ndarray) -> bytes:
    """One plane as the bytes of a grey PNG.

    Args:
        plane: (H, W) uint8 or uint16.

    Returns:
        A PNG file of the same depth.
    """
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(plane)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def unpack_plane(data: bytes, height: int, width: int) -> np.ndarray:
    """The plane that `pack_plane` took.

    Args:
        data: bytes of a grey PNG.
        height: rows that the plane must have.
        width: columns that the plane must have.

    Returns:
        (height, width) uint8 or uint16.

    Raises:
        FormatError: the bytes are no such PNG.
    """
    from PIL import PngImagePlugin

    try:
        # opened by its class: Image.open has a limit of pixels of its own, and the right size is known here
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
            if image.size != (width, height) or image.mode not in _DTYPES:
                raise FormatError(
                    f"the alpha plane is {image.mode} {image.size[0]}×{image.size[1]}, "
                    f"not grey {width}×{height}: the file is damaged"
                )
            image.load()
            return samples_of(image)[:, :, 0].astype(_DTYPES[image.mode], copy=False)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise FormatError("the alpha plane is no grey PNG: the file is damaged") from error
