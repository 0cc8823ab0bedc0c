"""``ray-lint server``: the Language Server Protocol on standard input and output.

Diagnostics as you type, quick fixes, fix all, suppress on a line, and the rule's page on hover; for
Python documents and for the cells of notebooks. Fixes are only built when the editor asks for them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from ray_lint import __version__
from ray_lint.cli.diff import changed_lines
from ray_lint.cli.documents import (
    Around,
    Cell,
    Change,
    Document,
    notebook_document,
    plain_document,
)
from ray_lint.cli.pages import page
from ray_lint.errors import SourceError, UsageError
from ray_lint.finding import Applicability, Finding, Position
from ray_lint.rules import all_rules
from ray_lint.sources.source import Lines
from ray_lint.sources.suppressions import add_noqa

try:
    from lsprotocol import types as lsp
    from pygls.lsp.server import LanguageServer
    from pygls.uris import to_fs_path
except ImportError:
    raise UsageError("the server needs pygls: pip install 'ray-lint[server]'") from None

FIX_ALL = "source.fixAll.ray-lint"
_PAUSE = 0.2
"""Seconds without a keystroke after which a changed document is looked at again."""


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

        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._known: dict[str, Document] = {}
        self._problem = ""

    def document(self, uri: str) -> Document:
        """Return the document that an open text belongs to. Raises UsageError, SourceError."""
        notebook = self.workspace.get_notebook_document(notebook_uri=uri) or (
            self.workspace.get_notebook_document(cell_uri=uri)
        )
        path = to_fs_path(notebook.uri if notebook else uri) or uri
        root = next((f for f in self.roots() if path.startswith(f + os.sep)), None)
        around = Around(root, {p: text for p, (_, text) in self.open_files().items()})
        if notebook is None:
            cell = Cell(uri, self.workspace.get_text_document(uri).source)
            made = plain_document(path, cell, around)
        else:
            cells = [
                Cell(cell.document, self.workspace.get_text_document(cell.document).source)
                for cell in notebook.cells
                if cell.kind is lsp.NotebookCellKind.Code
            ]
            made = notebook_document(path, cells, around)
        known = self._known.get(path)
        if known is not None and known.same(made):
            return known
        self._known[path] = made
        return made

    def roots(self) -> list[str]:
        """Return the folders that the editor has opened."""
        uris = [*self.workspace.folders, self.workspace.root_uri or ""]
        return [path for uri in uris if (path := to_fs_path(uri))]

    def open_files(self) -> dict[str, tuple[str, str]]:
        """Return URI and text of the open Python files by their paths."""
        return {
            path: (uri, document.source)
            for uri, document in self.workspace.text_documents.items()
            if (path := to_fs_path(uri) or "").endswith(".py")
        }

    def publish_all(self) -> None:
        """Send the diagnostics of every open document, as when a file that they import changes."""
        self._known.clear()
        books = self.workspace.notebook_documents
        cells = {cell.document for book in books.values() for cell in book.cells}
        for uri in [*self.workspace.text_documents, *books]:
            if uri not in cells:
                self.publish(uri)

    def publish(self, uri: str) -> None:
        """Send the diagnostics of a document, for each of its cells."""
        self.forget(uri)
        try:
            document = self.document(uri)
        except (UsageError, SourceError) as error:
            if self._problem != str(error):  # once, not at each keystroke
                self.window_show_message(
                    lsp.ShowMessageParams(lsp.MessageType.Error, f"ray-lint: {error}")
                )
            self._problem = str(error)
            return
        self._problem = ""
        by_uri: dict[str, list[lsp.Diagnostic]] = {cell.uri: [] for cell in document.cells}
        for finding in map(document.source.locate, document.findings):
            cell = document.cell(finding)
            by_uri[cell.uri].append(self.diagnostic(cell, finding))
        for cell_uri, diagnostics in by_uri.items():
            self.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(uri=cell_uri, diagnostics=diagnostics)
            )

    def publish_soon(self, uri: str) -> None:
        """Send the diagnostics of a document when the user pauses."""
        self.forget(uri)
        loop = asyncio.get_running_loop()
        self._waiting[uri] = loop.call_later(_PAUSE, self.publish, uri)

    def forget(self, uri: str) -> None:
        """Drop what ``publish_soon`` has planned for a document."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()

    def clear(self, uris: list[str]) -> None:
        """Take back the diagnostics of texts that are closed."""
        for uri in uris:
            self.forget(uri)
            self.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(uri=uri, diagnostics=[])
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
        touched = {
            (finding.code, finding.start)
            for finding in document.findings
            for located in [document.source.locate(finding)]
            for cell in [document.cell(located)]
            if cell.uri == uri and _touches(self.range(cell, located.start, located.end), asked)
        }
        for finding in document.fixable if touched else ():
            if (finding.code, finding.start) not in touched:
                continue
            located = document.source.locate(finding)
            cell = document.cell(located)
            diagnostic = self.diagnostic(cell, located)
            change = self.change(document, finding)
            if located.fix is not None and change is not None:
                safe = located.fix.applicability is Applicability.SAFE
                unsafe = f" (not proven safe: {located.fix.reason})"
                yield lsp.CodeAction(
                    title=f"ray-lint: {located.fix.title}{'' if safe else unsafe}",
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=[diagnostic],
                    is_preferred=safe,
                    edit=self.edit(document, change),
                )
            if finding.code != "RAY900":
                after, impossible = add_noqa(cell.text, {located.start.line: [finding.code]})
                if impossible:
                    continue
                yield lsp.CodeAction(
                    title=f"ray-lint: suppress {finding.code} on this line",
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=[diagnostic],
                    edit=lsp.WorkspaceEdit(changes={cell.uri: self.changes(cell, after)}),
                )

    def change(self, document: Document, finding: Finding) -> Change | None:
        """Return what the fix of a finding changes; None without one, or if a file has gone."""
        if finding.fix is None or not finding.fix.edits:
            return None
        try:
            return document.fixed(finding)
        except (SourceError, OSError):
            return None

    def fix_all(self, document: Document) -> lsp.CodeAction | None:
        """Return the action that applies every safe fix of the document, None without any."""
        edit = self.edit(document, document.all_fixed)
        if not edit.changes:
            return None
        return lsp.CodeAction(title="ray-lint: fix all", kind=FIX_ALL, edit=edit)

    def edit(self, document: Document, change: Change) -> lsp.WorkspaceEdit:
        """Return the edits that make a change of a document and of other files."""
        uris = self.open_files()
        texts = [
            *zip(document.cells, change.cells, strict=True),
            *(
                (Cell(uris.get(path, (Path(path).as_uri(), ""))[0], before), after)
                for path, before, after in change.others
            ),
        ]
        return lsp.WorkspaceEdit(
            changes={
                cell.uri: self.changes(cell, after) for cell, after in texts if cell.text != after
            }
        )

    def changes(self, cell: Cell, after: str) -> list[lsp.TextEdit]:
        """Return one edit for each run of lines that differs."""
        lines = Lines(cell.text)
        return [
            lsp.TextEdit(self.range(cell, lines.position(start), lines.position(end)), text)
            for start, end, text in changed_lines(cell.text, after)
        ]


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
        server.publish_soon(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(_: lsp.DidSaveTextDocumentParams) -> None:
        server.publish_all()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.clear([params.text_document.uri])

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_opened(params: lsp.DidOpenNotebookDocumentParams) -> None:
        server.publish(params.notebook_document.uri)

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_changed(params: lsp.DidChangeNotebookDocumentParams) -> None:
        server.publish_soon(params.notebook_document.uri)

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_SAVE)
    def notebook_saved(_: lsp.DidSaveNotebookDocumentParams) -> None:
        server.publish_all()

    @server.feature(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def notebook_closed(params: lsp.DidCloseNotebookDocumentParams) -> None:
        server.forget(params.notebook_document.uri)
        server.clear([cell.uri for cell in params.cell_text_documents])

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
        for finding in map(document.source.locate, document.findings):
            cell = document.cell(finding)
            place = server.range(cell, finding.start, finding.end)
            if cell.uri == params.text_document.uri and _touches(place, at):
                rule = next(rule for rule in all_rules() if rule.code == finding.code)
                facts = "".join(f"- {phrase}\n" for phrase in finding.evidence)
                because = f"This finding rests on\n\n{facts}\n" if facts else ""
                markdown = lsp.MarkupContent(lsp.MarkupKind.Markdown, because + page(rule))
                return lsp.Hover(contents=markdown, range=place)
        return None

    return server


def serve() -> int:
    """Serve until the editor ends the session and return the exit code."""
    create().start_io()
    return 0
