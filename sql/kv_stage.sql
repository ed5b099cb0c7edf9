-- kv: label, rollback, disable, enable, alter: which version is which, and what may be read.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE FUNCTION pg_temp.stages(name text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(v.version || ':' || array_to_string(v.stages, '+') || CASE WHEN v.state <> 'enabled' THEN '(' || v.state || ')' ELSE '' END, ' ' ORDER BY v.version)
	FROM secrets.versions v WHERE v.name = $1
$$;

SELECT count(secrets.put('stage/a', v::text)) FROM generate_series(1, 4) v;
SELECT pg_temp.stages('stage/a');

-- Custom stages move, and come off; current and previous take their places first in the list.
SELECT secrets.label('stage/a', 'blue', 1), secrets.label('stage/a', 'pending', 4), secrets.label('stage/a', 'a-_0', 3);
SELECT pg_temp.stages('stage/a');
SELECT secrets.get('stage/a', stage => 'blue'), secrets.get('stage/a', stage => 'pending'), secrets.get_bytes('stage/a', stage => 'a-_0');
SELECT secrets.label('stage/a', 'blue', 3);
SELECT secrets.label('stage/a', 'pending', NULL), secrets.label('stage/a', 'a-_0', NULL);
SELECT pg_temp.stages('stage/a');
SELECT pg_temp.try($$secrets.label('stage/a', 'pending', NULL)$$);
SELECT pg_temp.try($$secrets.label('stage/a', $1[1], NULL)$$, 'canary');

-- Moving current moves previous.
SELECT secrets.label('stage/a', 'current', 1);
SELECT pg_temp.stages('stage/a'), secrets.get('stage/a'), secrets.current_version('stage/a');
-- To where it is: nothing moves.
SELECT secrets.label('stage/a', 'current', 1);
SELECT pg_temp.stages('stage/a');
SELECT secrets.label('stage/a', 'previous', 2);
SELECT pg_temp.stages('stage/a'), secrets.get('stage/a', stage => 'previous');
-- The next version is 5 all the same.
SELECT secrets.put('stage/a', '5');
SELECT pg_temp.stages('stage/a');
-- The built-in two do not come off.
SELECT pg_temp.try($$secrets.label('stage/a', 'current', NULL)$$), pg_temp.try($$secrets.label('stage/a', 'previous', NULL)$$);

-- Refusals.
SELECT pg_temp.try($$secrets.label('stage/a', 'blue', 99)$$), pg_temp.state($$secrets.label('stage/a', 'current', 99)$$),
	pg_temp.state($$secrets.label('stage/a', 'previous', 0)$$), pg_temp.state($$secrets.label('stage/a', 'blue', -1)$$);
SELECT pg_temp.try($$secrets.label('stage/none', 'blue', 1)$$), pg_temp.state($$secrets.label('stage//a', 'blue', 1)$$);
SELECT pg_temp.try($$secrets.label('stage/a', $1[1], 1)$$, 'Canary canary');
SELECT s, pg_temp.state($$secrets.label('stage/a', $1[1], 1)$$, s) FROM (VALUES (''), ('A'), ('a b'), ('a/b'), ('a.b'), (chr(228)), ('*')) v (s);
SELECT pg_temp.state($$secrets.label('stage/a', repeat('s', 63), 1)$$), pg_temp.state($$secrets.label('stage/a', repeat('s', 64), 1)$$);
SELECT secrets.label('stage/a', repeat('s', 63), NULL);
SELECT pg_temp.try($$secrets.label(NULL, 'blue', 1)$$), pg_temp.try($$secrets.label('stage/a', NULL, 1)$$);

-- Twenty stages on one version, no more.
SELECT secrets.put('stage/many', 'x');
SELECT count(secrets.label('stage/many', 's' || i, 1)) FROM generate_series(1, 19) i;
SELECT pg_temp.try($$secrets.label('stage/many', $1[1], 1)$$, 'canary');
SELECT array_length(stages, 1) FROM secrets.versions WHERE name = 'stage/many';
-- Moving one that is there is no new one; another version has its own twenty.
SELECT secrets.label('stage/many', 's1', 1), secrets.put('stage/many', 'y'), secrets.label('stage/many', 's20', 2);

-- What has a stage is not pruned, however old; what lost it goes with the next put.
SELECT secrets.put('stage/prune', '1'), secrets.label('stage/prune', 'keep', 1);
SELECT secrets.alter('stage/prune', max_versions => 2);
SELECT count(secrets.put('stage/prune', v::text)) FROM generate_series(2, 6) v;
SELECT pg_temp.stages('stage/prune'), secrets.get('stage/prune', stage => 'keep');
SELECT secrets.rollback('stage/prune', 1), secrets.put('stage/prune', '7'), secrets.put('stage/prune', '8');
SELECT pg_temp.stages('stage/prune');
SELECT secrets.label('stage/prune', 'keep', NULL), secrets.put('stage/prune', '9');
SELECT pg_temp.stages('stage/prune');
-- One version only: previous has its label and stays.
SELECT secrets.alter('stage/prune', max_versions => 1), secrets.put('stage/prune', '10'), secrets.put('stage/prune', '11');
SELECT pg_temp.stages('stage/prune');
SELECT pg_temp.try($$secrets.alter('stage/prune', max_versions => 0)$$), pg_temp.state($$secrets.alter('stage/prune', max_versions => -1)$$),
	pg_temp.state($$secrets.alter('stage/prune', max_versions => 10001)$$), pg_temp.state($$secrets.alter('stage/prune', max_versions => 10000)$$);

-- rollback: the previous one; twice toggles.
SELECT count(secrets.put('stage/back', v::text)) FROM generate_series(1, 3) v;
SELECT secrets.rollback('stage/back'), secrets.get('stage/back'), pg_temp.stages('stage/back');
SELECT secrets.rollback('stage/back'), secrets.get('stage/back'), pg_temp.stages('stage/back');
SELECT secrets.rollback('stage/back', 1), secrets.get('stage/back'), pg_temp.stages('stage/back');
SELECT secrets.rollback('stage/back', 1), pg_temp.stages('stage/back');
SELECT pg_temp.try($$secrets.rollback('stage/back', 9)$$), pg_temp.try($$secrets.rollback('stage/none')$$), pg_temp.try($$secrets.rollback(NULL)$$);
SELECT secrets.put('stage/one', 'x');
SELECT pg_temp.try($$secrets.rollback('stage/one')$$);

-- Disabled and destroyed versions cannot become current.
SELECT secrets.disable('stage/back', 2);
SELECT secrets.rollback('stage/back', 3), secrets.label('stage/back', 'previous', 2), pg_temp.stages('stage/back');
SELECT pg_temp.try($$secrets.rollback('stage/back')$$), pg_temp.try($$secrets.label('stage/back', 'current', 2)$$);
SELECT pg_temp.try($$secrets.get('stage/back', version => 2)$$), pg_temp.state($$secrets.get('stage/back', stage => 'previous')$$),
	pg_temp.state($$secrets.get_bytes('stage/back', 2)$$), secrets.get('stage/back');
SELECT secrets.enable('stage/back', 2), secrets.rollback('stage/back'), secrets.get('stage/back');
SELECT secrets.destroy('stage/back', 1);
SELECT pg_temp.try($$secrets.rollback('stage/back', 1)$$), pg_temp.try($$secrets.label('stage/back', 'current', 1)$$),
	pg_temp.try($$secrets.enable('stage/back', 1)$$), pg_temp.try($$secrets.disable('stage/back', 1)$$);
SELECT secrets.label('stage/back', 'tomb', 1), pg_temp.stages('stage/back');

-- disable and enable a whole secret: reads are refused, its stages stay, it can be written.
SELECT secrets.put('stage/off', 'one'), secrets.put('stage/off', 'two'), secrets.disable('stage/off');
SELECT pg_temp.try($$secrets.get('stage/off')$$), pg_temp.state($$secrets.get('stage/off', version => 1)$$), pg_temp.state($$secrets.get_bytes('stage/off')$$),
	pg_temp.state($$secrets.try_get('stage/off')$$), pg_temp.state($$(SELECT count(*) FROM secrets.get_many('{stage/off}'))$$);
SELECT disabled, current_version FROM secrets.describe('stage/off');
SELECT secrets.put('stage/off', 'three'), disabled FROM secrets.describe('stage/off');
SELECT pg_temp.state($$secrets.get('stage/off')$$);
SELECT secrets.disable('stage/off'), secrets.enable('stage/off'), secrets.enable('stage/off'), secrets.get('stage/off');
SELECT pg_temp.try($$secrets.disable('stage/none')$$), pg_temp.try($$secrets.enable('stage/none')$$), pg_temp.try($$secrets.disable('stage/off', 99)$$),
	pg_temp.try($$secrets.disable('stage/off', 0)$$), pg_temp.try($$secrets.disable(NULL)$$), pg_temp.try($$secrets.enable(NULL)$$);

-- A disabled current version: the next put makes another.
SELECT secrets.disable('stage/off', 3), pg_temp.state($$secrets.get('stage/off')$$), secrets.put('stage/off', 'four'), secrets.get('stage/off');

-- alter: as in put.
SELECT secrets.put('stage/meta', 'x', 'first', '{"a": 1}');
SELECT secrets.alter('stage/meta'), description, tags, content_type, expires_at FROM secrets.describe('stage/meta');
SELECT secrets.alter('stage/meta', 'second', '{"b": 2}', 'text/plain', '2100-01-01 00:00:00+00', 3);
SELECT description, tags, content_type, expires_at = '2100-01-01 00:00:00+00', current_version FROM secrets.describe('stage/meta');
SELECT secrets.alter('stage/meta', description => '', expires_at => 'infinity');
SELECT description IS NULL, tags, content_type, expires_at IS NULL FROM secrets.describe('stage/meta');
SELECT secrets.alter('stage/meta', content_type => '', tags => '{}');
SELECT tags IS NULL, content_type IS NULL FROM secrets.describe('stage/meta');
SELECT secrets.alter('stage/meta', expires_at => now() - interval '1 minute');
SELECT pg_temp.try($$secrets.alter('stage/meta', description => $1[1])$$, 'canary');
SELECT secrets.alter('stage/meta', description => 'again', expires_at => now() + interval '1 day'), secrets.get('stage/meta');
SELECT pg_temp.try($$secrets.alter('stage/meta', options => jsonb_build_object($1[1], 1))$$, 'canary');
SELECT pg_temp.try($$secrets.alter('stage/meta', options => NULL)$$), pg_temp.try($$secrets.alter(NULL)$$), pg_temp.try($$secrets.alter('stage/none')$$),
	pg_temp.state($$secrets.alter('stage//')$$), pg_temp.state($$secrets.alter('stage/meta', tags => '[]')$$),
	pg_temp.state($$secrets.alter('stage/meta', description => repeat('x', 2049))$$), pg_temp.state($$secrets.alter('stage/meta', description => repeat('x', 2048))$$);

SELECT pg_temp.clean();
