"""Exact arithmetic over fetched figures: correct, bounded, and nothing but arithmetic."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from services.arithmetic import LARGEST, MAX_LENGTH, calculate


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("0.1 + 0.2", "0.3"),
        ("-5 + 2", "-3"),
        ("--5", "5"),
        ("10 / 4", "2.5"),
        ("10 / 3", "3.33333333333333333333"),
        ("1 / 3 * 3", "1"),
        ("123456.78 - 0.08", "123456.70"),
        ("1.50 * 2", "3.00"),
        ("-0.0", "0"),
        ("0.0123 * 100", "1.2300"),
        ("min(3, 1.5, 2)", "1.5"),
        ("max(3, 1.5, 2)", "3"),
        ("max(-1)", "-1"),
        ("round(2.345, 2)", "2.34"),
        ("round(2.355, 2)", "2.36"),
        ("round(2.5)", "2"),
        ("round(100 / 7, 4)", "14.2857"),
        ("round(1234, 2)", "1234.00"),
        ("  1\n+\t2 ", "3"),
        (".5 + 1.", "1.5"),
    ],
)
def test_result_is_exact(expression: str, result: str) -> None:
    calculation = calculate(expression)
    assert (calculation.expression, calculation.result) == (expression, result)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "   ",
        "1 +",
        "2 ** 10",
        "7 // 2",
        "7 % 2",
        "1e5",
        "0x10",
        "1_000",
        "1,000 + 1",
        "1j",
        "True",
        "'a' * 3",
        "[1, 2]",
        "(1).max(2)",
        "x + 1",
        "min",
        "min()",
        "min(1, key=2)",
        "max(*(1, 2))",
        "round()",
        "round(1, 2, 3)",
        "round(1, 0.5)",
        "round(1, 13)",
        "round(1, -1)",
        "1 if 1 else 2",
        "1; 2",
        "lambda: 1",
        "__import__('os').system('true')",
        "().__class__",
        "1 < 2",
        "~1",
        "+1",
        "1\x00",
        "٣ + 1",
        "007",
    ],
)
def test_anything_but_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(InvalidInputError):
        calculate(expression)


@pytest.mark.parametrize("expression", ["1 / 0", "1 / (2 - 2)", "0 / 0", "1 / 0.000"])
def test_division_by_zero_is_told(expression: str) -> None:
    with pytest.raises(InvalidInputError, match="divides by zero"):
        calculate(expression)


def test_long_sum_of_figures_is_calculated() -> None:
    figures = [f"{1234 + number}.56" for number in range(90)]
    expected = sum(map(Decimal, figures))
    assert calculate(" + ".join(figures)).result == str(expected)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("1" + "+1" * MAX_LENGTH, "longer than"),
        ("-" * 200 + "1", "nested deeper"),
        ("(" * 300 + "1" + ")" * 300, "not complete"),
        (str(LARGEST), "too large"),
        ("*".join(["999999999"] * 90), "too large"),
        ("1 / 0." + "0" * 30 + "1", "too large"),
    ],
)
def test_expression_beyond_the_bounds_is_refused(expression: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        calculate(expression)


AMOUNTS = st.decimals(
    min_value=Decimal("-1e9"), max_value=Decimal("1e9"), places=2, allow_nan=False
)
Exact = tuple[str, Fraction]


def _combine(parts: tuple[Exact, str, Exact]) -> Exact:
    (left_text, left), operator, (right_text, right) = parts
    text = f"({left_text} {operator} {right_text})"
    return text, {"+": left + right, "-": left - right, "*": left * right}[operator]


EXPRESSIONS = st.recursive(
    AMOUNTS.map(lambda amount: (f"{amount:f}", Fraction(amount))),
    lambda parts: st.tuples(parts, st.sampled_from("+-*"), parts).map(_combine),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_sums_and_products_equal_rational_arithmetic(expression: Exact) -> None:
    text, exact = expression
    # More products would leave the bounds of size or of decimals.
    assume(text.count("*") < 2)
    assert Fraction(calculate(text).result) == exact


@given(AMOUNTS, AMOUNTS.filter(bool))
def test_quotient_equals_decimal_division(dividend: Decimal, divisor: Decimal) -> None:
    with localcontext(prec=64):
        expected = (dividend / divisor).quantize(Decimal("1e-20"))
    assert Decimal(calculate(f"{dividend:f} / ({divisor:f})").result) == expected


@given(AMOUNTS, st.integers(0, 12))
def test_round_equals_decimal_rounding(amount: Decimal, digits: int) -> None:
    expected = amount.quantize(Decimal(1).scaleb(-digits))
    assert Decimal(calculate(f"round({amount:f}, {digits})").result) == expected


@given(st.text(max_size=60))
def test_any_text_gives_a_number_or_an_error(text: str) -> None:
    try:
        result = calculate(text).result
    except InvalidInputError:
        return
    assert Decimal(result).is_finite()
