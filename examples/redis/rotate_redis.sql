-- A rotator for the password of a Redis user.  README.md says how to use it.
--
-- Redis is told the SHA-256 of the password, which is what it keeps.  While the
-- new password is tried out, the old one goes on to work.
CREATE EXTENSION IF NOT EXISTS plpython3u;

CREATE FUNCTION rotate_redis(name text, step text, candidate text, options jsonb) RETURNS text
	LANGUAGE plpython3u AS $function$
import hashlib
import json
import socket
import ssl

given = json.loads(options)
SAVE = {"acl": ["ACL", "SAVE"], "config": ["CONFIG", "REWRITE"]}


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


def connect():
    """Never waits for long: nobody can interrupt Python while it does."""
    if "socket" in given:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(10)
        link.connect(given["socket"])
        return link
    host = given.get("host", "localhost")
    if "ca" not in given and host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError('another machine needs TLS: option "ca"')
    link = socket.create_connection((host, int(given.get("port", 6379))), timeout=10)
    if "ca" in given:
        link = ssl.create_default_context(cafile=given["ca"]).wrap_socket(link, server_hostname=host)
    return link


def run(login, *commands):
    """Each answer is one line; one with a minus is an error."""
    with connect() as link, link.makefile("rwb") as stream:
        for command in (["AUTH", login["username"], login["password"]],) + commands:
            words = [word.encode() for word in command]
            stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
            stream.flush()
            answer = stream.readline().decode(errors="replace").strip()
            if not answer.startswith("+"):
                raise RuntimeError("Redis: " + (answer or "the connection was closed"))


def alter(*rules):
    after = [SAVE[given["save"]]] if "save" in given else []
    run({"username": "default", **stored(given["admin"])}, ["ACL", "SETUSER", user, *rules], *after)


new = credential(candidate)
user = given.get("user") or new["username"]
verifier = "#" + hashlib.sha256(new["password"].encode()).hexdigest()

if step == "set":
    alter(verifier)  # one more
elif step == "test":
    run({"username": user, "password": new["password"]})
elif step == "finish":
    alter("resetpass", verifier)  # this one alone, in one command
return None  # "create": what secrets proposes will do
$function$;

COMMENT ON FUNCTION rotate_redis(text, text, text, jsonb) IS 'rotator for secrets.schedule_rotation(): a Redis user';
REVOKE EXECUTE ON FUNCTION rotate_redis(text, text, text, jsonb) FROM PUBLIC;
