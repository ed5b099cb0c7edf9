-- kv: the foreign tables under the views: which part of the index they read, that
-- they give what a filter over everything would give, and that they take nothing.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- More than are read out of the index at once, some with versions, some deleted, one of them often.
INSERT INTO secrets_catalog.secret (id, last_version, disabled, created_at, changed_at, kind, name, description)
	SELECT gen_random_uuid(), 0, false, now(), now(), 'secret', 'scan/many/' || i, 'number ' || i FROM generate_series(1, 1500) i;
SELECT count(secrets.put(n, 'v')) FROM unnest(ARRAY['scan', 'scan/a', 'scan/A', 'scan/a/b', 'scan/a-b', 'scan/z', 'scan2', 'other/scan']) n;
SELECT secrets.put('scan/a', 'w'), secrets.put('scan/a', 'x'), secrets.label('scan/a', 'first', 1), secrets.label('scan/a', 'also', 1), secrets.label('scan/a', 'again', 3);
SELECT secrets.put('scan/z', 'w'), secrets.destroy('scan/z', 1), secrets.disable('scan/z', 2);
SELECT count(secrets.put('scan/gone', i::text)), count(secrets.delete('scan/gone')) FROM generate_series(1, 100) i;
SELECT count(secrets.put('scan/gone/' || i, 'v')), count(secrets.delete('scan/gone/' || i)) FROM generate_series(1, 50) i;
ANALYZE secrets_catalog.secret, secrets_catalog.version;

-- What is read, in a few words.
CREATE FUNCTION pg_temp.plan(query text, pattern text = 'Foreign Scan|Index|Sort') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ pattern THEN RETURN NEXT btrim(replace(line, '(InitPlan 1).col1', '$0'), ' ->'); END IF;
	END LOOP;
END
$$;
-- The conditions that an index takes, however they are written.
SELECT c, (SELECT string_agg(p, '; ') FROM pg_temp.plan('SELECT * FROM secrets.secrets WHERE ' || c, 'Index Cond') p) FROM (VALUES
	($$name = 'scan/a'$$), ($$'scan/a' = name$$), ($$name >= 'scan/a' AND name < 'scan/b'$$), ($$name > 'scan/a' AND 'scan/b' >= name$$), ($$'scan/a' < name$$),
	($$name BETWEEN 'scan/a' AND 'scan/b'$$), ($$name IN ('scan/a', 'scan/z', 'none')$$), ($$name = ANY ('{scan/a,NULL}')$$), ($$name = 'scan/a'::varchar$$),
	($$name = ('scan/' || 'a') COLLATE "C"$$), ($$name = current_user::text$$), ($$name = (SELECT max(x) FROM unnest('{scan/a,scan/b}'::text[]) x)$$),
	($$name = 'scan/a' AND kind = 'secret'$$), ($$name = NULL$$), ($$name >= 'scan/a' AND name = 'scan/z' AND name IN ('scan/z')$$)) v (c);
-- And those that it does not.
SELECT c, (SELECT string_agg(p, '; ') FROM pg_temp.plan('SELECT * FROM secrets.secrets WHERE ' || c, 'Index Cond') p) FROM (VALUES
	('true'), ($$name <> 'scan/a'$$), ($$name LIKE 'scan/%'$$), ($$name = 'scan/a' OR kind = 'x'$$), ($$name = 'scan/' || random()$$), ('name = description'), ('name = name'),
	($$lower(name) = 'scan/a'$$), ($$name < 'scan/a' COLLATE "POSIX"$$), ($$name ~<~ 'scan/b'$$), ($$name::name = 'scan/a'$$), ($$name <> ALL ('{scan/a}')$$), ($$name > ANY ('{scan/a}')$$)) v (c);
