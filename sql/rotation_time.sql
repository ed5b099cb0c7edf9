-- rotation: what is done when its time has come.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set rotation :srcdir '/sql/rotation.psql'
\set ECHO none
\i :helpers
\i :rules
\i :rotation
\set ECHO all

CREATE FUNCTION pg_temp.versions() RETURNS text LANGUAGE sql AS $$SELECT string_agg(name || ' ' || secrets.current_version(name), ', ') FROM secrets.rotations$$;
-- Which are due, in the order in which they came to be.
CREATE FUNCTION pg_temp.make_due_in_order(VARIADIC names text[]) RETURNS void LANGUAGE sql AS $$
	UPDATE secrets_catalog.rotation r SET due_at = now() - (100 - n) * interval '1 second', next_at = now() - (100 - n) * interval '1 second'
	FROM unnest(names) WITH ORDINALITY u (name, n) JOIN secrets_catalog.secret s USING (name) WHERE s.id = r.secret_id
$$;

-- ---- what is due ----

SELECT count(secrets.put('time/' || n, 'canary')), count(secrets.schedule_rotation('time/' || n, '1 day')) FROM unnest('{a,b,c,d,e}'::text[]) n;
CALL secrets.tick();
SELECT pg_temp.versions();
SELECT pg_temp.make_due('time/b'), pg_temp.make_due('time/d');
CALL secrets.tick();
SELECT pg_temp.versions();
SELECT name, next_at, due_at, last_at, last_status FROM pg_temp.schedules();
-- Once; the next is one interval after this one, however late it was.
CALL secrets.tick();
SELECT pg_temp.versions();
SELECT pg_temp.make_due('time/b', '100 days');
CALL secrets.tick();
CALL secrets.tick();
SELECT pg_temp.versions();
SELECT next_at = due_at, next_at = last_at + interval '1 day' FROM secrets.rotations WHERE name = 'time/b';
-- Manual ones never; nor what has been taken off, nor a deleted one.
SELECT secrets.schedule_rotation('time/c', 'manual'), secrets.unschedule_rotation('time/d'), secrets.delete('time/e') > now(), pg_temp.make_due_in_order('time/c', 'time/e');
UPDATE secrets_catalog.rotation SET due_at = NULL, next_at = NULL WHERE schedule = 'manual';
CALL secrets.tick();
SELECT pg_temp.versions();
SELECT secrets.undelete('time/e'), secrets.schedule_rotation('time/c', '1 day') > now(), secrets.schedule_rotation('time/d', '1 day') > now(), secrets.schedule_rotation('time/e', '1 day') > now();

-- ---- how far it goes ----

-- max_work: so many pieces, the longest due first.
SELECT pg_temp.make_due_in_order('time/d', 'time/a', 'time/c', 'time/e', 'time/b'), pg_temp.versions();
CALL secrets.tick(max_work => 1);
SELECT pg_temp.versions();
CALL secrets.tick(2);
SELECT pg_temp.versions();
SELECT name FROM secrets.overdue();
CALL secrets.tick(100);
SELECT pg_temp.versions();
SELECT count(*) FROM secrets.overdue();
-- max_time: none is begun after it.
SELECT pg_temp.make_due('time/%');
CALL secrets.tick(max_time => '0 seconds');
SELECT pg_temp.versions();
CALL secrets.tick(max_time => '1 hour');
SELECT pg_temp.versions();
-- More than it looks up at a time.
SELECT count(secrets.put('many/' || n, 'x')), count(secrets.schedule_rotation('many/' || n, '1 day')) FROM generate_series(1, 250) n;
SELECT pg_temp.make_due('many/%');
CALL secrets.tick(120);
SELECT count(*) FILTER (WHERE secrets.current_version(name) = 2), count(*) FILTER (WHERE last_status = 'succeeded'), (SELECT count(*) FROM secrets.overdue()) FROM secrets.rotations WHERE name LIKE 'many/%';
CALL secrets.tick();
SELECT count(*) FILTER (WHERE secrets.current_version(name) = 2), count(*) FILTER (WHERE last_status = 'succeeded'), (SELECT count(*) FROM secrets.overdue()) FROM secrets.rotations WHERE name LIKE 'many/%';
SELECT count(secrets.delete(name)) FROM secrets.list('many/*');
SELECT count(secrets.purge(name)) FROM secrets.deleted WHERE name LIKE 'many/%';
-- It says when it began.
SELECT scheduler_last BETWEEN now() - interval '10 minutes' AND now() FROM secrets.status();

