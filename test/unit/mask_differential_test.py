"""The masker against SQL of which is known, byte by byte, what is a value.

    mask_differential_test.py [long] [seed]

Statements are written from the grammar, each literal by the rules of its kind, and
with it is written what must be left of it.  A statement that is whole must become
exactly that; of one that is cut, or in which a quote is missing, no byte of a value
may be left, but more may be covered.
"""

import os
import random
import re
import subprocess
import sys

NOTHING, PASSWORDS, ALL = range(3)
ALL_BITS = (1 << 64) - 1


class Driver:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(os.environ["BUILD"], "mask_driver")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request, text):
        self.process.stdin.write(f"{request} {len(text)}\n".encode() + text)
        self.process.stdin.flush()
        numbers = [int(word) for word in self.process.stdout.readline().split()]
        return numbers, self.process.stdout.read(len(text))

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Text:
    """Bytes, and those that must be left of them."""

    def __init__(self):
        self.bytes = bytearray()
        self.left = bytearray()

    def code(self, text):
        text = text.encode()
        self.bytes += text
        self.left += text

    def value(self, text, left=None):
        self.bytes += text
        self.left += left or b"*" * len(text)


# What ends or begins something, somewhere.
TRICKS = (b"'", b'"', b"\\", b"$", b"$$", b"$q$", b"--", b"/*", b"*/", b"\n", b"\r\n", b";", b")", b"(", b",", b" ", b"\t",
          b"secrets.put('x', ", b"e'", b"E'", b"U&'", b"::", b" || ", b"=>", b"{", b"}", b"`", b"\x01", b"\x7f", b"$1", b"1", b"password",
          b"end", b"do $$", b"language", "\u00e4".encode(), "\u2019".encode(), "\u20ac".encode(), b"''", b"\\'", b"'#", b"' b '", b"*")
