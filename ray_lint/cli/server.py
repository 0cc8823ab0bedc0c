"""``ray-lint server``: the Language Server Protocol on standard input and output.

Diagnostics as you type, quick fixes, fix all, suppress on a line, and the rule's page on hover; for
Python documents and for the cells of notebooks. Fixes are only built when the editor asks for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ray_lint import __version__
from ray_lint.cli.pages import page
from ray_lint.config import Config
from ray_lint.core import check, fix
from ray_lint.errors import SourceError, UsageError
from ray_lint.finding import Applicability, Finding, Position
from ray_lint.rules import all_rules
from ray_lint.settings import SettingsFinder
from ray_lint.sources.gate import encode_utf8, worth_parsing
from ray_lint.sources.source import Lines, PlainSource, Source
from ray_lint.sources.suppressions import add_noqa

try:
    from lsprotocol import types as lsp
    from pygls.lsp.server import LanguageServer
    from pygls.uris import to_fs_path
except ImportError:
    raise UsageError("the server needs pygls: pip install 'ray-lint[server]'") from None

FIX_ALL = "source.fixAll.ray-lint"


@dataclass(frozen=True)
class Cell:
    """A text that the editor holds: a whole document, or a code cell of a notebook."""

    uri: str
    text: str


@dataclass(frozen=True)
class Document:
    """A document with its source and settings; ``cells`` has one entry unless it is a notebook."""

    source: Source
    cells: Sequence[Cell]
    config: Config

    def findings(self, *, fixes: bool) -> list[Finding]:
        """Return the findings, still at their places in the module."""
        source = self.source
        if not worth_parsing(source.python):
            return []
        try:
            return check(
                source.python,
                self.config,
                filename=source.filename,
                fixes=fixes,
                refuses=source.refuses,
            )
        except SourceError:
            return []  # half-typed code; the editor's own parser tells

    def cell(self, finding: Finding) -> Cell:
        """Return the cell that a located finding stands in."""
        return self.cells[(finding.cell or 1) - 1]


class Server(LanguageServer):
    """The server with what it knows of open documents."""

    def __init__(self) -> None:
        super().__init__(
            "ray-lint",
            __version__,
            text_document_sync_kind=lsp.TextDocumentSyncKind.Full,
            notebook_document_sync=lsp.NotebookDocumentSyncOptions(
                notebook_selector=[
                    lsp.NotebookDocumentFilterWithCells(
                        cells=[lsp.NotebookCellLanguage(language="python")]
                    )
                ]
            ),
        )

    def document(self, uri: str) -> Document:
        """Return the document that an open text belongs to. Raises UsageError, SourceError."""
        notebook = self.workspace.get_notebook_document(notebook_uri=uri) or (
            self.workspace.get_notebook_document(cell_uri=uri)
        )
        path = to_fs_path(notebook.uri if notebook else uri) or uri
        config = SettingsFinder().for_file(path).config(path, {})
        if notebook is None:
            text = self.workspace.get_text_document(uri).source
            return Document(PlainSource(path, encode_utf8(text)), [Cell(uri, text)], config)
        from ray_lint.sources.notebook import Notebook

        cells = [
            Cell(cell.document, self.workspace.get_text_document(cell.document).source)
            for cell in notebook.cells
            if cell.kind is lsp.NotebookCellKind.Code
        ]
        rows = [{"cell_type": "code", "source": cell.text} for cell in cells]
        data = json.dumps({"cells": rows}).encode()
        return Document(Notebook(path, data), cells, config)

    def publish(self, uri: str) -> None:
        """Send the diagnostics of a document, for each of its cells."""
        try:
            document = self.document(uri)
        except (UsageError, SourceError) as error:
            self.window_show_message(
                lsp.ShowMessageParams(lsp.MessageType.Error, f"ray-lint: {error}")
            )
            return
        by_uri: dict[str, list[lsp.Diagnostic]] = {cell.uri: [] for cell in document.cells}
        for finding in map(document.source.locate, document.findings(fixes=False)):
            cell = document.cell(finding)
            by_uri[cell.uri].append(self.diagnostic(cell, finding))
        for cell_uri, diagnostics in by_uri.items():
            self.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(uri=cell_uri, diagnostics=diagnostics)
            )

    def diagnostic(self, cell: Cell, finding: Finding) -> lsp.Diagnostic:
        """Return a located finding as a diagnostic."""
        unused = finding.code == "RAY900"
        return lsp.Diagnostic(
            range=self.range(cell, finding.start, finding.end),
            message=finding.message,
            severity=lsp.DiagnosticSeverity.Warning,
            code=finding.code,
            source="ray-lint",
            tags=[lsp.DiagnosticTag.Unnecessary] if unused else None,
        )

    # -- places ---------------------------------------------------------------------------------

    def place(self, lines: Lines, position: Position) -> lsp.Position:
        """Return a place in the units that were agreed with the editor."""
        before = lines.line(position.line)[: position.column]
        encoding = self.workspace.position_encoding
        if encoding == lsp.PositionEncodingKind.Utf8:
            column = len(before.encode("utf-8", "surrogatepass"))
        elif encoding == lsp.PositionEncodingKind.Utf32:
            column = len(before)
        else:
            column = len(before.encode("utf-16-le", "surrogatepass")) // 2
        return lsp.Position(position.line - 1, column)

    def range(self, cell: Cell, start: Position, end: Position) -> lsp.Range:
        """Return a range in the units that were agreed with the editor."""
        lines = Lines(cell.text)
        return lsp.Range(self.place(lines, start), self.place(lines, end))

    # -- actions --------------------------------------------------------------------------------

    def actions(self, document: Document, uri: str, asked: lsp.Range) -> Iterator[lsp.CodeAction]:
        """Yield what can be done about the findings that the range touches."""
        for finding in document.findings(fixes=True):
            located = document.source.locate(finding)
            cell = document.cell(located)
            diagnostic = self.diagnostic(cell, located)
            if cell.uri != uri or not _touches(diagnostic.range, asked):
                continue
            if finding.fix is not None and finding.fix.edits:
                safe = finding.fix.applicability is Applicability.SAFE
                unsafe = f" (not proven safe: {finding.fix.reason})"
                yield lsp.CodeAction(
                    title=f"ray-lint: {finding.fix.title}{'' if safe else unsafe}",
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=[diagnostic],
                    is_preferred=safe,
                    edit=lsp.WorkspaceEdit(changes=self.edits(document, finding)),
                )
            if finding.code != "RAY900":
                after = add_noqa(cell.text, {located.start.line: [finding.code]})
                yield lsp.CodeAction(
                    title=f"ray-lint: suppress {finding.code} on this line",
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=[diagnostic],
                    edit=lsp.WorkspaceEdit(changes={cell.uri: [self.whole(cell, after)]}),
                )

    def edits(self, document: Document, finding: Finding) -> dict[str, list[lsp.TextEdit]]:
        """Return the edits of a finding's fix by document."""
        changes: dict[str, list[lsp.TextEdit]] = {}
        for edit in finding.fix.edits if finding.fix else ():
            number, start = document.source.place(edit.start)
            cell = document.cells[(number or 1) - 1]
            end = document.source.place(edit.end)[1]
            lines = Lines(cell.text)
            content = edit.content
            if start.line > len(lines.starts):
                # Behind the last line of a cell, which has no newline of its own.
                start = end = lines.position(len(cell.text))
                content = "\n" + content.removesuffix("\n")
            changes.setdefault(cell.uri, []).append(
                lsp.TextEdit(self.range(cell, start, end), content)
            )
        return changes

    def fix_all(self, document: Document) -> lsp.CodeAction | None:
        """Return the action that applies every safe fix of the document, None without any."""
        source = document.source
        if not worth_parsing(source.python):
            return None
        try:
            result = fix(
                source.python,
                document.config,
                filename=source.filename,
                refuses=source.refuses,
            )
            if not result.applied:
                return None
            after = _cells(source.rebuild(result.source), source)
        except SourceError:
            return None
        changes = {
            cell.uri: [self.whole(cell, text)]
            for cell, text in zip(document.cells, after, strict=True)
            if cell.text != text
        }
        return lsp.CodeAction(
            title="ray-lint: fix all",
            kind=FIX_ALL,
            edit=lsp.WorkspaceEdit(changes=changes),
        )

    def whole(self, cell: Cell, after: str) -> lsp.TextEdit:
        """Return one edit from the first to the last line that differs."""
        before, new = cell.text.splitlines(keepends=True), after.splitlines(keepends=True)
        head = 0
        while head < min(len(before), len(new)) and before[head] == new[head]:
            head += 1
        tail = 0
        while tail < min(len(before), len(new)) - head and before[-1 - tail] == new[-1 - tail]:
            tail += 1
        lines = Lines(cell.text)
        start = sum(map(len, before[:head]))
        end = len(cell.text) - sum(map(len, before[len(before) - tail :]))
        return lsp.TextEdit(
            self.range(cell, lines.position(start), lines.position(end)),
            "".join(new[head : len(new) - tail]),
        )


