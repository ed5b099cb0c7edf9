-- trail: the doors on the log: who sees which lines, and what each says of a log
-- that is whole, and of one that is not.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set here :DBNAME
\set ECHO none
-- A log of its own.
CREATE DATABASE trail;
\c trail
SET client_min_messages = warning;
CREATE EXTENSION secrets;
\i :helpers
\i :rules
\set ECHO all

-- ---- a log that has not begun ----
SELECT count(*) FROM secrets.audit_log;
SELECT count(*) FROM secrets.verify_audit();
SELECT secrets.audit_head();
SELECT count(*) FROM secrets.export_audit();

-- ---- what it shows ----
CREATE ROLE trail_all;
CREATE ROLE trail_some;
CREATE ROLE trail_top;
CREATE ROLE trail_owner;
CREATE ROLE trail_stranger;
CREATE ROLE trail_member IN ROLE trail_some;
CREATE ROLE trail_denied IN ROLE trail_some;
SELECT secrets.put('trail/a', 'v'), secrets.put('trail/b', 'v'), secrets.put('other', 'v') \g /dev/null
SELECT secrets.grant('audit', '**', 'trail_all'), secrets.grant('audit', 'trail/**', 'trail_some'), secrets.grant('audit', '*', 'trail_top'),
	secrets.grant('read', '**', 'trail_owner'), secrets.deny('audit', 'trail/b', 'trail_denied') \g /dev/null
SET ROLE trail_stranger;
SELECT pg_temp.state($$secrets.get('trail/a')$$);
RESET ROLE;
SET secrets.actor = 'somebody';
SET application_name = 'trail';
SET ROLE trail_owner;
SELECT secrets.get('trail/a'), secrets.get('trail/b'), secrets.get('other');
RESET ROLE;

SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = 'secrets.audit_log'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT action, id IS NOT NULL AS id, name, version, outcome, reason, login = session_user AS login, replace(role, session_user, 'me') AS role, actor, client_addr, pid = pg_backend_pid() AS mine,
	txid IS NOT NULL AS txid, via, detail - 'rule' - 'rule_id' AS detail, detail ? 'rule' AS rule
	FROM secrets.audit_log WHERE application_name = 'trail' OR name = 'trail/a' ORDER BY event_id;
SELECT count(*) > 8, count(*) = count(DISTINCT event_id), min(at) <= max(at), max(at) <= clock_timestamp() FROM secrets.audit_log;
-- What one has just done is there, also what is not committed.
BEGIN;
SELECT secrets.put('trail/open', 'v'), secrets.get('trail/open');
SELECT action, outcome FROM secrets.audit_log WHERE name = 'trail/open' ORDER BY event_id;
ROLLBACK;
SELECT action, outcome FROM secrets.audit_log WHERE name = 'trail/open' ORDER BY event_id;
-- So it is where the transaction's snapshot is older.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT secrets.get('trail/a');
SELECT count(*) AS before FROM secrets.audit_log WHERE action = 'read' AND name = 'trail/a' \gset
SELECT secrets.get('trail/a');
SELECT count(*) - :before FROM secrets.audit_log WHERE action = 'read' AND name = 'trail/a';
COMMIT;

