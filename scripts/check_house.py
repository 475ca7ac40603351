"""Checks the house rules that no linter knows: prints `path:line: message` for each breach and exits 1.

Rust is read as text without comments and literals, not parsed. tests/repository/test_house.py proves that each rule
can fail.
"""

import re
import sys
from pathlib import Path

from check_rooms import check_rooms

ROOTS = ("crates", "python", "benches", "tests", "scripts", "examples", "fuzz/fuzz_targets")
LIMIT, LONG, REASON = 750, 500, "Over 500 lines because"
UNSAFE_HOMES = (
    "crates/ferrio-engine/",
    "crates/ferrio-python/src/ffi/",
    "crates/ferrio-load/src/linux/process_clock.rs",
)
# Where the release of Python may be asked for: `cfg!(Py_3_x)`, and in front of an item; `sys.version_info`.
FACTS = ("crates/ferrio-python/src/compat/",)
LAYOUTS = (*FACTS, "crates/ferrio-python/src/ffi/")
ASKING, ASKERS = "python/ferrio/", "python/ferrio/_compat.py"
FORBIDDEN = {  # dependencies point one way: engine <- ferrio <- python; http, which stands on nothing <- ferrio
    "ferrio-engine": r"\bpyo3\b|\bferrio_(?:http|python)\b|\bferrio::",
    "ferrio-load": r"\bpyo3\b|\bferrio_\w+",
    "ferrio": r"\bpyo3\b|\bferrio_python\b",
    "ferrio-http": r"\bpyo3\b|\bferrio_(?:engine|python)\b|\bferrio::",
    "ferrio-bridge": r"\bferrio_(?:engine|http|python)\b",
}
HEAD = {"rs": r"((?:\s*//.*)*)", "py": r'(?:#!.*\n)?((?:#.*\n|\s*r?"""[\s\S]*?""")*)'}
LITERAL = r"""//[^\n]*|/\*.*?\*/|\b[bc]?r(\#*)".*?"\1|"(?:\\.|[^"\\])*"|'(?:\\[^']+|\\'|[^\\'\n])'"""
UNSAFE_SITE = r"\bunsafe\s*(?:\{|impl\b|trait\b|(?:extern\s+)?fn\s+\w)"
PANIC = r"\.unwrap\(\)|\.expect\s*\(|\b(?:panic|todo|unimplemented)!"
TEST_ITEM = r"#!?\[cfg\((?:all\()?test\b[^\]]*\]"
LEFTOVER = r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b"  # in pieces, or this file would find itself


def each(pattern, code):
    return [(code.count("\n", 0, found.start()) + 1, found[0]) for found in re.finditer(pattern, code)]


def blank(text):
    """Spaces in the place of the text, so that every line and column stays where it was."""
    return re.sub(r"[^\n]", " ", text)


def code_of(text):
    """Rust without comments and literals."""
    return re.sub(LITERAL, lambda found: blank(found[0]), text, flags=re.S)


def without_tests(code):
    """Blanks out what follows #[cfg(test)], to its closing brace or semicolon; #![cfg(test)]: the rest."""
    for found in list(re.finditer(TEST_ITEM, code)):
        end, depth = found.end(), 0
        for end in range(found.end(), len(code)):
            depth += (code[end] in "([{") - (code[end] in ")]}")
            if depth == 0 and code[end] in "};" and not found[0].startswith("#!"):
                break
        code = code[: found.start()] + blank(code[found.start() : end + 1]) + code[end + 1 :]
    return code


def near(lines, number, pattern, reach):
    """Whether a comment says it: on the line, up to `reach` above, or in the comments right above."""
    top = next((i for i in range(number - 1, 0, -1) if not re.match(r"\s*(//|#\[)", lines[i - 1])), 0)
    top = min(top, max(0, number - 1 - reach))
    return any(re.search("//.*" + pattern, line) for line in lines[top:number])


def check_any(path, text, lines):
    if not (head := re.match(HEAD[path[-2:]], text)[1]).strip():
        yield 1, "no head: say what the file owns, what it must not know, its invariants"
    if len(lines) > LIMIT:
        yield LIMIT, f"{len(lines)} lines: over {LIMIT}, split it along an idea"
    if len(lines) > LONG and not re.search(rf"^\W*{REASON} \w", head, re.M):
        yield 1, f"{len(lines)} lines: the head needs a line '{REASON} ...'"
    yield from ((number, f"{word}: do it, or leave it out") for number, word in each(LEFTOVER, text))


def check_rust(path, text, lines):
    yield from check_any(path, text, lines)
    code = code_of(text)
    if not path.startswith(UNSAFE_HOMES):
        yield from ((n, "unsafe belongs in the engine or the door's ffi") for n, _ in each(r"\bunsafe\b", code))
    for number, name in each(FORBIDDEN.get(path.split("/")[1], "(?!)"), code):
        yield number, f"{path.split('/')[1]} must not name {name}: dependencies point the other way"
    for number, _ in each(UNSAFE_SITE, code):
        if not near(lines, number, r"(SAFETY|# Safety)", 8):
            yield number, "unsafe without SAFETY (or # Safety) within 8 lines above"
    for number, call in each(PANIC, without_tests(code)) if "/src/" in path and "/tests" not in path else ():
        if not near(lines, number, "([Cc]annot fail|[Ii]nfallible|[Bb]ad use|[Cc]arried on)", 3):
            yield (
                number,
                f"{call}: return an error, or say above why it cannot fail, or that it is bad use of a function",
            )

    for number, asked in each(r"\bcfg(?:_attr)?!?\([^\]\n;{}]*\bPy_3_", code):
        if not path.startswith(FACTS if "!" in asked else LAYOUTS):
            yield number, "the release is asked in compat/ (in ffi/ in front of an item): name the fact there"


def check_python(path, text, lines):
    yield from check_any(path, text, lines)
    if path.startswith(ASKING) and path != ASKERS:
        for number, name in each(r"\bversion_info\b|\bhexversion\b|\bpython_version_tuple\b", text):
            yield number, f"{name}: the release is asked in _compat.py: name the fact there"


def check_manifest(path, text, _lines):
    for number, key in each(r"(?m)^(?:\[.*dependencies\.)?[\w-]+", text):
        if re.search(FORBIDDEN.get(path.split("/")[1], "(?!)"), key.replace("-", "_") + "::"):
            yield number, f"must not depend on {key}: dependencies point the other way"


def main(root):
    kinds = {".rs": check_rust, ".py": check_python, ".toml": check_manifest}
    breaches = 0
    for file in sorted(file for top in ROOTS for file in (root / top).rglob("*.*") if file.suffix in kinds):
        path, text = file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")
        for number, message in kinds[file.suffix](path, text, text.splitlines()):
            print(f"{path}:{number}: {message}")
            breaches += 1
    for crate, message in check_rooms(root, lambda file: without_tests(code_of(file.read_text(encoding="utf-8")))):
        print(f"crates/{crate}: {message}")
        breaches += 1
    return breaches > 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
