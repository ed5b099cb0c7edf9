-- redact: what a session can see of statements that bring a value, and secrets.literals.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set reload :srcdir '/sql/reload.psql'
\set ECHO none
\i :helpers
\set ECHO all
SET client_min_messages = notice;
-- The client is told what it is told, whatever the log has of it.
SET log_min_messages = notice;

-- ---- what is shown of a statement ----

-- Names stay, values go.
SELECT secrets.put('redact/a', 'canary'), current_query();
SELECT secrets.put(name => 'redact/a', value => 'canary'), current_query();
SELECT secrets.put(value => 'canary', name => 'redact/a'), current_query();
SELECT secrets.put_bytes('redact/a', '\x63616e617279'), current_query();
SELECT secrets.put('redact/json', '{"password": "canary"}'::jsonb), current_query();
SELECT secrets.patch('redact/json', '{"password": "canary2"}'::text), current_query();
SELECT secrets.get('redact/json', 'password'), current_query();
WITH v(n, v) AS (VALUES ('redact/a', 'canary')) SELECT secrets.put(n, v), current_query() FROM v;

-- However it is written.
SELECT SECRETS.Put /* (canary) */ ('redact/a', 'canary'), current_query();
SELECT "secrets"."put"('redact/a', E'can\x61ry'), current_query();
SELECT U&"secr\0065ts".U&"\0070ut"('redact/a', U&'canar\0079'), current_query();
SELECT secrets.put('redact/a', $canary$canary$canary$), current_query(); -- canary
SELECT secrets.put('redact/a', 471100000815::text), current_query();
SELECT set_config('search_path', 'secrets', false) \g /dev/null
SELECT put('redact/a', 'canary'), current_query();
RESET search_path;
DO $$ BEGIN PERFORM secrets.put('redact/a', 'canary'); RAISE NOTICE '%', current_query(); END $$;

-- What is called in our schema and is no function of ours may be one misspelt.  Those that take no value are known:
-- which are masked, of all there are, and one there is not?
DO $$
DECLARE
	f text;
	masked text[];
BEGIN
	FOR f IN SELECT DISTINCT proname::text FROM pg_proc WHERE pronamespace = 'secrets'::regnamespace UNION SELECT 'putt' LOOP
		EXECUTE format('PREPARE redact_known AS SELECT ''canary'' AS literal /* secrets.%I( */', f);
		masked := masked || (SELECT f FROM pg_prepared_statements WHERE name = 'redact_known' AND statement NOT LIKE '%canary%');
		DEALLOCATE redact_known;
	END LOOP;
	RAISE NOTICE 'masked: %', (SELECT array_agg(m ORDER BY m COLLATE "C") FROM unnest(masked) m WHERE m IS NOT NULL);
END $$;

-- What does not name us is left alone; so is what brings nothing.
SELECT 'canary', 4711, 'put' AS put, current_query();
SELECT secrets.get('redact/a'), current_query();

-- Prepared statements, and what executes them.
PREPARE redact_text AS SELECT secrets.put('redact/a', 'canary');
PREPARE redact_bound AS SELECT secrets.put('redact/a', $1), current_query();
PREPARE redact_other AS SELECT $1, current_query();
SELECT name, statement FROM pg_prepared_statements WHERE name LIKE 'redact%' ORDER BY name;
EXECUTE redact_bound('canary');
EXPLAIN (COSTS OFF, VERBOSE) EXECUTE redact_bound('canary');
EXECUTE redact_other('seen');
DEALLOCATE ALL;

-- Cursors.
BEGIN;
DECLARE redact_cursor CURSOR FOR SELECT secrets.put('redact/a', 'canary');
SELECT statement FROM pg_cursors WHERE name = 'redact_cursor';
COMMIT;

-- This session, as others see it.
SELECT secrets.put('redact/a', 'canary'), query FROM pg_stat_activity WHERE pid = pg_backend_pid();
INSERT INTO secrets.inbox (name, value) SELECT 'redact/inbox', query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND 'canary' <> '';
SELECT secrets.get('redact/inbox');

-- A password of a role, which the server shows as it was written.
CREATE ROLE redact_role PASSWORD 'canary';
DO $$ BEGIN ALTER ROLE redact_role PASSWORD 'canary'; RAISE NOTICE '%', current_query(); END $$;
DROP ROLE redact_role;

-- Values are kept as they were given, and nothing of them is changed on the way.
SELECT secrets.put('redact/a', 'canary''s "own"');
SELECT secrets.get('redact/a') = $$canary's "own"$$ AS is_whole;
SELECT secrets.put('redact/a', repeat('canary ', 100) || 'end');
SELECT secrets.get('redact/a') = repeat('canary ', 100) || 'end' AS is_whole;

