-- rules: whom a rule is for, as roles come, go and change.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set more :srcdir '/sql/rules.psql'
\set reload :srcdir '/sql/reload.psql'
\set ECHO none
\i :helpers
\i :more
\set ECHO all

SELECT secrets.put('o/x', 'v');
-- What that role gets: can, and the call itself.
CREATE FUNCTION pg_temp.gets(who text) RETURNS text LANGUAGE sql AS $$
	SELECT secrets.can('read', 'o/x', who) || ' ' || pg_temp.as_role(who, $call$secrets.get('o/x')$call$)
$$;
CREATE FUNCTION pg_temp.shown() RETURNS SETOF text LANGUAGE sql AS $$SELECT concat_ws(' ', effect, privileges, pattern, grantee, state) FROM pg_temp.rules()$$;

-- Renamed: the rule goes along, and the old name is nobody.
CREATE ROLE roles_a;
SELECT secrets.grant('read', 'o/*', 'roles_a') IS NOT NULL;
SELECT pg_temp.gets('roles_a');
ALTER ROLE roles_a RENAME TO roles_renamed;
SELECT pg_temp.gets('roles_renamed'), pg_temp.shown();
CREATE ROLE roles_a;
SELECT pg_temp.gets('roles_a'), pg_temp.state($$secrets.revoke('all', 'o/*', 'roles_a')$$);
-- Two that change their names with each other keep each its own.
SELECT secrets.deny('read', 'o/*', 'roles_a') IS NOT NULL;
ALTER ROLE roles_a RENAME TO roles_t;
ALTER ROLE roles_renamed RENAME TO roles_a;
ALTER ROLE roles_t RENAME TO roles_renamed;
SELECT pg_temp.gets('roles_a'), pg_temp.gets('roles_renamed');
SELECT pg_temp.shown();
-- The same rule again is the same still, under the name that the role has now; and so it is then written everywhere.
SELECT secrets.grant('list', 'o/*', 'roles_a') IS NOT NULL, secrets.grant('list', 'p/*', 'roles_a') IS NOT NULL;
SELECT pattern, grantee, privileges FROM secrets_catalog.rule WHERE effect = 'allow' ORDER BY pattern;
ALTER ROLE roles_a RENAME TO roles_c;
SELECT secrets.grant('list', 'q/*', 'roles_c') IS NOT NULL;
SELECT grantee, count(*), count(DISTINCT grantee_tag) FROM secrets_catalog.rule GROUP BY grantee ORDER BY grantee;
SELECT pg_temp.state($$secrets.revoke('read', 'o/*', 'roles_a')$$), secrets.revoke('read', 'o/*', 'roles_c'), secrets.undeny('all', 'o/*', 'roles_renamed');
SELECT pg_temp.forget_rules();
DROP ROLE roles_c, roles_renamed;

-- Dropped, and made again under that name: another role.
CREATE ROLE roles_a;
SELECT secrets.grant('read', 'o/*', 'roles_a') IS NOT NULL, secrets.deny('write', 'o/*', 'roles_a') IS NOT NULL;
SELECT pg_temp.gets('roles_a');
DROP ROLE roles_a;
SELECT pg_temp.shown();
CREATE ROLE roles_a;
SELECT pg_temp.gets('roles_a'), secrets.can('write', 'o/x', 'roles_a');
SELECT pg_temp.shown();
-- What it is given is a rule of its own.
SELECT secrets.grant('read', 'o/*', 'roles_a') IS NOT NULL;
SELECT pg_temp.gets('roles_a'), secrets.can('write', 'o/x', 'roles_a');
SELECT pg_temp.shown();
-- Whatever the old rule's OID.
UPDATE secrets_catalog.rule SET grantee_oid = 'roles_a'::regrole WHERE effect = 'deny';
SELECT state FROM secrets.grants WHERE effect = 'deny';
SELECT pg_temp.forget_rules();
-- Drops that never happened, and roles that never were.
SELECT secrets.grant('read', 'o/*', 'roles_a') IS NOT NULL;
BEGIN;
DROP ROLE roles_a;
SELECT pg_temp.shown();
ROLLBACK;
SELECT pg_temp.gets('roles_a'), pg_temp.shown();
BEGIN;
SAVEPOINT s;
DROP ROLE roles_a;
CREATE ROLE roles_a;
SELECT pg_temp.gets('roles_a'), pg_temp.shown();
ROLLBACK TO s;
SELECT pg_temp.gets('roles_a'), pg_temp.shown();
COMMIT;
SELECT pg_temp.forget_rules();
DROP ROLE roles_a;
BEGIN;
CREATE ROLE roles_a;
SELECT secrets.grant('read', 'o/*', 'roles_a') IS NOT NULL;
SELECT pg_temp.gets('roles_a');
ROLLBACK;
SELECT (SELECT count(*) FROM secrets.grants), pg_temp.state($$secrets.can('read', 'o/x', 'roles_a')$$);
BEGIN;
CREATE ROLE roles_a;
SELECT secrets.grant('read', 'o/*', 'roles_a') IS NOT NULL;
ALTER ROLE roles_a RENAME TO roles_b;
COMMIT;
SELECT pg_temp.gets('roles_b'), pg_temp.shown();
SELECT pg_temp.forget_rules();

