# SPDX-License-Identifier: Apache-2.0
import wave

import numpy as np
import pytest

from spikesim import data
from spikesim.errors import ValidationError

SPEAKERS = ("jack_a", "nick")


def say(path, digit, length, rate=8000):
    """A word that is told from others by its tone, and by its length from itself."""
    t = np.arange(length) / rate
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        values = 9000 * np.sin(2 * np.pi * (200 + 300 * digit) * t)
        file.writeframes(values.astype("<i2").tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fsdd") / "recordings"
    path.mkdir()
    for digit in (0, 3):
        for who, speaker in enumerate(SPEAKERS):
            for index in (0, 4, 5, 11):
                say(path / f"{digit}_{speaker}_{index}.wav", digit, 800 + 80 * index + 8 * who)
    return path


@pytest.mark.parametrize("above", [False, True])
def test_the_official_split_is_by_index_0_to_4(folder, above):
    train, test = data.fsdd(folder.parent if above else folder, n=8)
    assert (8, 8, "fsdd-official-test") == (len(train), len(test), test.name)
    # Index 0 and 4 of both digits and speakers: 8 and 12 ticks; 5 and 11 are longer.
    assert {8, 12} == {len(clip) for clip in test.clips}
    assert {13, 19} == {len(clip) for clip in train.clips}
    assert [4, 0, 0, 4] == np.bincount(test.labels).tolist()
    assert {*SPEAKERS} == {*test.groups} == {*train.groups}
    assert 10 == test.n_classes


def test_an_unseen_speaker_is_in_the_test_part_alone(folder):
    train, test = data.fsdd(folder, unseen="nick", n=8)
    assert ({"jack_a"}, {"nick"}) == ({*train.groups}, {*test.groups})
    assert (8, 8) == (len(train), len(test))
    with pytest.raises(ValidationError, match="speakers: jack_a, nick"):
        data.fsdd(folder, unseen="lucas", n=8)


def test_names_of_another_kind_and_damaged_files_are_refused(folder, tmp_path):
    with pytest.raises(ValidationError, match="got no such folder"):
        data.fsdd(tmp_path / "absent")
    with pytest.raises(ValidationError, match="got none"):
        data.fsdd(tmp_path)
    say(tmp_path / "0_nick_0.wav", 0, 800)
    say(tmp_path / "zero.wav", 0, 800)
    with pytest.raises(ValidationError, match=r"expected names .* got 'zero\.wav'$"):
        data.fsdd(tmp_path)
    (tmp_path / "zero.wav").unlink()
    with pytest.raises(ValidationError, match="1 of 1 for the test"):
        data.fsdd(tmp_path)
    (tmp_path / "0_nick_7.wav").write_bytes(b"RIFF")
    with pytest.raises(ValidationError, match=r"0_nick_7\.wav: expected a WAV file"):
        data.fsdd(tmp_path)


def test_folders_are_classes(tmp_path):
    for k, word in enumerate(("yes", "no")):
        (tmp_path / word).mkdir()
        for n in range(k + 1):
            say(tmp_path / word / f"{n}.wav", k, 1000)
    clips = data.audio_folder(tmp_path, n=8)
    assert (("no", "yes"), [0, 0, 1]) == (clips.classes, clips.labels.tolist())
    with pytest.raises(ValidationError, match="one folder of WAV files for each class"):
        data.audio_folder(tmp_path / "yes")


def test_a_file_is_found_however_its_ending_is_written(tmp_path):
    (tmp_path / "yes").mkdir()
    for name in ("a.wav", "b.WAV"):
        say(tmp_path / "yes" / name, 1, 1000)
    assert 2 == len(data.audio_folder(tmp_path, n=8))


def test_bands_of_files_of_several_rates_are_the_same_or_refused(tmp_path):
    (tmp_path / "yes").mkdir()
    for k, rate in enumerate((8000, 16000)):
        say(tmp_path / "yes" / f"{k}.wav", 3, rate // 2, rate)
    with pytest.raises(ValidationError, match=r"got 8000 in .*0\.wav, 16000 in .*at most 4000"):
        data.audio_folder(tmp_path, n=8)
    low, high = data.audio_folder(tmp_path, n=8, high=4000.0).clips
    assert low.mean(0).argmax() == high.mean(0).argmax()