SELECT * FROM pg_temp.plan($$SELECT * FROM secrets.versions WHERE name = 'scan/a' AND version = 1$$);
SELECT * FROM pg_temp.plan($$SELECT * FROM secrets.deleted WHERE name >= 'scan/a' AND name < 'scan/b'$$);
EXPLAIN (COSTS OFF) SELECT description FROM secrets.secrets WHERE name = 'scan/a';
EXPLAIN (COSTS OFF, VERBOSE) SELECT name FROM secrets.secrets WHERE name = 'scan/a';
-- Parameters, in a plan made once for all.
SET plan_cache_mode = force_generic_plan;
PREPARE one (text) AS SELECT name FROM secrets.secrets WHERE name = $1;
PREPARE within (text, text) AS SELECT count(*), min(name), max(name) FROM secrets.secrets WHERE name >= $1 AND name < $2;
PREPARE any_of (text[]) AS SELECT string_agg(name, ' ') FROM secrets.secrets WHERE name = ANY ($1);
SELECT * FROM pg_temp.plan($$EXECUTE one ('x')$$);
SELECT * FROM pg_temp.plan($$EXECUTE within ('x', 'y')$$);
SELECT * FROM pg_temp.plan($$EXECUTE any_of ('{}')$$);
EXECUTE one ('scan/a');
EXECUTE one ('none');
EXECUTE one (NULL);
EXECUTE within ('scan/many/1', 'scan/many/2');
EXECUTE within ('scan/many/2', 'scan/many/1');
EXECUTE within ('scan/many/1', NULL);
EXECUTE any_of ('{scan/z,none,NULL,scan/a,scan/a}');
EXECUTE any_of (NULL);
EXECUTE any_of ('{}');
EXECUTE any_of ('{NULL}');
-- Joins: once for each row of another, by the index.
SELECT * FROM pg_temp.plan($$SELECT n, (SELECT s.kind FROM secrets.secrets s WHERE s.name = n) FROM unnest('{scan/a,none}'::text[]) n$$);
SELECT n, (SELECT s.kind FROM secrets.secrets s WHERE s.name = n) FROM unnest('{scan/a,none,NULL,scan/z,scan/a}'::text[]) n;
SELECT * FROM pg_temp.plan($$SELECT * FROM unnest('{scan/a}'::text[]) n, LATERAL (SELECT * FROM secrets.secrets WHERE name = n LIMIT 1) s$$);
SELECT n, s.name, v.version, v.stages FROM unnest('{scan/a,none,scan/z}'::text[]) n LEFT JOIN LATERAL (SELECT * FROM secrets.secrets WHERE name = n OFFSET 0) s ON true
	LEFT JOIN LATERAL (SELECT * FROM secrets.versions WHERE name = n OFFSET 0) v ON true ORDER BY 1, 3;
SELECT count(*), count(DISTINCT s.name) FROM secrets.secrets s JOIN secrets.versions v ON v.name = s.name AND v.id = s.id;
SET enable_hashjoin = off;
SELECT count(*), count(DISTINCT s.name) FROM secrets.secrets s JOIN secrets.versions v ON v.name = s.name AND v.id = s.id;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*), count(DISTINCT s.name) FROM secrets.secrets s JOIN secrets.versions v ON v.name = s.name AND v.id = s.id AND s.name < 'scan/b';
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
-- In order of name without sorting.
SELECT * FROM pg_temp.plan('SELECT name FROM secrets.secrets ORDER BY name LIMIT 3');
SELECT * FROM pg_temp.plan($$SELECT name FROM secrets.deleted WHERE name > 'x' ORDER BY name LIMIT 3$$);
SELECT * FROM pg_temp.plan('SELECT count(*) FROM secrets.versions');
SELECT * FROM pg_temp.plan('SELECT name FROM secrets.secrets ORDER BY name DESC LIMIT 3');
SELECT name FROM secrets.secrets WHERE name > 'scan/A' ORDER BY name LIMIT 3;
SELECT name FROM secrets.secrets ORDER BY name DESC LIMIT 3;
-- The first row costs one, of however many.
BEGIN;
SELECT name FROM secrets.secrets LIMIT 1;
SELECT idx_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'secrets_catalog.secret'::regclass \gset before_
SELECT name FROM secrets.secrets LIMIT 1;
SELECT count(*) FROM secrets.secrets WHERE name >= 'scan/a' AND name < 'scan/b';
SELECT idx_scan - :before_idx_scan AS scans, idx_tup_fetch - :before_idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relid = 'secrets_catalog.secret'::regclass;
COMMIT;

