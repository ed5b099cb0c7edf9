"""tools/verify-audit on a log made by other code than its own, whole and damaged.

    verify_audit_test.py [long]

The bytes are put together here by hand, from src/README's words; the hash of
one line and one digest is pinned besides.
"""

import base64
import copy
import datetime
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "verify-audit")


# ---- the bytes, once more ----

def number(value):
    return (8).to_bytes(4, "big") + value.to_bytes(8, "big", signed=True)


def field(value):
    return len(value).to_bytes(4, "big") + value


def or_none(value, how):
    return bytes([255] * 4) if value is None else how(value)


def line_bytes(line):
    get = line.get
    out = b"secrets/audit/event/v1" + bytes(1)
    for name in ("event_id", "at", "batch", "txid", "version"):
        out += or_none(get(name), number)
    for name in ("id", "rule"):
        out += or_none(get(name), lambda value: field(bytes.fromhex(value.replace("-", ""))))
    for name in ("pid", "key"):
        out += or_none(get(name), number)
    for name in ("action", "outcome", "via", "name", "login", "role", "actor", "client_addr", "application_name",
                 "reason", "detail_text"):
        out += or_none(get(name), lambda value: field(value.encode()))
    return out


def digest_bytes(digest):
    out = b"secrets/audit/digest/v1" + bytes(1)
    for name in ("number", "at", "lines", "unsigned_lines", "system_id", "database", "timeline", "key", "queue",
                 "queue_at", "through"):
        out += number(digest[name])
    out += field(digest["kind"].encode()) + field(bytes.fromhex(digest["hash"])) + field(bytes.fromhex(digest["parents"]))
    out += field(b"".join(event.to_bytes(8, "big", signed=True) for event in digest["events"]))
    return out + field(digest["snapshot"].encode())


def sha(data):
    return hashlib.sha256(data).hexdigest()


# ---- a log ----

START = 817000000000000             # 2025-11-21T00:26:40Z
TIME = {0: "2025-11-21T00:26:40Z", 1: "2025-11-21T00:26:40.000001Z", 500000: "2025-11-21T00:26:40.5Z"}


