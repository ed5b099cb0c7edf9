-- rotation: schedules, rotating by hand, and what becomes of them in a secret's life.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set rotation :srcdir '/sql/rotation.psql'
\set ECHO none
\i :helpers
\i :rules
\i :rotation
\set ECHO all

-- ---- scheduling ----

SELECT secrets.put('rot/a', 'canary');
SELECT pg_temp.state($$secrets.rotate('rot/a')$$), pg_temp.try($$secrets.rotate('rot/a')$$);
-- It returns the next time: of an interval one from now, in days and months as the calendar has them; of a manual one, none.
SELECT secrets.schedule_rotation('rot/a', '30 days') BETWEEN now() + interval '30 days' AND clock_timestamp() + interval '30 days';
SELECT * FROM pg_temp.schedules();
SELECT secrets.schedule_rotation('rot/a', '1 year 2 months 3 days 04:05:06') BETWEEN now() + interval '1 year 2 months 3 days 04:05:06' AND clock_timestamp() + interval '1 year 2 months 3 days 04:05:06';
SELECT (s AT TIME ZONE 'UTC')::time, extract(dow FROM s AT TIME ZONE 'UTC'), s > now(), s <= now() + interval '7 days' FROM secrets.schedule_rotation('rot/a', '0 3 * * sun') s;
SELECT schedule, pg_temp.state('secrets.schedule_rotation(''rot/a'', $1[1]) > now()', schedule) FROM unnest(ARRAY[
	'30 days', ' 30 days ', 'P30D', 'P1Y2M', '1-2', '+1 day', '1.5 days', '1 mon -0 days', '1 minute', '00:01', '100 years', '60 s', '* * * * *', '*/5 0-23/2 1,15 jan-dec mon-fri', '0 0 29 2 *', '0 0 * * 7', '0	3 * * SUN', '@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually', 'manual', 'Manual ']) schedule;
SELECT * FROM pg_temp.schedules();
-- What is none: 22023, and quoted nowhere.
SELECT schedule, pg_temp.state('secrets.schedule_rotation(''rot/a'', $1[1])', schedule) FROM unnest(ARRAY[
	'', ' ', 'canary', 'man ual', '59 seconds', '0', '60', '-1 day', '1 day ago', '1 day -1 minute', '200 years', 'infinity', '1 dai', '1e30 days', '0 0 30 2 *', '0 0 31 4,6 *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8', '* * * *',
	'* * * * * *', '*/0 * * * *', '5/2 * * * *', '1,,2 * * * *', '* * * canary *', '@reboot', '@canary', '@', '2026-01-01', 'now',
	-- mistyped cron fields that PostgreSQL would read as intervals
	'10-5 * * * *', '5, * * * *', '12:00 * * *', '60 *', '30 days *', '30 days!', '30 days; canary']) schedule
UNION ALL SELECT 'long', pg_temp.state('secrets.schedule_rotation(''rot/a'', repeat($1[1], 5000))', x) FROM unnest('{1,* ,canary,1 day }'::text[]) x;
SELECT pg_temp.try($$secrets.schedule_rotation('rot/a', 'canary')$$), pg_temp.try($$secrets.schedule_rotation('rot/a', '0 0 30 2 *')$$), pg_temp.try($$secrets.schedule_rotation('rot/a', '1 second')$$);
-- Whatever the session makes of intervals and times, a schedule means the same.
SET IntervalStyle = sql_standard;
SET TimeZone = 'Pacific/Kiritimati';
SET DateStyle = 'SQL, DMY';
SELECT (s AT TIME ZONE 'UTC')::time, secrets.schedule_rotation('rot/a', '1 day 02:00') BETWEEN now() + interval '26 hours' AND clock_timestamp() + interval '26 hours' FROM secrets.schedule_rotation('rot/a', '0 3 * * *') s;
SELECT pg_temp.state($$secrets.schedule_rotation('rot/a', '-1 day 2 hours')$$);
RESET IntervalStyle; RESET DateStyle;
SET TimeZone = 'UTC';

