"""Names as a reader sees them: signs that hide, reorder or break text are written out."""

import logging
import re
import sys

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def visible(text: str) -> str:
    r"""Write control signs, direction marks, zero-width signs and stray surrogates as `\u…`.

    A name could otherwise show as another one, or turn round what stands behind it on the page.
    Tabs and line ends are kept.

    >>> visible("a\u202eb")
    'a\\u202eb'
    """
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _VisibleLog(logging.Handler):
    """Writes to stderr; what goes on below a first line is set in, so that it passes for none."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless nobody can read it."""
        text = visible(self.format(record)).replace("\n", "\n  ")
        try:
            sys.stderr.write(f"{text}\n")
        except (OSError, ValueError):  # closed or full; no result depends on it
            return


def log_visibly() -> None:
    """Let what this process logs reach stderr as text that no terminal obeys."""
    logger = logging.getLogger("segassay")
    if not any(isinstance(handler, _VisibleLog) for handler in logger.handlers):
        logger.addHandler(_VisibleLog())
