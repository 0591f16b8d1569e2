"""The model for a job: by name or id, and for a file the very one that wrote it."""

from os import PathLike, fspath

from roundel.codecs import zoo
from roundel.codecs.protocol import Model, Refining, Tunable
from roundel.container import Header, Kind
from roundel.errors import ModelError, RoundelError

MAX_EFFORT = 9


def load_model(model: int | str | None = None, *, kind: Kind = Kind.LOSSY) -> Model:
    """A trained model, loaded once and safe to share between pictures and threads.

    Args:
        model: name, id, or path of a weights file; None for the default of the kind.
        kind: the kind whose default is wanted.

    Raises:
        ModelError: there is no such model, or its weights are missing or damaged.

    Example:
        >>> load_model().passes > 1
        True
    """
    return zoo.get(zoo.default(kind) if model is None else model)


def resolve(model: Model | int | str | None, kind: Kind) -> Model:
    """A model that may be given as such, or as `load_model` takes it.

    Raises:
        ModelError: it is neither, or cannot be loaded.
    """
    if model is None or (isinstance(model, int | str) and not isinstance(model, bool)):
        return load_model(model, kind=kind)
    if isinstance(model, PathLike):
        return load_model(fspath(model), kind=kind)
    if not isinstance(model, bool) and hasattr(model, "weights_hash"):
        return model
    raise ModelError(
        f"a {type(model).__name__} is no model: give its name, its id, the path of its weights file, or a loaded one"
    )


def at_effort(model: Model, effort: int) -> Model:
    """The model at an effort, 0 … 9.

    Raises:
        RoundelError: the effort is out of range.
        ModelError: the model knows one effort only.
    """
    check_effort(effort)
    if not isinstance(model, Refining):
        raise ModelError(f"the model {model.name} knows one effort only; leave the effort out, or take another model")
    return model.at_effort(effort)


def for_tuning(model: Model, tuning: str) -> Model:
    """The model for a tuning, "ssimulacra2" or "psnr".

    Raises:
        ModelError: the model has none of this name, or none at all.
    """
    if not isinstance(model, Tunable):
        raise ModelError(f"the model {model.name} has no tunings; leave the tuning out, or take another model")
    return model.tuned(tuning)


def check_effort(effort: int) -> None:
    """Raises: RoundelError: the effort is out of range."""
    if not 0 <= effort <= MAX_EFFORT:
        raise RoundelError(f"effort {effort} is out of range: give 0 (quickest) to {MAX_EFFORT} (most work)")


def model_of(header: Header, model: Model | int | str | None) -> Model:
    """The model that wrote a file, with the very weights that it was written with.

    Args:
        header: the file's header.
        model: the model to use; None for the one that ships under the file's id.

    Raises:
        ModelError: it is another model, or has other weights.
    """
    codec = resolve(header.model_id if model is None else model, header.kind)
    if (codec.id, codec.kind, codec.passes) != (header.model_id, header.kind, header.passes):
        raise ModelError(f"the file was written by model {header.model_id}, not by {codec.name} ({codec.id})")
    if codec.weights_hash != header.weights_hash:
        raise ModelError(
            f"the file was written with weights {header.weights_hash.hex()} of model {codec.name}, but those here are "
            f"{codec.weights_hash.hex()}: use the version of roundel, or the weights file, that wrote it"
        )
    return codec
