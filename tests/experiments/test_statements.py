"""Two statements on training: their measures on hand-made weights, and what the paper says of them."""

import pandas as pd
import pytest
import torch

from replication.experiments.theory import findings, statements
from replication.report.template import sections
from sparcs.network import SpectralNetwork

REPORT = sections("replication.experiments.theory")


def test_the_spread_is_that_of_the_layer_whose_neurons_are_most_alike():
    equal, apart = torch.full((4, 3), 2.0), torch.tensor([[1.0, 0.0], [1.0, -4.0]])
    assert statements.spread([equal]) == 0 and statements.spread([equal, apart]) == 0
    assert statements.spread([apart]) == 1 and statements.spread([torch.zeros(3, 3)]) == 0


def test_the_ranks_of_known_singular_values():
    end = torch.diag(torch.tensor([1.0, 1.0, 0.005, 0.0]).double())
    seen = [(0, [torch.zeros(4, 4).double()]), (1, [0.02 * torch.eye(4).double()]), (9, [end])]
    found = {(name, step): value for name, _, _, step, value in statements.ranks(5, 3, seen)}
    assert [found["numerical_rank", step] for step in (0, 1, 9)] == [0, 4, 2]
    assert found["effective_rank", 0] == 0 and found["effective_rank", 1] == pytest.approx(4)
    assert 2 < found["effective_rank", 9] < 2.1


def test_weights_into_hidden_layers_are_the_bundles_side_by_side():
    network = SpectralNetwork((3, 4, 5, 2), generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(network.eigenvalues[1])
    first, second = statements.into_hidden(network)
    torch.testing.assert_close(first, network.bundle(2, 1).detach())
    torch.testing.assert_close(second, torch.cat([network.bundle(3, 1), network.bundle(3, 2)], dim=1).detach())
    direct = statements.symmetric(4)
    assert [tuple(block.shape) for block in statements.into_hidden(direct)] == [(16, 16), (16, 32)]


@pytest.fixture(scope="module")
def table():
    return statements.check_all(2, 40)


def test_equal_weights_stay_equal_in_direct_space_alone(table):
    at = table.set_index(["statement", "step"])["value"].sort_index()
    assert at["direct_spread", 40].max() < 1e-12
    assert at["spectral_spread", 0].max() == 0 and at["spectral_spread", 40].min() > 0.1
    assert not table.duplicated(["statement", "layers", "seed", "step"]).any() and table["value"].notna().all()


def test_the_report_says_what_was_found(table):
    found = findings.statements(table)
    assert (found["last"], found["direct"]["n"], found["networks"]) == (40, 6, 2) and not found["grows"]
    said = REPORT.statements(**found)
    assert "| 0 | 0 | 0 |" in said and "So the rank grows in size alone" in said
    grown = table.assign(value=table["value"].where(table["statement"] != "effective_rank", table["step"]))
    assert "By both measures the rank grows." in REPORT.statements(**findings.statements(grown))
    assert "has not been run" in REPORT.statements(**findings.statements(pd.DataFrame()))