-- Bodies of functions are kept as they are, the values in them too: those are stored by whoever wrote them.
CREATE FUNCTION pg_temp.store(v text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN secrets.put('redact/a', v); END $$;
SELECT prosrc FROM pg_proc WHERE proname = 'store' AND pronamespace = pg_my_temp_schema();
CREATE FUNCTION pg_temp.store_sql() RETURNS bigint LANGUAGE sql AS $$ SELECT secrets.put('redact/a', 'stored by its author') $$;
SELECT pg_temp.store_sql() > 0 AS stored, secrets.get('redact/a');

-- ---- secrets.literals ----

\set setting secrets.literals
\set wanted warn
ALTER SYSTEM SET secrets.literals = 'warn';
\set ECHO none
\i :reload
\set ECHO all
SHOW secrets.literals;
\set VERBOSITY default
SELECT secrets.put('redact/a', 'canary');
\set VERBOSITY terse
SELECT secrets.put(value => 'can' || 'ary', name => 'redact/a');
SELECT secrets.put('redact/a', '{"canary": 1}'::jsonb);
SELECT secrets.put_bytes('redact/a', 'canary');
SELECT secrets.patch('redact/json', '{}'::text);
SELECT secrets.put('redact/a', convert_from('canary', 'UTF8'));
SELECT secrets.put(n, v) FROM (VALUES ('redact/a', 'canary')) v(n, v);
WITH v AS (SELECT 'canary' AS v) SELECT secrets.put('redact/a', v) FROM v;
SELECT secrets.put('redact/a', (SELECT 'canary'));
INSERT INTO secrets.inbox (name, value) VALUES ('redact/inbox', 'canary');
INSERT INTO secrets.inbox (name, value) VALUES ('redact/inbox', 'canary'), ('redact/inbox', 'canary');
INSERT INTO secrets.inbox (name, value) SELECT 'redact/inbox', 'canary';
PREPARE redact_text AS SELECT secrets.put('redact/a', 'canary');
PREPARE redact_bound(text) AS SELECT secrets.put('redact/a', $1);
EXECUTE redact_bound('canary');
EXPLAIN (COSTS OFF) SELECT secrets.put('redact/a', 'canary');
BEGIN; DECLARE c CURSOR FOR SELECT secrets.put('redact/a', 'canary'); COMMIT;
DO $$ BEGIN PERFORM secrets.put('redact/a', 'canary'); END $$;
SELECT secrets.put('redact/a', v) FROM unnest(ARRAY['canary']) v;
WITH v AS (SELECT 'canary' AS v) SELECT (SELECT secrets.put('redact/a', v.v)) FROM v;
WITH v AS (SELECT 'canary' AS v) SELECT secrets.put('redact/a', (SELECT v FROM v));
SELECT secrets.put('redact/a', max(v)) FROM (VALUES ('canary')) v(v);
SELECT secrets.put('redact/a', (ARRAY(SELECT 'canary'))[1]);
EXECUTE redact_bound('can' || 'ary');
-- These are no literals.
SELECT secrets.put('redact/a', current_setting('server_version')) > 0 AS stored;
EXECUTE redact_bound(current_setting('server_version'));
CREATE TEMP TABLE given AS SELECT 'redact/a' AS name, 'canary' AS value;
SELECT secrets.put(name, value) FROM given;
SELECT secrets.put('redact/a', value || '!') FROM given;
SELECT secrets.put('redact/a', secrets.random_password(40)) > 0 AS stored;
DO $$ DECLARE v text := 'canary'; BEGIN PERFORM secrets.put('redact/a', v); EXECUTE 'SELECT secrets.put($1, $2)' USING 'redact/a', v; END $$;
INSERT INTO secrets.inbox (name, value) SELECT name, value FROM given;
SELECT pg_temp.store('canary');
SELECT secrets.get('redact/a'), secrets.generate('redact/made');
DEALLOCATE ALL;

\set wanted reject
ALTER SYSTEM SET secrets.literals = 'reject';
\set ECHO none
\i :reload
\set ECHO all
\set VERBOSITY default
SELECT secrets.put('redact/rejected', 'canary');
\set VERBOSITY sqlstate
SELECT secrets.put_bytes('redact/rejected', 'canary');
SELECT secrets.patch('redact/rejected', '{}'::jsonb);
INSERT INTO secrets.inbox (name, value) VALUES ('redact/rejected', 'canary');
PREPARE redact_text AS SELECT secrets.put('redact/rejected', 'canary');
PREPARE redact_bound(text) AS SELECT secrets.put('redact/rejected', $1);
EXECUTE redact_bound('canary');
CREATE VIEW pg_temp.redact_view AS SELECT secrets.put('redact/rejected', 'canary');
SELECT count(*) FROM secrets.list('redact/rejected');
SELECT secrets.put('redact/a', value) > 0 AS stored FROM given;
\set VERBOSITY default

-- No session of anybody's changes them.
SET secrets.literals = 'allow';
SET secrets.redact_logs = off;
SET secrets.redact_functions = 'x';
SELECT name, boot_val, context FROM pg_settings WHERE name IN ('secrets.literals', 'secrets.redact_logs', 'secrets.redact_functions') ORDER BY name;

\set wanted allow
ALTER SYSTEM RESET secrets.literals;
\set ECHO none
\i :reload
\set ECHO all

-- ---- secrets.redact_functions ----

ALTER SYSTEM SET secrets.redact_functions = 'pg_temp.store, "Keep It", logins';
\set setting secrets.redact_functions
\set wanted 'pg_temp.store, "Keep It", logins'
\set ECHO none
\i :reload
\set ECHO all
SELECT pg_temp.store('canary') > 0 AS stored, current_query();
SELECT 'canary' AS "Keep It", current_query();
SELECT 'seen' AS "keep it", current_query();
ALTER SYSTEM SET secrets.redact_functions = 'a..b';
ALTER SYSTEM SET secrets.redact_functions = '"a';
ALTER SYSTEM RESET secrets.redact_functions;
\set wanted ''
\set ECHO none
\i :reload
\set ECHO all
SELECT pg_temp.store('seen') > 0 AS stored, current_query();

-- ---- and without ----

ALTER SYSTEM SET secrets.redact_logs = off;
\set setting secrets.redact_logs
\set wanted off
\set ECHO none
\i :reload
\set ECHO all
SELECT secrets.put('redact/a', 'seen') > 0 AS stored, current_query();
ALTER SYSTEM RESET secrets.redact_logs;
\set wanted on
\set ECHO none
\i :reload
\set ECHO all
SELECT secrets.put('redact/a', 'canary') > 0 AS stored, current_query();

SELECT pg_temp.clean() \g /dev/null
