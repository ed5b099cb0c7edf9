-- store: the catalogs, who may touch them, what guards them, and what becomes
-- of values that somebody changes, moves or relabels by hand.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- Every table: no grants but the owner's, row level security without policies, dumped with the extension.
SELECT c.relname, c.relrowsecurity, c.relpersistence, c.relkind,
	NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner) AS no_grants,
	c.oid = ANY (e.extconfig) AS dumped, (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
	FROM pg_class c, pg_extension e WHERE c.relnamespace = 'secrets_catalog'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'f', 'S', 'v') AND e.extname = 'secrets' ORDER BY 1;
SELECT has_schema_privilege('public', 'secrets', 'USAGE'), has_schema_privilege('public', 'secrets', 'CREATE'),
	has_schema_privilege('public', 'secrets_catalog', 'USAGE'), has_schema_privilege('public', 'secrets_catalog', 'CREATE');
SELECT count(*) FROM pg_constraint WHERE connamespace = 'secrets_catalog'::regnamespace AND contype IN ('f', 'c');
-- The columns that others look at.
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, coalesce(co.collname = 'C', NULL) AS c_collation
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_collation co ON co.oid = a.attcollation
	WHERE c.relnamespace = 'secrets_catalog'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 ORDER BY 1, a.attnum;
-- The extension hangs on no schema but its own, and owns both.
SELECT count(*) FROM pg_depend WHERE classid = 'pg_extension'::regclass AND refclassid = 'pg_namespace'::regclass AND objid = (SELECT oid FROM pg_extension WHERE extname = 'secrets');
SELECT count(*) FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND deptype = 'e' AND objid IN ('secrets'::regnamespace, 'secrets_catalog'::regnamespace);
SELECT extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = 'secrets';
SELECT superuser, trusted, relocatable FROM pg_available_extension_versions WHERE name = 'secrets';

-- The value is sealed: neither it nor a part of it is in the table.
SELECT secrets.put('store/sealed', 'a plain canary'), secrets.put_bytes('store/sealed', 'a plain canary');
SELECT count(*) FROM secrets_catalog.version WHERE position('canary'::bytea IN secrets_catalog.ciphertext_send(value)) > 0;
-- The same again is another ciphertext.
SELECT count(DISTINCT substr(secrets_catalog.ciphertext_send(value), 25)) FROM secrets_catalog.version;
SELECT pg_temp.clean();

-- Tampering.  Each time: what was done, what a read says, that listing goes on,
-- what get_all says, and that a put repairs it.
CREATE FUNCTION pg_temp.tamper(what text, change text) RETURNS TABLE (r text) LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
	PERFORM secrets.put('tam/a', 'canary a1'), secrets.put('tam/a', 'canary a2'), secrets.put('tam/b', 'canary b1'), secrets.put_bytes('tam/c', 'canary b1');
	EXECUTE change;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN QUERY SELECT what || ': ' || n || ' changed, get ' || pg_temp.state($t$secrets.get('tam/a')$t$) || ', bytes ' || pg_temp.state($t$secrets.get_bytes('tam/a')$t$)
		|| ', try ' || pg_temp.state($t$secrets.try_get('tam/a')$t$) || ', many ' || pg_temp.state($t$(SELECT count(*) FROM secrets.get_many('{tam/b,tam/a}'))$t$)
		|| ', list ' || (SELECT count(*) FROM secrets.list('tam/*')) || '/' || (SELECT count(*) FROM secrets.secrets) || '/' || (SELECT count(*) FROM secrets.versions)
		|| ', all ' || (SELECT string_agg(coalesce(problem, 'ok'), ' ') FROM secrets.get_all('tam/*'))
		|| ', patch ' || pg_temp.state($t$secrets.patch('tam/a', '{}')$t$)
		|| ', put ' || pg_temp.state($t$secrets.put('tam/a', 'mended')$t$) || ', get ' || pg_temp.state($t$secrets.get('tam/a')$t$)
		|| ', rename ' || pg_temp.state($t$secrets.rename('tam/a', 'tam/z')$t$);
	DELETE FROM secrets_catalog.secret;
	DELETE FROM secrets_catalog.version;
