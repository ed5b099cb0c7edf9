-- audit: which lines each call writes, and who may see them.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :rules
-- What other suites have read is written before their log goes: else it comes into this one.
SELECT secrets.audit_head() AS head \gset
\set ECHO all

-- The lines of this session since the last look: action, name, whether it has
-- an id, version, outcome, reason, role, login, via, detail.
CREATE FUNCTION pg_temp.lines() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	seen bigint = coalesce(nullif(current_setting('audit_test.seen', true), ''), '0');
	found record;
BEGIN
	FOR found IN SELECT * FROM secrets.audit_log WHERE event_id > seen AND pid = pg_backend_pid() ORDER BY event_id LOOP
		RETURN NEXT concat_ws('|', found.action, coalesce(found.name, '-'), CASE WHEN found.id IS NULL THEN '-' ELSE 'id' END, coalesce(found.version::text, '-'), found.outcome, coalesce(found.reason, '-'),
			replace(found.role, session_user, 'ME'), replace(found.login, session_user, 'ME'), found.via,
			replace(regexp_replace(found.detail::text, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16}', 'ID', 'g'), format('"authenticated": "%s"', session_user), '"authenticated": "ME"'));
		seen = found.event_id;
	END LOOP;
	PERFORM set_config('audit_test.seen', seen::text, false);
END
$$;
DROP EXTENSION secrets;
CREATE EXTENSION secrets;
-- Nothing yet: the first change begins the log; what was read before comes into it too.
SELECT count(*) FROM secrets.audit_log;
SELECT secrets.put('audit/a', 'canary one');
SELECT l FROM pg_temp.lines() l WHERE l NOT LIKE 'list|%';

-- Changes: one line for each call, and one for each version that max_versions takes.
SELECT secrets.put('audit/a', 'canary two'), secrets.put('audit/a', 'canary three', description => 'd', tags => '{"a": 1}', expires_at => now() + interval '1 day');
SELECT pg_temp.lines();
SELECT secrets.put_bytes('audit/bytes', '\x00'), secrets.put('audit/json', '{"a": 1}'::jsonb), secrets.patch('audit/json', '{"b": 2}'::text), secrets.patch('audit/json', '{"c": null}'::jsonb);
SELECT pg_temp.lines();
SELECT secrets.generate('audit/made') > 0, length(secrets.random_password());
SELECT pg_temp.lines();
INSERT INTO secrets.inbox (name, value, description) VALUES ('audit/in', 'canary', 'd');
\copy secrets.inbox (name, value) FROM STDIN
audit/in	canary
audit/in2	canary
\.
SELECT pg_temp.lines();
-- The same request again writes nothing.
SELECT secrets.put('audit/req', 'canary', options => '{"request_id": "00000000-0000-4000-8000-000000000000"}'), secrets.put('audit/req', 'canary', options => '{"request_id": "00000000-0000-4000-8000-000000000000"}');
SELECT pg_temp.lines();
SELECT secrets.alter('audit/a', description => 'e'), secrets.alter('audit/a', tags => '{}'), secrets.alter('audit/a', content_type => 'text/plain'), secrets.alter('audit/a', expires_at => 'infinity'), secrets.alter('audit/a', max_versions => 3);
SELECT secrets.alter('audit/a', description => 'f', tags => '{"b": 1}', max_versions => 4);
SELECT secrets.alter('audit/a'), secrets.alter('audit/a', description => 'f');
SELECT pg_temp.lines();
SELECT secrets.label('audit/a', 'blue', 1), secrets.label('audit/a', 'blue', 2), secrets.label('audit/a', 'blue', 2), secrets.label('audit/a', 'blue', NULL);
SELECT secrets.label('audit/a', 'pending', 1), secrets.label('audit/a', 'pending', NULL), secrets.label('audit/a', 'current', 2), secrets.label('audit/a', 'previous', 1);
SELECT pg_temp.lines();
SELECT secrets.rollback('audit/a'), secrets.rollback('audit/a', 3), secrets.rollback('audit/a', 3);
SELECT pg_temp.lines();
SELECT secrets.disable('audit/a'), secrets.disable('audit/a'), secrets.enable('audit/a'), secrets.disable('audit/a', 1), secrets.enable('audit/a', 1);
SELECT pg_temp.lines();
-- What is beyond max_versions goes, and says so.
SELECT secrets.put('audit/a', 'canary four'), secrets.put('audit/a', 'canary five'), secrets.put('audit/a', 'canary six');
SELECT pg_temp.lines();
SELECT secrets.alter('audit/a', max_versions => 1);
SELECT pg_temp.lines();
SELECT secrets.put('audit/a', 'canary seven');
SELECT pg_temp.lines();
SELECT secrets.destroy('audit/a', 6), secrets.destroy('audit/a', 6);
SELECT pg_temp.lines();
SELECT secrets.rename('audit/a', 'audit/b');
SELECT pg_temp.lines();
SELECT secrets.delete('audit/b') > now();
SELECT pg_temp.lines();
SELECT secrets.undelete('audit/b'), secrets.delete('audit/b') > now(), secrets.undelete('audit/b', new_name => 'audit/a');
SELECT pg_temp.lines();
SELECT secrets.label('audit/a', 'blue', 7), secrets.delete('audit/a') > now(), secrets.purge('audit/a');
SELECT pg_temp.lines();
SELECT secrets.watch('audit/in') ~ '.', secrets.watch('audit/in') ~ '.', secrets.put('audit/in', 'canary');
SELECT pg_temp.lines();

-- Rules.
CREATE ROLE audit_reader;
CREATE ROLE audit_auditor;
SELECT secrets.grant('read', 'audit/*', 'audit_reader') IS NOT NULL, secrets.grant('read, write', 'audit/*', 'audit_reader') IS NOT NULL, secrets.grant('read', 'audit/*', 'audit_reader') IS NOT NULL;
SELECT secrets.deny('destroy', 'audit/x', 'public') IS NOT NULL, secrets.undeny('destroy', 'audit/x', 'public');
SELECT secrets.revoke('write', 'audit/*', 'audit_reader'), secrets.revoke('all', 'audit/*', 'audit_reader'), secrets.revoke('all', 'audit/*', 'audit_reader');
SELECT secrets.grant('list', 'audit/x', 'public', valid_from => '2001-02-03 04:05:06+00', valid_until => '2131-02-03 04:05:06.7+00', network => '192.0.2.0/24', options => '{"ssl": true}') IS NOT NULL;
SELECT pg_temp.lines();

-- Keys, and the server.
SELECT secrets.rotate_master_key();
CALL secrets.rekey();
CALL secrets.rekey();
SELECT secrets.add_root_key('command:/bin/echo 0000000000000000000000000000000000000000000000000000000000000001') AS other_id \gset
SELECT secrets.drop_root_key(:'other_id');
SELECT pg_temp.lines();
SELECT secrets.seal();
SELECT secrets.unseal();
SELECT pg_temp.lines();

-- Reads: one line for each secret, the version that was given, and why it was not.
SELECT secrets.put('audit/a', 'one'), secrets.put('audit/a', 'two'), secrets.put('audit/off', 'x'), secrets.disable('audit/off'), secrets.put('audit/old', 'x', expires_at => now() + interval '1 day'),
	secrets.put('audit/voff', 'x'), secrets.disable('audit/voff', 1), secrets.put('audit/none', 'x'), secrets.put('audit/none', 'y'), secrets.destroy('audit/none', 1), secrets.put('audit/bad', 'x'), secrets.put('audit/kind', 'x'),
	secrets.put('audit/gone', 'x'), secrets.delete('audit/gone') > now();
UPDATE secrets_catalog.secret SET expires_at = now() - interval '1 day' WHERE name = 'audit/old';
UPDATE secrets_catalog.secret SET kind = 'key' WHERE name = 'audit/kind';
UPDATE secrets_catalog.version v SET value = o.value FROM secrets_catalog.version o, secrets_catalog.secret s, secrets_catalog.secret os WHERE s.id = v.secret_id AND s.name = 'audit/bad' AND os.id = o.secret_id AND os.name = 'audit/off';
SELECT count(*) FROM pg_temp.lines();
CREATE FUNCTION pg_temp.read(call text, VARIADIC args text[] = '{}') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.lines();
	RETURN NEXT call || ' -> ' || pg_temp.state(call, VARIADIC args);
	RETURN QUERY SELECT '  ' || l FROM pg_temp.lines() l;
END
$$;
SELECT pg_temp.read(c) FROM unnest(ARRAY[
	$$secrets.get('audit/a')$$, $$secrets.get('audit/a', version => 1)$$, $$secrets.get('audit/a', stage => 'previous')$$, $$secrets.get('audit/json', 'a')$$, $$secrets.get_bytes('audit/a')$$, $$secrets.get_bytes('audit/bytes')$$,
	$$secrets.try_get('audit/a')$$, $$secrets.try_get('audit/json', 'b')$$,
	$$secrets.get('audit/no')$$, $$secrets.try_get('audit/no')$$, $$secrets.get('audit/gone')$$, $$secrets.get('audit/a', version => 7)$$, $$secrets.try_get('audit/a', version => 7)$$, $$secrets.get('audit/a', version => -1)$$, $$secrets.get('audit/a', stage => 'no')$$,
	$$secrets.get('audit/json', 'no')$$, $$secrets.try_get('audit/json', 'no')$$, $$secrets.get('audit/json', 'c')$$, $$secrets.get('audit/a', 'a')$$, $$secrets.get('audit/bytes', 'a')$$, $$secrets.get('audit/bytes')$$,
	$$secrets.get('audit/off')$$, $$secrets.get('audit/old')$$, $$secrets.get('audit/voff')$$, $$secrets.get('audit/none', version => 1)$$, $$secrets.get('audit/bad')$$, $$secrets.get('audit/kind')$$,
	$$(SELECT count(*) FROM secrets.get_many('{audit/a,audit/json,audit/a}'))$$, $$(SELECT count(*) FROM secrets.get_many('{audit/a,audit/no}'))$$, $$(SELECT count(*) FROM secrets.get_many('{audit/a,audit/off}'))$$,
	$$(SELECT count(*) FROM secrets.get_many('{audit/a,audit/kind}'))$$, $$(SELECT count(*) FROM secrets.get_all('audit/*'))$$, $$(SELECT count(*) FROM secrets.get_all('nothing/**'))$$,
	-- what is no name concerns nothing
	$$secrets.get('no name/')$$, $$secrets.get(NULL)$$]) c;
-- The listings, of a name or of a pattern.
SELECT pg_temp.read(c) FROM unnest(ARRAY[
	$$secrets.current_version('audit/a')$$, $$secrets.current_version('audit/no')$$, $$(SELECT d.current_version FROM secrets.describe('audit/a') d)$$, $$(SELECT d.name FROM secrets.describe('audit/no') d)$$, $$(SELECT count(*) FROM secrets.list('audit/a*'))$$, $$(SELECT count(*) FROM secrets.list())$$,
	$$(SELECT count(*) FROM secrets.secrets)$$, $$(SELECT count(*) FROM secrets.secrets WHERE name = 'audit/a')$$, $$(SELECT count(*) FROM secrets.versions WHERE name = 'audit/a')$$, $$(SELECT count(*) FROM secrets.deleted)$$,
	$$(SELECT count(*) > 0 FROM secrets.grants)$$, $$(SELECT count(*) FROM secrets.root_keys)$$, $$(SELECT state FROM secrets.status())$$, $$(SELECT count(*) > 0 FROM secrets.audit_log)$$, $$secrets.can('read', 'audit/a')$$, $$(SELECT count(*) > 0 FROM secrets.explain('audit/a'))$$,
	$$(SELECT count(*) > 0 FROM secrets.lint())$$, $$secrets.watch('audit/no')$$, $$left(secrets.audit_head(), 12)$$, $$(SELECT count(*) FROM secrets.verify_audit())$$, $$(SELECT count(*) > 0 FROM secrets.export_audit())$$]) c;
-- When each was read last, with the log.
SELECT name, last_read_at > created_at FROM secrets.secrets ORDER BY name;

-- What is rolled back, to a savepoint or by an exception, has been read all the same; what was changed has not been.
BEGIN;
SELECT secrets.get('audit/a'), secrets.put('audit/a', 'never');
ROLLBACK;
SELECT pg_temp.lines();
BEGIN;
SAVEPOINT s;
SELECT secrets.get('audit/a', version => 1), secrets.put('audit/a', 'never');
ROLLBACK TO s;
SELECT secrets.put('audit/a', 'three');
COMMIT;
SELECT pg_temp.lines();
DO $$BEGIN PERFORM secrets.get('audit/a'), secrets.put('audit/a', 'never'); RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN NULL; END$$;
SELECT pg_temp.lines();
-- In a transaction that may write nothing, too.
BEGIN TRANSACTION READ ONLY;
SELECT secrets.get('audit/a');
COMMIT;
BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
SELECT secrets.get('audit/a');
SELECT pg_temp.lines();
COMMIT;
-- In one transaction both have its number; a read before the first change has none.
BEGIN;
SELECT secrets.get('audit/a'), secrets.put('audit/a', 'four'), secrets.get('audit/a');
SELECT action, txid = txid_current(), at >= now(), client_addr IS NOT DISTINCT FROM inet_client_addr(), application_name = current_setting('application_name') FROM secrets.audit_log WHERE at >= now() ORDER BY event_id;
COMMIT;
SELECT count(*) FROM pg_temp.lines();

-- Refusals, with what decided; whoever is refused is told nothing of it.
SELECT secrets.grant('list, read', 'audit/*', 'audit_reader') AS allow_id, secrets.deny('read', 'audit/json', 'audit_reader') AS deny_id \gset
SELECT count(*) FROM pg_temp.lines();
SET ROLE audit_reader;
SELECT pg_temp.try($$secrets.get('audit/json')$$) = pg_temp.try($$secrets.get('other')$$), pg_temp.state($$secrets.get('audit/a')$$), pg_temp.state($$secrets.get('audit/no')$$), pg_temp.state($$secrets.put('audit/a', 'canary')$$), pg_temp.state($$secrets.delete('audit/a')$$), pg_temp.state($$secrets.rename('audit/a', 'audit/b')$$),
	pg_temp.state($$secrets.grant('read', 'audit/a', 'public')$$), pg_temp.state($$secrets.deny('read', 'audit/a', 'public')$$), pg_temp.state($$secrets.destroy('audit/a', 1)$$), pg_temp.state('secrets.seal()'), pg_temp.state('secrets.rotate_master_key()'), pg_temp.state('(SELECT state FROM secrets.status())'),
	pg_temp.state('secrets.audit_head()'), pg_temp.state('(SELECT count(*) FROM secrets.verify_audit())'), pg_temp.state('(SELECT count(*) FROM secrets.export_audit())'), pg_temp.state($$secrets.can('read', 'audit/a', 'audit_auditor')$$), pg_temp.state($$secrets.generate('audit/new')$$);
SELECT name FROM secrets.list('audit/j*');
SELECT name FROM secrets.get_all('audit/j*');
SELECT pg_temp.lines();
RESET ROLE;
SELECT pg_temp.lines();
-- The rule that decided is in the detail, allowed or denied.
SELECT DISTINCT name, outcome, detail->>'rule' = :'allow_id' AS by_allow, detail->>'rule' = :'deny_id' AS by_deny FROM secrets.audit_log WHERE role = 'audit_reader' AND action = 'read' ORDER BY 1;
-- Whoever may nothing, and lists: he is told nothing, and it is recorded.
SET ROLE audit_auditor;
SELECT count(*) FROM secrets.secrets;
SELECT count(*) FROM secrets.list('audit/*');
SELECT count(*) FROM secrets.get_all('**');
SELECT pg_temp.state('secrets.random_password()');
SELECT count(*) FROM secrets.root_keys;
SELECT count(*) FROM secrets.audit_log;
RESET ROLE;
SELECT pg_temp.lines();

-- Who: the effective role, and whoever logged in; for whom the application says it acts.
CREATE SCHEMA audit_test;
GRANT USAGE ON SCHEMA audit_test TO PUBLIC;
CREATE FUNCTION audit_test.lend() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql AS $$SELECT secrets.get('audit/a')$$;
ALTER FUNCTION audit_test.lend() OWNER TO audit_reader;
SET ROLE audit_auditor;
SELECT audit_test.lend() IS NOT NULL;
RESET ROLE;
SET SESSION AUTHORIZATION audit_auditor;
SELECT audit_test.lend() IS NOT NULL, pg_temp.state($$secrets.get('audit/a')$$);
RESET SESSION AUTHORIZATION;
ALTER ROLE audit_reader RENAME TO audit_reader2;
SET ROLE audit_reader2;
SELECT secrets.get('audit/a') IS NOT NULL;
RESET ROLE;
ALTER ROLE audit_reader2 RENAME TO audit_reader;
SELECT pg_temp.lines();
SET secrets.actor = 'alice@example.com';
SELECT secrets.get('audit/a') IS NOT NULL, secrets.put('audit/a', 'five');
BEGIN;
SET LOCAL secrets.actor = 'bob';
SELECT secrets.get('audit/a') IS NOT NULL;
COMMIT;
RESET secrets.actor;
SELECT secrets.get('audit/a') IS NOT NULL;
SELECT action, actor FROM secrets.audit_log WHERE actor IS NOT NULL ORDER BY event_id;
SELECT count(*) FROM pg_temp.lines();
SELECT n, pg_temp.run(format('SET secrets.actor = %L', repeat('x', n))) FROM unnest('{128,129}'::int[]) n;
SELECT pg_temp.run(format('SET secrets.actor = %L', repeat('ä', 65)));
SELECT secrets.get('audit/a') IS NOT NULL;
RESET secrets.actor;
SELECT length(actor) FROM secrets.audit_log WHERE actor LIKE 'xx%';
-- An application_name that somebody puts JSON, or control characters, into is text.
SET application_name = '"}, {"canary": "\';
SELECT secrets.get('audit/a') IS NOT NULL;
SELECT application_name FROM secrets.audit_log WHERE application_name LIKE '%canary%';
RESET application_name;
-- Settings of the audit are the server's.
SELECT s, pg_temp.run('SET ' || s), pg_temp.run('ALTER ROLE CURRENT_USER SET ' || s) FROM (VALUES ('secrets.audit = on'), ('secrets.audit = durable'), ('secrets.audit_on_failure = log'), ('secrets.audit_retention = 1'), ('secrets.audit_queue_size = 256')) v (s);
SELECT pg_temp.run($$SELECT set_config('secrets.audit_on_failure', 'log', true)$$);

-- Round the API: each row is shown, as direct, and with what was changed.
SELECT count(*) FROM pg_temp.lines();
BEGIN;
INSERT INTO secrets_catalog.secret (id, last_version, disabled, created_at, changed_at, kind, name) VALUES ('00000000-0000-4000-8000-000000000001', 1, false, now(), now(), 'secret', 'audit/direct');
INSERT INTO secrets_catalog.version (secret_id, version, created_at, disabled) VALUES ('00000000-0000-4000-8000-000000000001', 1, now(), false);
INSERT INTO secrets_catalog.stage VALUES ('00000000-0000-4000-8000-000000000001', 'blue', 1);
UPDATE secrets_catalog.secret SET current_version = 1, disabled = true WHERE name = 'audit/direct';
UPDATE secrets_catalog.secret SET name = 'audit/direct2' WHERE name = 'audit/direct';
UPDATE secrets_catalog.secret SET deleted_at = now() WHERE name = 'audit/direct2';
UPDATE secrets_catalog.secret SET deleted_at = NULL WHERE name = 'audit/direct2';
UPDATE secrets_catalog.secret SET changed_at = changed_at WHERE name = 'audit/direct2';
UPDATE secrets_catalog.version SET disabled = true, created_at = '2001-01-01' WHERE secret_id = '00000000-0000-4000-8000-000000000001';
UPDATE secrets_catalog.version v SET value = o.value FROM secrets_catalog.version o JOIN secrets_catalog.secret s ON s.id = o.secret_id AND s.name = 'audit/json' AND o.version = 1 WHERE v.secret_id = '00000000-0000-4000-8000-000000000001';
UPDATE secrets_catalog.version SET value = NULL WHERE secret_id = '00000000-0000-4000-8000-000000000001';
UPDATE secrets_catalog.stage SET version = 2 WHERE secret_id = '00000000-0000-4000-8000-000000000001';
DELETE FROM secrets_catalog.stage WHERE secret_id = '00000000-0000-4000-8000-000000000001';
DELETE FROM secrets_catalog.version WHERE secret_id = '00000000-0000-4000-8000-000000000001';
DELETE FROM secrets_catalog.secret WHERE name = 'audit/direct2';
DELETE FROM secrets_catalog.version WHERE false;
SELECT pg_temp.lines();
INSERT INTO secrets_catalog.rule SELECT '00000000-0000-4000-8000-000000000002', 'allow', '{read}', '**', 'public', 0, '', '-infinity', 'infinity', NULL, NULL, NULL, now();
UPDATE secrets_catalog.rule SET privileges = '{read,write}' WHERE pattern = '**';
UPDATE secrets_catalog.rule SET effect = 'deny', pattern = 'audit/**' WHERE pattern = '**';
DELETE FROM secrets_catalog.rule WHERE pattern = 'audit/**';
SELECT pg_temp.lines();
UPDATE secrets_catalog.master_key SET wraps = wraps WHERE version = 1;
UPDATE secrets_catalog.master_key SET created_at = now() WHERE version = 1;
DELETE FROM secrets_catalog.master_key WHERE version = 1;
INSERT INTO secrets_catalog.root_key VALUES ('0123456789abcdef', 'file:/no/such', now());
UPDATE secrets_catalog.root_key SET source = 'command:/bin/true' WHERE id = '0123456789abcdef';
DELETE FROM secrets_catalog.root_key WHERE id = '0123456789abcdef';
UPDATE secrets_catalog.home SET system_identifier = 1;
DELETE FROM secrets_catalog.home;
SELECT pg_temp.lines();
ROLLBACK;
-- The log itself, statement by statement, if it takes a row or none.
BEGIN;
UPDATE secrets_catalog.audit_event SET name = 'canary' WHERE name = 'audit/json';
DELETE FROM secrets_catalog.audit_event WHERE false;
INSERT INTO secrets_catalog.audit_digest SELECT * FROM secrets_catalog.audit_digest WHERE false;
UPDATE secrets_catalog.audit_digest SET at = at;
SELECT pg_temp.lines();
ROLLBACK;
-- COPY and writable CTEs come by the same triggers; TRUNCATE is told with its table.
BEGIN;
COPY secrets_catalog.stage FROM stdin;
00000000-0000-4000-8000-000000000001	blue	1
\.
WITH d AS (DELETE FROM secrets_catalog.stage WHERE secret_id = '00000000-0000-4000-8000-000000000001' RETURNING *) SELECT count(*) FROM d;
TRUNCATE secrets_catalog.version;
TRUNCATE secrets_catalog.rule, secrets_catalog.stage;
SELECT pg_temp.lines();
TRUNCATE secrets_catalog.audit_event;
TRUNCATE secrets_catalog.audit_digest;
SELECT pg_temp.lines();
ROLLBACK;
-- Whatever session_replication_role is; but who is a superuser can switch triggers off, which verify_audit tells of.
SET session_replication_role = replica;
BEGIN;
UPDATE secrets_catalog.secret SET description = 'replica' WHERE name = 'audit/a';
SELECT pg_temp.lines();
ROLLBACK;
RESET session_replication_role;
-- From a function of somebody else's, and by a trigger of somebody's: as whom it ran.
BEGIN;
CREATE FUNCTION audit_test.change() RETURNS void SECURITY DEFINER LANGUAGE sql AS $$UPDATE secrets_catalog.secret SET description = 'x' WHERE name = 'audit/a'; SELECT secrets.alter('audit/a', description => 'y')$$;
SET LOCAL SESSION AUTHORIZATION audit_auditor;
SELECT audit_test.change();
RESET SESSION AUTHORIZATION;
SELECT pg_temp.lines();
ROLLBACK;
-- A change that the API makes for a role without a right to the catalogs has that role.
SELECT secrets.grant('write', 'audit/*', 'audit_reader') IS NOT NULL;
SELECT count(*) FROM pg_temp.lines();
SET ROLE audit_reader;
SELECT secrets.put('audit/a', 'six'), secrets.alter('audit/a', description => 'z');
RESET ROLE;
SELECT pg_temp.lines();

-- Who sees which lines.
SELECT secrets.grant('read', 'elsewhere/a', 'audit_reader') IS NOT NULL, secrets.grant('read', '*/a', 'audit_reader') IS NOT NULL, secrets.put('elsewhere/a', 'x');
CREATE FUNCTION pg_temp.seen(who text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', who, false);
	RETURN QUERY SELECT who || ': ' || coalesce(string_agg(DISTINCT coalesce(split_part(l.name, '/', 1) || CASE WHEN l.name LIKE '%*%' THEN '/' || split_part(l.name, '/', 2) ELSE '' END, 'none'), ', '), 'nothing') FROM secrets.audit_log l;
	PERFORM set_config('role', 'none', false);
END
$$;
-- A line about a pattern is for whoever holds audit on all that it matches.
CREATE ROLE audit_member IN ROLE audit_auditor;
CREATE ROLE audit_noinherit NOINHERIT IN ROLE audit_auditor;
CREATE ROLE audit_data IN ROLE pg_read_all_data, pg_write_all_data, pg_monitor;
SELECT pg_temp.seen('audit_auditor');
SELECT count(secrets.grant('audit', 'audit/*', 'audit_auditor'));
SELECT pg_temp.seen(r) FROM unnest('{audit_auditor,audit_member,audit_noinherit,audit_data,audit_reader}'::text[]) r;
SELECT secrets.deny('audit', 'audit/json', 'audit_auditor') IS NOT NULL;
-- Each line he sees has a name on which he holds audit; no way round it.
CREATE FUNCTION pg_temp.leak(text) RETURNS bool COST 0.0001 LANGUAGE plpgsql AS $$BEGIN IF $1 NOT LIKE 'audit/%' OR $1 IS NULL THEN RAISE WARNING 'saw %', $1; END IF; RETURN true; END$$;
SET ROLE audit_auditor;
SELECT count(*) FROM secrets.audit_log WHERE name = 'audit/json';
SELECT count(*) > 0 FROM secrets.audit_log WHERE pg_temp.leak(name);
SELECT count(*) FROM secrets.audit_log WHERE NOT secrets.can('audit', replace(name, '*', 'any'));
RESET ROLE;
SELECT secrets.undeny('audit', 'audit/json', 'audit_auditor'), secrets.revoke('audit', 'audit/*', 'audit_auditor');
SELECT pg_temp.seen('audit_auditor');
SELECT secrets.grant('audit', '**', 'audit_auditor') IS NOT NULL;
SELECT pg_temp.seen('audit_auditor');
SET ROLE audit_auditor;
SELECT count(*) FROM secrets.verify_audit();
SELECT secrets.audit_head() ~ '^secrets-head:[0-9]+:[0-9]+:[A-Za-z0-9_-]{43}$', (SELECT count(*) > 100 FROM secrets.export_audit() e WHERE e::jsonb->>'type' = 'event');
RESET ROLE;
SELECT secrets.revoke('audit', '**', 'audit_auditor');
-- What EXPLAIN counts tells nobody of hidden lines; the view cannot be written through by anybody.
CREATE FUNCTION pg_temp.explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query;
END $$;
SET ROLE audit_data;
SELECT replace(l, 'rows=0.00', 'rows=0') FROM pg_temp.explained('SELECT * FROM secrets.audit_log') l WHERE l ~ 'audit_listed|Removed';
SELECT s, pg_temp.run(s) FROM (VALUES ('INSERT INTO secrets.audit_log (name) VALUES (''x'')'), ('UPDATE secrets.audit_log SET name = ''x'''), ('DELETE FROM secrets.audit_log'), ('TRUNCATE secrets.audit_log'), ('INSERT INTO secrets_catalog.audit_listed (name) VALUES (''x'')')) v (s);
RESET ROLE;
SELECT s, pg_temp.run(s) FROM (VALUES ('INSERT INTO secrets.audit_log (name) VALUES (''x'')'), ('UPDATE secrets.audit_log SET name = ''x'''), ('DELETE FROM secrets.audit_log')) v (s);
-- Another foreign table on our server is nothing.
CREATE FOREIGN TABLE audit_test.log (name text) SERVER secrets_audit_log;
SELECT pg_temp.run('SELECT * FROM audit_test.log');
SELECT pg_temp.run($$CREATE FOREIGN TABLE audit_test.log2 (name text) SERVER secrets_audit_log OPTIONS (a 'b')$$);

-- Whole, and found broken; undone, it is whole again.
SELECT * FROM secrets.verify_audit();
SELECT secrets.audit_head() AS head \gset
SELECT count(*) FROM secrets.verify_audit(expected_head => :'head');
SELECT count(*) FROM secrets.verify_audit(since => now());
SELECT pg_temp.state($$(SELECT count(*) FROM secrets.verify_audit(expected_head => 'canary'))$$), pg_temp.state($$(SELECT count(*) FROM secrets.verify_audit(expected_head => 'secrets-head:1:1:x'))$$);
SELECT kind FROM secrets.verify_audit(expected_head => 'secrets-head:1:1:' || repeat('A', 43));
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE secrets_catalog.audit_event DISABLE TRIGGER audit_change;
CREATE FUNCTION pg_temp.tamper(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int;
	result text;
BEGIN
	BEGIN
		EXECUTE statement;
		GET DIAGNOSTICS n = ROW_COUNT;
		result = (SELECT string_agg(DISTINCT kind, ', ' ORDER BY kind) FROM secrets.verify_audit());
		RAISE EXCEPTION USING ERRCODE = 'U0000';
	EXCEPTION WHEN SQLSTATE 'U0000' THEN RETURN coalesce(result, 'whole');
	END;
END
$$;
SELECT pg_temp.tamper(s) FROM (VALUES ('SELECT'),
	($$UPDATE secrets_catalog.audit_event SET role = 'nobody' WHERE action = 'read' AND outcome = 'denied'$$), ($$UPDATE secrets_catalog.audit_event SET at = at + interval '1 second' WHERE action = 'read'$$), ($$UPDATE secrets_catalog.audit_event SET detail = '{}' WHERE action = 'write' AND detail IS NOT NULL$$),
	($$DELETE FROM secrets_catalog.audit_event WHERE action = 'read' AND outcome = 'denied'$$), ($$DELETE FROM secrets_catalog.audit_event WHERE action = 'destroy'$$), ($$DELETE FROM secrets_catalog.audit_event$$),
	($$INSERT INTO secrets_catalog.audit_event SELECT event_id, at, batch, txid, version, id, rule, pid, key, action, outcome, via, name, login, role, actor, client_addr, application_name, reason, detail, mac FROM secrets_catalog.audit_event WHERE action = 'read' LIMIT 1$$)) v (s);
ROLLBACK;
SELECT count(*) FROM secrets.verify_audit();

-- No value is anywhere in the log.
SELECT count(*) FROM secrets_catalog.audit_event e WHERE e::text LIKE '%canary%' AND application_name NOT LIKE '%canary%';

SET client_min_messages = error;
DROP SCHEMA audit_test CASCADE;
SELECT pg_temp.forget_rules();
DROP ROLE audit_member, audit_noinherit, audit_data, audit_reader, audit_auditor;
SELECT pg_temp.clean();
DELETE FROM secrets_catalog.secret;
DELETE FROM secrets_catalog.version;
DROP EXTENSION secrets;
CREATE EXTENSION secrets;