-- One's own uncommitted rule counts at once; and no more once it is rolled back, in whole or in part.
BEGIN;
SELECT pg_temp.gets('roles_b');
SELECT secrets.grant('read', 'o/*', 'roles_b') IS NOT NULL;
SELECT pg_temp.gets('roles_b');
SAVEPOINT s;
SELECT secrets.deny('read', 'o/x', 'roles_b') IS NOT NULL;
SELECT pg_temp.gets('roles_b');
ROLLBACK TO s;
SELECT pg_temp.gets('roles_b');
SELECT secrets.revoke('read', 'o/*', 'roles_b');
SELECT pg_temp.gets('roles_b');
ROLLBACK TO s;
SELECT pg_temp.gets('roles_b');
RELEASE s;
ROLLBACK;
SELECT pg_temp.gets('roles_b'), (SELECT count(*) FROM secrets.grants);
-- Within one statement too.
SELECT secrets.can('read', 'o/x', 'roles_b'), secrets.grant('read', 'o/*', 'roles_b') IS NOT NULL, secrets.can('read', 'o/x', 'roles_b'), secrets.deny('read', 'o/x', 'public') IS NOT NULL, secrets.can('read', 'o/x', 'roles_b'), secrets.undeny('all', 'o/x', 'public'), secrets.can('read', 'o/x', 'roles_b'), secrets.revoke('all', 'o/*', 'roles_b'), secrets.can('read', 'o/x', 'roles_b');
-- By an exception too, and by a statement that fails.
SELECT pg_temp.state($$CASE WHEN secrets.grant('read', 'o/*', 'roles_b') IS NOT NULL THEN pg_temp.gets('roles_b') || 1 / (SELECT 0) END$$), pg_temp.gets('roles_b');
SELECT secrets.grant('read', 'o/*', 'roles_b') IS NOT NULL, pg_temp.gets('roles_b'), 1 / (SELECT 0);
SELECT pg_temp.gets('roles_b');
-- A tag that was rolled back is none: the next grant makes another.
CREATE ROLE roles_new;
BEGIN;
SAVEPOINT s;
SELECT secrets.grant('read', 'o/*', 'roles_new') IS NOT NULL;
SELECT pg_temp.gets('roles_new');
ROLLBACK TO s;
SELECT pg_temp.gets('roles_new'), (SELECT count(*) FROM pg_shseclabel WHERE provider = 'secrets' AND objoid = 'roles_new'::regrole);
SELECT secrets.grant('read', 'o/*', 'roles_new') IS NOT NULL;
COMMIT;
SELECT pg_temp.gets('roles_new'), (SELECT label ~ '^[0-9a-f]{32}$' FROM pg_shseclabel WHERE provider = 'secrets' AND objoid = 'roles_new'::regrole);
-- One for good, whatever is given and taken; predefined roles need none, and public is no role.
SELECT label AS tag FROM pg_shseclabel WHERE provider = 'secrets' AND objoid = 'roles_new'::regrole \gset
SELECT secrets.revoke('all', 'o/*', 'roles_new'), secrets.grant('read', 'p/*', 'roles_new') IS NOT NULL, secrets.grant('read', 'o/*', 'pg_monitor') IS NOT NULL, secrets.grant('list', 'o/*', 'public') IS NOT NULL;
SELECT count(*), bool_and(label = :'tag') FROM pg_shseclabel WHERE provider = 'secrets' AND objoid IN ('roles_new'::regrole, 'pg_monitor'::regrole);
SELECT grantee, grantee_tag FROM secrets_catalog.rule WHERE grantee IN ('pg_monitor', 'public') ORDER BY 1;
SELECT pg_temp.forget_rules();

