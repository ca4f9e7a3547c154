"""Labels of unknown quality that weigh one another: the many that agree outvote the few."""

import pickle
from math import isnan

import numpy as np
import pytest

from blobs import blob_volume
from segassay.judge.comparison.gold_cases import GoldCase
from segassay.judge.comparison.peers import Peers, centrality


def wrong(mask: np.ndarray, seed: int) -> np.ndarray:
    """A label that misses its object, another way for every seed."""
    rng = np.random.default_rng([seed, 1])
    return np.roll(mask, rng.choice((-30, 30), 2), axis=(0, 1))


@pytest.fixture(scope="module")
def peers() -> Peers:
    """Seven cases; the labels of the last three are wrong."""
    cases = []
    for seed in range(7):
        image, mask = blob_volume(seed)
        label = wrong(mask, seed) if seed > 3 else mask
        cases.append(GoldCase.of(image, [("blob", label)], f"p{seed}"))
    return Peers(cases)


def test_wrong_peers_are_outvoted(peers: Peers) -> None:
    image, mask = blob_volume(11)
    good, bad = peers.compare(image, [("blob", mask), ("blob", wrong(mask, 5))], subject="new")
    best, mean, among_themselves = good
    assert best > 0.85
    assert mean > 0.6
    assert bad[0] < 0.6
    assert mean - bad[1] > 0.3
    assert among_themselves == bad[2]
    assert among_themselves > 0.9  # wrong peers hardly count


def test_typical_is_what_believed_labels_are_like(peers: Peers) -> None:
    """Three of seven lie elsewhere; what is usual is where the other four do."""
    image, mask = blob_volume(11)
    good, bad = peers.typical.unusual(image, [("blob", mask), ("blob", wrong(mask, 5))])
    assert good[0] < bad[0] - 0.5


def test_nobody_vouches_for_himself(peers: Peers) -> None:
    image, mask = blob_volume(5)
    label = wrong(mask, 5)
    (as_stranger,) = peers.compare(image, [("blob", label)], subject="someone")
    (as_himself,) = peers.compare(image, [("blob", label)], subject="p5")
    assert as_himself[1] < as_stranger[1]


def test_what_no_peer_holds_has_no_number(peers: Peers) -> None:
    image, mask = blob_volume(3)
    labels = [("other", mask), (None, mask), ("blob", np.zeros_like(mask))]
    for found in peers.compare(image, labels):
        assert len(found) == 3
        assert all(map(isnan, found))


def test_peers_travel_to_other_processes(peers: Peers) -> None:
    image, mask = blob_volume(12)
    again = pickle.loads(pickle.dumps(peers))
    assert again.compare(image, [("blob", mask)]) == peers.compare(image, [("blob", mask)])
    assert len(again) == len(peers) == 7
    assert again.count("blob") == 7
    assert again.count("other") == 0


def test_centrality_follows_agreement() -> None:
    agreements = np.array(
        [[0, 0.9, 0.8, 0.1], [0.9, 0, 0.85, 0.2], [0.8, 0.85, 0, 0.1], [0.1, 0.2, 0.1, 0]]
    )
    belief = centrality(agreements)
    values, vectors = np.linalg.eigh(agreements)
    leading = np.abs(vectors[:, values.argmax()])
    np.testing.assert_allclose(belief, leading / leading.max(), rtol=1e-4)
    assert belief.argmin() == 3
    np.testing.assert_array_equal(centrality(np.zeros((3, 3))), 1)
    np.testing.assert_allclose(centrality(np.array([[0, 0.4], [0.4, 0]])), 1)
