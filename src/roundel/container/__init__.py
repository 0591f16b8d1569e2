"""The file: header, boxes, index and payload. Standard library only; docs/format.md is the specification."""

from roundel.container.format import MAGIC, MAX_PASSES, VERSION, Box, Header, Kind, Rect, Tag
from roundel.container.info import BoxInfo, FileInfo, read_info
from roundel.container.pack import Pack, check_names, read_pack, write_pack
from roundel.container.reader import DEFAULT_MAX_PIXELS, Damage, File, read
from roundel.container.source import Sliceable, Source
from roundel.container.spool import Spool, Writable
from roundel.container.writer import write, write_to

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "MAGIC",
    "MAX_PASSES",
    "VERSION",
    "Box",
    "BoxInfo",
    "Damage",
    "File",
    "FileInfo",
    "Header",
    "Kind",
    "Pack",
    "Rect",
    "Sliceable",
    "Source",
    "Spool",
    "Tag",
    "Writable",
    "check_names",
    "read",
    "read_info",
    "read_pack",
    "write",
    "write_pack",
    "write_to",
]