-- ---- failures ----

-- Apart: one among good ones is its own misfortune.
CREATE ROLE rotation_gone LOGIN PASSWORD 'x';
SELECT secrets.schedule_rotation('time/b', '1 day', 'role', '{"role": "rotation_gone"}', true) > now();
DROP ROLE rotation_gone;
UPDATE secrets_catalog.secret SET expires_at = now() - interval '1 day' WHERE name = 'time/d';
SELECT pg_temp.make_due_in_order('time/a', 'time/b', 'time/c', 'time/d', 'time/e'), pg_temp.versions();
CALL secrets.tick();
SELECT pg_temp.versions();
SELECT * FROM pg_temp.schedules();
-- due_at stays where it was, and next_at is later with each failure, at random around one minute, two, four, and so on up to an hour.
SELECT name, failures FROM secrets.overdue();
CREATE FUNCTION pg_temp.pause() RETURNS TABLE (name text, failures int, minutes interval, status text) LANGUAGE sql AS $$
	SELECT name, failures, CASE WHEN next_at - last_at BETWEEN minutes * 0.75 AND minutes * 1.25 THEN minutes ELSE next_at - last_at END, last_status
	FROM secrets.rotations, LATERAL (SELECT interval '1 minute' * least(60, 2 ^ least(failures - 1, 10)) AS minutes) m WHERE failures > 0
$$;
SELECT * FROM pg_temp.pause();
-- Not before that.
CALL secrets.tick();
SELECT name, failures FROM pg_temp.pause();
-- The second, and the third in a row: that is told in the server's log, and here to who runs it.
CREATE FUNCTION pg_temp.again() RETURNS void LANGUAGE sql AS $$UPDATE secrets_catalog.rotation r SET next_at = now() - CASE s.name WHEN 'time/b' THEN interval '1 second' ELSE '0' END FROM secrets_catalog.secret s WHERE s.id = r.secret_id AND failures > 0$$;
SELECT pg_temp.again();
CALL secrets.tick();
SELECT * FROM pg_temp.pause();
SELECT pg_temp.again();
CALL secrets.tick();
SELECT * FROM pg_temp.pause();
SELECT pg_temp.again();
CALL secrets.tick();
SELECT * FROM pg_temp.pause();
UPDATE secrets_catalog.rotation SET failures = 6, next_at = now() WHERE failures > 0;
CALL secrets.tick();
SELECT * FROM pg_temp.pause();
UPDATE secrets_catalog.rotation SET failures = 2000000000, next_at = now() WHERE failures > 0;
CALL secrets.tick();
SELECT name, minutes FROM pg_temp.pause();
-- rotate_now counts too; one that succeeds ends it.
UPDATE secrets_catalog.rotation SET failures = 1 WHERE failures > 0;
\set VERBOSITY terse
CALL secrets.rotate_now('time/b');
CALL secrets.rotate_now('time/b');
\set VERBOSITY default
SELECT * FROM pg_temp.schedules() WHERE failures > 0;
SELECT secrets.alter('time/d', expires_at => 'infinity'), pg_temp.again();
CALL secrets.tick();
SELECT * FROM pg_temp.schedules();
-- rotate() that fails leaves nothing, as any function.
SELECT pg_temp.state($$secrets.rotate('time/b')$$), failures FROM secrets.rotations WHERE name = 'time/b';
SELECT secrets.schedule_rotation('time/b', '1 day') > now(), secrets.rotate('time/b') > 0;
SELECT * FROM pg_temp.schedules() WHERE name = 'time/b';
-- What ends: a value of no use, which is told without it.
SELECT secrets.put('time/bad', 'canary'), secrets.put('time/bad2', 'canary'), secrets.schedule_rotation('time/bad', '1 day', 'role', '{"role": "rotation_bad", "adopt": true}') > now() FROM (SELECT pg_temp.run('CREATE ROLE rotation_bad LOGIN') OFFSET 0) made;
UPDATE secrets_catalog.version v SET value = o.value FROM secrets_catalog.version o, secrets_catalog.secret s, secrets_catalog.secret os WHERE s.id = v.secret_id AND s.name = 'time/bad' AND os.id = o.secret_id AND os.name = 'time/bad2';
SELECT pg_temp.make_due('time/bad');
CALL secrets.tick();
SELECT name, last_status, failures, last_error LIKE '%canary%', last_error FROM secrets.rotations WHERE name = 'time/bad';
SELECT secrets.unschedule_rotation('time/bad'), secrets.delete('time/bad') > now(), secrets.delete('time/bad2') > now();
DROP ROLE rotation_bad;

