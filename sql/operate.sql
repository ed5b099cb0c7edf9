-- operate: status, seal, unseal, rekey.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- From version 1 of the master key on, whatever ran before.
DROP EXTENSION secrets;
CREATE EXTENSION secrets;
SELECT secrets.put('op/a', 'one'), secrets.put('op/a', 'two'), secrets.put_bytes('op/b', '\x00ff'), secrets.put('op/c', 'x'), secrets.destroy('op/c', 1), secrets.put('op/d', 'deleted'), secrets.delete('op/d') > now();
SELECT version = (SELECT extversion FROM pg_extension WHERE extname = 'secrets'), state, why, root_key_source ~ '^(file|command):', root_key_id ~ '^[0-9a-f]{16}$', master_key_version > 0, secrets,
	rekey_remaining >= 0, audit_pid IS NULL OR audit_pid > 0, audit_queue >= 0, audit_lag >= '0', scheduler_job, scheduler_last FROM secrets.status();

-- rekey: every value, deleted ones too, under the newest master key; all of them read as before.
SELECT secrets.rotate_master_key() > 0;
SELECT rekey_remaining FROM secrets.status();
SELECT count(*) AS before FROM secrets_catalog.version WHERE value IS NOT NULL \gset
CALL secrets.rekey();
SELECT rekey_remaining FROM secrets.status();
SELECT count(*) = :before, count(DISTINCT secrets_catalog.box_key(value)), bool_and(secrets_catalog.box_key(value) = (SELECT key_id FROM secrets_catalog.master_key ORDER BY version DESC LIMIT 1)) FROM secrets_catalog.version WHERE value IS NOT NULL;
SELECT secrets.get('op/a'), secrets.get('op/a', version => 1), secrets.get_bytes('op/b'), pg_temp.state($$secrets.get('op/c')$$), secrets.undelete('op/d'), secrets.get('op/d');
SELECT changed_at <= now(), current_version FROM secrets.describe('op/a');
-- In batches, with its progress; once more, nothing is left to do.
SELECT count(secrets.put('op/many/' || i, i::text)) FROM generate_series(1, 25) i;
SELECT secrets.rotate_master_key() > 0;
SET client_min_messages = notice;
\set VERBOSITY terse
CALL secrets.rekey(batch => 10);
CALL secrets.rekey(1);
SET client_min_messages = warning;
SELECT count(*), bool_and(value = split_part(name, '/', 3)) FROM secrets.get_all('op/many/*');
-- A value that does not verify is passed over, named and left as it is.
UPDATE secrets_catalog.version v SET value = o.value FROM secrets_catalog.version o JOIN secrets_catalog.secret os ON os.id = o.secret_id, secrets_catalog.secret s
	WHERE s.id = v.secret_id AND s.name = 'op/many/1' AND os.name = 'op/many/2';
SELECT secrets.rotate_master_key() > 0;
CALL secrets.rekey(7);
SELECT rekey_remaining, pg_temp.state($$secrets.get('op/many/1')$$), secrets.get('op/many/2') FROM secrets.status();
SELECT secrets.put('op/many/1', 'mended'), secrets.destroy('op/many/1', 1);
SELECT rekey_remaining FROM secrets.status();
-- Refusals.
-- A version without its secret, as half a restore leaves it: passed by, and not counted.
INSERT INTO secrets_catalog.version SELECT '00000000-0000-4000-8000-000000000000', v.version, v.created_at, v.disabled, v.destroyed_at, v.value
	FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id = v.secret_id AND s.name = 'op/many/2' LIMIT 1;
