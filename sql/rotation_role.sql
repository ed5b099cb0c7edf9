-- rotation: roles of this cluster and their passwords.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set rotation :srcdir '/sql/rotation.psql'
\set ECHO none
\i :helpers
\i :rules
\i :rotation
\set ECHO all
SET password_encryption = 'scram-sha-256';

-- ---- plain text ----

CREATE ROLE rotation_app LOGIN PASSWORD 'canary one';
SELECT secrets.put('role/app', 'canary one'), pg_temp.in_step('role/app', 'rotation_app'), pg_temp.lets_in('rotation_app', 'canary two');
-- In step: no warning.
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app"}') > now();
SELECT * FROM pg_temp.schedules();
SELECT secrets.rotate('role/app'), secrets.get('role/app') ~ '^[A-Za-z0-9._~-]{32}$', pg_temp.in_step('role/app', 'rotation_app'), pg_temp.lets_in('rotation_app', 'canary one');
SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'rotation_app';
-- Both or neither.
SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = 'rotation_app' \gset
BEGIN;
SELECT secrets.rotate('role/app'), pg_temp.in_step('role/app', 'rotation_app');
SAVEPOINT s;
SELECT secrets.rotate('role/app'), pg_temp.in_step('role/app', 'rotation_app');
ROLLBACK TO s;
SELECT secrets.current_version('role/app'), pg_temp.in_step('role/app', 'rotation_app');
ROLLBACK;
SELECT secrets.current_version('role/app'), rolpassword = :'verifier', pg_temp.in_step('role/app', 'rotation_app') FROM pg_authid WHERE rolname = 'rotation_app';
-- By every way that there is.
SELECT secrets.rotate_all('role/*'), pg_temp.in_step('role/app', 'rotation_app');
CALL secrets.rotate_now('role/app');
SELECT secrets.current_version('role/app'), pg_temp.in_step('role/app', 'rotation_app'), pg_temp.make_due('role/app');
CALL secrets.tick();
SELECT secrets.current_version('role/app'), pg_temp.in_step('role/app', 'rotation_app'), s.* FROM pg_temp.schedules() s;
-- Nothing else of the role is changed.
ALTER ROLE rotation_app VALID UNTIL '2040-01-01' CONNECTION LIMIT 7 CREATEDB;
SELECT secrets.rotate('role/app') > 0, rolvaliduntil = '2040-01-01', rolconnlimit, rolcreatedb, rolcanlogin, rolsuper FROM pg_authid WHERE rolname = 'rotation_app';
-- Options of the password; and a session's wishes about it count for nothing.
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app", "length": 48, "exclude": "0O1lI", "classes": ["lower", "upper", "digit"]}') > now(), secrets.rotate('role/app') > 0, secrets.get('role/app') ~ '^[a-zA-Z0-9]{48}$', secrets.get('role/app') ~ '[0O1lI]', pg_temp.in_step('role/app', 'rotation_app');
SET password_encryption = 'md5';
SELECT secrets.rotate('role/app') > 0, pg_temp.in_step('role/app', 'rotation_app');
SET password_encryption = 'scram-sha-256';

-- What would part the two is refused; what would not, is taken.
SELECT secrets.get('role/app') AS current \gset
SELECT secrets.put('role/app', :'current') > 0, pg_temp.try($$secrets.put('role/app', 'a canary')$$);
SELECT secrets.current_version('role/app') AS now \gset
SELECT pg_temp.state($$secrets.put_bytes('role/app', '\x00')$$), pg_temp.state($$secrets.put('role/app', '{"a": "canary"}'::jsonb)$$), pg_temp.state($$secrets.put('role/app', '')$$), pg_temp.state($$secrets.generate('role/app')$$), pg_temp.state($$secrets.generate('role/app', 'bytes')$$),
	pg_temp.state($$secrets.label('role/app', 'current', 1)$$), pg_temp.state($$secrets.rollback('role/app', 1)$$), pg_temp.state($$secrets.patch('role/app', '{}')$$), pg_temp.run($$INSERT INTO secrets.inbox (name, value) VALUES ('role/app', 'canary')$$);
-- The previous is the same once more.
SELECT secrets.rollback('role/app') = :now - 1, secrets.rollback('role/app') = :now;
SELECT secrets.label('role/app', 'blue', 1), secrets.label('role/app', 'previous', 1), secrets.disable('role/app'), secrets.enable('role/app'), secrets.alter('role/app', description => 'd');
SELECT secrets.current_version('role/app') = :now, pg_temp.in_step('role/app', 'rotation_app');
-- A password that an administrator gave: the store may follow it.
ALTER ROLE rotation_app PASSWORD 'canary by hand';
SELECT pg_temp.state($$secrets.put('role/app', $1[1])$$, :'current'), secrets.put('role/app', 'canary by hand') > 0, pg_temp.in_step('role/app', 'rotation_app');
-- Off the schedule they are two things.
SELECT secrets.unschedule_rotation('role/app'), secrets.put('role/app', 'something else') > 0, pg_temp.in_step('role/app', 'rotation_app');

