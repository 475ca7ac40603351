"""What names an application, and what is said where it names none: uvicorn's words."""

import sys

import pytest
from ferrio.server.importer import ImportFromStringError, import_from_string

WRONG = {
    "example": 'Import string "example" must be in format "<module>:<attribute>".',
    "example:": 'Import string "example:" must be in format "<module>:<attribute>".',
    ":app": 'Import string ":app" must be in format "<module>:<attribute>".',
    "server_no_such:app": 'Could not import module "server_no_such".',
    "json:no_such": 'Attribute "no_such" not found in module "json".',
    "json:decoder.no_such.more": 'Attribute "decoder.no_such.more" not found in module "json".',
}


@pytest.mark.parametrize("text", WRONG)
def test_what_names_nothing(text):
    with pytest.raises(ImportFromStringError) as raised:
        import_from_string(text)
    assert str(raised.value) == WRONG[text]


def test_what_names_something():
    import json

    assert import_from_string("json:loads") is json.loads
    assert import_from_string("json:decoder.JSONDecoder") is json.JSONDecoder
    assert import_from_string(json) is json


def test_errors_inside_the_module_are_its_own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "server_broken.py").write_text("import server_not_there\n")
    with pytest.raises(ModuleNotFoundError, match="server_not_there"):
        import_from_string("server_broken:app")
    (tmp_path / "server_broken_too.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        import_from_string("server_broken_too:app")
    assert "server_broken" not in sys.modules