-- Each his own: which names, and how many lines of none.
CREATE FUNCTION pg_temp.sees(who text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.as_role(who, $q$(SELECT concat_ws('; ', string_agg(DISTINCT name, ' ' ORDER BY name), (count(*) FILTER (WHERE name IS NULL) > 0)::text) FROM secrets.audit_log)$q$) $$;
SELECT r, pg_temp.sees(r) FROM unnest(ARRAY['trail_all', 'trail_some', 'trail_member', 'trail_denied', 'trail_top', 'trail_owner', 'trail_stranger']) r;
-- To everything belongs more than any name: what was done with no name, or with a pattern that reaches farther than the right.
SELECT name, count(*) > 0 FROM secrets.audit_log WHERE name IS NULL OR name LIKE '%*%' GROUP BY 1 ORDER BY 1;
SELECT secrets.revoke('audit', 'trail/**', 'trail_some'), pg_temp.sees('trail_some'), pg_temp.sees('trail_member');
SELECT secrets.grant('audit', 'trail/a', 'trail_some') IS NOT NULL, pg_temp.sees('trail_some');
SELECT secrets.deny('audit', '**', 'trail_all') IS NOT NULL, pg_temp.sees('trail_all'), secrets.undeny('audit', '**', 'trail_all');
-- A function lends what its owner sees.
CREATE SCHEMA trail_test;
GRANT USAGE ON SCHEMA trail_test TO PUBLIC;
CREATE FUNCTION trail_test.lend() RETURNS bool SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) > 0 FROM secrets.audit_log';
CREATE FUNCTION trail_test.keep() RETURNS bool LANGUAGE sql AS 'SELECT count(*) > 0 FROM secrets.audit_log';
SELECT pg_temp.as_role('trail_stranger', 'trail_test.lend()'), pg_temp.as_role('trail_stranger', 'trail_test.keep()');
-- A cursor is read by one after the other, and each is shown what is his.
BEGIN;
DECLARE c CURSOR FOR SELECT name IS NULL OR name = 'trail/a' FROM secrets.audit_log;
FETCH 1 FROM c;
SET LOCAL ROLE trail_stranger;
FETCH 1 FROM c;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT DISTINCT name FROM secrets.audit_log;
SET LOCAL ROLE trail_some;
FETCH ALL FROM c;
COMMIT;
-- Joined, counted again and again, and stopped early.
SELECT count(*) FROM generate_series(1, 3) i, LATERAL (SELECT i, event_id FROM secrets.audit_log WHERE name = 'other' AND i > 0 ORDER BY event_id LIMIT 1) l;
SELECT count(*) FROM (SELECT * FROM secrets.audit_log LIMIT 2) l;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*) = (SELECT count(*) FROM secrets.audit_log) FROM secrets.audit_log a JOIN secrets.audit_log b USING (event_id);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

