-- rotation: who may what; strangers, and what they hear; by whose rights it is done.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set rotation :srcdir '/sql/rotation.psql'
\set ECHO none
\i :helpers
\i :rules
\i :rotation
\set ECHO all

CREATE ROLE rotation_stranger;
CREATE ROLE rotation_rotator;
CREATE ROLE rotation_lister;
CREATE ROLE rotation_writer;
CREATE ROLE rotation_reader;
CREATE ROLE rotation_operator;
CREATE ROLE rotation_super SUPERUSER;
SELECT secrets.put('who/a', 'canary'), secrets.schedule_rotation('who/a', '1 day') > now(), secrets.put('who/b', 'canary'), secrets.put('other/a', 'canary'), secrets.schedule_rotation('other/a', 'manual'),
	secrets.put('who/gone', 'canary'), secrets.schedule_rotation('who/gone', 'manual'), secrets.delete('who/gone') > now();
SELECT count(secrets.grant(privileges, 'who/**', role)) FROM (VALUES ('rotate', 'rotation_rotator'), ('list', 'rotation_lister'), ('list, read, write, delete, destroy, audit, grant', 'rotation_writer'), ('read', 'rotation_reader')) v (privileges, role);
SELECT secrets.grant('operate', '**', 'rotation_operator') IS NOT NULL;

