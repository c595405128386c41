"""The house: one direction, pure rooms, files of a size that one can hold in mind."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("shared", "publisher", "subscriber")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LIMIT = 400

# From the ground up. A module imports from its own storey or from those below it; rooms named by their folder.
STOREYS = [
    {"moments", "axis", "clock", "when", "measures", "wording", "cache", "garbage", "database"},
    {"reel", "log", "render", "sources", "lock", "token", "codings", "listening"},
    {"projection", "library", "fanout", "editions", "delta", "intake"},
    {"replay", "scene", "filing"},
    {"framing"},
    {"config"},
    {"press"},
    {"archives", "live", "desk"},
    {"watch"},
    {"channel"},
    {"websub", "rerun"},
    {"metrics"},
    {"web"},
    {"opener", "export"},
    {"app"},
    {"commands"},
    {"cli", "__main__"},
]
IMPURE = {"asyncio", "aiohttp", "sqlite3", "apscheduler", "socket", "threading", "subprocess", "time"}
PURE = (
    "shared/text.py", "shared/errors.py", "shared/post.py", "shared/event.py", "shared/sse.py",
    "shared/wire.py", "shared/syndication.py", "shared/feed.py", "shared/xmlfeed.py", "shared/item.py",
    "shared/backoff.py",
    "publisher/moments.py", "publisher/axis.py", "publisher/clock.py", "publisher/when.py", "publisher/wording.py",
    "publisher/reel.py", "publisher/projection.py", "publisher/scene.py",
    "publisher/replay/takes.py", "publisher/replay/playhead.py", "publisher/replay/control.py",
    "publisher/replay/score.py",
    "publisher/rerun/rerun.py", "publisher/rerun/timetable.py", "publisher/watch/difference.py",
    "publisher/watch/days.py",
    "publisher/render/", "publisher/sources/",
    "subscriber/blocks.py", "subscriber/changes.py", "subscriber/rerun.py", "subscriber/status.py",
    "subscriber/update.py", "subscriber/view.py",
)  # fmt: skip


def name(path):
    return str(path.relative_to(ROOT))


def tree(path):
    return ast.parse(path.read_text("utf-8"))


def imports(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)} imports relatively"
            yield node.module


def room(module):
    return module.split(".")[1] if "." in module else ""


def storey(room_name):
    return next((number for number, rooms in enumerate(STOREYS) if room_name in rooms), None)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_both_sides_know_only_the_shared_language(path):
    package = path.relative_to(ROOT).parts[0]
    foreign = {"shared": {"publisher", "subscriber"}, "publisher": {"subscriber"}, "subscriber": {"publisher"}}[package]
    assert not {module for module in imports(path) if module.split(".")[0] in foreign}


@pytest.mark.parametrize("path", [f for f in FILES if f.is_relative_to(ROOT / "publisher")], ids=name)
def test_the_publisher_imports_downwards_only(path):
    parts = path.relative_to(ROOT / "publisher").parts
    here = parts[0].removesuffix(".py")
    if here == "__init__":
        return
    assert storey(here) is not None, f"{here} has no storey yet: give it one in this test"
    for module in imports(path):
        if module.startswith("publisher.") and room(module) != here:
            assert storey(room(module)) <= storey(here), f"{name(path)} reaches up to {module}"


def test_no_circles():
    graph = {}
    for path in FILES:
        module = name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        graph[module] = {m for m in imports(path) if m.split(".")[0] in PACKAGES}
    done, open_ = set(), []

    def visit(module):
        assert module not in open_, f"circle: {' -> '.join([*open_[open_.index(module) :], module])}"
        if module in done or module not in graph:
            return
        open_.append(module)
        for other in sorted(graph[module]):
            if other != module:
                visit(other)
        open_.pop()
        done.add(module)

    for module in sorted(graph):
        visit(module)


@pytest.mark.parametrize("path", [f for f in FILES if name(f).startswith(PURE)], ids=name)
def test_pure_rooms_take_time_and_bytes_as_arguments(path):
    assert not {module for module in imports(path) if module.split(".")[0] in IMPURE}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in {"open", "input", "print"}), ast.unparse(node)
            assert not (isinstance(called, ast.Attribute) and called.attr in {"now", "utcnow", "today"}), ast.unparse(
                node
            )


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_can_be_held_in_mind(path):
    assert len(path.read_text("utf-8").splitlines()) <= LIMIT


def test_no_expression_needs_a_python_newer_than_3_11_0():
    # Before 3.11.5 (Debian 12 has 3.11.2) possessive and atomic groups miss matches: python/cpython#106052.
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = [sign for sign in (")*+", ")++", ")?+", "}+", "(?>") if sign in node.value]
                assert not found, f"{name(path)}:{node.lineno} holds {found}"
