"""Draw pairs once for all folds: RUNS/pool/<part>-<n>.npz, each pair with the set that it is of."""
import sys, time
import numpy as np
from reader import *
from train_reader import load_worlds, weighted, PRE

def quantised(pairs, names):
    c = np.stack([np.concatenate([p.pair.seen.crop, p.maps]) for p in pairs])
    f = np.stack([np.concatenate([p.pair.seen.field, p.field]) for p in pairs])
    c[:, :3] /= 4; f[:, :1] /= 4
    to = lambda a: np.rint(a * 127).clip(-127, 127).astype(np.int8)
    return dict(crop=to(c), field=to(f), looks=to(np.stack([p.looks for p in pairs]) * 2),
        condition=np.stack([np.concatenate([p.pair.seen.condition, p.numbers]) for p in pairs]).astype(np.float32),
        gold=to(np.stack([p.pair.gold for p in pairs])), outside=np.array([p.pair.outside for p in pairs], np.float32),
        dice=np.array([p.pair.dice for p in pairs], np.float32), presence=np.array([p.pair.presence for p in pairs], np.float32),
        kind=np.array([p.pair.kind for p in pairs], np.int64), names=np.array(names))

def main(part, minutes, breadth_weight):
    out = RUNS / "pool"; out.mkdir(exist_ok=True)
    sets, worlds = weighted(load_worlds(-1, "train"), breadth_weight)
    recipe = PairRecipe(network=0.33, gold=0.12, blank_crop=0.05, absent=0.06, blank_field=0.03, untold=0.3, name_dropout=0.3)
    draw = ContextPairDraw(sets, worlds, PRE, recipe, without=0.0)
    rng = np.random.default_rng((7, part)); start = time.time(); n = 0
    while time.time() - start < 60 * minutes:
        pairs, names = [], []
        while len(pairs) < 1024:
            place, candidate = draw.candidate(rng)
            pairs.append(draw._finish(place, candidate, rng)); names.append(place.store.recipe.name)
        np.savez(out / f"{part}-{n}.npz", **quantised(pairs, names)); n += 1
        print(n * 1024, f"{time.time()-start:.0f}s", flush=True)
main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
