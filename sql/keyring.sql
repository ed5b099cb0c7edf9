-- keyring: master keys and root keys, as far as one running server allows.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- A database as it is before the first write: no row anywhere, and reading makes none.
DROP EXTENSION secrets;
CREATE EXTENSION secrets;
SELECT count(*) FROM secrets_catalog.master_key;
SELECT (SELECT count(*) FROM secrets.list()), pg_temp.state($$secrets.get('key/a')$$), secrets.try_get('key/a') IS NULL, (SELECT count(*) FROM secrets.root_keys), length(secrets.random_password());
SELECT state, why IS NULL, master_key_version, secrets, rekey_remaining FROM secrets.status();
SELECT count(*) FROM secrets_catalog.master_key;

-- The first write makes the first key; if it rolls back, so does the key, and no memory of it is used.
BEGIN;
SELECT secrets.put('key/a', 'one'), secrets.get('key/a');
SELECT version, cardinality(wraps) FROM secrets_catalog.master_key;
ROLLBACK;
SELECT count(*) FROM secrets_catalog.master_key;
BEGIN;
SAVEPOINT s;
SELECT secrets.put('key/a', 'two');
ROLLBACK TO s;
SELECT secrets.put('key/b', 'three'), secrets.get('key/b');
COMMIT;
SELECT secrets.put('key/a', 'four'), secrets.get('key/a'), secrets.get('key/b');
SELECT version, cardinality(wraps) FROM secrets_catalog.master_key;
SELECT count(DISTINCT secrets_catalog.box_key(value)), bool_and(secrets_catalog.box_key(value) = (SELECT key_id FROM secrets_catalog.master_key)) FROM secrets_catalog.version;

-- The root key is registered by its place, and by an id that gives nothing away.
SELECT r.id ~ '^[0-9a-f]{16}$', r.source = s.root_key_source, r.id = s.root_key_id, r.wraps, r.in_use FROM secrets.root_keys r, secrets.status() s;
SELECT bool_and(secrets_catalog.wrap_root_key(w) = s.root_key_id) FROM secrets_catalog.master_key m, unnest(m.wraps) w, secrets.status() s;

-- Another master key: new values under it, old ones open as before.
SELECT secrets.rotate_master_key();
SELECT master_key_version, rekey_remaining FROM secrets.status();
SELECT secrets.put('key/a', 'five'), secrets.get('key/a'), secrets.get('key/a', stage => 'previous'), secrets.get('key/b');
SELECT s.name, v.version, m.version AS master FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id = v.secret_id
	JOIN secrets_catalog.master_key m ON m.key_id = secrets_catalog.box_key(v.value) ORDER BY 1, 2;
SELECT master_key_version, rekey_remaining FROM secrets.status();
BEGIN;
SELECT secrets.rotate_master_key(), secrets.put('key/tx', 'x'), secrets.get('key/tx');
ROLLBACK;
SELECT secrets.put('key/a', 'six'), secrets.get('key/a'), master_key_version FROM secrets.status();

-- A second root key: every master key is wrapped twice.
\set other 'command:/bin/echo 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
SELECT secrets.add_root_key(:'other') AS other_id \gset
SELECT :'other_id' ~ '^[0-9a-f]{16}$', :'other_id' <> root_key_id FROM secrets.status();
SELECT id = :'other_id', source = :'other', wraps, in_use FROM secrets.root_keys ORDER BY in_use;
SELECT version, cardinality(wraps) FROM secrets_catalog.master_key ORDER BY version;
SELECT pg_temp.state('secrets.add_root_key($1[1])', :'other');
-- New master keys are wrapped by both.
SELECT secrets.rotate_master_key();
SELECT version, cardinality(wraps) FROM secrets_catalog.master_key ORDER BY version;
SELECT secrets.get('key/a'), secrets.get('key/b');

-- Refusals of add_root_key: the place is named, no key is.
SELECT pg_temp.try('secrets.add_root_key(NULL)');
SELECT pg_temp.try('secrets.add_root_key($1[1])', 'canary');
SELECT pg_temp.state('secrets.add_root_key($1[1])', ''), pg_temp.state('secrets.add_root_key($1[1])', 'file:'), pg_temp.state('secrets.add_root_key($1[1])', 'file:relative'),
	pg_temp.state('secrets.add_root_key($1[1])', 'command:'), pg_temp.state('secrets.add_root_key($1[1])', 'FILE:/dev/null'), pg_temp.state('secrets.add_root_key($1[1])', 'file:/nonexistent/key'),
	pg_temp.state('secrets.add_root_key($1[1])', 'file:/dev/null'), pg_temp.state('secrets.add_root_key($1[1])', 'file:/'), pg_temp.state('secrets.add_root_key($1[1])', 'file:' || current_setting('data_directory') || '/PG_VERSION');
