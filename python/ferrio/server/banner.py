"""The lines at the start that say what runs where: places, the application, what serves it, and what was asked for."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from .. import __version__
from .logs import style

if TYPE_CHECKING:
    from .config import Config

logger = logging.getLogger("uvicorn.error")


def log_running(places: list[str], config: Config) -> None:
    """One line for each place where a server can be reached, and one of what is served there."""
    for each in places:
        text = "Ferrio running on %s (Press CTRL+C to quit)"
        logger.info(text, each, extra={"color_message": text.replace("%s", style("%s", bold=True))})
    if places:
        logger.info("Serving %s", served(config))


def served(config: Config) -> str:
    """`app:app with ferrio 0.1.0 on CPython 3.13.0, 2 workers, gzip, files of public at /static/`."""
    python = sys.implementation.name.replace("cpython", "CPython")
    parts = [f"{name_of(config.app)} with ferrio {__version__} on {python} {sys.version.split()[0]}"]
    if config.should_reload:
        parts.append("reloaded when files change")
    elif config.workers > 1:
        parts.append(f"{config.workers} workers")
    parts += [f"files of {folder} at {url}" for url, folder in config.static]
    if config.compress:
        parts.append(f"compressed by {' or '.join(config.compress)}")
    if config.metrics_path is not None:
        parts.append(f"figures at {config.metrics_path}")
    return ", ".join(parts)


def name_of(app: Any) -> str:
    """`module:name`, or the name of its class."""
    if isinstance(app, str):
        return app
    kind = app if hasattr(app, "__qualname__") else type(app)
    return f"{kind.__module__}:{kind.__qualname__}"
