"""Which judges there are, whether they are whole, and what their cards say."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segassay.errors import ModelError, OutputError, UsageError
from segassay.judge.documents.judge_folder import JudgeFolder, find_judge, known_judges, open_judge
from segassay.judge.documents.new_folder import default_place
from segassay.judge.scoring import judge_of
from segassay.models.bundle import export_bundle, import_bundle
from segassay.models.import_sentinel import SENTINEL, import_sentinel


@dataclass(frozen=True, slots=True)
class ModelLine:
    """What is told of one judge.

    Attributes:
        name: What `--judge` takes.
        model_id: What its scores are signed with; empty where it cannot be read.
        kind: Which code runs it.
        n_structures: How many structures it knows by name.
        n_tested: On how many of them it was tested with subjects kept from training.
        megabytes: Of all its files.
        problem: Why it cannot be used; empty if it can.
    """

    name: str
    model_id: str
    kind: str
    n_structures: int
    n_tested: int
    megabytes: float
    problem: str

    def to_json(self) -> dict[str, Any]:
        """Return the line as plain data."""
        return asdict(self)


def list_models() -> tuple[ModelLine, ...]:
    """Return the judges found by name, their checksums compared."""
    return tuple(_line(name, path, load=False) for name, path in known_judges().items())


def verify_models(names: Sequence[str]) -> tuple[ModelLine, ...]:
    """Compare checksums and load networks; without names those of all judges found by name.

    Raises:
        ModelError: There is no judge of such a name.
    """
    places = {name: find_judge(name) for name in names} if names else known_judges()
    return tuple(_line(name, path, load=True) for name, path in places.items())


def model_card(name: str) -> str:
    """Return a judge's card as Markdown; raises `ModelError` for one that is missing or changed."""
    return open_judge(find_judge(name)).card


def import_model(file: Path, *, embeddings: Path | None, out: Path | None) -> Path:
    """Make a judge of a bundle, or with `embeddings` of released Quality Sentinel weights.

    Args:
        file: A bundle as `export_model` writes it, or a released `.pth` file.
        embeddings: The text vectors that were released with a `.pth` file.
        out: The judge's folder; `None` for one where it is found by the file's own name.

    Returns:
        The judge's folder.

    Raises:
        UsageError: A `.pth` file came without its vectors.
        ModelError: A file cannot be used; nothing was written.
        OutputError: The folder exists, or cannot be written.
    """
    if embeddings is not None:
        return import_sentinel(file, embeddings, out or default_place(SENTINEL))
    if file.suffix in {".pth", ".pt", ".pkl"}:
        raise UsageError(
            f"{file.name}: released weights need their text vectors, --embeddings "
            "label_embedding.pkl"
        )
    return import_bundle(file, out or default_place(file.stem))


def export_model(name: str, out: Path | None) -> Path:
    """Write a judge as a bundle, by default `<name>.zip` in the working folder; return the file."""
    folder = find_judge(name)
    return export_bundle(folder, out or Path(f"{folder.resolve().name}.zip"))


def _line(name: str, path: Path, *, load: bool) -> ModelLine:
    try:
        folder = open_judge(path)
        if load:
            judge_of(folder, threads=1)
        return _of(name, folder)
    except (ModelError, OSError) as error:
        problem = str(error) if isinstance(error, ModelError) else str(OutputError.of(path, error))
        return ModelLine(name, "", "", 0, 0, 0.0, problem)


def _of(name: str, folder: JudgeFolder) -> ModelLine:
    meta = folder.meta
    size = sum((folder.path / file).stat().st_size for file in folder.files)
    return ModelLine(
        name=name,
        model_id=meta.model_id,
        kind=meta.kind.value,
        n_structures=len(meta.structures),
        n_tested=len({*meta.structures} & {*meta.evidence}),
        megabytes=round(size / 1e6, 1),
        problem="",
    )
