-- strangers: everything there is, called by those who may nothing: a role without
-- rights, one that reads all data and writes all data, and pg_monitor; before and
-- after somebody granted them EXECUTE on everything.  Generated from the catalogs,
-- so that what is added later is called too.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

SELECT secrets.put('blue', '{"blue": "canary"}'), secrets.put('blue', '{"blue": "canary"}'), secrets.label('blue', 'blue', 1);
SELECT secrets.put('gone', 'canary'), secrets.delete('gone') > now();
CREATE ROLE stranger;
CREATE ROLE stranger_data IN ROLE pg_read_all_data, pg_write_all_data;
CREATE ROLE stranger_monitor IN ROLE pg_monitor;

-- The least that a function takes; "blue" is a name, a pattern, a field and a stage.
CREATE FUNCTION pg_temp.least_call(p pg_proc) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s(%s)', p.oid::regproc, (
		SELECT string_agg(format('%s => %s', p.proargnames[n + 1], CASE p.proargtypes[n]
			WHEN 'text'::regtype THEN quote_literal('blue') WHEN 'text[]'::regtype THEN quote_literal('{blue}') WHEN 'jsonb'::regtype THEN quote_literal('{}')
			WHEN 'bytea'::regtype THEN quote_literal('x') ELSE '1' END || '::' || format_type(p.proargtypes[n], NULL)), ', ' ORDER BY n)
		FROM generate_series(0, p.pronargs - p.pronargdefaults - 1) n))
$$;
CREATE TABLE public.calls AS
	SELECT row_number() OVER (ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C") AS n, p.oid::regprocedure::text AS name, pg_temp.least_call(p) AS call
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
		state = pg_temp.state('(SELECT count(*) FROM ' || c.call || ')');
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
		WHERE n.nspname IN ('secrets', 'secrets_catalog') AND c.relkind IN ('r', 'v', 'f') ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C" LOOP
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

-- All are called, and with arguments that would do.
SELECT name, pg_temp.state('(SELECT count(*) FROM ' || call || ')') FROM public.calls WHERE name IN ('secrets.get(text,text,bigint,text)', 'secrets.list(text,text,integer)', 'secrets.describe(text)', 'secrets.get_many(text[])') ORDER BY n;
SELECT count(*) FROM public.calls;

-- As they come.
SET ROLE stranger;
SELECT pg_temp.call_all();
SET ROLE stranger_data;
SELECT pg_temp.call_all();
SET ROLE stranger_monitor;
SELECT pg_temp.call_all();
RESET ROLE;

-- The procedure, which must not be in a transaction block.
\set VERBOSITY sqlstate
SET ROLE stranger;
CALL secrets.rekey();
SET ROLE stranger_data;
CALL secrets.rekey();
SET ROLE stranger_monitor;
CALL secrets.rekey();
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
\set VERBOSITY default
-- The internal functions say no more than anybody knows.
SELECT secrets_catalog.may_list('blue'), secrets_catalog.may_operate(), secrets_catalog.root_key_in_use(), pg_temp.run('SELECT secrets_catalog.check_preload()'), pg_temp.run('SELECT secrets_catalog.inbox_insert()');
-- Even whole grants on the tables: row level security is under them.
RESET ROLE;
GRANT ALL ON ALL TABLES IN SCHEMA secrets_catalog TO stranger;
SET ROLE stranger;
SELECT (SELECT count(*) FROM secrets_catalog.secret), (SELECT count(*) FROM secrets_catalog.version), (SELECT count(*) FROM secrets_catalog.master_key);
SELECT pg_temp.run($$INSERT INTO secrets_catalog.stage SELECT gen_random_uuid(), 'x', 1$$);
RESET ROLE;
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
SELECT * FROM pg_temp.look_all() l WHERE l LIKE 'secrets.%';
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
SELECT v, pg_temp.explained('SELECT * FROM secrets.' || v) FROM unnest('{secrets,versions,deleted,root_keys}'::text[]) v;
SELECT pg_temp.explained($$SELECT * FROM secrets.secrets WHERE name = 'blue'$$);
RESET ROLE;

-- No stranger can make a type, a table or a function there, or take the extension.
SET ROLE stranger_data;
SELECT s, pg_temp.run(s) FROM (VALUES ('CREATE TABLE secrets.x ()'), ('CREATE FUNCTION secrets.get(text) RETURNS text LANGUAGE sql AS ''SELECT 1'''), ('ALTER EXTENSION secrets UPDATE'), ('DROP EXTENSION secrets CASCADE'),
	('ALTER TABLE secrets_catalog.secret DISABLE ROW LEVEL SECURITY'), ('CREATE TRIGGER t BEFORE INSERT ON secrets_catalog.secret EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	('CREATE VIEW v AS SELECT * FROM secrets_catalog.version'), ('COMMENT ON SCHEMA secrets IS ''x''')) v (s);
RESET ROLE;
SELECT secrets.current_version('blue'), secrets.get('blue', 'blue');

-- As it was.
REVOKE ALL ON SCHEMA secrets_catalog FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION secrets.add_root_key(text), secrets.drop_root_key(text) FROM PUBLIC;
DROP TABLE public.calls;
DROP ROLE stranger, stranger_data, stranger_monitor;
SELECT pg_temp.clean();
