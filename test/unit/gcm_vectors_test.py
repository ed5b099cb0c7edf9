"""AES-256-GCM: our own vectors, NIST's and Wycheproof's, as far as they are here.

NIST's CAVP files come with Debian's python3-cryptography-vectors, or lie in the
directory NIST_AES_GCM; Wycheproof's aes_gcm_test.json is named by the variable
WYCHEPROOF_AES_GCM.
Only 256-bit keys, 96-bit nonces and 128-bit tags: a box has no others.  Where
VECTORS_REQUIRED is set, NIST's must be here.
"""

import json
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "vectors"))
sys.dont_write_bytecode = True

import sealed_box  # noqa: E402


def line(valid, key, iv, aad, sealed, tag, plain):
    words = (key, iv, aad, sealed, tag, plain)
    return " ".join(["valid" if valid else "invalid"] + [word or "-" for word in words])


def our_vectors():
    """From the reference in plain Python: lengths around a block, with and without associated data."""
    source = random.Random("gcm")
    for length in (0, 1, 15, 16, 17, 31, 32, 33, 100):
        for aad_length in (0, 1, 16, 20):
            key, iv, plain, aad = (source.randbytes(n) for n in (32, 12, length, aad_length))
            sealed = sealed_box.gcm_seal(key, iv, plain, aad)
            words = [part.hex() for part in (key, iv, aad, sealed[:-16], sealed[-16:], plain)]
            yield line(True, *words)
            words[4] = words[4][:-1] + "%x" % (int(words[4][-1], 16) ^ 1)
            yield line(False, *words)


def nist_directory():
    """Where Debian put them; another Python than Debian's own does not look there, so dpkg is asked."""
    try:
        listing = subprocess.run(["dpkg", "-L", "python3-cryptography-vectors"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    directories = (path for path in listing.stdout.splitlines() if path.endswith("ciphers/AES/GCM"))
    return next(filter(os.path.isdir, directories), None)


def nist_vectors(directory, name):
    """A response file: [Lengths] for a group, then Name = hex, a blank line after each vector."""
    group, vector = {}, {}
    with open(os.path.join(directory, name), encoding="ascii") as file:
        for text in list(file) + ["\n"]:
            text = text.strip()
            if text.startswith("["):
                word, _, value = text.strip("[]").partition("=")
                group[word.strip()] = int(value)
            elif text == "FAIL":
                vector["FAIL"] = True
            elif "=" in text:
                word, _, value = text.partition("=")
                vector[word.strip()] = value.strip()
            elif not text and vector:
                if group["IVlen"] == 96 and group["Taglen"] == 128:
                    yield line("FAIL" not in vector, vector["Key"], vector["IV"], vector["AAD"],
                               vector["CT"], vector["Tag"], vector.get("PT", ""))
                vector = {}


def wycheproof_vectors(path):
    with open(path, encoding="utf-8") as file:
        groups = json.load(file)["testGroups"]
    for group in groups:
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        for test in group["tests"]:
            yield line(test["result"] == "valid", *(test[word] for word in ("key", "iv", "aad", "ct", "tag", "msg")))


def run(name, lines):
    """True when every line comes out as it says, and there are some."""
    lines = list(lines)
    driver = os.path.join(os.environ["BUILD"], "gcm_driver")
    result = subprocess.run([driver], input="\n".join(lines) + "\n", capture_output=True, text=True)
    wrong = result.stdout.split()
    for number in wrong[:10]:
        print(f"{name}: vector {number} is wrong: {lines[int(number) - 1][:300]}", file=sys.stderr)
    sys.stderr.write(result.stderr)
    forged = sum(text.startswith("invalid") for text in lines)
    print(f"gcm-vectors: {name}: {len(lines)} vectors, {forged} of them forged, {len(wrong)} wrong")
    return bool(lines) and not wrong and result.returncode == 0


def main():
    results = [run("our own", our_vectors())]

    directory = os.environ.get("NIST_AES_GCM") or nist_directory()
    if directory:
        for name in ("gcmEncryptExtIV256.rsp", "gcmDecrypt256.rsp"):
            results.append(run("NIST " + name, nist_vectors(directory, name)))
    else:
        print("gcm-vectors: NIST's are not here (Debian: python3-cryptography-vectors)")
        if os.environ.get("VECTORS_REQUIRED"):
            results.append(False)

    path = os.environ.get("WYCHEPROOF_AES_GCM")
    if path:
        results.append(run("Wycheproof", wycheproof_vectors(path)))

    print(f"gcm-vectors: {sum(results)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
