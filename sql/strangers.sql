-- strangers: everything there is, called by those who may nothing: a role without
-- rights, one that reads all data and writes all data, and pg_monitor; before and
-- after somebody granted them EXECUTE on everything; and by those who were given
-- something, but elsewhere.  Generated from the catalogs, so that what is added
-- later is called too.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

SELECT secrets.put('blue', '{"blue": "canary"}'), secrets.put('blue', '{"blue": "canary"}'), secrets.label('blue', 'blue', 1), secrets.schedule_rotation('blue', '1 day') > now();
SELECT secrets.put('gone', 'canary'), secrets.delete('gone') > now();
CREATE ROLE stranger;
CREATE ROLE stranger_data IN ROLE pg_read_all_data, pg_write_all_data;
CREATE ROLE stranger_monitor IN ROLE pg_monitor;

-- The least that a function takes; "blue" is a name, a pattern, a field and a stage.
CREATE FUNCTION pg_temp.argument(name text, type oid) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN name IN ('privilege', 'privileges') THEN quote_literal('read') WHEN name = 'grantee' THEN quote_literal('stranger') WHEN name = 'schedule' THEN quote_literal('manual')
		WHEN type = 'interval'::regtype THEN quote_literal('2 days')
		WHEN type = 'text'::regtype THEN quote_literal('blue') WHEN type = 'text[]'::regtype THEN quote_literal('{blue}') WHEN type = 'jsonb'::regtype THEN quote_literal('{}')
		WHEN type = 'bytea'::regtype THEN quote_literal('x') ELSE '1' END || '::' || format_type(type, NULL)
$$;
-- What is asked: how many rows; of can() whether; of explain() how much.
CREATE FUNCTION pg_temp.question(p pg_proc, call text) RETURNS text LANGUAGE sql AS $$
	SELECT format('(SELECT %s FROM %s f)', CASE WHEN p.prorettype = 'bool'::regtype THEN 'f' WHEN 'allowed' = ANY (p.proargnames) THEN 'count(*) FILTER (WHERE f.allowed)' ELSE 'count(*)' END, call)
