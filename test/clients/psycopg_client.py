"""psycopg 3: bound parameters in text and binary, errors by class, COPY, LISTEN."""
import datetime
import ipaddress
import json
import os
import sys
import uuid

import psycopg
from psycopg import errors
from psycopg.types.json import Jsonb

n = failed = 0


def check(what, good):
    global n, failed
    n += 1
    failed += not good
    print(("ok " if good else "not ok ") + f"{n} - {what}", flush=True)


def raises(what, error_class, sqlstate, call):
    try:
        call()
        check(what + ": nothing was raised", False)
    except psycopg.Error as e:
        text = " ".join(filter(None, (str(e), e.diag.message_detail, e.diag.message_hint, e.diag.context)))
        check(what, isinstance(e, error_class) and e.sqlstate == sqlstate and "canary" not in text)


db = psycopg.connect(autocommit=True)
db.add_notice_handler(lambda notice: None)


def one(sql, *args, **kwargs):
    return db.execute(sql, args, **kwargs).fetchone()[0]


def forget(name):
    if one("SELECT count(*) FROM secrets.secrets WHERE name = %s", name):
        one("SELECT secrets.delete(%s)", name)
    for (id_,) in db.execute("SELECT id FROM secrets.deleted WHERE name = %s", (name,)).fetchall():
        one("SELECT secrets.purge(%s, %s)", name, id_)


names = ["client/py", "client/py/bytes", "client/py/json", "client/py/copy", "client/py/new", "client/py/none"]
for name in names:
    forget(name)

# Text: untyped parameters find the text form, without a cast.
check("put", one("SELECT secrets.put(%s, %s)", names[0], "first") == 1)
check("get", one("SELECT secrets.get(%s)", names[0]) == "first")
text = "\u00e4\u20ac\U0001f511 'quoted' \\ $1 %s\n\ttab"
check("non-ASCII put", one("SELECT secrets.put(%s, %s)", names[0], text) == 2)
check("non-ASCII get", one("SELECT secrets.get(%s)", names[0]) == text)
check("non-ASCII get, binary", one("SELECT secrets.get(%s)", names[0], binary=True) == text)
check("as bytes", bytes(one("SELECT secrets.get_bytes(%s)", names[0])) == text.encode())
check("the empty string", one("SELECT secrets.put(%s, %s)", names[0], "") == 3 and one("SELECT secrets.get(%s)", names[0]) == "")
check("named arguments", one("SELECT secrets.put(name => %s, value => %s, description => %s, if_version => %s)", names[0], "x", "d", 3) == 4)
check("put in binary", one("SELECT secrets.put(%b, %b)", names[0], "binary") == 5 and one("SELECT secrets.get(%s)", names[0]) == "binary")

# Bytes, both formats.
every = bytes(range(256))
check("put_bytes", one("SELECT secrets.put_bytes(%s, %s)", names[1], every) == 1)
check("get_bytes", bytes(one("SELECT secrets.get_bytes(%s)", names[1])) == every)
check("put_bytes and get_bytes, binary", one("SELECT secrets.put_bytes(%s, %b)", names[1], every) == 2
      and bytes(one("SELECT secrets.get_bytes(%s)", names[1], binary=True)) == every)

# JSON.
value = {"user": "app", "password": "p\u00e4ss", "port": 5432}
check("put jsonb", one("SELECT secrets.put(%s, %s)", names[2], Jsonb(value)) == 1)
check("get JSON", json.loads(one("SELECT secrets.get(%s)", names[2])) == value)
check("get a field", one("SELECT secrets.get(%s, %s)", names[2], "password") == "p\u00e4ss")
check("patch", one("SELECT secrets.patch(%s, %s)", names[2], '{"port": null}') == 2)
check("put JSON as text", one("SELECT secrets.put(%s, %s)", names[2], json.dumps(value)) == 3 and one("SELECT secrets.get(%s, %s)", names[2], "port") == "5432")

# NULL, and what is not there.
check("try_get of nothing", one("SELECT secrets.try_get(%s)", names[5]) is None)
check("NULL where it is allowed", one("SELECT secrets.get(%s, %s, %s, %s)", names[0], None, None, None) == "binary")
raises("a NULL value", errors.NullValueNotAllowed, "22004", lambda: one("SELECT secrets.put(%s, %s)", names[0], None))
raises("no such secret", errors.UndefinedObject, "42704", lambda: one("SELECT secrets.get(%s)", "client/canary"))
raises("check-and-set lost", errors.TransactionIntegrityConstraintViolation, "40002",
       lambda: one("SELECT secrets.put(%s, %s, if_version => %s)", names[0], "canary", 1))