-- The same as a filter over everything gives, in the same order; bounds that are names, are not, lie outside.
CREATE TEMP TABLE everything AS SELECT name, row_number() OVER () AS n FROM secrets.secrets;
SELECT count(*), bool_and(name > before) FROM (SELECT name, lag(name) OVER (ORDER BY n) AS before FROM everything) e;
SELECT count(*) = (SELECT count(*) FROM everything) FROM secrets_catalog.secret WHERE deleted_at IS NULL;
CREATE FUNCTION pg_temp.compare(bounds text[], OUT compared int, OUT different int) LANGUAGE plpgsql AS $$
DECLARE
	low text; high text; low_op text; high_op text; condition text; got text[]; wanted text[];
BEGIN
	compared = 0; different = 0;
	FOREACH low IN ARRAY bounds LOOP FOREACH high IN ARRAY bounds LOOP
		FOREACH low_op IN ARRAY '{>,>=,=}'::text[] LOOP FOREACH high_op IN ARRAY '{<,<=,=}'::text[] LOOP
			condition = format('name %s %L AND %L %s name', low_op, low, high, CASE high_op WHEN '<' THEN '>' WHEN '<=' THEN '>=' ELSE '=' END);
			EXECUTE 'SELECT array_agg(name) FROM secrets.secrets WHERE ' || condition INTO got;
			EXECUTE 'SELECT array_agg(name ORDER BY n) FROM everything WHERE ' || condition INTO wanted;
			compared = compared + 1;
			different = different + (got IS DISTINCT FROM wanted)::int;
		END LOOP; END LOOP;
	END LOOP; END LOOP;
END
$$;
SELECT * FROM pg_temp.compare(ARRAY['', 'scan', 'scan/', 'scan/a', 'scan/a/', 'scan/a/b', 'scan/b', 'scan/many/', 'scan/many/100', 'scan/many/1000', 'scan/many/12x', 'scan/many/9999', 'scan0', 'scan2', 'zzz', U&'\00e4', repeat('z', 2000)]);
SELECT count(*), count(*) FILTER (WHERE s.names IS DISTINCT FROM e.names) AS different FROM (SELECT array_agg('scan/many/' || (n * 37 * i) % 1700) AS list, i FROM generate_series(1, 60) n, generate_series(1, 40) i GROUP BY i) l,
	LATERAL (SELECT array_agg(name) AS names FROM secrets.secrets WHERE name = ANY (list)) s, LATERAL (SELECT array_agg(name ORDER BY n) AS names FROM everything WHERE name = ANY (list)) e;
SELECT count(*), min(name), max(name) FROM secrets.secrets WHERE name IN ('scan/a', 'scan/many/7', 'scan/z', 'zzz') AND name > 'scan/a' AND name = ANY ('{scan/many/7,scan/z}');
SELECT count(*), count(DISTINCT id), count(DISTINCT name) FROM secrets.deleted WHERE name >= 'scan/gone' AND name < 'scan/gone0';
SELECT count(*), count(DISTINCT id) FROM secrets.deleted WHERE name = 'scan/gone';
SELECT name, version, stages, state, created_by = current_user AS by_me, size FROM secrets.versions WHERE name >= 'scan/a' AND name < 'scan/b' OR name = 'scan/z' ORDER BY name, version;
SELECT (SELECT count(*) FROM secrets.versions), (SELECT count(*) FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id = v.secret_id WHERE s.deleted_at IS NULL);
-- Columns that nobody asked for are not fetched; those that somebody did are there, also in whole rows and conditions.
SELECT count(*) FROM secrets.secrets WHERE description = 'number 7';
SELECT s FROM (SELECT kind, description FROM secrets.secrets WHERE name = 'scan/many/7') s;
SELECT (s).description FROM secrets.secrets s WHERE name = 'scan/many/7';
SELECT count(*) FROM secrets.secrets s WHERE s = secrets.describe(s.name) AND name < 'scan/many/2';
SELECT count(deleted_by) FROM secrets.deleted WHERE name = 'scan/gone';

