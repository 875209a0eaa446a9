# SPDX-License-Identifier: Apache-2.0
"""The script for spoken digits runs; its figures need the recordings."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import speech  # noqa: E402
from spikesim import data, nn  # noqa: E402

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Tones of 2 digits, 6 speakers and 8 recordings each, in an npz file."""
    path = tmp_path_factory.mktemp("speech") / "fsdd.npz"
    label, speaker, index = (of.ravel() for of in np.mgrid[:2, :6, :8])
    sounds = []
    for d, s, k in zip(label, speaker, index, strict=True):
        t = np.arange(1200 + 80 * k) / 8000
        tone = np.sin(2 * np.pi * (400 + 900 * d) * t) * np.sin(2 * np.pi * (5 + s) * t)
        sounds.append((9000 * tone).astype(np.int16))
    np.savez(
        path, pcm=np.concatenate(sounds), offsets=np.cumsum([0, *map(len, sounds)]), label=label,
        speaker=speaker, index=index, speaker_names=np.array(list("abcdef")),
        sample_rate=np.int32(8000),
    )  # fmt: skip
    return path


def test_an_npz_file_is_split_as_the_folder_of_its_recordings(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    official = speech.split(str(file), speech.OFFICIAL)
    assert ((36, 60, 48), (60, 60, 48)) == (official.x_train.shape, official.x_test.shape)
    folder = tmp_path / speech.CHECKPOINTS / "fsdd"
    again = speech.split(str(folder), speech.OFFICIAL)
    assert official.digest == again.digest
    assert 96 == len(list((folder / "recordings").iterdir()))
    sound, rate = data.read_wav(folder / "recordings" / "1_f_7.wav")
    assert 8000 == rate
    with np.load(file) as stored:
        assert np.array_equal(stored["pcm"][stored["offsets"][-2] :] / 2**15, sound)
    _, test = data.fsdd(folder, unseen="b", n=8)
    other = speech.split(str(folder), f"{speech.UNSEEN}: 2")
    assert (len(test), test.labels.tolist()) == (16, other.y_test.tolist())


def test_spikes_follow_the_loudness_and_end_with_the_recording():
    rises = np.linspace(0.0, 0.95, 20, dtype=np.float32)[:, None] * np.ones(24, np.float32)
    clips = data.Clips("x", (rises, np.ones((90, 24), np.float32)), np.array([0, 1]), ("a", "b"))
    found = speech.spikes(clips)
    assert (2, 60, 48) == found.shape
    assert [9] * 24 + [0] * 24 == found[0].sum(0).tolist()  # 0.95 in steps of a tenth
    assert 0 == found[1].sum()


def test_augmented_samples_begin_up_to_five_ticks_later():
    x = (RNG.random((50, 20, 3)) < 0.5).astype(np.float32)
    x[:, 0, 0] = 1  # so that the shift shows
    found = speech.later(x, np.random.default_rng(1))
    by = found.any(2).argmax(1)
    assert {0, 1, 2, 3, 4, 5} == set(by.tolist())
    for k, ticks in enumerate(by):
        assert np.array_equal(x[k, : 20 - ticks], found[k, ticks:])


def test_half_of_the_training_leaves_one_whole_delay_for_each_synapse():
    model = speech.delays(8)
    taps = model[0].synapses
    left = []
    for done in (0.1, 0.2, 0.35, 0.45, 0.5):
        speech.narrow(model, done)
        left.append(int(taps.mask.sum(0).max()))
        assert (done == 0.5) == bool(taps.hard)
    assert [16, 16, 4, 2, 1] == left  # 16 ** (1 - share of the way)


@pytest.mark.parametrize("case", speech.BENCHMARK.cases[:3], ids=lambda case: case.name)
def test_nets_run_and_the_official_split_has_targets_for_memory_only(case):
    with torch.no_grad():
        out, _ = nn.run(case.make(), torch.zeros(6, 2, 48))
    assert (6, 2, 10) == out.shape
    assert (None if case.name == "plain-128" else 0.93) == case.target


def test_tones_go_the_whole_way(file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert 0 == speech.main(["delays-128", "--quick", "--data", str(file)])
    assert 7 == capsys.readouterr().out.count("delays-128, ")
