"""Names as a reader sees them: signs that hide, reorder or break text are written out."""

import re

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
