"""Raw features of every slice to learn from, once: RUNS/features/<set>.npz."""
import sys, time
from pathlib import Path
import numpy as np, torch
from common import *
from segassay.training.context_worlds import *
torch.set_num_threads(2)
enc = Encoder(Path(sys.argv[1]), None)
MOST = {"btcv": 30, "acdc": 8, "hippocampus": 6, "left_atrium": 20, "chaos_t2": 30, "totalsegmentator": 60, "proton_lung": 12}
out = RUNS / "features"; out.mkdir(exist_ok=True)
sets = [(r, True) for r in shared_recipes()] + [(breadth_recipe(r), False) for r in breadth_rows()]
for recipe, part in sets:
    if (out / f"{recipe.name}.npz").exists(): continue
    t = time.time()
    store, ds = load_all(recipe, train_only=part)
    show = pictures_of(ds)
    chosen = [chosen_slices(c, MOST.get(recipe.name, 1)) for c in store.cases]
    slices = [(n, int(i)) for n, some in enumerate(chosen) for i in some]
    names = tuple(store.holders)
    shares = np.zeros((len(slices), len(names), PATCHES), np.float16)
    known = np.zeros((len(slices), len(names)), bool)
    P, Q = [], []
    for k, (n, i) in enumerate(slices):
        c = store.cases[n]
        for s, name in enumerate(names):
            if name in c.labels and c.labels[name].areas[i] >= 0:
                known[k, s] = True
                if c.labels[name].areas[i] > 0: shares[k, s] = shares_of(c.mask(name, i), c.pixel_mm)
    for a in range(0, len(slices), 8):
        p, q = enc.raw(np.stack([show(store.cases[n], i) for n, i in slices[a:a+8]]))
        P.append(p.astype(np.float16)); Q.append(q)
    np.savez(out / f"{recipe.name}.npz", patches=np.concatenate(P), summary=np.concatenate(Q), shares=shares, known=known,
        names=names, subjects=[store.cases[n].subject_id for n, _ in slices], cases=[store.cases[n].case_id for n, _ in slices], index=[i for _, i in slices],
        levels=np.array([i / max(len(store.cases[n].planes) - 1, 1) for n, i in slices], np.float32))
    print(recipe.name, len(slices), len(names), f"{time.time()-t:.0f}s", flush=True)
