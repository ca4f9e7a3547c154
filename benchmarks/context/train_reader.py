"""Train a reader on the worlds of a fold; test it on the real predictions of the sets left out."""
import csv, json, math, pickle, sys, time
from copy import deepcopy
from pathlib import Path
import numpy as np, torch
from reader import *
from segassay.training.batches import joined_batches
from segassay.training.pairs import _answers

PRE = JudgePreprocess()
BF16 = "amx_bf16" in Path("/proc/cpuinfo").read_text()

def load_worlds(fold, use, folder="worlds"):
    """Worlds to train on, or audits to test on, of one fold; fold -1 trains on all."""
    breadth = {r["set"] for r in breadth_rows()}; found = []
    for path in sorted((RUNS / folder).glob(f"{use}-*.pkl")):
        name = path.stem.split("-", 1)[1]
        left_out = fold >= 0 and name in breadth and fold_of(name) == fold
        if left_out != (use == "test"): continue
        with path.open("rb") as f: found.append(pickle.load(f))
    return found

def weighted(pairs, breadth_weight):
    breadth = {r["set"] for r in breadth_rows()}
    sets, worlds = [], {}
    for store, w in pairs:
        if not store.holders: continue
        r = store.recipe
        if r.name in breadth: r = r.model_copy(update={"weight": breadth_weight})
        sets.append(StoredSet.of(r, store.cases)); worlds[r.name] = w
    return tuple(sets), worlds

class Pool:
    """All pairs drawn beforehand, those of sets left out taken away."""
    def __init__(self, left_out):
        found, names = sorted((RUNS / "pool").glob("*.npz")), []
        for p in found:
            with np.load(p) as part: names.append(part["names"])
        keep = [np.flatnonzero(~np.isin(n, list(left_out))) for n in names]
        total, self.parts, at = sum(map(len, keep)), {}, 0
        for p, k in zip(found, keep):
            with np.load(p) as part:
                for key in part.files:
                    if key == "names": continue
                    some = part[key][k]
                    if key not in self.parts: self.parts[key] = torch.empty((total, *some.shape[1:]), dtype=torch.from_numpy(some).dtype)
                    self.parts[key][at:at + len(k)] = torch.from_numpy(some)
            at += len(k)
        self.n = len(self.parts["dice"])
    def __call__(self, rng, batch, without):
        i = torch.from_numpy(rng.integers(0, self.n, batch))
        t = {k: v[i] for k, v in self.parts.items()}
        crop, field = t["crop"].float() / 127, t["field"].float() / 127
        crop[:, :3] *= 4; field[:, :1] *= 4
        condition = t["condition"].clone()
        bare = torch.from_numpy(rng.random(batch) < without)
        crop[bare, 5:] = 0; field[bare, 3:] = 0; condition[bare, CONDITION_DIM:] = 0
        looks = t["looks"].float() / 254
        looks[torch.from_numpy(rng.random(batch) < 0.15)] = 0
        gold = t["gold"].float() / 127
        return Batch(crop, field, condition, looks, gold, t["outside"], t["dice"], t["presence"], t["kind"])

def test_rows(fold, tests):
    """Every real prediction of the sets left out, as the audit of its set sees it."""
    truth = {}
    rows = []
    for store, worlds in tests:
        name = store.recipe.name
        row = next(r for r in breadth_rows() if r["set"] == name)
        gold = {c.case_id: c for c in load_all(breadth_recipe(row))[0].cases}
        for case in store.cases:
            g = gold.get(case.case_id)
            for structure, label in case.labels.items():
                if label.areas[0] <= 0 or g is None or structure not in g.labels: continue
                a, b = case.mask(structure, 0), g.mask(structure, 0)
                dice = 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)
                rows.append((store, worlds, case, structure, a, b, float(dice)))
    return rows

def test_inputs(rows, use=True, named=True):
    pairs = []
    for store, worlds, case, structure, a, b, dice in rows:
        stack = PlaneStack(case.planes.astype(np.float32), 2, case.pixel_mm, case.thickness_mm, case.spacing_known)
        box = PRE.frame(a, case.pixel_mm)
        seen = PRE(stack, a, 0, box, name=structure if named else None, modality=case.modality)
        r, s = worlds.rows[case.case_id, 0], worlds.structures.index(structure)
        extra = context_inputs(worlds, r, s, 0, a, case.pixel_mm, box, PRE, False, use and worlds.numbers[r, s, 0, 0] > 0)
        pairs.append(ContextPair(_answers(seen, b, a), *extra))
    return [collate(pairs[k:k+64]) for k in range(0, len(pairs), 64)]

