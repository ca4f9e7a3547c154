"""The frozen test is the same every time, and refuses data that has changed."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.frozen_test.frozen_pairs import (
    FrozenNetwork,
    FrozenPair,
    FrozenTest,
    as_yaml,
    freeze,
    frozen_cases,
    frozen_pairs,
    read_frozen_test,
)
from benchmarks.frozen_test.unseen_architecture import load_unseen_network
from conftest import write_phantoms
from frozen_samples import guesses
from segassay.corruption.families import NEVER_TRAINED
from segassay.corruption.phantoms.simple_phantom import LABELS
from segassay.datasets.opening import open_dataset
from segassay.datasets.pair_table import UNTOUCHED
from segassay.datasets.splits import split_subjects
from segassay.errors import DatasetError, ModelError, UsageError
from segassay.types import Modality

PAIRS = Path(__file__).parents[2] / "benchmarks" / "pairs.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_phantoms(root / "set", range(1, 9))
    (root / "set" / "labels.json").write_text(f'{{"{LABELS["liver"]}": "liver", "1": "spleen"}}')
    return root


@pytest.fixture
def test(data: Path) -> FrozenTest:
    network = FrozenNetwork(size=64, weights={})
    return freeze([("phantoms", "set", Modality.CT)], data, network, seed=3)


def bits(pairs: list[FrozenPair]) -> list[bytes]:
    return [np.packbits(pair.mask).tobytes() for pair in pairs]


def test_it_comes_back_from_its_file_and_holds_the_last_subjects(
    test: FrozenTest, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text(as_yaml(test))
    assert read_frozen_test(path) == test
    assert list(test.sets[0].cases) == ["p7", "p8"]


def test_pairs_are_the_same_bit_for_bit_and_some_are_of_unseen_families(
    test: FrozenTest, data: Path
) -> None:
    expert = next(frozen_cases(test.sets[0], data))
    pairs = list(frozen_pairs(test, expert, "liver", None))
    again = list(frozen_pairs(test, expert, "liver", None))
    assert bits(pairs) == bits(again)
    assert pairs[0].recipe == UNTOUCHED
    assert (pairs[0].dice, pairs[0].nsd) == (1.0, 1.0)
    assert sum(p.origin == "unseen" for p in pairs) in {2, 3}
    assert all((p.recipe in NEVER_TRAINED) == (p.origin == "unseen") for p in pairs)
    dices = np.array([p.dice for p in pairs[1:]])
    assert dices.min() < 0.35
    assert dices.max() > 0.7
    assert len({p.seed for p in pairs}) == len(pairs)


def test_errors_of_the_network_join_the_planted_faults(test: FrozenTest, data: Path) -> None:
    expert = next(frozen_cases(test.sets[0], data))
    planted = list(frozen_pairs(test, expert, "liver", None))
    pairs = list(frozen_pairs(test, expert, "liver", guesses(expert)))
    of_network = [p for p in pairs if p.origin == "network"]
    assert bits(pairs[: len(planted)]) == bits(planted)
    assert {p.recipe for p in of_network} <= {
        f"net-0-{n} above {t}" for n in range(2) for t in (0.3, 0.5, 0.7)
    }
    assert any(p.recipe.startswith("net-0-0") and p.dice > 0.9 for p in of_network)
    assert len({p.recipe for p in of_network}) == len(of_network)


def test_changed_or_missing_file_is_refused(test: FrozenTest, data: Path, tmp_path: Path) -> None:
    entry = test.sets[0]
    changed = entry.model_copy(update={"cases": {"p7": "0" * 16}})
    with pytest.raises(DatasetError, match="case p7 differ"):
        next(frozen_cases(changed, data))
    gone = entry.model_copy(update={"cases": {"p99": "0" * 16}})
    with pytest.raises(DatasetError, match="p99 of the frozen test is missing"):
        next(frozen_cases(gone, data))
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: one")
    with pytest.raises(UsageError, match="not a frozen test"):
        read_frozen_test(bad)


def test_masks_in_the_cache_belong_to_one_network(tmp_path: Path) -> None:
    named = read_frozen_test(PAIRS).network
    loaded = load_unseen_network(named, PAIRS.with_name("unseen_network"), cache=tmp_path)
    assert loaded.cache == tmp_path / named.fingerprint()
    first = next(iter(named.weights))
    other = named.model_copy(update={"weights": {**named.weights, first: "0" * 64}})
    assert other.fingerprint() != named.fingerprint()
    with pytest.raises(ModelError, match="not the network of the frozen test"):
        load_unseen_network(other, PAIRS.with_name("unseen_network"), cache=tmp_path)


@pytest.mark.data
def test_committed_test_holds_exactly_the_held_out_subjects(shared_data: Path) -> None:
    found = read_frozen_test(PAIRS)
    for entry in found.sets:
        dataset = open_dataset(shared_data / entry.path)
        held = split_subjects([c.subject_id for c in dataset.cases if c.labels]).test
        cases = {c.case_id: c.subject_id for c in dataset.cases}
        assert {cases[case_id] for case_id in entry.cases} == set(held), entry.name


@pytest.mark.data
def test_shipped_judge_never_saw_a_subject_of_the_test(shared_data: Path) -> None:
    from segassay.judge.documents.judge_folder import find_judge, open_judge

    meta = open_judge(find_judge("judge-v0")).meta
    for entry in read_frozen_test(PAIRS).sets:
        dataset = open_dataset(shared_data / entry.path)
        cases = {c.case_id: c.subject_id for c in dataset.cases}
        tested = {cases[case_id] for case_id in entry.cases}
        learned = meta.training_subjects[entry.name]
        assert not tested & {*learned["train"], *learned["tuning"]}