-- Options of the clock.
SELECT (s AT TIME ZONE 'Asia/Kathmandu')::time FROM secrets.schedule_rotation('rot/a', '0 3 * * *', options => '{"timezone": "Asia/Kathmandu"}') s;
SELECT options, pg_temp.state('secrets.schedule_rotation(''rot/a'', ''0 3 * * *'', options => $1[1]::jsonb) > now()', options) FROM unnest(ARRAY[
	'{"timezone": "UTC"}', '{"timezone": "Europe/Berlin", "window": "2 hours", "jitter": "30 minutes"}', '{"window": "1 minute"}', '{"jitter": "0"}', '{"jitter": "1 month"}',
	'{"timezone": "canary"}', '{"timezone": ""}', '{"timezone": null}', '{"timezone": 1}', '{"timezone": ["UTC"]}', '{"timezone": "../../etc/canary"}', '{"timezone": "posixrules canary"}',
	'{"window": "canary"}', '{"window": "59 seconds"}', '{"window": "-1 hour"}', '{"window": 3600}', '{"window": ""}', '{"window": "1 hour", "jitter": "1 hour"}',
	'{"jitter": "canary"}', '{"jitter": "-1 s"}', '{"jitter": "200 years"}', '{"jitter": {}}', '{"canary": 1}', '{"Timezone": "UTC"}', '[]', '"canary"', '1', 'null']) options;
SELECT pg_temp.try('secrets.schedule_rotation(''rot/a'', ''@daily'', options => $1[1]::jsonb)', options) FROM unnest(ARRAY['{"timezone": "canary"}', '{"window": "canary"}', '{"window": "1 hour", "jitter": "1 hour"}', '{"jitter": 1}', '{"canary": 1}', '[]']) options;
-- None of it is longer than it need be.
SELECT pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day' || repeat(' ', 1000))$$), pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', options => jsonb_build_object('timezone', repeat('canary', 100)))$$), pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', options => jsonb_build_object('window', '1 day' || repeat(' ', 1000)))$$),
	pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', options => jsonb_build_object('jitter', '1 day' || repeat(' ', 1000)))$$), pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', options => jsonb_build_object('exclude', repeat('canary', 10000)))$$);
-- The delay is at random, and below what it says.  (That no one of 300 comes into a tenth of it happens once in 10^13.)
CREATE FUNCTION pg_temp.delays(n int) RETURNS SETOF interval LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM secrets.schedule_rotation('rot/a', '@daily', options => '{"jitter": "10 minutes"}');
		RETURN QUERY SELECT r.next_at - r.due_at FROM secrets.rotations r WHERE r.name = 'rot/a' AND (r.due_at AT TIME ZONE 'UTC')::time = '00:00';
	END LOOP;
END
$$;
SELECT count(*), count(DISTINCT delay) > 270, min(delay) >= '0', min(delay) < '1 minute', max(delay) > '9 minutes', max(delay) < '10 minutes' FROM pg_temp.delays(300) delay;

-- Rotators that there are not.
SELECT pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', '')$$), pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', 'Role')$$), pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', 'canary')$$),
	pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', 'no such schema.canary')$$), pg_temp.state($$secrets.schedule_rotation('rot/a', '1 day', repeat('canary', 1000))$$);
-- Names.
SELECT pg_temp.state($$secrets.schedule_rotation('a canary', '1 day')$$), pg_temp.state($$secrets.schedule_rotation('rot/none', '1 day')$$), pg_temp.state($$secrets.schedule_rotation('rot/*', '1 day')$$),
	pg_temp.state($$secrets.unschedule_rotation('a canary')$$), pg_temp.state($$secrets.unschedule_rotation('rot/none')$$), pg_temp.state($$secrets.rotate('a canary')$$), pg_temp.state($$secrets.rotate('rot/none')$$),
	pg_temp.state($$secrets.rotate_all('a canary')$$), pg_temp.state($$secrets.rotate_all('')$$), pg_temp.state($$secrets.adopt('a canary')$$), pg_temp.state($$secrets.adopt('')$$);
\set VERBOSITY sqlstate
CALL secrets.rotate_now('a canary');
CALL secrets.rotate_now('rot/none');
-- NULL; of functions each argument is in the suite "contract".
CALL secrets.rotate_now(NULL);
CALL secrets.tick(NULL, NULL);
CALL secrets.tick(NULL, '1 second');
CALL secrets.tick(-1);
CALL secrets.tick(0);
CALL secrets.tick(max_time => '-1 second');
CALL secrets.tick(max_time => '200 years');
CALL secrets.tick(max_time => '0');
\set VERBOSITY default
SELECT pg_temp.state($$(SELECT count(*) FROM secrets.expiring('-1 second'))$$), pg_temp.state($$(SELECT count(*) FROM secrets.expiring('200 years'))$$), pg_temp.state($$(SELECT count(*) FROM secrets.expiring(NULL))$$);