SELECT what, pg_temp.try('secrets.add_root_key($1[1])', place) FROM (VALUES
	('not there', 'file:/nonexistent'),
	('a directory', 'file:/'),
	('not there', 'command:/nonexistent'),
	('fails', 'command:/bin/false'),
	('no output', 'command:/bin/true'),
	('too short', 'command:/bin/echo canary00'),
	('too long', 'command:/bin/echo 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00'),
	('not hex', 'command:/bin/echo canary030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fzz'),
	('two lines', 'command:/usr/bin/printf 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\n')) v (what, place);
SELECT count(*) FROM secrets.root_keys;

-- drop_root_key: not the one in use, not one that is none.
SELECT pg_temp.state('secrets.drop_root_key($1[1])', root_key_id) FROM secrets.status();
SELECT pg_temp.try('secrets.drop_root_key(NULL)'), pg_temp.try('secrets.drop_root_key($1[1])', 'canary'), pg_temp.state('secrets.drop_root_key($1[1])', ''), pg_temp.state('secrets.drop_root_key($1[1])', '0000000000000000'), pg_temp.state('secrets.drop_root_key($1[1])', upper(:'other_id') || '0');
SELECT secrets.drop_root_key(:'other_id');
SELECT wraps, in_use FROM secrets.root_keys;
SELECT DISTINCT cardinality(wraps) FROM secrets_catalog.master_key;
SELECT secrets.get('key/a'), secrets.get('key/b'), pg_temp.state('secrets.drop_root_key($1[1])', :'other_id');

-- A registered root key that cannot be had any more is in a new master key's way; dropped, it is not.
INSERT INTO secrets_catalog.root_key VALUES ('0123456789abcdef', 'command:/bin/false', now());
SELECT pg_temp.try('secrets.rotate_master_key()');
SELECT secrets.drop_root_key('0123456789abcdef'), secrets.rotate_master_key();

-- A master key that is gone, or changed, in the table.  What is in memory still opens; after unseal() it is missed.
SELECT secrets.put('key/a', 'seven');
CREATE TEMP TABLE kept AS SELECT * FROM secrets_catalog.master_key;
DELETE FROM secrets_catalog.master_key WHERE version = (SELECT max(version) FROM kept);
SELECT secrets.unseal();
SELECT regexp_replace(pg_temp.try($$secrets.get('key/a')$$), '[0-9a-f]{32}', 'KEY');
SELECT secrets.get('key/b'), problem FROM secrets.get_all('key/a');
SELECT secrets.put('key/a', 'eight'), secrets.get('key/a');
-- The wraps of two master keys, swapped: neither opens, and nothing is written under either.
TRUNCATE secrets_catalog.master_key;
INSERT INTO secrets_catalog.master_key SELECT k.key_id, k.version, k.created_at, o.wraps FROM kept k JOIN kept o ON o.version = (SELECT max(version) FROM kept) + 1 - k.version;
SELECT secrets.unseal();
SELECT regexp_replace(pg_temp.try($$secrets.put('key/a', $1[1])$$, 'canary'), '[0-9a-f]{16}', 'ROOT', 'g');
SELECT pg_temp.state($$secrets.get('key/b')$$), pg_temp.state('secrets.rotate_master_key()'), state, regexp_replace(why, '[0-9a-f]{16}', 'ROOT', 'g') FROM secrets.status();
-- No wrap of this root key: the refusal says which one is here and which is wanted.
TRUNCATE secrets_catalog.master_key;
INSERT INTO secrets_catalog.master_key SELECT key_id, version, created_at,
	ARRAY(SELECT ('secrets:' || rtrim(translate(translate(encode(overlay(secrets_catalog.ciphertext_send(w) PLACING '\x0011223344556677' FROM 9), 'base64'), E'\n', ''), '+/', '-_'), '='))::secrets.ciphertext FROM unnest(wraps) w) FROM kept;
SELECT secrets.unseal();
SELECT regexp_replace(pg_temp.try($$secrets.put('key/a', $1[1])$$, 'canary'), 'here is [0-9a-f]{16}', 'here is ROOT');
SELECT pg_temp.state($$secrets.get('key/b')$$), state, regexp_replace(why, 'here is [0-9a-f]{16}', 'here is ROOT') FROM secrets.status();
SELECT count(*) FROM secrets.list('key/*');
TRUNCATE secrets_catalog.master_key;
INSERT INTO secrets_catalog.master_key SELECT * FROM kept;
SELECT secrets.unseal();
SELECT state, secrets.get('key/b'), secrets.get('key/a', version => 4) FROM secrets.status();

SELECT pg_temp.clean();