SELECT secrets.rotate_master_key() > 0;
CALL secrets.rekey();
SELECT rekey_remaining FROM secrets.status();
DELETE FROM secrets_catalog.version WHERE secret_id = '00000000-0000-4000-8000-000000000000';
-- A master key whose wraps are gone: told, not stumbled over.
BEGIN;
ALTER TABLE secrets_catalog.master_key ALTER wraps DROP NOT NULL;
UPDATE secrets_catalog.master_key SET wraps = NULL;
SELECT state, why LIKE '%whose wrap is gone' FROM secrets.status();
SELECT pg_temp.state($$secrets.put('op/x', 'canary')$$);
ROLLBACK;
CALL secrets.rekey(0);
CALL secrets.rekey(-1);
CALL secrets.rekey(100001);
CALL secrets.rekey(NULL);
\set VERBOSITY sqlstate
BEGIN;
CALL secrets.rekey();
ROLLBACK;
SET default_transaction_read_only = on;
CALL secrets.rekey();
RESET default_transaction_read_only;
SELECT pg_temp.run('CALL secrets.rekey()');
-- From DO outside a transaction block it may commit, so it may run; whatever the session's isolation level is.
DO $$BEGIN CALL secrets.rekey(); END$$;
SELECT secrets.rotate_master_key() > 0;
SET default_transaction_isolation = serializable;
CALL secrets.rekey(3);
RESET default_transaction_isolation;
SELECT rekey_remaining FROM secrets.status();
\set VERBOSITY default

SELECT secrets.put('op/e', 'x'), secrets.delete('op/e') > now();

-- seal: at once and for everything that needs a key, with the same words.
SELECT secrets.seal();
SELECT state, why IS NOT NULL, secrets > 0 FROM secrets.status();
SELECT regexp_replace(pg_temp.try($$secrets.get('op/a')$$), 'detail: [^\n]*', 'detail: WHY');
-- Every function but those four, each called with the least it takes.
CREATE FUNCTION pg_temp.least_call(p pg_proc) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s(%s)', p.oid::regproc, (
		SELECT string_agg(format('%s => %s', p.proargnames[n + 1], CASE WHEN p.proargnames[n + 1] ~ '^privilege' THEN quote_literal('read') ELSE CASE p.proargtypes[n]
			WHEN 'text'::regtype THEN quote_literal('blue') WHEN 'text[]'::regtype THEN quote_literal('{blue}') WHEN 'jsonb'::regtype THEN quote_literal('{}')
			WHEN 'bytea'::regtype THEN quote_literal('x') WHEN 'interval'::regtype THEN quote_literal('2 days') ELSE '1' END END || '::' || format_type(p.proargtypes[n], NULL)), ', ' ORDER BY n)
		FROM generate_series(0, p.pronargs - p.pronargdefaults - 1) n))
$$;
SELECT p.oid::regprocedure, pg_temp.state('(SELECT count(*) FROM ' || pg_temp.least_call(p) || ')') FROM pg_proc p
	WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind = 'f' AND p.proname NOT IN ('status', 'check', 'seal', 'unseal') ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C";
SELECT v, pg_temp.run('SELECT * FROM secrets.' || v) FROM unnest(ARRAY['secrets', 'versions', 'deleted', 'root_keys', 'rotations', 'audit_log']) v;
SELECT pg_temp.run($$INSERT INTO secrets.inbox (name, value) VALUES ('op/x', 'canary')$$);
\set VERBOSITY sqlstate
CALL secrets.rekey();
CALL secrets.rotate_now('op/a');
-- The clock ticks on, and that is no error.
CALL secrets.tick();
\set VERBOSITY default
-- Sealing twice is sealing; the table can still be dumped, for it moves sealed values only.
SELECT secrets.seal();
SELECT count(*) > 0 FROM (SELECT value::text FROM secrets_catalog.version) t;
-- In a transaction that rolls back, it holds all the same: memory is no table.
SELECT secrets.unseal();
SELECT state, why, secrets.get('op/a') FROM secrets.status();
BEGIN;
SELECT secrets.seal();
ROLLBACK;
SELECT state FROM secrets.status();
SELECT secrets.unseal(), secrets.unseal();
SELECT state FROM secrets.status();
SELECT secrets.get('op/a'), secrets.put('op/a', 'three');

SELECT pg_temp.clean();
