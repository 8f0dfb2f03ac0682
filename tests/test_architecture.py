"""The picture of the house: who may import whom, how large a room may be, and that the maps are true.

`IMPORTS` is the whole table; a package that is not in it fails the test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "sealgate"

LEAVES = {"ids", "log"}
IMPORTS: dict[str, set[str]] = {
    "ids": set(),
    "log": set(),
    "envelope": set(),
    "session": LEAVES,
    "policy": LEAVES,
    "messages": set(),
    "listening": LEAVES,
    "vault": {"envelope", "messages", "listening"} | LEAVES,
    "proxy": {"session", "policy", "messages", "listening"} | LEAVES,
    "console": {"policy", "messages", "listening"} | LEAVES,
    "simulator": LEAVES,
    "settings": {"vault", "console", "proxy", "listening"} | LEAVES,
    "supervisor": {"settings", "messages"} | LEAVES,
    "up": {"settings", "supervisor", "console", "proxy", "listening", "messages"} | LEAVES,
    "doctor": {"settings", "supervisor", "up", "vault", "console", "proxy", "listening", "messages"} | LEAVES,
    "demo": {
        "settings",
        "supervisor",
        "envelope",
        "session",
        "policy",
        "messages",
        "console",
        "vault",
        "simulator",
    }
    | LEAVES,
    "scripts": {"envelope", "session", "messages", "settings", "vault"} | LEAVES,
    "cli": {
        "scripts",
        "demo",
        "up",
        "doctor",
        "settings",
        "supervisor",
        "vault",
        "console",
        "proxy",
        "simulator",
    }
    | LEAVES,
}

FILE_LINES = 500
FILE_LINES_END = 800
FUNCTION_LINES = 50

# Both lists may only shrink: a new entry is a defect, not a permission.
LARGER_FILES: dict[str, int] = {}
LONGER_FUNCTIONS: dict[str, int] = {}

VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "manager", "misc", "base"}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """(dotted name, statement) for every import of ours in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a thing lives"
            if node.module == "sealgate":
                yield from ((f"sealgate.{alias.name}", node) for alias in node.names)
            elif node.module is not None:
                yield from ((target, node) for target in targets_of(node))


def targets_of(node: ast.ImportFrom) -> set[str]:
    """What `from package import name` imports: the module of that name if there is one, else the package."""
    assert node.module is not None
    folder = SOURCE.joinpath(*node.module.split(".")[1:])
    return {
        f"{node.module}.{alias.name}" if (folder / f"{alias.name}.py").is_file() else node.module
        for alias in node.names
    }


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_imports_only_what_the_table_allows(path: Path) -> None:
    package = package_of(path)
    if package in {"__init__", "__main__"}:
        return
    assert package in IMPORTS, f"{package} is not in the import table"
    for name, _ in imports_of(path):
        if name.startswith("sealgate."):
            target = name.split(".")[1]
            assert target == package or target in IMPORTS[package], f"{path} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_nothing_of_ours_is_imported_inside_a_function(path: Path) -> None:
    tree = ast.parse(path.read_text())
    inside = [
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sealgate")
    ]
    assert package_of(path) == "cli" or not inside, f"{path} (only the command line loads lazily)"


def test_the_three_server_processes_never_import_each_other() -> None:
    servers = {"vault", "console", "proxy"}
    for server in servers:
        assert not IMPORTS[server] & (servers - {server})


def test_there_are_no_cycles_between_modules() -> None:
    graph: dict[str, set[str]] = {}
    for path in modules():
        name = ".".join(("sealgate", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        graph[name] = {target for target, _ in imports_of(path) if target.startswith("sealgate.")}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name in done:
            return
        for target in graph.get(name, ()):
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_about_one_subject(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    limit = LARGER_FILES.get(relative, FILE_LINES)
    lines = len(path.read_text().splitlines())
    assert lines <= min(limit, FILE_LINES_END), f"{relative} has {lines} lines: is it two subjects?"
    assert path.stem not in VAGUE_NAMES, f"{relative}: name the thing"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_function_fits_on_a_page(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    if "/migrations/versions/" in relative:
        return  # a schema written down is a flat table
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            limit = LONGER_FUNCTIONS.get(f"{relative}:{node.name}", FUNCTION_LINES)
            assert lines <= limit, f"{relative}:{node.name} has {lines} lines"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_starts_with_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


def test_broad_excepts_stand_only_at_the_outermost_edge() -> None:
    edges = {"supervisor", "demo", "cli"}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or (
                    isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
                )
                reraises = any(isinstance(each, ast.Raise) for each in ast.walk(node))
                edge = package_of(path) in edges or "edge:" in path.read_text().splitlines()[node.lineno - 1]
                assert not broad or reraises or edge, f"{path}:{node.lineno}"


REQUEST_PATH_LINES = 3000


def architecture() -> str:
    return (ROOT / "ARCHITECTURE.md").read_text()


def request_path_files() -> list[Path]:
    section = architecture().split("## The files of its path", 1)[1].split("\n## ", 1)[0]
    return [ROOT / name for name in re.findall(r"`(src/[\w/]+\.py)`", section)]


def test_the_files_of_one_requests_path_are_few_enough_to_read() -> None:
    files = request_path_files()
    assert len(files) > 10
    total = sum(bool(line.strip()) for path in files for line in path.read_text().splitlines())
    assert total < REQUEST_PATH_LINES, f"{total} lines"
    stated = re.search(r"together ([\d,]+) lines", architecture())
    assert stated
    assert abs(int(stated[1].replace(",", "")) - total) <= 100, (
        f"ARCHITECTURE.md says {stated[1]}, it is {total}"
    )


def test_every_symbol_of_the_life_of_a_request_exists() -> None:
    section = architecture().split("## The life of a request", 1)[1].split("\n## ", 1)[0]
    symbols = re.findall(r"`(\w+(?:/\w+)*\.py):([\w.]+)`", section)
    assert len(symbols) > 10
    for file, symbol in symbols:
        path = SOURCE / file if (SOURCE / file).exists() else SOURCE / "proxy" / file
        tree = ast.parse(path.read_text())
        assert _has(tree, symbol.split(".")), f"{file}:{symbol}"


def _has(tree: ast.Module | ast.ClassDef, names: list[str]) -> bool:
    for node in tree.body:
        named = getattr(node, "name", None)
        if named == names[0]:
            return len(names) == 1 or (isinstance(node, ast.ClassDef) and _has(node, names[1:]))
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(each, ast.Name) and each.id == names[0] for each in targets):
            return len(names) == 1
    return False


def test_the_import_table_stands_in_the_architecture_page() -> None:
    page = architecture()
    for package in IMPORTS:
        assert re.search(rf"^\| `{package}` \|", page, re.M), f"{package} is missing from ARCHITECTURE.md"
    for package, allowed in IMPORTS.items():
        row = re.search(rf"^\| `{package}` \| ([^|]*) \|", page, re.M)
        assert row
        assert set(re.findall(r"`(\w+)`", row[1])) == allowed - LEAVES, f"{package}'s row differs"
