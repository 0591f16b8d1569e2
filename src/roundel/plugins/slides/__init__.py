"""Slides as other programs keep them: pyramids in TIFF and in OME-Zarr, written a band of rows at a time."""
