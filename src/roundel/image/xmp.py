"""XMP packets: a JPEG's extension joined and divided, and announcements of what a file no longer holds taken out.

Packets are changed as text, so that all else stays to the byte.

Source: ISO 16684-1; Adobe, XMP Specification Part 3, 1.1.3.1; Google, Ultra HDR Image Format 1.1.
"""

import hashlib
import re
from typing import NamedTuple

_HAS_EXTENSION = re.compile(
    rb"""\s+[\w.-]+:HasExtendedXMP\s*=\s*["']([0-9A-Fa-f]{32})["']"""
    rb"""|<([\w.-]+:HasExtendedXMP)\s*>\s*([0-9A-Fa-f]{32})\s*</\2\s*>"""
)
_CONTENT = re.compile(rb"<rdf:RDF\b[^>]*?(?:/>|>(.*)</rdf:RDF\s*>)", re.S)
_NAMESPACES = re.compile(rb"""\s(xmlns:[\w.-]+)\s*=\s*("[^"]*"|'[^']*')""")
_WRAPPER = re.compile(rb"<\?xpacket[^>]*\?>")
_POINTER = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


class Announced(NamedTuple):
    """Something that a packet announces. Args: name: in words. uri: namespace. members: names in it, all if empty."""

    name: str
    uri: bytes
    members: tuple[bytes, ...] = ()


_ANNOUNCED = (
    Announced("its HDR gain map", b"http://ns.adobe.com/hdr-gain-map/1.0/"),
    Announced("its HDR gain map", b"http://ns.apple.com/HDRGainMap/1.0/"),
    Announced(
        "its video (motion photo)",
        b"http://ns.google.com/photos/1.0/camera/",
        (
            b"MotionPhoto", b"MotionPhotoVersion", b"MotionPhotoPresentationTimestampUs", b"MicroVideo",
            b"MicroVideoVersion", b"MicroVideoOffset", b"MicroVideoPresentationTimestampUs",
        ),
    ),
    Announced("", b"http://ns.google.com/photos/1.0/container/"),
    Announced("", b"http://ns.google.com/photos/1.0/container/item/"),
)  # fmt: skip


def digest_of_extension(packet: bytes) -> bytes | None:
    """The digest of the extension that a packet says it has, 32 hexadecimal digits."""
    found = _HAS_EXTENSION.search(packet)
    return None if found is None else found[1] or found[3]


def without_extension(packet: bytes) -> bytes:
    """The packet, not saying any more that there is an extension."""
    return _HAS_EXTENSION.sub(b"", packet)


def joined(packet: bytes, extension: bytes | None) -> bytes:
    """One packet that says what a packet and its extension say; XMP allows any number of descriptions side by side."""
    if extension is None:
        return packet
    more = _CONTENT.search(extension)
    at = packet.rfind(b"</rdf:RDF")
    if more is None or more[1] is None or at < 0:
        return packet
    around = extension[: more.start(1)]
    declared = b"".join(b" " + name + b"=" + uri for name, uri in dict(_NAMESPACES.findall(around)).items())
    inner = re.sub(rb"<rdf:Description\b", lambda found: found[0] + _missing(declared, more[1], found.end()), more[1])
    return without_extension(packet[:at]) + inner + packet[at:]


def _missing(declared: bytes, text: bytes, at: int) -> bytes:
    """Declarations of namespaces that a description does not have itself."""
    own = dict(_NAMESPACES.findall(text[at : text.find(b">", at)]))
    return b"".join(b" " + name + b"=" + uri for name, uri in _NAMESPACES.findall(declared) if name not in own)


def divided(packet: bytes) -> tuple[bytes, bytes]:
    """A packet for one segment of a JPEG, and the extension that it names, which holds all of the packet given."""
    extension = _WRAPPER.sub(b"", packet).strip()
    return _POINTER % hashlib.md5(extension).hexdigest().upper().encode(), extension


def without_announcements(packet: bytes) -> tuple[bytes, list[str]]:
    """The packet without what announces gain maps, videos and other parts of the file; the names of those."""
    names: list[str] = []
    for what in _ANNOUNCED:
        declared = re.search(rb"""xmlns:([\w.-]+)\s*=\s*["']""" + re.escape(what.uri) + rb"""["']""", packet)
        if declared is None:
            continue
        prefix = re.escape(declared[1])
        member = b"|".join(what.members) or rb"[\w.-]+"
        cut = packet
        cut = re.sub(
            rb"<(" + prefix + rb":(?:" + member + rb"))(?:\s[^>]*)?(?:/>|(?<!/)>.*?</\1\s*>)\s*", b"", cut, flags=re.S
        )
        cut = re.sub(rb"\s+" + prefix + rb":(?:" + member + rb")\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", cut)
        if cut != packet and what.name and what.name not in names:
            names.append(what.name)
        if not re.search(rb"[<\s/]" + prefix + rb":", cut):
            cut = re.sub(rb"\s+xmlns:" + prefix + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", cut)
        packet = cut
    return packet, names