-- ---- rotating: generate ----

-- A value put by hand becomes a password; what was generated is made the same way.
SELECT secrets.schedule_rotation('rot/a', 'manual'), secrets.rotate('rot/a'), secrets.get('rot/a') ~ '^[A-Za-z0-9._~-]{32}$', secrets.get('rot/a', stage => 'previous');
SELECT secrets.generate('rot/t', 'token', '{"length": 16}'), secrets.schedule_rotation('rot/t', 'manual'), secrets.rotate('rot/t'), secrets.get('rot/t') ~ '^[A-Za-z0-9_-]{22}$', secrets.get('rot/t') <> secrets.get('rot/t', version => 1);
SELECT secrets.put('rot/t', 'by hand'), secrets.rotate('rot/t'), secrets.get('rot/t') ~ '^[A-Za-z0-9_-]{22}$';
SELECT secrets.generate('rot/t', 'bytes', '{"length": 20}'), secrets.rotate('rot/t'), length(secrets.get_bytes('rot/t'));
SELECT secrets.generate('rot/p', options => '{"length": 50, "classes": ["digit"]}'), secrets.schedule_rotation('rot/p', 'manual'), secrets.rotate('rot/p'), secrets.get('rot/p') ~ '^[0-9]{50}$';
-- The schedule's own options win; what it does not say is as it was generated.
SELECT secrets.schedule_rotation('rot/p', 'manual', options => '{"length": 12, "classes": ["lower"]}'), secrets.rotate('rot/p'), secrets.get('rot/p') ~ '^[a-z]{12}$';
SELECT secrets.schedule_rotation('rot/p', 'manual', options => '{"kind": "uuid"}'), secrets.rotate('rot/p'), secrets.get('rot/p')::uuid IS NOT NULL;
SELECT secrets.schedule_rotation('rot/p', 'manual', 'generate', '{"kind": "token", "length": 40}', true), secrets.current_version('rot/p'), length(secrets.get('rot/p'));
SELECT secrets.generate('rot/t', 'token'), secrets.schedule_rotation('rot/t', 'manual', options => '{"length": 40}'), secrets.rotate('rot/t'), length(secrets.get('rot/t'));
-- That the options are good is known when it is scheduled.
SELECT options, pg_temp.state('secrets.schedule_rotation(''rot/p'', ''manual'', ''generate'', $1[1]::jsonb)', options) FROM unnest(ARRAY[
	'{"kind": "canary"}', '{"kind": 1}', '{"kind": null}', '{"kind": "password", "length": 1}', '{"kind": "uuid", "length": 20}', '{"kind": "token", "classes": ["digit"]}', '{"kind": "bytes", "length": 0}', '{"length": "canary"}', '{"role": "canary"}', '{"adopt": true}']) options;