$$;
CREATE TABLE public.calls AS
	SELECT row_number() OVER (ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C") AS n, p.oid::regprocedure::text AS name,
		pg_temp.question(p, format('%s(%s)', p.oid::regproc, (SELECT string_agg(format('%s => %s', p.proargnames[n + 1], pg_temp.argument(p.proargnames[n + 1], p.proargtypes[n])), ', ' ORDER BY n)
			FROM generate_series(0, p.pronargs - p.pronargdefaults - 1) n))) AS call
	FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind = 'f';
GRANT SELECT ON public.calls TO PUBLIC;

-- Calls each as the role in place; prints what is not 42501, and how many there were.
CREATE FUNCTION pg_temp.call_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	state text;
	refused int = 0;
BEGIN
	FOR c IN SELECT * FROM public.calls ORDER BY n LOOP
		state = pg_temp.state(c.call);
		refused = refused + (state = '42501')::int;
		IF state <> '42501' THEN RETURN NEXT c.name || ' ' || state; END IF;
	END LOOP;
	RETURN NEXT refused || ' refused of ' || (SELECT count(*) FROM public.calls);
END
$$;
-- Looks at each view, and at each table behind, and tries to write each.
CREATE FUNCTION pg_temp.look_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	name text;
	first_column text;
BEGIN
	FOR name, first_column IN SELECT format('%s.%s', n.nspname, c.relname), a.attname
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
		WHERE n.nspname IN ('secrets', 'secrets_catalog') AND c.relkind NOT IN ('i', 'c') ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C" LOOP
		RETURN NEXT format('%s: read %s, insert %s, update %s, delete %s, truncate %s', name,
			pg_temp.state('(SELECT count(*) FROM ' || name || ')'),
			pg_temp.wrote('INSERT INTO ' || name || ' DEFAULT VALUES'),
			pg_temp.wrote('UPDATE ' || name || ' SET ' || first_column || ' = ' || first_column),
			pg_temp.wrote('DELETE FROM ' || name),
			pg_temp.run('TRUNCATE ' || name));
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.wrote(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END
$$;

-- One call as another, undone.
CREATE FUNCTION pg_temp.as_role(role text, expression text, VARIADIC args text[] = '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		PERFORM set_config('role', role, true);
		result = pg_temp.state(expression, VARIADIC args);
		RAISE EXCEPTION USING ERRCODE = 'U0000';
	EXCEPTION WHEN SQLSTATE 'U0000' THEN NULL;
	END;
	RETURN result;
END
$$;
-- All are called, and with arguments that would do.
SELECT name, pg_temp.state(call) FROM public.calls WHERE name IN ('secrets.get(text,text,bigint,text)', 'secrets.list(text,text,integer)', 'secrets.describe(text)', 'secrets.get_many(text[])', 'secrets.can(text,text,text)', 'secrets.explain(text,text)') ORDER BY n;
SELECT count(*) FROM public.calls;

-- As they come.  list() and get_all() leave out what one may not have, so nothing
-- is left.  can() and explain() tell everybody about himself: nothing is allowed.
-- The monitor may see the status.  All else is refused.
SET ROLE stranger;
SELECT pg_temp.call_all();
SET ROLE stranger_data;
SELECT pg_temp.call_all();
SET ROLE stranger_monitor;
SELECT pg_temp.call_all();
RESET ROLE;

-- The procedures, which must not be in a transaction block.
\set VERBOSITY sqlstate
SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind = 'p' ORDER BY 1;
SET ROLE stranger;
CALL secrets.rekey();
CALL secrets.rotate_now('blue');
CALL secrets.tick();
SET ROLE stranger_data;
CALL secrets.rekey();
CALL secrets.rotate_now('blue');
CALL secrets.tick();
SET ROLE stranger_monitor;
CALL secrets.rekey();
CALL secrets.rotate_now('blue');
CALL secrets.tick();
RESET ROLE;
\set VERBOSITY default

-- Views and tables.
SET ROLE stranger;
SELECT * FROM pg_temp.look_all();
SET ROLE stranger_data;
SELECT * FROM pg_temp.look_all();
SET ROLE stranger_monitor;
SELECT * FROM pg_temp.look_all();
RESET ROLE;

-- After somebody was generous.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets TO PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets_catalog TO PUBLIC;
GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA secrets TO PUBLIC;
GRANT USAGE ON SCHEMA secrets_catalog TO PUBLIC;
SET ROLE stranger;
SELECT pg_temp.call_all();
SELECT * FROM pg_temp.look_all();
SET ROLE stranger_data;
SELECT pg_temp.call_all();
SELECT * FROM pg_temp.look_all();
SET ROLE stranger_monitor;
SELECT pg_temp.call_all();
\set VERBOSITY sqlstate
CALL secrets.rekey();
CALL secrets.rotate_now('blue');
CALL secrets.tick();
\set VERBOSITY default
-- The internal functions say no more than anybody knows.
SELECT p.oid::regprocedure, pg_temp.state(format('(SELECT count(f) || %L || coalesce(min(f::text), %L) FROM %s(%s) f)', ' ', 'NULL', p.oid::regproc,
	(SELECT string_agg(CASE WHEN t = 'cstring'::regtype THEN quote_literal('x') WHEN t = 'internal'::regtype THEN 'NULL' WHEN t = 'secrets.ciphertext'::regtype THEN quote_literal('secrets:AQEBAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA') || '::secrets.ciphertext'
		WHEN t = 'oid'::regtype THEN '1259' ELSE pg_temp.argument('', t) END, ', ' ORDER BY n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (t, n))))
	FROM pg_proc p WHERE p.pronamespace = 'secrets_catalog'::regnamespace AND p.prorettype <> 'trigger'::regtype ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure, pg_temp.run(format('SELECT %s()', p.oid::regproc)) FROM pg_proc p WHERE p.pronamespace = 'secrets_catalog'::regnamespace AND p.prorettype = 'trigger'::regtype ORDER BY p.oid::regprocedure::text COLLATE "C";
-- Even whole grants on the tables: row level security is under them.
RESET ROLE;
GRANT ALL ON ALL TABLES IN SCHEMA secrets_catalog TO stranger;
SET ROLE stranger;
SELECT * FROM pg_temp.look_all() l WHERE l LIKE 'secrets_catalog.%';
SELECT pg_temp.run($$INSERT INTO secrets_catalog.stage SELECT gen_random_uuid(), 'x', 1$$),
	pg_temp.run($$INSERT INTO secrets_catalog.rule VALUES (gen_random_uuid(), 'allow', '{read}', '**', 'stranger', 0, '', '-infinity', 'infinity', NULL, NULL, NULL, now())$$);
SELECT pg_temp.call_all();
-- Without any secret, but with a rule: nobody is to send the database back to before its home.
RESET ROLE;
BEGIN;
DELETE FROM secrets_catalog.version;
DELETE FROM secrets_catalog.stage;
DELETE FROM secrets_catalog.secret;
SELECT count(secrets.grant('read', 'blue', 'stranger_data'));
SET ROLE stranger;
SELECT t, pg_temp.run('TRUNCATE secrets_catalog.' || t) FROM unnest('{rule,home,master_key,audit_event,audit_digest,audit_origin,last_read,rotation,tick}'::text[]) t;
RESET ROLE;
ROLLBACK;
REVOKE ALL ON ALL TABLES IN SCHEMA secrets_catalog FROM stranger;

-- The views are no way round the catalogs' row level security either: what is
-- written through a view is written as its owner.  In root_keys above all,
-- whose sources the server runs.
SET ROLE stranger_data;
SELECT pg_temp.run($$INSERT INTO secrets.root_keys (id, source, added_at) VALUES ('0123456789abcdef', 'command:/bin/true', now())$$),
	pg_temp.run($$INSERT INTO secrets.secrets (id, name, kind, disabled, created_at, changed_at) VALUES (gen_random_uuid(), 'green', 'secret', false, now(), now())$$);
RESET ROLE;
SELECT count(*) FROM secrets.root_keys;
-- Nor is a superuser to change through them what the functions change.
BEGIN;
SELECT regexp_replace(l, 'audit_log: read [0-9]+', 'audit_log: read N') FROM pg_temp.look_all() l WHERE l LIKE 'secrets.%';
ROLLBACK;

-- The way in that asks for no function: the inbox.
SET ROLE stranger_data;
SELECT pg_temp.run($$INSERT INTO secrets.inbox (name, value) VALUES ('blue', 'canary')$$), pg_temp.run($$INSERT INTO secrets.inbox (name, value) VALUES ('green', 'canary')$$);
COPY secrets.inbox (name, value) FROM stdin;
blue	canary
\.
RESET ROLE;
-- Nor does EXPLAIN count for him what he may not see.
CREATE FUNCTION pg_temp.explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line LIKE '%Removed by%' THEN RETURN NEXT line; END IF;
	END LOOP;
END $$;
SET ROLE stranger_data;
SELECT v, pg_temp.explained('SELECT * FROM secrets.' || v) FROM unnest('{secrets,versions,deleted,root_keys,rotations,audit_log}'::text[]) v;
SELECT pg_temp.explained($$SELECT * FROM secrets.secrets WHERE name = 'blue'$$);
RESET ROLE;

-- No stranger can make a type, a table or a function there, or take the extension.
SET ROLE stranger_data;
SELECT s, pg_temp.run(s) FROM (VALUES ('CREATE TABLE secrets.x ()'), ('CREATE FUNCTION secrets.get(text) RETURNS text LANGUAGE sql AS ''SELECT 1'''), ('ALTER EXTENSION secrets UPDATE'), ('DROP EXTENSION secrets CASCADE'),
	('ALTER TABLE secrets_catalog.secret DISABLE ROW LEVEL SECURITY'), ('CREATE TRIGGER t BEFORE INSERT ON secrets_catalog.secret EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	('CREATE VIEW v AS SELECT * FROM secrets_catalog.version'), ('COMMENT ON SCHEMA secrets IS ''x''')) v (s);
RESET ROLE;
SELECT secrets.current_version('blue'), secrets.get('blue', 'blue');

-- Of himself everybody may ask, by name too; of others only members, and who holds grant or audit there.
SET ROLE stranger;
SELECT secrets.can('read', 'blue'), secrets.can('read', 'blue', 'stranger'), pg_temp.state($$secrets.can('read', 'blue', 'stranger_data')$$), pg_temp.state($$secrets.can('read', 'blue', 'no such role')$$), pg_temp.state($$secrets.can('read', 'blue', 'public')$$);
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.explain('blue', 'stranger_data'))$$) = pg_temp.try($$(SELECT count(*) FROM secrets.explain('blue', 'no such role'))$$);
SELECT * FROM secrets.explain('blue') LIMIT 2;
RESET ROLE;

-- Elsewhere.  These were given much, but not here, or not now, or not from here,
-- or were denied it here: absent and forbidden are the same to them.
CREATE ROLE stranger_elsewhere;
CREATE ROLE stranger_denied;
CREATE ROLE stranger_tomorrow;
CREATE ROLE stranger_far;
CREATE ROLE stranger_noinherit NOINHERIT;
GRANT stranger_elsewhere TO stranger_noinherit;
SELECT count(secrets.grant('all, grant, destroy, audit', 'dev/**', r)) FROM unnest('{stranger_elsewhere,stranger_denied}'::text[]) r;
SELECT count(secrets.grant('all, grant, destroy, audit', '**', 'stranger_denied')), count(secrets.deny('all', 'prod/**', 'stranger_denied')),
	count(secrets.grant('all, grant, destroy, audit', 'prod/**', 'stranger_tomorrow', valid_from => now() + interval '1 day')),
	count(secrets.grant('all, grant, destroy, audit', 'prod/**', 'stranger_far', network => '203.0.113.0/24'));
SELECT secrets.put('prod/here', '{"blue": "canary"}'), secrets.put('prod/here', '{"blue": "canary"}'), secrets.label('prod/here', 'blue', 1), secrets.schedule_rotation('prod/here', '1 day') > now(), secrets.put('prod/off', 'canary'), secrets.disable('prod/off'),
	secrets.put('prod/gone', 'canary'), secrets.delete('prod/gone') > now(), secrets.put('dev/a', '{"blue": "canary"}'), secrets.put('dev/gone', 'canary'), secrets.delete('dev/gone') > now();
-- Each function that takes a name: of one there, a disabled one, a deleted one and none.
CREATE TABLE public.name_calls AS
	SELECT row_number() OVER (ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C") AS n, p.oid::regprocedure::text AS name,
		format('(SELECT string_agg(f::text, %L) FROM %s(%s) f)', ';', p.oid::regproc, (
			SELECT string_agg(format('%s => %s', p.proargnames[n + 1], CASE WHEN p.proargnames[n + 1] IN ('name', 'pattern') THEN '$1[1]' WHEN p.proargnames[n + 1] = 'names' THEN 'ARRAY[$1[1]]'
				ELSE pg_temp.argument(p.proargnames[n + 1], p.proargtypes[n]) END), ', ' ORDER BY n)
			FROM generate_series(0, p.pronargs - 1) n WHERE n < p.pronargs - p.pronargdefaults OR p.proargnames[n + 1] IN ('name', 'names', 'pattern'))) AS call
	FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind = 'f' AND p.proargnames[1:p.pronargs] && '{name,names,pattern}';
-- And the other name of those that take two.
INSERT INTO public.name_calls VALUES (100, 'secrets.rename(, new_name)', $$secrets.rename('dev/a', $1[1])$$), (101, 'secrets.undelete(, new_name)', $$secrets.undelete('dev/gone', new_name => $1[1])$$),
	(102, 'secrets.get_many() of several', $$(SELECT string_agg(f::text, ';') FROM secrets.get_many(ARRAY['dev/a', $1[1]]) f)$$);
GRANT SELECT ON public.name_calls TO PUBLIC;
SELECT count(*) FROM public.name_calls;
CREATE FUNCTION pg_temp.words() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	words text[];
	refused int = 0;
BEGIN
	FOR c IN SELECT * FROM public.name_calls ORDER BY n LOOP
		words = ARRAY(SELECT DISTINCT replace(pg_temp.try(c.call, x), x, 'NAME') FROM unnest('{prod/here,prod/off,prod/gone,prod/none}'::text[]) x);
		IF array_length(words, 1) > 1 THEN
			RETURN NEXT c.name || ' TELLS: ' || array_to_string(words, E'\n');
		ELSIF words[1] LIKE '42501: %' THEN
			refused = refused + 1;
		ELSE
			RETURN NEXT c.name || ' the same for all: ' || left(regexp_replace(words[1], '[0-9a-f-]{36}', 'ID', 'g'), 66);
		END IF;
	END LOOP;
	RETURN NEXT refused || ' refused of ' || (SELECT count(*) FROM public.name_calls) || ', in the same words for all';
END
$$;
SET ROLE stranger;
SELECT * FROM pg_temp.words();
SET ROLE stranger_elsewhere;
SELECT * FROM pg_temp.words();
SET ROLE stranger_denied;
SELECT * FROM pg_temp.words();
SET ROLE stranger_tomorrow;
SELECT * FROM pg_temp.words();
SET ROLE stranger_far;
SELECT * FROM pg_temp.words();
SET ROLE stranger_noinherit;
SELECT * FROM pg_temp.words();
RESET ROLE;
-- random_password() is for whoever holds something somewhere, now and from here.
SELECT r, pg_temp.as_role(r, 'length(secrets.random_password())') FROM unnest('{stranger_elsewhere,stranger_denied,stranger_tomorrow,stranger_far,stranger_noinherit,stranger_monitor}'::text[]) r;
-- They see what is theirs.
SELECT r, pg_temp.as_role(r, '(SELECT string_agg(name, '' '' ORDER BY name) FROM secrets.secrets)'), pg_temp.as_role(r, '(SELECT string_agg(name, '' '' ORDER BY name) FROM secrets.list())'),
	pg_temp.as_role(r, '(SELECT string_agg(DISTINCT name, '' '') FROM secrets.versions)'), pg_temp.as_role(r, '(SELECT string_agg(name, '' '' ORDER BY name) FROM secrets.deleted)'),
	pg_temp.as_role(r, '(SELECT string_agg(name, '' '' ORDER BY name) FROM secrets.get_all(''**''))'), pg_temp.as_role(r, '(SELECT string_agg(pattern, '' '' ORDER BY pattern) FROM secrets.grants)')
	FROM unnest('{stranger_elsewhere,stranger_denied,stranger_tomorrow,stranger_far,stranger_noinherit}'::text[]) r;

-- Who may list the name, and nothing else, is told what is absent, and refused what is there.
CREATE ROLE stranger_lister;
SELECT count(secrets.grant('list', 'prod/**', 'stranger_lister'));
SELECT n.name, string_agg(CASE WHEN r ~ '^[0-9A-Z]{5}$|^NULL$' THEN r ELSE 'told' END, '|' ORDER BY i)
	FROM public.name_calls n, unnest('{prod/here,prod/off,prod/gone,prod/none}'::text[]) WITH ORDINALITY u (x, i), pg_temp.as_role('stranger_lister', n.call, x) r
	WHERE n.n < 100 AND n.name !~ '(can|explain)\(' GROUP BY n.n, n.name ORDER BY n.n;

-- As it was.
SET client_min_messages = error;
SELECT count(CASE effect WHEN 'allow' THEN secrets.revoke('all', pattern, grantee) ELSE secrets.undeny('all', pattern, grantee) END) FROM secrets.grants;
DROP TABLE public.calls, public.name_calls;
DROP ROLE stranger_noinherit;
DROP ROLE stranger, stranger_data, stranger_monitor, stranger_elsewhere, stranger_denied, stranger_tomorrow, stranger_far, stranger_lister;
SELECT pg_temp.clean();
DROP EXTENSION secrets;
CREATE EXTENSION secrets;
