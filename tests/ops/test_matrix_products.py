"""Gemm and MatMul."""

from __future__ import annotations

import pytest
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine


def gemm(m, k, c=None, alpha=1.0, beta=1.0, trans_b=False, rows=(1, 5)):
    def reference(a, b, *rest):
        y = alpha * a @ (b.T if trans_b else b)
        return y + beta * rest[0] if rest else y

    attributes = {"alpha": alpha, "beta": beta, "transB": int(trans_b)}
    return Case([["N", k], [m, k] if trans_b else [k, m], *([c] if c is not None else [])], reference, attributes, rows=rows)


CASES = {
    "plain": gemm(7, 13),
    "transposed": gemm(10, 1600, [10], trans_b=True, rows=(4, 128)),
    "keras": gemm(10, 1600, [10], rows=(128,)),
    "tutorial": gemm(120, 400, [120], trans_b=True, rows=(1, 4, 33)),
    "row of C": gemm(5, 3, [1, 5]),
    "scalar C": gemm(5, 3, []),
    "full C": gemm(6, 9, ["N", 6]),
    "column of C": gemm(6, 9, ["N", 1]),
    "factors": gemm(17, 31, [17], alpha=0.5, beta=-2.0),
    "one column": gemm(1, 5, [1]),
    "one term": gemm(4, 1, trans_b=True),
    "odd and large": gemm(131, 257, [131], rows=(67,)),
}


@pytest.mark.parametrize("name", CASES)
def test_gemm(name):
    check("Gemm", CASES[name])


@pytest.mark.parametrize("shape", [["N", 4], ["N", 3, 4], ["N", 2, 3, 4], ["N", 1, 17], ["N", 5, 5, 33], ["N", 128]])
def test_matmul(shape):
    check("MatMul", Case([shape, [shape[-1], 6]], lambda a, b: a @ b))


def test_rows_contracted_by_transposing():
    case = Case([["N", 4], ["N", 3]], lambda a, b: a.T @ b, {"transA": 1}, rows=(1, 2, 9))
    check("Gemm", case)


@pytest.mark.parametrize(
    ("op", "a", "b", "match"),
    [
        ("Gemm", [-1, 4], [5, 6], r"inner extents of A \[N,4\] and B \[5,6\] differ"),
        ("Gemm", [-1, 4, 2], [2, 6], "rank 3, expected 2"),
        ("MatMul", [-1, 4], [5, 6], "inner extents"),
        ("MatMul", [-1, 4], [2, 4, 6], "rank 3, expected 2"),
    ],
)
def test_bad_inputs(op, a, b, match):
    g = engine.Graph()
    with pytest.raises(errors.ShapeError, match=match):
        g.node(op, [g.input("a", a), g.parameter("b", b)])
