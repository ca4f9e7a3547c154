"""What can be asked of `segassay pairs`."""

from pydantic import Field, field_validator

from segassay.corruption.spread import known_families
from segassay.runs.configs import CasesConfig, one_by_one


class PairsConfig(CasesConfig):
    """Options of `segassay pairs`.

    Every label gets `per_label` faulty masks; `families` are names of faults, by default those that
    judges are trained on. `label_source` picks the labels to trust where there are several of one
    structure. `untouched` adds every label itself as a pair.
    """

    per_label: int = Field(default=10, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0)
    families: tuple[str, ...] = ()
    label_source: str | None = None
    untouched: bool = False

    @field_validator("families")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(one_by_one(names)))
        unknown = [name for name in found if name not in known_families()]
        if unknown:
            known = ", ".join(known_families())
            raise ValueError(f"no fault family {', '.join(unknown)}; there are {known}")
        return found
