"""The language server, by a real client in a session over standard input and output."""

from __future__ import annotations

import asyncio
import json
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

    def change(self, uri: str, version: int, text: str) -> None:
        change = lsp.TextDocumentContentChangeWholeDocument(text)
        identifier = lsp.VersionedTextDocumentIdentifier(version, uri)
        self.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, [change]))

    def close(self, uri: str) -> None:
        identifier = lsp.TextDocumentIdentifier(uri)
        self.text_document_did_close(lsp.DidCloseTextDocumentParams(identifier))

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
        await client.start_io(
            sys.executable, "-m", "ray_lint", "server", "--stdio", env=environment()
        )
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
        assert hover.contents.value.startswith("This finding rests on\n\n- 10,000 items of ")
        assert "## What it does" in hover.contents.value
        actions = await client.actions(uri, found.range, [lsp.CodeActionKind.QuickFix])
        suppress = next(a for a in actions if "suppress RAY101" in a.title)
        assert suppress.edit is not None
        assert suppress.edit.changes is not None
        silenced = apply(FINDING, list(suppress.edit.changes[uri]))
        assert silenced == FINDING.rstrip("\n") + "  # noqa: RAY101\n"
        client.change(uri, 2, silenced)
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


def open_notebook(client: Client, uri: str, texts: list[str]) -> list[str]:
    """Open a notebook and return the URIs of its cells."""
    uris = [f"vscode-notebook-cell:{uri.rpartition('/')[2]}#{i}" for i in range(len(texts))]
    client.notebook_document_did_open(
        lsp.DidOpenNotebookDocumentParams(
            lsp.NotebookDocument(
                uri=uri,
                notebook_type="jupyter-notebook",
                version=1,
                cells=[lsp.NotebookCell(lsp.NotebookCellKind.Code, cell) for cell in uris],
            ),
            [lsp.TextDocumentItem(u, "python", 1, t) for u, t in zip(uris, texts, strict=True)],
        )
    )
    return uris


def test_a_notebook(tmp_path: Path) -> None:
    book = (tmp_path / "a.ipynb").as_uri()
    function, _, call = FINDING.removeprefix("import ray\n\n\n").rpartition("\n\n\n")
    timed = "%time ray.get([double.remote(x) for x in range(10_000)])"
    texts = ["%pip install ray\nimport ray", function, UNUSED, f"%%time\n{call}", timed]

    async def play(client: Client) -> None:
        uris = open_notebook(client, book, texts)
        got = [await asyncio.wait_for(client.published.get(), 30) for _ in uris]
        by_uri = {params.uri: list(params.diagnostics) for params in got}
        found = [by_uri[uri] for uri in uris]
        assert [len(x) for x in found] == [0, 0, 1, 1, 1]
        assert [x[0].range.start for x in found[2:]] == [
            lsp.Position(0, 10),
            lsp.Position(1, 19),
            lsp.Position(0, 15),
        ]
        (action,) = await client.actions(uris[2], found[2][0].range, ["quickfix"])
        assert applied(action, uris, texts) == [*texts[:2], "x = '😀'\n", *texts[3:]]
        fixes = await client.actions(uris[3], found[3][0].range, ["quickfix"])
        after = applied(fixes[0], uris, texts)
        assert [a == b for a, b in zip(after, texts, strict=True)] == [
            True,
            False,
            True,
            False,
            True,
        ]
        assert after[1].startswith("def split_into_batches(items):")
        assert after[1].endswith("def double_batch(xs):\n    return [x * 2 for x in xs]")
        assert after[3].startswith("%%time\nresults = [")
        # A line magic cannot be split over lines: nothing but the suppression is offered.
        (suppress,) = await client.actions(uris[4], found[4][0].range, ["quickfix"])
        assert "suppress" in suppress.title
        (everything,) = await client.actions(uris[4], found[4][0].range, ["source.fixAll"])
        assert applied(everything, uris, texts) == [*after[:2], "x = '😀'\n", *after[3:]]
        client.notebook_document_did_close(
            lsp.DidCloseNotebookDocumentParams(
                lsp.NotebookDocumentIdentifier(book), [lsp.TextDocumentIdentifier(u) for u in uris]
            )
        )
        assert [await client.diagnostics() for _ in uris] == [[]] * len(uris)

    session(tmp_path, play)


def applied(action: lsp.CodeAction, uris: list[str], texts: list[str]) -> list[str]:
    """Return the texts after an action."""
    assert action.edit is not None
    changes = action.edit.changes or {}
    assert set(changes) <= set(uris)
    return [apply(text, list(changes.get(u, []))) for u, text in zip(uris, texts, strict=True)]


