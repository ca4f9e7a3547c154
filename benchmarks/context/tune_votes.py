"""How well votes of reference labels draw the reference, by temperature, place, projection."""
import sys, time
from pathlib import Path
import numpy as np, torch
sys.path.insert(0, str(Path(__file__).parent))
from common import *
from segassay.training.context_worlds import *
import segassay.training.context_worlds as cw
torch.set_num_threads(2)
enc = Encoder(Path(sys.argv[1]), None)
names = sys.argv[2].split(",")
sets = {r.name: r for r in shared_recipes()} | {r["set"]: breadth_recipe(r) for r in breadth_rows()}
data = {}
for name in names:
    t = time.time()
    store, ds = load_all(sets[name], train_only=name in {r.name for r in shared_recipes()})
    show = pictures_of(ds)
    chosen = [chosen_slices(c, 6) for c in store.cases][:40]
    slices = [(n, int(i)) for n, some in enumerate(chosen) for i in some][:160]
    structures = tuple(store.holders)
    shares = np.zeros((len(slices), len(structures), PATCHES), np.float32)
    for k, (n, i) in enumerate(slices):
        c = store.cases[n]
        for s, st in enumerate(structures):
            if st in c.labels and c.labels[st].areas[i] > 0:
                shares[k, s] = shares_of(c.mask(st, i), c.pixel_mm)
    P, Q = [], []
    for a in range(0, len(slices), 8):
        p, q = enc.raw(np.stack([show(store.cases[n], i) for n, i in slices[a:a+8]]))
        P.append(p.astype(np.float16)); Q.append(q)
    data[name] = (np.concatenate(P), torch.from_numpy(np.concatenate(Q)), torch.from_numpy(shares),
        [store.cases[n].subject_id for n, _ in slices],
        np.array([i / max(len(store.cases[n].planes) - 1, 1) for n, i in slices], np.float32))
    print(name, len(slices), len(structures), f"{time.time()-t:.0f}s", flush=True)
sample = np.concatenate([d[0].reshape(-1, d[0].shape[-1])[np.random.default_rng(0).integers(0, d[0].shape[0]*PATCHES, 6000)] for d in data.values()]).astype(np.float32)
mean = sample.mean(0); U, S, Vt = np.linalg.svd(sample - mean, full_matrices=False)
print("variance kept", {d: round(float((S[:d]**2).sum()/(S**2).sum()), 3) for d in (48, 64, 96, 128, 192)})
np.savez(RUNS / "projection_try.npz", mean=mean, matrix=Vt[:128].T)
def run(proj, T, place, cand):
    how = Voting(temperature=T, place=place, candidates=cand)
    res = {}
    for name, (P, Q, sh, subj, lev) in data.items():
        X = torch.from_numpy(P).float()
        if proj: X = (X - torch.from_numpy(mean)) @ torch.from_numpy(Vt[:proj].T.copy())
        X = torch.nn.functional.normalize(X, dim=2)
        order = context_order(Q, subj, lev, how)
        pick = np.random.default_rng(0).permutation(len(order))[:24]
        o = [order[k] if k in pick else order[k][:0] for k in range(len(order))]
        sums, masses = raw_votes(X, o, sh, how)
        ds = []
        for k in pick:
            p = (sums[k].float().sum(0) / masses[k].sum(0)[:, None].clamp_min(1e-9)).T
            d = soft_dice(p, sh[k]); ds += d[~d.isnan()].tolist()
        res[name] = float(np.mean(ds))
    return res
for arg in [(128,.03,1,12),(128,.02,.5,12),(128,.02,1,12),(128,.013,.5,12)]:
    t=time.time(); r = run(*arg); print(arg, f"{np.mean(list(r.values())):.4f}", " ".join(f"{k[:8]} {v:.2f}" for k, v in r.items()), f"{time.time()-t:.0f}s", flush=True)