-- Nothing tells how much is hidden: no row removed, no count of the transaction's own.
SELECT 'secrets_catalog.audit_event'::regclass::oid AS log \gset
CREATE FUNCTION pg_temp.analyze(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query;
END
$$;
BEGIN;
SET LOCAL ROLE trail_some;
SELECT pg_stat_get_xact_tuples_returned(:log) AS before \gset
SELECT count(*) AS seen FROM secrets.audit_log \gset
SELECT :seen > 3, pg_stat_get_xact_tuples_returned(:log) - :before - :seen;
SELECT substring(string_agg(line, ' ') FROM 'Removed by Filter: ([0-9]+)')::int - :seen FROM pg_temp.analyze($$SELECT * FROM secrets.audit_log WHERE name = 'none'$$) line;
ROLLBACK;
BEGIN;
SET LOCAL ROLE trail_stranger;
SELECT pg_stat_get_xact_tuples_returned(:log) AS before, pg_stat_get_xact_numscans(:log) AS scans \gset
SELECT regexp_replace(line, '\.00 loops', ' loops') FROM pg_temp.analyze($$SELECT * FROM secrets.audit_log WHERE name = 'none'$$) line;
SELECT pg_stat_get_xact_tuples_returned(:log) - :before, pg_stat_get_xact_numscans(:log) - :scans;
ROLLBACK;

-- To be read only; and nothing else on its server.
SELECT pg_temp.run($$INSERT INTO secrets.audit_log (event_id) VALUES (1)$$), pg_temp.run($$UPDATE secrets.audit_log SET name = 'x'$$), pg_temp.run('DELETE FROM secrets.audit_log'),
	pg_temp.run($$INSERT INTO secrets_catalog.audit_listed (event_id) VALUES (1)$$), pg_temp.run('DELETE FROM secrets_catalog.audit_listed');
SELECT pg_temp.run('CREATE FOREIGN TABLE trail_test.mine (event_id int8) SERVER secrets_audit_log');
SELECT pg_temp.try('(SELECT count(*) FROM trail_test.mine)');
SELECT pg_temp.run($$ALTER SERVER secrets_audit_log OPTIONS (ADD a 'b')$$), pg_temp.run($$CREATE FOREIGN TABLE trail_test.other (a int) SERVER secrets_audit_log OPTIONS (x 'y')$$);
BEGIN;
ALTER EXTENSION secrets DROP FOREIGN TABLE secrets_catalog.audit_listed;
ALTER FOREIGN TABLE secrets_catalog.audit_listed ADD COLUMN more int;
SELECT pg_temp.state('(SELECT count(*) FROM secrets.audit_log)');
ROLLBACK;
DROP FOREIGN TABLE trail_test.mine;
SELECT pg_temp.as_role('trail_stranger', '(SELECT count(*) FROM secrets_catalog.audit_listed)'), pg_temp.as_role('trail_all', '(SELECT count(*) FROM secrets_catalog.audit_event)');

-- ---- the doors ----
-- For auditors of everything.
SELECT r, pg_temp.as_role(r, '(SELECT count(*) FROM secrets.verify_audit())') AS verify, left(pg_temp.as_role(r, 'secrets.audit_head()'), 13) AS head,
	left(pg_temp.as_role(r, '(SELECT min(l) FROM secrets.export_audit() l)'), 24) AS export
	FROM unnest(ARRAY['trail_all', 'trail_some', 'trail_owner', 'trail_stranger']) r;
SELECT pg_temp.as_role('trail_stranger', $$secrets.verify_audit(expected_head => 'canary')$$), pg_temp.as_role('trail_all', $$(SELECT count(*) FROM secrets.verify_audit(expected_head => 'canary'))$$);
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.verify_audit(expected_head => $1[1]))$$, 'canary');
-- NULL is as if it were not there.
SELECT count(*) FROM secrets.verify_audit(NULL, NULL);
SELECT (SELECT count(*) FROM secrets.export_audit(NULL, NULL)) = (SELECT count(*) FROM secrets.export_audit());
SELECT count(*) FROM secrets.export_audit('infinity');
SELECT count(*) FROM secrets.export_audit(until => '-infinity');
SELECT count(*) FROM secrets.verify_audit('infinity');
SELECT count(*) FROM secrets.verify_audit('-infinity');
-- The head is the newest digest's.
SELECT secrets.audit_head() AS head \gset
SELECT :'head' ~ '^secrets-head:[0-9]+:1:[A-Za-z0-9_-]{43}$', split_part(:'head', ':', 2)::int8 = max(number) FROM secrets_catalog.audit_digest;
SELECT count(*) FROM secrets.verify_audit(expected_head => :'head');
-- What is exported: each digest, and its lines.
SELECT l ->> 'type' AS type, count(*) = CASE l ->> 'type' WHEN 'event' THEN (SELECT count(*) FROM secrets_catalog.audit_event) ELSE (SELECT count(*) FROM secrets_catalog.audit_digest) END AS all
	FROM (SELECT x::json AS l FROM secrets.export_audit() x) e GROUP BY 1 ORDER BY 1;