def test_few_looks_after_many_keystrokes(tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()

    async def play(client: Client) -> None:
        client.open(uri, "")
        assert await client.diagnostics() == []
        for length in range(1, len(FINDING) + 1):
            client.change(uri, length + 1, FINDING[:length])
        looks = 1  # more than one only if this machine is busier than a typist is fast
        while not (found := await client.diagnostics()):
            looks += 1
        assert found[0].code == "RAY101"
        assert looks < len(FINDING) / 4
        client.change(uri, 1_000, "")
        client.close(uri)
        await asyncio.sleep(1)
        last = [client.published.get_nowait() for _ in range(client.published.qsize())][-1]
        assert list(last.diagnostics) == []

    session(tmp_path, play)


def test_what_the_command_leaves_out_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "ray-lint.toml").write_text("exclude = ['gen/']\nbaseline = 'b.json'\n")
    row = {"code": "RAY101", "symbol": "double", "line": FINDING.splitlines()[-1], "count": 1}
    baseline = {"version": 1, "findings": [{"file": "old.py", **row}]}
    (tmp_path / "b.json").write_text(json.dumps(baseline))

    async def play(client: Client) -> None:
        for name in ("gen/a.py", "env/lib/a.py", ".venv/a.py", "old.py"):
            uri = (tmp_path / name).as_uri()
            client.open(uri, FINDING)
            assert await client.diagnostics() == [], name
            everywhere = lsp.Range(lsp.Position(0, 0), lsp.Position(20, 0))
            assert await client.actions(uri, everywhere) == []
        uri = (tmp_path / "old.py").as_uri()
        client.change(uri, 2, FINDING + "\n" + FINDING.splitlines()[-1])
        (found,) = await client.diagnostics()
        assert found.range.start.line == 10

    session(tmp_path, play)


def test_saving_a_file_looks_again_at_what_imports_it(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(FINDING.partition("\n\n\nresults")[0] + "\n")
    uri, tasks = (tmp_path / "a.py").as_uri(), (tmp_path / "tasks.py").as_uri()
    text = "import ray\nfrom tasks import double\nxs = [double.remote(x) for x in range(10_000)]\n"

    async def play(client: Client) -> None:
        client.open(uri, text)
        assert [d.code for d in await client.diagnostics()] == ["RAY101"]
        heavy = "import time\nimport ray\n\n\n@ray.remote\ndef double(x):\n    time.sleep(1)\n"
        (tmp_path / "tasks.py").write_text(heavy)
        client.open(tasks, heavy)
        assert await client.diagnostics() == []
        client.text_document_did_save(
            lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(tasks))
        )
        assert await client.diagnostics() == []
        assert await client.diagnostics() == []

    session(tmp_path, play)


@pytest.mark.parametrize("typed", [None, "# not yet saved\n"])
def test_a_fix_of_several_files(tmp_path: Path, typed: str | None) -> None:
    function = FINDING.partition("\n\n\nresults")[0] + "\n"
    call = "xs = ray.get([double.remote(x) for x in range(900)])\n"
    text = f"import ray\nfrom tasks import double\n{call}"
    (tmp_path / "tasks.py").write_text(function)
    (tmp_path / "a.py").write_text(text)
    uri, tasks = (tmp_path / "a.py").as_uri(), (tmp_path / "tasks.py").as_uri()
    before = {uri: text, tasks: (typed or "") + function}

    async def play(client: Client) -> None:
        if typed is not None:
            client.open(tasks, before[tasks])
            assert await client.diagnostics() == []
        client.open(uri, text)
        (found,) = await client.diagnostics()
        for only in (["quickfix"], ["source.fixAll"]):
            action = (await client.actions(uri, found.range, only))[0]
            assert action.edit is not None
            changes = action.edit.changes or {}
            assert set(changes) == {uri, tasks}
            after = {u: apply(old, list(changes[u])) for u, old in before.items()}
            assert after[tasks] == before[tasks] + (
                "\n\n@ray.remote\ndef double_batch(xs):\n    return [x * 2 for x in xs]\n"
            )
            assert "from tasks import double_batch\n" in after[uri]
            assert "double_batch.remote(batch)" in after[uri]

    session(tmp_path, play)
    assert (tmp_path / "tasks.py").read_text() == function


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


TASKS = "import ray\n\n\n@ray.remote\ndef double(x):\n    return x * 2\n"
MAIN = "import ray\nfrom tasks import double\n\n"
MAIN += "ray.get([double.remote(x) for x in range(5_000)])\n"


def test_a_file_outside_of_the_folders_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[tool.ray-lint]\nsource-roots = ["../lib"]\n')
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tasks.py").write_text(TASKS)

    async def play(client: Client) -> None:
        client.open((folder / "main.py").as_uri(), MAIN)
        (diagnostic,) = await client.diagnostics()
        actions = await client.actions((folder / "main.py").as_uri(), diagnostic.range)
        for action in actions:
            assert action.edit is not None and action.edit.changes is not None
            assert list(action.edit.changes) == [(folder / "main.py").as_uri()]

    session(folder, play)