-- ---- are they in step? ----

-- A mismatch is told; the next rotation ends it, or rotate_now, or adopt: the role gets the stored one.
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app"}') > now();
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app", "adopt": false}') > now(), pg_temp.in_step('role/app', 'rotation_app');
SELECT secrets.current_version('role/app') AS before \gset
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app", "adopt": true}') > now();
SELECT secrets.current_version('role/app') - :before, secrets.get('role/app') = 'something else', pg_temp.in_step('role/app', 'rotation_app');
ALTER ROLE rotation_app PASSWORD 'another';
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app"}', rotate_now => true) > now();
SELECT secrets.current_version('role/app') - :before, pg_temp.in_step('role/app', 'rotation_app'), last_status FROM pg_temp.schedules();
ALTER ROLE rotation_app PASSWORD NULL;
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app"}') > now();
SELECT secrets.rotate('role/app') > 0, pg_temp.in_step('role/app', 'rotation_app');
-- A role that cannot log in.
ALTER ROLE rotation_app NOLOGIN;
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app"}') > now();
ALTER ROLE rotation_app LOGIN VALID UNTIL '2020-01-01';
SELECT secrets.schedule_rotation('role/app', '30 days', 'role', '{"role": "rotation_app"}') > now();
ALTER ROLE rotation_app VALID UNTIL 'infinity';

-- ---- what is refused ----

SELECT options, pg_temp.state('secrets.schedule_rotation(''role/app'', ''1 day'', ''role'', $1[1]::jsonb)', options) FROM unnest(ARRAY['{}', '{"role": "canary_no_such_role"}', '{"role": ""}', '{"role": null}', '{"role": 1}', '{"role": ["rotation_app"]}', '{"roles": ["rotation_app"]}', '[]',
	'{"role": "rotation_app", "canary": 1}', '{"role": "rotation_app", "adopt": "canary"}', '{"role": "rotation_app", "adopt": 1}', '{"role": "rotation_app", "length": 3}', '{"role": "rotation_app", "classes": ["canary"]}', '{"role": "rotation_app", "kind": "token"}', '{"role": "rotation_app", "host": "x"}',
	'{"role": "rotation_app", "sessions": "canary"}', '{"role": "rotation_app", "sessions": ""}', '{"role": "rotation_app", "sessions": "terminate_after canary"}', '{"role": "rotation_app", "sessions": "terminate_after -1 hour"}', '{"role": "rotation_app", "sessions": "terminate after 1 hour"}', '{"role": "public"}', '{"role": "none"}', '{"role": "current_user"}']) options;
