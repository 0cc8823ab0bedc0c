"""The language server, by a real client in a session over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

pytest.importorskip("pygls")

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from ray_lint.core import fix
from tests.doors.conftest import environment
from tests.doors.samples import FINDING

UNUSED = "x = '😀'  # noqa: RAY101\n"
Session = Callable[["Client"], Awaitable[None]]


class Client(LanguageClient):
    def __init__(self) -> None:
        super().__init__("test", "1")
        self.published: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()
        self.shown: list[str] = []

        @self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def publish(params: lsp.PublishDiagnosticsParams) -> None:
            self.published.put_nowait(params)

        @self.feature(lsp.WINDOW_SHOW_MESSAGE)
        def show(params: lsp.ShowMessageParams) -> None:
            self.shown.append(params.message)

    async def diagnostics(self) -> list[lsp.Diagnostic]:
        return list((await asyncio.wait_for(self.published.get(), 30)).diagnostics)

    def open(self, uri: str, text: str) -> None:
        item = lsp.TextDocumentItem(uri=uri, language_id="python", version=1, text=text)
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))

    async def actions(
        self, uri: str, place: lsp.Range, only: list[str] | None = None
    ) -> list[lsp.CodeAction]:
        context = lsp.CodeActionContext(diagnostics=[], only=only)
        params = lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), place, context)
        found = await asyncio.wait_for(self.text_document_code_action_async(params), 60)
        return [a for a in found or [] if isinstance(a, lsp.CodeAction)]


def session(folder: Path, play: Session) -> None:
    async def run() -> None:
        client = Client()
        await client.start_io(sys.executable, "-m", "ray_lint", "server", env=environment())
        try:
            await asyncio.wait_for(
                client.initialize_async(
                    lsp.InitializeParams(
                        capabilities=lsp.ClientCapabilities(), root_uri=folder.as_uri()
                    )
                ),
                60,
            )
            client.initialized(lsp.InitializedParams())
            await play(client)
        finally:
            # Also after a failure: the client waits for the end of its server.
            await client.shutdown_async(None)
            client.exit(None)
            await client.stop()

    asyncio.run(run())


def apply(text: str, edits: list[lsp.TextEdit]) -> str:
    """Apply edits as an editor does: UTF-16 units, from the end."""
    lines = text.split("\n")

    def offset(place: lsp.Position) -> int:
        line = lines[place.line]
        column = len(line.encode("utf-16-le")[: 2 * place.character].decode("utf-16-le"))
        return sum(len(x) + 1 for x in lines[: place.line]) + column

    spans = [(offset(e.range.start), offset(e.range.end), e.new_text) for e in edits]
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def test_a_session_with_a_document(tmp_path: Path) -> None:
    uri = (tmp_path / "é a.py").as_uri()

    async def play(client: Client) -> None:
        client.open(uri, FINDING)
        (found,) = await client.diagnostics()
        assert found.code == "RAY101"
        assert (found.range.start.line, found.range.start.character) == (8, 19)
        hover = await client.text_document_hover_async(
            lsp.HoverParams(lsp.TextDocumentIdentifier(uri), lsp.Position(8, 22))
        )
        assert hover is not None
        assert isinstance(hover.contents, lsp.MarkupContent)
        assert "## What it does" in hover.contents.value
        actions = await client.actions(uri, found.range, [lsp.CodeActionKind.QuickFix])
        suppress = next(a for a in actions if "suppress RAY101" in a.title)
        assert suppress.edit is not None
        assert suppress.edit.changes is not None
        silenced = apply(FINDING, list(suppress.edit.changes[uri]))
        assert silenced == FINDING.rstrip("\n") + "  # noqa: RAY101\n"
        change = lsp.TextDocumentContentChangeWholeDocument(silenced)
        client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(lsp.VersionedTextDocumentIdentifier(2, uri), [change])
        )
        assert await client.diagnostics() == []

    session(tmp_path, play)


def test_the_batch_rewrite_is_a_quick_fix(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    fixed = fix(FINDING.encode(), filename="a.py").source.decode()

    async def play(client: Client) -> None:
        client.open(uri, FINDING)
        (found,) = await client.diagnostics()
        for only in ([lsp.CodeActionKind.QuickFix], ["source.fixAll"]):
            actions = await client.actions(uri, found.range, only)
            action = next(a for a in actions if "suppress" not in a.title)
            assert action.edit is not None
            assert action.edit.changes is not None
            assert apply(FINDING, list(action.edit.changes[uri])) == fixed

    session(tmp_path, play)
    assert "double_batch.remote(batch)" in fixed


def test_fixes_count_in_utf_16(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    text = "# coding: latin-1\ny = 1\n" + UNUSED

    async def play(client: Client) -> None:
        client.open(uri, text)
        (found,) = await client.diagnostics()
        assert found.code == "RAY900"
        assert found.range.start == lsp.Position(2, 10)  # the letter takes two units
        for only in ([lsp.CodeActionKind.QuickFix], ["source.fixAll"]):
            (action,) = await client.actions(uri, found.range, only)
            assert action.edit is not None
            assert action.edit.changes is not None
            assert apply(text, list(action.edit.changes[uri])) == text.replace(
                "  # noqa: RAY101", ""
            )

    session(tmp_path, play)


def test_a_notebook(tmp_path: Path) -> None:
    book = (tmp_path / "a.ipynb").as_uri()
    texts = ["%pip install ray\nimport ray", FINDING.removeprefix("import ray\n"), UNUSED]
    uris = [f"vscode-notebook-cell:{i}" for i in range(3)]

    async def play(client: Client) -> None:
        client.notebook_document_did_open(
            lsp.DidOpenNotebookDocumentParams(
                lsp.NotebookDocument(
                    uri=book,
                    notebook_type="jupyter-notebook",
                    version=1,
                    cells=[lsp.NotebookCell(lsp.NotebookCellKind.Code, uri) for uri in uris],
                ),
                [lsp.TextDocumentItem(u, "python", 1, t) for u, t in zip(uris, texts, strict=True)],
            )
        )
        got = [await asyncio.wait_for(client.published.get(), 30) for _ in uris]
        by_uri = {params.uri: list(params.diagnostics) for params in got}
        assert by_uri[uris[0]] == []
        assert by_uri[uris[1]][0].range.start == lsp.Position(7, 19)
        assert by_uri[uris[2]][0].range.start == lsp.Position(0, 10)
        (action,) = await client.actions(uris[2], by_uri[uris[2]][0].range, ["quickfix"])
        assert action.edit is not None
        assert action.edit.changes is not None
        assert apply(UNUSED, list(action.edit.changes[uris[2]])) == "x = '😀'\n"

    session(tmp_path, play)


def test_half_typed_code_and_wrong_settings(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    (tmp_path / "ray-lint.toml").write_text("strict = 1\n")

    async def play(client: Client) -> None:
        client.open(uri, FINDING)
        for _ in range(100):
            if client.shown:
                break
            await asyncio.sleep(0.1)
        assert "strict must be true or false" in client.shown[0]
        (tmp_path / "ray-lint.toml").unlink()
        client.open(uri, FINDING + "x = (")
        assert await client.diagnostics() == []

    session(tmp_path, play)
