"""The sealed box once more, in plain Python from the specifications.

It shares nothing with the C code, not even a library: AES is FIPS 197's, GCM
is SP 800-38D's, XAES-256-GCM is C2SP's, and the box is as
src/crypto/sealed_box.h describes it.  Slow, and not in constant time: for
making vectors, never for secrets.

    python3 sealed_box.py > boxes.txt
"""

import random
import struct


def xtime(a):
    return (a << 1) ^ (0x11B if a & 0x80 else 0)


def gf256_multiply(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = xtime(a), b >> 1
    return product


def make_sbox():
    box = []
    for value in range(256):
        inverse = next((i for i in range(256) if gf256_multiply(value, i) == 1), 0)
        image = 0x63
        for turn in range(5):
            image ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF
        box.append(image)
    return box


SBOX = make_sbox()


class Aes256:
    def __init__(self, key):
        words = [list(key[i:i + 4]) for i in range(0, 32, 4)]
        round_constant = 1
        for i in range(8, 60):
            word = list(words[-1])
            if i % 8 == 0:
                word = [SBOX[b] for b in word[1:] + word[:1]]
                word[0] ^= round_constant
                round_constant = xtime(round_constant)
            elif i % 8 == 4:
                word = [SBOX[b] for b in word]
            words.append([a ^ b for a, b in zip(word, words[i - 8])])
        self.round_keys = [sum(words[i:i + 4], []) for i in range(0, 60, 4)]

    def encrypt(self, block):
        state = [a ^ b for a, b in zip(block, self.round_keys[0])]
        for number, round_key in enumerate(self.round_keys[1:], 1):
            state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
            if number < 14:
                state = sum((self.mix_column(state[i:i + 4]) for i in range(0, 16, 4)), [])
            state = [a ^ b for a, b in zip(state, round_key)]
        return bytes(state)

    @staticmethod
    def mix_column(c):
        return [xtime(c[i]) ^ xtime(c[(i + 1) % 4]) ^ c[(i + 1) % 4] ^ c[(i + 2) % 4] ^ c[(i + 3) % 4]
                for i in range(4)]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def ghash(h, data):
    h = int.from_bytes(h, "big")
    y = 0
    for i in range(0, len(data), 16):
        y ^= int.from_bytes(data[i:i + 16], "big")
        product = 0
        for bit in range(127, -1, -1):
            if h >> bit & 1:
                product ^= y
            y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
        y = product
    return y.to_bytes(16, "big")


def gcm_seal(key, nonce, plain, aad):
    aes = Aes256(key)

    def keystream(counter):
        return aes.encrypt(nonce + struct.pack(">I", counter))

    sealed = b"".join(xor(plain[i:i + 16], keystream(2 + i // 16)) for i in range(0, len(plain), 16))
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, sealed))
    lengths = struct.pack(">QQ", 8 * len(aad), 8 * len(sealed))
    return sealed + xor(ghash(aes.encrypt(bytes(16)), padded + lengths), keystream(1))


def xaes_seal(key, nonce, plain, aad):
    aes = Aes256(key)
    zero = int.from_bytes(aes.encrypt(bytes(16)), "big")
    k1 = (zero << 1 & (1 << 128) - 1 ^ (0x87 if zero >> 127 else 0)).to_bytes(16, "big")
    subkey = b"".join(aes.encrypt(xor(bytes([0, i]) + b"X\0" + nonce[:12], k1)) for i in (1, 2))
    return gcm_seal(subkey, nonce[12:], plain, aad)


def box_seal(key, kind, content, version, key_id, nonce, fields, plain):
    header = struct.pack(">BBBBI", 1, kind, content, 0, version) + key_id + nonce
    bound = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return header + xaes_seal(key, nonce, plain, b"secrets/v1\0" + header + bound)


def prove():
    """The published vectors, so that this is known to be XAES before it judges anyone."""
    nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX"
    assert xaes_seal(b"\1" * 32, nonce, b"XAES-256-GCM", b"").hex() == (
        "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271")
    assert xaes_seal(b"\3" * 32, nonce, b"XAES-256-GCM", b"c2sp.org/XAES-256-GCM").hex() == (
        "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d")


def or_dash(data):
    return data.hex() or "-"


def main():
    prove()
    source = random.Random("secrets/v1")
    print("# Made by sealed_box.py.  A format that is written once is read for ever: never change a line.")
    print("# key  kind  content  version  key-id  fields (a comma each; - is empty, none: no field)  plain  box")
    for kind in (1, 2, 3, 4):
        for length in (0, 1, 15, 16, 17, 64, 257):
            if kind == 2 and length != 64:
                continue
            length = 32 if kind == 2 else length
            key, key_id, nonce = (source.randbytes(n) for n in (32, 16, 24))
            content = 0 if kind == 2 else source.randrange(3)
            version = source.choice((1, 2, 0x01020304, 0xFFFFFFFF))
            fields = {
                1: [source.randbytes(16), struct.pack(">Q", source.getrandbits(64)), b"prod/payments/api-key"],
                2: [source.randbytes(16), struct.pack(">I", version)],
                3: [source.randbytes(source.randrange(40))],
                4: [],
            }[kind]
            plain = source.randbytes(length)
            box = box_seal(key, kind, content, version, key_id, nonce, fields, plain)
            print(key.hex(), kind, content, version, key_id.hex(),
                  ",".join(or_dash(field) for field in fields) or "none", or_dash(plain), box.hex())


if __name__ == "__main__":
    main()
