# SPDX-License-Identifier: Apache-2.0
import pytest

from spikesim.core.text import FUNCTIONS, OPERATIONS, Kind, Scope, Variable, read_text
from spikesim.errors import ValidationError

SCOPE = Scope(
    "template",
    (
        Variable("v", "a state", writable=True),
        Variable("refr", "a counter", Kind.INT, writable=True),
        Variable("v_th", "a constant"),
        Variable("length", "a constant", Kind.INT),
        Variable("in_0", "an input"),
        Variable("spike", "the result", Kind.BOOL, writable=True, given=False),
    ),
)
FIRES = "\nspike = v >= v_th"


def refused(text):
    with pytest.raises(ValidationError) as raised:
        read_text(text, SCOPE)
    return raised.value.problems


def test_a_message_has_line_sentence_and_caret():
    (problem,) = refused("v = v + in_0\nspike = v >= vth")
    assert problem.splitlines() == [
        "template, line 2: unknown name 'vth'; did you mean 'v_th'? "
        "Known are in_0, length, refr, v, v_th",
        "    spike = v >= vth",
        "                 ^^^",
    ]


def test_the_caret_counts_characters_and_keeps_tabs():
    line = "spike\t= (v_th > é) & (é > ß)"
    _, second, third = refused(line)
    assert second.splitlines()[1:] == [f"    {line}", f"         \t{16 * ' '}^"]
    assert third.splitlines()[1:] == [f"    {line}", f"         \t{20 * ' '}^"]


