"""Logging: the loggers `uvicorn.error`, `uvicorn.access` and `uvicorn.asgi`, which programs filter by these names.

`LOGGING_CONFIG` and the two formatters give the lines that uvicorn writes. `access_logger.py` has the fast way to the
same lines. Must not know what is logged.
"""

from __future__ import annotations

import logging
import os
import sys
from copy import copy
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from configparser import RawConfigParser

TRACE = 5
LEVELS = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
}

LOGGING_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": "ferrio.server.logs.DefaultFormatter",
            "fmt": "%(levelprefix)s %(message)s",
            "use_colors": None,
        },
        "access": {
            "()": "ferrio.server.logs.AccessFormatter",
            "fmt": '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s',
        },
    },
    "handlers": {
        "default": {"formatter": "default", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
        "access": {"formatter": "access", "class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}
_UNCHANGED = repr(LOGGING_CONFIG)

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "bright_red": 91, "bright_white": 97}
_LEVEL_COLOURS = {
    TRACE: "blue",
    logging.DEBUG: "cyan",
    logging.INFO: "green",
    logging.WARNING: "yellow",
    logging.ERROR: "red",
    logging.CRITICAL: "bright_red",
}
_STATUS_COLOURS = {1: "bright_white", 2: "green", 3: "yellow", 4: "red", 5: "bright_red"}


def style(text: str, colour: str = "", bold: bool = False) -> str:
    """The text as a terminal shows it in colour, or bold."""
    start = f"\x1b[{_COLOURS[colour]}m" if colour else ""
    return start + ("\x1b[1m" if bold else "") + text + "\x1b[0m"


def status_text(code: int, colours: bool = False) -> str:
    """`200 OK`; the phrase is empty for a code that has none."""
    from http import HTTPStatus  # where answers are logged

    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = ""
    text = f"{code} {phrase}"
    return style(text, _STATUS_COLOURS[code // 100]) if colours and code // 100 in _STATUS_COLOURS else text


def level_prefix(name: str, number: int, colours: bool) -> str:
    """`INFO:    `, as wide for every level."""
    colour = _LEVEL_COLOURS.get(number) if colours else None
    return f"{style(name, colour) if colour else name}:{' ' * (8 - len(name))}"


class ColourizedFormatter(logging.Formatter):
    """Adds `levelprefix`, and shows the `color_message` of a record instead of its message where there are colours."""

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        use_colors: bool | None = None,
    ) -> None:
        self.use_colors = use_colors if use_colors in (True, False) else _is_terminal()
        super().__init__(fmt=fmt, datefmt=datefmt, style=style)

    def formatMessage(self, record: logging.LogRecord) -> str:
        shown = copy(record)
        if self.use_colors and "color_message" in vars(shown):
            shown.msg = vars(shown)["color_message"]
            shown.message = shown.getMessage()
        vars(shown)["levelprefix"] = level_prefix(shown.levelname, shown.levelno, bool(self.use_colors))
        return super().formatMessage(shown)


class DefaultFormatter(ColourizedFormatter):
    """Of everything but the access log."""


class AccessFormatter(ColourizedFormatter):
    """Takes `(client, method, path, version, status)`, and gives `client_addr`, `request_line` and `status_code`."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        client, method, path, version, status = record.args  # type: ignore[misc]
        line = f"{method} {path} HTTP/{version}"
        shown = copy(record)
        vars(shown).update(
            client_addr=client,
            request_line=style(line, bold=True) if self.use_colors else line,
            status_code=status_text(int(str(status)), bool(self.use_colors)),
        )
        return super().formatMessage(shown)


class AccessJsonFormatter(logging.Formatter):
    """One JSON object a line, of the same arguments."""

    def format(self, record: logging.LogRecord) -> str:
        return json_line(record.created, record.args)


def json_line(time: float, values: Any) -> str:
    """An access log's line as JSON; `time` in seconds since 1970."""
    from json.encoder import encode_basestring_ascii as quoted  # where lines are JSON only

    client, method, path, version, status = values
    return (
        f'{{"time": {time:.3f}, "client": {quoted(client)}, "method": {quoted(method)}, "path": {quoted(path)}, '
        f'"version": "{version}", "status": {int(status)}}}'
    )


class BadConfiguration(ValueError):
    """A file that is no configuration of logging."""


def configure(
    log_config: dict[str, Any] | str | os.PathLike[str] | RawConfigParser | IO[Any] | None,
    use_colors: bool | None,
    access_format: str,
) -> None:
    """Set the loggers up: by a dict, the name of a file of JSON or YAML, or whatever fileConfig() takes."""
    logging.addLevelName(TRACE, "TRACE")
    if isinstance(log_config, os.PathLike):
        log_config = os.fspath(log_config)
    if log_config is None:
        return
    if isinstance(log_config, dict):
        usual = log_config is LOGGING_CONFIG and repr(log_config) == _UNCHANGED and _is_first()
        if use_colors in (True, False):
            for formatter in ("default", "access"):
                log_config["formatters"][formatter]["use_colors"] = use_colors
        if usual:
            return _configure_first(access_format)
        if access_format == "json" and log_config is LOGGING_CONFIG:
            entry = {"()": "ferrio.server.logs.AccessJsonFormatter"}
            log_config = {**log_config, "formatters": {**log_config["formatters"], "access": entry}}
        _config().dictConfig(log_config)
        return
    try:
        if isinstance(log_config, str) and log_config.endswith((".json", ".yaml", ".yml")):
            _config().dictConfig(_loaded(log_config))
        else:
            _config().fileConfig(log_config, disable_existing_loggers=False)
    except ImportError:
        raise
    except Exception as error:  # of any kind: parsers, and whatever the file names
        text = " ".join(str(error).split())
        raise BadConfiguration(f"{log_config}: it configures no logging: {type(error).__name__}: {text}") from error


def set_levels(level: str | int) -> None:
    """Of all three loggers."""
    number = LEVELS[level.lower()] if isinstance(level, str) else level
    for name in ("error", "access", "asgi"):
        logging.getLogger(f"uvicorn.{name}").setLevel(number)


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _config() -> Any:
    return import_module("logging.config")


def _is_first() -> bool:
    """Whether nobody has set anything up yet that dictConfig() would undo: handlers, loggers that are off or ours."""
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    ours = [each for each in loggers if each.name.partition(".")[0] == "uvicorn"]
    untouched = all(not each.level and each.propagate for each in ours) and not any(each.disabled for each in loggers)
    return untouched and set(_handlers()) <= {logging.lastResort}


def _handlers() -> list[logging.Handler | None]:
    """All there are; where this Python does not say, one that is none of logging's own."""
    return [each() for each in getattr(logging, "_handlerList", [logging.NullHandler])]


def _configure_first(access_format: str) -> None:
    """What dictConfig() makes of LOGGING_CONFIG. To import it takes 5 ms of a start that takes 110."""
    default, usual = (
        kind(entry["fmt"], use_colors=entry.get("use_colors"))
        for kind, entry in zip((DefaultFormatter, AccessFormatter), LOGGING_CONFIG["formatters"].values(), strict=True)
    )
    own: tuple[tuple[str, str, logging.Formatter, TextIO], ...] = (
        ("uvicorn", "default", default, sys.stderr),
        ("uvicorn.access", "access", AccessJsonFormatter() if access_format == "json" else usual, sys.stdout),
    )
    for logger_name, name, formatter, stream in own:
        handler, logger = logging.StreamHandler(stream), logging.getLogger(logger_name)
        handler.set_name(name)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
        logger.propagate = False
    for name, entry in LOGGING_CONFIG["loggers"].items():
        logging.getLogger(name).setLevel(entry["level"])


def _loaded(path: str) -> Any:
    with open(path) as file:
        if path.endswith(".json"):
            return import_module("json").load(file)
        try:
            yaml = import_module("yaml")
        except ImportError:
            raise ImportError(f"{path}: install PyYAML to configure logging by a file of YAML") from None
        return yaml.safe_load(file)
