-- kv: generate, random_password.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- The kinds that there are by now.
SELECT secrets.generate('gen/p'), length(secrets.get('gen/p')), secrets.get('gen/p') ~ '^[A-Za-z0-9._~-]{32}$';
SELECT secrets.generate('gen/p'), secrets.get('gen/p') <> secrets.get('gen/p', stage => 'previous');
SELECT secrets.generate('gen/t', 'token'), secrets.get('gen/t') ~ '^[A-Za-z0-9_-]{43}$';
SELECT secrets.generate('gen/t', 'token', '{"length": 16}'), secrets.get('gen/t') ~ '^[A-Za-z0-9_-]{22}$';
SELECT secrets.generate('gen/b', 'bytes'), length(secrets.get_bytes('gen/b')), pg_temp.state($$secrets.get('gen/b')$$);
SELECT secrets.generate('gen/b', 'bytes', '{"length": 64}'), length(secrets.get_bytes('gen/b'));
SELECT secrets.generate('gen/u', 'uuid'), secrets.get('gen/u') ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', secrets.get('gen/u')::uuid IS NOT NULL;
-- Metadata stays, as in put.
SELECT secrets.alter('gen/u', description => 'kept'), secrets.generate('gen/u', 'uuid');
SELECT description, current_version FROM secrets.describe('gen/u');

-- Options of a password.
SELECT secrets.generate('gen/p', 'password', '{"length": 4096}'), length(secrets.get('gen/p'));
SELECT secrets.generate('gen/p', options => '{"length": 200, "classes": ["digit"]}'), secrets.get('gen/p') ~ '^[0-9]{200}$';
SELECT secrets.generate('gen/p', options => '{"length": 500, "classes": ["lower", "punctuation"], "exclude": "abc\"''"}'), length(secrets.get('gen/p')), secrets.get('gen/p') ~ '^[^A-Z0-9abc"''._~-]*$';
-- Each class at least once, however short.
SELECT count(*) FROM generate_series(1, 200) i WHERE secrets.generate('gen/p', options => '{"length": 4, "classes": ["lower", "upper", "digit", "symbol"]}') > 0
	AND secrets.get('gen/p') ~ '[a-z]' AND secrets.get('gen/p') ~ '[A-Z]' AND secrets.get('gen/p') ~ '[0-9]' AND secrets.get('gen/p') ~ '[._~-]';
SELECT secrets.current_version('gen/p') AS v \gset
SELECT options, pg_temp.state($$secrets.generate('gen/p', 'password', $1[1]::jsonb)$$, options) FROM (VALUES
	('{"length": 0}'), ('{"length": -1}'), ('{"length": 4097}'), ('{"length": 2}'), ('{"length": "canary"}'), ('{"length": 1.5}'), ('{"length": 1e99}'), ('{"length": null}'), ('{"length": 4294967328}'),
	('{"canary": 1}'), ('[]'), ('"canary"'), ('{"classes": "digit"}'), ('{"classes": ["canary"]}'), ('{"classes": [1]}'), ('{"classes": []}'), ('{"classes": {}}'), ('{"classes": [["digit"]]}'),
	('{"exclude": 1}'), ('{"classes": ["digit"], "exclude": "0123456789"}'), ('{"Length": 32}')) v (options);
SELECT pg_temp.try($$secrets.generate('gen/p', 'password', $1[1]::jsonb)$$, options) FROM (VALUES
	('{"canary": 1}'), ('{"length": 0}'), ('{"classes": ["canary"]}'), ('{"classes": []}'), ('{"classes": ["digit"], "exclude": "canary0123456789"}')) v (options);
SELECT kind, options, pg_temp.state($$secrets.generate('gen/p', $1[1], $1[2]::jsonb)$$, kind, options) FROM (VALUES
	('token', '{"length": 15}'), ('token', '{"length": 4097}'), ('token', '{"exclude": ""}'), ('bytes', '{"length": 15}'), ('bytes', '{"canary": 1}'), ('uuid', '{"length": 32}')) v (kind, options);
SELECT pg_temp.try($$secrets.generate('gen/p', $1[1])$$, 'canary');
SELECT pg_temp.state($$secrets.generate('gen/p', 'Password')$$), pg_temp.state($$secrets.generate('gen/p', '')$$);
SELECT pg_temp.try($$secrets.generate(NULL)$$), pg_temp.try($$secrets.generate('gen/p', NULL)$$), pg_temp.try($$secrets.generate('gen/p', 'password', NULL)$$);
SELECT pg_temp.try($$secrets.generate($1[1])$$, 'a canary');
SELECT secrets.current_version('gen/p') = :v;

-- A password that is stored nowhere.
SELECT secrets.random_password() ~ '^[A-Za-z0-9._~-]{32}$', length(secrets.random_password(64)), secrets.random_password() <> secrets.random_password();
SELECT count(*) FROM generate_series(1, 100) WHERE secrets.random_password(8, 'lIO01') ~ '[lIO01]';
SELECT pg_temp.try($$secrets.random_password(3)$$), pg_temp.state($$secrets.random_password(2)$$), pg_temp.state($$secrets.random_password(0)$$), pg_temp.state($$secrets.random_password(4097)$$), pg_temp.state($$secrets.random_password(-2147483648)$$);
SELECT pg_temp.try($$secrets.random_password(8, $1[1])$$, '0123456789canary');
SELECT pg_temp.try($$secrets.random_password(NULL)$$), pg_temp.try($$secrets.random_password(8, NULL)$$);

-- No character is favoured: each of the 66 comes about 3,100 times, give or take eight standard deviations.
SELECT count(*), min(n) > total / 66 * 0.85, max(n) < total / 66 * 1.15 FROM (
	SELECT c, count(*) AS n, sum(count(*)) OVER () AS total
	FROM generate_series(1, 50) i, LATERAL regexp_split_to_table(secrets.random_password(4096 + 0 * i), '') c
	GROUP BY c) counts GROUP BY total;

SELECT pg_temp.clean();