raises("a bad name", errors.InvalidParameterValue, "22023", lambda: one("SELECT secrets.put(%s, %s)", "a canary", "canary"))
raises("binary as text", errors.WrongObjectType, "42809", lambda: one("SELECT secrets.get(%s)", names[1]))
raises("too large", errors.ProgramLimitExceeded, "54000", lambda: one("SELECT secrets.put(%s, %s)", names[0], "canary" * 200000))
raises("not JSON", errors.InvalidJsonText, "22032", lambda: one("SELECT secrets.patch(%s, %s)", names[2], "[canary"))
one("SELECT secrets.disable(%s)", names[0])
raises("disabled", errors.ObjectNotInPrerequisiteState, "55000", lambda: one("SELECT secrets.get(%s)", names[0]))
one("SELECT secrets.enable(%s)", names[0])

# A prepared statement outlives a rename, a new master key and a rekey.
for i in range(8):
    got = one("SELECT secrets.get(%s)", names[0], prepare=True)
one("SELECT secrets.rename(%s, %s)", names[0], names[4])
raises("prepared get after a rename", errors.UndefinedObject, "42704", lambda: one("SELECT secrets.get(%s)", names[0], prepare=True))
check("prepared get under the new name", one("SELECT secrets.get(%s)", names[4], prepare=True) == got)
one("SELECT secrets.rotate_master_key()")
db.execute("CALL secrets.rekey()")
check("prepared get after a rekey", one("SELECT secrets.get(%s)", names[4], prepare=True) == got)
check("prepared put after a rekey", one("SELECT secrets.put(%s, %s)", names[4], "y", prepare=True) > 0)

# COPY into the inbox: text and binary rows; a refused row shows nothing of itself.
with db.cursor().copy("COPY secrets.inbox (name, value) FROM STDIN") as copy:
    copy.write_row((names[3], "copied\t\u20ac\nline"))
check("COPY", one("SELECT secrets.get(%s)", names[3]) == "copied\t\u20ac\nline")
with db.cursor().copy("COPY secrets.inbox (name, value) FROM STDIN (FORMAT binary)") as copy:
    copy.set_types(["text", "text"])
    copy.write_row((names[3], "binary row"))
check("COPY, binary", one("SELECT secrets.get(%s)", names[3]) == "binary row")


def bad_copy():
    with db.cursor().copy("COPY secrets.inbox (name, value) FROM STDIN") as c:
        c.write_row(("a canary", "canary"))


raises("a refused row", errors.InvalidParameterValue, "22023", bad_copy)

# LISTEN: heard at the commit, and not before.
channel = one("SELECT secrets.watch(%s)", names[4])
writer = psycopg.connect()
db.execute("LISTEN " + channel)
version = writer.execute("SELECT secrets.put(%s, %s)", (names[4], "canary")).fetchone()[0]
one("SELECT 1")
writer.commit()
notify = next(db.notifies())
check("notified", notify.channel == channel and json.loads(notify.payload) == {"version": version, "event": "write"})
check("and nothing of the value", "canary" not in notify.payload)
writer.close()

# Many rows by one statement; a server-side cursor.
with db.transaction(), db.cursor("c") as cursor:
    cursor.execute("SELECT name, value, problem FROM secrets.get_all(%s)", ("client/py/*",))
    rows = {r[0]: r[1:] for r in cursor.fetchall()}
check("get_all through a cursor", rows[names[1]] == (None, "binary") and rows[names[3]] == ("binary row", None))

# Rules.  A second session is the stranger; what it prepared outlives each change of a rule.
stranger_name = 'client "py" str\u00e4nger'
stranger_sql = '"client ""py"" str\u00e4nger"'
db.execute("DELETE FROM secrets_catalog.rule WHERE pattern LIKE 'client/py%'")
db.execute(f"DROP ROLE IF EXISTS {stranger_sql}")
password = uuid.uuid4().hex
db.execute(f"CREATE ROLE {stranger_sql} LOGIN PASSWORD '{password}'")
stranger = psycopg.connect(autocommit=True)
stranger.execute(f"SET SESSION AUTHORIZATION {stranger_sql}")
one("SELECT secrets.put(%s, %s)", names[0], "for a friend")


def theirs(sql="SELECT secrets.get(%s)", *args, **kwargs):
    return stranger.execute(sql, args or (names[0],), **kwargs).fetchone()[0]


def refused(what, call):
    raises(what, errors.InsufficientPrivilege, "42501", call)


refused("a stranger", theirs)
refused("a stranger, prepared", lambda: theirs(prepare=True))
refused("a stranger and what is not there", lambda: theirs("SELECT secrets.get(%s)", "client/canary"))
refused("a stranger who gives", lambda: theirs("SELECT secrets.grant(%s, %s, %s)", "read", "client/canary/*", stranger_name))
rule = one("SELECT secrets.grant(%s, %s, %s)", "read, list", "client/py", stranger_name)
check("grant", isinstance(rule, uuid.UUID) and one("SELECT rule_id FROM secrets.grants WHERE grantee = %s", stranger_name) == rule)
check("prepared get after a grant", theirs(prepare=True) == "for a friend" and theirs() == "for a friend")
check("prepared get after a grant, binary", theirs(prepare=True, binary=True) == "for a friend")
check("can", theirs("SELECT secrets.can(%s, %s)", "read", names[0]) is True and one("SELECT secrets.can(%s, %s, %s)", "write", names[0], stranger_name) is False)
check("explain", db.execute("SELECT rule_id, effect, through FROM secrets.explain(%s, %s) WHERE privilege = 'read'", (names[0], stranger_name)).fetchone() == (rule, "allow", None))
until = datetime.datetime(2900, 1, 1, tzinfo=datetime.timezone.utc)
denied = one("SELECT secrets.deny(privileges => %s, pattern => %s, grantee => %s, valid_from => %s, valid_until => %s, network => %s, options => %s)",
             "all", "client/**", stranger_name, None, until, ipaddress.ip_network("10.0.0.0/8"), Jsonb({"ssl": False}))