SELECT pg_temp.try('secrets.schedule_rotation(''role/app'', ''1 day'', ''role'', $1[1]::jsonb)', options) FROM unnest(ARRAY['{}', '{"role": "canary_no_such_role"}', '{"role": "rotation_app", "sessions": "canary"}']) options;
SELECT secrets.put_bytes('role/bytes', '\x00'), secrets.put('role/json', '{"user": "canary"}'), secrets.put('role/array', '["canary"]'), secrets.put('role/off', 'canary'), secrets.disable('role/off', 1), secrets.put('role/gone', 'canary'), secrets.destroy('role/gone', 1), secrets.put('role/uri', '{"password": "canary", "uri": "canary"}'), secrets.put('role/uri2', '{"password": "canary", "uri": {"canary": 1}}');
CREATE ROLE rotation_other LOGIN PASSWORD 'x';
SELECT secrets.put('role/empty', '');
SELECT name, pg_temp.try('secrets.schedule_rotation($1[1], ''1 day'', ''role'', ''{"role": "rotation_other"}'')', 'role/' || name) FROM unnest('{bytes,json,off,gone,uri,empty}'::text[]) name;
SELECT pg_temp.try($$secrets.schedule_rotation('role/app', '1 day', 'role', '{"role": "pg_monitor"}')$$);
-- One role, one secret; a deleted one gives way.
SELECT secrets.put('role/second', 'x'), pg_temp.try($$secrets.schedule_rotation('role/second', '1 day', 'role', '{"role": "rotation_app"}')$$);
SELECT secrets.schedule_rotation('role/second', '1 day', 'role', '{"role": "rotation_other"}') > now();
SELECT pg_temp.state($$secrets.schedule_rotation('role/second', '1 day', 'role', '{"role": "rotation_app"}')$$), roles FROM secrets_catalog.rotation WHERE secret_id = (SELECT id FROM secrets.describe('role/second'));
SELECT secrets.delete('role/second') > now(), secrets.put('role/third', 'x'), secrets.schedule_rotation('role/third', '1 day', 'role', '{"role": "rotation_other"}') > now(), secrets.undelete('role/second');
SELECT name, rotator FROM secrets.rotations;
SELECT secrets.rotate('role/third'), pg_temp.in_step('role/third', 'rotation_other'), pg_temp.state($$secrets.rotate('role/second')$$);
-- A foreign one does not stand in the way either; but then it is not adopted.
UPDATE secrets_catalog.rotation SET system_identifier = 1 WHERE secret_id = (SELECT id FROM secrets.describe('role/third'));
SELECT secrets.schedule_rotation('role/second', '1 day', 'role', '{"role": "rotation_other", "adopt": true}') > now();
SELECT secrets.adopt();
SELECT name, state FROM secrets.rotations;
SELECT secrets.unschedule_rotation('role/second'), secrets.adopt();
SELECT secrets.rotate('role/third'), pg_temp.in_step('role/third', 'rotation_other');
-- While it is foreign, no password of here is tested or changed by it.
UPDATE secrets_catalog.rotation SET database_oid = 1 WHERE secret_id = (SELECT id FROM secrets.describe('role/third'));
SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = 'rotation_other' \gset
SELECT secrets.put('role/third', 'anything'), pg_temp.state($$secrets.rotate('role/third')$$), pg_temp.make_due('role/third');
CALL secrets.tick();
SELECT rolpassword = :'verifier', secrets.get('role/third') FROM pg_authid WHERE rolname = 'rotation_other';
-- Of another database of this cluster, whose roles are the same: it can be adopted, and one is told.
SELECT secrets.adopt();
SELECT secrets.unschedule_rotation('role/third');

-- ---- names that are no plain words ----

