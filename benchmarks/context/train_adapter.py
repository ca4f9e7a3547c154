"""Learn which patches mean the same: a small network over frozen features, trained by voting."""
import math, sys, time
from pathlib import Path
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
from common import *
from segassay.training.context_worlds import *
from segassay.training.context_worlds import soft_dice

class PatchAdapter(nn.Module):
    def __init__(self, inputs=472, inner=192, d=64):
        super().__init__()
        self.direct = nn.Conv2d(inputs, d, 1)
        self.inner = nn.Sequential(nn.Conv2d(inputs, inner, 1), nn.GELU(), nn.Conv2d(inner, inner, 5, padding=2, groups=inner), nn.GELU())
        self.more = nn.Conv2d(inner, d, 1)
        nn.init.zeros_(self.more.weight); nn.init.zeros_(self.more.bias)
        self.sharpness = nn.Parameter(torch.tensor(math.log(1 / 0.03)))
        self.place = nn.Parameter(torch.tensor(math.log(1.0)))
        at = (torch.arange(GRID) + 0.5) / GRID
        y, x = (t.flatten() for t in torch.meshgrid(at, at, indexing="ij"))
        at = torch.stack([y, x], 1); self.register_buffer("far", torch.cdist(at, at) ** 2, persistent=False)
    def project(self, x):
        return self.direct(x) + self.more(self.inner(x))
    def forward(self, x):
        return F.normalize(self.project(x), dim=1)
    def logits(self, q, k):
        """(d, P), (n, d, P) -> (P, n P)"""
        n = len(k)
        cos = q.T @ k.transpose(0, 1).flatten(1)
        return self.sharpness.exp() * (cos - 1 - self.place.exp() * self.far.repeat(1, n))

def vote(net, q, k, shares):
    """q (d,32,32), k (n,d,32,32), shares (n, s, P) -> (s, P)"""
    l = net.logits(q.flatten(1), k.flatten(2))
    return (l.softmax(1) @ shares.transpose(1, 2).flatten(0, 1)).T

def load(names):
    data = {}
    for f in names:
        d = np.load(RUNS / "features" / f"{f}.npz")
        how = Voting(candidates=16, per_subject=2)
        order = context_order(torch.from_numpy(d["summary"]), d["subjects"].tolist(), d["levels"], how)
        data[f] = dict(patches=d["patches"], shares=torch.from_numpy(d["shares"].astype(np.float32)), known=torch.from_numpy(d["known"]), order=order, subjects=d["subjects"])
    return data

def feats(d, idx):
    return torch.from_numpy(d["patches"][idx].astype(np.float32)).transpose(1, 2).reshape(len(idx), -1, GRID, GRID)

@torch.no_grad()
def evaluate(net, data, n=12, k=10):
    res = {}
    for name, d in data.items():
        rng = np.random.default_rng(0); ds = []
        for q in rng.permutation(len(d["order"]))[:n]:
            c = d["order"][q][:k]
            if len(c) < 2: continue
            x = net(feats(d, np.r_[q, c]))
            p = vote(net, x[0], x[1:], d["shares"][c])
            v = soft_dice(p, d["shares"][q]); ds += v[~v.isnan()].tolist()
        if ds: res[name] = float(np.mean(ds))
    return res

class Frozen(PatchAdapter):
    def __init__(self, mean, matrix):
        super().__init__()
        self.m, self.w = torch.from_numpy(mean), torch.from_numpy(matrix.copy())
        self.sharpness.data.fill_(math.log(1 / 0.02))
    def forward(self, x):
        return F.normalize(torch.einsum("bchw,cd->bdhw", x - self.m[None, :, None, None], self.w), dim=1)

def main(fold, minutes, out):
    torch.manual_seed(0); rng = np.random.default_rng(0); torch.set_num_threads(2)
    names = sorted(p.stem for p in (RUNS / "features").glob("*.npz"))
    breadth = {r["set"] for r in breadth_rows()}
    test = [n for n in names if fold >= 0 and n in breadth and fold_of(n) == fold]
    data = load([n for n in names if n not in test]); held = load(test or names[:10])
    proj = np.load(RUNS / "projection_try.npz")
    frozen = Frozen(proj["mean"], proj["matrix"])
    if fold >= 0: r = evaluate(frozen, held); print("frozen", f"{np.mean(list(r.values())):.4f}", {k[:10]: round(v, 2) for k, v in r.items()}, flush=True)
    net = PatchAdapter()
    net.direct.weight.data = torch.from_numpy(proj["matrix"][:, :64].T.copy())[:, :, None, None]
    net.direct.bias.data = -torch.from_numpy(proj["matrix"][:, :64].T @ proj["mean"])
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.02)
    weights = np.array([min(len(d["order"]), 60) ** 0.5 for d in data.values()]); weights /= weights.sum()
    keys = list(data); start = time.time(); step = 0; losses = []
    while (share := (time.time() - start) / (60 * minutes)) < 1:
        for g in opt.param_groups: g["lr"] = 1.5e-3 * min(1, step / 50 + 0.02) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        d = data[keys[rng.choice(len(keys), p=weights)]]
        q = int(rng.integers(len(d["order"])))
        c = d["order"][q]
        if len(c) < 2: continue
        c = np.r_[q, rng.permutation(c)[:int(rng.integers(3, 8))]]
        subj = d["subjects"][c]
        on = d["known"][c].all(0).nonzero()[:, 0]
        if not len(on): continue
        if len(on) > 16: on = on[torch.from_numpy(rng.permutation(len(on))[:16])]
        with torch.autocast("cpu", torch.bfloat16, enabled=False):
            x = net.project(feats(d, c))
        x = F.normalize(x.float(), dim=1).flatten(2)
        shares = d["shares"][c][:, on]
        keysT = x.transpose(0, 1).flatten(1)
        loss = torch.zeros(())
        for k in range(min(len(c), 4)):
            some = torch.from_numpy(rng.permutation(PATCHES)[:256])
            l = net.sharpness.exp() * (x[k][:, some].T @ keysT - 1 - net.place.exp() * net.far[some].repeat(1, len(c)))
            same = torch.from_numpy(subj == subj[k]).repeat_interleave(PATCHES)
            l = l.masked_fill(same[None], -1e4)
            p = (l.softmax(1) @ shares.transpose(1, 2).flatten(0, 1)).T.clamp(1e-4, 1 - 1e-4)
            t = shares[k][:, some]
            ce = F.binary_cross_entropy(p, t, reduction="none").mean(1) / (t.mean(1).sqrt() + 0.05)
            sd = 1 - soft_dice(p, t); sd = sd[~sd.isnan()]
            loss = loss + (0.3 * ce.mean() + (sd.mean() if len(sd) else 0)) / min(len(c), 4)
        loss.backward(); total = float(loss.detach())
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step(); opt.zero_grad(); step += 1; losses.append(total)
        if step % 200 == 0:
            r = evaluate(net, held, n=4)
            print(f"{time.time()-start:.0f}s step {step} loss {np.mean(losses[-200:]):.4f} held {np.mean(list(r.values())):.4f} T {math.exp(-net.sharpness):.3f} place {math.exp(net.place):.2f}", flush=True)
    r = evaluate(net, held); print("adapted", f"{np.mean(list(r.values())):.4f}", {k[:10]: round(v, 2) for k, v in r.items()}, flush=True)
    torch.save(net.state_dict(), out)
if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
