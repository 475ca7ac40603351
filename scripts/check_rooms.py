"""Which files of a crate import which: rooms point one way, and no circle of files is large. Part of check_house.py.

A room is a folder of a crate's src. Modules are known by their `use` lines and by paths that begin with `crate::` or
`super::`; Rust is read as text without comments, literals and tests.
"""

import re

# Lowest first: a room imports from itself and from those before it. What lies beside the rooms may import all of them.
ROOMS = {
    "ferrio-http": ("h1", "ws", "pool", "encodings", "cookies", "proxies"),
    "ferrio-python": ("compat", "ffi", "event_loop", "tasks", "waiting", "net", "http"),
}
CIRCLE = 4  # files that import each other, in a row or by way of others


def modules(source):
    """Of every module of the crate the file; the crate's root is the empty name."""
    found = {}
    for file in source.rglob("*.rs"):
        parts = list(file.relative_to(source).with_suffix("").parts)
        if parts[-1] == "mod" or parts == ["lib"]:
            parts.pop()
        found["::".join(parts)] = file
    return found


def paths(code):
    """The paths that a file names, with what stands in braces written out."""
    plain = code
    while (found := re.search(r"([\w:]+::)\{([^{}]*)\}", plain)) is not None:
        each = ", ".join(found[1] + part.strip() for part in found[2].split(",") if part.strip())
        plain = plain[: found.start()] + each + plain[found.end() :]
    return re.findall(r"\b(?:crate|super|self)(?:::\w+)+", plain)


def imported(module, path, known, exported):
    """The module that a path leads to, seen from another; what the crate's root only passes on is its owner's."""
    at = [] if path.startswith("crate") else module.split("::") if module else []
    for step in path.split("::"):
        if step == "super":
            at = at[:-1]
        elif step not in {"crate", "self"}:
            at = [*at, step]
    names = at
    while at and "::".join(at) not in known:
        at = at[:-1]
    return "::".join(at) or exported.get(names[0] if names else "", "")


def graph(source, read):
    known = modules(source)
    code = {module: read(file) for module, file in known.items()}
    passed_on = (path for line in re.findall(r"\bpub use ([^;]+);", code.get("", "")) for path in paths(line))
    exported = {path.split("::")[-1]: imported("", path, known, {}) for path in passed_on}
    uses = {}
    for module, text in code.items():
        named = (imported(module, path, known, exported) for path in paths(text))
        uses[module] = {other for other in named if other != module and other in known}
    return uses


def reached(uses, start):
    seen, todo = set(), [start]
    while todo:
        for other in uses[todo.pop()] - seen:
            seen.add(other)
            todo.append(other)
    return seen


def circles(uses):
    """Sets of modules that reach each other."""
    reach = {module: reached(uses, module) for module in uses}
    found = {frozenset(o for o in reach[m] if m in reach[o]) for m in uses if m in reach[m]}
    return sorted(map(sorted, found))


def upward(uses, rooms):
    """Pairs of modules of which the first imports the second, which is in a room above."""
    rank = {room: number for number, room in enumerate(rooms)}
    for module, others in sorted(uses.items()):
        own = rank.get(module.split("::")[0])
        for other in sorted(others):
            theirs = rank.get(other.split("::")[0], len(rooms))
            if own is not None and theirs > own:
                yield module, other


def check_rooms(root, read):
    """Yields of each breach the crate and what is wrong."""
    for source in sorted(root.glob("crates/*/src")):
        crate = source.parent.name
        uses = graph(source, read)
        for module, other in upward(uses, ROOMS.get(crate, ())):
            yield crate, f"{module} imports {other or 'the crate root'}, which is above it: rooms point one way"
        for circle in circles(uses):
            if len(circle) > CIRCLE:
                yield crate, f"{len(circle)} files import each other, over {CIRCLE}: {', '.join(circle)}"
