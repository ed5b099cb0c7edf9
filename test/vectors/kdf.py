"""Subkeys and MACs computed with Python's hmac module.

    python3 kdf.py > kdf.txt
"""

import hashlib
import hmac
import random

LABELS = (
    "secrets/root-id/v1",
    "secrets/values/v1",
    "secrets/audit-mac/v1",
    "secrets/notify/v1",
    "x",
    "l" * 31,
    "l" * 32,
    "l" * 63,
    "l" * 64,
    "l" * 65,
    "l" * 127,
)


def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf_one_block(key, label):
    """RFC 5869 without salt: extract, then the first block of expand."""
    return hmac_sha256(hmac_sha256(bytes(32), key), label + b"\1")


def main():
    source = random.Random("secrets/kdf")
    print("# Made by kdf.py: key, label, HMAC-SHA256 of the label, HKDF-SHA256 for the label")
    for key in (bytes(32), b"\xff" * 32, source.randbytes(32), source.randbytes(32)):
        for label in LABELS:
            encoded = label.encode()
            print(key.hex(), label, hmac_sha256(key, encoded).hex(), hkdf_one_block(key, encoded).hex())


if __name__ == "__main__":
    main()