-- ---- windows ----

SELECT secrets.schedule_rotation('time/a', '0 3 * * *', options => '{"window": "2 hours", "jitter": "1 hour", "timezone": "Europe/Berlin"}') > now();
SELECT (due_at AT TIME ZONE 'Europe/Berlin')::time, next_at - due_at >= '0' AND next_at - due_at < '1 hour' FROM secrets.rotations WHERE name = 'time/a';
-- Late, but inside: made up.
SELECT secrets.current_version('time/a') AS before, pg_temp.make_due('time/a', '1 hour 59 minutes') AS one \gset
CALL secrets.tick();
SELECT secrets.current_version('time/a') - :before, (due_at AT TIME ZONE 'Europe/Berlin')::time, pg_temp.side(due_at) FROM secrets.rotations WHERE name = 'time/a';
-- Beyond: the next time, and nobody has failed.
SELECT pg_temp.make_due('time/a', '2 hours 1 minute');
SELECT name FROM secrets.overdue();
CALL secrets.tick();
SELECT secrets.current_version('time/a') - :before, (r.due_at AT TIME ZONE 'Europe/Berlin')::time, s.* FROM pg_temp.schedules() s JOIN secrets.rotations r USING (name) WHERE name = 'time/a';
-- Failed in it, tried again after it: not any more.
UPDATE secrets_catalog.secret SET expires_at = now() - interval '1 day' WHERE name = 'time/a';
SELECT pg_temp.make_due('time/a', '10 minutes');
CALL secrets.tick();
SELECT * FROM pg_temp.schedules() WHERE name = 'time/a';
UPDATE secrets_catalog.rotation SET due_at = due_at - interval '2 hours', next_at = now() WHERE failures > 0;
CALL secrets.tick();
SELECT * FROM pg_temp.schedules() WHERE name = 'time/a';
-- By hand at any time.
SELECT secrets.alter('time/a', expires_at => 'infinity'), pg_temp.make_due('time/a', '5 hours'), secrets.rotate('time/a') - :before;
SELECT pg_temp.make_due('time/a', '5 hours');
CALL secrets.rotate_now('time/a');
SELECT secrets.current_version('time/a') - :before, pg_temp.side(due_at) FROM secrets.rotations WHERE name = 'time/a';
-- Without a window, whatever was missed is made up, once.
SELECT secrets.schedule_rotation('time/a', '*/5 * * * *') > now(), pg_temp.make_due('time/a', '30 days');
CALL secrets.tick();
CALL secrets.tick();
SELECT secrets.current_version('time/a') - :before, pg_temp.side(due_at), extract(minute FROM due_at)::int % 5, due_at < now() + interval '6 minutes' FROM secrets.rotations WHERE name = 'time/a';

-- ---- a clock that was set back ----

UPDATE secrets_catalog.rotation r SET counted_at = now() + interval '10 years', due_at = now() + interval '10 years 1 day', next_at = now() + interval '10 years 1 day' FROM secrets_catalog.secret s WHERE s.id = r.secret_id AND s.name IN ('time/b', 'time/c');
-- By a little is nothing.
UPDATE secrets_catalog.rotation r SET counted_at = now() + interval '1 minute', next_at = now() + interval '20 hours' FROM secrets_catalog.secret s WHERE s.id = r.secret_id AND s.name = 'time/d';
SELECT pg_temp.versions() AS versions \gset
CALL secrets.tick();
SELECT name, next_at > now() + interval '23 hours' AND next_at < now() + interval '25 hours', next_at < now() + interval '21 hours' FROM secrets.rotations WHERE name IN ('time/b', 'time/c', 'time/d');
SELECT pg_temp.versions() = :'versions';