SELECT k, count(*) > 0 FROM secrets.export_audit() x, json_object_keys(x::json) k WHERE x::json ->> 'type' = 'digest' GROUP BY 1 ORDER BY 1;
SELECT string_agg(DISTINCT k, ' ' ORDER BY k) FROM secrets.export_audit() x, json_object_keys(x::json) k WHERE x::json ->> 'type' = 'event';
SELECT DISTINCT (x::json -> 'detail')::text = x::json ->> 'detail_text' AS to_the_letter FROM secrets.export_audit() x WHERE x::json -> 'detail' IS NOT NULL;
SELECT count(*) FROM secrets.export_audit() x WHERE x LIKE '%canary%';
SELECT secrets.export_audit() IS NOT NULL AS also_here LIMIT 1;
-- Sealed, nothing can be proved.
SELECT secrets.seal();
SELECT pg_temp.state('(SELECT count(*) FROM secrets.verify_audit())'), pg_temp.state('secrets.audit_head()'), pg_temp.state('(SELECT count(*) FROM secrets.export_audit())'), pg_temp.state('(SELECT count(*) FROM secrets.audit_log)'),
	pg_temp.as_role('trail_stranger', '(SELECT count(*) FROM secrets.audit_log)'), pg_temp.as_role('trail_stranger', 'secrets.audit_head()');
SELECT secrets.unseal();

-- ---- what is found ----
-- His own doing would be a line, too.
ALTER TABLE secrets_catalog.audit_event DISABLE TRIGGER audit_change;
ALTER TABLE secrets_catalog.audit_digest DISABLE TRIGGER audit_change;
-- What that is said to be, without numbers and times; then it is undone.
CREATE FUNCTION pg_temp.find(act text, arguments text = '') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	lines text[];
BEGIN
	BEGIN
		EXECUTE act;
		EXECUTE format($q$SELECT array_agg(line ORDER BY line COLLATE "C") FROM (SELECT concat_ws('|', kind, CASE WHEN at IS NOT NULL THEN 'at' ELSE '-' END, CASE WHEN event_id IS NOT NULL THEN 'id' ELSE '-' END,
			regexp_replace(regexp_replace(problem, '[0-9]{4}-[0-9-]+T[0-9:.]+Z', 'TIME', 'g'), '[0-9]{12,}|of [0-9]+', 'N', 'g')) AS line FROM secrets.verify_audit(%s)) p$q$, arguments) INTO lines;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'UUUUU';
	EXCEPTION WHEN SQLSTATE 'UUUUU' THEN
		RETURN QUERY SELECT unnest(lines);
	END;
