"""The modules of a project: found from the linted file, read and parsed at most once per run.

Nothing is executed and ``sys.path`` plays no part. A dotted name is looked up below the roots of
the importing file: the directory above its topmost package, the directories up to the project's
root (the one with ``pyproject.toml``, ``setup.py``, ``.git`` …) and the configured source roots.
Installed packages and the standard library lie outside of all of these and stay unknown.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray_lint.errors import SourceError
from ray_lint.program.module import Module, parse
from ray_lint.program.names import Binding, BindingKind, Scope
from ray_lint.sources.text import decode

_ROOT_MARKERS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_MAX_LEVELS = 12  # directories walked upwards from a file
# The interface of Ray is known by its names: its large files are not read for it.
_RAY_ITSELF = re.compile(r"ray\.(data\.|actor\.)?\w+")
_MAX_FILES = 5_000  # loaded for one linted file
_KEPT = 150_000  # characters of source whose trees are kept from one linted file to the next
_MAX_BYTES = 4_000_000  # a larger file is generated data
_MAX_MEANINGS = 60  # bindings of one name that are looked at
_MAX_STEPS = 40  # imports and re-exports followed for one name
_NOWHERE = Path()  # where modules without a file are


@dataclass(frozen=True, eq=False)
class Definition:
    """What a name stands for: a module, or a binding in one.

    ``binding`` is None for a whole module. ``attributes`` are the parts of the dotted name that
    lie inside of the binding's value (``Config.SIZE`` -> ``("SIZE",)`` in class ``Config``).
    """

    module: Module
    binding: Binding | None = None
    attributes: tuple[str, ...] = ()

    @property
    def node(self) -> ast.AST:
        """The node that binds the name, or the tree of the module."""
        return self.binding.node if self.binding is not None else self.module.tree


class Project:
    """All modules known in one run. Give one instance to every check of the run.

    ``source_roots`` are directories that hold top-level packages, besides those found. Between two
    linted files the instance keeps what the bytes of a module alone decide, its tree and its names,
    up to a limit that bounds the memory. Answers that rest on several modules are found anew for
    each linted file: where modules import each other in a circle, they depend on where one starts,
    and findings must not depend on the order of the files.

    ``editable`` holds the absolute paths of the files that a fix of another one may change, too.
    """

    def __init__(
        self, source_roots: tuple[str, ...] = (), editable: Container[str] = frozenset()
    ) -> None:
        self.source_roots = tuple(_absolute(Path(root)) for root in source_roots)
        self.editable = editable
        self.memo: dict[Any, Any] = {}
        """Answers of the other parts of the program model; keys start with their function."""
        self._modules: dict[Path, Module | None] = {}
        self._paths: dict[Module, Path] = {}
        self._roots: dict[Path, tuple[tuple[Path, str], ...]] = {}
        self._found: dict[tuple[Path, str], Path | None] = {}
        self.asked: dict[tuple[Path, str], Path | None] = {}
        """Which module was looked for from which file since ``start``, and the file that it is."""
        self.digests: dict[Path, str] = {}
        """What the files looked like that were read: the content's hash, "" if unreadable."""
        self._permitted: dict[str, bool] = {}
        self._replaced: dict[Path, bytes] = {}
        self._names: dict[Path, str] = {}

    def start(self, size: int = 0) -> None:
        """Begin with another linted file: forget its predecessor's answers and the oldest trees.

        ``size`` is that of its text in characters. A large file leaves less room for other trees:
        a run shall need little more memory than its largest file alone.
        """
        self.forget_answers()
        self.asked.clear()
        self._permitted.clear()
        held = sum(len(m.text) for m in self._modules.values() if m is not None)
        for path, module in list(self._modules.items()):
            if held <= _KEPT - size:
                break
            if module is not None:
                held -= len(module.text)
                del self._modules[path]
        known = set(self._modules.values())
        self._paths = {m: path for m, path in self._paths.items() if m in known}

    def forget_answers(self) -> None:
        """Forget the answers about the linted file, which is about to have another text."""
        self.memo.clear()

    # -- modules ------------------------------------------------------------------------------

    def add(self, text: str, tree: ast.Module, filename: str) -> Module:
        """Make the linted file part of the project and return its module.

        Names that are no path of a Python file (``<stdin>``, a notebook) give a module without a
        dotted name; imports are then looked up from the directory of the file, if there is one.
        """
        if filename.startswith("<") or filename in {"", "-"}:
            return Module(text, tree, filename)
        path = _absolute(Path(filename))
        known = self._modules.get(path)
        if known is not None and known.tree is tree:
            self._touch(path)
            return known
        name = module_name(path) if path.suffix in {".py", ".pyi"} else ""
        module = Module(text, tree, filename, name=name, is_package=path.name == "__init__.py")
        if name:
            self._modules[path] = module
            self.digests.pop(path, None)
        self._paths[module] = path
        return module

    def known(self, text: str, filename: str) -> Module | None:
        """Return the module of a file if it was loaded with exactly this text."""
        module = self._modules.get(_absolute(Path(filename)))
        return module if module is not None and module.text == text else None

    def forget(self, filename: str) -> None:
        """Drop what is known of a file, which is about to change or never was as it is known."""
        path = _absolute(Path(filename))
        self._modules.pop(path, None)
        self.digests.pop(path, None)

    # -- changes ------------------------------------------------------------------------------

    def may_edit(self, module: Module) -> bool:
        """Whether a fix of another file may change the module."""
        path = self._paths.get(module)
        if path is None or path.suffix != ".py":
            return False
        allowed = str(path) in self.editable
        self._permitted[str(path)] = allowed
        return allowed

    def path_of(self, module: Module) -> str:
        """Return the absolute path of a module, "" if it has none."""
        return str(self._paths.get(module, ""))

    def read(self, filename: str) -> bytes:
        """Return the content of a file: what replaces it, or what is on disk. Raises OSError."""
        path = _absolute(Path(filename))
        return self._replaced[path] if path in self._replaced else path.read_bytes()

    def replacement(self, filename: str) -> bytes | None:
        """Return what was given to ``replace`` for a file, None if nothing was."""
        return self._replaced.get(_absolute(Path(filename)))

    def replace(self, filename: str, content: bytes) -> None:
        """Take ``content`` for what the file holds from now on; nothing is written."""
        self.forget(filename)
        self._replaced[_absolute(Path(filename))] = content

    def restore(self, filename: str) -> None:
        """Take what is on disk for the content of a file again."""
        self.forget(filename)
        self._replaced.pop(_absolute(Path(filename)), None)

    # -- what answers rest on -----------------------------------------------------------------

    def answers(self, filename: str) -> dict[str, Any] | None:
        """Return what the answers about the last linted file rest on besides its content.

        ``modules``: the files that mattered, with the module name and the digest of each;
        ``asked``: by which words one file led to another; ``editable``: which files a fix would
        have liked to change, and whether it might. None if a file is not on disk as it was
        understood.
        """
        own = _absolute(Path(filename))
        modules: dict[str, tuple[str, str]] = {str(own): (module_name(own), "")}
        asked = []
        for (path, dotted), found in self.asked.items():
            asked.append((str(path), dotted, str(found or "")))
            for other in (path, found):
                if other is None or other in (_NOWHERE, own) or str(other) in modules:
                    continue
                modules[str(other)] = (module_name(other), self._digest(other))
                if not modules[str(other)][1]:
                    return None
        return {"modules": modules, "asked": asked, "editable": dict(self._permitted)}

    def _digest(self, path: Path) -> str:
        if path not in self.digests:
            # A linted file: it came with its text, not from disk.
            module = self._modules.get(path)
            try:
                data = path.read_bytes()
                same = module is not None and decode(data, str(path)).content == module.text
            except (OSError, SourceError):
                same = False
            if not same:
                return ""
            self.digests[path] = digest(data)
        return self.digests[path]

    def still_holds(self, answers: dict[str, Any]) -> bool:
        """Whether ``answers`` of an earlier run rest on what is on disk now.

        Reads the files and looks for the modules again, but parses nothing.
        """
        for name, (module, seen) in answers["modules"].items():
            path = Path(name)
            if path not in self._names:
                self._names[path] = module_name(path)
            if self._names[path] != module or (seen and self._seen(path) != seen):
                return False
        if any((name in self.editable) is not may for name, may in answers["editable"].items()):
            return False
        return all(
            str(self.locate(Path(path), dotted) or "") == found
            for path, dotted, found in answers["asked"]
        )

    def _seen(self, path: Path) -> str:
        if path not in self.digests:
            try:
                self.digests[path] = digest(path.read_bytes())
            except OSError:
                self.digests[path] = ""
        return self.digests[path]

    def _touch(self, path: Path) -> None:
        """Make the module of ``path`` the youngest."""
        self._modules[path] = self._modules.pop(path)

    def _load(self, path: Path) -> Module | None:
        """Return the module of a file, None if it cannot be read or parsed."""
        if path in self._modules:
            self._touch(path)
            return self._modules[path]
        self._modules[path] = module = None
        try:
            data = self.read(str(path))
        except OSError:
            self.digests[path] = ""
            return None
        self.digests[path] = digest(data)
        if len(data) <= _MAX_BYTES:
            try:
                text = decode(data, str(path)).content
                tree = parse(text, str(path))
                name = module_name(path)
                package = path.name == "__init__.py"
                module = Module(text, tree, str(path), name=name, is_package=package)
            except SourceError:
                module = None
        if module is not None:
            self._paths[module] = path
        self._modules[path] = module
        return module

    def _search_roots(self, directory: Path) -> tuple[tuple[Path, str], ...]:
        """Return pairs of a directory and the only top-level package allowed there ("" for any)."""
        known = self._roots.get(directory)
        if known is None:
            known = self._roots[directory] = self._compute_roots(directory)
        return known

    def _compute_roots(self, directory: Path) -> tuple[tuple[Path, str], ...]:
        top = _package_root(directory)
        package = directory.relative_to(top).parts[0] if directory != top else ""
        if top.name in _INSTALLED:
            return ((top, package or "."), *((root, "") for root in self.source_roots))
        roots = [directory] if directory == top else [top]
        roots += self.source_roots
        level, candidates = top, []
        for _ in range(_MAX_LEVELS):
            candidates.append(level)
            if any((level / marker).exists() for marker in _ROOT_MARKERS):
                roots += candidates
                roots += [level / "src", level / "python", level / "lib"]
                break
            if level.parent == level:
                break
            level = level.parent
        if directory not in roots:
            # A script inside of a package is run from its own directory.
            roots.append(directory)
        return tuple((root, "") for root in dict.fromkeys(roots))

    def find_module(self, module: Module, dotted: str) -> Module | None:
        """Return the project's module of that name as ``module`` would import it, or None."""
        if module.name == dotted:
            return module
        path = self._paths.get(module, _NOWHERE)
        key = (path, dotted)
        if key not in self.asked:
            if len(self.asked) >= _MAX_FILES:
                return None
            self.asked[key] = self.locate(path, dotted)
        found = self.asked[key]
        return None if found is None else self._load(found)

    def locate(self, path: Path, dotted: str) -> Path | None:
        """Return the file of the module that ``dotted`` means in the file ``path``, or None."""
        if dotted.startswith("."):
            return self._locate_relative(path, dotted)
        if path == _NOWHERE:
            roots = tuple((root, "") for root in self.source_roots)
        else:
            roots = self._search_roots(path.parent)
        package = dotted.partition(".")[0]
        for root, only in roots:
            if only and package != only:
                continue
            found = self._find_file(root, dotted)
            if found is not None:
                return found
        return None

    def _locate_relative(self, path: Path, dotted: str) -> Path | None:
        """Find ``..name`` from the directory of a file whose package is not known."""
        if path == _NOWHERE:
            return None
        name = dotted.lstrip(".")
        directory = path.parent
        for _ in range(len(dotted) - len(name) - 1):
            directory = directory.parent
        if name:
            return self._find_file(directory, name)
        package = directory / "__init__.py"
        return package if package.is_file() else None

    def _find_file(self, root: Path, dotted: str) -> Path | None:
        key = (root, dotted)
        if key not in self._found:
            self._found[key] = self._find_file_now(root, dotted)
        return self._found[key]

    def _find_file_now(self, root: Path, dotted: str) -> Path | None:
        parts = dotted.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        base = root.joinpath(*parts)
        try:
            for path in (base / "__init__.py", base.with_name(f"{parts[-1]}.py")):
                if path.is_file():
                    return path
        except OSError:
            pass
        return None

    # -- names --------------------------------------------------------------------------------

    def resolve(self, module: Module, dotted: str) -> Definition | None:
        """Return what the absolute dotted name stands for, None if it is not in the project.

        Follows imports, re-exports, star imports and packages. With several bindings of a name in
        its module, the last one that a complete run of that module may leave counts.
        """
        found = self.resolve_all(module, dotted)
        return found[-1] if found else None

    def resolve_all(self, module: Module, dotted: str) -> tuple[Definition, ...]:
        """Return every definition that the dotted name may stand for, in order."""
        if _RAY_ITSELF.fullmatch(dotted):
            return ()
        key = (Project.resolve_all, module, dotted)
        if key not in self.memo:
            self.memo[key] = ()  # what a cycle sees
            self.memo[key] = tuple(self._resolve(module, dotted, set()))
        found: tuple[Definition, ...] = self.memo[key]
        return found

    def _resolve(
        self, module: Module, dotted: str, seen: set[tuple[Module, str]]
    ) -> list[Definition]:
        if (module, dotted) in seen or len(seen) > _MAX_STEPS:
            return []
        seen.add((module, dotted))
        dots = len(dotted) - len(dotted.lstrip("."))
        parts = dotted[dots:].split(".") if dotted[dots:] else []
        for length in range(len(parts), -1 if dots else 0, -1):
            prefix = "." * dots + ".".join(parts[:length])
            target = self.find_module(module, prefix)
            if target is not None:
                return self._member(target, tuple(parts[length:]), seen)
        return []

    def _member(
        self, module: Module, rest: tuple[str, ...], seen: set[tuple[Module, str]]
    ) -> list[Definition]:
        """Return what ``rest`` names inside of ``module``."""
        if not rest:
            return [Definition(module)]
        found: list[Definition] = []
        for binding in final_bindings(module.names.root, rest[0]):
            if binding.kind is BindingKind.IMPORT:
                target = ".".join((module.names.import_target(binding), *rest[1:]))
                found += self._resolve(module, target, seen)
            else:
                found.append(Definition(module, binding, rest[1:]))
        if not found and rest[0] not in module.names.root.bindings:
            for star in module.names.star_imports:
                found += self._resolve(module, ".".join((star, *rest)), seen)
        return found

    def definitions(self, module: Module, expression: ast.expr) -> tuple[Definition, ...]:
        """Return what a name or dotted name may stand for at its place, imports followed.

        Bindings of the same module come as they reach the use; aliases (``g = f``) are not
        followed: their binding is returned.
        """
        if not isinstance(expression, ast.Name | ast.Attribute):
            return ()
        key = (Project.definitions, expression)
        if key not in self.memo:
            self.memo[key] = ()
            self.memo[key] = tuple(self._definitions(module, expression))
        found: tuple[Definition, ...] = self.memo[key]
        return found

    def _definitions(self, module: Module, expression: ast.expr) -> list[Definition]:
        attributes: list[str] = []
        base = expression
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if not isinstance(base, ast.Name):
            return []
        names = module.names
        found: list[Definition] = []
        bindings = names.reaching(base)
        if len(bindings) > _MAX_MEANINGS:
            return []  # nothing useful can be said about so many
        for binding in bindings:
            if binding.kind is not BindingKind.IMPORT:
                found.append(Definition(module, binding, tuple(attributes)))
                continue
            dotted = ".".join((names.import_target(binding), *attributes))
            found += self.resolve_all(module, dotted)
        if not bindings:
            for star in names.star_imports:
                found += self.resolve_all(module, ".".join((star, base.id, *attributes)))
        return found


