"""Our JSON against Python's, on random documents, whole and damaged.

    json_differential_test.py [long] [seed]

Python's module reads more than RFC 8259 allows in one place (NaN, Infinity),
which is switched off here, and keeps the last of equal keys, as we do.
"""

import json
import os
import random
import subprocess
import sys

OK, INVALID, NOT_OBJECT, NO_FIELD, NULL_FIELD, UNTRANSLATABLE = range(6)


class Number(str):
    """A number as it is written: both sides must keep the spelling."""


class Invalid(Exception):
    pass


def refuse(word):
    raise Invalid(word)


def parse(text):
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)
    except (ValueError, Invalid):
        raise Invalid from None


def check(text):
    try:
        return OK if isinstance(parse(text), dict) else NOT_OBJECT
    except Invalid:
        return INVALID


def same(a, b):
    """Equality that tells true from 1, a number from a string, and so on down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def merge(target, patch):
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merge(target.get(key), value)
    return target


class Driver:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(os.environ["BUILD"], "json_driver")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, word, first, second=""):
        first, second = first.encode(), second.encode()
        self.process.stdin.write(b"%s %d %d\n" % (word.encode(), len(first), len(second)) + first + second)
        self.process.stdin.flush()
        result, length = self.process.stdout.readline().split()
        return int(result), self.process.stdout.read(int(length)).decode()

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Writer:
    """Random documents, written in the odd ways that the grammar allows."""

    keys = ("a", "b", "c", "aa", "", "é", "€", "😀", "\n", '"', "\\", "/", "\x7f", "a b", "null", "\0", "\ud800", "\udc00")
    numbers = ("0", "-0", "1", "-1", "10", "1.0", "0.10", "1e5", "1E+5", "1e-05", "-1.5e10", "123456789012345678901234567890",
               "0e0", "0.000000000000000000000000000001", "1e999")

    def __init__(self, source):
        self.random = source

    def space(self):
        return "".join(self.random.choices(" \t\n\r", k=self.random.choice((0, 0, 0, 0, 1, 2))))

    def character(self, c):
        must = c in '"\\' or c < " " or "\ud800" <= c <= "\udfff"
        if not must and self.random.random() < 0.8:
            return c
        short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        if c in short and self.random.random() < 0.5:
            return short[c]
        units = c.encode("utf-16-be", "surrogatepass")
        digits = "%04x" if self.random.random() < 0.5 else "%04X"
        return "".join("\\u" + digits % int.from_bytes(units[i:i + 2], "big") for i in range(0, len(units), 2))

    def string(self, text):
        return '"' + "".join(map(self.character, text)) + '"'

    def key(self):
        usual = 4 if self.random.random() < 0.5 else len(self.keys)
        return self.random.choice(self.keys[:usual])

    def text(self):
        alphabet = "ab\"\\/\b\f\n\r\t\x01\x1f\x7f éß€😀\U0010ffff\uffff\u0800"
        if self.random.random() < 0.05:
            alphabet += "\0\ud800\udbff\udc00\udfff"
        return "".join(self.random.choices(alphabet, k=self.random.choice((0, 1, 2, 5, 20))))

    def value(self, depth):
        kind = self.random.randrange(9 if depth > 0 else 6)
        if kind < 2:
            return self.string(self.text())
        if kind < 3:
            return self.random.choice(self.numbers)
        if kind < 6:
            return self.random.choice(("true", "false", "null", "null"))
        if kind < 7:
            items = (self.space() + self.value(depth - 1) + self.space() for _ in range(self.random.randrange(4)))
            return "[" + (",".join(items) or self.space()) + "]"
        return self.object(depth - 1)

    def object(self, depth):
        members = (self.space() + self.string(self.key()) + self.space() + ":" + self.space()
                   + self.value(depth) + self.space() for _ in range(self.random.randrange(6)))
        return "{" + (",".join(members) or self.space()) + "}"

    def document(self):
        return self.space() + self.object(self.random.randrange(5)) + self.space()

    def damaged(self):
        """A document with a few characters taken out, put in or exchanged."""
        text = list(self.document() if self.random.random() < 0.9 else self.value(2))
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            at = self.random.randrange(len(text) + 1)
            junk = self.random.choice('{}[]",:\\/ \t\n\r\v\f\0\x1f\x7f\x80\ufeff0123456789.eE+-abfnrtu\'NI\u00a0é')
            text[at:at + self.random.randrange(3)] = self.random.choice(([], [junk], [junk]))
        return "".join(text)


class Differential:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.writer = Writer(self.random)
        self.driver = Driver()
        self.wrong = 0

    def expect(self, what, got, wanted, *inputs):
        if got == wanted:
            return
        self.wrong += 1
        if self.wrong <= 10:
            print(f"{what}: {got!r}, but should be {wanted!r}, for", *map(repr, inputs), file=sys.stderr)

    def checks(self, text):
        self.expect("check", self.driver.ask("check", text)[0], check(text), text)

    def fields(self, text):
        key = self.writer.key()
        if "\ud800" <= key <= "\udfff":
            key = "a"
        value = parse(text).get(key, self)
        got, out = self.driver.ask("field", text, key)
        if value is self:
            wanted = NO_FIELD
        elif value is None:
            wanted = NULL_FIELD
        elif isinstance(value, Number) or not isinstance(value, str):
            wanted = OK
            if got == OK and not same(parse(out), value):
                self.expect("field", out, value, text, key)
        else:
            wanted = UNTRANSLATABLE if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value) else OK
            if got == OK:
                self.expect("field", out, value, text, key)
        if key == "\0":
            wanted = NO_FIELD  # no text of the server contains it, and no key that is escaped so is found
        self.expect("field's result", got, wanted, text, key)

    def merges(self, target, patch):
        got, out = self.driver.ask("merge", target, patch)
        self.expect("merge's result", got, OK, target, patch)
        if got != OK:
            return
        wanted = merge(parse(target), parse(patch))
        if not same(parse(out), wanted):
            self.expect("merge", out, wanted, target, patch)
        again = self.driver.ask("merge", out, patch)
        self.expect("merging twice", again, (OK, out), target, patch)

    def new_values(self, patch):
        """What comes from a patch alone has no repeated keys outside of arrays, and no nulls."""
        got, out = self.driver.ask("merge", "{}", patch)
        value = parse_without_arrays(out)
        self.expect("merge into nothing", got == OK and not has_null(value), True, patch)

    def run(self, count):
        for _ in range(count):
            self.checks(self.writer.damaged())
            document, patch = self.writer.document(), self.writer.document()
            self.checks(document)
            self.fields(document)
            self.merges(document, patch)
            self.new_values(patch)
        return self.wrong == 0 and self.driver.close() == 0


def parse_without_arrays(text):
    """Arrays stay as they were written, repeated keys and all: look past them."""

    def unique(pairs):
        return ("object", pairs)

    def plain(value):
        if isinstance(value, tuple):
            keys = [key for key, _ in value[1]]
            assert len(set(keys)) == len(keys), f"a key comes twice in {text!r}"
            return {key: plain(inner) for key, inner in value[1]}
        return [] if isinstance(value, list) else value

    return plain(json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse, object_pairs_hook=unique))


def has_null(value):
    return value is None or (isinstance(value, dict) and any(map(has_null, value.values())))


def main():
    arguments = sys.argv[1:]
    count = 200000 if "long" in arguments else 10000
    seed = next((word for word in arguments if word != "long"), "secrets")
    good = Differential(seed).run(count)
    print(f"json-differential: {count} rounds against Python's json")
    print(f"json-differential: {int(good)} passed, {int(not good)} failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
