# SPDX-License-Identifier: Apache-2.0
"""Kernels kept on disk: any damage costs a compilation, never a result."""

import os
import pickle
import random
import shutil
import subprocess
import sys
import time

import numba
import numpy as np
import pytest
from numba.core import caching, ccallback, compiler

from spikesim.kernels import cache
from spikesim.kernels.compiled import KernelCache, compiled, entry_point

# A kernel, one that calls it, and its entry point: what a network has many of.
SCRIPT = """
import logging
logging.basicConfig(format="%(levelname)s %(message)s")
import numpy as np
from spikesim.kernels.bind import bind, program
from spikesim.kernels.generated import load_generated
from spikesim.kernels.loop import LINE, advance
text = (
    "from spikesim.kernels.jit import kernel\\n"
    "@kernel\\n"
    "def step(tick, out):\\n"
    "    for k in range(out.size): out[k] = (out[k] * 31 + tick + k) % 1009\\n"
)
out = np.zeros(50, np.int64)
item = bind(load_generated(text).step, out)
progress = np.zeros(LINE, np.int64)
advance(0, 1000, program([item]), 0, 0, 0, progress, np.zeros(LINE, np.int64))
print(progress[0], out.sum())
"""
FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"


def start(folder, script=SCRIPT):
    return subprocess.Popen(
        [sys.executable, "-c", script], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"SPIKESIM_CACHE": str(folder)},
    )  # fmt: skip


def finish(process):
    out, said = process.communicate()
    assert process.returncode == 0, said
    return out, said.splitlines()


def run(folder, script=SCRIPT):
    return finish(start(folder, script))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A filled cache, and what a sound run prints."""
    folder = tmp_path_factory.mktemp("cache")
    out, said = run(folder)
    assert not said
    assert out.startswith("1000 ")
    return folder, out


@pytest.fixture
def copied(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "cache")
    return tmp_path / "cache", sorted((tmp_path / "cache").rglob("*.code")), made[1]


def test_everything_compiled_is_kept_in_the_one_folder(copied):
    folder, files, sound = copied
    names = {path.name.split("-")[0] for path in files}
    assert names == {"advance", "entry", "step"}
    assert {".code"} == {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert (sound, []) == run(folder)
    assert files == sorted(folder.rglob("*.code"))


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits_cost_a_compilation_and_one_line_each(copied, seed):
    folder, files, sound = copied
    draw = random.Random(seed)
    for path in files:
        code = bytearray(path.read_bytes())
        code[draw.randrange(len(code))] ^= 1 << draw.randrange(8)
        path.write_bytes(code)
    out, said = run(folder)
    assert sound == out
    named = {line.split()[1].rstrip(":") for line in said}
    # A kernel that stands whole in the code of its caller is not looked for.
    assert {str(path) for path in files if path.name.startswith(("advance", "entry"))} <= named
    assert (len(said), set(map(str, files))) == (len(named), named | set(map(str, files)))
    assert (sound, []) == run(folder)


@pytest.mark.parametrize("left", [0.0, 0.99])
def test_cut_files_cost_a_compilation(copied, left):
    folder, files, sound = copied
    for path in files:
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * left)])
    out, said = run(folder)
    assert sound == out
    assert said
    assert (sound, []) == run(folder)


def test_files_that_changed_places_or_went_cost_a_compilation(copied):
    folder, files, sound = copied
    codes = [path.read_bytes() for path in files]
    for path, code in zip(files, [*codes[1:], codes[0]], strict=True):
        path.write_bytes(code)
    files[0].unlink()
    assert sound == run(folder)[0]
    assert (sound, []) == run(folder)


def test_a_full_disk_costs_no_run_and_says_so_once(tmp_path, made):
    out, said = run(tmp_path, FULL + SCRIPT)
    assert made[1] == out
    (line,) = said
    assert "cannot be written (File too large)" in line
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_processes_that_compile_at_once_and_one_that_prunes_do_no_harm(tmp_path, made):
    running = [start(tmp_path) for _ in range(2)]
    deadline = time.monotonic() + 120
    while any(process.poll() is None for process in running) and time.monotonic() < deadline:
        for folder in tmp_path.glob("numba-*"):
            doomed = folder.with_name(f"gone{time.monotonic_ns()}")
            folder.rename(doomed)
            shutil.rmtree(doomed)
        time.sleep(0.2)
    assert [(made[1], [])] * 2 == [finish(process) for process in running]
    assert (made[1], []) == run(tmp_path)
    assert (made[1], []) == run(tmp_path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKESIM_CACHE", str(tmp_path))
    cache.cache_folder.cache_clear()
    yield tmp_path
    cache.cache_folder.cache_clear()


def _made(x):
    return x + 1


def _adder(n):
    def add(x):
        return x + n

    return add


def test_one_function_keeps_each_signature_and_each_closure(folder):
    for n in (1, 2):
        function = compiled(_adder(n))
        assert (1 + n, 1.5 + n) == (function(1), function(1.5))
    assert 4 == len(list(folder.rglob("*.code")))
    again = compiled(_adder(2))
    assert 3 == again(1)
    assert (1, 0) == (sum(again.stats.cache_hits.values()), sum(again.stats.cache_misses.values()))


def test_a_function_typed_at_a_prompt_is_compiled_but_not_kept(folder):
    space = {}
    exec(compile("def f(x):\n    return x + 1\n", "<stdin>", "exec"), space)
    assert 2 == compiled(space["f"])(1)
    assert not list(folder.rglob("*.code"))


def test_code_that_holds_addresses_of_this_process_is_not_kept(folder):
    import ctypes

    number = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda x: x + 1)
    space = {"number": number}
    exec(compile("def f(x):\n    return number(x)\n", __file__, "exec"), space)
    assert 42 == compiled(space["f"])(41)
    assert not list(folder.rglob("*.code"))


def test_numba_still_has_what_the_kernel_cache_stands_on():
    # If one of these fails after an update of numba, change spikesim/kernels/compiled.py.
    assert caching._Cache.__abstractmethods__ == {
        "cache_path", "load_overload", "save_overload", "enable", "disable", "flush",
    }, "numba's interface of a compile cache has changed: KernelCache must follow"  # fmt: skip
    plain = numba.njit(_made)
    assert isinstance(plain._cache, caching.NullCache), "dispatchers keep their cache elsewhere"
    assert isinstance(compiled(_made)._cache, KernelCache)
    assert isinstance(entry_point("int64(int64)")(_made)._cache, KernelCache)
    assert {"_reduce", "_rebuild"} <= set(dir(compiler.CompileResult)), "no way to store code"
    assert "_cache" in ccallback.CFunc.__init__.__code__.co_names, "CFunc keeps no cache"


def test_stored_code_is_what_numba_makes_of_it(folder):
    function = compiled(_made)
    assert 2 == function(1)
    (path,) = folder.rglob("*.code")
    (made,) = function.overloads.values()
    stored = pickle.loads(cache.load_code(path.name))
    rebuilt = compiler.CompileResult._rebuild(made.target_context, *stored)
    assert made.signature == rebuilt.signature
    assert np.int64(5) == numba.njit(_made)(4)
