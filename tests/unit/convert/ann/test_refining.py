# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.convert.ann.conversion import convert  # noqa: E402
from spikesim.convert.ann.measuring import sequence  # noqa: E402
from spikesim.convert.ann.refining import offset, second_start, srp  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:convert. after")


def test_a_second_run_starts_a_threshold_off_for_a_spike_missing_or_too_many():
    after = torch.tensor([-3.0, -0.5, 0.0, 1.5, 2.0, 7.0])
    rest, threshold = torch.tensor(1.0), torch.tensor(2.0)
    assert [-1.0, -1.0, 1.0, 1.0, 3.0, 3.0] == offset(rest, after, threshold).tolist()
    never = -float("inf")
    assert [never, never, 1.0, 1.0, 1.0, 1.0] == srp(rest, after, threshold).tolist()


class Late(torch.nn.Module):
    """An excitation of one in four ticks, and an inhibition of two in the last two."""

    def __init__(self):
        super().__init__()
        self.early = nn.LIFLayer(1, beta=1.0, reset="soft", v_init=0.5)
        self.late = nn.LIFLayer(1, beta=1.0, reset="soft", v_init=-2.0)
        self.pool = nn.CountMaxPool(torch.nn.MaxPool1d(1))
        self.out = nn.LIFLayer(1, beta=1.0, reset="soft", v_init=0.5)

    def forward(self, x):
        return self.out(self.pool(self.early(x) - 2 * self.late(x)))


@pytest.mark.parametrize(("refine", "count"), [(None, 2), ("offset", 1), ("srp", 0)])
def test_spikes_that_came_too_early_are_fewer_in_the_second_run(refine, count):
    # The input of the last neuron is 1, 1, -1, -1: two spikes, where there should be none.
    net, x = Late(), torch.ones(1, 1)
    start = second_start(net, 4, refine)(x)
    spikes, _ = nn.run(net, sequence(x, 4), start)
    assert count == int(spikes.sum())
    if refine:
        assert start["pool"] is None  # counts begin anew
        assert [0.5, -2.0] == [float(start[name].v) for name in ("early", "late")]


def test_a_refined_net_reports_and_scores_its_second_run():
    torch.manual_seed(0)
    ann = torch.nn.Sequential(
        torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16), torch.nn.ReLU(),
        torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3),
    ).eval()  # fmt: skip
    x = torch.rand(200, 4)
    for refine in (None, "offset", "srp"):
        made = convert(ann, x, steps=6, thresholds=100.0, correct=False, refine=refine)
        agree = (made.scores(x).argmax(1) == ann(x).argmax(1)).float().mean()
        assert float(agree) == pytest.approx(made.report.curve[-1].agreement)
        assert (refine is None) == ("after a first run" not in made.report.method)
        assert (refine is None) == ("convert without refine" not in str(made.report))
        if refine is None:
            once = made.report.energy.spiking.total("paper")
        else:
            twice = made.report.energy.spiking.total("paper")
            assert twice.ac > 1.5 * once.ac  # both runs cost
            assert once.mac == twice.mac  # but what the input gives, which is the same


@pytest.mark.parametrize("options", [{"refine": "more"}, {"refine": "srp", "neuron": "signed"}])
def test_an_unknown_refinement_or_one_of_signed_spikes_is_refused(options):
    ann = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()).eval()
    with pytest.raises(ValidationError, match="expected refine 'offset' or 'srp'"):
        convert(ann, torch.rand(4, 2), **options)
