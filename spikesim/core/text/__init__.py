# SPDX-License-Identifier: Apache-2.0
"""The one language in which neuron updates and plasticity rules are written.

A text is a list of assignments to scalars, one a line, in the grammar of Python. There are names,
numbers, the operations of ``operations.OPERATIONS``, and nothing else: no branch, no loop, no
attribute. Which names there are, of which type, and which may be assigned is said by a ``Scope``.
A name that the scope does not know is a temporary; it has the same type in every line.

One type rule (``types``): a whole number takes the type of what it meets, an int that meets a
float becomes one, a bool among numbers counts as 0 or 1, a float never becomes an int.

A text passes through ``parse`` (text to tree), ``check`` (tree and scope to ``Text``), and what
writes code from it (``spikesim.kernels.generate``). Everything that is wrong with it is found
before any code is written, all at once, each with its line and a caret (``messages``).

Where things that are not there yet belong:

* *Functions*, random draws among them (``rand()``, ``randn()``): an entry of ``FUNCTIONS`` that
  takes nothing and names the stream it draws from, and its code in
  ``kernels.generate.expressions``.
* *Other lines*, such as ``dv/dt = (v_rest - v) / tau : volt``: a form of line beside assignments
  in ``parse``, from which the assignments of a tick are derived. The tree of an equation is that
  of any expression, so derivatives and units are walks over it; a unit is one more field of
  ``Variable``.
"""

from spikesim.core.text.check import Text, read_text
from spikesim.core.text.names import Scope, Variable, name_problems
from spikesim.core.text.operations import FUNCTIONS, OPERATIONS
from spikesim.core.text.tree import Assignment, Expression, Name, Number, Operation
from spikesim.core.text.types import Kind, kind_of

__all__ = [
    "FUNCTIONS",
    "OPERATIONS",
    "Assignment",
    "Expression",
    "Kind",
    "Name",
    "Number",
    "Operation",
    "Scope",
    "Text",
    "Variable",
    "kind_of",
    "name_problems",
    "read_text",
]
