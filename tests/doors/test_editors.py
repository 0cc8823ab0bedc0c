"""The recipes of the documentation in the editors they are for, where those are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.core import fix
from tests.doors.conftest import ROOT, environment
from tests.doors.docs import blocks
from tests.doors.samples import FINDING

pytest.importorskip("pygls")

_NEOVIM = """\
vim.cmd("filetype on")
vim.cmd.edit("a.py")
assert(vim.wait(30000, function() return #vim.diagnostic.get(0) > 0 end, 20), "no diagnostics")
local found = vim.diagnostic.get(0)[1]
print(found.lnum + 1, found.col + 1, found.code)
vim.api.nvim_win_set_cursor(0, { found.lnum + 1, found.col })
local function wanted(action) return action.title:find("in batches") ~= nil end
vim.lsp.buf.code_action({ apply = true, filter = wanted })
assert(vim.wait(30000, function() return vim.bo.modified end, 20), "no fix")
assert(vim.wait(30000, function() return #vim.diagnostic.get(0) == 0 end, 20), "still there")
vim.cmd("write")
vim.cmd("quitall!")
"""
_EMACS = """\
(package-initialize)
(unless (require 'eglot nil t) (princ "no eglot") (kill-emacs))
(load-file "recipe")
(find-file "a.py")
(run-hooks 'post-command-hook) ; as after a command of a user
(let ((tries 600))
  (while (and (not (flymake-diagnostics)) (> (setq tries (1- tries)) 0))
    (accept-process-output nil 0.05)
    (flymake-start)))
(let ((found (car (flymake-diagnostics))))
  (goto-char (flymake-diagnostic-beg found))
  (princ (format "%s %s %s\\n" (line-number-at-pos) (1+ (current-column))
                 (flymake-diagnostic-text found))))
(setq last-nonmenu-event ?x) ; typed, not clicked
(eglot-code-actions (point) (1+ (point)) "quickfix" t) ; asks which one
(save-buffer)
(kill-emacs) ; and the server with it
"""
FIXED = fix(FINDING.encode()).source.decode()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A file with a finding in a project, beside the command that the recipes start."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ray-lint"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ray_lint "$@"\n')
    program.chmod(0o755)
    (tmp_path / "project" / ".git").mkdir(parents=True)
    (tmp_path / "project" / "a.py").write_text(FINDING)
    return tmp_path / "project"


def recipes(language: str) -> list[str]:
    page = blocks(ROOT / "docs" / "editors.md")
    return [block.text for block in page if block.language == language]


def edit(project: Path, editor: str, *arguments: str, typed: str = "") -> str:
    """Run an editor in the project and return what it prints."""
    found = shutil.which(editor)
    if found is None:
        pytest.skip(f"{editor} is not installed")
    path = f"{project.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [found, *arguments],
        cwd=project,
        env=environment(HOME=str(project.parent), PATH=path),
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("recipe", recipes("lua"), ids=["0.11", "0.8"])
def test_neovim(project: Path, recipe: str) -> None:
    version = re.search(r"v0\.(\d+)", edit(project, "nvim", "--version"))
    if version is None or int(version[1]) < 11:
        pytest.skip("this Neovim is older than the recipe, or than what the test is written for")
    (project / "recipe.lua").write_text(recipe)
    (project / "user.lua").write_text(_NEOVIM)
    printed = edit(project, "nvim", "--headless", "--clean", "-u", "recipe.lua", "-l", "user.lua")
    assert "9 20 RAY101" in printed
    assert (project / "a.py").read_text() == FIXED


def test_emacs(project: Path) -> None:
    (recipe,) = recipes("lisp")
    (project / "recipe").write_text(recipe)
    (project / "user.el").write_text(_EMACS)
    title = "ray-lint: Submit `double` in batches\n"
    printed = edit(project, "emacs", "--batch", "-l", "user.el", typed=title)
    if printed.endswith("no eglot"):
        pytest.skip("this Emacs has no Eglot")
    assert "9 20 ray-lint [RAY101]: `double` is submitted" in printed
    assert (project / "a.py").read_text() == FIXED
