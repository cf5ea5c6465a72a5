#!/usr/bin/env python3
"""Fails when a folder of src/ includes a folder or a library that tools/layers.txt does not grant it.

usage: check_layers.py [--root DIR] [--layers FILE] | --self-test

Tests beside the code (*_test.cc, *_test_*, *_contract*, files under test/) may include any folder of src/.
"""
import argparse
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SUFFIXES = {".h", ".cc"}


def read_layers(path):
    """Returns ({folder: set of folders}, {header prefix: set of folders})."""
    folders, libraries = {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, colon, rest = line.partition(":")
        if not colon:
            sys.exit(f"{path}:{number}: no colon")
        if name.startswith("<"):
            libraries[name.strip("<>")] = set(rest.split())
        else:
            folders[name] = set(rest.split())
    return folders, libraries


def is_test(path):
    return path.stem.endswith("_test") or "_test_" in path.stem or "_contract" in path.stem or "test" in path.parts


def folder_of(relative, known):
    """The deepest folder among `known` that holds `relative`, else its first part."""
    parts = relative.parts[:-1]
    for depth in range(len(parts), 0, -1):
        name = "/".join(parts[:depth])
        if name in known:
            return name
    return "/".join(parts[:2]) if parts else ""


def check_includes(src, path, folders, libraries):
    relative = path.relative_to(src)
    folder = folder_of(relative, folders)
    if folder not in folders or (len(relative.parts) > 2 and "/".join(relative.parts[:2]) not in folders):
        return [f"{relative}: folder {'/'.join(relative.parts[:-1])} is not in layers.txt"]
    problems = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, name = match.groups()
        where = f"{relative}:{number}: {folder}"
        if quote == "<" and not name.startswith("tenantseal/"):
            owners = [p for p in libraries if name.startswith(p)]
            if owners and not is_test(relative):
                prefix = max(owners, key=len)
                if folder not in libraries[prefix]:
                    problems.append(f"{where} may not include <{name}>")
            continue
        if "/" not in name:
            problems.append(f'{where}: "{name}" must be written from src/, as "folder/file.h"')
            continue
        target = "tenantseal" if name.startswith("tenantseal/") else folder_of(pathlib.PurePath(name), folders)
        if target == folder:
            continue
        known = target == "tenantseal" or target in folders
        if not known or (target not in folders[folder] and not is_test(relative)):
            problems.append(f'{where} may not include "{name}"')
    return problems


def check(root, layers_path):
    folders, libraries = read_layers(layers_path)
    src = root / "src"
    problems = []
    order = [f for f in folders if "/" not in f]
    for folder in order:
        for used in folders[folder]:
            if "/" not in used and used in order and order.index(used) > order.index(folder):
                problems.append(f"layers.txt: {folder} stands before {used}, which it may include")
    for path in sorted(src.rglob("*")):
        if path.suffix in SUFFIXES and len(path.relative_to(src).parts) > 1:
            problems += check_includes(src, path, folders, libraries)
    return problems


def self_test():
    """Shows on made-up trees that each rule can fail, and that a clean tree passes."""
    layers = "base:\nmodel: base\nstore: base\nstore/sqlite: base store\nserver: base store store/sqlite\n" \
             "<sqlite3.h>: store/sqlite\n"
    cases = [
        ("model/a.cc", '#include "base/a.h"', 0),
        ("base/a.cc", '#include "model/a.h"', 1),
        ("base/a_test.cc", '#include "model/a.h"', 0),
        ("store/a.cc", '#include "store/sqlite/a.h"', 1),
        ("server/a.cc", '#include "store/sqlite/a.h"', 0),
        ("store/sqlite/a.cc", "#include <sqlite3.h>", 0),
        ("store/a.cc", "#include <sqlite3.h>", 1),
        ("stray/a.cc", "", 1),
        ("store/stray/a.cc", "", 1),
        ("base/a.cc", '#include "stray/a.h"', 1),
        ("base/a.cc", '#include "a.h"', 1),
    ]
    failures = 0
    for file, line, expected in cases:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "layers.txt").write_text(layers)
            path = root / "src" / file
            path.parent.mkdir(parents=True)
            path.write_text(line + "\n")
            found = check(root, root / "layers.txt")
            if len(found) != expected:
                failures += 1
                print(f"self-test: {file} with {line!r}: expected {expected} problems, found {found}")
    return failures


def main():
    parser = argparse.ArgumentParser()
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("--root", type=pathlib.Path, default=here.parent)
    parser.add_argument("--layers", type=pathlib.Path, default=here / "layers.txt")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        sys.exit(1 if self_test() else 0)
    problems = check(arguments.root, arguments.layers)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