SELECT current_version, length(secrets.get('rot/p')) FROM secrets.describe('rot/p');
-- Metadata stays; an expired secret wants another end first; a disabled one is rotated, and still disabled.
SELECT secrets.alter('rot/p', description => 'words', tags => '{"t": 1}', content_type => 'text/plain', expires_at => now() + interval '1 day'), secrets.label('rot/p', 'blue', 1), secrets.rotate('rot/p');
SELECT description, tags, content_type, current_version, expires_at > now() FROM secrets.describe('rot/p');
UPDATE secrets_catalog.secret SET expires_at = now() - interval '1 second' WHERE name = 'rot/p';
SELECT pg_temp.state($$secrets.rotate('rot/p')$$), pg_temp.state($$secrets.rotate_all('rot/p')$$);
CALL secrets.rotate_now('rot/p');
SELECT secrets.alter('rot/p', expires_at => 'infinity'), secrets.disable('rot/p'), secrets.rotate('rot/p'), pg_temp.state($$secrets.get('rot/p')$$), secrets.enable('rot/p');
SELECT secrets.disable('rot/p', secrets.current_version('rot/p')), secrets.rotate('rot/p'), secrets.destroy('rot/p', secrets.current_version('rot/p')), secrets.rotate('rot/p'), length(secrets.get('rot/p'));
SELECT version, stages, state FROM secrets.versions WHERE name = 'rot/p' ORDER BY version;
-- max_versions holds.
SELECT secrets.alter('rot/a', max_versions => 2);
SELECT count(secrets.rotate('rot/a')) FROM generate_series(1, 5);
SELECT version, stages FROM secrets.versions WHERE name = 'rot/a' ORDER BY version;
-- As anything else, it is over with its transaction: a rehearsal.
BEGIN;
SELECT secrets.rotate('rot/a'), secrets.get('rot/a') <> secrets.get('rot/a', stage => 'previous');
ROLLBACK;
SELECT secrets.current_version('rot/a');
BEGIN;
SAVEPOINT s;
SELECT secrets.rotate('rot/a');
ROLLBACK TO s;
SELECT secrets.rotate('rot/a');
COMMIT;
SELECT secrets.current_version('rot/a');
BEGIN READ ONLY;
SELECT pg_temp.state($$secrets.rotate('rot/a')$$), pg_temp.state($$secrets.rotate_all('rot/*')$$), pg_temp.state($$secrets.schedule_rotation('rot/a', 'manual')$$), pg_temp.state($$secrets.unschedule_rotation('rot/a')$$), pg_temp.state($$secrets.adopt()$$);
COMMIT;

-- ---- what commits as it goes ----

\set VERBOSITY sqlstate
BEGIN;
CALL secrets.rotate_now('rot/a');
ROLLBACK;
BEGIN;
CALL secrets.tick();
ROLLBACK;
SELECT pg_temp.run($$CALL secrets.rotate_now('rot/a')$$), pg_temp.run('CALL secrets.tick()');
CREATE SCHEMA rotation_test;
CREATE PROCEDURE rotation_test.plain() LANGUAGE plpgsql AS $$BEGIN CALL secrets.rotate_now('rot/a'); CALL secrets.tick(); END$$;
CREATE PROCEDURE rotation_test.definer() LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN CALL secrets.rotate_now('rot/a'); END$$;
CREATE PROCEDURE rotation_test.setting() LANGUAGE plpgsql SET search_path = pg_catalog AS $$BEGIN CALL secrets.tick(); END$$;
CALL rotation_test.definer();
CALL rotation_test.setting();
DO $$BEGIN BEGIN CALL secrets.rotate_now('rot/a'); EXCEPTION WHEN OTHERS THEN RAISE; END; END$$;
SET default_transaction_read_only = on;
CALL secrets.rotate_now('rot/a');
CALL secrets.tick();
RESET default_transaction_read_only;
SELECT secrets.current_version('rot/a');
-- What may commit may call them, at any isolation level.
CALL rotation_test.plain();
DO $$BEGIN CALL secrets.rotate_now('rot/a'); CALL secrets.tick(); END$$;
SET default_transaction_isolation = serializable;
CALL secrets.rotate_now('rot/a');
CALL secrets.tick();
RESET default_transaction_isolation;
\set VERBOSITY default
SELECT secrets.current_version('rot/a');
DROP SCHEMA rotation_test CASCADE;

-- ---- all of them ----

SELECT name, secrets.current_version(name) FROM secrets.rotations;
SELECT secrets.rotate_all('rot/*'), secrets.rotate_all('rot/a'), secrets.rotate_all('other/**'), secrets.rotate_all('**');
SELECT name, secrets.current_version(name) FROM secrets.rotations;
-- All or none; in order of name.
UPDATE secrets_catalog.secret SET expires_at = now() - interval '1 second' WHERE name = 'rot/t';
SELECT pg_temp.try($$secrets.rotate_all('**')$$);
SELECT name, secrets.current_version(name), last_status FROM secrets.rotations;
SELECT secrets.alter('rot/t', expires_at => 'infinity');
SELECT pg_temp.lines() \g /dev/null
BEGIN;
SELECT secrets.rotate_all('rot/**');
SELECT l FROM pg_temp.lines() l;
ROLLBACK;
SELECT name, secrets.current_version(name) FROM secrets.rotations;

-- ---- a secret's life ----

