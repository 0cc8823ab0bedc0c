"""The bridge from the analysis to the text: where each node of ``ast`` stands in the source.

LibCST knows what ``ast`` forgets: parentheses, comments, the exact text of a parameter list. Both
trees agree on the syntactic range of a node, so that range is the key from one to the other.
"""

from __future__ import annotations

import ast
import re
import tokenize
from bisect import bisect_left, bisect_right
from functools import cached_property

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from ray_lint.program.names import ModuleNames
from ray_lint.rewrite.plan import Declined
from ray_lint.sources.text import character_column

_Span = tuple[int, int, int, int]

_DEEPEST_EXPRESSION = 500
"""LibCST takes time with the square of the depth: 0.2 s for 500 levels, 20 s for 5,000."""
_DEEPEST_PATTERN = 8
"""LibCST takes four times as long for each level of sequences or mappings: 0.1 s for 8 levels."""


def _must_not_be_deep(statements: list[ast.stmt]) -> None:
    """Raise RecursionError for nesting that LibCST would not come back from in time."""
    stack: list[tuple[ast.AST, int, int]] = [(statement, 0, 0) for statement in statements]
    while stack:
        node, expressions, patterns = stack.pop()
        if isinstance(node, ast.expr):
            expressions += 1
        elif isinstance(node, ast.pattern):
            patterns += 1
        elif isinstance(node, ast.stmt):
            expressions = patterns = 0
        if expressions > _DEEPEST_EXPRESSION or patterns > _DEEPEST_PATTERN:
            raise RecursionError
        stack.extend((child, expressions, patterns) for child in ast.iter_child_nodes(node))


