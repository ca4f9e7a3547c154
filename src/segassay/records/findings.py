"""What a rule found: one finding is one sentence a curator can act on."""

from dataclasses import asdict, dataclass, field
from typing import Any

from segassay.types import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or oddity of one case or label, found by a rule without any model.

    `check` is the rule's name, `structure` is `None` when the whole case is meant. `evidence`
    holds the numbers behind the message, `suggestion` says what to do next (a command where one
    exists).
    """

    check: str
    severity: Severity
    case_id: str
    structure: str | None
    message: str
    suggestion: str
    source: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `findings.jsonl`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Finding":
        """Rebuild a finding from one line of `findings.jsonl`."""
        return cls(**{**data, "severity": Severity(data["severity"])})