@torch.no_grad()
def predict(net, batches):
    net.eval(); d, h, s = [], [], []
    for b in batches:
        _, _, _, _, dice, head, spread = net.scored(b); d.append(dice); h.append(head); s.append(spread)
    return torch.cat(d).numpy(), torch.cat(h).numpy(), torch.cat(s).numpy()

def auroc(score, bad):
    r = np.argsort(np.argsort(-np.asarray(score), kind="stable")) + 1.0
    n1 = bad.sum(); return (r[bad].sum() - n1 * (n1 + 1) / 2) / (n1 * (~bad).sum())

def figures(names, true, score):
    true, score, names = np.asarray(true), np.asarray(score), np.asarray(names); within = []
    for n in np.unique(names):
        t, s = true[names == n], score[names == n]
        if len(t) >= 8 and t.std() > 0.02: within.append(np.corrcoef(t, s)[0, 1] if s.std() > 0 else 0)
    return {"within": float(np.mean(within)), "sets": len(within), "pooled": float(np.corrcoef(true, score)[0, 1]), "auroc": float(auroc(score, true < 0.8)), "mae": float(np.abs(true - score).mean()), "n": len(true)}

def told(f): return f"within {f['within']:.3f} ({f['sets']}) pooled {f['pooled']:.3f} auroc {f['auroc']:.3f} mae {f['mae']:.3f} n {f['n']}"

def main(fold, minutes, out, start="weights/judge-small/weights.safetensors", widths=(16, 32, 64, 128), breadth_weight=0.7, lr=1.5e-3):
    torch.manual_seed(0); torch.set_num_threads(2); rng = np.random.default_rng(0)
    out = Path(out); out.mkdir(parents=True, exist_ok=True)
    left_out = {r["set"] for r in breadth_rows() if fold >= 0 and fold_of(r["set"]) == fold}
    pool = Pool(left_out)
    print(pool.n, "pairs", flush=True)
    rows = test_rows(fold, load_worlds(fold, "test")) if fold >= 0 else []
    names, true = [r[0].recipe.name for r in rows], [r[-1] for r in rows]
    tests = {k: test_inputs(rows, use=u) for k, u in (("context", True), ("alone", False))} if rows else {}
    if rows:
        agree = [float(n) for b in tests["context"] for n in b.condition[:, CONDITION_DIM + N_NUMBERS + 1]]
        print("votes alone:", told(figures(names, true, agree)), flush=True)
    net = Reader(widths)
    if start: start_from(net, start)
    net = net.to(memory_format=torch.channels_last)
    if rows and start:
        d, h, s = predict(net, tests["alone"]); print("start:", told(figures(names, true, d)), flush=True)
    average = deepcopy(net)
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
    begin = time.time(); step = 0; curve = []; looked = begin
    while (share := (time.time() - begin) / (60 * minutes)) < 1:
        for g in opt.param_groups: g["lr"] = lr * min(1, step / 100 + 0.01) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        b = pool(rng, 64, 0.25); b = b._replace(crop=b.crop.contiguous(memory_format=torch.channels_last))
        net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=BF16): loss, parts = loss_of(net, b)
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), 2.0); opt.step(); step += 1
        decay = min(0.5 ** (1 / 300), step / (step + 10))
        with torch.no_grad():
            for a, p in zip(average.state_dict().values(), net.state_dict().values()):
                if a.dtype.is_floating_point: a.lerp_(p, 1 - decay)
                else: a.copy_(p)
        curve.append([float(x.detach()) for x in (loss, *parts)])
        if time.time() - looked > 150:
            looked = time.time()
            m = np.mean(curve[-300:], axis=0).round(4)
            line = f"{time.time()-begin:.0f}s step {step} loss {m.tolist()}"
            if rows:
                d, h, s = predict(average, tests["context"]); line += f" | head {told(figures(names, true, h))}"
            print(line, flush=True)
            torch.save(average.state_dict(), out / "reader.pt")
    torch.save(average.state_dict(), out / "reader.pt")
    if rows:
        table = {"set": names, "case": [r[2].case_id for r in rows], "structure": [r[3] for r in rows], "dice": true, "votes": agree}
        for k, batches in tests.items():
            d, h, s = predict(average, batches); table |= {f"{k}_map": d, f"{k}_head": h, f"{k}_spread": s}
            print(k, "map", told(figures(names, true, d)), "\n   head", told(figures(names, true, h)), flush=True)
        d, h, s = predict(average, test_inputs(rows, named=False)); table["unnamed_head"] = h
        print("unnamed head", told(figures(names, true, h)), flush=True)
        with (out / "rows.csv").open("w") as f:
            w = csv.writer(f); w.writerow(table); w.writerows(zip(*table.values()))

if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
