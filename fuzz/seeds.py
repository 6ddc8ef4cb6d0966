"""Sorts fixtures and generated files into one folder of seeds for each fuzz target.

usage: python3 seeds.py CORPUS
"""

import hashlib
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Target by what the content begins with, then by the ending of the name.
MAGIC = [
    (b"PK", "zip"), (b"\x1f\x8b", "stream"), (b"BZh", "stream"), (b"\xfd7zXZ", "stream"), (b"\x28\xb5\x2f\xfd", "stream"),
    (b"%PDF", "pdf"), (b"\xd0\xcf\x11\xe0", "office"), (b"\x89PNG", "image"), (b"\xff\xd8", "image"), (b"GIF8", "image"),
    (b"RIFF", "image"), (b"BM", "image"), (b"ID3", "image"), (b"\0\0\1\0", "image"), (b"\0\1\0\0", "font"), (b"OTTO", "font"),
    (b"wOF", "font"), (b"\x7fELF", "program"), (b"MZ", "program"), (b"\xcf\xfa\xed\xfe", "program"),
    (b"\xca\xfe\xba\xbe", "program"), (b"dex\n", "program"), (b"L\0\0\0", "program"), (b"\0asm", "program"), (b"\x80", "pickle"),
]
ENDINGS = {
    ".md": "markdown", ".sh": "shell", ".js": "javascript", ".mjs": "javascript", ".ts": "typescript", ".tsx": "typescript",
    ".py": "python", ".json": "data", ".yaml": "data", ".yml": "data", ".ipynb": "data", ".svg": "markup", ".html": "markup",
    ".xml": "markup", ".txt": "text", ".tar": "tar", ".pyc": "bytecode", ".pkl": "pickle", ".pickle": "pickle",
}
# Names of bodies.rs, by their index.
NAMES = [
    "SKILL.md", "run.sh", "index.js", "main.py", "index.ts", "package.json", "config.yaml", "logo.svg", "notes.txt",
    "data.zip", "data.bin", "guide.pdf", "try.ipynb", "logo.png", "README.html", "scripts/tool",
]
MOST = 64 * 1024


def targets_of(path, content):
    ending = os.path.splitext(path)[1].lower()
    found = {target for magic, target in MAGIC if content.startswith(magic)}
    if content[257:262] == b"ustar":
        found.add("tar")
    if not found:
        found.add(ENDINGS.get(ending, "text"))
    if ending in (".md", ".txt", ".py", ".js"):
        found.add("decode")
    return found


def scan_seed(path, content):
    ending = os.path.splitext(path)[1].lower()
    index = next((n for n, name in enumerate(NAMES) if os.path.splitext(name)[1] == ending), 10)
    return bytes([index]) + content


def add(corpus, target, content):
    folder = os.path.join(corpus, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(content).hexdigest()), "wb") as out:
        out.write(content)


def collect(folder, corpus):
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > MOST:
                continue
            with open(path, "rb") as source:
                content = source.read()
            for target in targets_of(path, content):
                add(corpus, target, content)
            add(corpus, "scan", scan_seed(path, content))


def main():
    corpus = os.path.abspath(sys.argv[1])
    for folder in ("rules", "context", "skills"):
        collect(os.path.join(ROOT, "fixtures", folder), corpus)
    with tempfile.TemporaryDirectory() as out:
        generated = os.path.join(out, "generated")
        subprocess.run([sys.executable, "-B", os.path.join(ROOT, "fixtures", "generate"), generated], check=True)
        collect(generated, corpus)


if __name__ == "__main__":
    main()
