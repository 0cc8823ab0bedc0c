"""What in a program looks at its own names, lines, frames or text, which a fix moves."""

from __future__ import annotations

import ast

from ray_lint.program.names import ModuleNames
from ray_lint.program.node_index import once_per_module

_FRAMES = {"f_lineno", "tb_lineno", "lineno", "co_firstlineno", "f_locals", "f_globals"}
_READERS = {
    *("inspect.getsource", "inspect.getsourcelines", "inspect.signature", "inspect.getdoc"),
    *("inspect.stack", "inspect.trace", "inspect.getmembers", "inspect.getframeinfo"),
    *("linecache.getline", "linecache.getlines", "traceback.format_exc", "traceback.format_stack"),
    *("traceback.extract_stack", "traceback.extract_tb", "traceback.format_tb"),
    *("traceback.format_exception", "traceback.walk_tb", "traceback.walk_stack"),
    *("traceback.TracebackException", "traceback.StackSummary.extract"),
    *("sys.settrace", "sys.setprofile", "threading.settrace", "threading.setprofile"),
    *("cProfile.Profile", "cProfile.run", "profile.run", "trace.Trace", "tracemalloc.start"),
    *("dis.dis", "dis.get_instructions", "dis.Bytecode"),
}
# What prints a traceback, harmless unless told to print it to somewhere else than stderr.
_PRINTERS = {"traceback.print_exc", "traceback.print_exception", "traceback.print_tb"}
_PRINTERS |= {"traceback.print_stack"}
_LINE_FORMATS = ("%(lineno)", "{lineno", "$lineno", "${lineno")
# Parts of the path of a program that do not lead to its text.
_FOLDERS = {"parent", "parents", "name", "stem", "suffix", "parts"}
_FOLDER_CALLS = {"os.path.dirname", "os.path.basename", "os.path.split", "os.path.splitext"}
_PATH_METHODS = {"resolve", "absolute", "as_posix", "exists", "is_file", "with_suffix", "with_name"}
_SHOWN = {"builtins.print", "builtins.str", "builtins.repr"}
_OPENERS = {"builtins.open", "io.open", "pathlib.Path", "os.stat", "os.path.getsize", "os.open"}
_OPENERS |= {"linecache.getlines", "tokenize.open", "runpy.run_path"}


_LIFETIMES = {"sys.getrefcount", "gc.get_objects", "gc.get_referrers", "tracemalloc.take_snapshot"}


@once_per_module
def sees_lifetimes(names: ModuleNames) -> int:
    """Return the first line that sees when objects are given up, 0 if none.

    Items of a batch live until it is submitted.
    """
    for node in names.walk(names.tree):
        if isinstance(node, ast.FunctionDef):
            if node.name == "__del__" and names.scope_of(node).is_class:
                return node.lineno
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            known = names.qualified_names(node)
            if known & _LIFETIMES or any(name.startswith("weakref.") for name in known):
                return node.lineno
    return 0


@once_per_module
def introspection(names: ModuleNames) -> int:
    """Return the first line that looks at the names or the text of the program, 0 if none."""
    found = (node for node in names.walk(names.tree) if _introspects(names, node))
    return int(getattr(next(found, None), "lineno", 0))


def _introspects(names: ModuleNames, node: ast.AST) -> bool:
    looks = (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("globals", "locals", "vars", "dir", "eval", "exec")
        and names.owner(node.func) is None
    )
    modules = isinstance(node, ast.Attribute) and node.attr == "modules"
    return looks or modules or looks_at_source(names, node)


def looks_at_source(names: ModuleNames, node: ast.AST) -> bool:
    """Whether an expression looks at lines, frames or the text of the program."""
    if isinstance(node, ast.Attribute):
        return node.attr in _FRAMES and isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and any(f in node.value for f in _LINE_FORMATS)
    if isinstance(node, ast.Name):
        return node.id == "__file__" and isinstance(node.ctx, ast.Load) and _leads(names, node)
    if isinstance(node, ast.Subscript):
        path = names.stands_for(node.value, "sys.argv") and ast.unparse(node.slice) == "0"
        parent = names.parents.get(node)
        opened = isinstance(parent, ast.Call) and node in parent.args
        return path and opened and bool(names.qualified_names(parent.func) & _OPENERS)  # type: ignore[union-attr]
    if not isinstance(node, ast.Call):
        return False
    known = names.qualified_names(node.func)
    elsewhere = any(k.arg == "file" for k in node.keywords)
    return bool(known & _READERS) or (elsewhere and bool(known & _PRINTERS))


def _leads(names: ModuleNames, path: ast.AST) -> bool:
    """Whether ``__file__`` may be opened: it is more than a path whose folder is asked for."""
    child, only_path = path, True
    for parent in names.ancestors(path):
        if isinstance(parent, ast.Attribute):
            if parent.attr in _FOLDERS:
                return False
            only_path = only_path and (
                parent.attr in _PATH_METHODS or names.qualified(parent) is not None
            )
        elif isinstance(parent, ast.Call):
            known = names.qualified_names(parent.func)
            if known & _FOLDER_CALLS or (only_path and known & _SHOWN):
                return False
            if known & {"builtins.open", "io.open"}:
                outer = names.parents.get(parent)
                return not (isinstance(outer, ast.withitem) and outer.optional_vars is None)
        elif isinstance(parent, ast.FormattedValue | ast.Compare):
            return False
        elif isinstance(parent, ast.stmt):
            return child is not path or not isinstance(parent, ast.Expr)
        child = parent
    return True