-- Renamed, deleted and brought back it keeps its schedule; purged, it has none.
SELECT secrets.schedule_rotation('rot/a', '30 days') AS next \gset
SELECT secrets.rename('rot/a', 'rot/b');
SELECT name, next_at = :'next', (SELECT next_rotation_at = :'next' FROM secrets.describe('rot/b')) FROM secrets.rotations WHERE schedule = '30 days';
SELECT pg_temp.state($$secrets.rotate('rot/a')$$), secrets.rotate('rot/b') > 0;
SELECT secrets.delete('rot/b') > now();
SELECT pg_temp.state($$secrets.rotate('rot/b')$$), pg_temp.state($$secrets.unschedule_rotation('rot/b')$$), pg_temp.state($$secrets.schedule_rotation('rot/b', 'manual')$$), secrets.rotate_all('rot/b');
\set VERBOSITY sqlstate
CALL secrets.rotate_now('rot/b');
\set VERBOSITY default
SELECT name FROM secrets.rotations;
-- Its time passes while it is deleted: nothing happens.
SELECT pg_temp.make_due('rot/b');
CALL secrets.tick();
SELECT count(*) FROM secrets.overdue();
SELECT secrets.put('rot/b', 'another of that name');
SELECT pg_temp.state($$secrets.rotate('rot/b')$$), secrets.delete('rot/b') > now();
SELECT id AS of_b FROM secrets.deleted WHERE name = 'rot/b' ORDER BY deleted_at LIMIT 1 \gset
SELECT secrets.undelete('rot/b', :'of_b');
SELECT secrets.current_version('rot/b') AS before \gset
SELECT * FROM pg_temp.schedules() WHERE name = 'rot/b';
CALL secrets.tick();
SELECT secrets.current_version('rot/b') - :before;
SELECT * FROM pg_temp.schedules() WHERE name = 'rot/b';
SELECT secrets.delete('rot/b') > now(), secrets.purge('rot/b', :'of_b'), secrets.purge('rot/b');
SELECT count(*) FROM secrets_catalog.rotation WHERE secret_id = :'of_b';

-- unschedule: the value stays.
SELECT secrets.unschedule_rotation('rot/p'), length(secrets.get('rot/p')), next_rotation_at FROM secrets.describe('rot/p');
SELECT pg_temp.try($$secrets.unschedule_rotation('rot/p')$$);
SELECT pg_temp.state($$secrets.rotate('rot/p')$$), (SELECT count(*) FROM secrets.rotations WHERE name = 'rot/p');
\set VERBOSITY terse
CALL secrets.rotate_now('rot/p');
\set VERBOSITY default
-- Another schedule takes the place of the one that was, and knows how that went.
SELECT secrets.schedule_rotation('rot/t', '1 day', options => '{"jitter": "1 hour", "timezone": "Europe/Berlin", "kind": "uuid"}') > now();
SELECT s.timezone, s.jitter, s.start_within, s.options FROM secrets_catalog.rotation s JOIN secrets.secrets t ON t.id = s.secret_id WHERE t.name = 'rot/t';
SELECT secrets.schedule_rotation('rot/t', '2 days', options => '{"window": "3 hours"}') > now();
SELECT s.timezone, s.jitter, s.start_within, s.options FROM secrets_catalog.rotation s JOIN secrets.secrets t ON t.id = s.secret_id WHERE t.name = 'rot/t';
SELECT * FROM pg_temp.schedules();

-- ---- looking ----

SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = 'secrets.rotations'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT secrets.put('rot/c', 'x', expires_at => now() + interval '10 days'), secrets.put('rot/d', 'x', expires_at => now() + interval '1 hour'), secrets.put('rot/e', 'x');
SELECT secrets.schedule_rotation('rot/c', '1 day') IS NOT NULL, secrets.schedule_rotation('rot/e', 'manual');
SELECT name, scheduled_by = current_user FROM secrets.rotations;
-- The next time is in every listing.
SELECT s.name, pg_temp.side(s.next_rotation_at), s.next_rotation_at IS NOT DISTINCT FROM r.next_at AS same, l.next_rotation_at IS NOT DISTINCT FROM r.next_at AS listed, (SELECT d.next_rotation_at FROM secrets.describe(s.name) d) IS NOT DISTINCT FROM r.next_at AS described
	FROM secrets.secrets s LEFT JOIN secrets.rotations r USING (name) JOIN secrets.list() l USING (name) ORDER BY s.name;