-- Each call as each role, and then it never was.  A function's CALL would be in a transaction block: those come below.
CREATE FUNCTION pg_temp.tried(who text, call text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		PERFORM set_config('role', who, true);
		result = pg_temp.try(call, name);
		RAISE EXCEPTION USING ERRCODE = 'U0000';
	EXCEPTION WHEN SQLSTATE 'U0000' THEN NULL;
	END;
	RETURN regexp_replace(result, '\d{4}-\d\d-\d\d.*|^\w{3} \w{3} .*', 'TIME');
END
$$;
CREATE TEMP TABLE verb AS SELECT * FROM (VALUES
	(1, 'schedule', $$secrets.schedule_rotation($1[1], 'manual')$$), (2, 'schedule now', $$secrets.schedule_rotation($1[1], '1 day', rotate_now => true) > now()$$), (3, 'with options', $$secrets.schedule_rotation($1[1], 'manual', options => '{"length": 4, "classes": ["digit"]}')$$),
	(4, 'rotate', $$secrets.rotate($1[1])$$), (5, 'rotate_all', $$secrets.rotate_all($1[1])$$), (6, 'unschedule', $$secrets.unschedule_rotation($1[1])$$), (7, 'adopt', $$secrets.adopt($1[1])$$),
	(8, 'rotations', $$(SELECT nullif(count(*), 0) FROM secrets.rotations WHERE name = $1[1])$$), (9, 'overdue', $$(SELECT nullif(count(*), 0) FROM secrets.overdue() WHERE name = $1[1])$$),
	(10, 'expiring', $$(SELECT nullif(count(*), 0) FROM secrets.expiring('10 years') WHERE name = $1[1])$$), (11, 'next time', $$(SELECT next_rotation_at IS NOT NULL FROM secrets.secrets WHERE name = $1[1])$$)) v (n, verb, call);
SELECT secrets.alter('who/a', expires_at => now() + interval '1 year'), pg_temp.make_due('who/a');
SELECT v.verb, string_agg(regexp_replace(pg_temp.tried(r, v.call, 'who/a'), E':.*', ''), ' | ' ORDER BY i)
	FROM verb v, unnest('{rotation_stranger,rotation_lister,rotation_reader,rotation_writer,rotation_rotator,rotation_operator,rotation_super}'::text[]) WITH ORDINALITY r (r, i) GROUP BY v.n, v.verb ORDER BY v.n;
-- In the same words, whether it is there, has no schedule, is deleted, or never was; and the name is not in them.
SELECT v.verb, r, count(DISTINCT pg_temp.tried(r, v.call, x)), min(split_part(pg_temp.tried(r, v.call, x), E'\n', 1))
	FROM verb v, unnest('{rotation_stranger,rotation_reader,rotation_operator}'::text[]) r, unnest('{who/a,who/b,who/gone,who/canary}'::text[]) x WHERE v.n < 7 GROUP BY v.n, v.verb, r ORDER BY v.n, r;
-- Who holds rotate hears what is absent, and what has no schedule; elsewhere he is a stranger.
SELECT v.verb, string_agg(regexp_replace(pg_temp.tried('rotation_rotator', v.call, x), E':.*', ''), ' | ' ORDER BY i) FROM verb v, unnest('{who/b,who/gone,who/none,other/a,other/none}'::text[]) WITH ORDINALITY x (x, i) WHERE v.n < 8 GROUP BY v.n, v.verb ORDER BY v.n;
-- rotate_all: only what one may; who may nowhere is refused.
SELECT pg_temp.tried('rotation_rotator', 'secrets.rotate_all($1[1])', '**'), pg_temp.tried('rotation_super', 'secrets.rotate_all($1[1])', '**'), pg_temp.tried('rotation_stranger', 'secrets.rotate_all($1[1])', '**'), pg_temp.tried('rotation_operator', 'secrets.rotate_all($1[1])', '**');
-- What is listed: whatever else one holds.
SELECT r, pg_temp.as_role(r, '(SELECT string_agg(name, '' '') FROM secrets.rotations)'), pg_temp.as_role(r, '(SELECT string_agg(name, '' '') FROM secrets.overdue())'), pg_temp.as_role(r, '(SELECT string_agg(name, '' '') FROM secrets.expiring(''2 years''))')
	FROM unnest('{rotation_stranger,rotation_lister,rotation_reader,rotation_writer,rotation_rotator,rotation_operator,rotation_super}'::text[]) r;
-- Nor does a cheap and leaky function see more.
CREATE SCHEMA rotation_test;
GRANT USAGE ON SCHEMA rotation_test TO PUBLIC;
CREATE FUNCTION rotation_test.leak(text) RETURNS bool COST 0.0001 LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'saw %', $1; RETURN true; END$$;
SET ROLE rotation_stranger;
SELECT count(*) FROM secrets.rotations WHERE rotation_test.leak(name);
SET ROLE rotation_lister;
SELECT count(*) FROM secrets.rotations WHERE rotation_test.leak(name);
RESET ROLE;

-- The procedures.
\set VERBOSITY terse
SET ROLE rotation_stranger;
CALL secrets.rotate_now('who/a');
CALL secrets.rotate_now('who/canary');
CALL secrets.rotate_now('a canary');
CALL secrets.tick();
CALL secrets.tick(-1, '-1 day');
SET ROLE rotation_writer;
CALL secrets.rotate_now('who/a');
CALL secrets.rotate_now('who/canary');
CALL secrets.tick();
SET ROLE rotation_rotator;
CALL secrets.rotate_now('who/a');
CALL secrets.rotate_now('who/b');
CALL secrets.rotate_now('who/none');
CALL secrets.rotate_now('other/a');
CALL secrets.tick();
SET ROLE rotation_operator;
CALL secrets.rotate_now('who/a');
CALL secrets.tick();
RESET ROLE;
SELECT secrets.current_version('who/a'), secrets.current_version('other/a');
-- A mere GRANT EXECUTE gives nothing.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets, secrets_catalog TO rotation_stranger;
GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA secrets TO rotation_stranger;
GRANT USAGE ON SCHEMA secrets_catalog TO rotation_stranger;
GRANT ALL ON ALL TABLES IN SCHEMA secrets, secrets_catalog TO rotation_stranger;
SELECT v.verb, regexp_replace(pg_temp.tried('rotation_stranger', v.call, 'who/a'), E':.*', '') FROM verb v ORDER BY v.n;
SET ROLE rotation_stranger;
CALL secrets.rotate_now('who/a');
CALL secrets.tick();
SELECT count(*) FROM secrets_catalog.rotations();
SELECT count(*) FROM secrets_catalog.rotation;
SELECT pg_temp.run($$UPDATE secrets_catalog.rotation SET scheduled_by = 'rotation_stranger'$$), pg_temp.run($$INSERT INTO secrets_catalog.rotation (secret_id, schedule, rotator, options, counted_at, failures, scheduled_by, scheduled_tag, system_identifier, database_oid) VALUES (gen_random_uuid(), 'manual', 'generate', '{}', now(), 0, 'x', 'x', 1, 1)$$),
	pg_temp.run('TRUNCATE secrets_catalog.rotation'), pg_temp.run('TRUNCATE secrets_catalog.tick'), pg_temp.run($$INSERT INTO secrets_catalog.tick VALUES (now())$$);
RESET ROLE;
-- Nor, for schedules, does a right to write there that no policy holds back.
ALTER ROLE rotation_stranger BYPASSRLS;
SET ROLE rotation_stranger;
SELECT pg_temp.run($$UPDATE secrets_catalog.rotation SET scheduled_by = 'rotation_stranger'$$), pg_temp.run('DELETE FROM secrets_catalog.rotation'),
	pg_temp.run($$INSERT INTO secrets_catalog.rotation (secret_id, schedule, rotator, options, counted_at, failures, scheduled_by, scheduled_tag, system_identifier, database_oid) VALUES (gen_random_uuid(), 'manual', 'generate', '{}', now(), 0, 'x', 'x', 1, 1)$$);
RESET ROLE;
ALTER ROLE rotation_stranger NOBYPASSRLS;
REVOKE ALL ON ALL TABLES IN SCHEMA secrets, secrets_catalog FROM rotation_stranger;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets, secrets_catalog FROM rotation_stranger;
REVOKE EXECUTE ON ALL PROCEDURES IN SCHEMA secrets FROM rotation_stranger;
REVOKE USAGE ON SCHEMA secrets_catalog FROM rotation_stranger;
\set VERBOSITY default

-- ---- as whom it is done ----

-- Options of a generator can leave so little to chance that who chose them knows the value: they take write besides.
SET ROLE rotation_rotator;
SELECT pg_temp.state($$secrets.schedule_rotation('who/b', 'manual', options => '{"length": 4, "classes": ["digit"]}')$$), secrets.schedule_rotation('who/b', 'manual'), secrets.schedule_rotation('who/b', '@daily', options => '{"jitter": "1 hour", "timezone": "Asia/Tokyo"}') > now();
RESET ROLE;
SELECT secrets.grant('write', 'who/b', 'rotation_rotator') IS NOT NULL;
SET ROLE rotation_rotator;
SELECT secrets.schedule_rotation('who/b', 'manual', options => '{"length": 20, "classes": ["digit"]}'), secrets.rotate('who/b');
RESET ROLE;
SELECT secrets.revoke('write', 'who/b', 'rotation_rotator'), pg_temp.try($$secrets.rotate('who/b')$$);
SELECT secrets.schedule_rotation('who/b', 'manual', options => '{"length": 20, "classes": ["digit"]}');
SET ROLE rotation_rotator;
SELECT secrets.rotate('who/b');
RESET ROLE;
SELECT secrets.get('who/b') ~ '^[0-9]{20}$', name, scheduled_by = current_user FROM secrets.rotations WHERE name = 'who/b';

-- The tick asks for whoever scheduled it: revoked, it fails there, and is tried later, and granted again it works.
SET ROLE rotation_rotator;
SELECT secrets.schedule_rotation('who/a', '1 day') > now();
RESET ROLE;
SELECT secrets.current_version('who/a') AS before, pg_temp.make_due('who/a') AS one \gset
CALL secrets.tick();
SELECT secrets.current_version('who/a') - :before, s.*, scheduled_by FROM pg_temp.schedules() s JOIN secrets.rotations r USING (name) WHERE name = 'who/a';
SELECT secrets.revoke('rotate', 'who/**', 'rotation_rotator'), pg_temp.make_due('who/a');
CALL secrets.tick();
SELECT secrets.current_version('who/a') - :before, s.* FROM pg_temp.schedules() s WHERE name = 'who/a';
SELECT pg_temp.as_role('rotation_rotator', $$secrets.rotate('who/a')$$), pg_temp.as_role('rotation_rotator', $$secrets.rotate_all('who/a')$$), pg_temp.as_role('rotation_rotator', $$secrets.unschedule_rotation('who/a')$$), pg_temp.as_role('rotation_rotator', $$secrets.schedule_rotation('who/a', 'manual')$$);
-- Who may rotates it all the same.
SELECT secrets.rotate('who/a') - :before;
SELECT secrets.deny('rotate', 'who/a', 'rotation_rotator') IS NOT NULL, secrets.grant('rotate', 'who/**', 'rotation_rotator') IS NOT NULL, pg_temp.make_due('who/a');
CALL secrets.tick();
SELECT secrets.current_version('who/a') - :before, s.* FROM pg_temp.schedules() s WHERE name = 'who/a';
SELECT secrets.undeny('rotate', 'who/a', 'rotation_rotator'), pg_temp.make_due('who/a');
CALL secrets.tick();
SELECT secrets.current_version('who/a') - :before, s.* FROM pg_temp.schedules() s WHERE name = 'who/a';
-- Under another name it is still the same one; a grant is followed there, and so is the schedule's word for it.
ALTER ROLE rotation_rotator RENAME TO rotation_renamed;
SELECT pg_temp.make_due('who/a');
CALL secrets.tick();
SELECT secrets.current_version('who/a') - :before, r.last_status, r.scheduled_by FROM secrets.rotations r WHERE name = 'who/a';
-- Another of the old name is another.
CREATE ROLE rotation_rotator;
SELECT pg_temp.as_role('rotation_rotator', $$secrets.rotate('who/a')$$);
DROP ROLE rotation_renamed;
SELECT secrets.grant('rotate', 'who/**', 'rotation_rotator') IS NOT NULL, pg_temp.make_due('who/a');
CALL secrets.tick();
SELECT secrets.current_version('who/a') - :before, s.* FROM pg_temp.schedules() s WHERE name = 'who/a';
SELECT pg_temp.as_role('rotation_rotator', $$secrets.rotate('who/a')$$);
-- Scheduled anew it is his.
SELECT pg_temp.as_role('rotation_rotator', $$secrets.schedule_rotation('who/a', '1 day') > now()$$), pg_temp.as_role('rotation_rotator', $$secrets.rotate('who/a') > 0$$);
SELECT s.*, scheduled_by FROM pg_temp.schedules() s JOIN secrets.rotations r USING (name) WHERE name = 'who/a';

-- In a SECURITY DEFINER function its owner schedules, and rotates.
CREATE FUNCTION rotation_test.lend(name text) RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$SELECT secrets.rotate(name)$$;
ALTER FUNCTION rotation_test.lend OWNER TO rotation_rotator;
CREATE FUNCTION rotation_test.keep(name text) RETURNS bigint LANGUAGE sql AS $$SELECT secrets.rotate(name)$$;
SELECT pg_temp.as_role('rotation_stranger', $$rotation_test.lend('who/a') > 0$$), pg_temp.as_role('rotation_stranger', $$rotation_test.keep('who/a')$$), pg_temp.as_role('rotation_stranger', $$rotation_test.lend('other/a')$$), pg_temp.state($$rotation_test.lend('other/a')$$);
-- What the server runs for somebody rotates nothing.
CREATE FUNCTION rotation_test.pretended(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN secrets.rotate('who/a'); END$$;
CREATE TABLE rotation_test.t AS SELECT 'x'::text AS x;
SELECT pg_temp.run('CREATE INDEX ON rotation_test.t (rotation_test.pretended(x))');
-- Without the bypass, a superuser is one who was given nothing; what he scheduled rests.
SELECT secrets.schedule_rotation('other/a', '1 day') > now(), pg_temp.make_due('other/a');
ALTER SYSTEM SET secrets.superuser_bypass = off;
\set setting secrets.superuser_bypass
\set wanted off
\set reload :srcdir '/sql/reload.psql'
\set ECHO none
\i :reload
\set ECHO all
SELECT pg_temp.state($$secrets.rotate('other/a')$$), pg_temp.state($$secrets.schedule_rotation('other/a', 'manual')$$), pg_temp.state($$secrets.rotate_all('**')$$), pg_temp.state($$secrets.adopt()$$), (SELECT count(*) FROM secrets.rotations);
SET ROLE rotation_operator;
CALL secrets.tick();
RESET ROLE;
ALTER SYSTEM RESET secrets.superuser_bypass;
\set wanted on
\set ECHO none
\i :reload
\set ECHO all
SELECT * FROM pg_temp.schedules() WHERE name = 'other/a';

-- While sealed: everything is refused, but that a stranger is one.
SELECT secrets.seal();
SELECT pg_temp.state($$secrets.rotate('who/a')$$), pg_temp.state($$secrets.schedule_rotation('who/a', 'manual')$$), pg_temp.state($$secrets.unschedule_rotation('who/a')$$), pg_temp.state($$secrets.rotate_all('**')$$), pg_temp.state($$secrets.adopt()$$),
	pg_temp.run('SELECT * FROM secrets.rotations'), pg_temp.run('SELECT * FROM secrets.overdue()'), pg_temp.run($$SELECT * FROM secrets.expiring('1 day')$$), pg_temp.as_role('rotation_stranger', $$secrets.rotate('who/a')$$);
\set VERBOSITY sqlstate
CALL secrets.rotate_now('who/a');
\set VERBOSITY default
-- The clock goes on ticking, and nothing happens.
SET client_min_messages = notice;
CALL secrets.tick();
SET client_min_messages = warning;
SELECT secrets.unseal();

SET client_min_messages = error;
DROP SCHEMA rotation_test CASCADE;
SELECT pg_temp.clean();
SELECT pg_temp.forget_rules();
DROP ROLE rotation_stranger, rotation_rotator, rotation_lister, rotation_writer, rotation_reader, rotation_operator, rotation_super;
