"""TIFF files: directories, strips and tiles in, one picture out, and back."""
