"""When a training ends, is looked at and saved; and that it leaves the process as it was."""

import csv
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from segassay.training import train_judge as pipeline  # noqa: E402
from segassay.training.learning.course import Course, HelperDone  # noqa: E402
from segassay.training.learning.networks import build_net  # noqa: E402
from segassay.training.learning.progress import RunningMeans  # noqa: E402
from segassay.training.learning.seeded import seeded  # noqa: E402
from segassay.training.settings import JudgeRecipe  # noqa: E402

FREE = {
    "name": "x",
    "data": [{"name": "s", "path": "s"}],
    "widths": [8, 16],
    "precision": "32-true",
}


@dataclass(slots=True)
class Parts:
    total: Any


def recipe(**more: Any) -> JudgeRecipe:
    return JudgeRecipe.model_validate({**FREE, **more})


class Run:
    """A training that only counts."""

    def __init__(self, course: Course, *, fails_at: int | None = None) -> None:
        self.course, self.fails_at = course, fails_at
        self.shares: list[float] = []
        self.looks: list[dict[str, float]] = []

    def update(self, share: float) -> Parts:
        if len(self.shares) == self.fails_at:
            raise KeyboardInterrupt
        self.shares.append(share)
        self.course.count(4)
        return Parts(torch.tensor(float(len(self.shares))))

    def look(self, curve: RunningMeans) -> int:
        self.looks.append(curve.take())
        self.course.tell(self.looks[-1])
        return len(self.looks)

    def follow(self, **more: Any) -> int:
        return self.course.follow(
            update=self.update, look=self.look, state=lambda: {"kept": 7}, **more
        )


def test_a_course_of_updates_ends_after_them_and_is_saved(tmp_path: Path) -> None:
    said: list[str] = []
    run = Run(Course(recipe(updates=4), tmp_path, said.append))
    assert run.follow() == 1
    assert run.shares == [0, 0.25, 0.5, 0.75]
    assert run.looks == [{"total": 2.5}]
    progress = run.course.progress
    assert (progress.updates, progress.pairs, progress.restarts) == (4, 16, 0)
    assert progress.device == run.course.fabric.device.type
    with (tmp_path / "curves.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["updates", "pairs", "seconds", "restarts", "total"]
    assert len(said) == 1


def test_a_course_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    first = Run(Course(recipe(updates=3), tmp_path, lambda _: None))
    first.follow()
    again = Run(Course(recipe(updates=5), tmp_path, lambda _: None))
    assert again.course.load({}) == {"kept": 7, "progress": first_progress(first.course)}
    assert again.course.seed == (0, 1)
    again.follow()
    assert again.shares == [0.6, 0.8]
    assert again.course.progress.updates == 5


def first_progress(course: Course) -> dict[str, Any]:
    return {name: getattr(course.progress, name) for name in course.progress.__slots__}


def test_a_course_looks_now_and_then(tmp_path: Path) -> None:
    run = Run(Course(recipe(updates=3), tmp_path, lambda _: None))
    assert run.follow(look_every_s=-1.0) == 4  # after each update, and in the end
    assert [look.get("total") for look in run.looks] == [1.0, 2.0, 3.0, None]


def test_an_interrupted_course_keeps_its_last_checkpoint(tmp_path: Path) -> None:
    Run(Course(recipe(updates=2), tmp_path, lambda _: None)).follow()
    before = (tmp_path / "checkpoint.pt").read_bytes()
    broken = Run(Course(recipe(updates=9), tmp_path, lambda _: None), fails_at=1)
    broken.course.load({})
    with pytest.raises(KeyboardInterrupt):
        broken.follow()
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert not (tmp_path / "checkpoint.new").exists()


def test_a_course_of_minutes_goes_by_the_clock(tmp_path: Path) -> None:
    run = Run(Course(recipe(minutes=1e-9), tmp_path, lambda _: None))
    run.follow()
    assert len(run.shares) == 1  # begun at 0 seconds, spent after the first
    assert run.course.progress.seconds > 0


class Helping(Course):
    """The second of two processes."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.fabric: Any = SimpleNamespace(
            is_global_zero=False,
            global_rank=1,
            world_size=2,
            device=torch.device("cpu"),
            broadcast=lambda value: value,
            save=lambda path, state: None,
        )


def test_a_helper_ends_with_the_training_and_not_with_the_process(tmp_path: Path) -> None:
    said: list[str] = []
    run = Run(Helping(recipe(updates=2), tmp_path, said.append))
    with pytest.raises(HelperDone) as ended:
        run.follow()
    assert not isinstance(ended.value, SystemExit)
    assert run.course.seed[0] > 0
    assert run.course.progress.pairs == 16
    assert said == []
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_helped_makes_no_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def helped(*_: Any, **__: Any) -> None:
        raise HelperDone

    monkeypatch.setattr(pipeline, "gather_material", lambda *_, **__: None)
    monkeypatch.setattr(pipeline, "with_shapes", lambda *_: None)
    monkeypatch.setattr(pipeline, "_trained", helped)
    config = tmp_path / "x.yaml"
    config.write_text("{name: x, data: [{name: s, path: s}]}")
    assert pipeline.train_judge(config, tmp_path, tmp_path, say=lambda _: None) is None


def test_seeds_are_ours_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = build_net(recipe(seed=1))
    with seeded(9):
        torch.rand(2)
    assert torch.equal(torch.rand(3), expected)
    again, other = build_net(recipe(seed=1)), build_net(recipe(seed=2))
    same = [torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True)]
    assert all(same)
    different = zip(one.parameters(), other.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in different)
