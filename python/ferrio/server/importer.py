"""`module:attribute`, imported: applications, factories and protocol classes that are named by a text.

What fails inside the module itself is raised as it is, so that its traceback shows the line. Only a text that names
nothing is an `ImportFromStringError`, with uvicorn's words.
"""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from typing import Any


class ImportFromStringError(Exception):
    """The text names no module, or nothing in it."""


def import_from_string(name: Any) -> Any:
    """What the text names. Anything else is returned as it is."""
    if not isinstance(name, str):
        return name
    module_name, _, attributes = name.partition(":")
    if not module_name or module_name.startswith(".") or not attributes:
        raise ImportFromStringError(f'Import string "{name}" must be in format "<module>:<attribute>".')
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise ImportFromStringError(f'Could not import module "{module_name}".') from None
    try:
        return reduce(getattr, attributes.split("."), module)
    except AttributeError:
        message = f'Attribute "{attributes}" not found in module "{module_name}".'
        raise ImportFromStringError(message) from None