END
$$;
-- What is on its way is there before we begin.
SELECT count(*) FROM secrets.verify_audit();
SELECT number AS first FROM secrets_catalog.audit_digest ORDER BY number LIMIT 1 \gset
SELECT number AS reads FROM secrets_catalog.audit_digest WHERE kind = 'reads' AND lines > 1 ORDER BY number LIMIT 1 \gset
SELECT max(number) AS last FROM secrets_catalog.audit_digest \gset
SELECT event_id AS line FROM secrets_catalog.audit_event WHERE batch = :reads ORDER BY 1 LIMIT 1 \gset
SELECT events[1] AS change FROM secrets_catalog.audit_digest WHERE events IS NOT NULL ORDER BY number LIMIT 1 \gset
SELECT pg_temp.find('SELECT 1');
-- edited
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET outcome = ''failed'' WHERE event_id = ' || :line);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET role = NULL WHERE event_id = ' || :change);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET mac = NULL WHERE event_id = ' || :line);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET mac = NULL, key = NULL WHERE event_id = ' || :line);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET mac = ''\x00'' WHERE event_id = ' || :line);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET event_id = 0 WHERE event_id = ' || :line);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET batch = NULL WHERE event_id = ' || :line);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET batch = ' || :reads || ' WHERE event_id = ' || :change);
-- deleted
SELECT pg_temp.find('DELETE FROM secrets_catalog.audit_event WHERE event_id = ' || :line);
SELECT pg_temp.find('DELETE FROM secrets_catalog.audit_event WHERE event_id = ' || :change);
-- inserted
SELECT pg_temp.find('INSERT INTO secrets_catalog.audit_event SELECT * FROM secrets_catalog.audit_event WHERE event_id = ' || :line);
SELECT pg_temp.find('INSERT INTO secrets_catalog.audit_event SELECT * FROM secrets_catalog.audit_event WHERE event_id = ' || :change);
SELECT pg_temp.find('INSERT INTO secrets_catalog.audit_event (event_id, at, action, outcome, via, batch) VALUES (1, now(), ''read'', ''allowed'', ''api'', ' || :reads || ')');
SELECT pg_temp.find('INSERT INTO secrets_catalog.audit_event (event_id, at, action, outcome, via, batch) VALUES (1, now(), ''read'', ''allowed'', ''api'', 1), (2, now(), ''read'', ''allowed'', ''api'', 1)');
SELECT pg_temp.find('INSERT INTO secrets_catalog.audit_event (event_id, at, action, outcome, via, batch) VALUES (1, now(), ''read'', ''allowed'', ''api'', 9223372036854775807), (1, now(), ''read'', ''allowed'', ''api'', -9223372036854775808)');
-- uncovered
SELECT pg_temp.find('INSERT INTO secrets_catalog.audit_event (event_id, at, action, outcome, via) VALUES (1, ''2001-01-01'', ''read'', ''allowed'', ''api''), (2, ''2001-01-01'', ''read'', ''allowed'', ''api'')');
-- digest
SELECT pg_temp.find('UPDATE secrets_catalog.audit_digest SET lines = lines + 1 WHERE number = ' || :reads);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_digest SET mac = ''\x000102030405060708090a0b0c0d0e0f'' WHERE number = ' || :reads);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_digest SET head = parents WHERE number = ' || :reads);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_digest SET kind = ''other'' WHERE number = ' || :reads);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_digest SET events = ''{}'' WHERE number = ' || :reads);
SELECT pg_temp.find('UPDATE secrets_catalog.audit_digest SET parents = ''\x'' WHERE number = ' || :last);
-- chain
SELECT regexp_replace(pg_temp.find('DELETE FROM secrets_catalog.audit_digest WHERE number = ' || :reads), '[0-9]+ lines', 'n lines');
SELECT pg_temp.find('DELETE FROM secrets_catalog.audit_event WHERE batch = ' || :reads || '; DELETE FROM secrets_catalog.audit_digest WHERE number = ' || :reads);
-- shortened
SELECT pg_temp.find('DELETE FROM secrets_catalog.audit_event WHERE batch = ' || :last || ' OR event_id IN (SELECT unnest(events) FROM secrets_catalog.audit_digest WHERE number = ' || :last || '); DELETE FROM secrets_catalog.audit_digest WHERE number = ' || :last);
SELECT pg_temp.find('DELETE FROM secrets_catalog.audit_event; DELETE FROM secrets_catalog.audit_digest', format('expected_head => %L', :'head'));
SELECT pg_temp.find('SELECT 1', $$expected_head => 'secrets-head:1:1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'$$);
-- rewound: on an earlier timeline than this one's
SELECT pg_temp.find('SELECT 1', $$expected_head => 'secrets-head:9223372036854775807:0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'$$);
-- key
SELECT pg_temp.find('DELETE FROM secrets_catalog.master_key') ~ '^key\|at\|-\|version 1 of the master key is not here';
-- since: of what is older the digests alone
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET outcome = ''failed'' WHERE event_id = ' || :line, '''infinity''');
SELECT pg_temp.find('DELETE FROM secrets_catalog.audit_digest WHERE number = ' || :reads, '''infinity''');
SELECT pg_temp.find('UPDATE secrets_catalog.audit_event SET outcome = ''failed'' WHERE event_id = ' || :line, 'since => (SELECT at FROM secrets_catalog.audit_digest WHERE number = ' || :reads || ')');
-- All undone.
SELECT count(*) FROM secrets.verify_audit();

\set ECHO none
\c :here
DROP DATABASE trail WITH (FORCE);
DROP ROLE trail_all, trail_some, trail_top, trail_owner, trail_stranger, trail_member, trail_denied;
