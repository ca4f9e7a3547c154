"""Documents of a judge's folder, read strictly.

A key that is missing or unknown, or a value of another type, is refused with one `ModelError` that
names judge, file and key.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from segassay.errors import ModelError

SHOWN = 60
"""Signs of a refused value that are shown."""

Count = Annotated[int, Field(ge=0, le=10**12)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Document(BaseModel):
    """A file of a judge's folder, or a part of one: exactly these keys, no NaN, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def of_today(cls, data: Any) -> Any:
        """Bring parsed content of an earlier format into today's; `ValueError` for a later one."""
        return data


D = TypeVar("D", bound=Document)


def read_document(path: Path, document: type[D]) -> D:
    """Read one of a judge's descriptions, `folder/name`.

    Raises:
        ModelError: It cannot be read, or is not such a document.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path.parent.name}: {path.name}: {error.strerror or error}; install the judge again"
        ) from error
    return parse_document(content, document, path.parent.name, path.name)


def parse_document(content: bytes, document: type[D], judge: str, name: str) -> D:
    """Parse one of a judge's descriptions; `judge` and `name` of the file are for the message."""
    try:
        # Serialised again, since only text is checked as strictly as it is to be.
        content = to_json(document.of_today(from_json(content)), inf_nan_mode="constants")
        return document.model_validate_json(content, strict=True)
    except ValidationError as error:
        reason = _first_problem(error)
    except ValueError as error:
        reason = " ".join(str(error).split())
    raise ModelError(
        f"{judge}: {name}: {reason}; the judge is damaged or of another version: install it again, "
        "or update segassay"
    )


def _first_problem(error: ValidationError) -> str:
    """Say in one line what is wrong with a document: where, what, and what came."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("slices", "sentinel"))
    # Keys are a stranger's words, too.
    told = f"{where!r:.{2 * SHOWN}}: {first['msg']}" if where else first["msg"]
    came = "" if first["type"] == "missing" else f" (got {first['input']!r:.{SHOWN}})"
    return " ".join(f"{told}{came}".split())
