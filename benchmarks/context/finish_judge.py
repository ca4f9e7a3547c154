"""From a trained reader and the rows of its folds to a judge's folder, calibrated."""
import csv, sys
from dataclasses import replace
from pathlib import Path
import numpy as np, torch
from reader import *
from segassay.data.splits import SubjectSplit
from segassay.models.context_net import ExportedContext
from segassay.models.description import ContextSettings, JudgeKind
from segassay.models.folder import ENCODER, UNFAMILIAR, WEIGHTS, open_judge, write_checksums, write_document
from segassay.models.patch_encoder import PatchEncoder
from segassay.models.efficientnet_lite import load_published
from segassay.context.votes import Voting
from segassay.pipelines.calibrate_judge import calibrate_folder
from segassay.pipelines.judge_card import write_card
from segassay.scoring.calibration import Calibration
from segassay.scoring.unfamiliar import Unfamiliar
from segassay.training.export import describe, write_onnx, write_weights
from segassay.training.material import Material, load_material
from segassay.training.start import with_earlier
from dataclasses import asdict

N_COMPONENTS, N_LOOKS = 96, 64

def encoder(path, published):
    net = PatchEncoder(N_COMPONENTS)
    load_published(net.trunk, torch.load(published, weights_only=True))
    kept = np.load(RUNS / "projection_try.npz")
    net.mean.copy_(torch.from_numpy(kept["mean"])); net.matrix.copy_(torch.from_numpy(kept["matrix"][:, :N_COMPONENTS].copy()))
    write_onnx(net.eval(), (torch.zeros(2, 3, 256, 256),), path, names=(("picture",), ("patches", "summary")))

def out_of_domain(paths):
    rows = [r for p in paths for r in csv.DictReader(open(p))]
    col = lambda k: np.array([float(r[k]) for r in rows])
    sets, true = [r["set"] for r in rows], col("dice")
    fit = lambda k: Calibration.fit(col(f"{k}_head"), col(f"{k}_spread"), true, sets)
    return Unfamiliar(fit("alone"), None, fit("context"), len(set(sets)), len(rows))

def main(reader, published, out, widths):
    out = Path(out); out.mkdir(parents=True, exist_ok=True)
    net = Reader(widths); net.load_state_dict(torch.load(reader)); net.eval()
    pre = JudgePreprocess(tells_nameless=False)
    example = (torch.zeros(2, 8, 96, 96), torch.zeros(2, 4, 64, 64), torch.zeros(2, CONDITION_DIM + N_EXTRA), torch.zeros(2, N_LOOKS, 24, 24))
    write_onnx(ExportedContext(net), example, out / "judge.onnx", names=(("crop", "field", "condition", "looks"), ("map", "outside", "presence", "kind", "embedding", "shift", "error")))
    write_weights(net.state_dict(), out / WEIGHTS)
    encoder(out / ENCODER, published)
    recipe = read_recipe(Path("recipes/judge-small.yaml")).model_copy(update={"name": out.name, "data": tuple(shared_recipes())})
    shared = load_material(recipe, DATA, say=print)
    stores = [load_all(breadth_recipe(r))[0] for r in breadth_rows()]
    said = []
    for store in stores:
        name = store.recipe.name
        said.append(StoredSet.of(store.recipe.model_copy(update={"path": f"breadth/{name}"}), store.cases))
    splits = shared.splits | {s.recipe.name: SubjectSplit(tuple(sorted({c.subject_id for c in s.cases})), (), ()) for s in said}
    material = Material((*shared.train, *said), shared.tuning, splits)
    whole = recipe.model_copy(update={"data": (*recipe.data, *(s.recipe for s in said))})
    meta = describe(whole, material, pre, pairs=int(sys.argv[5]), weights=out / "judge.onnx")
    meta = with_earlier(meta, "weights/judge-small")
    voting = {k: v for k, v in asdict(Voting()).items()}
    meta = meta.__class__.model_validate({**meta.model_dump(mode="json"), "kind": "context", "context": {"n_looks": N_LOOKS, "voting": voting, "version": 1}, "parameters": sum(p.numel() for p in net.parameters()), "minutes_trained": float(sys.argv[6]), "device": "cpu", "started_from": meta.started_from})
    result = calibrate_folder(out, meta, recipe, DATA, {k: v for k, v in splits.items()}, masks=None, say=print)
    print(result)
    write_document(out / UNFAMILIAR, out_of_domain([RUNS / f"fold{f}" / "rows.csv" for f in range(N_FOLDS)]).to_document())
    write_checksums(out)
    write_card(out, open_judge(out).meta, result)

main(sys.argv[1], sys.argv[2], sys.argv[3], tuple(map(int, sys.argv[4].split(","))))