-- Cursors: back and forth; left open; in a block that fails; with what came later not in them.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT name FROM secrets.secrets WHERE name > 'scan/a';
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH LAST FROM c;
FETCH ABSOLUTE 800 FROM c;
MOVE ABSOLUTE 0 IN c;
FETCH 1 FROM c;
DECLARE d NO SCROLL CURSOR FOR SELECT name FROM secrets.secrets WHERE name > 'scan/a';
FETCH 1 FROM d;
SAVEPOINT s;
DECLARE e CURSOR FOR SELECT name, 1 / (name <> 'scan/many/100')::int FROM secrets.secrets WHERE name > 'scan/m';
MOVE 2 IN e;
FETCH 2 FROM e;
ROLLBACK TO s;
FETCH 1 FROM d;
SELECT secrets.put('scan/a1', 'new'), secrets.rename('scan/a/b', 'scan/a2'), secrets.delete('scan/many/1500') > now();
SELECT name FROM secrets.secrets WHERE name > 'scan/a' LIMIT 3;
FETCH 2 FROM d;
MOVE FORWARD 2000 IN d;
ROLLBACK;
BEGIN;
DECLARE h CURSOR WITH HOLD FOR SELECT name FROM secrets.versions WHERE name >= 'scan/a';
FETCH 1 FROM h;
COMMIT;
FETCH 1 FROM h;
CLOSE h;
CREATE FUNCTION pg_temp.fail(times int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	failed int = 0;
	s record;
	open_one CURSOR FOR SELECT name FROM secrets.secrets;
BEGIN
	OPEN open_one;
	FOR i IN 1 .. times LOOP
		BEGIN
			FETCH open_one INTO s;
			PERFORM count(1 / (name <> 'scan/many/500')::int) FROM secrets.secrets;
		EXCEPTION WHEN division_by_zero THEN failed = failed + 1;
		END;
		BEGIN
			FOR s IN SELECT * FROM secrets.versions LOOP
				FETCH open_one INTO s;
				RAISE EXCEPTION 'in the middle';
			END LOOP;
		EXCEPTION WHEN raise_exception THEN failed = failed + 1;
		END;
	END LOOP;
	RETURN failed;
END
$$;
SELECT pg_temp.fail(100);

-- While sealed.
SELECT secrets.seal();
SELECT v, pg_temp.state('(SELECT count(*) FROM secrets.' || v || ')'), pg_temp.state('(SELECT count(*) FROM secrets.' || v || $$ WHERE name = 'none')$$) FROM unnest('{secrets,versions,deleted,list(),get_all(''**'')}'::text[]) v;
CREATE ROLE scan_stranger;
SET ROLE scan_stranger;
SELECT v, pg_temp.state('(SELECT count(*) FROM secrets.' || v || ')') FROM unnest('{secrets,versions,deleted,list(),get_all(''**'')}'::text[]) v;
RESET ROLE;
SELECT secrets.unseal();

