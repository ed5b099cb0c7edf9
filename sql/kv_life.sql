-- kv: rename, delete, undelete, destroy, purge, watch.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- rename keeps everything but the name.
SELECT secrets.put('life/old', 'one', 'words', '{"t": 1}', now() + interval '1 day'), secrets.put('life/old', 'two'), secrets.put_bytes('life/old', '\x03'),
	secrets.put('life/old', 'four', options => '{"content_type": "text/plain", "request_id": "11111111-2222-3333-4444-555555555555"}');
SELECT secrets.label('life/old', 'blue', 1), secrets.disable('life/old', 2), secrets.alter('life/old', max_versions => 7);
SELECT id AS before FROM secrets.describe('life/old') \gset
SELECT secrets.rename('life/old', 'life/new');
SELECT id = :'before', description, tags, content_type, current_version, expires_at > now() FROM secrets.describe('life/new');
SELECT version, stages, state FROM secrets.versions WHERE name = 'life/new' ORDER BY version;
SELECT secrets.get('life/new'), secrets.get('life/new', version => 1), secrets.get('life/new', stage => 'blue'), secrets.get_bytes('life/new', stage => 'previous'),
	pg_temp.state($$secrets.get('life/new', version => 2)$$);
SELECT secrets.enable('life/new', 2), secrets.get('life/new', version => 2);
SELECT secrets.put('life/new', 'four', options => '{"request_id": "11111111-2222-3333-4444-555555555555"}');
SELECT pg_temp.state($$secrets.get('life/old')$$), count(*) FROM secrets.versions WHERE name = 'life/old';
-- The old name is free, and the new secret there is another.
SELECT secrets.put('life/old', 'another');
SELECT id <> :'before' FROM secrets.describe('life/old');
SELECT pg_temp.try($$secrets.rename('life/new', 'life/old')$$);
SELECT pg_temp.try($$secrets.rename('life/new', 'life/new')$$);
SELECT secrets.get('life/new'), secrets.get('life/old');
SELECT secrets.rename('life/old', 'life/tmp'), secrets.rename('life/new', 'life/old'), secrets.rename('life/tmp', 'life/new');
SELECT secrets.get('life/new'), secrets.get('life/old'), id = :'before' FROM secrets.describe('life/old');
SELECT pg_temp.try($$secrets.rename($1[1], 'life/x')$$, 'life/canary');
SELECT pg_temp.try($$secrets.rename('life/new', $1[1])$$, 'a canary');
SELECT pg_temp.try($$secrets.rename($1[1], 'life/x')$$, 'a canary');
SELECT pg_temp.try($$secrets.rename(NULL, 'life/x')$$), pg_temp.try($$secrets.rename('life/new', NULL)$$);
-- In a transaction that rolls back, nothing happened.
BEGIN;
SELECT secrets.rename('life/new', 'life/gone'), secrets.get('life/gone');
ROLLBACK;
SELECT secrets.get('life/new'), pg_temp.state($$secrets.get('life/gone')$$);

-- delete: soft; the name is free at once.
SELECT secrets.put('life/del', 'one', 'first of the name'), secrets.label('life/del', 'blue', 1);
SELECT id AS first FROM secrets.describe('life/del') \gset
SELECT d > now() + interval '29 days 23 hours', d < now() + interval '30 days 1 hour' FROM (SELECT secrets.delete('life/del') AS d OFFSET 0) once;
SELECT pg_temp.try($$secrets.get('life/del')$$), pg_temp.state($$secrets.describe('life/del')$$), pg_temp.state($$secrets.current_version('life/del')$$),
	secrets.try_get('life/del') IS NULL, (SELECT count(*) FROM secrets.list('life/del'));
