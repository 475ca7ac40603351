"""What the site's build checks and mkdocs does not: that no page loads anything from elsewhere.

mkdocs calls the functions by name (mkdocs.yml). A warning here fails the build, since it is strict.
"""

from __future__ import annotations

import logging
import re
from typing import Any

LOADS = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'> ]+""")
LINKS = re.compile(r"""<link\b[^>]*\bhref=["']?(?:https?:)?//[^"'> ]+[^>]*>""")
logger = logging.getLogger("mkdocs.hooks")


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Called with each page as it will be written."""
    outside = [*LOADS.findall(output), *(tag for tag in LINKS.findall(output) if 'rel="canonical"' not in tag)]
    for tag in outside:
        logger.warning("%s loads from elsewhere: %s", page.file.src_uri, tag)
    return output