-- Nothing is written through the views or the tables, and nothing breaks, even for a superuser.
SELECT replace(s, '%', v), pg_temp.run(replace(s, '%', v)) FROM unnest('{secrets.secrets,secrets.versions,secrets.deleted,secrets_catalog.listed,secrets_catalog.listed_versions,secrets_catalog.listed_deleted}'::text[]) WITH ORDINALITY v (v, n),
	unnest(ARRAY['INSERT INTO % (name) VALUES (''x'')', 'UPDATE % SET name = ''x''', 'DELETE FROM %', 'DELETE FROM % WHERE name = ''none''', 'TRUNCATE %', 'LOCK TABLE %', 'CREATE INDEX ON % (name)',
		'SELECT FROM % FOR UPDATE', 'SELECT name, tableoid FROM %', 'ALTER TABLE % ENABLE ROW LEVEL SECURITY']) WITH ORDINALITY s (s, m) ORDER BY n, m;
COPY secrets_catalog.listed TO stdout;
COPY secrets_catalog.listed (name) FROM stdin;
x
\.
COPY secrets.secrets (name) FROM stdin;
x
\.
COPY (SELECT name FROM secrets_catalog.listed WHERE name < 'scan/a') TO stdout;
ANALYZE secrets_catalog.listed;
VACUUM secrets_catalog.listed;
SELECT count(*) FROM secrets_catalog.listed TABLESAMPLE SYSTEM (10);
SELECT is_insertable_into FROM information_schema.tables WHERE table_schema IN ('secrets', 'secrets_catalog') AND (table_name LIKE 'listed%' OR table_name IN ('secrets', 'versions', 'deleted'));
-- A table that was altered is refused, and so is every other on our server, whoever it belongs to.
BEGIN;
ALTER FOREIGN TABLE secrets_catalog.listed ADD COLUMN more text;
SELECT pg_temp.state('(SELECT count(*) FROM secrets.secrets)');
ROLLBACK;
GRANT USAGE ON FOREIGN SERVER secrets_listing TO scan_stranger;
CREATE SCHEMA scan_test AUTHORIZATION scan_stranger;
SET ROLE scan_stranger;
CREATE FOREIGN TABLE scan_test.listed (id uuid, name text COLLATE "C") SERVER secrets_listing;
CREATE FOREIGN TABLE scan_test.numbers (x int) SERVER secrets_listing;
SELECT pg_temp.try('(SELECT count(*) FROM scan_test.listed)'), pg_temp.state('(SELECT count(x) FROM scan_test.numbers)');
SELECT pg_temp.run($$INSERT INTO scan_test.numbers VALUES (1)$$), pg_temp.run('EXPLAIN SELECT * FROM scan_test.listed'), pg_temp.run('ANALYZE scan_test.listed');
IMPORT FOREIGN SCHEMA secrets_catalog FROM SERVER secrets_listing INTO scan_test;
SELECT pg_temp.run($$CREATE FOREIGN TABLE scan_test.with_options (x int) SERVER secrets_listing OPTIONS (a 'canary')$$), pg_temp.run($$CREATE FOREIGN TABLE scan_test.with_options (x int OPTIONS (a 'canary')) SERVER secrets_listing$$),
	pg_temp.run($$CREATE USER MAPPING FOR scan_stranger SERVER secrets_listing OPTIONS (a 'canary')$$);
RESET ROLE;
SELECT pg_temp.state('(SELECT count(*) FROM scan_test.listed)');
SELECT pg_temp.run($$ALTER SERVER secrets_listing OPTIONS (a 'canary')$$), pg_temp.run($$ALTER FOREIGN DATA WRAPPER secrets_listing OPTIONS (a 'canary')$$), pg_temp.run($$ALTER FOREIGN TABLE secrets_catalog.listed OPTIONS (a 'canary')$$),
	pg_temp.run($$CREATE SERVER scan_server FOREIGN DATA WRAPPER secrets_listing OPTIONS (a 'canary')$$);
CREATE SERVER scan_server FOREIGN DATA WRAPPER secrets_listing;
CREATE FOREIGN TABLE scan_test.elsewhere (name text) SERVER scan_server;
SELECT pg_temp.state('(SELECT count(*) FROM scan_test.elsewhere)');
DROP SERVER scan_server CASCADE;
REVOKE USAGE ON FOREIGN SERVER secrets_listing FROM scan_stranger;

