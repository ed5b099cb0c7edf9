-- kv: get, try_get, get_bytes, get_many, get_all, current_version.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

SELECT secrets.put('get/text', 'one');
SELECT secrets.put('get/text', 'two');
SELECT secrets.put('get/text', 'three');
SELECT secrets.put_bytes('get/bytes', '\xff00');
SELECT secrets.put('get/json', '{"user": "app", "port": 5432, "tls": true, "none": null, "list": [1, 2], "deep": {"a": "b"}, "canary": "x", "": "empty"}');

-- By version, by stage.
SELECT secrets.get('get/text'), secrets.get('get/text', version => 1), secrets.get('get/text', version => 3),
	secrets.get('get/text', stage => 'current'), secrets.get('get/text', stage => 'previous');
SELECT secrets.get_bytes('get/text', 1), secrets.get_bytes('get/text', stage => 'previous'), secrets.get_bytes('get/bytes');
SELECT secrets.label('get/text', 'blue', 1);
SELECT secrets.get('get/text', stage => 'blue');
SELECT pg_temp.try($$secrets.get('get/text', version => 4)$$);
SELECT pg_temp.try($$secrets.get('get/text', version => 0)$$), pg_temp.try($$secrets.get('get/text', version => -1)$$),
	pg_temp.state($$secrets.get('get/text', version => 9223372036854775807)$$);
SELECT pg_temp.try($$secrets.get('get/text', stage => 'green')$$);
SELECT pg_temp.try($$secrets.get('get/json', stage => 'previous')$$);
SELECT pg_temp.try($$secrets.get('get/text', stage => 'pending')$$);
SELECT pg_temp.try($$secrets.get('get/text', version => 1, stage => 'current')$$);
SELECT pg_temp.try($$secrets.get('get/text', version => 0, stage => 'current')$$);
SELECT pg_temp.try($$secrets.get_bytes('get/text', 1, 'current')$$);
SELECT pg_temp.try($$secrets.get('get/text', stage => $1[1])$$, 'the canary');
SELECT pg_temp.state($$secrets.get('get/text', stage => '')$$), pg_temp.state($$secrets.get('get/text', stage => 'Current')$$);

-- What is not there.
SELECT pg_temp.try($$secrets.get($1[1])$$, 'get/canary');
SELECT pg_temp.try($$secrets.get_bytes($1[1])$$, 'get/canary');
SELECT pg_temp.try($$secrets.current_version($1[1])$$, 'get/canary');
SELECT pg_temp.try($$secrets.get($1[1])$$, 'the canary');
SELECT pg_temp.try($$secrets.try_get($1[1])$$, 'the canary');
SELECT pg_temp.state($$secrets.get('')$$), pg_temp.state($$secrets.get(repeat('x', 513))$$), pg_temp.state($$secrets.get('get/*')$$);

-- The wrong kind of value.
SELECT pg_temp.try($$secrets.get('get/bytes')$$);
SELECT pg_temp.try($$secrets.try_get('get/bytes')$$);

-- One field, as ->> has it.
SELECT secrets.get('get/json', 'user'), secrets.get('get/json', 'port'), secrets.get('get/json', 'tls'),
	secrets.get('get/json', 'list'), secrets.get('get/json', 'deep'), secrets.get('get/json', ''), secrets.get('get/json', 'none') IS NULL;
SELECT pg_temp.try($$secrets.get('get/json', $1[1])$$, 'no canary');
SELECT pg_temp.try($$secrets.get('get/json', 'deep.a')$$);
SELECT pg_temp.try($$secrets.get('get/text', 'user')$$);
SELECT pg_temp.state($$secrets.get('get/bytes', 'user')$$);
-- A stage or a version given where a field stands.
SELECT pg_temp.try($$secrets.get('get/text', 'previous')$$);
SELECT pg_temp.try($$secrets.get('get/text', 'blue')$$);
SELECT pg_temp.try($$secrets.get('get/text', '2')$$);
SELECT pg_temp.try($$secrets.get('get/text', '7')$$);
SELECT pg_temp.try($$secrets.get('get/json', 'current')$$);
SELECT pg_temp.try($$secrets.get('get/json', 'previous')$$);
SELECT pg_temp.try($$secrets.get('get/json', '1')$$);