-- ---- what has ended ----

-- Deleted secrets go when their time is over, with what belongs to them.
SELECT secrets.put('end/a', 'canary'), secrets.schedule_rotation('end/a', '1 day') > now(), secrets.put('end/b', 'canary'), secrets.put('end/c', 'canary');
SELECT id AS a FROM secrets.describe('end/a') \gset
SELECT secrets.delete('end/a') > now(), secrets.delete('end/b') > now(), secrets.delete('end/c') > now();
UPDATE secrets_catalog.secret SET purge_after = now() - interval '1 second' WHERE name IN ('end/a', 'end/b');
SELECT pg_temp.lines() \g /dev/null
CALL secrets.tick();
SELECT name FROM secrets.deleted WHERE name LIKE 'end/%';
SELECT (SELECT count(*) FROM secrets_catalog.secret WHERE id = :'a') + (SELECT count(*) FROM secrets_catalog.version WHERE secret_id = :'a') + (SELECT count(*) FROM secrets_catalog.stage WHERE secret_id = :'a') + (SELECT count(*) FROM secrets_catalog.rotation WHERE secret_id = :'a');
SELECT * FROM pg_temp.lines() l ORDER BY l COLLATE "C";
-- It is work as any other.
SELECT secrets.put('end/d', 'x'), secrets.put('end/e', 'x'), secrets.delete('end/d') > now(), secrets.delete('end/e') > now();
UPDATE secrets_catalog.secret SET purge_after = now() - interval '1 second' WHERE name LIKE 'end/%';
CALL secrets.tick(1);
SELECT count(*) FROM secrets.deleted WHERE name LIKE 'end/%';
CALL secrets.tick();
SELECT count(*) FROM secrets.deleted WHERE name LIKE 'end/%';

-- ---- who may call it, and where it does nothing ----

CREATE ROLE rotation_operator;
CREATE ROLE rotation_all;
SELECT secrets.grant('operate', '**', 'rotation_operator') IS NOT NULL, secrets.grant('all, grant, destroy, audit', '**', 'rotation_all') IS NOT NULL, pg_temp.make_due('time/b');
SELECT secrets.current_version('time/b') AS before \gset
\set VERBOSITY terse
SET ROLE rotation_all;
CALL secrets.tick();
RESET ROLE;
SELECT secrets.current_version('time/b') - :before;
-- Whoever operates needs no right on what is done then, and gets none.
SET ROLE rotation_operator;
CALL secrets.tick();
SELECT pg_temp.state($$secrets.get('time/b')$$), pg_temp.state($$secrets.rotate('time/b')$$), pg_temp.state($$secrets.current_version('time/b')$$);
RESET ROLE;
\set VERBOSITY default
SELECT secrets.current_version('time/b') - :before;
-- In the log it is done by who scheduled it.
SELECT action, name, outcome, replace(role, session_user, 'ME'), replace(login, session_user, 'ME'), via FROM secrets.audit_log WHERE name = 'time/b' AND action = 'rotate' AND outcome = 'allowed' ORDER BY event_id DESC LIMIT 1;
SELECT kind, problem FROM secrets.verify_audit(since => :'began') WHERE (at < :'began') IS NOT TRUE;
-- A restore that nobody has touched yet: nothing is done, and said so.
BEGIN;
TRUNCATE secrets_catalog.home;
COMMIT;
SELECT pg_temp.make_due('time/c'), secrets.current_version('time/c') AS before \gset
SET client_min_messages = notice;
CALL secrets.tick();
SET client_min_messages = warning;
SELECT secrets.current_version('time/c') - :before;
SELECT secrets.put('time/first', 'change');
CALL secrets.tick();
SELECT secrets.current_version('time/c') - :before;

SELECT pg_temp.lines() \g /dev/null
SELECT count(*) FROM secrets_catalog.audit_event e WHERE event_id > :first_event AND e::text LIKE '%canary%';
SELECT pg_temp.forget_rules();
SELECT pg_temp.clean();
DROP ROLE rotation_operator, rotation_all;
