"""JPEG files: segments, samples and what stands beside them, in and out."""

from roundel.image.jpeg.file import fits, read, write

__all__ = ["fits", "read", "write"]