-- Memberships, as PostgreSQL counts them, and at once: also for a plan that is there.
CREATE ROLE roles_team;
CREATE ROLE roles_group;
SELECT secrets.grant('read', 'o/*', 'roles_team') IS NOT NULL;
PREPARE get AS SELECT pg_temp.as_role('roles_b', $$secrets.get('o/x')$$), secrets.can('read', 'o/x', 'roles_b');
EXECUTE get;
GRANT roles_team TO roles_b;
EXECUTE get;
REVOKE roles_team FROM roles_b;
EXECUTE get;
GRANT roles_team TO roles_group;
GRANT roles_group TO roles_b;
EXECUTE get;
REVOKE roles_team FROM roles_group;
EXECUTE get;
GRANT roles_team TO roles_group;
BEGIN;
SAVEPOINT s;
REVOKE roles_group FROM roles_b;
EXECUTE get;
ROLLBACK TO s;
EXECUTE get;
COMMIT;
-- Who does not inherit must SET ROLE.
CREATE FUNCTION pg_temp.inherit(yes bool) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.run(CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'GRANT roles_group TO roles_b WITH INHERIT ' || CASE WHEN yes THEN 'TRUE' ELSE 'FALSE' END
		ELSE 'ALTER ROLE roles_b ' || CASE WHEN yes THEN 'INHERIT' ELSE 'NOINHERIT' END END)
$$;
SELECT pg_temp.inherit(false);
EXECUTE get;
SET SESSION AUTHORIZATION roles_b;
SELECT pg_temp.state($$secrets.get('o/x')$$);
SET ROLE roles_group;
SELECT pg_temp.state($$secrets.get('o/x')$$);
SET ROLE roles_team;
SELECT pg_temp.state($$secrets.get('o/x')$$);
RESET ROLE;
SELECT pg_temp.state($$secrets.get('o/x')$$);
RESET SESSION AUTHORIZATION;
SELECT pg_temp.inherit(true);
EXECUTE get;
-- A deny goes the same ways.
SELECT secrets.deny('read', 'o/x', 'roles_group') IS NOT NULL;
EXECUTE get;
SELECT pg_temp.inherit(false);
SELECT secrets.grant('read', 'o/x', 'roles_b') IS NOT NULL;
EXECUTE get;
SELECT pg_temp.inherit(true);
EXECUTE get;
SET client_min_messages = error;
SELECT secrets.undeny('read', 'o/x', 'roles_group'), secrets.revoke('read', 'o/x', 'roles_b');
SET client_min_messages = warning;
REVOKE roles_group FROM roles_b;
EXECUTE get;
-- Superusers, from when on they are and as long.
ALTER ROLE roles_b SUPERUSER;
EXECUTE get;
ALTER ROLE roles_b NOSUPERUSER;
EXECUTE get;
-- The owner of the database is a member of pg_database_owner.
SELECT secrets.grant('read', 'o/*', 'pg_database_owner') IS NOT NULL;
EXECUTE get;
SELECT current_database() AS database, current_user AS me \gset
ALTER DATABASE :"database" OWNER TO roles_b;
EXECUTE get;
SELECT through FROM secrets.explain('o/x', 'roles_b') WHERE privilege = 'read';
GRANT roles_b TO roles_new;
SELECT pg_temp.gets('roles_new');
ALTER DATABASE :"database" OWNER TO :"me";
EXECUTE get;
SELECT pg_temp.gets('roles_new');
REVOKE roles_b FROM roles_new;
SELECT secrets.revoke('all', 'o/*', 'pg_database_owner');
-- Who lends by a function: it asks as its owner.
CREATE SCHEMA roles_schema;
GRANT USAGE ON SCHEMA roles_schema TO PUBLIC;
CREATE FUNCTION roles_schema.lend() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql RETURN secrets.get('o/x');
ALTER FUNCTION roles_schema.lend() OWNER TO roles_team;
SELECT pg_temp.as_role('roles_new', 'roles_schema.lend()'), pg_temp.as_role('roles_new', $$secrets.get('o/x')$$);
SELECT secrets.deny('read', 'o/*', 'roles_new') IS NOT NULL;
SELECT pg_temp.as_role('roles_new', 'roles_schema.lend()');
SELECT secrets.undeny('read', 'o/*', 'roles_new'), secrets.revoke('read', 'o/*', 'roles_team');
SELECT pg_temp.as_role('roles_new', 'roles_schema.lend()'), pg_temp.state('roles_schema.lend()');
DROP SCHEMA roles_schema CASCADE;
SELECT pg_temp.forget_rules();