def make_time(micros):
    """Of that day only."""
    seconds, fraction = divmod(micros, 1000000)
    text = "2025-11-21T00:%02d:%02d" % ((26 * 60 + 40 + seconds) // 60, (40 + seconds) % 60)
    return text + ((".%06d" % fraction).rstrip("0") if fraction else "") + "Z"


def make_line(micros, batch, **more):
    line = {"type": "event", "event_id": START + micros, "at": START + micros, "time": make_time(micros),
            "pid": 4711, "key": 1, "action": "read", "outcome": "allowed", "via": "api", "login": "app", "role": "app",
            "mac": "00" * 16}
    if batch is not None:
        line["batch"] = START + batch
    line.update(more)
    return {name: value for name, value in line.items() if value is not None}


def make_digest(micros, kind, parents, lines, **more):
    digest = {"type": "digest", "number": START + micros, "at": START + micros, "time": make_time(micros),
              "lines": len(lines), "unsigned_lines": sum("mac" not in line for line in lines),
              "system_id": -7, "database": 5, "timeline": 1, "key": 1, "queue": 0, "queue_at": 0, "through": 0,
              "kind": kind, "hash": sha(b"".join(bytes.fromhex(sha(line_bytes(line))) for line in lines)),
              "parents": "".join(parents),
              "events": [line["event_id"] for line in lines if "batch" not in line], "snapshot": ""}
    digest.update(more)
    digest["head"] = sha(digest_bytes(digest))
    digest["mac"] = "11" * 16
    return digest


def make_log():
    log = []

    def add(micros, kind, parents, lines, are_there=True, **more):
        digest = make_digest(micros, kind, parents, lines, **more)
        log.append(digest)
        if are_there:
            log.extend(lines)
        return digest["head"]

    first = add(0, "open", [], [])
    other = add(10, "open", [], [])
    old = add(15, "reads", [first], [make_line(12, 15), make_line(13, 15)], are_there=False)
    both = add(20, "open", [old, other], [
        make_line(11, None, txid=750, version=1, id="00112233-4455-6677-8899-aabbccddeeff",
                  rule="ffffffff-0000-0000-0000-000000000001", name="a/b", action="write",
                  client_addr="2001:db8::1", application_name='psql "x" \\ \u00e9\u20ac\U0001f600\x01',
                  detail={"created": True, "n": [1, 1.50, None], "s": "\u00e9"},
                  detail_text='{"n": [1, 1.50, null], "s": "\u00e9", "created": true}')], snapshot="750:751:")
    reads = add(500000, "reads", [both], [
        make_line(100, 500000, name="a/b", version=1, actor="Somebody"),
        make_line(101, 500000, name="a/c", outcome="denied", reason="no rule", key=None, mac=None),
        make_line(400000, 500000, name="", detail={}, detail_text="{}")], queue=1, queue_at=300)
    changes = add(1000000, "changes", [reads], [
        make_line(499999, None, txid=-1), make_line(600000, None, name="*"), make_line(900000, None)], snapshot="1:2:")
    add(2000000, "retention", [changes], [], through=START + 15)
    return log


# Where things are in it.
OPEN, READS, CHANGES, RETENTION = 3, 5, 9, 13
LINE = OPEN + 1


def text_of(log):
    def dump(record):
        # as the server spells numbers
        return json.dumps(record, ensure_ascii=False).replace("1.5,", "1.50,")
    return "".join(dump(record) + "\n" for record in log)


def head_line(digest):
    code = base64.urlsafe_b64encode(bytes.fromhex(digest["head"])).decode().rstrip("=")
    return "secrets-head:%d:%d:%s" % (digest["number"], digest["timeline"], code)


# ---- running ----

passed = failed = 0


def load_tool():
    loader = importlib.machinery.SourceFileLoader("verify_audit", TOOL)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("verify_audit", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


tool = load_tool()


def run(text, *arguments):
    """As a program."""
    done = subprocess.run([sys.executable, TOOL, *arguments], input=text.encode("utf-8", "surrogateescape"), capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def call(text, *heads):
    """The same from within, for very many."""
    out = []
    verifier = tool.Verifier([tool.parse_head(head) for head in heads], out.append)
    tool.read_file(verifier, "stdin", io.BytesIO(text.encode("utf-8", "surrogateescape")))
    verifier.finish()
    return int(verifier.problems > 0), "\n".join(out)


def check(name, good, why=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("verify_audit: %s: %s" % (name, why))


def whole(name, log, *heads):
    code, out = call(text_of(log), *heads)
    check(name, code == 0 and ", whole; head " in out, "exit code %d\n%s" % (code, out))
    return out


def damaged(name, log, words, *heads, text=None):
    code, out = call(text_of(log) if text is None else text, *heads)
    check(name, code == 1 and words in out, "exit code %d, without '%s':\n%s" % (code, words, out))


def indexes(log, kind):
    return [at for at, record in enumerate(log) if record["type"] == kind]


def rehead(digest):
    digest["head"] = sha(digest_bytes(digest))


# ---- tests ----

def test_whole(log):
    check("a line's leaf", sha(line_bytes(log[LINE])) == PINNED_LEAF, sha(line_bytes(log[LINE])))
    check("a digest's head", log[OPEN]["head"] == PINNED_HEAD, log[OPEN]["head"])
    for micros, text in TIME.items():
        check("a time", make_time(micros) == text, make_time(micros))
    out = whole("the log", log)
    check("its summary", "7 lines under 7 digests, whole; head " + head_line(log[-1]) in out, out)
    whole("with all heads", log, *(head_line(log[at]) for at in indexes(log, "digest")))
    out = whole("a stretch", log[READS:])
    check("where it begins", "goes on from %s, which is taken as given" % log[OPEN]["head"] in out, out)
    damaged("a head from before the stretch", log[READS:], "is not there", head_line(log[0]))
    damaged("nothing", [], "no digests")
    damaged("blank lines", [], "no digests", text="\n  \n")
    # A MAC is not proved here, only how many there are.
    other = copy.deepcopy(log)
    other[LINE]["mac"] = "22" * 16
    whole("another MAC", other)


def test_times():
    for micros, text in (
            (0, "2000-01-01T00:00:00Z"), (-1, "1999-12-31T23:59:59.999999Z"), (59 * 86400 * 10**6, "2000-02-29T00:00:00Z"),
            (60 * 86400 * 10**6, "2000-03-01T00:00:00Z"), (252455616000000000, "10000-01-01T00:00:00Z"),
            (-63113904000000000, "0001-01-01T00:00:00 BCZ"),
            (-(1 << 63), "-infinity"), ((1 << 63) - 1, "infinity")):
        check("time " + text, tool.iso_time(micros) == text, tool.iso_time(micros))
    generator = random.Random(2)
    for _ in range(2000):
        micros = generator.randrange(-63082281600000000, 252455616000000000)
        when = datetime.datetime(2000, 1, 1) + datetime.timedelta(microseconds=micros)
        text = when.isoformat(timespec="microseconds").rstrip("0").rstrip(".") if when.microsecond else when.isoformat()
        check("time " + text, tool.iso_time(micros) == text.zfill(4) + "Z", tool.iso_time(micros))


def test_program(log):
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("one", "two")]
        for name, part in zip(names, (log[:READS], log[READS:])):
            with open(name, "w", encoding="utf-8") as stream:
                stream.write(text_of(part))
        code, out, err = run("", *names)
        check("two files", code == 0 and not err, out + err)
        code, out, err = run("", *reversed(names))
        check("two files, the wrong way round", code == 1 and not err, out + err)
        code, _, err = run("", os.path.join(folder, "none"))
        check("no file", code == 2 and "none" in err, err)
    code, out, err = run(text_of(log), "--head", head_line(log[-1]), "--head", head_line(log[0]))
    check("standard input", code == 0 and not err, out + err)
    code, out, err = run(text_of(log[:-1]), "--head", head_line(log[-1]))
    check("the end cut", code == 1 and "is not there" in out and not err, out + err)
    code, _, err = run("", "--head", "secrets-head:1:1:x")
    check("no head", code == 2 and "secrets.audit_head()" in err, err)
    code, out, _ = run("", "--help")
    check("help", code == 0 and "MACs are not checked" in out, out)
    code, out, err = run(text_of(log).replace("a/c", "\udcff\udcfe"))
    check("bytes that are no UTF-8", code == 1 and not err, out + err)


def test_order(log):
    for at, record in enumerate(log):
        less = log[:at] + log[at + 1:]
        more = log[:at] + [record] + log[at:]
        if record["type"] == "event":
            damaged("without line %d" % at, less, "lines")
            damaged("line %d twice" % at, more, "twice")
        elif at == len(log) - 1:
            damaged("without the last digest", less, "is not there", head_line(record))
        elif at > 0:
            damaged("without digest %d" % at, less, "")
            damaged("digest %d twice" % at, more, "twice")
    damaged("the lines that were removed, without saying so", log[:RETENTION], "covers 2 lines, and 0 are there")
    whole("one of them still there", log[:OPEN] + [make_line(12, 15)] + log[OPEN:])
    damaged("and one too many", log[:OPEN] + [make_line(12, 15), make_line(13, 15), make_line(14, 15)] + log[OPEN:], "covers 2 lines, and 3 are there")
    swapped = list(log)
    swapped[READS + 1], swapped[READS + 2] = log[READS + 2], log[READS + 1]
    damaged("two lines exchanged", swapped, "out of order")
    damaged("a line under another digest", log[:READS + 1] + log[READS + 2:CHANGES + 1] + [log[READS + 1]] + log[CHANGES + 1:],
            "names another digest")
    damaged("a line before all digests", [log[LINE]] + log, "follows no digest")
    # Taken out, and the gap closed: the next one no longer has its head.
    forged = copy.deepcopy(log[:CHANGES] + log[RETENTION:])
    forged[CHANGES]["parents"] = log[READS]["head"]
    damaged("a gap closed", forged, "its head does not match")
    rehead(forged[CHANGES])
    damaged("and its head made anew, which was kept elsewhere", forged, "is not there", head_line(log[RETENTION]))


def change(value):
    """Something else that has the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("1" if value[-1:] == "0" else "0")
    if isinstance(value, list):
        return value[:-1] if value else [1]
    return {"another": 1}


def test_values(log):
    """Every value of every record changed, taken away, and of another type."""
    for at, record in enumerate(log):
        for name in record:
            if name == "mac":
                continue            # not proved here
            label = "%s of record %d" % (name, at)
            other = copy.deepcopy(log)
            other[at][name] = change(record[name])
            damaged(label + " changed", other, "%d:" % (at + 1) if record["type"] == "digest" else "")
            del other[at][name]
            damaged(label + " taken away", other, "stdin:")
            other[at][name] = [] if name != "events" else {}
            damaged(label + " of another type", other, "stdin:")
        other = copy.deepcopy(log)
        other[at]["more"] = 1
        damaged("record %d with more" % at, other, "unknown more")
    other = copy.deepcopy(log)
    del other[LINE]["mac"]
    damaged("a MAC taken away", other, "have no MAC")


def test_text(log):
    text = text_of(log)
    lines = text.splitlines(keepends=True)
    damaged("garbage", None, "not JSON", text=text + "garbage\n")
    damaged("half a line", None, "not JSON", text=text[:-20])
    damaged("an array", None, "neither a line nor a digest", text=text + "[]\n")
    damaged("another type", None, "neither a line nor a digest", text=text + '{"type":"other"}\n')
    damaged("a key twice", None, "a key stands twice", text=lines[0].replace('"lines": 0', '"lines": 0, "lines": 0') + "".join(lines[1:]))
    damaged("a number that is none", None, "NaN is no number", text=lines[0].replace('"lines": 0', '"lines": NaN') + "".join(lines[1:]))
    damaged("a fraction", None, "lines is not an integer", text=lines[0].replace('"lines": 0', '"lines": 0.0') + "".join(lines[1:]))
    damaged("a huge number", None, "lines is", text=lines[0].replace('"lines": 0', '"lines": ' + "9" * 5000) + "".join(lines[1:]))
    damaged("out of range", None, "out of range", text=lines[0].replace('"lines": 0', '"lines": 9223372036854775808') + "".join(lines[1:]))
    damaged("half a surrogate", None, "not UTF-8", text=text.replace('"name": "a/c"', '"name": "\\ud800"'))
    damaged("another spelling of a number", None, "detail is not what detail_text says", text=text.replace("[1, 1.50, null]}", "").replace('"n": [1, 1.50, null], "s"', '"n": [1, 1.5, null], "s"', 1))
    damaged("deep", None, "", text=text + "[" * 100000 + "\n")


def test_at_random(log, n):
    """One byte of the file changed: it is always found, but for a MAC, white space and spelling."""
    good = text_of(log)
    generator = random.Random(1)
    expected = [json.loads(line) for line in good.splitlines()]
    for record in expected:
        record.pop("mac", None)
    for _ in range(n):
        at = generator.randrange(len(good))
        bad = good[:at] + chr(generator.randrange(32, 127)) + good[at + 1:]
        try:
            records = [json.loads(line) for line in bad.splitlines()]
            for record in records:
                if len(record.get("mac", "")) == 32:
                    del record["mac"]
            if records == expected:
                continue
        except (ValueError, AttributeError):
            pass
        code, out = call(bad)
        check("byte %d changed" % at, code == 1, "%s\n%s" % (out, bad[max(0, at - 40):at + 40]))


PINNED_LEAF = "1105d9c5eb38576a14d97a844fff5a7449e61e2498de2bb335afa2729111653e"
PINNED_HEAD = "610f32880bfcccddcd7e8442eefabf8a18b756a9df6f02284aaeaca3e5d10898"


def main():
    log = make_log()
    tests = [
        lambda: test_whole(log), test_times, lambda: test_program(log), lambda: test_order(log),
        lambda: test_values(log), lambda: test_text(log),
        lambda: test_at_random(log, 20000 if "long" in sys.argv[1:] else 1000),
    ]
    bad = 0
    for test in tests:
        before = failed
        test()
        bad += failed > before
    print("verify_audit: %d passed, %d failed (%d checks)" % (len(tests) - bad, bad, passed + failed))
    return 0 if bad == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