class _Piece(cst.CSTVisitor):
    """The concrete syntax of some top-level statements and of what stands behind them.

    Its expressions, function definitions and comments are indexed by their range in the module.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, text: str, lines_before: int) -> None:
        super().__init__()
        self.lines_before = lines_before
        self.expressions: dict[_Span, cst.BaseExpression] = {}
        self.functions: dict[tuple[int, int], cst.FunctionDef] = {}
        self.comments: list[tuple[int, int, str]] = []
        self.module = cst.parse_module(text)
        MetadataWrapper(self.module, unsafe_skip_copy=True).visit(self)
        self.comments.sort()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.BaseExpression):
            # The outermost node of a range comes first: it carries the parentheses.
            self.expressions.setdefault(self._span(node), node)
        elif isinstance(node, cst.FunctionDef):
            self.functions[self._span(node.name)[:2]] = node
        elif isinstance(node, cst.Comment):
            self.comments.append((*self._span(node)[:2], node.value))
        return True

    def _span(self, node: cst.CSTNode) -> _Span:
        where = self.get_metadata(PositionProvider, node)
        assert isinstance(where, CodeRange)
        start, end, before = where.start, where.end, self.lines_before
        return start.line + before, start.column, end.line + before, end.column


class SourceMap:
    """Text, offsets and concrete syntax of one module.

    LibCST takes long (0.1 ms and more for a line), so it gets only the top-level statements that
    somebody asks about. Asking for code it cannot read raises Declined.
    """

    def __init__(self, text: str, names: ModuleNames) -> None:
        self.text = text
        self.names = names
        ends = list(re.finditer(r"\r\n|\r|\n", text))
        self.starts = [0, *(m.end() for m in ends)]
        self.newline = ends[0].group() if ends else "\n"
        self._lines = re.split(r"\r\n|\r|\n", text)
        self._groups = self._statements_by_line()
        self._first_lines = [first for first, _ in self._groups]
        self._pieces: dict[int, _Piece | str] = {}

    def _statements_by_line(self) -> list[tuple[int, list[ast.stmt]]]:
        """Return the top-level statements that share no line, each with the line it begins in.

        What stands behind one, up to the next, belongs to it; to the first what stands before, too.
        """
        groups: list[tuple[int, list[ast.stmt]]] = [(1, [])]
        last = 0
        for statement in self.names.tree.body:
            first = self.first_line(statement)
            joined = first > 1 and self._lines[first - 2].endswith("\\")
            if groups[-1][1] and first > last and not joined:
                groups.append((first, []))
            groups[-1][1].append(statement)
            last = statement.end_lineno or statement.lineno
        return groups

    def _piece(self, line: int) -> _Piece:
        """Return the concrete syntax around a line (from 1)."""
        number = bisect_right(self._first_lines, line) - 1
        if number not in self._pieces:
            self._pieces[number] = self._parsed(number)
        piece = self._pieces[number]
        if isinstance(piece, str):
            raise Declined(piece)
        return piece

    def _parsed(self, number: int) -> _Piece | str:
        """Return the concrete syntax of a group of statements, or why there is none."""
        first, statements = self._groups[number]
        behind = self._first_lines[number + 1 : number + 2]
        end = self.starts[behind[0] - 1] if behind else len(self.text)
        try:
            _must_not_be_deep(statements)
            return _Piece(self.text[self.starts[first - 1] : end], first - 1)
        except (RecursionError, KeyError):  # LibCST's own clean-up hides the first by the second
            return "its code is too deeply nested to be rewritten"
        except (
            cst.ParserSyntaxError,
            cst.CSTValidationError,
        ):  # syntax that is newer, or odd: `for* i in x`
            return "LibCST cannot parse its code"

    @cached_property
    def step(self) -> str:
        """What the module indents its blocks with: the white space of the first one."""
        lines = (line + "\n" for line in self._lines)
        try:
            for token in tokenize.generate_tokens(lambda: next(lines, "")):
                if token.type == tokenize.INDENT:
                    return token.string
        except (tokenize.TokenError, SyntaxError):
            pass
        return " " * 4

    # -- places -------------------------------------------------------------------------------

    def column(self, line: int, byte_column: int) -> int:
        """Return the character column of an ``ast`` column, which counts UTF-8 bytes."""
        return character_column(self._lines[line - 1], byte_column)

    def start(self, node: ast.expr | ast.stmt | ast.alias | ast.arg) -> int:
        """Return the offset of the first character of a node (for a def: of ``def``)."""
        return self.starts[node.lineno - 1] + self.column(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.alias | ast.arg) -> int:
        """Return the offset behind the last character of a node."""
        line, column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.starts[line - 1] + self.column(line, column)

    def line_start(self, line: int) -> int:
        """Return the offset of a line (from 1); behind the last line, the end of the text."""
        return self.starts[line - 1] if line <= len(self.starts) else len(self.text)

    def line_of(self, offset: int) -> int:
        """Return the line (from 1) that an offset lies in."""
        return bisect_right(self.starts, offset)

    def line(self, number: int) -> str:
        """Return the text of a line without its ending."""
        return self._lines[number - 1] if number <= len(self._lines) else ""

    def indent(self, statement: ast.stmt) -> str:
        """Return the white space that the line of a statement begins with."""
        line = self.line(statement.lineno)
        return line[: len(line) - len(line.lstrip())]

    def first_line(self, statement: ast.stmt) -> int:
        """Return the first line of a statement, decorators included."""
        decorators = getattr(statement, "decorator_list", [])
        return min([statement.lineno, *(int(d.lineno) for d in decorators)])

    def stands_alone(self, statement: ast.stmt) -> bool:
        """Whether nothing but white space and a comment shares the lines of the statement."""
        before = self.line(statement.lineno)[: self.column(statement.lineno, statement.col_offset)]
        end = self.end(statement)
        last = self.line_of(end)
        after = self.text[end : self.line_start(last + 1)].strip()
        return not before.strip() and (not after or after.startswith("#"))

    def has_comment(self, first: int, last: int) -> bool:
        """Whether a comment stands in the lines ``first`` to ``last``."""
        return bool(self._comments_in(first, last))

    def comments(self, first: int, last: int) -> list[str]:
        """Return the comments in the lines ``first`` to ``last``, in order."""
        return [text for _, _, text in self._comments_in(first, last)]

    def _comments_in(self, first: int, last: int) -> list[tuple[int, int, str]]:
        if "#" not in self.text[self.line_start(first) : self.line_start(last + 1)]:
            return []
        found: list[tuple[int, int, str]] = []
        start = bisect_right(self._first_lines, first) - 1
        for line in self._first_lines[start : bisect_right(self._first_lines, last)]:
            comments = self._piece(line).comments
            begin = bisect_left(comments, (first, 0, ""))
            found += comments[begin : bisect_left(comments, (last + 1, 0, ""))]
        return found

    def comments_between(self, start: int, end: int) -> list[str]:
        """Return the comments between two offsets, in order."""
        first, last = self.line_of(start), self.line_of(end)
        return [
            text
            for line, column, text in self._comments_in(first, last)
            if start <= self.starts[line - 1] + column < end
        ]

    # -- text ---------------------------------------------------------------------------------

    def slice(self, node: ast.expr | ast.stmt | ast.alias | ast.arg) -> str:
        """Return the source of a node as it stands, without parentheses around it."""
        return self.text[self.start(node) : self.end(node)]

    def code(self, node: ast.expr) -> str:
        """Return the source of an expression with the parentheses that belong to it."""
        if not hasattr(node, "lineno"):
            return ast.unparse(node)  # made by us, not by the user
        end_line = node.end_lineno or node.lineno
        span = (
            node.lineno,
            self.column(node.lineno, node.col_offset),
            end_line,
            self.column(end_line, node.end_col_offset or 0),
        )
        piece = self._piece(node.lineno)
        found = piece.expressions.get(span)
        return self.slice(node) if found is None else piece.module.code_for_node(found)

    def enclosed(self, node: ast.expr) -> str:
        """Return the source of an expression; a tuple has parentheses around it."""
        code = self.code(node)
        return f"({code})" if isinstance(node, ast.Tuple) and is_bare(code) else code

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> cst.FunctionDef | None:
        """Return the concrete syntax of a function definition."""
        line = self.line(node.lineno)
        column = line.find(node.name, self.column(node.lineno, node.col_offset) + len("def"))
        return self._piece(node.lineno).functions.get((node.lineno, column))

    def parameters(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        """Return the text between the parentheses of a function's head."""
        found = self.function(node)
        if found is None:
            return ast.unparse(node.args)
        return self._piece(node.lineno).module.code_for_node(found.params)


def is_bare(code: str) -> bool:
    """Whether no one pair of parentheses is around a whole expression: ``(a), b`` is bare."""
    if not code.startswith("("):
        return True
    try:
        called = ast.parse(f"f{code}", mode="eval").body
    except SyntaxError:  # broken over lines, as only inside of other brackets
        return True
    return not (isinstance(called, ast.Call) and isinstance(called.func, ast.Name))