-- The label by hand: only what restores it, and only by a superuser.
SELECT secrets.grant('read', 'o/*', 'roles_b') IS NOT NULL;
CREATE ROLE roles_creator CREATEROLE;
SELECT label AS tag FROM pg_shseclabel WHERE provider = 'secrets' AND objoid = 'roles_b'::regrole \gset
CREATE FUNCTION pg_temp.labels(who text, role text, label text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('role', who, false);
	result = pg_temp.run(format('SECURITY LABEL FOR secrets ON ROLE %I IS %L', role, label));
	PERFORM set_config('role', 'none', false);
	RETURN result;
END
$$;
SELECT who, pg_temp.labels(who, who, :'tag'), pg_temp.labels(who, 'roles_b', NULL), pg_temp.labels(who, 'roles_new', :'tag'), pg_temp.labels(who, 'roles_new', 'canary') FROM unnest(ARRAY['roles_creator', 'roles_b', 'roles_new']) who;
SELECT pg_temp.run('GRANT roles_new TO roles_creator WITH ADMIN OPTION'), pg_temp.labels('roles_creator', 'roles_new', :'tag');
SELECT l, pg_temp.run(format('SECURITY LABEL FOR secrets ON ROLE roles_new IS %L', l)) FROM unnest(ARRAY['canary', '', repeat('0', 31), repeat('0', 33), repeat('g', 32), repeat('A', 32), ' ' || repeat('0', 31), 'pg_monitor']) l;
SELECT o, pg_temp.run(format('SECURITY LABEL FOR secrets ON %s IS %L', o, :'tag')) FROM unnest(ARRAY['TABLE secrets_catalog.rule', 'SCHEMA public', 'FUNCTION secrets.can(text, text, text)', 'TYPE secrets.ciphertext']) o;
SELECT pg_temp.run(format('SECURITY LABEL FOR secrets ON DATABASE %I IS %L', current_database(), :'tag'));
-- None over another, and none on a second role: the same again is what restoring does where the roles are.
SELECT pg_temp.run(format('SECURITY LABEL FOR secrets ON ROLE roles_b IS %L', :'tag')), pg_temp.run(format('SECURITY LABEL FOR secrets ON ROLE roles_b IS %L', repeat('0', 32))), pg_temp.run(format('SECURITY LABEL FOR secrets ON ROLE roles_new IS %L', :'tag')), pg_temp.run(format('SECURITY LABEL FOR secrets ON ROLE roles_team IS %L', :'tag')), pg_temp.run(format('SECURITY LABEL FOR secrets ON ROLE pg_monitor IS %L', :'tag'));
SELECT pg_temp.gets('roles_b'), pg_temp.shown();
-- Taken away, the rules are nobody's; put back, they are his again; and another's who gets it.
SECURITY LABEL FOR secrets ON ROLE roles_b IS NULL;
SELECT pg_temp.gets('roles_b'), pg_temp.shown();
SECURITY LABEL FOR secrets ON ROLE roles_b IS :'tag';
SELECT pg_temp.gets('roles_b'), pg_temp.shown();
SECURITY LABEL FOR secrets ON ROLE roles_b IS NULL;
SECURITY LABEL FOR secrets ON ROLE roles_new IS NULL;
SECURITY LABEL FOR secrets ON ROLE roles_new IS :'tag';
SELECT pg_temp.gets('roles_b'), pg_temp.gets('roles_new'), pg_temp.shown();
BEGIN;
SECURITY LABEL FOR secrets ON ROLE roles_new IS NULL;
SELECT pg_temp.gets('roles_new');
ROLLBACK;
SELECT pg_temp.gets('roles_new');
SELECT pg_temp.forget_rules();
DROP ROLE roles_creator;

-- Without the bypass superusers need rules too.
CREATE ROLE roles_super SUPERUSER;
SELECT pg_temp.as_role('roles_super', $$secrets.get('o/x')$$), secrets.can('read', 'o/x', 'roles_super'), secrets.can('operate', '**', 'roles_super');
ALTER SYSTEM SET secrets.superuser_bypass = off;
\set ECHO none
\set setting secrets.superuser_bypass
\set wanted off
\i :reload
\set ECHO all
SELECT pg_temp.state($$secrets.get('o/x')$$), pg_temp.state('(SELECT count(*) FROM secrets.list())'), pg_temp.state($$secrets.put('o/y', 'x')$$), pg_temp.state($$secrets.grant('read', 'o/x', 'roles_b')$$), pg_temp.state('(SELECT count(*) FROM secrets.grants)'), pg_temp.state('secrets.rotate_master_key()'), pg_temp.state($$secrets.can('read', 'o/x', 'roles_super')$$), secrets.can('read', 'o/x');
-- Of nobody else's rules do they profit, though the server takes them for members of every role.
INSERT INTO secrets_catalog.rule (id, effect, privileges, pattern, grantee, grantee_oid, grantee_tag, valid_from, valid_until, granted_at) SELECT gen_random_uuid(), 'allow', '{read,grant}', '**', g, 0, t, '-infinity', 'infinity', now() FROM (VALUES ('roles_new', :'tag'), ('pg_monitor', 'pg_monitor')) v (g, t);
SELECT pg_temp.state($$secrets.get('o/x')$$), pg_temp.as_role('roles_new', $$secrets.get('o/x')$$);
GRANT roles_new TO roles_super;
SELECT pg_temp.as_role('roles_super', $$secrets.get('o/x')$$);
SELECT pg_temp.as_role('roles_super', $$secrets.grant('read', '**', 'roles_super') IS NOT NULL$$);
REVOKE roles_new FROM roles_super;
SELECT pg_temp.as_role('roles_super', $$secrets.get('o/x')$$), pg_temp.as_role('roles_super', $$secrets.put('o/x', 'x')$$), pg_temp.as_role('roles_super', $$(SELECT allowed::text || ' ' || (through IS NULL) FROM secrets.explain('o/x') WHERE privilege = 'read')$$);
-- A session of a superuser cannot turn it on for itself.
SELECT pg_temp.run('SET secrets.superuser_bypass = on'), pg_temp.run('SET LOCAL secrets.superuser_bypass = on'), pg_temp.state($$set_config('secrets.superuser_bypass', 'on', false)$$), pg_temp.state($$secrets.get('o/x')$$);
ALTER SYSTEM RESET secrets.superuser_bypass;
\set ECHO none
\set wanted on
\i :reload
\set ECHO all
SELECT pg_temp.state($$secrets.get('o/x')$$);

SELECT pg_temp.forget_rules();
SELECT pg_temp.clean();
DROP ROLE roles_b, roles_new, roles_team, roles_group, roles_super;