LETTERS = [bytes([c]) for c in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"]
NAMES = ("prod/db", "a", "A-b_c.d", "x@y+z=1", "a/b/c.d", "0")
QUALIFIED = ("secrets.put(", "secrets.get(", "SECRETS.Label(", '"secrets"."put"(', "secrets . put (", "secrets/**/./**/put(")
UNQUALIFIED = ("put(", "app.put(", '"Secrets".put(', "my.secrets.put(", "lower(", "x.f (")
DOLLAR_TAGS = ("", "q", "body_1", "\u00e4", "_")
WORD = re.compile(rb"(secrets *\. *)?(put *\(|inbox)")
BLANKS = (" ", "\n", "\t", "  ", "\r\n", "\f")


class Writer:
    def __init__(self, source):
        self.random = source
        self.text = Text()
        self.parameters = {"names": set(), "values": set()}
        self.nbodies = 0
        self.names_word = False

    def chance(self, probability):
        return self.random.random() < probability

    def code(self, *choices):
        code = self.random.choice(choices)
        self.text.code(code)
        return code

    def content(self):
        pieces = self.random.choices(TRICKS, k=self.random.randrange(4)) + self.random.choices(LETTERS, k=self.random.randrange(1, 8))
        self.random.shuffle(pieces)
        return b"".join(pieces)

    def delimited(self, before, content, after):
        self.text.code(before)
        self.text.value(content)
        self.text.code(after)

    # Literals, by their kinds.

    def plain(self):
        """No backslash before a quote: where it ends would hang on a setting."""
        content = self.content()
        while b"\\'" in content or content.endswith(b"\\"):
            content = content.replace(b"\\'", b"'").rstrip(b"\\")
        self.delimited(self.random.choice(("'", "'", "N'", "n'")), content.replace(b"'", b"''"), "'")

    def escaped(self):
        content = b""
        for byte in self.content():
            byte = bytes([byte])
            if byte == b"'":
                content += self.random.choice((b"''", b"\\'"))
            elif byte == b"\\" or (byte == b"\n" and self.chance(0.5)):
                content += b"\\\\" if byte == b"\\" else b"\\n"
            else:
                content += byte
        self.delimited(self.random.choice("Ee") + "'", content, "'")

    def unicode(self):
        content = self.content().replace(b"\\", b"").replace(b"'", b"''") + self.random.choice((b"", b"\\0061", b"\\+000061", b"\\\\"))
        if content.endswith(b"\\\\"):
            content += b"."
        self.delimited(self.random.choice("Uu") + "&'", content, "'")

    def bits(self):
        self.delimited(*self.random.choice((("B'", b"0110", "'"), ("x'", b"1fE", "'"), ("X'", b"00", "'"), ("b'", b"1", "'"))))

    def dollar(self):
        tag = f"${self.random.choice(DOLLAR_TAGS)}$"
        content = self.content()
        while tag.encode() in content + tag.encode()[:-1]:
            content = content.replace(b"$", b"")
        if self.nbodies and b"$$" in content + tag.encode():
            return self.plain()
        self.delimited(tag, content, tag)

    def literal(self):
        self.random.choice((self.plain, self.plain, self.escaped, self.escaped, self.unicode, self.bits, self.dollar))()

    def number(self):
        self.text.value(self.random.choice((b"1", b"42", b"3.14", b".5", b"1e10", b"1.5E-7", b"0x1F", b"1_000", b"0")))

    # What stands around them.

    def comment(self):
        content = self.content().replace(b"*/", b"").replace(b"/*", b"")
        if self.chance(0.5):
            content = content.strip(b"/*")
            while b"*/" in content or b"/*" in content:
                content = content.replace(b"*/", b"").replace(b"/*", b"")
            if content.startswith(b"+"):
                content = b"." + content
            if self.chance(0.2):
                content += b" /* " + content + b" */ "
            self.delimited("/*", content, "*/")
        else:
            self.delimited("--", content.replace(b"\n", b"").replace(b"\r", b""), "\n")

    def gap(self):
        self.text.code(self.random.choice(BLANKS))
        if self.chance(0.08):
            self.comment()
            self.text.code(self.random.choice(BLANKS))

    def cast(self):
        if self.chance(0.15):
            self.code("::text", "::varchar", "::pg_catalog.text", ":: text")

    def parameter(self, kind):
        number = self.random.randrange(1, 64)
        self.text.code(f"${number}")
        self.parameters[kind].add(number)

    def expression(self, depth=0):
        which = self.random.randrange(12)
        if which < 5:
            self.literal()
            self.cast()
        elif which == 5:
            self.number()
        elif which == 6:
            self.parameter("values")
        elif which == 7:
            self.code("a", "t.b", '"Quoted "" name"."c"', "a$b", "x1", "null", "true", 'U&"x\\0061"."y"', "\u00e4\u00f6")
        elif which == 8 and depth < 3:
            self.call(depth)
        elif which == 9 and depth < 3:
            self.text.code("(")
            self.expression(depth + 1)
            self.text.code(")")
        elif which == 10:
            self.code("interval ", "date\n", "timestamp ")
            self.literal()
        else:
            self.literal()
            self.code(" || ", "||", " -> ", " = ", " ~ ", "=")
            self.code(" ", "", " ")
            self.literal()

    def arguments(self, depth, count):
        for _ in range(count):
            self.code(",", ", ", " , ")
            self.code("", "", "value => ", "x := ")
            self.expression(depth + 1)

    def call(self, depth=0):
        if self.chance(0.3):
            self.note_word(self.code(*UNQUALIFIED))
            if self.chance(0.3):
                self.text.code("name => ")
            self.expression(depth + 1)
            self.arguments(depth, self.random.randrange(3))
        else:
            self.note_word(self.code(*QUALIFIED))
            self.named(depth)
        self.text.code(")")

    def note_word(self, code):
        self.names_word = self.names_word or "put" in code or "inbox" in code

    def named(self, depth):
        """The name comes first, or by its name, or is none."""
        which = self.random.randrange(5)
        self.code("", "", " ")
        if which == 0:
            self.text.code("value => ")
            self.expression(depth + 1)
            self.code(", name => ", ",name:=", ', "name" => ')
        elif which == 1:
            self.code("lower(", "(")
            self.expression(depth + 1)
            self.text.code(")")
        if which == 2:
            self.parameter("names")
        elif which != 1:
            self.text.code(f"'{self.random.choice(NAMES)}'")
        if which != 1:
            self.cast()
        self.arguments(depth, self.random.randrange(3))

    # Statements.

    def body(self):
        if self.nbodies == 2:
            return self.select()
        tag = f"$body{self.nbodies}$"
        language = self.random.choice(("plpgsql", "sql", "PLpgSQL", "'plpgsql'"))
        which = self.random.randrange(3)
        self.text.code((f"do {tag}", f"do language {language} {tag}", f"create function f() returns int as {tag}")[which])
        parameters, self.parameters = self.parameters, {"names": set(), "values": set()}
        self.nbodies += 1
        self.text.code(" begin ")
        self.statement()
        self.text.code("; end ")
        self.nbodies -= 1
        self.parameters = parameters
        self.text.code(tag)
        if which == 2:
            self.text.code(f" language {language}")

    def foreign_body(self):
        self.text.code("do language plperl ")
        content = self.content().replace(b"$", b"")
        self.delimited("$perl$", b'$x = "' + content + b'"; put(\'a\'); ', "$perl$")

    def select(self):
        self.code("select", "SELECT", "call", "explain select")
        self.gap()
        self.call()
        while self.chance(0.4):
            self.text.code(",")
            self.gap()
            self.expression()
        if self.chance(0.3):
            self.text.code(" from t where x = ")
            self.expression()

    def insert(self):
        self.note_word("inbox")
        self.code("insert into secrets.inbox ", 'INSERT INTO "secrets"."inbox" (name, value) ')
        self.text.code("values (")
        self.expression()
        self.arguments(0, 2)
        self.text.code(")")

    def prepare(self):
        self.text.code("prepare p as ")
        self.select()

    def statement(self):
        which = self.random.randrange(10)
        if which < 5:
            self.select()
        elif which < 7:
            self.insert()
        elif which < 9:
            self.body()
        elif self.nbodies == 0:
            self.prepare()
        else:
            self.select()

    def script(self):
        for i in range(self.random.choice((1, 1, 1, 2, 3))):
            if i:
                self.code(";", "; ", ";\n")
            self.statement()
        if self.chance(0.05):
            self.text.code("; ")
            self.foreign_body()
        if not self.names_word:
            self.text.code("; call put()")

    # PASSWORD '...'

    def password_script(self):
        for i in range(self.random.choice((1, 1, 2))):
            if i:
                self.text.code("; ")
            self.code("alter role x password ", "create user y encrypted PASSWORD\n", "alter role z login password/* c */", 'create user mapping for a server b options (add "password" ')
            closing = ")" if self.text.bytes.endswith(b'"password" ') else ""
            if self.chance(0.2):
                self.text.code("null" if not closing else "'n'")
                if closing:
                    self.text.left[-2:-1] = b"*"
            else:
                self.literal()
            self.text.code(closing)
            self.code("", " valid until 'infinity'", " login -- it is\n", " /* c */ connection limit 5") if not closing else None


class Differential:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.driver = Driver()
        self.wrong = 0

    def expect(self, what, ok, *shown):
        if not ok:
            self.wrong += 1
            if self.wrong <= 10:
                print(f"{what}:", *shown, sep="\n  ", file=sys.stderr)

    @staticmethod
    def is_covered(got, text, length):
        """Not a byte of a value is left, but where no word is, one that is in a value."""
        got = WORD.sub(lambda word: b"*" * len(word.group()), got)
        return all(b == ord("*") or w != ord("*") for b, w in zip(got, text.left[:length]))

    def whole(self):
        writer = Writer(self.random)
        writer.script()
        text = bytes(writer.text.bytes)
        (judged, *numbers), got = self.driver.ask(f"sql {ALL}", text)
        self.expect("masked", got == bytes(writer.text.left), text, got, bytes(writer.text.left))
        self.expect("judged", judged == ALL, text)
        names = sum(1 << (n - 1) for n in writer.parameters["names"])
        values = sum(1 << (n - 1) for n in writer.parameters["values"])
        self.expect("parameters", numbers == [names, values] * 2, text, numbers, names, values)
        return writer.text

    def cut(self, text):
        length = self.random.randrange(len(text.bytes))
        # Half of a doubled quote is a whole one, and half of a number may be a sign.
        while length and text.bytes[length - 1] in b"'\".-":
            length -= 1
        _, got = self.driver.ask(f"sql {ALL}", bytes(text.bytes[:length]))
        self.expect("cut", self.is_covered(got, text, length), bytes(text.bytes[:length]), got, bytes(text.left[:length]))

    def passwords(self):
        writer = Writer(self.random)
        writer.password_script()
        text = bytes(writer.text.bytes)
        _, got = self.driver.ask(f"sql {PASSWORDS}", text)
        self.expect("passwords", got == bytes(writer.text.left), text, got, bytes(writer.text.left))

    def line(self):
        """What the server says of parameters."""
        text = Text()
        names = values = 0
        text.code(self.random.choice(("parameters: ", "Parameters: ", "unnamed portal with parameters: ", "d'un : ", "")))
        for number in range(1, self.random.randrange(2, 7)):
            text.code(f"{', ' if number > 1 else ''}${number} = ")
            which = self.random.randrange(4)
            if which == 0:
                text.code("NULL")
            elif which == 1:
                names |= 1 << (number - 1)
                text.code(f"'{self.random.choice(NAMES)}'")
            else:
                names |= (which - 2) << (number - 1)
                values |= 1 << (number - 1)
                text.code("'")
                text.value(Writer(self.random).content().replace(b"'", b"''"))
                text.code("'")
        _, got = self.driver.ask(f"params {names} {values}", bytes(text.bytes))
        self.expect("line", got == bytes(text.left), bytes(text.bytes), got)

    def run(self, count):
        for _ in range(count):
            text = self.whole()
            self.cut(text)
            self.passwords()
            self.line()
        return self.wrong == 0 and self.driver.close() == 0


def main():
    arguments = sys.argv[1:]
    count = 500000 if "long" in arguments else 25000
    seed = next((word for word in arguments if word != "long"), "secrets")
    good = Differential(seed).run(count)
    print(f"mask-differential: {count} rounds of four texts each")
    print(f"mask-differential: {int(good)} passed, {int(not good)} failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