@pytest.mark.parametrize(
    ("text", "marked", "sentence"),
    [
        ("v = v + q" + FIRES, "q", "unknown name 'q'"),
        ("v = expp(v)" + FIRES, "expp", "no function 'expp'; did you mean 'exp'?"),
        ("v = np.exp(v)" + FIRES, "np.exp", "no function 'np.exp'; did you mean 'exp'?"),
        ("v = rand()" + FIRES, "rand", "no function 'rand'"),
        ("v = exp(v, 1)" + FIRES, "exp(v, 1)", "expected 1 value for exp, got 2"),
        ("v = exp()" + FIRES, "exp()", "expected 1 value for exp, got 0"),
        ("v = min(v)" + FIRES, "min(v)", "expected at least 2 values for min, got 1"),
        ("v = exp(x=v)" + FIRES, "exp(x=v)", "by keyword"),
        ("v_th = 1.0" + FIRES, "v_th", "'v_th' is a constant, which the text may only read"),
        ("in_0 = 1.0" + FIRES, "in_0", "'in_0' is an input, which the text may only read"),
        ("v = h\nh = 1.0" + FIRES, "h", "'h' is read before it is assigned, in line 2"),
        ("v = 1.0 if spike else v" + FIRES, "spike", "read before it is assigned, in line 2"),
        ("vv = v + 1.0" + FIRES, "vv", "'vv' is assigned and never read"),
        ("_a = v\nv = _a" + FIRES, "_a", "without leading underscore, got '_a'"),
        ("exp = v\nv = exp" + FIRES, "exp", "'exp', which is a function"),
        (
            "spike = v - v_th",
            "v - v_th",
            "expected a comparison for 'spike', the result, got a float",
        ),
        ("spike = 1", "1", "expected a comparison for 'spike', the result, got a number"),
        ("refr = 0.5 * refr" + FIRES, "0.5 * refr", "an int for 'refr', a counter, got a float"),
        ("refr = v_th" + FIRES, "v_th", "got a float, as 'v_th' is"),
        ("refr = length / 2" + FIRES, "length / 2", "an int for 'refr', a counter, got a float"),
        ("v = 1.0 if refr else v" + FIRES, "refr", "a comparison after 'if', got an int"),
        ("v = not v" + FIRES, "v", "a comparison after 'not', got a float"),
        ("spike = v > (1.0 & (v > 2))", "1.0", "both sides of &, in parentheses, got a float"),
        ("spike = v > 1 and refr == 0", "v > 1 and refr == 0", "write & for 'and'"),
        ("spike = ~(v > 1)", "~(v > 1)", "write not"),
        ("v = v ^ 2" + FIRES, "v ^ 2", "write ** for a power"),
        ("v = v.real" + FIRES, "v.real", "not allowed"),
        ("v[0] = 1.0" + FIRES, "v[0]", "every variable is one number"),
        ("v, refr = 1, 2" + FIRES, "v, refr", "one variable in a line"),
        ("v = 'a'" + FIRES, "'a'", "not allowed"),
        ("v = 1e999" + FIRES, "1e999", "expected a finite float"),
        ("v = 2147483648" + FIRES, "2147483648", "a whole number below 2**31"),
        ("if v > 1:\n    v = 0" + FIRES, "if v > 1:", "write 'x = a if condition else b'"),
        ("for k in v:\n    v = 0" + FIRES, "for k in v:", "not allowed"),
        ("v: float = 1.0" + FIRES, "v: float = 1.0", "not allowed"),
        ("v = (y := 3.0)" + FIRES, "y := 3.0", "not allowed"),
        ("import os" + FIRES, "import os", "not allowed"),
        ("v = (v" + FIRES, "(", "was never closed"),
        ("v = = 1" + FIRES, "=", "expected assignments as in Python"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text, marked, sentence):
    (problem,) = refused(text)
    head, line, carets = problem.splitlines()
    assert sentence in head
    assert marked == line[carets.index("^") :][: carets.count("^")]


def test_a_text_without_its_result_says_so():
    assert refused("v = v + 1.0") == (
        "template: expected a line that assigns 'spike', the result; assigned are v",
    )


def test_a_mistyped_result_is_named():
    problems = refused("spikes = v > v_th")
    assert "'spikes' is assigned and never read; did you mean 'spike'?" in problems[0]
    assert "expected a line that assigns 'spike'" in problems[1]


def test_all_problems_come_at_once_in_the_order_of_the_text():
    problems = refused("v = a + in_0\nv_th = v\nrefr = b")
    assert [problem.split(": ")[0] for problem in problems] == [
        "template, line 1", "template, line 2", "template, line 3", "template",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["v = " + "(" * 300 + "v" + ")" * 300, "v = " + "v + " * 5000 + "v"]
)
def test_an_endless_expression_is_refused(text):
    assert len(refused(text + FIRES)) == 1


@pytest.mark.parametrize("text", [None, 3, ["spike = v > 1"]])
def test_what_is_no_text_is_refused(text):
    assert "template: expected a text, got" in refused(text)[0]


def test_indented_texts_augmented_lines_and_chains_are_read():
    text = read_text("\n    v += in_0\n    # why\n    spike = 0.0 < v < v_th\n", SCOPE)
    plain = read_text("v = v + in_0\nspike = (0.0 < v) & (v < v_th)", SCOPE)
    assert plain == text


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("x = 1", Kind.INT),
        ("x = 1\nx = x + 0.5", Kind.FLOAT),
        ("x = refr + 1", Kind.INT),
        ("x = refr / 2", Kind.FLOAT),
        ("x = refr ** 2", Kind.INT),
        ("x = refr ** length", Kind.FLOAT),
        ("x = min(refr, 3)", Kind.INT),
        ("x = max(refr, 3, v)", Kind.FLOAT),
        ("x = abs(refr)", Kind.INT),
        ("x = sqrt(4)", Kind.FLOAT),
        ("x = v > 1", Kind.BOOL),
        ("x = refr + (v > 1)", Kind.INT),
        ("x = refr if v > 1 else 2", Kind.INT),
        ("x = refr if v > 1 else 2.0", Kind.FLOAT),
        ("x = True", Kind.BOOL),
        ("y = 1\nx = y\ny = 0.5 * x", Kind.FLOAT),
    ],
)
def test_a_temporary_has_the_type_that_all_its_values_fit(lines, kind):
    text = read_text(lines + "\nv = 0.0 + x" + FIRES, SCOPE)
    assert kind is text.kinds["x"]


def test_every_function_is_an_operation():
    assert FUNCTIONS.items() <= OPERATIONS.items()
