"""What can be asked of an audit or a check."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segassay.runs.configs import CasesConfig
from segassay.types import DEFAULT_JUDGE, Engine, Severity


class Gate(BaseModel):
    """A limit that ends a run with exit code 4: a finding this bad or worse, or a label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity | None = None
    score_below: float | None = None
    p_faulty_above: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """Read `error`, `warning`, `info`, `score<0.7` or `p_faulty>0.8`.

        Raises:
            ValueError: It is none of these.
        """
        match = re.fullmatch(r"(score\s*<|p_faulty\s*>)\s*(0?\.\d+|1|0|1\.0)", text.strip())
        if match is None:
            return cls(severity=Severity(text.strip()))
        limit = float(match[2])
        is_score = match[1].startswith("score")
        return cls(score_below=limit) if is_score else cls(p_faulty_above=limit)


class AuditConfig(CasesConfig):
    """Options of `segassay audit` and `segassay check` (which has no judge).

    `jobs` processes work on one case each, with `None` as many as cores and memory allow. `bounds`
    is a table of plausible values, see `auditing.bounds`. Labels of structures that the judge does
    not know are compared with those of `peers` other cases, see `runs.domain.choose_peers`; 0 for
    none. With `learn` the judge first learns the labels, so many minutes a half, see
    `auditing.teach`.
    """

    judge: str | None = DEFAULT_JUDGE
    engine: Engine = Engine.ONNX
    peers: int = Field(default=10, ge=0, le=50)
    bounds: Path | None = None
    jobs: int | None = Field(default=1, ge=1, le=256)
    n_worst: int = Field(default=20, ge=0)
    pseudonymise: bool = False
    fail_on: Gate | None = None
    learn: float | None = Field(default=None, gt=0, le=24 * 60)

    @model_validator(mode="after")
    def _learns_once(self) -> "AuditConfig":
        if self.learn is not None and self.parts > 1:
            raise ValueError(
                "--learn with --num-parts would learn in every part: run `segassay learn` first "
                "and give its judge to all parts by --judge"
            )
        return self
