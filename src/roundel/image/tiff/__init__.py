"""TIFF files: directories, strips and tiles in, one picture out, and back."""

from roundel.image.tiff.exif import exif_resolution
from roundel.image.tiff.reader import read
from roundel.image.tiff.writer import write

__all__ = ["exif_resolution", "read", "write"]
