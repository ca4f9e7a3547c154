"""Under which terms a judge's weights stand, as far as its recipe says it of the data."""

import re

from segassay.judge.documents.description import JudgeMeta, RecipeSet

_OPEN = re.compile(
    r"CC0|PDDL|ODC-BY|CC-BY-\d|CC-BY-SA|CC-BY$|APACHE|MIT$|BSD|UNLICENSE", re.IGNORECASE
)
"""Beginnings of licences that allow commercial use and changes."""

_RESTRICTED = re.compile(r".*(-NC\b|NON-?COMMERCIAL|RESEARCH-(ONLY|USE))", re.IGNORECASE)

_CREDIT = re.compile(r"CC0|PDDL|UNLICENSE", re.IGNORECASE)
"""Those that ask for nothing, not even for credit."""


def say_terms(meta: JudgeMeta) -> str:
    """Say under which terms weights stand, from the licences that its recipe tells.

    Nothing is known of data beyond its recipe: what is not told there is not claimed.
    """
    told = {entry.name: entry.licence for entry in _sets(meta)}
    unknown = [name for name, licence in told.items() if licence is None]
    known = {name: _spelled(licence) for name, licence in told.items() if licence is not None}
    restricted = [name for name, licence in known.items() if _RESTRICTED.match(licence)]
    others = [n for n, licence in known.items() if n not in restricted and not _OPEN.match(licence)]
    parts = []
    if restricted:
        parts.append(
            f"Part of the data ({', '.join(restricted)}) is for research or non-commercial use "
            "only, so these weights are, too."
        )
    if unknown:
        parts.append(
            f"The terms of {', '.join(unknown)} were not told in the recipe: find them out before "
            "you pass the weights on."
        )
    if others:
        parts.append(f"The terms of {', '.join(others)} stand below; they hold for the weights.")
    if not parts:
        parts.append(_of_open(set(known.values())))
    if meta.started_from is not None:
        parts.append(
            f"Training began with the weights of {meta.started_from}, whose terms hold on."
        )
    return " ".join(parts)


def list_sources(meta: JudgeMeta) -> str:
    """Return a Markdown line for each data set: its name, where it comes from, its licence."""
    lines = [
        f"- {entry.name}: {entry.source or 'source unknown'}, {_shown(entry.licence)}"
        for entry in _sets(meta)
    ]
    return "\n".join(lines)


def _sets(meta: JudgeMeta) -> list[RecipeSet]:
    """Return the entries of the recipe, one for each place: a set may come in several planes."""
    places: dict[object, RecipeSet] = {}
    for entry in meta.sets:
        place = entry.path or (entry.images, entry.labels)
        first = places.setdefault(place, entry)
        if first.licence is None and entry.licence is not None:
            places[place] = first.model_copy(update={"licence": entry.licence})
    return list(places.values())


def _of_open(licences: set[str]) -> str:
    binding = sorted(licence for licence in licences if not _CREDIT.match(licence))
    if not binding:
        return "All data may be used commercially, too, and so may these weights."
    alike = [licence for licence in binding if "-SA" in licence.upper()]
    under = f", and under {' and '.join(alike)}" if alike else ""
    return (
        "All data may be used commercially, too, and so may these weights, with credit as "
        f"{', '.join(binding)} ask for it{under}."
    )


def _spelled(licence: str) -> str:
    """Return a licence as SPDX spells it: CC-BY 4.0 is CC-BY-4.0."""
    return "-".join(licence.split())


def _shown(licence: str | None) -> str:
    return "licence unknown" if licence is None else f"licence {licence}"
