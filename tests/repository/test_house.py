"""Each rule of scripts/check_house.py, by a small tree that breaks it and one that keeps it."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKER = Path(__file__).parents[2] / "scripts" / "check_house.py"
ENGINE = "crates/ferrio-engine/src/a.rs"
DOOR = "crates/ferrio-python/src/a.rs"
FFI = "crates/ferrio-python/src/ffi/a.rs"
HEAD = "//! Owns something.\n"
LEFT = "TO" + "DO"
ROWS = "x = 1\n" * 500


def check(root: Path, path: str, text: str) -> list[str]:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    done = subprocess.run([sys.executable, CHECKER, root], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert done.returncode == (1 if lines else 0)
    return lines


BREACHES = {
    "rust file without head": (ENGINE, "fn f() {}\n", 1, "no head"),
    "python file without head": ("python/ferrio/a.py", "import os\n", 1, "no head"),
    "a shebang is no head": ("tests/a.py", "#!/usr/bin/env python3\nimport os\n", 1, "no head"),
    "too long": ("tests/a.py", '"""Head.\n\nOver 500 lines because so.\n"""\n' + ROWS * 2, 750, "split it"),
    "long without reason": (ENGINE, HEAD + "\n" * 500, 1, "needs a line"),
    "long, reason not in the head": (
        ENGINE,
        HEAD + "\n" * 500 + "fn f() {}\n// Over 500 lines because so.\n",
        1,
        "needs",
    ),
    "leftover": (ENGINE, HEAD + f"// {LEFT}: more\n", 2, LEFT),
    "unsafe in the door": (DOOR, HEAD + "// SAFETY: fine.\nunsafe impl Send for A {}\n", 3, "unsafe belongs"),
    "unsafe block unexplained": (ENGINE, HEAD + "fn f() {\n    unsafe { g() }\n}\n", 3, "without SAFETY"),
    "unsafe impl unexplained": (ENGINE, HEAD + "unsafe impl Send for A {}\n", 2, "without SAFETY"),
    "unsafe fn unexplained": (FFI, HEAD + 'pub unsafe extern "C" fn f() {}\n', 2, "without SAFETY"),
    "SAFETY too far": (
        ENGINE,
        HEAD + "// SAFETY: far.\n" + "f();\n" * 8 + "unsafe { g() }\n",
        11,
        "without SAFETY",
    ),
    "SAFETY only in a string": (ENGINE, HEAD + 'let s = "SAFETY";\nunsafe { g() }\n', 3, "without SAFETY"),
    "engine names pyo3": (ENGINE, HEAD + "use pyo3::prelude::*;\n", 2, "must not name pyo3"),
    "engine names ferrio": (ENGINE, HEAD + "use ferrio::sleep;\n", 2, "must not name ferrio"),
    "ferrio names python": (
        "crates/ferrio/src/a.rs",
        HEAD + "use ferrio_python::A;\n",
        2,
        "must not name ferrio_python",
    ),
    "http names the engine": (
        "crates/ferrio-http/src/a.rs",
        HEAD + "use ferrio_engine::Loop;\n",
        2,
        "must not name ferrio_engine",
    ),
    "http names python": (
        "crates/ferrio-http/src/a.rs",
        HEAD + "use ferrio_python::A;\n",
        2,
        "must not name",
    ),
    "engine depends on ferrio": (
        "crates/ferrio-engine/Cargo.toml",
        '[package]\nname = "ferrio-engine"\n\n[dependencies]\nferrio.workspace = true\n',
        5,
        "must not depend on ferrio",
    ),
    "http depends on python, as a table": (
        "crates/ferrio-http/Cargo.toml",
        '[dev-dependencies.ferrio-python]\npath = "x"\n',
        1,
        "must not depend on",
    ),
    "unwrap": (ENGINE, HEAD + "fn f() { g().unwrap(); }\n", 2, ".unwrap()"),
    "expect": (DOOR, HEAD + 'fn f() { g().expect("x"); }\n', 2, ".expect("),
    "panic": (DOOR, HEAD + 'fn f() { panic!("x") }\n', 2, "panic!"),
    "todo macro": (DOOR, HEAD + "fn f() { todo!() }\n", 2, "todo!"),
    "unimplemented": (DOOR, HEAD + "fn f() { unimplemented!() }\n", 2, "unimplemented!"),
    "unwrap behind a test module": (
        ENGINE,
        HEAD + "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\nfn f() { g().unwrap(); }\n",
        6,
        ".unwrap()",
    ),
    "release asked in the door": (DOOR, HEAD + "const A: bool = cfg!(Py_3_14);\n", 2, "asked in compat/"),
    "release asked in the door, not": (DOOR, HEAD + "#[cfg(all(unix, not(Py_3_14)))]\nmod a;\n", 2, "asked in compat/"),
    "release asked in the middle of ffi": (FFI, HEAD + "fn f() { if cfg!(not(Py_3_12)) {} }\n", 2, "asked in compat/"),
    "release asked in python": (
        "python/ferrio/cli/a.py",
        '"""Head."""\nimport sys\nA = sys.version_info >= (3, 12)\n',
        3,
        "asked in _compat.py",
    ),
    "reason too far": (ENGINE, HEAD + "// Cannot fail.\nf();\nf();\nf();\ng().unwrap();\n", 6, ".unwrap()"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_breach(tmp_path: Path, name: str) -> None:
    path, text, line, message = BREACHES[name]
    (found,) = check(tmp_path, path, text)
    assert found.startswith(f"{path}:{line}: ")
    assert message in found


KEPT = {
    "head after a shebang": ("tests/a.py", '#!/usr/bin/env python3\n"""Head."""\n'),
    "long with a reason": (ENGINE, "//! Owns.\n//!\n//! Over 500 lines because it must.\n" + "\n" * 500),
    "long python with a reason": ("tests/a.py", '"""Head.\n\nOver 500 lines because so.\n"""\n' + ROWS),
    "explained unsafe": (FFI, HEAD + "// SAFETY: checked above.\nlet a = unsafe { g() };\n"),
    "unsafe fn with long docs": (
        ENGINE,
        HEAD + "fn f() {}\n\n/// # Safety\n" + "/// More.\n" * 12 + "#[inline]\npub unsafe fn g() {}\n",
    ),
    "type of an unsafe function": (ENGINE, HEAD + "struct V {\n    drop: unsafe fn(*const ()),\n}\n"),
    "words in comments and strings": (
        DOOR,
        HEAD + '// panic!\nconst A: &str = "unsafe { x.unwrap() }";\nconst B: &str = r#"todo!() "quoted""#;\n',
    ),
    "quotes and lifetimes": (DOOR, HEAD + "fn f<'a>(c: &'a char) -> bool { *c == '\"' || *c == '\\'' }\n"),
    "the lint itself": (DOOR, HEAD + "#![forbid(unsafe_code)]\n"),
    "unwrap with a reason": (ENGINE, HEAD + "// Cannot fail: filled in new().\nlet a = b.unwrap();\n"),
    "unwrap in tests": (
        ENGINE,
        HEAD + '#[cfg(test)]\nmod tests {\n    fn f() { g().unwrap(); panic!("x") }\n}\n',
    ),
    "unwrap in a test crate": ("crates/ferrio-engine/tests/a.rs", HEAD + "fn f() { g().unwrap(); }\n"),
    "release asked in compat": ("crates/ferrio-python/src/compat/a.rs", HEAD + "const A: bool = cfg!(not(Py_3_14));\n"),
    "release of a layout": (FFI, HEAD + "#[cfg(not(Py_3_14))]\nmod a;\n"),
    "release asked in python's compat": ("python/ferrio/_compat.py", '"""Head."""\nimport sys\nA = sys.version_info\n'),
    "release asked in a test": ("tests/a.py", '"""Head."""\nimport sys\nA = sys.version_info\n'),
    "engine named by the door": (DOOR, HEAD + "use ferrio_engine::Loop;\nuse pyo3::prelude::*;\n"),
    "manifest of the door": (
        "crates/ferrio-python/Cargo.toml",
        "[dependencies]\nferrio-engine.workspace = true\npyo3.workspace = true\n",
    ),
    "manifest of the engine": (
        "crates/ferrio-engine/Cargo.toml",
        '[package]\nname = "ferrio-engine"\n\n[dependencies]\nrustix.workspace = true\n',
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_kept(tmp_path: Path, name: str) -> None:
    path, text = KEPT[name]
    assert check(tmp_path, path, text) == []


def crate(root: Path, files: dict[str, str]) -> list[str]:
    """What is said of a crate with these files, in which everything else is in order."""
    said: list[str] = []
    for path, code in files.items():
        said = check(root, f"crates/ferrio-python/src/{path}", HEAD + code)
    return said


def test_a_room_imports_those_below_it(tmp_path: Path) -> None:
    files = {"ffi/a.rs": "", "tasks/a.rs": "use crate::ffi::{a::{B, C}, d};\n", "types.rs": "use crate::tasks::a::T;\n"}
    assert crate(tmp_path, files) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("ffi/b.rs", "use crate::tasks::a::T;"),
        ("ffi/b/c.rs", "use crate::{ffi::a, tasks::a::{self, T}};"),
        ("ffi/b.rs", "fn f() { super::super::tasks::a::g() }"),
        ("waiting/a.rs", "use crate::once;"),
    ],
)
def test_nothing_crosses_upward(tmp_path: Path, path: str, line: str) -> None:
    (said,) = crate(tmp_path, {"ffi/a.rs": "", "once.rs": "", "tasks/a.rs": "", path: line + "\n"})
    assert "which is above it" in said


def test_a_test_may_import_anything(tmp_path: Path) -> None:
    tests = "#[cfg(test)]\nmod tests {\n    use crate::tasks::a::T;\n}\n"
    assert crate(tmp_path, {"tasks/a.rs": "", "ffi/a.rs": tests}) == []


@pytest.mark.parametrize(("count", "fine"), [(4, True), (5, False)])
def test_a_circle_of_files_is_small(tmp_path: Path, count: int, fine: bool) -> None:
    files = {f"net/m{n}.rs": f"use crate::net::m{(n + 1) % count}::T;\n" for n in range(count)}
    said = crate(tmp_path, files)
    assert (said == []) == fine
    assert fine or "5 files import each other" in said[0]


def test_what_the_root_passes_on_is_its_owners(tmp_path: Path) -> None:
    files = {f"net/m{n}.rs": f"use crate::T{(n + 1) % 5};\n" for n in range(5)}
    lines = "".join(f"pub use crate::net::m{n}::T{n};\n" for n in range(5))
    root = tmp_path / "crates" / "ferrio-engine" / "src"
    for path, code in (files | {"lib.rs": lines}).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD + code)
    (said,) = check(tmp_path, "tests/a.py", '"""Head."""\n')
    assert "5 files import each other" in said
