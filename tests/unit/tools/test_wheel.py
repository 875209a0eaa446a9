# SPDX-License-Identifier: Apache-2.0
import zipfile
from pathlib import Path

import check_style
import wheel


def archive(path, files):
    with zipfile.ZipFile(path, "w") as out:
        for name, text in files.items():
            out.writestr(name, text)
    return wheel.contents(path)


def test_a_file_that_is_missing_or_has_another_content_is_a_difference(tmp_path):
    one = archive(tmp_path / "a.whl", {"same": "x", "other": "x", "only": "x"})
    other = archive(tmp_path / "b.whl", {"same": "x", "other": "y", "new": "x"})
    assert ["new", "only", "other"] == wheel.differences(one, other)
    assert [] == wheel.differences(one, one)


def test_the_wheel_has_to_carry_package_data_and_the_core_but_no_other_folder():
    names = wheel.wanted(check_style.project_files())
    assert {
        "spikesim/py.typed",
        "spikesim/viz/report.html",
        "spikesim/_hdl/rtl/spk_core.v",
        "spikesim/_hdl/rtl/generated/spk_core_defs.vh",
        "spikesim/_hdl/sim/spk_sim.cpp",
        "spikesim/_hdl/spec/core.toml",
    } <= names
    assert all(name.startswith("spikesim/") for name in names)
    assert set() == {"lint", "syn"} & {Path(name).parts[2] for name in names if "_hdl" in name}
