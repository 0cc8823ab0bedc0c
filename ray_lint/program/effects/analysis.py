"""The whole analysis of one function or expression."""

from ray_lint.program.effects.calls import Calls
from ray_lint.program.effects.classes import Classes
from ray_lint.program.effects.expressions import Expressions
from ray_lint.program.effects.functions import Functions
from ray_lint.program.effects.libraries import Libraries
from ray_lint.program.effects.methods import Methods
from ray_lint.program.effects.narrowing import Narrowing
from ray_lint.program.effects.outer import Outer
from ray_lint.program.effects.statements import Statements
from ray_lint.program.effects.variables import Variables


class Analysis(
    Variables,
    Outer,
    Statements,
    Narrowing,
    Expressions,
    Calls,
    Functions,
    Classes,
    Libraries,
    Methods,
):
    """All parts together: runs a body with abstract values, notes what it does to the world."""
