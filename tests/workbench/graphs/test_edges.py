"""Edges in all supported forms, and invalid ones refused with one clear error."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from workbench.foundation.errors import InputError
from workbench.graphs import Edges

IDS = np.array(["a", "b", "c", "d"], object)


def test_arrays_frames_matrices_and_networkx_make_the_same_links():
    pairs = [(0, 1), (1, 2), (2, 3)]
    expected = np.zeros((4, 4))
    for one, other in pairs:
        expected[one, other] = expected[other, one] = 1
    graph = nx.Graph(pairs)
    forms = {
        "array": (np.array(pairs), None),
        "list": (pairs, None),
        "floats": (np.array(pairs, float), None),
        "frame of ids": (pd.DataFrame({"source": list("abc"), "target": list("bcd")}), IDS),
        "frame of rows": (pd.DataFrame(pairs, columns=["source", "target"]), None),
        "networkx": (nx.to_pandas_edgelist(graph), None),
        "matrix": (csr_matrix(np.triu(expected)), None),
    }
    for name, (form, ids) in forms.items():
        edges = Edges.of(form, 4, ids)
        assert np.array_equal(edges.links.toarray(), expected), name
        assert edges.degree.tolist() == [1, 2, 2, 1], name


def test_repeated_edges_both_directions_and_loops_make_one_link():
    edges = Edges.of([(0, 1), (1, 0), (0, 1), (2, 2), (1, 2)], 4)
    assert edges.m == 5
    assert edges.links.toarray().tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert edges.degree.tolist() == [1, 2, 1, 0]
    assert repr(edges) == "<Edges: 5 edges between 4 nodes, 1 from a node to itself, 1 nodes without a link>"


def test_a_repeated_edge_keeps_its_largest_weight_and_weight_zero_makes_no_link():
    frame = pd.DataFrame({"source": [0, 1, 0], "target": [1, 0, 2], "weight": [2.0, 5.0, 0.0]})
    edges = Edges.of(frame, 3)
    assert edges.links[0, 1] == edges.links[1, 0] == 5
    assert edges.degree.tolist() == [1, 1, 0]
    pd.testing.assert_frame_equal(edges.frame(np.arange(3)), frame)


def test_linked_rows_come_by_weight_and_labels_are_counted():
    edges = Edges.of(pd.DataFrame({"source": [0, 0, 0], "target": [1, 2, 3], "weight": [1.0, 3.0, 2.0]}), 4)
    assert edges.linked(0).tolist() == [2, 3, 1]
    assert edges.label_counts(np.array([0, 1, -1, 1]), 2).tolist() == [[0, 2], [1, 0], [1, 0], [1, 0]]


def frame(**columns):
    return pd.DataFrame({"source": ["a", "b"], "target": ["b", "c"]} | columns)


@pytest.mark.parametrize(
    ("edges", "ids", "words"),
    [
        (np.array([[0, 1], [1, 4]]), None, r"`edges` row 1 names 4, which is no row. Use row numbers from 0 to 3"),
        (np.array([[0, -1]]), None, r"row 0 names -1"),
        (np.array([[0, 1], [0.5, 1]]), None, r"row 1 names 0.5"),
        (np.array([[0, np.nan]]), None, r"row 0 names nan"),
        (np.array([[0, 1, 2], [1, 2, 3]]), None, r"has shape \(2, 3\).* Transpose it"),
        (np.array([["a", "b"]]), None, r"has dtype <U1. Pass row numbers, or a DataFrame"),
        (pd.DataFrame({"from": [0], "to": [1]}), None, r"unknown column 'source'"),
        (frame(target=["b", "x"]), IDS, r"`edges.target` row 1 is 'x', which is not among the examples"),
        (frame(target=["b", None]), IDS, r"`edges.target` row 1 has 1 missing values"),
        (frame(source=[0, 1]), IDS, r"`edges.source` row 0 is 0, which is not among the examples \(and 1 more\)"),
        (frame(weight=[1, np.nan]), IDS, r"`edges.weight` row 1 is nan"),
        (frame(weight=[-1, 1]), IDS, r"`edges.weight` row 0 is -1"),
        (frame(weight=[1, np.inf]), IDS, r"`edges.weight` row 1 is inf"),
        (frame(weight=["much", 1]), IDS, r"`edges.weight` is not a number"),
        (csr_matrix((3, 3)), None, r"is a matrix of shape \(3, 3\). It must be \(4, 4\)"),
        (Edges.of([(0, 1)], 2), None, r"are between 2 examples"),
    ],
)
def test_what_is_no_edge_is_one_clear_error(edges, ids, words):
    with pytest.raises(InputError, match=words):
        Edges.of(edges, 4, ids)


def test_no_edges_at_all_are_fine():
    for empty in ([], np.empty((0, 2), int), pd.DataFrame({"source": [], "target": []})):
        edges = Edges.of(empty, 3)
        assert edges.m == 0
        assert edges.degree.tolist() == [0, 0, 0]
