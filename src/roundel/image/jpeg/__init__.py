"""JPEG files: segments, samples and what stands beside them, in and out."""
