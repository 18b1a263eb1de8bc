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
    "few columns": gemm(3, 45, [3], rows=(2, 11)),
    "few columns, large": gemm(10, 4000, rows=(33,)),
    "odd and large": gemm(131, 257, [131], rows=(67,)),
}


@pytest.mark.parametrize("name", CASES)
def test_gemm(name):
    check("Gemm", CASES[name])


@pytest.mark.parametrize("shape", [["N", 4], ["N", 3, 4], ["N", 2, 3, 4], ["N", 1, 17], ["N", 5, 5, 33], ["N", 128]])
def test_matmul(shape):
    check("MatMul", Case([shape, [shape[-1], 6]], lambda a, b: a @ b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (["N", 3, 4], ["N", 4, 5]),
        (["N", 2, 7, 33], ["N", 2, 33, 40]),
        (["N", 3, 1, 4], ["N", 3, 4, 6]),
        (["N", 1, 9, 4], ["N", 5, 4, 6]),
        (["N", 5, 9, 4], ["N", 1, 4, 1]),
        (["N", 3, 7, 4], [3, 4, 6]),
        (["N", 3, 7, 4], [1, 3, 4, 6]),
        ([6, 3], ["N", 3, 20]),
        ([2, 6, 3], ["N", 2, 3, 5]),
        (["N", 2, 50, 64], ["N", 2, 64, 50]),
    ],
    ids=str,
)
def test_matmul_of_stacks(a, b):
    check("MatMul", Case([a, b], lambda x, y: x @ y))


def attention(g, q, k, v):
    """Softmax(q k') v, heads from a shared last axis, as multi-head attention does it: no transposition moves memory."""

    def heads(x):
        (split,) = g.node("Reshape", [x], {"shape": [0, 0, 3, 8]})
        return g.node("Transpose", [split], {"perm": [0, 2, 1, 3]})[0]

    (turned,) = g.node("Transpose", [heads(k)], {"perm": [0, 1, 3, 2]})
    (scores,) = g.node("MatMul", [heads(q), turned])
    (weights,) = g.node("Softmax", [scores], {"axis": -1})
    (mixed,) = g.node("MatMul", [weights, heads(v)])
    (back,) = g.node("Transpose", [mixed], {"perm": [0, 2, 1, 3]})
    return g.node("Reshape", [back], {"shape": [0, 0, 24]})[0]


def test_attention():
    def reference(q, k, v):
        q, k, v = (x.reshape(len(x), -1, 3, 8).transpose(1, 2) for x in (q, k, v))
        y = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return y.transpose(1, 2).reshape(len(y), -1, 24)

    check(attention, Case([["N", 11, 24], ["N", 7, 24], ["N", 7, 24]], reference))


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]], ids=str)
def test_matmul_of_weights_in_other_orders(order):
    case = Case([["N", 2, 3, 4], [2, 4, 5], [2, 5, 6]], lambda x, a, b: x @ (a @ b), orders={1: order, 2: order})
    check(lambda g, x, a, b: g.node("MatMul", [x, g.node("MatMul", [a, b])[0]])[0], case)


def test_matmul_with_the_batch_on_a_later_axis():
    def batch_first(g, x, w):
        return g.node("Transpose", g.node("MatMul", [x, w]), {"perm": [1, 0, 2, 3]})[0]

    check(batch_first, Case([["N", 7, 4], [3, 1, 4, 6]], lambda x, w: (x @ w).transpose(0, 1)))


def test_rows_contracted_by_transposing():
    case = Case([["N", 4], ["N", 3]], lambda a, b: a.T @ b, {"transA": 1}, rows=(1, 2, 9))
    check("Gemm", case)


@pytest.mark.parametrize(
    ("op", "a", "b", "match"),
    [
        ("Gemm", [-1, 4], [5, 6], r"inner extents of A \[N,4\] and B \[5,6\] differ"),
        ("Gemm", [-1, 4, 2], [2, 6], "rank 3, expected 2"),
        ("MatMul", [-1, 4], [5, 6], "inner extents"),
        ("MatMul", [-1, 4], [4], "rank 1, expected at least 2"),
        ("MatMul", [-1, 2, 3, 4], [5, 4, 6], r"shapes \[N,2\] and \[5\] do not broadcast"),
        ("MatMul", [-1, 4], [2, 4, 6], "one of the leading axes"),
    ],
)
def test_bad_inputs(op, a, b, match):
    g = engine.Graph()
    with pytest.raises((errors.ShapeError, errors.UnsupportedError), match=match):
        g.node(op, [g.input("a", a), g.parameter("b", b)])
