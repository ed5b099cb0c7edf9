-- kv: put, put_bytes, their arguments and their refusals.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- A secret is made by its first put; versions count from 1.
SELECT secrets.put('put/a', 'one');
SELECT secrets.put('put/a', 'two');
SELECT secrets.get('put/a'), secrets.current_version('put/a');
SELECT version, stages, state, created_by = current_user, size FROM secrets.versions WHERE name = 'put/a' ORDER BY version;

-- An untyped literal, and an untyped parameter, are text and not jsonb.
SELECT secrets.put('put/untyped', '{"a": 1, "a": 2}');
SELECT secrets.get('put/untyped');
PREPARE untyped AS SELECT secrets.put('put/untyped', $1);
EXECUTE untyped('{ }');
SELECT secrets.get('put/untyped'), content_type FROM secrets.secrets WHERE name = 'put/untyped';
DEALLOCATE untyped;

-- The empty string is a value; NULL is not.
SELECT secrets.put('put/empty', '');
SELECT '[' || secrets.get('put/empty') || ']', length(secrets.get_bytes('put/empty'));
SELECT secrets.put_bytes('put/empty', '');
SELECT length(secrets.get_bytes('put/empty'));
SELECT pg_temp.try($$secrets.put('put/empty', NULL::text)$$);
SELECT pg_temp.try($$secrets.put('put/empty', NULL::jsonb)$$);
SELECT pg_temp.try($$secrets.put_bytes('put/empty', NULL)$$);
SELECT pg_temp.try($$secrets.put(NULL, $1[1])$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/empty', $1[1], options => NULL)$$, 'canary');
-- Those whose default is NULL take it.
SELECT pg_temp.try($$secrets.put('put/empty', 'x', description => NULL, tags => NULL, expires_at => NULL, if_version => NULL)$$);

-- jsonb: stored as jsonb writes it, with its content type.
SELECT secrets.put('put/json', '{"b": 2, "a": [1, "x"]}'::jsonb);
SELECT secrets.get('put/json');
SELECT content_type FROM secrets.describe('put/json');
-- The content type of one's own choice comes before it.
SELECT secrets.put('put/json', '1'::jsonb, options => '{"content_type": "application/vnd.own+json"}');
SELECT content_type FROM secrets.describe('put/json');

-- Any text there is, and any bytes.
SELECT secrets.put('put/utf8', E'\u00e4\u20ac\U0001F511');
SELECT secrets.get('put/utf8') = E'\u00e4\u20ac\U0001F511', secrets.get_bytes('put/utf8');
SELECT secrets.put_bytes('put/bytes', '\x00ff0041');
SELECT secrets.get_bytes('put/bytes');
SELECT size FROM secrets.versions WHERE name = 'put/bytes';

-- Values of every length around the blocks of the cipher and the pages of TOAST.
SELECT count(*) FROM (VALUES (1), (15), (16), (17), (31), (32), (33), (63), (64), (65), (1900), (2000), (2040), (4096), (8192), (65536), (1048575), (1048576)) n (n),
	LATERAL (SELECT repeat('v', n) AS value) v
	WHERE secrets.put('put/sizes', value) > 0 AND secrets.get('put/sizes') = value AND length(secrets.get_bytes('put/sizes')) = n;
SELECT pg_temp.try($$secrets.put('put/sizes', repeat('v', 1048577))$$);
SELECT pg_temp.try($$secrets.put_bytes('put/sizes', decode(repeat('00', 1048577), 'hex'))$$);
SELECT pg_temp.state($$secrets.put('put/sizes', to_jsonb(repeat('v', 1048575)))$$);
SELECT secrets.current_version('put/sizes');

-- check-and-set.  0: must not exist; n: must be current.
SELECT secrets.put('put/cas', 'one', if_version => 0);
SELECT pg_temp.try($$secrets.put('put/cas', $1[1], if_version => 0)$$, 'canary');
SELECT secrets.put('put/cas', 'two', if_version => 1);
SELECT pg_temp.try($$secrets.put('put/cas', $1[1], if_version => 1)$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/cas', $1[1], if_version => 3)$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/cas/none', $1[1], if_version => 3)$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/cas', $1[1], if_version => -1)$$, 'canary');
SELECT pg_temp.state($$secrets.put('put/cas', 'x', if_version => 9223372036854775807)$$);
SELECT secrets.current_version('put/cas'), pg_temp.state($$secrets.current_version('put/cas/none')$$);
-- After a rollback it is the current version that counts, not the last.
SELECT secrets.rollback('put/cas');
SELECT secrets.put('put/cas', 'three', if_version => 1);
-- A deleted secret does not exist.
SELECT secrets.delete('put/cas') > now();
SELECT secrets.put('put/cas', 'new', if_version => 0);

-- request_id: the same request again does nothing again.
SELECT secrets.put('put/req', 'one', options => '{"request_id": "11111111-2222-3333-4444-555555555555"}');
SELECT secrets.put('put/req', 'one', options => '{"request_id": "11111111-2222-3333-4444-555555555555"}');
SELECT secrets.put('put/req', 'two');
SELECT secrets.put('put/req', 'one', options => '{"request_id": "11111111222233334444555555555555"}');
SELECT secrets.get('put/req'), secrets.current_version('put/req');
SELECT pg_temp.try($$secrets.put('put/req', $1[1], options => '{"request_id": "11111111-2222-3333-4444-555555555555"}')$$, 'canary');
-- Text and bytes of the same octets are two values.
SELECT pg_temp.try($$secrets.put_bytes('put/req', 'one', options => '{"request_id": "11111111-2222-3333-4444-555555555555"}')$$);
-- It comes before check-and-set: a client that repeats itself has not lost.
SELECT secrets.put('put/req', 'one', if_version => 0, options => '{"request_id": "11111111-2222-3333-4444-555555555555"}');
-- It is the secret's own: the same id elsewhere is another request.
SELECT secrets.put('put/req2', 'other', options => '{"request_id": "11111111-2222-3333-4444-555555555555"}');
SELECT pg_temp.try($$secrets.put('put/req', 'x', options => '{"request_id": "canary"}')$$);
SELECT pg_temp.try($$secrets.put('put/req', 'x', options => '{"request_id": "11111111-2222-3333-4444-5555555555556"}')$$);
SELECT pg_temp.try($$secrets.put('put/req', 'x', options => '{"request_id": 7}')$$);

-- Options.
SELECT pg_temp.try($$secrets.put('put/opt', 'x', options => jsonb_build_object($1[1], 1))$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/opt', 'x', options => to_jsonb($1))$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/opt', 'x', options => to_jsonb($1[1]))$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/opt', 'x', options => 'null')$$);
SELECT pg_temp.try($$secrets.put('put/opt', 'x', options => '{"content_type": ["canary"]}')$$);
SELECT pg_temp.try($$secrets.put('put/opt', 'x', options => '{"content_type": null}')$$);
SELECT pg_temp.state($$secrets.current_version('put/opt')$$);

-- Metadata: NULL leaves, '' clears, tags replaces all.
SELECT secrets.put('put/meta', 'x', 'first', '{"a": 1, "b": 2}', options => '{"content_type": "text/plain"}');
SELECT description, tags, content_type FROM secrets.describe('put/meta');
SELECT secrets.put('put/meta', 'x');
SELECT description, tags, content_type FROM secrets.describe('put/meta');
SELECT secrets.put('put/meta', 'x', tags => '{"c": 3}', description => 'second');
SELECT description, tags, content_type FROM secrets.describe('put/meta');
SELECT secrets.put('put/meta', 'x', '', '{}', options => '{"content_type": ""}');
SELECT description IS NULL, tags IS NULL, content_type IS NULL FROM secrets.describe('put/meta');
SELECT pg_temp.try($$secrets.put('put/meta', 'x', tags => to_jsonb($1))$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/meta', 'x', tags => to_jsonb($1[1]))$$, 'canary');
SELECT pg_temp.try($$secrets.put('put/meta', 'x', tags => 'null')$$);
SELECT pg_temp.try($$secrets.put('put/meta', 'x', description => repeat('canary', 400))$$);
SELECT pg_temp.try($$secrets.put('put/meta', 'x', options => jsonb_build_object('content_type', repeat('canary', 50)))$$);
SELECT pg_temp.try($$secrets.put('put/meta', 'x', tags => jsonb_build_object('a', repeat('canary', 20000)))$$);

-- Expiry: writing to what has expired needs a new one.
SELECT secrets.put('put/exp', 'x', expires_at => 'infinity');
SELECT expires_at IS NULL FROM secrets.describe('put/exp');
SELECT secrets.put('put/exp', 'x', expires_at => now() + interval '1 hour');
SELECT secrets.get('put/exp'), expires_at > now() FROM secrets.describe('put/exp');
SELECT secrets.put('put/exp', 'x', expires_at => now() - interval '1 hour');
SELECT pg_temp.try($$secrets.get('put/exp')$$);
SELECT pg_temp.try($$secrets.try_get('put/exp')$$);
SELECT pg_temp.try($$secrets.get_bytes('put/exp')$$);
SELECT pg_temp.try($$secrets.put('put/exp', $1[1])$$, 'canary');
SELECT pg_temp.state($$secrets.put_bytes('put/exp', 'x')$$), pg_temp.state($$secrets.generate('put/exp')$$),
	pg_temp.state($$secrets.patch('put/exp', '{}')$$), pg_temp.state($$secrets.alter('put/exp', description => 'x')$$);
SELECT secrets.put('put/exp', 'back', expires_at => 'infinity');
SELECT secrets.get('put/exp');
SELECT secrets.put('put/exp', 'x', expires_at => '-infinity');
SELECT pg_temp.state($$secrets.get('put/exp')$$);

-- Names: what is one, and that what is none is not quoted.
SELECT name, pg_temp.state($$secrets.put($1[1], 'x')$$, name) FROM (VALUES
	('a'), ('0'), ('A/b/C'), ('.a'), ('a.'), ('..a'), ('...'), ('a/.../b'), ('-'), ('@+=-_.x'), ('a@b.example'),
	(''), ('/'), ('/a'), ('a/'), ('a//b'), ('.'), ('..'), ('a/./b'), ('a/../b'), ('a/..'), ('./a'),
	('a b'), ('a*'), ('*'), ('**'), ('a,b'), ('a:b'), ('a\b'), ('a''b'), ('a"b'), ('a;b'), ('a%b'), ('a?b'), ('a#b'), ('a~b'),
	('a' || chr(9)), ('a' || chr(10)), ('a' || chr(127)), (chr(228)), (' a')) v (name);
SELECT pg_temp.try($$secrets.put($1[1], 'x')$$, 'the canary');
SELECT pg_temp.state($$secrets.put(repeat('n', 512), 'x')$$), pg_temp.state($$secrets.put(repeat('n', 513), 'x')$$),
	pg_temp.state($$secrets.put(repeat('n/', 255) || 'nn', 'x')$$), pg_temp.state($$secrets.put(repeat('n/', 256) || 'n', 'x')$$);
-- Upper and lower case are different names, sorted as bytes.
SELECT secrets.put('put/Case', 'upper'), secrets.put('put/case', 'lower');
SELECT secrets.get('put/Case'), secrets.get('put/case');

-- The versions that are kept.
SELECT count(secrets.put('put/keep', v::text)) FROM generate_series(1, 25) v;
SELECT min(version), max(version), count(*) FROM secrets.versions WHERE name = 'put/keep';
SELECT pg_temp.state($$secrets.get('put/keep', version => 15)$$), pg_temp.state($$secrets.get('put/keep', version => 16)$$);

-- One transaction sees its own puts; a rollback takes them back, numbers too.
BEGIN;
SELECT secrets.put('put/tx', 'one');
SAVEPOINT s;
SELECT secrets.put('put/tx', 'two'), secrets.get('put/tx');
ROLLBACK TO s;
SELECT secrets.get('put/tx'), secrets.put('put/tx', 'three');
ROLLBACK;
SELECT pg_temp.state($$secrets.get('put/tx')$$);

-- A read-only transaction reads and does not write.
BEGIN READ ONLY;
SELECT secrets.get('put/a');
SELECT pg_temp.state($$secrets.put('put/a', $1[1])$$, 'canary'), pg_temp.state($$secrets.put('put/new', $1[1])$$, 'canary'),
	pg_temp.state($$secrets.delete('put/a')$$), pg_temp.state($$secrets.generate('put/a')$$), pg_temp.state($$secrets.watch('put/a')$$);
ROLLBACK;

-- The caller's search_path decides nothing.
CREATE SCHEMA put_hostile;
CREATE FUNCTION put_hostile.always(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR put_hostile.= (FUNCTION = put_hostile.always, LEFTARG = text, RIGHTARG = text);
CREATE TABLE put_hostile.secret (LIKE secrets_catalog.secret);
SET search_path = put_hostile, secrets_catalog, pg_catalog;
SELECT secrets.put('put/path', 'x'), secrets.get('put/path'), secrets.put('put/path', 'y'), secrets.get('put/path', stage => 'previous');
SELECT secrets.rename('put/path', 'put/path2');
SELECT count(*) FROM put_hostile.secret;
RESET search_path;
DROP SCHEMA put_hostile CASCADE;

-- In a function, in a trigger, in a cursor, for many rows in one statement.
SELECT sum(secrets.put('put/many/' || i, i::text)) FROM generate_series(1, 100) i;
SELECT count(*), bool_and(value = split_part(name, '/', 3)) FROM secrets.get_all('put/many/*');

SELECT pg_temp.clean();
