"""Links of a page lead to the same place on the site as they do in the repository.

README, contributing guide, changelog and the judges' cards lie outside `docs` and become pages of
the site. So a link is first read as the repository means it, then written as the site needs it.
"""

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath, relpath

_LINK = re.compile(r"(\]\()([^)#\s]+)([^)]*\))")


def relink(text: str, source: str, page: str, moved: Mapping[str, str]) -> str:
    """Return a page's Markdown with its relative links written for the site.

    Args:
        text: Markdown of the page.
        source: Path of its source in the repository, `README.md`.
        page: Path of the page below the site's root, `index.md`.
        moved: Pages of the site by the path of their source, for sources outside `docs` and for
            folders that have a page.

    Raises:
        ValueError: A link leads to something in the repository that the site does not hold.
    """

    def write(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        meant = normpath(join(dirname(source), target))
        found = moved.get(meant) or (meant[5:] if meant.startswith("docs/") else "")
        if not found:
            raise ValueError(f"{source}: {target} is not on the site; link to a page or an address")
        return f"{before}{relpath(found, dirname(page) or '.')}{after}"

    return _LINK.sub(write, text)
