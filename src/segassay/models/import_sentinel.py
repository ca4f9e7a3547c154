"""Published weights become a judge folder: read as data, checked, exported, described."""

import hashlib
from pathlib import Path

from segassay.errors import ModelError
from segassay.extras import require
from segassay.judge.documents.corrections import UncalibratedFile
from segassay.judge.documents.description import JudgeKind, JudgeMeta
from segassay.judge.documents.judge_folder import CARD, model_id, write_checksums, write_document
from segassay.judge.documents.new_folder import put_in_place
from segassay.judge.inputs.sentinel_input import preprocess_json
from segassay.vocabulary.dap_atlas import dap_atlas_names

SENTINEL = "quality-sentinel"
"""What an imported judge is called unless the folder asked for says otherwise."""


def import_sentinel(weights: Path, embeddings: Path, folder: Path) -> Path:
    """Make a judge of the released Quality Sentinel / SegAE files.

    Args:
        weights: The `.pth` file: a state dictionary of the published ResNet-50.
        embeddings: `label_embedding.pkl`: a text vector for each DAP Atlas id.
        folder: The judge's folder, not there yet; its name is the judge's.

    Returns:
        The folder. Its scores are those of the released inference, without an interval.

    Raises:
        MissingExtraError: torch is not installed.
        ModelError: A file is not what it should be, see `models.published`; nothing was written.
        OutputError: The folder exists, or cannot be written.
    """
    require("torch", extra="train")
    from segassay.judge.networks.sentinel_export import write_sentinel
    from segassay.models.published import read_sentinel_weights, read_text_vectors

    vectors = read_text_vectors(embeddings)
    names = _named(embeddings.name, list(vectors))
    state = read_sentinel_weights(weights)
    kept = {key: vectors[key] for key in names}

    def fill(fresh: Path) -> None:
        """Write network, vectors and description into a folder."""
        n_parameters = write_sentinel(state, kept, fresh)
        source = {"weights": _source(weights), "embeddings": _source(embeddings)}
        _describe(fresh, folder.name, list(names.values()), n_parameters, source)

    return put_in_place(folder, fill)


def _named(file: str, ids: list[int]) -> dict[int, str]:
    """Return the names of ids; background and what was not annotated have none and are left out."""
    table = dap_atlas_names()
    strange = [key for key in ids if key not in table and key not in (0, 1)]
    if strange:
        raise ModelError(f"{file}: id {strange[0]} is no DAP Atlas structure; expected 0 to 144")
    found = {key: table[key] for key in ids if key in table}
    if not found:
        raise ModelError(f"{file}: no vector of a structure, only of ids {ids}")
    return found


def _source(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        return {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _describe(
    folder: Path,
    name: str,
    structures: list[str],
    n_parameters: int,
    source: dict[str, dict[str, str]],
) -> None:
    meta = JudgeMeta.of(
        kind=JudgeKind.QUALITY_SENTINEL,
        model_id=model_id(name, folder / "judge.onnx"),
        preprocess=preprocess_json(),
        structures=structures,
        training_voxels=(),
        training_images=(),
        training_subjects={},
        evidence={},
        parameters=n_parameters,
        imported=source,
    )
    write_document(folder / "meta.json", meta)
    write_document(folder / "calibration.json", UncalibratedFile(as_released=True))
    (folder / CARD).write_text(_card(meta), encoding="utf-8")
    write_checksums(folder)


def _card(meta: JudgeMeta) -> str:
    files = "\n".join(
        f"- {what}: `{of.file}`, sha256 `{of.sha256}`" for what, of in (meta.imported or {}).items()
    )
    return f"""# {meta.model_id}

Imported weights of Quality Sentinel (Chen, Zhou, Yuille, arXiv 2406.00327), also released as SegAE.
Not trained, tested or published by segassay. Not a medical device.

## Source and terms

Unknown: the files say neither where they come from nor under which terms they may be used. Ask
whoever gave them to you before you publish scores or pass the weights on.

{files}

## What it does

A ResNet-50 of {(meta.parameters or 0) / 1e6:.1f} M parameters that predicts the Dice of an axial CT
slice for {len(meta.structures)} structures of DAP Atlas; the score is the mean over at most ten
slices, cut to 0 to 1, as the released inference computes it.

## What to know before believing a score

- No interval: nothing tells how far off a score may be. Scores are not calibrated.
- Never tested here on any structure. What it learned from is not known to segassay, so an audit
  cannot tell whether it has seen an image.
- It was trained on whole-body CT in Hounsfield units, window -200 to 200. On other images it
  abstains and says so.
- Its true Dice in training came from labels that were themselves model output; masks that miss the
  structure altogether were not among them.
- It looks only at slices with mask: missing slices, cut ends and missing structures are not seen.
  An empty mask is not scored.
- How its training slices were turned is not documented; here they are shown with the patient's
  front up and right on the left.
- Structures go by the atlas' own names. The released script scores the bladder by the vector of
  the prostate; here it has its own.
"""
