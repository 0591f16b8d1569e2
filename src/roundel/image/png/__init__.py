"""PNG files: chunks, samples and what stands beside them, in and out."""

from roundel.image.png.file import read, write

__all__ = ["read", "write"]