-- To a stranger what is there and what is not look the same: in plans, in EXPLAIN ANALYZE, in what his transaction has read.
GRANT USAGE ON SCHEMA secrets_catalog TO scan_stranger;
GRANT SELECT ON secrets_catalog.listed, secrets_catalog.listed_versions, secrets_catalog.listed_deleted TO scan_stranger;
CREATE FUNCTION pg_temp.explained(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; lines text = '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) ' || query LOOP
		EXIT WHEN line ~ 'Planning';
		lines = lines || line || E'\n';
	END LOOP;
	RETURN lines;
END
$$;
CREATE FUNCTION pg_temp.have_read() RETURNS bigint[] LANGUAGE sql AS $$
	SELECT array_agg(n ORDER BY relname, k) FROM pg_class,
		unnest(ARRAY[pg_stat_get_xact_numscans(oid), pg_stat_get_xact_tuples_returned(oid), pg_stat_get_xact_tuples_fetched(oid), pg_stat_get_xact_blocks_fetched(oid)]) WITH ORDINALITY u (n, k)
	WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'secrets_catalog') AND relkind IN ('r', 'i')
$$;
-- All that a query shows of itself: its plan as it ran, and what it added to the counters.
CREATE FUNCTION pg_temp.traces(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint[] = pg_temp.have_read();
	plan text = pg_temp.explained(query);
BEGIN
	RETURN plan || (SELECT array_agg(a - b) FROM unnest(before, pg_temp.have_read()) u (b, a))::text;
END
$$;
CREATE FUNCTION pg_temp.same_traces(query text, there text, absent text) RETURNS bool LANGUAGE sql AS $$
	SELECT pg_temp.traces(replace(query, '?', there)) = replace(pg_temp.traces(replace(query, '?', absent)), absent, there)
$$;
SET ROLE scan_stranger;
SELECT t, pg_temp.same_traces(format($$SELECT * FROM %s WHERE name = '?/a'$$, t), 'scan', 'none') AS one, pg_temp.same_traces(format($$SELECT * FROM %s WHERE name >= '?/a' AND name < '?/b'$$, t), 'scan', 'none') AS some,
	pg_temp.traces('SELECT * FROM ' || t) ~ 'Buffers|Removed|[1-9]\}' AS all
	FROM unnest('{secrets.secrets,secrets.versions,secrets.deleted,secrets_catalog.listed,secrets_catalog.listed_versions,secrets_catalog.listed_deleted}'::text[]) t;
SELECT (SELECT count(*) FROM secrets.list()), (SELECT count(*) FROM secrets.get_all('**')), pg_temp.same_traces($$SELECT * FROM secrets.list('?/**')$$, 'scan', 'none'), pg_temp.same_traces($$SELECT * FROM secrets.get_all('?/a')$$, 'scan', 'none');
RESET ROLE;
REVOKE USAGE ON SCHEMA secrets_catalog FROM scan_stranger;
REVOKE SELECT ON secrets_catalog.listed, secrets_catalog.listed_versions, secrets_catalog.listed_deleted FROM scan_stranger;

-- To a role that may list some of them, the others are as if they were not.
CREATE ROLE scan_reader;
SELECT count(secrets.grant('list', p, 'scan_reader')) FROM unnest('{scan/many/1*,scan/*/b,scan/gone/1*,scan/many/77}'::text[]) p;
SELECT secrets.deny('list', 'scan/many/11*', 'scan_reader') IS NOT NULL;
CREATE TEMP TABLE visible AS SELECT name FROM secrets.secrets WHERE secrets.can('list', name, 'scan_reader');
GRANT SELECT ON visible TO scan_reader;
SET ROLE scan_reader;
SELECT (SELECT count(*) FROM visible), (SELECT count(*) FROM secrets.secrets), (SELECT count(*) FROM secrets.secrets JOIN visible USING (name)), (SELECT count(*) FROM secrets.list()), (SELECT count(*) FROM secrets.deleted);
SELECT n, m, (SELECT array_agg(name) FROM secrets.secrets WHERE name >= n AND name < m) IS NOT DISTINCT FROM (SELECT array_agg(name ORDER BY name) FROM visible WHERE name >= n AND name < m) AS same,
	(SELECT count(*) FROM secrets.secrets WHERE name >= n AND name < m)
	FROM (VALUES ('scan/a', 'scan/many/100'), ('scan/many/1', 'scan/many/11'), ('scan/many/11', 'scan/many/12'), ('scan/many/1234', 'scan/many/8')) s (n, m);
SELECT count(*) FROM secrets.get_all('**');
SELECT string_agg(name, ' ') FROM secrets.secrets WHERE name IN ('scan/a', 'scan/a/b', 'scan/many/11', 'scan/many/12', 'scan/many/77', 'scan/many/771', 'scan/many/none');
SELECT q, pg_temp.same_traces(q, 'scan/many/1150', 'scan/many/115x') AS hidden FROM unnest(ARRAY['SELECT * FROM secrets.secrets WHERE name = ''?''', 'SELECT * FROM secrets.secrets WHERE name >= ''?'' AND name < ''?!''',
	'SELECT * FROM secrets.versions WHERE name IN (''none'', ''?'')', 'SELECT * FROM secrets.list(''?*'')', 'SELECT * FROM secrets.get_all(''?'')']) q;
SELECT pg_temp.same_traces($$SELECT * FROM secrets.versions WHERE name BETWEEN '?/a' AND '?/a!'$$, 'scan/a', 'scan/x') AS versions, pg_temp.same_traces($$SELECT * FROM secrets.deleted WHERE name BETWEEN '?' AND '?!'$$, 'scan/gone', 'scan/gond') AS deleted;
SELECT pg_temp.traces($$SELECT * FROM secrets.secrets WHERE name >= 'scan/many/11' AND name < 'scan/many/12'$$) ~ 'Buffers|Removed';
RESET ROLE;
SELECT secrets.revoke('list', p, 'scan_reader') FROM unnest('{scan/many/1*,scan/*/b,scan/gone/1*,scan/many/77}'::text[]) p;
SELECT secrets.undeny('list', 'scan/many/11*', 'scan_reader');
DROP TABLE visible;
DROP ROLE scan_reader;

-- Values are given out one by one, each after the gate was asked again.
BEGIN;
DECLARE g CURSOR FOR SELECT secrets.get_all('scan/a*');
DECLARE m CURSOR FOR SELECT secrets.get_many('{scan/a,scan/z,scan/A}');
FETCH 1 FROM g;
FETCH 1 FROM m;
SET LOCAL ROLE scan_stranger;
FETCH 1 FROM g;
SAVEPOINT s;
FETCH 1 FROM m;
ROLLBACK;
DROP SCHEMA scan_test CASCADE;
DROP ROLE scan_stranger;

-- All of it goes with the extension, and comes back.
DELETE FROM secrets_catalog.secret WHERE name LIKE 'scan/many/%';
SELECT pg_temp.clean() \g /dev/null
BEGIN;
DROP EXTENSION secrets;
SELECT (SELECT count(*) FROM pg_foreign_server WHERE srvname LIKE 'secrets%'), (SELECT count(*) FROM pg_foreign_data_wrapper WHERE fdwname LIKE 'secrets%');
CREATE EXTENSION secrets;
SELECT secrets.put('scan/a', 'v');
EXECUTE one ('scan/a');
SELECT name FROM secrets.secrets WHERE name >= 'scan' ORDER BY name;
ROLLBACK;
EXECUTE one ('scan/a');
DEALLOCATE ALL;
SELECT pg_temp.clean();
