"""Rewriting submissions into batches: planning, text, safety and the engine of rounds."""

from ray_lint.rewrite.rewriter import Rewriter

__all__ = ["Rewriter"]