SELECT name, deleted_at <= now(), purge_after > now() + interval '29 days', deleted_by = current_user FROM secrets.deleted WHERE id = :'first';
SELECT count(*) FROM secrets.versions WHERE name = 'life/del';
SELECT pg_temp.state($$secrets.delete('life/del')$$), pg_temp.state($$secrets.disable('life/del')$$), pg_temp.state($$secrets.alter('life/del')$$),
	pg_temp.state($$secrets.rename('life/del', 'life/x')$$), pg_temp.state($$secrets.label('life/del', 'x', 1)$$), pg_temp.state($$secrets.destroy('life/del', 1)$$),
	pg_temp.state($$secrets.patch('life/del', '{}')$$), pg_temp.state($$secrets.watch('life/del')$$);

-- undelete brings it all back.
SELECT secrets.undelete('life/del');
SELECT secrets.get('life/del'), secrets.get('life/del', stage => 'blue'), description, id = :'first' FROM secrets.describe('life/del');
SELECT count(*) FROM secrets.deleted;
SELECT pg_temp.try($$secrets.undelete('life/del')$$), pg_temp.try($$secrets.undelete('life/none')$$);

-- The name taken, several of that name, another name.
SELECT secrets.delete('life/del', '1 day') < now() + interval '2 days';
SELECT secrets.put('life/del', 'two');
SELECT pg_temp.try($$secrets.undelete('life/del')$$);
SELECT secrets.delete('life/del') > now(), secrets.put('life/del', 'three');
SELECT count(*) FROM secrets.deleted WHERE name = 'life/del';
SELECT regexp_replace(regexp_replace(pg_temp.try($$secrets.undelete('life/del', new_name => 'life/back')$$), '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'ID', 'g'),
	'deleted at [^;]*?(;|\.\n)', 'deleted at TIME\1', 'g');
SELECT pg_temp.state($$secrets.purge('life/del')$$);
SELECT pg_temp.try($$secrets.undelete('life/del', $1[1]::uuid)$$, :'first');
SELECT secrets.undelete('life/del', :'first', 'life/back');
SELECT secrets.get('life/back'), secrets.get('life/back', stage => 'blue'), id = :'first' FROM secrets.describe('life/back');
SELECT pg_temp.try($$secrets.undelete('life/del', '00000000-0000-0000-0000-000000000000')$$);
SELECT pg_temp.try($$secrets.undelete('life/other', $1[1]::uuid)$$, :'first');
SELECT pg_temp.try($$secrets.undelete('life/del', new_name => $1[1])$$, 'a canary');
SELECT pg_temp.try($$secrets.undelete('life/del', new_name => 'life/back')$$);
SELECT pg_temp.try($$secrets.undelete(NULL)$$);
SELECT secrets.undelete('life/del', NULL, 'life/second');
SELECT secrets.get('life/second'), secrets.get('life/del');

-- How long: at least a day; the hint names purge.
SELECT pg_temp.try($$secrets.delete('life/del', '23 hours')$$);
SELECT pg_temp.state($$secrets.delete('life/del', '-1 day')$$), pg_temp.state($$secrets.delete('life/del', '0')$$), pg_temp.try($$secrets.delete('life/del', NULL)$$),
	pg_temp.try($$secrets.delete(NULL)$$), pg_temp.state($$secrets.delete('life//del')$$);
-- Longer than time goes.
SELECT pg_temp.state($$secrets.delete('life/del', '101 years')$$), pg_temp.state($$secrets.delete('life/del', '170000000 years')$$),
	pg_temp.state($$secrets.delete('life/del', '-170000000 years')$$);
SELECT secrets.delete('life/del', '24 hours') > now(), secrets.undelete('life/del');

-- destroy: that version's ciphertext is gone, the version stays as a tomb.
SELECT secrets.put('life/des', 'one'), secrets.put('life/des', 'two'), secrets.put('life/des', 'three');
SELECT secrets.destroy('life/des', 1), secrets.destroy('life/des', 1);
SELECT version, stages, state, size FROM secrets.versions WHERE name = 'life/des' ORDER BY version;
SELECT value IS NULL, destroyed_at IS NOT NULL FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id = v.secret_id WHERE s.name = 'life/des' AND v.version = 1;
SELECT pg_temp.try($$secrets.get('life/des', version => 1)$$), secrets.get('life/des');
SELECT secrets.destroy('life/des', 3), pg_temp.try($$secrets.get('life/des')$$), secrets.rollback('life/des'), secrets.get('life/des');
SELECT pg_temp.try($$secrets.destroy('life/des', 9)$$), pg_temp.try($$secrets.destroy('life/des', 0)$$), pg_temp.try($$secrets.destroy('life/none', 1)$$),
	pg_temp.try($$secrets.destroy('life/des', NULL)$$), pg_temp.try($$secrets.destroy(NULL, 1)$$);
SELECT secrets.rename('life/des', 'life/des2'), secrets.get('life/des2'), secrets.put('life/des2', 'four');
SELECT version, state FROM secrets.versions WHERE name = 'life/des2' ORDER BY version;

-- purge: only what was deleted before, and then nothing is left.
SELECT pg_temp.try($$secrets.purge('life/des2')$$), pg_temp.try($$secrets.purge('life/none')$$), pg_temp.try($$secrets.purge(NULL)$$);
SELECT id AS gone FROM secrets.describe('life/des2') \gset
SELECT secrets.label('life/des2', 'blue', 2), secrets.delete('life/des2') > now(), secrets.purge('life/des2');
SELECT (SELECT count(*) FROM secrets_catalog.secret WHERE id = :'gone') + (SELECT count(*) FROM secrets_catalog.version WHERE secret_id = :'gone')
	+ (SELECT count(*) FROM secrets_catalog.stage WHERE secret_id = :'gone');
SELECT pg_temp.state($$secrets.purge('life/des2')$$);
-- One of several, by id; that of one alive is refused.
SELECT secrets.put('life/p', '1'), secrets.delete('life/p') > now(), secrets.put('life/p', '2'), secrets.delete('life/p') > now(), secrets.put('life/p', '3');
SELECT id AS one FROM secrets.deleted WHERE name = 'life/p' ORDER BY deleted_at LIMIT 1 \gset
SELECT pg_temp.state($$secrets.purge('life/p')$$), secrets.purge('life/p', :'one');
SELECT count(*) FROM secrets.deleted WHERE name = 'life/p';
SELECT secrets.get('life/p'), pg_temp.state($$secrets.purge('life/p', $1[1]::uuid)$$, :'one');
SELECT id AS alive FROM secrets.describe('life/p') \gset
SELECT pg_temp.state($$secrets.purge('life/p', $1[1]::uuid)$$, :'alive'), secrets.get('life/p');

-- watch: one channel for the secret's life, plain and not to be guessed.
SELECT secrets.put('life/w', 'x'), secrets.put('life/w2', 'x');
SELECT secrets.watch('life/w') AS channel \gset
SELECT :'channel' ~ '^[a-z_][a-z0-9_]{20,62}$', :'channel' = quote_ident(:'channel'), secrets.watch('life/w') = :'channel', secrets.watch('life/w2') <> :'channel';
SELECT secrets.rename('life/w', 'life/w3'), secrets.watch('life/w3') = :'channel';
SELECT pg_temp.try($$secrets.watch('life/none')$$), pg_temp.try($$secrets.watch(NULL)$$), pg_temp.state($$secrets.watch('life//w')$$);
-- PREPARE TRANSACTION is refused with a NOTIFY pending, and only then.
BEGIN;
SELECT secrets.put('life/w3', 'y');
PREPARE TRANSACTION 'secrets_life_w3';
BEGIN;
SELECT secrets.put('life/p', 'prepared');
PREPARE TRANSACTION 'secrets_life_p';
SELECT secrets.get('life/p');
COMMIT PREPARED 'secrets_life_p';
SELECT secrets.get('life/p');

SELECT pg_temp.clean();