-- try_get: NULL exactly where get says 42704 or 2203A.
SELECT what, pg_temp.state('secrets.get(' || call || ')'), pg_temp.state('secrets.try_get(' || call || ')') FROM (VALUES
	('there', $$'get/text'$$),
	('no secret', $$'get/none'$$),
	('no version', $$'get/text', version => 9$$),
	('no stage', $$'get/text', stage => 'green'$$),
	('field', $$'get/json', 'user'$$),
	('no field', $$'get/json', 'nobody'$$),
	('null field', $$'get/json', 'none'$$),
	('no object', $$'get/text', 'user'$$),
	('binary', $$'get/bytes'$$),
	('bad name', $$'get//x'$$),
	('bad stage', $$'get/text', stage => '#'$$),
	('both', $$'get/text', version => 1, stage => 'current'$$),
	('null name', $$NULL$$)) c (what, call);

-- NULL.
SELECT pg_temp.try($$secrets.get(NULL)$$), pg_temp.try($$secrets.get_bytes(NULL)$$), pg_temp.try($$secrets.try_get(NULL)$$),
	pg_temp.try($$secrets.current_version(NULL)$$);
SELECT secrets.get('get/text', NULL, NULL, NULL), secrets.get_bytes('get/text', NULL, NULL), secrets.try_get('get/text', NULL, NULL, NULL);
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.get_many(NULL))$$), pg_temp.try($$(SELECT count(*) FROM secrets.get_all(NULL))$$),
	pg_temp.try($$(SELECT count(*) FROM secrets.get_many(ARRAY['get/text', NULL]))$$);

-- get_many: in the order given, twice if asked for twice; the first that fails raises.
SELECT * FROM secrets.get_many(ARRAY['get/text', 'get/json', 'get/text']) m (name, version, value) WHERE value NOT LIKE '{%';
SELECT count(*) FROM secrets.get_many('{}');
SELECT name FROM secrets.get_many(ARRAY['get/text', 'get/json']) WITH ORDINALITY ORDER BY ordinality;
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.get_many(ARRAY['get/text', $1[1], 'get/bytes']))$$, 'get/canary');
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.get_many(ARRAY['get/text', 'get/bytes', 'get/text']))$$);
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.get_many(ARRAY['get/text', $1[1]]))$$, 'the canary');
-- In a select list, and left early.
SELECT (secrets.get_many(ARRAY['get/text', 'get/json'])).version;
SELECT count(*) FROM (SELECT * FROM secrets.get_many(ARRAY['get/text', 'get/json']) LIMIT 1) one;

-- get_all: what cannot be given says why.
SELECT secrets.put('get/all/ok', 'fine');
SELECT secrets.put('get/all/empty', '');
SELECT secrets.put_bytes('get/all/binary', '\x00');
SELECT secrets.put('get/all/disabled', 'x'), secrets.disable('get/all/disabled');
SELECT secrets.put('get/all/expired', 'x', expires_at => now() - interval '1 second');
SELECT secrets.put('get/all/off', 'x'), secrets.disable('get/all/off', 1);
SELECT secrets.put('get/all/destroyed', 'x'), secrets.destroy('get/all/destroyed', 1);
SELECT secrets.put('get/all/deleted', 'x'), secrets.delete('get/all/deleted') > now();
SELECT secrets.put('get/all/deep/er', 'deeper');
SELECT * FROM secrets.get_all('get/all/*');
SELECT * FROM secrets.get_all('get/all/**') WHERE problem IS NULL;
SELECT name FROM secrets.get_all('**/er'), pg_typeof(problem);
SELECT count(*) FROM secrets.get_all('nothing/**');
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.get_all($1[1]))$$, 'the canary');
SELECT pg_temp.state($$(SELECT count(*) FROM secrets.get_all(''))$$), pg_temp.state($$(SELECT count(*) FROM secrets.get_all('a***'))$$),
	pg_temp.state($$(SELECT count(*) FROM secrets.get_all('a**'))$$), pg_temp.state($$(SELECT count(*) FROM secrets.get_all('a/**b'))$$);
-- The same refusals one by one.
SELECT name, pg_temp.try($$secrets.get($1[1])$$, name), pg_temp.state($$secrets.try_get($1[1])$$, name), pg_temp.state($$secrets.get_bytes($1[1])$$, name)
	FROM secrets.get_all('get/all/*') WHERE problem IS NOT NULL;

-- Reading does not count as a change, and locks nothing.
SELECT changed_at = created_at FROM secrets.describe('get/all/ok');

-- Nothing is folded into a plan, and nothing shows in one.
EXPLAIN (VERBOSE, COSTS OFF) SELECT secrets.get('get/text') FROM generate_series(1, 2);
SELECT provolatile, proparallel FROM pg_proc WHERE oid = 'secrets.get'::regproc;

SELECT pg_temp.clean();