SELECT name FROM secrets.expiring('1 hour');
SELECT name FROM secrets.expiring('10 days');
SELECT name FROM secrets.expiring('0');
UPDATE secrets_catalog.secret SET expires_at = now() - interval '1 day' WHERE name = 'rot/d';
SELECT name, pg_temp.side(expires_at) FROM secrets.expiring('0');
SELECT count(*) FROM secrets.overdue();
SELECT pg_temp.make_due('rot/c'), pg_temp.make_due('rot/t');
SELECT name, pg_temp.side(next_at), pg_temp.side(due_at), failures FROM secrets.overdue();
SELECT secrets.disable('rot/c'), secrets.delete('rot/t') > now();
SELECT name FROM secrets.overdue();

-- ---- foreign ----

-- Of another cluster, or of another database of this one: it does not happen here, by no hand and no clock.
SELECT secrets.undelete('rot/t'), secrets.enable('rot/c'), secrets.schedule_rotation('rot/e', 'manual', options => '{"kind": "uuid"}');
UPDATE secrets_catalog.rotation r SET system_identifier = 1 FROM secrets_catalog.secret s WHERE s.id = r.secret_id AND s.name = 'rot/c';
UPDATE secrets_catalog.rotation r SET database_oid = 1 FROM secrets_catalog.secret s WHERE s.id = r.secret_id AND s.name = 'rot/t';
SELECT name, state FROM secrets.rotations;
SELECT pg_temp.try($$secrets.rotate('rot/c')$$), pg_temp.state($$secrets.rotate('rot/t')$$), pg_temp.state($$secrets.rotate_all('**')$$), secrets.rotate_all('rot/e');
\set VERBOSITY sqlstate
CALL secrets.rotate_now('rot/c');
\set VERBOSITY default
CALL secrets.tick();
SELECT name, secrets.current_version(name), pg_temp.side(next_at), failures, state FROM secrets.rotations;
SELECT count(*) FROM secrets.overdue();
-- A value may be put in it, and it may be taken off the schedule, or given one of here.
SELECT secrets.put('rot/c', 'by hand'), secrets.unschedule_rotation('rot/c'), pg_temp.state($$secrets.rotate('rot/c')$$);
SELECT secrets.schedule_rotation('rot/t', 'manual'), secrets.rotate('rot/t') > 0;
UPDATE secrets_catalog.rotation SET system_identifier = 1;
SELECT name, state FROM secrets.rotations;
-- Adopted, it counts from now on.
SELECT secrets.adopt('rot/none'), secrets.adopt('rot/t'), secrets.adopt('rot/t');
SELECT secrets.adopt(), secrets.adopt();
SELECT * FROM pg_temp.schedules();
SELECT secrets.rotate_all('**');
SELECT secrets.schedule_rotation('rot/e', '1 day') > now();
UPDATE secrets_catalog.rotation SET system_identifier = 1;
SELECT pg_temp.make_due('rot/e', '40 days');
SELECT name, state, pg_temp.side(next_at), pg_temp.side(due_at) FROM secrets.rotations WHERE name = 'rot/e';
SELECT secrets.adopt('rot/*');
SELECT name, state, pg_temp.side(next_at), pg_temp.side(due_at), next_at < now() + interval '25 hours' FROM secrets.rotations WHERE name = 'rot/e';
-- Not where who scheduled it is not here.
CREATE ROLE rotation_gone;
SELECT secrets.grant('rotate', 'rot/e', 'rotation_gone') IS NOT NULL;
SET ROLE rotation_gone;
SELECT secrets.schedule_rotation('rot/e', 'manual');
RESET ROLE;
SELECT secrets.revoke('rotate', 'rot/e', 'rotation_gone');
DROP ROLE rotation_gone;
SELECT pg_temp.try($$secrets.rotate('rot/e')$$);
UPDATE secrets_catalog.rotation SET system_identifier = 1;
SELECT secrets.adopt();
SELECT name, state, scheduled_by = current_user FROM secrets.rotations;
-- But once somebody of that name is.
CREATE ROLE rotation_gone;
SELECT secrets.adopt();
SELECT name, state, replace(scheduled_by, current_user, 'ME') FROM secrets.rotations;
SELECT secrets.unschedule_rotation('rot/e');
DROP ROLE rotation_gone;