CREATE FUNCTION pg_temp.odd(role_name text) RETURNS TABLE (name text, in_step bool, taken text, renamed bool) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE ROLE %I LOGIN PASSWORD ''x''', role_name);
	PERFORM secrets.put('role/odd', jsonb_build_object('username', role_name, 'password', 'x', 'uri', 'postgresql://app:x@h/d'));
	PERFORM secrets.schedule_rotation('role/odd', '1 day', 'role');
	PERFORM secrets.rotate('role/odd');
	name = secrets.get('role/odd', 'username');
	in_step = pg_temp.in_step('role/odd', role_name, 'password');
	taken = pg_temp.state('secrets.put(''role/odd'', secrets.get(''role/odd'')) > 0');
	-- under another name it is the same role; the value says the new one from then on
	EXECUTE format('ALTER ROLE %I RENAME TO rotation_odd', role_name);
	PERFORM secrets.rotate('role/odd');
	renamed = secrets.get('role/odd', 'username') = 'rotation_odd' AND pg_temp.in_step('role/odd', 'rotation_odd', 'password') AND secrets.get('role/odd', 'uri') LIKE 'postgresql://rotation_odd:%@h/d';
	PERFORM secrets.unschedule_rotation('role/odd');
	DROP ROLE rotation_odd;
	RETURN NEXT;
END
$$;
SELECT o.* FROM unnest(ARRAY['x"; drop', 'Rotation App', 'ROTATION', 'select', 'rotation''; DROP ROLE rotation_app; --', E'back\\slash', '%s%n$1', 'rotation-app@example.org/x:y', repeat('r', 63), ' ', E'tab\tnewline\n']) o_name, pg_temp.odd(o_name) o;
-- A name of more than ASCII, which every database encoding has for itself; here as its bytes are.
SELECT getdatabaseencoding() = 'UTF8' AS is_utf8 \gset
\if :is_utf8
SELECT name = U&'Gr\00FCn \0416 \20AC', in_step, taken, renamed FROM pg_temp.odd(U&'Gr\00FCn \0416 \20AC');
\else
SELECT true, true, true, true;
\endif

-- ---- JSON ----

-- The role is the one that it names; what else is there stays as it is, and a URI follows.
SELECT secrets.put('role/json', '{"engine": "postgres", "username": "rotation_other", "password": "x", "host": "db.example.org", "port": 5432, "dbname": "app", "uri": "postgresql://rotation_other:x@db.example.org:5432/app?sslmode=verify-full&application_name=a%20b", "list": [1, {"password": "inner"}], "none": null, "ünï": "\u00e9"}') > 0;
SELECT secrets.schedule_rotation('role/json', '30 days', 'role', '{"adopt": true}') > now();
SELECT secrets.rotate('role/json') > 0, pg_temp.in_step('role/json', 'rotation_other', 'password'), secrets.get('role/json', 'uri') = format('postgresql://rotation_other:%s@db.example.org:5432/app?sslmode=verify-full&application_name=a%%20b', secrets.get('role/json', 'password'));
SELECT (secrets.get('role/json')::jsonb - 'password' - 'uri')::text = (secrets.get('role/json', stage => 'previous')::jsonb - 'password' - 'uri')::text, (SELECT array_agg(k) FROM json_object_keys(secrets.get('role/json')::json) k), content_type FROM secrets.describe('role/json');
SELECT secrets.put('role/json', secrets.get('role/json')::jsonb) > 0, secrets.rotate('role/json') > 0, content_type FROM secrets.describe('role/json');
-- Where the password has to be written otherwise in a URI.
SELECT secrets.schedule_rotation('role/json', '30 days', 'role', '{"classes": ["punctuation"], "length": 200}') > now(), secrets.rotate('role/json') > 0, pg_temp.in_step('role/json', 'rotation_other', 'password'), secrets.get('role/json', 'uri') ~ '^postgresql://rotation_other:([A-Za-z0-9._~-]|%[0-9A-F]{2})+@db\.example\.org:5432/app\?sslmode=verify-full&application_name=a%20b$';
SELECT convert_from(decode(string_agg(CASE WHEN m[1] LIKE '\%%' THEN substr(m[1], 2) ELSE encode(convert_to(m[1], 'UTF8'), 'hex') END, '' ORDER BY n), 'hex'), 'UTF8') = secrets.get('role/json', 'password')
	FROM regexp_matches(substring(secrets.get('role/json', 'uri') FROM 'rotation_other:(.*)@'), '(%..|.)', 'g') WITH ORDINALITY r (m, n);
SELECT secrets.schedule_rotation('role/json', '30 days', 'role') > now(), secrets.rotate('role/json') > 0;
-- patch of all the rest passes; of the two that make the login, it must be true.
SELECT secrets.patch('role/json', '{"host": "db2.example.org", "engine": null, "more": true}') > 0, secrets.get('role/json', 'host'), pg_temp.in_step('role/json', 'rotation_other', 'password');
SELECT changes, pg_temp.state('secrets.patch(''role/json'', $1[1]) > 0', changes) FROM unnest(ARRAY['{"password": "canary"}', '{"password": null}', '{"password": 1}', '{"password": ["canary"]}', '{"username": "canary"}', '{"username": "rotation_app"}', '{"port": 6432}']) changes;
SELECT pg_temp.state($$secrets.put('role/json', '{"username": "rotation_app", "password": "canary"}')$$), pg_temp.state($$secrets.put('role/json', jsonb_build_object('username', 'rotation_app', 'password', secrets.get('role/json', 'password')))$$),
	pg_temp.state($$secrets.put('role/json', jsonb_build_object('username', 'rotation_other', 'password', secrets.get('role/json', 'password'))) > 0$$), pg_temp.state($$secrets.put('role/json', secrets.get('role/json', 'password')) > 0$$);
-- From then on it is plain text.
SELECT secrets.rotate('role/json') > 0, secrets.get('role/json') ~ '^[A-Za-z0-9._~-]{32}$', pg_temp.in_step('role/json', 'rotation_other');
SELECT secrets.unschedule_rotation('role/json'), secrets.unschedule_rotation('role/app');
-- Without a username the option names the role, and the value gets one.
SELECT secrets.put('role/json', '{"password": "x"}') > 0, secrets.schedule_rotation('role/json', '1 day', 'role', '{"role": "rotation_other", "adopt": true}') > now(), secrets.rotate('role/json') > 0, pg_temp.in_step('role/json', 'rotation_other', 'password'), secrets.get('role/json', 'username');
SELECT secrets.unschedule_rotation('role/json');

-- ---- the right to it ----

CREATE ROLE rotation_admin;
CREATE ROLE rotation_none;
CREATE ROLE rotation_plain LOGIN PASSWORD 'x';
CREATE ROLE rotation_super SUPERUSER LOGIN PASSWORD 'x';
CREATE ROLE rotation_replication REPLICATION LOGIN PASSWORD 'x';
CREATE ROLE rotation_bypassrls BYPASSRLS LOGIN PASSWORD 'x';
CREATE ROLE rotation_creator CREATEROLE;
CREATE ROLE rotation_admins;
CREATE ROLE rotation_member IN ROLE rotation_admins;
GRANT rotation_plain TO rotation_admin, rotation_admins WITH ADMIN OPTION;
GRANT rotation_super TO rotation_admin WITH ADMIN OPTION;
GRANT rotation_replication TO rotation_admin WITH ADMIN OPTION;
GRANT rotation_bypassrls TO rotation_admin WITH ADMIN OPTION;
GRANT rotation_plain TO rotation_none;
SELECT count(secrets.put('right/' || r, 'x')) FROM unnest('{plain,super,replication,bypassrls}'::text[]) r;
SELECT count(secrets.grant('rotate', 'right/**', 'rotation_' || r)) FROM unnest('{admin,none,plain,super,replication,bypassrls,creator,member}'::text[]) r;
-- With rotate alone one cannot choose the value, by options or by adopting it, nor find out whether one has guessed it.
ALTER ROLE rotation_plain PASSWORD 'not the stored one';
CREATE FUNCTION pg_temp.as_plain(options text) RETURNS text LANGUAGE sql AS $$SELECT pg_temp.as_role('rotation_plain', format('secrets.schedule_rotation(''right/plain'', ''1 day'', ''role'', %L) > now()', '{"role": "rotation_plain"' || options || '}'))$$;
CREATE TEMP TABLE option AS SELECT * FROM unnest(ARRAY['', ', "sessions": "terminate"', ', "length": 40', ', "exclude": "abc"', ', "classes": ["lower"]', ', "adopt": true', ', "adopt": false']) WITH ORDINALITY o (option, n);
SELECT option, pg_temp.as_plain(option) FROM option ORDER BY n;
-- With read one is told that it is another ...
SELECT count(secrets.grant('read', 'right/**', 'rotation_plain'));
SELECT pg_temp.as_plain(''), pg_temp.as_plain(', "length": 40');
-- ... and with write one may choose.
SELECT secrets.revoke('read', 'right/**', 'rotation_plain'), count(secrets.grant('write', 'right/**', 'rotation_plain'));
SELECT option, pg_temp.as_plain(option) FROM option ORDER BY n;
SELECT pg_temp.in_step('right/plain', 'rotation_plain');
-- The privilege is asked for again at each rotation.
SELECT pg_temp.as_plain(', "length": 40'), secrets.revoke('write', 'right/**', 'rotation_plain'), pg_temp.try($$secrets.rotate('right/plain')$$);
SELECT pg_temp.as_plain(''), secrets.rotate('right/plain') > 0;
-- Who schedules (down) whose password is changed (across).
SELECT who, string_agg(whom || ' ' || pg_temp.as_role('rotation_' || who, format($q$secrets.schedule_rotation('right/%s', '1 day', 'role', '{"role": "rotation_%1$s"}') > now()$q$, whom)), ', ' ORDER BY b) FROM unnest('{none,creator,admin,member,plain,super,replication,bypassrls}'::text[]) WITH ORDINALITY who (who, a), unnest('{plain,super,replication,bypassrls}'::text[]) WITH ORDINALITY whom (whom, b) GROUP BY a, who ORDER BY a;
SELECT secrets.schedule_rotation('right/super', '1 day', 'role', '{"role": "rotation_super"}') > now(), secrets.schedule_rotation('right/replication', '1 day', 'role', '{"role": "rotation_replication"}') > now(), secrets.schedule_rotation('right/bypassrls', '1 day', 'role', '{"role": "rotation_bypassrls"}') > now();
SET ROLE rotation_none;
SELECT pg_temp.try($$secrets.schedule_rotation('right/plain', '1 day', 'role', '{"role": "rotation_plain"}')$$), pg_temp.try($$secrets.schedule_rotation('right/plain', '1 day', 'role', '{"role": "rotation_super"}')$$);
-- Absent and forbidden roles are no secret: pg_roles tells everybody.
SELECT pg_temp.state($$secrets.schedule_rotation('right/plain', '1 day', 'role', '{"role": "no_such_role"}')$$);
-- What somebody has scheduled who might, anybody rotates to whom that is granted.
SELECT secrets.rotate('right/super') > 0, secrets.rotate('right/plain') > 0;
RESET ROLE;
SELECT pg_temp.in_step('right/super', 'rotation_super'), pg_temp.in_step('right/plain', 'rotation_plain');
SET ROLE rotation_admin;
SELECT secrets.schedule_rotation('right/plain', '1 day', 'role', '{"role": "rotation_plain"}') > now(), secrets.rotate('right/plain') > 0;
RESET ROLE;
-- The right is asked for each time: taken away later, the rotation fails, and says so.
REVOKE rotation_plain FROM rotation_admin;
SELECT pg_temp.make_due('right/plain');
CALL secrets.tick();
SELECT * FROM pg_temp.schedules() WHERE name = 'right/plain';
SELECT next_at - last_at BETWEEN interval '45 seconds' AND interval '75 seconds' FROM secrets.rotations WHERE name = 'right/plain';
SELECT pg_temp.state($$secrets.rotate('right/plain')$$), pg_temp.in_step('right/plain', 'rotation_plain');
GRANT rotation_plain TO rotation_admin WITH ADMIN OPTION;
SELECT secrets.rotate('right/plain') > 0, pg_temp.in_step('right/plain', 'rotation_plain');
SELECT * FROM pg_temp.schedules() WHERE name = 'right/plain';
-- So it is asked what the role has become.
ALTER ROLE rotation_plain BYPASSRLS;
SELECT pg_temp.state($$secrets.rotate('right/plain')$$), pg_temp.make_due('right/plain');
CALL secrets.tick();
SELECT * FROM pg_temp.schedules() WHERE name = 'right/plain';
ALTER ROLE rotation_plain NOBYPASSRLS;
-- Of a superuser who is none any more.
SET ROLE rotation_super;
SELECT secrets.schedule_rotation('right/bypassrls', '1 day', 'role', '{"role": "rotation_bypassrls"}') > now(), secrets.rotate('right/bypassrls') > 0;
RESET ROLE;
ALTER ROLE rotation_super NOSUPERUSER;
SELECT pg_temp.state($$secrets.rotate('right/bypassrls')$$);
-- Dropped: told, in its place another of its name is not meant, and the secret can be written again.
DROP ROLE rotation_plain;
SELECT pg_temp.try($$secrets.rotate('right/plain')$$);
CREATE ROLE rotation_plain LOGIN PASSWORD 'x';
SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = 'rotation_plain' \gset
SELECT pg_temp.state($$secrets.rotate('right/plain')$$), secrets.put('right/plain', 'by hand') > 0, rolpassword = :'verifier' FROM pg_authid WHERE rolname = 'rotation_plain';
SELECT secrets.schedule_rotation('right/plain', '1 day', 'role', '{"role": "rotation_plain"}', true) > now(), pg_temp.in_step('right/plain', 'rotation_plain');

-- ---- sessions ----

-- keep is what is done where nothing is said; else it is noted with the password, and done after its commit.
SELECT pg_temp.side(terminate_at), terminate_role IS NOT NULL FROM secrets_catalog.rotation WHERE secret_id = (SELECT id FROM secrets.describe('right/plain'));
SELECT sessions, secrets.schedule_rotation('right/plain', '1 day', 'role', jsonb_build_object('role', 'rotation_plain', 'sessions', sessions)) > now() FROM unnest('{keep,terminate,terminate_after,terminate_after 1 hour}'::text[]) sessions;
SELECT secrets.rotate('right/plain') > 0;
SELECT terminate_at BETWEEN now() + interval '59 minutes' AND now() + interval '60 minutes', terminate_role IS NOT NULL FROM secrets_catalog.rotation WHERE secret_id = (SELECT id FROM secrets.describe('right/plain'));
-- By a worker that the commit wakes, or by the tick, whoever comes first.
CREATE PROCEDURE pg_temp.wait_for_ends() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		EXIT WHEN NOT EXISTS (SELECT FROM secrets_catalog.rotation WHERE terminate_at IS NOT NULL);
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;
UPDATE secrets_catalog.rotation SET terminate_at = now() - interval '1 second' WHERE terminate_at IS NOT NULL;
CALL secrets.tick();
CALL pg_temp.wait_for_ends();
SELECT terminate_at, terminate_role FROM secrets_catalog.rotation WHERE secret_id = (SELECT id FROM secrets.describe('right/plain'));
BEGIN;
SELECT secrets.schedule_rotation('right/plain', '1 day', 'role', '{"role": "rotation_plain", "sessions": "terminate"}') > now(), secrets.rotate('right/plain') > 0;
SELECT terminate_at <= clock_timestamp(), terminate_role IS NOT NULL FROM secrets_catalog.rotation WHERE secret_id = (SELECT id FROM secrets.describe('right/plain'));
COMMIT;
CALL secrets.tick();
CALL pg_temp.wait_for_ends();
SELECT terminate_at, terminate_role FROM secrets_catalog.rotation WHERE secret_id = (SELECT id FROM secrets.describe('right/plain'));

-- ---- a pair ----

CREATE ROLE rotation_a LOGIN;
CREATE ROLE rotation_b LOGIN;
CREATE ROLE rotation_group;
SELECT secrets.put('pair/p', '{"username": "rotation_a", "password": "canary", "host": "h", "uri": "postgresql://rotation_a:canary@h/d"}');
-- No common group, and not in step: two warnings.
SELECT secrets.schedule_rotation('pair/p', '30 days', 'role_pair', '{"roles": ["rotation_a", "rotation_b"]}') > now();
GRANT rotation_group TO rotation_a, rotation_b;
SELECT secrets.schedule_rotation('pair/p', '30 days', 'role_pair', '{"roles": ["rotation_a", "rotation_b"], "adopt": true}') > now();
SELECT pg_temp.in_step('pair/p', 'rotation_a', 'password'), (SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'rotation_b');
-- By turns; whoever still has the last one goes on.
CREATE FUNCTION pg_temp.pair() RETURNS TABLE (username text, new_lets_in bool, old_lets_in bool, uri bool, host text) LANGUAGE sql AS $$
	SELECT secrets.get('pair/p', 'username'), pg_temp.lets_in(secrets.get('pair/p', 'username'), secrets.get('pair/p', 'password')), pg_temp.lets_in(secrets.get('pair/p', 'username', stage => 'previous'), secrets.get('pair/p', 'password', stage => 'previous')),
		secrets.get('pair/p', 'uri') = format('postgresql://%s:%s@h/d', secrets.get('pair/p', 'username'), secrets.get('pair/p', 'password')), secrets.get('pair/p', 'host')
$$;
SELECT secrets.rotate('pair/p');
SELECT * FROM pg_temp.pair();
SELECT secrets.rotate_all('pair/*');
SELECT * FROM pg_temp.pair();
SELECT pg_temp.make_due('pair/p');
CALL secrets.tick();
SELECT * FROM pg_temp.pair();
CALL secrets.rotate_now('pair/p');
SELECT * FROM pg_temp.pair();
-- Both values log in, so one may go back to the other; the turn is then the other's again.
SELECT secrets.rollback('pair/p') > 0, u.* FROM pg_temp.pair() u;
SELECT * FROM pg_temp.pair();
SELECT secrets.rotate('pair/p') > 0;
SELECT * FROM pg_temp.pair();
SELECT secrets.patch('pair/p', '{"host": "h2"}') > 0, pg_temp.state($$secrets.patch('pair/p', '{"password": "canary"}')$$), pg_temp.state($$secrets.patch('pair/p', '{"username": "rotation_b"}')$$), pg_temp.state($$secrets.patch('pair/p', '{"username": "rotation_a"}')$$) ,
	pg_temp.state($$secrets.patch('pair/p', '{"username": null}')$$), pg_temp.state($$secrets.put('pair/p', secrets.get('pair/p', 'password'))$$), pg_temp.state($$secrets.rollback('pair/p', 1)$$);
-- Renamed they are the same two: the next rotation writes the new name, and so may anybody.
SELECT secrets.get('pair/p', 'username') AS user_now \gset
ALTER ROLE rotation_a RENAME TO rotation_a2;
ALTER ROLE rotation_b RENAME TO rotation_b2;
SELECT secrets.rotate('pair/p') > 0, secrets.get('pair/p', 'username') IN ('rotation_a2', 'rotation_b2'), secrets.get('pair/p', 'username') <> :'user_now' || '2', secrets.rotate('pair/p') > 0;
SELECT * FROM pg_temp.pair();
ALTER ROLE rotation_a2 RENAME TO rotation_a;
ALTER ROLE rotation_b2 RENAME TO rotation_b;
SELECT pg_temp.state($$secrets.patch('pair/p', '{"host": "h3"}')$$), pg_temp.state($$secrets.patch('pair/p', '{"username": "rotation_b"}') > 0$$), pg_temp.state($$secrets.patch('pair/p', '{"username": "rotation_a"}') > 0$$), secrets.rotate('pair/p') > 0;
SELECT * FROM pg_temp.pair();
-- What is no pair; and a role that another secret has.
SELECT secrets.put('pair/neither', '{"username": "rotation_app", "password": "canary"}'), secrets.put('pair/plain', 'canary'), secrets.put('pair/nobody', '{"password": "canary"}');
CREATE ROLE rotation_c LOGIN;
CREATE ROLE rotation_d LOGIN;
SELECT options, pg_temp.state('secrets.schedule_rotation(''pair/neither'', ''1 day'', ''role_pair'', $1[1]::jsonb)', options) FROM unnest(ARRAY['{}', '{"roles": []}', '{"roles": ["rotation_c"]}', '{"roles": ["rotation_c", "rotation_c"]}', '{"roles": ["rotation_c", "rotation_d", "rotation_app"]}', '{"roles": "rotation_c"}', '{"roles": ["rotation_c", 1]}',
	'{"role": "rotation_c"}', '{"roles": ["rotation_c", "canary"]}', '{"roles": ["rotation_c", "rotation_d"], "canary": 1}', '{"roles": ["rotation_c", "rotation_d"], "sessions": "canary"}', '{"roles": ["rotation_c", "rotation_d"], "length": 1}', '{"roles": ["rotation_c", "rotation_d"]}', '{"roles": ["rotation_a", "rotation_app"]}', '{"roles": ["rotation_app", "rotation_b"]}']) options;
SELECT pg_temp.try($$secrets.schedule_rotation('pair/neither', '1 day', 'role_pair', '{"roles": ["rotation_c", "rotation_d"]}')$$), pg_temp.state($$secrets.schedule_rotation('pair/plain', '1 day', 'role_pair', '{"roles": ["rotation_c", "rotation_d"]}')$$), pg_temp.state($$secrets.schedule_rotation('pair/nobody', '1 day', 'role_pair', '{"roles": ["rotation_c", "rotation_d"]}')$$);
SELECT pg_temp.state($$secrets.schedule_rotation('pair/plain', '1 day', 'role', '{"role": "rotation_b"}')$$);
-- The right to both.
GRANT rotation_c TO rotation_admin WITH ADMIN OPTION;
SELECT secrets.put('right/pair', '{"username": "rotation_c", "password": "x"}'), pg_temp.as_role('rotation_admin', $$secrets.schedule_rotation('right/pair', '1 day', 'role_pair', '{"roles": ["rotation_c", "rotation_d"]}')$$);
GRANT rotation_d TO rotation_admin WITH ADMIN OPTION;
SELECT pg_temp.as_role('rotation_admin', $$secrets.schedule_rotation('right/pair', '1 day', 'role_pair', '{"roles": ["rotation_c", "rotation_d"]}') > now()$$);
REVOKE rotation_c FROM rotation_admin;
SELECT pg_temp.state($$secrets.rotate('right/pair')$$);

-- ---- all or none ----

GRANT rotation_c TO rotation_admin WITH ADMIN OPTION;
GRANT rotation_bypassrls TO rotation_super WITH ADMIN OPTION;
ALTER ROLE rotation_bypassrls NOBYPASSRLS;
CREATE TEMP TABLE before AS SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'rotation%';
CREATE FUNCTION pg_temp.changed() RETURNS text LANGUAGE sql AS $$SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM before b JOIN pg_authid a USING (rolname) WHERE a.rolpassword IS DISTINCT FROM b.rolpassword$$;
SELECT string_agg(name || ' ' || secrets.current_version(name), ', ') AS versions FROM secrets.rotations \gset
-- Of six the fourth cannot be rotated.
DROP ROLE rotation_plain;
SELECT name FROM secrets.rotations;
SELECT pg_temp.try($$secrets.rotate_all('**')$$);
SELECT string_agg(name || ' ' || secrets.current_version(name), ', ') = :'versions', pg_temp.changed() FROM secrets.rotations;
-- A rehearsal.
SELECT secrets.unschedule_rotation('right/plain');
BEGIN;
SELECT secrets.rotate_all('**');
SELECT pg_temp.changed();
ROLLBACK;
SELECT pg_temp.changed();
SELECT secrets.rotate_all('**');
SELECT pg_temp.changed();
SELECT n, pg_temp.in_step('right/' || n, 'rotation_' || n) FROM unnest('{super,replication,bypassrls}'::text[]) n;

-- ---- the log ----

SELECT pg_temp.lines() \g /dev/null
SELECT secrets.rotate('right/super') > 0;
SELECT secrets.schedule_rotation('right/super', '1 day', 'role', '{"role": "rotation_super", "adopt": true}') > now();
SELECT * FROM pg_temp.lines();
SELECT count(*) FROM secrets_catalog.audit_event e WHERE event_id > :first_event AND e::text LIKE '%canary%';
SELECT count(*) FROM secrets_catalog.audit_event e, pg_authid a WHERE event_id > :first_event AND a.rolpassword IS NOT NULL AND position(a.rolpassword IN e::text) > 0;
SELECT kind, problem FROM secrets.verify_audit(since => :'began') WHERE (at < :'began') IS NOT TRUE;

SET client_min_messages = error;
SELECT pg_temp.clean();
SELECT pg_temp.forget_rules();
DROP ROLE rotation_app, rotation_other, rotation_none, rotation_admin, rotation_super, rotation_replication, rotation_bypassrls, rotation_creator, rotation_member, rotation_admins, rotation_a, rotation_b, rotation_c, rotation_d, rotation_group;