check("every argument bound", db.execute("SELECT effect, valid_from, valid_until, network, ssl, cardinality(privileges) FROM secrets.grants WHERE rule_id = %s", (denied,)).fetchone()
      == ("deny", None, until, ipaddress.ip_interface("10.0.0.0/8"), False, 13))
refused("prepared get after a deny", lambda: theirs(prepare=True))
check("undeny", one("SELECT secrets.undeny(%s, %s, %s)", "all", "client/**", stranger_name) == 1)
check("prepared get after undeny", theirs(prepare=True) == "for a friend")
wider = one("SELECT secrets.grant(%s, %s, %s)", "{read}", "client/*", "public")
warnings = []
db.add_notice_handler(lambda notice: warnings.append((notice.severity_nonlocalized, notice.message_primary)))
check("revoke", one("SELECT secrets.revoke(%s, %s, %s)", "read", "client/py", stranger_name) == 1)
check("and the warning of what still holds", [w for w in warnings if w[0] == "WARNING" and str(wider) in w[1] and str(rule) not in w[1]] != [])
check("prepared get by the other rule", theirs(prepare=True) == "for a friend")
one("SELECT secrets.revoke(%s, %s, %s)", "all", "client/*", "public")
refused("prepared get after revoke", lambda: theirs(prepare=True))
# A server-side cursor and a pipeline hear of it too.
one("SELECT secrets.grant(%s, %s, %s)", "read", "client/py", stranger_name)
stranger.autocommit = False
stranger.execute("DECLARE c CURSOR FOR SELECT secrets.get(%s) FROM generate_series(1, 3)", (names[0],))
check("a cursor's first row", stranger.execute("FETCH 1 FROM c").fetchone()[0] == "for a friend")
one("SELECT secrets.revoke(%s, %s, %s)", "read", "client/py", stranger_name)
refused("a cursor's next row", lambda: stranger.execute("FETCH 1 FROM c"))
stranger.rollback()
stranger.close()

# By address: over TCP the rule holds there; over a socket none that names a network.
host = os.environ.get("JDBC_HOST") or ("localhost" if os.environ["PGHOST"].startswith("/") else os.environ["PGHOST"])
far = psycopg.connect(host=host, user=stranger_name, password=password, autocommit=True)
address = far.execute("SELECT inet_client_addr()").fetchone()[0]
other = ipaddress.ip_address("192.0.2.1")


def from_far(sql="SELECT secrets.get(%s)", *args):
    return far.execute(sql, args or (names[0],)).fetchone()[0]


refused("a stranger from far", from_far)
one("SELECT secrets.grant(%s, %s, %s, network => %s)", "read, grant", "client/py", stranger_name, ipaddress.ip_interface(address))
check("from that address", from_far() == "for a friend")
check("not from a socket", one("SELECT secrets.can(%s, %s, %s)", "read", names[0], stranger_name) is False)
# He gives on for where he has it, and for nowhere else.
check("given on for there", isinstance(from_far("SELECT secrets.grant(%s, %s, %s, network => %s)", "read", "client/py", "pg_monitor", address), uuid.UUID))
refused("given on for everywhere", lambda: from_far("SELECT secrets.grant(%s, %s, %s)", "read", "client/py", "pg_monitor"))
refused("given on for elsewhere", lambda: from_far("SELECT secrets.grant(%s, %s, %s, network => %s)", "read", "client/py", "pg_monitor", other))
refused("given on for more", lambda: from_far("SELECT secrets.grant(%s, %s, %s, network => %s)", "read", "client/py", "pg_monitor",
                                            ipaddress.ip_network(f"{address}/{address.max_prefixlen}").supernet()))
one("SELECT secrets.deny(%s, %s, %s, network => %s)", "read", "client/**", "public", other)
check("denied elsewhere", from_far() == "for a friend")
one("SELECT secrets.deny(%s, %s, %s, network => %s)", "read", "client/**", "public", ipaddress.ip_interface(address))
refused("denied there", from_far)
far.close()
db.execute("DELETE FROM secrets_catalog.rule WHERE pattern LIKE 'client/%'")
db.execute(f"DROP ROLE {stranger_sql}")

for name in names:
    forget(name)
print(f"1..{n}")
sys.exit(failed > 0)