def _cells(data: bytes, source: Source) -> list[str]:
    """Return the text of each cell of a rebuilt document."""
    if isinstance(source, PlainSource):
        *head, rest = data.decode("utf-8", "surrogatepass").split("\n", 2)
        # Undo what encode_utf8 did to an encoding comment.
        return ["\n".join([*(line.replace("cod-ng", "coding") for line in head), rest])]
    return [row["source"] for row in json.loads(data)["cells"]]


def _touches(one: lsp.Range, other: lsp.Range) -> bool:
    return not (one.end < other.start or other.end < one.start)


def create() -> Server:
    """Return a server with its features."""
    server = Server()

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(uri=params.text_document.uri, diagnostics=[])
        )

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_opened(params: lsp.DidOpenNotebookDocumentParams) -> None:
        server.publish(params.notebook_document.uri)

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_changed(params: lsp.DidChangeNotebookDocumentParams) -> None:
        server.publish(params.notebook_document.uri)

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix, FIX_ALL]),
    )
    def code_action(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        try:
            document = server.document(params.text_document.uri)
        except (UsageError, SourceError):
            return []
        only = params.context.only

        def wanted(kind: str) -> bool:
            return only is None or any(kind == o or kind.startswith(f"{o}.") for o in only)

        found: list[lsp.CodeAction] = []
        if wanted("quickfix"):
            found += server.actions(document, params.text_document.uri, params.range)
        if wanted(FIX_ALL):
            action = server.fix_all(document)
            found += [action] if action is not None else []
        return found

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        try:
            document = server.document(params.text_document.uri)
        except (UsageError, SourceError):
            return None
        at = lsp.Range(params.position, params.position)
        for finding in map(document.source.locate, document.findings(fixes=False)):
            cell = document.cell(finding)
            place = server.range(cell, finding.start, finding.end)
            if cell.uri == params.text_document.uri and _touches(place, at):
                rule = next(rule for rule in all_rules() if rule.code == finding.code)
                markdown = lsp.MarkupContent(lsp.MarkupKind.Markdown, page(rule))
                return lsp.Hover(contents=markdown, range=place)
        return None

    return server


def serve() -> int:
    """Serve until the editor ends the session and return the exit code."""
    create().start_io()
    return 0