def final_bindings(scope: Scope, name: str) -> list[Binding]:
    """Return the bindings of ``name`` that may be in force once ``scope`` has run through."""
    every = scope.bindings.get(name, [])
    last = 0
    for index, binding in enumerate(every):
        if isinstance(scope.node, ast.Module | ast.ClassDef) and binding.statement is not None:
            inside = any(binding.statement is statement for statement in scope.node.body)
            loop = binding.kind in (BindingKind.LOOP, BindingKind.WALRUS, BindingKind.AUGMENTED)
            if inside and not loop:
                last = index
    return [b for b in every[last:] if b.kind is not BindingKind.DELETE]


def digest(data: bytes) -> str:
    """Return what the content of a file is known by."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - without following links


def _package_root(directory: Path) -> Path:
    """Return the first directory upwards that is no package (has no ``__init__.py``)."""
    for _ in range(_MAX_LEVELS):
        if not (directory / "__init__.py").is_file() or directory.parent == directory:
            break
        directory = directory.parent
    return directory


def module_name(path: Path) -> str:
    """Return the dotted name of a module by the packages that it lies in, "" if it has none."""
    parts = list(path.relative_to(_package_root(path.parent)).parts)
    parts[-1] = path.stem
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if all(part.isidentifier() for part in parts) else ""
