"""XMP packets: a JPEG's extension joined and divided, and announcements of what a file no longer holds taken out.

Packets are changed as text, so that all else stays to the byte.

Source: ISO 16684-1; Adobe, XMP Specification Part 3, 1.1.3.1; Google, Ultra HDR Image Format 1.1.
"""

import hashlib
import re
from typing import NamedTuple

_MARK = b"HasExtendedXMP"
_AS_ATTRIBUTE = re.compile(rb"""\s[\w.-]{1,32}:HasExtendedXMP\s{0,8}=\s{0,8}["']([0-9A-Fa-f]{32})["']""")
_AS_ELEMENT = re.compile(rb"<([\w.-]{1,32}:HasExtendedXMP)>\s{0,8}([0-9A-Fa-f]{32})\s{0,8}</\1>")
_NAMESPACES = re.compile(rb"""\s(xmlns:[\w.-]{1,64})=("[^"]*"|'[^']*')""")
_TAG_BYTES = 4096  # of a start tag, as far as it is searched for namespaces
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
    found = _announcement(packet)
    return None if found is None else found[found.lastindex or 0]


def without_extension(packet: bytes) -> bytes:
    """The packet, not saying any more that there is an extension."""
    found = _announcement(packet)
    return packet if found is None else packet.replace(found[0], b"")


def _announcement(packet: bytes) -> "re.Match[bytes] | None":
    place = packet.find(_MARK)
    around = packet[max(place - 40, 0) : place + 120] if place >= 0 else b""
    return _AS_ATTRIBUTE.search(around) or _AS_ELEMENT.search(around)


def joined(packet: bytes, extension: bytes | None) -> bytes:
    """One packet that says what a packet and its extension say; XMP allows any number of descriptions side by side."""
    start = (extension or b"").find(b"<rdf:RDF")
    start = (extension or b"").find(b">", start) + 1 if start >= 0 else 0
    end, at = (extension or b"").rfind(b"</rdf:RDF"), packet.rfind(b"</rdf:RDF")
    if extension is None or not 0 < start <= end or at < 0:
        return packet
    declared = dict(_NAMESPACES.findall(extension[:start]))
    content = extension[start:end]

    def with_namespaces(found: "re.Match[bytes]") -> bytes:
        tag = content[found.end() : found.end() + _TAG_BYTES].partition(b">")[0]
        own = dict(_NAMESPACES.findall(tag))
        return found[0] + b"".join(b" " + name + b"=" + uri for name, uri in declared.items() if name not in own)

    inner = re.sub(rb"<rdf:Description\b", with_namespaces, content)
    return without_extension(packet[:at]) + inner + packet[at:]


def divided(packet: bytes) -> tuple[bytes, bytes]:
    """A packet for one segment of a JPEG, and the extension that it names, which holds all of the packet given."""
    extension = _WRAPPER.sub(b"", packet).strip()
    return _POINTER % hashlib.md5(extension).hexdigest().upper().encode(), extension


def upright(packet: bytes) -> bytes:
    """The packet, saying that the picture is upright."""
    return re.sub(rb"""(tiff:Orientation(?:\s?=\s?["']|>))[2-8](?=["'<])""", rb"\g<1>1", packet)


def without_announcements(packet: bytes) -> tuple[bytes, list[str]]:
    """The packet without what announces gain maps, videos and other parts of the file; the names of those."""
    names: list[str] = []
    for what in _ANNOUNCED:
        declared = re.search(rb"""xmlns:([\w.-]{1,64})\s?=\s?["']""" + re.escape(what.uri) + rb"""["']""", packet)
        if declared is None:
            continue
        prefix = re.escape(declared[1])
        member = b"|".join(what.members) or rb"[\w.-]{1,64}"
        cut = _without_elements(packet, re.compile(rb"<(" + prefix + rb":(?:" + member + rb"))(?=[\s/>])"))
        cut = re.sub(rb"\s" + prefix + rb":(?:" + member + rb")\s?=\s?(?:\"[^\"]*\"|'[^']*')", b"", cut)
        if cut != packet and what.name and what.name not in names:
            names.append(what.name)
        if not re.search(rb"[<\s/]" + prefix + rb":", cut):
            cut = re.sub(rb"\sxmlns:" + prefix + rb"\s?=\s?(?:\"[^\"]*\"|'[^']*')", b"", cut)
        packet = cut
    return packet, names


def _without_elements(packet: bytes, opening: "re.Pattern[bytes]") -> bytes:
    """The packet without the elements that begin so, with all that is in them; in one go, whatever the packet holds."""
    out, at, endless = [], 0, set[bytes]()
    for found in opening.finditer(packet):
        if found.start() < at or found[1] in endless:
            continue
        end = packet.find(b">", found.end()) + 1
        if end > 0 and packet[end - 2 : end] != b"/>":
            end = packet.find(b"</" + found[1], end)
            end = packet.find(b">", end) + 1 if end >= 0 else 0
        if end <= 0:
            endless.add(found[1])
            continue
        out.append(packet[at : found.start()])
        at = end
    return b"".join(out) + packet[at:]
