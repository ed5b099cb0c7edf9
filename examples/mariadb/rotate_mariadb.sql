-- A rotator for the password of a MariaDB account.  README.md says how to use it.
--
-- MariaDB is never told the password, but what it keeps of it: SHA1(SHA1(password)).
-- While the new password is tried out, the old one goes on to work.
CREATE EXTENSION IF NOT EXISTS plpython3u;

CREATE FUNCTION rotate_mariadb(name text, step text, candidate text, options jsonb) RETURNS text
	LANGUAGE plpython3u AS $function$
import contextlib
import hashlib
import json

import pymysql

given = json.loads(options)


def credential(value):
    """A secret is the password itself, or a JSON object that has it."""
    try:
        decoded = json.loads(value)
    except ValueError:
        decoded = None
    return decoded if isinstance(decoded, dict) else {"password": value}


def stored(secret):
    plan = plpy.prepare("SELECT secrets.get($1) AS value", ["text"])
    return credential(plpy.execute(plan, [secret])[0]["value"])


def connect(user, password):
    """Never waits for long: nobody can interrupt Python while it does."""
    where = {"unix_socket": given["socket"]} if "socket" in given else {
        "host": given.get("host", "localhost"), "port": int(given.get("port", 3306))}
    if "ca" in given:
        where["ssl"] = {"ca": given["ca"]}
    elif where.get("host", "localhost") not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError('another machine needs TLS: option "ca"')
    return contextlib.closing(pymysql.connect(
        user=user, password=password, connect_timeout=10, read_timeout=10, write_timeout=10, **where))


def verifier(password):
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def accept(passwords):
    """From now on the account takes these, and no other."""
    methods = " OR ".join(["mysql_native_password USING %s"] * len(passwords))
    admin = stored(given["admin"])
    with connect(admin["username"], admin["password"]) as link, link.cursor() as cursor:
        cursor.execute("ALTER USER %s@%s IDENTIFIED VIA " + methods,
                       [user, given.get("account_host", "%")] + [verifier(p) for p in passwords])


new = credential(candidate)
user = given.get("user") or new["username"]

if step == "set":
    accept([new["password"], stored(name)["password"]])
elif step == "test":
    with connect(user, new["password"]):
        pass
elif step == "finish":
    accept([new["password"]])
return None  # "create": what secrets proposes will do
$function$;

COMMENT ON FUNCTION rotate_mariadb(text, text, text, jsonb) IS 'rotator for secrets.schedule_rotation(): a MariaDB account';
REVOKE EXECUTE ON FUNCTION rotate_mariadb(text, text, text, jsonb) FROM PUBLIC;