-- ---- the log ----

SELECT pg_temp.lines() \g /dev/null
SELECT secrets.put('log/a', 'canary');
SELECT secrets.schedule_rotation('log/a', '1 day') > now();
SELECT secrets.schedule_rotation('log/a', '1 day') > now();
SELECT secrets.schedule_rotation('log/a', '2 days', options => '{"jitter": "1 hour"}') > now();
SELECT secrets.rotate('log/a'), secrets.rotate_all('log/*');
CALL secrets.rotate_now('log/a');
SELECT secrets.schedule_rotation('log/a', '2 days', rotate_now => true) > now();
SELECT pg_temp.make_due('log/a');
CALL secrets.tick();
SELECT * FROM pg_temp.lines();
UPDATE secrets_catalog.secret SET expires_at = now() - interval '1 day' WHERE name = 'log/a';
\set VERBOSITY sqlstate
CALL secrets.rotate_now('log/a');
SELECT secrets.rotate('log/a');
\set VERBOSITY default
SELECT pg_temp.make_due('log/a');
CALL secrets.tick();
SELECT * FROM pg_temp.lines();
UPDATE secrets_catalog.rotation SET system_identifier = 1 WHERE secret_id = (SELECT id FROM secrets.describe('log/a'));
SELECT secrets.adopt('log/a'), secrets.unschedule_rotation('log/a');
SELECT secrets.schedule_rotation('log/a', 'manual'), secrets.delete('log/a') > now(), secrets.purge('log/a');
SELECT * FROM pg_temp.lines();
-- A refusal too; who is asked for is who asked.
CREATE ROLE rotation_stranger;
SET ROLE rotation_stranger;
SELECT pg_temp.state($$secrets.rotate('rot/t')$$), pg_temp.state($$secrets.schedule_rotation('rot/t', '1 day')$$), pg_temp.state($$secrets.unschedule_rotation('rot/t')$$), pg_temp.state($$secrets.adopt()$$), pg_temp.state($$secrets.rotate_all('rot/**')$$);
\set VERBOSITY sqlstate
CALL secrets.rotate_now('rot/t');
CALL secrets.tick();
\set VERBOSITY default
RESET ROLE;
SELECT * FROM pg_temp.lines();
DROP ROLE rotation_stranger;
-- By hand, in the table: told as direct, whatever it is.
SELECT max(event_id) AS seen FROM secrets_catalog.audit_event \gset
UPDATE secrets_catalog.rotation SET next_at = now() WHERE secret_id = (SELECT id FROM secrets.describe('rot/t'));
CREATE TEMP TABLE saved AS SELECT * FROM secrets_catalog.rotation WHERE secret_id = (SELECT id FROM secrets.describe('rot/t'));
DELETE FROM secrets_catalog.rotation WHERE secret_id = (SELECT secret_id FROM saved);
INSERT INTO secrets_catalog.rotation TABLE saved;
TRUNCATE secrets_catalog.rotation;
SELECT action, name, outcome, via, detail - 'authenticated' FROM secrets.audit_log WHERE event_id > :seen AND action = 'config' ORDER BY event_id;
-- The values are in no line, and in no row but their versions.
SELECT secrets.schedule_rotation('rot/t', 'manual');
SELECT count(secrets.rotate('rot/t')) FROM generate_series(1, 3);
SELECT count(*) FILTER (WHERE position(v.value IN e::text) > 0), count(DISTINCT v.value) FROM secrets_catalog.audit_event e, (SELECT secrets.get('rot/t', version => version) AS value FROM secrets.versions WHERE name = 'rot/t' AND version > (SELECT max(version) - 3 FROM secrets.versions WHERE name = 'rot/t') OFFSET 0) v;
SELECT count(*) FROM secrets_catalog.audit_event e WHERE event_id > :first_event AND e::text LIKE '%canary%';
SELECT kind, problem FROM secrets.verify_audit(since => :'began') WHERE (at < :'began') IS NOT TRUE;

SELECT pg_temp.clean();
SELECT count(*) FROM secrets_catalog.rotation;
