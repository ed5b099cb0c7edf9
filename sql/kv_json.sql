-- kv: patch (RFC 7396), and fields of JSON that was put as text.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- Every example of RFC 7396, Appendix A, whose original is an object.
-- Those whose original or patch is none are refused below.
CREATE TEMP TABLE rfc (n serial, original text, patch text, result jsonb);
INSERT INTO rfc (original, patch, result) VALUES
	('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
	('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
	('{"a":"b"}', '{"a":null}', '{}'),
	('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
	('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
	('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
	('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
	('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
	('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
	('{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
	-- The example in its section 3.
	('{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"}',
	 '{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}',
	 '{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged","phoneNumber":"+01-123-456-7890"}'),
	-- Beyond it: nothing, everything, keys in escapes, keys that come twice, nulls in arrays.
	('{"a":1}', '{}', '{"a":1}'),
	(' { "a" : 1 } ', ' { } ', '{"a":1}'),
	('{"a":1,"b":2}', '{"a":null,"b":null}', '{}'),
	('{"a":1}', '{"\u0061":2}', '{"a":2}'),
	('{"\u0061":1}', '{"a":null}', '{}'),
	('{"a":1,"a":2}', '{"b":3}', '{"a":2,"b":3}'),
	('{"a":1}', '{"b":1,"b":null}', '{"a":1}'),
	('{"a":1}', '{"b":null,"b":1}', '{"a":1,"b":1}'),
	('{"a":1}', '{"a":[null,{"x":null}]}', '{"a":[null,{"x":null}]}'),
	('{"a":1}', '{"a":{"x":null,"y":1}}', '{"a":{"y":1}}'),
	('{"":1}', '{"":{"":null}}', '{"":{}}'),
	('{"n":1.10,"big":12345678901234567890123}', '{"x":1e400}', '{"n":1.10,"big":12345678901234567890123,"x":1e400}'),
	('{"a":"\u00e4\ud83d\udd11"}', '{"b":"\n\"\\\/"}', '{"a":"\u00e4\ud83d\udd11","b":"\n\"\\/"}');
SELECT n, secrets.put('json/rfc', original), secrets.patch('json/rfc', patch), secrets.get('json/rfc')::jsonb = result AS text_form,
	secrets.put('json/rfc', original), secrets.patch('json/rfc', patch::jsonb), secrets.get('json/rfc')::jsonb = result AS jsonb_form
	FROM rfc WHERE n NOT IN (23) ORDER BY n;
-- What a number looks like is kept.
SELECT secrets.put('json/rfc', original), secrets.patch('json/rfc', patch), secrets.get('json/rfc') FROM rfc WHERE n = 23;

-- A patch makes a version as put does.
SELECT secrets.put('json/v', '{"user": "app", "password": "old"}');
SELECT secrets.patch('json/v', '{"password": "new"}');
SELECT secrets.get('json/v', 'user'), secrets.get('json/v', 'password'), secrets.get('json/v', 'password', stage => 'previous');
SELECT stages FROM secrets.versions WHERE name = 'json/v' ORDER BY version;
-- One's own metadata stays.
SELECT secrets.alter('json/v', description => 'kept', tags => '{"t": 1}', content_type => 'application/json');
SELECT secrets.patch('json/v', '{"x": 1}'::jsonb);
SELECT description, tags, content_type FROM secrets.describe('json/v');

-- Not a JSON object: 22032, and nothing of it is quoted.
SELECT secrets.put('json/text', 'canary text'), secrets.put('json/array', '["canary"]'), secrets.put_bytes('json/bytes', '{}'),
	secrets.put('json/broken', '{"canary": 1'), secrets.put('json/empty', '');
SELECT pg_temp.try($$secrets.patch('json/v', $1[1])$$, '["canary"]');
SELECT p, pg_temp.state($$secrets.patch('json/v', $1[1])$$, p) FROM (VALUES
	(''), (' '), ('canary'), ('null'), ('1'), ('"canary"'), ('[]'), ('{'), ('}'), ('{"canary"}'), ('{"canary":}'), ('{"a":1,}'), ('{,}'),
	('{"a":1}}'), ('{"a":1} x'), ('{"a":01}'), ('{"a":1.}'), ('{"a":+1}'), ('{"a":.5}'), ('{"a":tru}'), ('{"a":"\x"}'), ('{"a":"\u12"}'),
	('{''a'':1}'), ('{"a":"b' || chr(10) || 'c"}'), ('{a:1}'), ('{"a":NaN}'), ('{"a":1 "b":2}'), ('/**/{}')) v (p);
SELECT name, pg_temp.state($$secrets.patch($1[1], '{"canary": 1}')$$, name) FROM secrets.list('json/*') WHERE name <> 'json/v' AND name <> 'json/rfc';
SELECT pg_temp.try($$secrets.patch('json/text', '{}')$$);
SELECT pg_temp.state($$secrets.patch('json/v', '[1]'::jsonb)$$), pg_temp.state($$secrets.patch('json/v', '"x"'::jsonb)$$), pg_temp.state($$secrets.patch('json/v', 'null'::jsonb)$$);
SELECT secrets.current_version('json/v');
-- Deep is refused before the stack is, both ways.
SELECT pg_temp.state($$secrets.patch('json/v', $1[1])$$, repeat('{"a":', 100000) || '1' || repeat('}', 100000));
SELECT pg_temp.state($$secrets.patch('json/v', $1[1])$$, '{"a":' || repeat('[', 100000) || repeat(']', 100000) || '}');
-- Too large is too large after the merge, too.
SELECT secrets.put('json/big', json_build_object('a', repeat('x', 600000))::text);
SELECT pg_temp.state($$secrets.patch('json/big', json_build_object('b', repeat('canary', 100000))::text)$$);

-- A merge that would hold the lock for minutes.
SELECT secrets.put('json/many', (SELECT json_object_agg('key' || i, i)::text FROM generate_series(1, 20000) i));
SELECT pg_temp.try($$secrets.patch('json/many', (SELECT json_object_agg('new' || i, i)::text FROM generate_series(1, 20000) i))$$);
SELECT secrets.current_version('json/many'), secrets.patch('json/big', '{"few": 1}');

-- Other refusals.
SELECT pg_temp.try($$secrets.patch('json/none', '{}')$$), pg_temp.try($$secrets.patch('json//x', '{}')$$);
SELECT pg_temp.try($$secrets.patch(NULL, '{}'::text)$$), pg_temp.try($$secrets.patch(NULL, '{}'::jsonb)$$),
	pg_temp.try($$secrets.patch('json/v', NULL::text)$$), pg_temp.try($$secrets.patch('json/v', NULL::jsonb)$$);
SELECT secrets.put('json/off', '{}'), secrets.disable('json/off');
SELECT pg_temp.try($$secrets.patch('json/off', '{"a": 1}')$$);
SELECT secrets.enable('json/off'), secrets.destroy('json/off', 1);
SELECT pg_temp.try($$secrets.patch('json/off', '{"a": 1}')$$);

-- Fields of what was put as text: keys and values as they read, the last of two.
SELECT secrets.put('json/f', '{"k":1,"\u006b":"last","\u00e4":"\ud83d\udd11","esc":"\"\\\/\b\f\n\r\t","n":-0.10e+05,"sp" :  [ 1 ,2 ] ,"nul":"\u0000canary","half":"\ud800canary","t":true,"o":{"x": 1}}');
SELECT secrets.get('json/f', 'k'), secrets.get('json/f', E'\u00e4') = E'\U0001F511', secrets.get('json/f', 'esc') = E'"\\/\b\f\n\r\t',
	secrets.get('json/f', 'n'), secrets.get('json/f', 'sp'), secrets.get('json/f', 't'), secrets.get('json/f', 'o');
SELECT pg_temp.try($$secrets.get('json/f', 'nul')$$), pg_temp.try($$secrets.get('json/f', 'half')$$), pg_temp.state($$secrets.try_get('json/f', 'nul')$$);
SELECT name, pg_temp.state($$secrets.get($1[1], 'a')$$, name) FROM secrets.list('json/*') WHERE name IN ('json/array', 'json/broken', 'json/bytes', 'json/empty', 'json/text');

SELECT pg_temp.clean();