END
$$;
CREATE FUNCTION pg_temp.box(bytes bytea) RETURNS secrets.ciphertext LANGUAGE sql AS $$
	SELECT ('secrets:' || rtrim(translate(translate(encode(bytes, 'base64'), E'\n', ''), '+/', '-_'), '='))::secrets.ciphertext
$$;
-- Whose version: tam('a', 2).
CREATE FUNCTION pg_temp.tam(secret text, version bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT secrets_catalog.ciphertext_send(v.value) FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id = v.secret_id WHERE s.name = 'tam/' || $1 AND v.version = $2
$$;
CREATE FUNCTION pg_temp.id(secret text) RETURNS uuid LANGUAGE sql AS $$
	SELECT id FROM secrets_catalog.secret WHERE name = 'tam/' || $1 AND deleted_at IS NULL
$$;

SELECT pg_temp.tamper('nothing', 'SELECT');
SELECT pg_temp.tamper('value of another secret', $$UPDATE secrets_catalog.version SET value = pg_temp.box(pg_temp.tam('b', 1)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('value of another version', $$UPDATE secrets_catalog.version SET value = pg_temp.box(pg_temp.tam('a', 1)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('two versions swapped', $$UPDATE secrets_catalog.version v SET value = o.value FROM secrets_catalog.version o WHERE v.secret_id = pg_temp.id('a') AND o.secret_id = v.secret_id AND o.version = 3 - v.version$$);
SELECT pg_temp.tamper('two secrets swapped', $$UPDATE secrets_catalog.version v SET secret_id = CASE WHEN secret_id = pg_temp.id('b') THEN pg_temp.id('a') ELSE pg_temp.id('b') END, version = version + 10 WHERE secret_id IN (pg_temp.id('a'), pg_temp.id('b')); UPDATE secrets_catalog.secret SET current_version = 11 WHERE name = 'tam/a'; UPDATE secrets_catalog.secret SET current_version = 12 WHERE name = 'tam/b'$$);
SELECT pg_temp.tamper('names swapped', $$UPDATE secrets_catalog.secret SET name = 'tam/tmp' WHERE name = 'tam/a'; UPDATE secrets_catalog.secret SET name = 'tam/a' WHERE name = 'tam/b'; UPDATE secrets_catalog.secret SET name = 'tam/b' WHERE name = 'tam/tmp'$$);
SELECT pg_temp.tamper('renumbered', $$UPDATE secrets_catalog.version SET version = 7 WHERE secret_id = pg_temp.id('a') AND version = 2; UPDATE secrets_catalog.secret SET current_version = 7, last_version = 7 WHERE name = 'tam/a'$$);
SELECT pg_temp.tamper('another id', $$UPDATE secrets_catalog.version SET secret_id = '00000000-0000-0000-0000-000000000001' WHERE secret_id = pg_temp.id('a'); UPDATE secrets_catalog.secret SET id = '00000000-0000-0000-0000-000000000001' WHERE name = 'tam/a'$$);
SELECT pg_temp.tamper('bytes as text', $$UPDATE secrets_catalog.version SET value = pg_temp.box(set_byte(pg_temp.tam('a', 2), 2, 0)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('another kind', $$UPDATE secrets_catalog.version SET value = pg_temp.box(set_byte(pg_temp.tam('a', 2), 1, 3)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('key version', $$UPDATE secrets_catalog.version SET value = pg_temp.box(set_byte(pg_temp.tam('a', 2), 7, 9)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('key id unknown', $$UPDATE secrets_catalog.version SET value = pg_temp.box(overlay(pg_temp.tam('a', 2) PLACING '\x00000000000000000000000000000000' FROM 9)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('nonce of another', $$UPDATE secrets_catalog.version SET value = pg_temp.box(overlay(pg_temp.tam('a', 2) PLACING substr(pg_temp.tam('a', 1), 25, 24) FROM 25)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('tag of another', $$UPDATE secrets_catalog.version SET value = pg_temp.box(overlay(pg_temp.tam('a', 2) PLACING substr(pg_temp.tam('a', 1), 58) FROM 58)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('cut', $$UPDATE secrets_catalog.version SET value = pg_temp.box(substr(pg_temp.tam('a', 2), 1, 70)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('cut to the shortest', $$UPDATE secrets_catalog.version SET value = pg_temp.box(substr(pg_temp.tam('a', 2), 1, 64)) WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('longer', $$UPDATE secrets_catalog.version SET value = pg_temp.box(pg_temp.tam('a', 2) || '\x00') WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('no value', $$UPDATE secrets_catalog.version SET value = NULL WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('no row', $$DELETE FROM secrets_catalog.version WHERE secret_id = pg_temp.id('a') AND version = 2$$);
SELECT pg_temp.tamper('no current version', $$UPDATE secrets_catalog.secret SET current_version = NULL WHERE name = 'tam/a'$$);
SELECT pg_temp.tamper('current version of nowhere', $$UPDATE secrets_catalog.secret SET current_version = 99 WHERE name = 'tam/a'$$);
SELECT pg_temp.tamper('a name that is none', $$UPDATE secrets_catalog.secret SET name = 'tam/a//' WHERE name = 'tam/b'$$);
SELECT pg_temp.tamper('another kind of thing', $$UPDATE secrets_catalog.secret SET kind = 'key' WHERE name = 'tam/a'$$);

-- Every single byte of a box, flipped: refused with one SQLSTATE, or no box at all.
SELECT secrets.put('tam/a', 'canary 16 bytes.'), secrets.put('tam/b', 'whole');
CREATE FUNCTION pg_temp.flip(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	whole bytea = pg_temp.tam('a', 1);
	state text;
BEGIN
	UPDATE secrets_catalog.version SET value = pg_temp.box(set_bit(whole, n, 1 - get_bit(whole, n))) WHERE secret_id = pg_temp.id('a');
	state = pg_temp.state($t$secrets.get('tam/a')$t$);
	UPDATE secrets_catalog.version SET value = pg_temp.box(whole) WHERE secret_id = pg_temp.id('a');
	RETURN state;
EXCEPTION WHEN invalid_text_representation THEN RETURN 'no ciphertext';
END
$$;
SELECT pg_temp.flip(n) COLLATE "C" AS state, count(*) FROM generate_series(0, 80 * 8 - 1) n GROUP BY 1 ORDER BY 1;
SELECT secrets.get('tam/a');
-- The words: which key it names, and no value.
UPDATE secrets_catalog.version SET value = pg_temp.box(set_bit(pg_temp.tam('a', 1), 400, 1 - get_bit(pg_temp.tam('a', 1), 400))) WHERE secret_id = pg_temp.id('a');
SELECT regexp_replace(pg_temp.try($$secrets.get('tam/a')$$), '[0-9a-f]{32}', 'KEY');
SELECT pg_temp.clean();

-- An old version that does not verify is in a rename's way; destroyed, it is not.
SELECT secrets.put('tam/a', 'one'), secrets.put('tam/a', 'two');
UPDATE secrets_catalog.version SET value = pg_temp.box(set_bit(pg_temp.tam('a', 1), 400, 1 - get_bit(pg_temp.tam('a', 1), 400))) WHERE secret_id = pg_temp.id('a') AND version = 1;
SELECT pg_temp.state($$secrets.rename('tam/a', 'tam/z')$$), secrets.get('tam/a'), secrets.destroy('tam/a', 1), secrets.rename('tam/a', 'tam/z'), secrets.get('tam/z');
SELECT pg_temp.clean();

-- A stage that points nowhere.
SELECT secrets.put('tam/a', 'x');
INSERT INTO secrets_catalog.stage SELECT id, 'nowhere', 99 FROM secrets_catalog.secret WHERE name = 'tam/a';
SELECT pg_temp.state($$secrets.get('tam/a', stage => 'nowhere')$$), pg_temp.state($$secrets.try_get('tam/a', stage => 'nowhere')$$), secrets.label('tam/a', 'nowhere', NULL);
SELECT pg_temp.clean();

-- Where a row was found is remembered, and never believed.
SELECT secrets.put('hint/a', 'one'), secrets.put('hint/b', 'other'), secrets.get('hint/a'), secrets.get('hint/b');
SELECT secrets.get('hint/a'), secrets.put('hint/a', 'two'), secrets.get('hint/a'), secrets.get('hint/a', version => 1);
VACUUM FULL secrets_catalog.secret;
VACUUM FULL secrets_catalog.version;
SELECT secrets.get('hint/a'), secrets.get('hint/b');
SELECT secrets.rename('hint/a', 'hint/c'), secrets.rename('hint/b', 'hint/a'), secrets.rename('hint/c', 'hint/b');
SELECT secrets.get('hint/a'), secrets.get('hint/b'), secrets.try_get('hint/c') IS NULL;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT secrets.get('hint/a'), secrets.put('hint/a', 'mine'), secrets.get('hint/a');
ROLLBACK;
SELECT secrets.get('hint/a'), secrets.delete('hint/a') > now(), pg_temp.state($$secrets.get('hint/a')$$);
BEGIN;
TRUNCATE secrets_catalog.version;
SELECT pg_temp.state($$secrets.get('hint/b')$$);
ROLLBACK;
DELETE FROM secrets_catalog.version v USING secrets_catalog.secret s WHERE s.id = v.secret_id AND s.name = 'hint/b' AND v.version = s.current_version;
VACUUM secrets_catalog.version;
SELECT pg_temp.state($$secrets.get('hint/b')$$), secrets.put('hint/b', 'three'), secrets.get('hint/b');
SELECT pg_temp.clean();

-- The guard: what would take the catalogs is refused while there are secrets.
CREATE ROLE store_owner SUPERUSER;
SELECT secrets.put('guard/a', 'x');
CREATE FUNCTION pg_temp.guard(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
	-- The worker that records what is read may be at the same tables, in another order.
	FOR i IN 1 .. 20 LOOP said := pg_temp.run(statement); EXIT WHEN said <> '40P01'; END LOOP;
	RETURN said || ', ' || (SELECT count(*) FROM pg_class WHERE relnamespace = 'secrets_catalog'::regnamespace AND relkind = 'r') || ' tables';
END $$;
SELECT s, pg_temp.guard(s) FROM (VALUES
	('DROP EXTENSION secrets'), ('DROP EXTENSION secrets CASCADE'), ('DROP SCHEMA secrets_catalog CASCADE'), ('DROP SCHEMA secrets CASCADE'),
	('DROP TABLE secrets_catalog.version CASCADE'), ('DROP TABLE secrets_catalog.master_key CASCADE'), ('DROP TYPE secrets.ciphertext CASCADE'),
	('ALTER EXTENSION secrets DROP TABLE secrets_catalog.root_key; DROP TABLE secrets_catalog.root_key CASCADE'), ('DROP OWNED BY CURRENT_USER CASCADE'),
	('ALTER EXTENSION secrets DROP TYPE secrets.ciphertext; DROP TYPE secrets.ciphertext CASCADE'),
	('ALTER TABLE secrets_catalog.version DROP COLUMN value')) v (s);
SELECT secrets.get('guard/a');
-- Setting it in the session, even a superuser's, does not help.
SELECT pg_temp.run('SET secrets.allow_drop = on'), pg_temp.run($$SELECT set_config('secrets.allow_drop', 'on', false)$$);
-- Deleted ones count, for they can come back.
SELECT secrets.delete('guard/a') > now(), pg_temp.guard('DROP EXTENSION secrets CASCADE');
-- None left: it goes, and comes back empty, in one session; what was cached of the old is not used.
SELECT secrets.purge('guard/a');
DROP FUNCTION pg_temp.box(bytea);
DROP EXTENSION secrets;
SELECT pg_temp.run($$SELECT secrets.get('guard/a')$$);
CREATE EXTENSION secrets;
SELECT (SELECT count(*) FROM secrets_catalog.secret), (SELECT count(*) FROM secrets_catalog.master_key), (SELECT count(*) FROM secrets_catalog.root_key);
SELECT secrets.put('guard/a', 'again'), secrets.get('guard/a'), secrets.put('guard/a', 'and again'), secrets.rename('guard/a', 'guard/b');
SELECT secrets.get('guard/b'), master_key_version FROM secrets.status();
-- A name proves nothing: what is called like ours, where the extension is not, is its owner's.
SELECT secrets.delete('guard/b') > now(), secrets.purge('guard/b');
DROP EXTENSION secrets;
CREATE SCHEMA secrets_catalog;
CREATE VIEW secrets_catalog.secret AS SELECT 1 AS x;
DROP VIEW secrets_catalog.secret;
CREATE TABLE secrets_catalog.secret AS SELECT 1 AS x;
CREATE TABLE secrets_catalog.version (x int) PARTITION BY LIST (x);
DROP TABLE secrets_catalog.version;
DROP SCHEMA secrets_catalog CASCADE;
CREATE EXTENSION secrets;
-- And a new name does not make ours anybody's.
SELECT secrets.put('guard/b', 'renamed');
ALTER SCHEMA secrets_catalog RENAME TO elsewhere;
SELECT pg_temp.run('DROP EXTENSION secrets CASCADE'), pg_temp.state($$secrets.get('guard/b')$$);
ALTER SCHEMA elsewhere RENAME TO secrets_catalog;
ALTER TABLE secrets_catalog.secret RENAME TO s2;
ALTER TABLE secrets_catalog.version RENAME TO v2;
SELECT pg_temp.guard('DROP EXTENSION secrets CASCADE'), pg_temp.guard('DROP TABLE secrets_catalog.v2 CASCADE');
ALTER TABLE secrets_catalog.s2 RENAME TO secret;
ALTER TABLE secrets_catalog.v2 RENAME TO version;
SELECT secrets.get('guard/b');
-- Schemas that are there before are not taken over.
SELECT secrets.delete('guard/b') > now(), secrets.purge('guard/b');
DROP EXTENSION secrets;
CREATE SCHEMA secrets;
SELECT pg_temp.run('CREATE EXTENSION secrets');
DROP SCHEMA secrets;
CREATE SCHEMA secrets_catalog;
SELECT pg_temp.run('CREATE EXTENSION secrets');
DROP SCHEMA secrets_catalog;
SELECT pg_temp.run('CREATE EXTENSION secrets SCHEMA public');
-- The owner of the extension, and what he owns.
SET ROLE store_owner;
CREATE EXTENSION secrets;
SELECT secrets.put('guard/a', 'x');
RESET ROLE;
SELECT pg_temp.guard('DROP OWNED BY store_owner CASCADE'), secrets.get('guard/a');
SELECT pg_temp.clean();
DROP OWNED BY store_owner;
DROP ROLE store_owner;
CREATE EXTENSION secrets;

-- The last number there is.
SELECT secrets.put('store/last', 'x');
UPDATE secrets_catalog.secret SET last_version = 9223372036854775807 WHERE name = 'store/last';
SELECT pg_temp.try($$secrets.put('store/last', 'y')$$), secrets.get('store/last');
-- Bytes that are no heap are not ours, whatever the default is.
SELECT DISTINCT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE relnamespace = 'secrets_catalog'::regnamespace AND relkind = 'r';

-- Settings that guard: not to be changed in a session, by anybody.
SELECT name, context, boot_val, unit FROM pg_settings WHERE name LIKE 'secrets.%' ORDER BY name COLLATE "C";
SELECT s, pg_temp.run('SET ' || s) FROM (VALUES ('secrets.max_versions = 1'), ('secrets.max_value_size = 1'), ('secrets.root_key = ''file:/canary'''), ('secrets.unknown = 1')) v (s);
SELECT s, pg_temp.run('ALTER ROLE CURRENT_USER SET ' || s) FROM (VALUES ('secrets.allow_drop = on'), ('secrets.unknown = 1')) v (s);
