#!/usr/bin/env python3
"""
openssh_differential_test.py: ssh-keygen reads what we write, and writes the same.

Given another comment, ssh-keygen writes a key file anew, with a random number of
its own in it.  With that number and that comment we write the same bytes.
"""
import base64
import os
import random
import struct
import subprocess
import sys
import tempfile

BUILD = os.environ["BUILD"]
TIMES = 500 if "long" in sys.argv[1:] else 40
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
# In front of the random number: magic, three strings, a number, the public key, a length.
CHECK_AT = 15 + 8 + 8 + 4 + 4 + 4 + 51 + 4

passed = failed = 0


def check(ok, what):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"openssh-differential: not so: {what}", file=sys.stderr)


def write(seed, number, comment):
    """Private file and public line, by our own code."""
    line = f"{seed.hex()} {number:08x} {comment}\n"
    done = subprocess.run([f"{BUILD}/openssh_driver"], input=line.encode(), stdout=subprocess.PIPE, check=True)
    text = done.stdout.decode().removesuffix("--\n")
    end = text.index("-----END")
    end = text.index("\n", end) + 1
    return text[:end], text[end:-1]


def keygen(*args):
    done = subprocess.run(["ssh-keygen", *args], capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
    return done.stdout if done.returncode == 0 else None


def random_comment(generator):
    # Without blanks at the ends: ssh-keygen takes them off.
    return "".join(generator.choice(PRINTABLE) for _ in range(generator.randrange(256))).strip()


def try_one(directory, generator):
    seed = generator.randbytes(32)
    comment = random_comment(generator)
    private, public = write(seed, generator.getrandbits(32), comment)
    path = os.path.join(directory, "key")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        out.write(private)
    read = keygen("-y", "-P", "", "-f", path)
    check(read is not None and read.rstrip("\n") == public, "ssh-keygen -y gives the public half")

    comment = random_comment(generator) or "x"
    if keygen("-q", "-c", "-P", "", "-C", comment, "-f", path) is None:
        check(False, "ssh-keygen writes it anew")
        return
    with open(path, encoding="ascii") as anew:
        text = anew.read()
    blob = base64.b64decode("".join(text.splitlines()[1:-1]))
    (number,) = struct.unpack(">I", blob[CHECK_AT:CHECK_AT + 4])
    check(blob[CHECK_AT:CHECK_AT + 4] == blob[CHECK_AT + 4:CHECK_AT + 8], "the number is where we think")
    check(write(seed, number, comment)[0] == text, "we write the same")


def main():
    generator = random.Random(20260101)
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(TIMES):
            try_one(directory, generator)
    print(f"openssh-differential: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
