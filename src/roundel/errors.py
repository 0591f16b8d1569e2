"""Everything that roundel raises on purpose."""


class RoundelError(Exception):
    """Base of all errors that a user can cause; its text is one line, fit to print."""


class FormatError(RoundelError):
    """The bytes are not a roundel file, or break the format's rules."""


class TruncatedError(FormatError):
    """The bytes end before the file does."""


class ChecksumError(FormatError):
    """A section's checksum does not match its bytes, or decoded symbols do not match the file's."""


class UnsupportedError(RoundelError):
    """A valid file or picture that this version cannot handle: a later format, an unknown critical box."""


class ModelError(RoundelError):
    """A model is unknown, its weights are missing or damaged, or they are not the ones that wrote the file."""


class ImageError(RoundelError):
    """A picture cannot be read, written or coded."""


class RoundelWarning(UserWarning):
    """Something was dropped or changed on the way, and the result is still good; one line, fit to print."""
