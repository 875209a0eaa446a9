# SPDX-License-Identifier: Apache-2.0
"""House rules that no ready-made linter knows: sizes, layout, words that must not be committed.

``python tools/check_style.py [file ...]`` prints ``path:line: rule`` and exits 1 on a finding.
Warnings are printed and let pass: a file that nears the limit should get a second file, not fused
lines.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MAX_FILE_LINES = 400
WARN_FILE_LINES = 350
# A longer file says why on a line near its top: `# long: reason`, `// long: reason`.
_REASON = re.compile(r"^(?:#|//|/\*) long: \S")
_REASON_WITHIN = 10
MAX_FUNCTION_LINES = 60
MAX_COLUMNS = 100
MAX_PROSE_COLUMNS = 120
SOURCES = {".py", ".v", ".vh", ".c", ".h", ".cpp", ".sh"}
TEXTS = SOURCES | {".md", ".toml", ".yaml", ".yml", ".html", ".css", ".pcf", ".lpf", ".vlt", ".txt"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "v2"}
# Written so that this file does not find itself.
FORBIDDEN = {
    r"\b(?:TO[D]O|FIX[M]E|XX[X])\b": "unfinished work; finish it or open an issue",
    r"\braise\s+NotImplementedError\b": "a stub; implement it or leave it out",
    r"(?<![\w.])/(?:work|root|home)/\w": "a path of one machine",
    r"\b(?:py[p]i\.or[g]|python[h]osted\.or[g])\b": "a registry host; leave it to the user's pip",
    r"[ \t]+$": "space at the end of the line",
}
_FORBIDDEN = [(re.compile(pattern), text) for pattern, text in FORBIDDEN.items()]


def project_files() -> list[Path]:
    """Give every tracked or new file that git does not ignore, relative to the root."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file())


def findings(path: Path, text: str) -> Iterator[str]:
    """Give one line per broken rule of one file.

    Parameters
    ----------
    path : Path
        Relative to the root; its suffix decides which rules apply.
    text : str
        Content of the file.
    """
    lines = text.split("\n")
    if path.suffix in TEXTS or path.name in ("Makefile", "run"):
        yield from _line_rules(path, lines)
    if path.suffix == ".md":
        yield from _broken_links(path, lines)
        yield from _long_prose(path, lines)
    if path.suffix not in SOURCES:
        return
    if path.stem in VAGUE_NAMES:
        yield f"{path}:1: name {path.stem!r} says nothing; name the one idea the file holds"
    if len(lines) - 1 > MAX_FILE_LINES and not _has_reason(lines):
        yield (
            f"{path}:{MAX_FILE_LINES + 1}: {len(lines) - 1} lines, limit {MAX_FILE_LINES}; split "
            f"it by idea, or write '# long: reason' into its first {_REASON_WITHIN} lines"
        )
    if text and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        yield f"{path}:1: no SPDX line in the first three lines"
    if path.suffix == ".py":
        yield from _long_functions(path, text)
    if path.suffix == ".v":
        yield from _verilog_rules(path, lines)


def warnings(path: Path, text: str) -> Iterator[str]:
    """Give one line for what is allowed and should not grow."""
    lines = text.split("\n")
    if path.suffix in SOURCES and not _has_reason(lines):
        length = len(lines) - 1
        if WARN_FILE_LINES <= length <= MAX_FILE_LINES:
            yield f"{path}:{length}: warning: {length} lines, look for the second idea in it"


def _has_reason(lines: Sequence[str]) -> bool:
    return any(_REASON.match(line) for line in lines[:_REASON_WITHIN])


def _line_rules(path: Path, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if path.suffix in SOURCES and len(line) > MAX_COLUMNS:
            yield f"{path}:{number}: {len(line)} columns, limit {MAX_COLUMNS}"
        if path.suffix in SOURCES and "\t" in line:
            yield f"{path}:{number}: tab"
        for pattern, reason in _FORBIDDEN:
            if pattern.search(line):
                yield f"{path}:{number}: {reason}: {line.strip()[:60]!r}"


def _broken_links(path: Path, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if "://" not in target and not (ROOT / path.parent / target).exists():
                yield f"{path}:{number}: link to {target}, which does not exist"


def _long_prose(path: Path, lines: Sequence[str]) -> Iterator[str]:
    fenced = False
    for number, line in enumerate(lines, start=1):
        fenced ^= line.lstrip().startswith("```")
        table = line.lstrip().startswith("|")
        # A link or an inline formula may be longer than a line.
        broken = len(line) > MAX_PROSE_COLUMNS and " " in line.strip()
        if broken and not fenced and not table:
            yield f"{path}:{number}: {len(line)} columns of prose, limit {MAX_PROSE_COLUMNS}"


def _long_functions(path: Path, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = function_lines(node)
            if length > MAX_FUNCTION_LINES:
                yield (
                    f"{path}:{node.lineno}: function {node.name} has {length} lines besides its "
                    f"docstring, limit {MAX_FUNCTION_LINES}"
                )


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Give the lines of a function, signature included, docstring not: that one may be long."""
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        total -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return total


def _verilog_rules(path: Path, lines: Sequence[str]) -> Iterator[str]:
    code = [line.split("//")[0].strip() for line in lines]
    code = [line for line in code if line]
    if "`default_nettype none" not in code:
        yield f"{path}:1: no `default_nettype none"
    if "`default_nettype wire" not in code[-1:]:
        yield f"{path}:{len(lines)}: `default_nettype wire is not the last line"


def main(argv: Iterable[str] | None = None) -> int:
    """Check the named files, the whole project by default."""
    named = [Path(name) for name in (sys.argv[1:] if argv is None else argv)]
    files = named or project_files()
    count = warned = 0
    for path in files:
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for line in findings(path, text):
            print(line)
            count += 1
        for line in warnings(path, text):
            print(line)
            warned += 1
    print(f"check_style: {len(files)} files, {count} findings, {warned} warnings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
