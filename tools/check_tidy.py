#!/usr/bin/env python3
"""Fails when a source file breaks a rule of the house that a machine can see.

usage: check_tidy.py [--root DIR] | --self-test

Rules: 100 columns; 600 lines a file and 70 a function (tests aside); no tabs or trailing blanks;
no coroutines, which g++ 12 miscompiles; nothing thrown; OpenSSL's EVP named by crypto/ alone;
no leftover notes.
"""
import argparse
import pathlib
import re
import sys
import tempfile

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
# `throw` is looked for as a statement, so that prose in comments may use the word.
WORDS = {
    r"\bco_(await|return|yield)\b": "coroutines are miscompiled by g++ 12",
    r"^\s*throw\b[^;]*;": "nothing is thrown here: return an Error",
    r"\b(TO" r"DO|FIX" r"ME|HA" r"CK|XX" r"X)\b": "leftover note",
    r"\t": "tab",
    r"[ \t]+$": "trailing blanks",
}


def sources(root):
    for folder in ("include", "src", "test", "fuzz", "bench", "examples"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path


def is_test(relative):
    return relative.stem.endswith("_test") or "_contract" in relative.stem or relative.parts[0] in ("test", "fuzz")


def blocks(lines, indent, first, last):
    """(opening line, closing line) of the blocks at `indent` among lines first..last, by indentation."""
    start = None
    for number in range(first, last + 1):
        line = lines[number - 1]
        at_indent = line.startswith(indent) and line[len(indent):len(indent) + 1] not in ("", " ")
        if start is None:
            # The signature may continue on lines that stand further in: its brace ends one of them.
            if line.endswith("{") and (at_indent or line.startswith(indent + "    ")):
                start = number
        elif at_indent and line[len(indent)] == "}":
            yield start, number
            start = None


def head_of(lines, indent, number):
    """The first line of the signature whose brace stands at the end of line `number`."""
    while number > 1 and lines[number - 1].startswith(indent + " "):
        number -= 1
    return lines[number - 1]


def long_functions(lines):
    """Functions at namespace or class level. What stands in a namespace is not indented."""
    for start, end in blocks_outside_namespaces(lines):
        head = head_of(lines, "", start)
        if re.match(r"(class|struct|union)\b", head):
            yield from ((s, e - s + 1) for s, e in blocks(lines, "  ", start + 1, end - 1)
                        if "(" in head_of(lines, "  ", s) and e - s + 1 > FUNCTION_LINES_MAX)
        elif "(" in head and not head.rstrip().endswith("= {") and end - start + 1 > FUNCTION_LINES_MAX:
            yield start, end - start + 1


def blocks_outside_namespaces(lines):
    plain = ["" if re.match(r"(namespace\b.*\{|\}  // namespace.*|extern \"C\" \{)$", l) else l for l in lines]
    return blocks(plain, "", 1, len(plain))


def check_file(root, path):
    relative = path.relative_to(root)
    lines = path.read_text(errors="replace").splitlines()
    test = is_test(relative)
    problems = []
    if len(lines) > FILE_LINES_MAX and not test:
        problems.append(f"{relative}: {len(lines)} lines, at most {FILE_LINES_MAX}")
    in_crypto = relative.parts[:2] == ("src", "crypto") or relative.parts[0] in ("test", "bench") or test
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            problems.append(f"{relative}:{number}: {len(line)} columns, at most {COLUMNS_MAX}")
        for pattern, reason in WORDS.items():
            if re.search(pattern, line):
                problems.append(f"{relative}:{number}: {reason}")
        if not in_crypto and re.search(r"\bEVP_[A-Za-z]", line):
            problems.append(f"{relative}:{number}: only crypto/ names OpenSSL's EVP")
    if not test:
        for start, length in long_functions(lines):
            problems.append(f"{relative}:{start}: function of {length} lines, at most {FUNCTION_LINES_MAX}")
    return problems


def check(root):
    return [problem for path in sources(root) for problem in check_file(root, path)]


def self_test():
    body = "\n".join(["  int x = 0;"] * 80)
    cases = [
        ("src/a/a.cc", "int Good() {\n  return 1;\n}\n", 0),
        ("src/a/a.cc", "int x;\n" * 601, 1),
        ("src/a/a_test.cc", "int x;\n" * 601, 0),
        ("src/a/a.cc", f"void Long() {{\n{body}\n}}\n", 1),
        ("src/a/a.cc", f"void Long(int a,\n          int b) {{\n{body}\n}}\n", 1),
        ("src/a/a.cc", f"namespace a {{\nvoid Long() {{\n{body}\n}}\n}}  // namespace a\n", 1),
        ("src/a/a.cc", "void F() {\n  return W([] {\n    x;\n  });\n}\n" * 30, 0),
        ("src/a/a.cc", f"constexpr int kTable[] = {{\n{body}\n}};\n", 0),
        ("src/a/a.h", f"class A {{\n  void Long() {{\n{body}\n  }}\n}};\n", 1),
        ("src/a/a.cc", "co_" "await x;\n", 1),
        ("src/a/a.cc", "  throw 1;\n", 1),
        ("src/a/a.cc", "// They throw nothing; we neither.\n", 0),
        ("src/a/a.cc", "// TO" "DO later\n", 1),
        ("src/a/a.cc", "EVP_MD_CTX* c;\n", 1),
        ("src/crypto/a.cc", "EVP_MD_CTX* c;\n", 0),
        ("src/a/a.cc", "x" * 101 + "\n", 1),
        ("src/a/a.cc", "\tint x;\n", 1),
        ("src/a/a.cc", "int x; \n", 1),
    ]
    failures = 0
    for file, text, expected in cases:
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / file
            path.parent.mkdir(parents=True)
            path.write_text(text)
            found = check(pathlib.Path(directory))
            if len(found) != expected:
                failures += 1
                print(f"self-test: {file} {text[:40]!r}: expected {expected} problems, found {found}")
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        sys.exit(1 if self_test() else 0)
    problems = check(arguments.root)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
