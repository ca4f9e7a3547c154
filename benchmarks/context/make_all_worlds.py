"""Worlds of every set that a fold learns from, and the audits of the sets it is tested on."""
import pickle, sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np, torch
from torch.nn import functional as F
from common import *
from train_adapter import PatchAdapter, Frozen, feats
from segassay.training.context_worlds import *
torch.set_num_threads(1)

def adapted(net, name, rows=None):
    d = np.load(RUNS / "features" / f"{name}.npz")
    raw = d["patches"]; found = []
    with torch.no_grad():
        for a in range(0, len(raw), 16):
            x = torch.from_numpy(raw[a:a+16].astype(np.float32)).transpose(1, 2).reshape(-1, 472, GRID, GRID)
            found.append(net(x).flatten(2).transpose(1, 2).contiguous())
    return torch.cat(found), torch.from_numpy(d["summary"]), list(zip(d["cases"].tolist(), d["index"].tolist()))

def main(adapter, out):
    if adapter == "frozen":
        kept = np.load(RUNS / "projection_try.npz"); net = Frozen(kept["mean"], kept["matrix"][:, :96])
    else:
        net = PatchAdapter(); net.load_state_dict(torch.load(adapter))
    net.eval()
    how = Voting(temperature=float((-net.sharpness).exp()), place=float(net.place.exp()))
    print(how)
    out = RUNS / out; out.mkdir(exist_ok=True)
    rows = {r["set"]: r for r in breadth_rows()}
    sets = [(r, True, "train") for r in shared_recipes()]
    for r in breadth_rows():
        sets += [(breadth_recipe(r), False, use) for use in ("train", "test")]
    if len(sys.argv) > 3: sets = sets[::-1]
    for recipe, part, use in sets:
        target = out / f"{use}-{recipe.name}.pkl"
        if target.exists(): continue
        t = time.time()
        has = recipe.name in rows and rows[recipe.name]["has_predictions"] == "yes"
        if use == "test" and not has: continue
        patches, summary, keys = adapted(net, recipe.name)
        predicted = load_all(breadth_recipe(rows[recipe.name], labels="predictions"))[0] if has else None
        if use == "test":
            store, kinds = predicted, (WorldKind((0.0, 0.0, 0.0), (24, 24)),)
        else:
            store, kinds = load_all(recipe, train_only=part)[0], WORLDS
            if has: store = with_predictions(store, predicted)
        number = {c.case_id: k for k, c in enumerate(store.cases)}
        pick = [k for k, (c, _) in enumerate(keys) if c in number]
        if len(pick) > 320:  # whole cases, evenly
            names = sorted({keys[k][0] for k in pick}); step = -(-len(pick) // 320)
            pick = [k for k in pick if keys[k][0] in set(names[::step])]
        slices = [(number[keys[k][0]], keys[k][1]) for k in pick]
        fresh, worlds = make_worlds(store, slices, (patches[pick], summary[pick]), kinds=kinds, n_looks=64, seed=0, how=how)
        with target.open("wb") as f: pickle.dump((fresh, worlds), f, protocol=5)
        print(use, recipe.name, len(slices), len(worlds.structures), f"{time.time()-t:.0f}s", "median agreement", np.nanmedian(np.where(worlds.numbers[..., 2] > 0, worlds.numbers[..., 2], np.nan), axis=(0, 1)).round(2), flush=True)
main(sys.argv[1], sys.argv[2])
