"""Picture files in and out, and all that the rest of roundel knows of pictures in memory."""

from roundel.image.files import MAX_PIXELS, SUFFIXES, format_of, read, write
from roundel.image.picture import Picture, from_array, reduce_depth, to_array, ycocg_r, ycocg_r_inverse
from roundel.image.pil import from_pil, to_pil
from roundel.image.resolution import Resolution

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Picture",
    "Resolution",
    "format_of",
    "from_array",
    "from_pil",
    "read",
    "reduce_depth",
    "to_array",
    "to_pil",
    "write",
    "ycocg_r",
    "ycocg_r_inverse",
]
