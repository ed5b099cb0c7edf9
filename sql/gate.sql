-- gate: who asks, which privilege each verb asks for, and that absent and
-- forbidden sound alike.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :rules
\set ECHO all

SELECT secrets.put('gate/a', 'there');
CREATE ROLE gate_stranger;
CREATE ROLE gate_super SUPERUSER;
CREATE ROLE gate_member IN ROLE gate_super;

-- In the same words, whether it exists or not; and without the name.
SET ROLE gate_stranger;
SELECT pg_temp.try('secrets.get($1[1])', 'gate/canary');
SELECT pg_temp.try('secrets.get($1[1])', 'gate/a') = pg_temp.try('secrets.get($1[1])', 'gate/canary'),
	pg_temp.try('secrets.try_get($1[1])', 'gate/a') = pg_temp.try('secrets.try_get($1[1])', 'gate/none'),
	pg_temp.try('secrets.describe($1[1])', 'gate/a') = pg_temp.try('secrets.describe($1[1])', 'gate/none'),
	pg_temp.try('secrets.put($1[1], $1[2], if_version => 0)', 'gate/a', 'canary') = pg_temp.try('secrets.put($1[1], $1[2], if_version => 0)', 'gate/none', 'canary'),
	pg_temp.try('secrets.delete($1[1])', 'gate/a') = pg_temp.try('secrets.delete($1[1])', 'gate/none'),
	pg_temp.try('secrets.rename($1[1], $1[2])', 'gate/a', 'gate/b') = pg_temp.try('secrets.rename($1[1], $1[2])', 'gate/none', 'gate/a');
-- What is wrong with the arguments themselves is said to anybody, and tells nothing.
SELECT pg_temp.state('secrets.get($1[1])', 'the canary'), pg_temp.state('secrets.get(NULL)'), pg_temp.state($$secrets.get('gate/a', version => 1, stage => 'current')$$);
-- While sealed, a stranger is still a stranger.
RESET ROLE;
SELECT secrets.seal();
SET ROLE gate_stranger;
SELECT pg_temp.state('secrets.get($1[1])', 'gate/a'), pg_temp.state('secrets.unseal()'), pg_temp.state('(SELECT state FROM secrets.status())');
RESET ROLE;
SELECT secrets.unseal();

-- A member of a superuser's role is none himself; SET ROLE makes him one, as it does everywhere.
SET SESSION AUTHORIZATION gate_member;
SELECT pg_temp.state($$secrets.get('gate/a')$$);
SET ROLE gate_super;
SELECT pg_temp.state($$secrets.get('gate/a')$$);
RESET ROLE;
RESET SESSION AUTHORIZATION;
-- A superuser who has put on a stranger's role asks as the stranger.
SET ROLE gate_stranger;
SELECT pg_temp.state($$secrets.get('gate/a')$$);
RESET ROLE;

-- A SECURITY DEFINER function asks as its owner; one without asks as its caller.
CREATE SCHEMA gate_test;
GRANT USAGE ON SCHEMA gate_test TO PUBLIC;
CREATE FUNCTION gate_test.lend() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql RETURN secrets.get('gate/a');
CREATE FUNCTION gate_test.keep() RETURNS text LANGUAGE sql RETURN secrets.get('gate/a');
CREATE VIEW gate_test.through_view AS SELECT secrets.get('gate/a') AS value;
GRANT SELECT ON gate_test.through_view TO PUBLIC;
SET ROLE gate_stranger;
SELECT pg_temp.state('gate_test.lend()'), pg_temp.state('gate_test.keep()'), pg_temp.state('(SELECT value FROM gate_test.through_view)');
RESET ROLE;
-- The other way round: a stranger's SECURITY DEFINER function gives a superuser nothing.
CREATE FUNCTION gate_test.trap() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql RETURN secrets.get('gate/a');
ALTER FUNCTION gate_test.trap() OWNER TO gate_stranger;
SELECT pg_temp.state('gate_test.trap()');

-- What the server itself runs on somebody's behalf asks for nothing, whoever that is.
CREATE FUNCTION gate_test.pretended(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN secrets.get('gate/a'); END$$;
CREATE TABLE gate_test.t (x text);
INSERT INTO gate_test.t VALUES ('x');
SELECT pg_temp.run('CREATE INDEX ON gate_test.t (gate_test.pretended(x))');
CREATE MATERIALIZED VIEW gate_test.m AS SELECT secrets.get('gate/a') AS value WITH NO DATA;
SELECT pg_temp.run('REFRESH MATERIALIZED VIEW gate_test.m');

-- The views filter before anybody's cheap and leaky function sees a row.
CREATE FUNCTION gate_test.leak(text) RETURNS bool COST 0.0001 LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'saw %', $1; RETURN true; END$$;
SET ROLE gate_stranger;
SELECT count(*) FROM secrets.secrets WHERE gate_test.leak(name);
SELECT count(*) FROM secrets.versions WHERE gate_test.leak(name);
SELECT count(*) FROM secrets.deleted WHERE gate_test.leak(name);
SELECT count(*) FROM secrets.root_keys WHERE gate_test.leak(source);
RESET ROLE;

-- Hostile default privileges and grants change nothing: the gate decides.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets, secrets_catalog TO gate_stranger;
GRANT ALL ON ALL TABLES IN SCHEMA secrets TO gate_stranger;
SET ROLE gate_stranger;
SELECT pg_temp.state($$secrets.get('gate/a')$$), (SELECT count(*) FROM secrets.secrets), pg_temp.state('secrets.rotate_master_key()'), pg_temp.state($$secrets.add_root_key('file:/x')$$);
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA secrets, secrets_catalog FROM gate_stranger;
REVOKE ALL ON ALL TABLES IN SCHEMA secrets FROM gate_stranger;

-- Parallel workers are not asked.
SELECT count(*) FROM pg_proc WHERE pronamespace = 'secrets'::regnamespace AND proparallel <> 'u';
SET client_min_messages = error;
DROP SCHEMA gate_test CASCADE;
SET client_min_messages = warning;

-- The verbs, each as a call on a name that is there ($1), with what it needs.
CREATE SCHEMA gate_test;
GRANT USAGE ON SCHEMA gate_test TO PUBLIC;
CREATE TABLE gate_test.verb (n int GENERATED ALWAYS AS IDENTITY, verb text, needs text, call text);
INSERT INTO gate_test.verb (verb, needs, call) VALUES
	('put', 'write', $$secrets.put($1[1], 'v'::text)$$), ('put jsonb', 'write', $$secrets.put($1[1], '{}'::jsonb)$$), ('put_bytes', 'write', $$secrets.put_bytes($1[1], '\x00')$$),
	('generate', 'write', $$secrets.generate($1[1])$$), ('patch', 'write', $$secrets.patch($1[1], '{"b": 1}'::text)$$), ('patch jsonb', 'write', $$secrets.patch($1[1], '{"b": 1}'::jsonb)$$),
	('alter', 'write', $$secrets.alter($1[1], description => 'd')$$), ('label', 'write', $$secrets.label($1[1], 'stage', 1)$$), ('rollback', 'write', $$secrets.rollback($1[1])$$),
	('disable', 'write', $$secrets.disable($1[1])$$), ('disable version', 'write', $$secrets.disable($1[1], 1)$$), ('enable', 'write', $$secrets.enable($1[1])$$), ('inbox', 'write', $$gate_test.inbox($1[1])$$),
	('get', 'read', $$secrets.get($1[1])$$), ('get field', 'read', $$secrets.get($1[1], 'a')$$), ('get version', 'read', $$secrets.get($1[1], version => 1)$$), ('get stage', 'read', $$secrets.get($1[1], stage => 'previous')$$),
	('get_bytes', 'read', $$secrets.get_bytes($1[1])$$), ('try_get', 'read', $$secrets.try_get($1[1])$$), ('get_many', 'read', $$(SELECT count(*) FROM secrets.get_many(ARRAY[$1[1]]))$$),
	('get_all', 'read', $$(SELECT nullif(count(*), 0) FROM secrets.get_all($1[1]))$$), ('get_all **', 'read', $$(SELECT nullif(count(*), 0) FROM secrets.get_all('**'))$$),
	('current_version', 'list read', $$secrets.current_version($1[1])$$), ('watch', 'read', $$secrets.watch($1[1])$$),
	('describe', 'list', $$(SELECT d.name FROM secrets.describe($1[1]) d)$$), ('list', 'list', $$(SELECT nullif(count(*), 0) FROM secrets.list($1[1]))$$),
	('secrets', 'list', $$(SELECT nullif(count(*), 0) FROM secrets.secrets WHERE name = $1[1])$$), ('versions', 'list', $$(SELECT nullif(count(*), 0) FROM secrets.versions WHERE name = $1[1])$$), ('deleted', 'list', $$(SELECT nullif(count(*), 0) FROM secrets.deleted)$$),
	('delete', 'delete', $$secrets.delete($1[1])$$), ('undelete', 'delete', $$secrets.undelete('g/gone')$$),
	('destroy', 'destroy', $$secrets.destroy($1[1], 1)$$), ('purge', 'destroy', $$secrets.purge('g/gone')$$),
	('rename', '', $$secrets.rename($1[1], 'g/new')$$), ('undelete as', '', $$secrets.undelete('g/gone', new_name => 'g/new')$$),
	('grant', 'grant', $$secrets.grant('grant', $1[1], 'gate_other')$$), ('deny', 'grant', $$secrets.deny('all', $1[1], 'gate_other')$$),
	('revoke', 'grant', $$secrets.revoke('read', $1[1], 'gate_other')$$), ('undeny', 'grant', $$secrets.undeny('grant', $1[1], 'gate_other')$$),
	('can of another', 'grant audit', $$secrets.can('read', $1[1], 'gate_other')$$), ('explain another', 'grant audit', $$(SELECT count(*) FROM secrets.explain($1[1], 'gate_other'))$$), ('lint', 'grant audit', $$(SELECT count(*) FROM secrets.lint())$$),
	('random_password', 'any', $$secrets.random_password()$$),
	('seal', 'operate', $$secrets.seal()$$), ('unseal', 'operate', $$secrets.unseal()$$), ('rotate_master_key', 'operate', $$secrets.rotate_master_key()$$),
	('root_keys', 'operate', $$(SELECT nullif(count(*), 0) FROM secrets.root_keys)$$), ('status', 'operate', $$(SELECT state FROM secrets.status())$$), ('check', 'operate', $$(SELECT count(*) >= 0 FROM secrets.check())$$),
	('add_root_key', '', $$secrets.add_root_key('file:/no/such/file')$$), ('drop_root_key', '', $$secrets.drop_root_key('0000000000000000')$$),
	('audit_log', 'audit', $$(SELECT nullif(count(*), 0) FROM secrets.audit_log WHERE name = 'g/gone')$$), ('verify_audit', '', $$(SELECT count(*) FROM secrets.verify_audit())$$),
	('audit_head', '', $$left(secrets.audit_head(), 12)$$), ('export_audit', '', $$(SELECT nullif(count(*), 0) FROM secrets.export_audit())$$),
	('receive_audit', '', $$secrets.receive_audit('\x00')$$),
	('schedule_rotation', 'rotate', $$secrets.schedule_rotation($1[1], '1 day')$$), ('schedule_rotation now', 'rotate', $$secrets.schedule_rotation($1[1], '1 day', rotate_now => true)$$), ('unschedule_rotation', 'rotate', $$secrets.unschedule_rotation($1[1])$$),
	('rotate', 'rotate', $$secrets.rotate($1[1])$$), ('rotate_all', 'rotate', $$nullif(secrets.rotate_all($1[1]), 0)$$), ('rotate_all **', 'rotate', $$nullif(secrets.rotate_all('**'), 0)$$), ('adopt', 'operate', $$secrets.adopt($1[1])$$),
	('rotations', 'list', $$(SELECT nullif(count(*), 0) FROM secrets.rotations WHERE name = $1[1])$$), ('overdue', 'list', $$(SELECT nullif(count(*), 0) FROM secrets.overdue())$$), ('expiring', 'list', $$(SELECT nullif(count(*), 0) FROM secrets.expiring('2 days'))$$),
	-- without pg_cron in this database; who may hears so
	('enable_scheduler', '', $$secrets.enable_scheduler()$$), ('disable_scheduler', 'operate', $$secrets.disable_scheduler()$$);
-- No function is forgotten.
SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind = 'f' AND NOT EXISTS (SELECT FROM gate_test.verb v WHERE v.call ~ ('secrets\.' || p.proname || '\(')) ORDER BY 1;
CREATE FUNCTION gate_test.inbox(name text) RETURNS void LANGUAGE plpgsql AS $$BEGIN INSERT INTO secrets.inbox (name, value) VALUES (name, 'v'); END$$;

-- One role for each privilege; each holds that, on g/** (operate: on **), and nothing else.  The log as a whole is for whoever holds audit on **.
CREATE ROLE gate_other;
CREATE TABLE gate_test.privilege AS SELECT * FROM unnest('{list,read,write,rotate,delete,destroy,grant,encrypt,decrypt,sign,verify,lease,audit,operate}'::text[]) WITH ORDINALITY p (privilege, n);
DO $$DECLARE p text; BEGIN FOR p IN SELECT privilege FROM gate_test.privilege LOOP EXECUTE 'CREATE ROLE gate_' || p; END LOOP; END$$;
SELECT count(secrets.grant(privilege, CASE privilege WHEN 'operate' THEN '**' ELSE 'g/**' END, 'gate_' || privilege)) FROM gate_test.privilege;
SELECT secrets.put('g/a', '{"a": "canary"}'), secrets.put('g/a', '{"a": "canary 2"}'), secrets.put('g/gone', 'canary'), secrets.delete('g/gone') > now(), secrets.deny('grant', 'g/a', 'gate_other') IS NOT NULL;
SELECT secrets.schedule_rotation('g/a', '1 day') > now(), secrets.alter('g/a', expires_at => now() + interval '1 day');
UPDATE secrets_catalog.rotation SET due_at = now() - interval '1 minute', next_at = now() - interval '1 minute';

-- The outcome as that role: a SQLSTATE, "nothing" (no rows, no answer), or "ok"; and then it never was.
CREATE FUNCTION pg_temp.outcome(who text, call text, name text, read_only bool = false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		PERFORM set_config('role', who, true);
		IF read_only THEN PERFORM set_config('transaction_read_only', 'on', true); END IF;
		result = pg_temp.state(call, name);
		RAISE EXCEPTION USING ERRCODE = 'U0000';
	EXCEPTION WHEN SQLSTATE 'U0000' THEN NULL;
	END;
	-- what no transaction takes back
	IF call LIKE 'secrets.seal(%' AND result = 'ok' THEN PERFORM secrets.unseal(); END IF;
	RETURN CASE WHEN result ~ '^[0-9A-Z]{5}( LEAK)?$' THEN result WHEN result = 'NULL' THEN 'nothing' ELSE 'ok' END;
END
$$;
CREATE TABLE gate_test.outcome AS
	SELECT v.n, v.verb, v.needs, p.n AS nth, p.privilege, pg_temp.outcome('gate_' || privilege, call, 'g/a') AS there, pg_temp.outcome('gate_' || privilege, call, 'g/none') AS absent
	FROM gate_test.verb v, gate_test.privilege p;
-- Each verb: what each privilege alone gives it, where it gives anything; and all the others.
SELECT verb, string_agg(privilege || ' ' || there, ', ' ORDER BY nth) FILTER (WHERE there NOT IN ('42501', 'nothing')), count(*) FILTER (WHERE there = '42501') AS refused, count(*) FILTER (WHERE there = 'nothing') AS nothing
	FROM gate_test.outcome GROUP BY n, verb ORDER BY n;
-- It is what it needs, and as many are left out.
SELECT verb, privilege, there FROM gate_test.outcome WHERE (there = 'ok') <> (privilege = ANY (string_to_array(needs, ' ')) OR needs = 'any') ORDER BY n, nth;
-- Of what is absent: 42704 for who holds that privilege, or list; the rest hear what they hear of what is there.
SELECT verb, string_agg(privilege || ' ' || absent, ', ' ORDER BY nth) FILTER (WHERE absent NOT IN ('42501', 'nothing')), count(*) FILTER (WHERE absent = '42501') AS refused, count(*) FILTER (WHERE absent = 'nothing') AS nothing
	FROM gate_test.outcome JOIN gate_test.verb v USING (n, verb, needs) WHERE v.call LIKE '%$1%' GROUP BY n, verb ORDER BY n;
SELECT count(*) FROM gate_test.outcome WHERE there LIKE '%LEAK%' OR absent LIKE '%LEAK%' OR there LIKE 'XX%' OR absent LIKE 'XX%';
-- The operator's privilege, and an auditor's of everything, open status and check; the monitor's membership the status, and nothing else.
SELECT secrets.grant('audit', '**', 'gate_other') IS NOT NULL;
GRANT pg_monitor TO gate_stranger;
SELECT who, string_agg(verb || ' ' || o, ', ' ORDER BY n) FROM unnest('{gate_other,gate_stranger}'::text[]) who, gate_test.verb v, pg_temp.outcome(who, call, 'g/a') o WHERE o NOT IN ('42501', 'nothing') GROUP BY who ORDER BY who;
REVOKE pg_monitor FROM gate_stranger;
SELECT secrets.revoke('audit', '**', 'gate_other');
\set VERBOSITY sqlstate
SET ROLE gate_operate;
CALL secrets.rekey();
CALL secrets.tick(max_time => '0');
CALL secrets.rotate_now('g/a');
SET ROLE gate_audit;
CALL secrets.rekey();
CALL secrets.tick(max_time => '0');
CALL secrets.rotate_now('g/a');
RESET ROLE;
\set VERBOSITY default
-- Root keys are for superusers, who need no rule.
SELECT verb, pg_temp.outcome('gate_super', call, 'g/a'), pg_temp.outcome('gate_operate', call, 'g/a') FROM gate_test.verb WHERE verb LIKE '%root_key' ORDER BY n;

-- What needs several: read, write and delete on the old name, write on the new; a deleted one's new name is no other.
CREATE ROLE gate_mover;
CREATE FUNCTION pg_temp.move(old text, new text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		PERFORM secrets.grant(old, 'g/**', 'gate_mover');
		IF new <> '' THEN PERFORM secrets.grant(new, 'h/**', 'gate_mover'); END IF;
		result = format('rename %s, to one that is there %s, of none %s, undelete as %s', pg_temp.outcome('gate_mover', $q$secrets.rename($1[1], 'h/new')$q$, 'g/a'), pg_temp.outcome('gate_mover', $q$secrets.rename($1[1], 'h/there')$q$, 'g/a'),
			pg_temp.outcome('gate_mover', $q$secrets.rename($1[1], 'h/new')$q$, 'g/none'), pg_temp.outcome('gate_mover', $q$secrets.undelete('g/gone', new_name => 'h/new')$q$, ''));
		RAISE EXCEPTION USING ERRCODE = 'U0000';
	EXCEPTION WHEN SQLSTATE 'U0000' THEN RETURN result;
	END;
END
$$;
SELECT secrets.put('h/there', 'canary');
SELECT old, new, pg_temp.move(old, new) FROM (VALUES ('read, write, delete', 'write'), ('read, write, delete', ''), ('read, write, delete', 'list, read, delete'), ('write, delete', 'write'), ('read, delete', 'write'), ('read, write', 'write'), ('list, write, delete', 'write'), ('all', 'list, write')) v (old, new);
-- All of many, or nothing.
SELECT secrets.grant('read', 'g/a', 'gate_mover') IS NOT NULL, pg_temp.outcome('gate_mover', $$(SELECT count(*) FROM secrets.get_many(ARRAY['g/a', 'g/a']))$$, ''), pg_temp.outcome('gate_mover', $$(SELECT count(*) FROM secrets.get_many(ARRAY['g/a', 'h/there']))$$, ''),
	pg_temp.outcome('gate_mover', $$(SELECT count(*) FROM secrets.get_many(ARRAY['g/a', 'h/none']))$$, ''), secrets.revoke('all', 'g/a', 'gate_mover');

-- Where nothing can be written: 25006, but only for who may; reading goes on.  (An INSERT
-- into the inbox is the server's to refuse, to anybody.)
CREATE ROLE gate_all;
SELECT count(secrets.grant('all, grant, destroy, audit', 'g/**', 'gate_all')), count(secrets.grant('operate', '**', 'gate_all'));
SELECT o, string_agg(verb, ', ' ORDER BY n) FROM gate_test.verb, pg_temp.outcome('gate_all', call, 'g/a') o GROUP BY o ORDER BY o;
SELECT o, string_agg(verb, ', ' ORDER BY n) FROM gate_test.verb, pg_temp.outcome('gate_all', call, 'g/a', true) o GROUP BY o ORDER BY o;
SELECT o, string_agg(verb, ', ' ORDER BY n) FROM gate_test.verb, pg_temp.outcome('gate_all', call, 'g/none', true) o WHERE call LIKE '%$1%' GROUP BY o ORDER BY o;
SELECT o, count(*), string_agg(verb, ', ' ORDER BY n) FILTER (WHERE o <> '42501') FROM gate_test.verb, pg_temp.outcome('gate_stranger', call, 'g/a', true) o GROUP BY o ORDER BY o;
BEGIN READ ONLY;
SET LOCAL ROLE gate_read;
SELECT pg_temp.state($$secrets.get('g/a')$$), pg_temp.state($$secrets.put('g/a', 'canary')$$), pg_temp.state($$secrets.delete('g/a')$$);
ROLLBACK;
-- While sealed: 58000, but only for who may.  (receive_audit() asks for a key, not for a privilege.)
SELECT secrets.seal();
SELECT o, string_agg(verb, ', ' ORDER BY n) FROM gate_test.verb, pg_temp.outcome('gate_all', call, 'g/a') o WHERE verb NOT IN ('seal', 'unseal') GROUP BY o ORDER BY o;
SELECT o, count(*), string_agg(verb, ', ' ORDER BY n) FILTER (WHERE o <> '42501') FROM gate_test.verb, pg_temp.outcome('gate_stranger', call, 'g/a') o GROUP BY o ORDER BY o;
SELECT pg_temp.outcome('gate_stranger', $$secrets.can('read', $1[1])$$, 'g/a'), pg_temp.outcome('gate_stranger', $$(SELECT count(*) FROM secrets.explain($1[1]))$$, 'g/a');
SELECT pg_temp.outcome('gate_all', 'secrets.unseal()', ''), pg_temp.outcome('gate_all', $$secrets.get('g/a')$$, '');

-- Who asks, with rules: the effective role.  By SET ROLE what a membership does not inherit; and SET SESSION AUTHORIZATION.
CREATE ROLE gate_login NOINHERIT IN ROLE gate_read, gate_write;
SET SESSION AUTHORIZATION gate_login;
SELECT pg_temp.state($$secrets.get('g/a')$$), pg_temp.state($$secrets.put('g/a', 'canary')$$);
SET ROLE gate_read;
SELECT pg_temp.state($$secrets.get('g/a')$$), pg_temp.state($$secrets.put('g/a', 'canary')$$);
SET ROLE gate_write;
SELECT pg_temp.state($$secrets.get('g/a')$$), pg_temp.state($$secrets.put('g/a', '{"a": "canary 3"}')$$);
RESET ROLE;
SELECT pg_temp.state($$secrets.get('g/a')$$), pg_temp.state($$secrets.put('g/a', 'canary')$$);
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION gate_read;
SELECT pg_temp.state($$secrets.get('g/a')$$);
RESET SESSION AUTHORIZATION;

-- Lent by a SECURITY DEFINER function as long as its owner has it; lent on by another's, and by its own owner's.
CREATE FUNCTION gate_test.lend() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql AS $$SELECT secrets.get('g/a')$$;
ALTER FUNCTION gate_test.lend() OWNER TO gate_read;
CREATE FUNCTION gate_test.lend_on() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE plpgsql AS $$BEGIN RETURN gate_test.lend(); END$$;
ALTER FUNCTION gate_test.lend_on() OWNER TO gate_stranger;
CREATE FUNCTION gate_test.lend_itself() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE plpgsql AS $$BEGIN RETURN secrets.get('g/a'); END$$;
ALTER FUNCTION gate_test.lend_itself() OWNER TO gate_stranger;
-- A view is its reader's, whoever owns it, as to functions and as to the views of ours that it reads; a function's cursor is read by who fetches.
CREATE VIEW gate_test.by_function AS SELECT secrets.get('g/a') AS value;
ALTER VIEW gate_test.by_function OWNER TO gate_read;
CREATE VIEW gate_test.by_view AS SELECT name FROM secrets.secrets;
ALTER VIEW gate_test.by_view OWNER TO gate_list;
GRANT SELECT ON gate_test.by_function, gate_test.by_view TO PUBLIC;
CREATE FUNCTION gate_test.cursor(query text) RETURNS refcursor SECURITY DEFINER LANGUAGE plpgsql AS $$DECLARE c refcursor = 'gate'; BEGIN OPEN c FOR EXECUTE query; RETURN c; END$$;
ALTER FUNCTION gate_test.cursor(text) OWNER TO gate_read;
CREATE FUNCTION pg_temp.lent() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', 'lend', pg_temp.state('gate_test.lend()'), 'lend_on', pg_temp.state('gate_test.lend_on()'), 'lend_itself', pg_temp.state('gate_test.lend_itself()'),
		'function', pg_temp.state('(SELECT value FROM gate_test.by_function)'), 'view', pg_temp.state('(SELECT count(*) FROM gate_test.by_view)'))
$$;
SELECT who, pg_temp.as_role(who, 'pg_temp.lent()') FROM unnest('{gate_stranger,gate_list,gate_read}'::text[]) who;
BEGIN;
SET LOCAL ROLE gate_stranger;
SELECT gate_test.cursor($$SELECT secrets.get('g/a')$$);
\set VERBOSITY sqlstate
FETCH gate;
\set VERBOSITY default
ROLLBACK;
-- The owner loses it: it is lent no more.
SELECT secrets.revoke('read', 'g/**', 'gate_read'), pg_temp.as_role('gate_stranger', 'pg_temp.lent()'), secrets.grant('read', 'g/**', 'gate_read') IS NOT NULL, pg_temp.as_role('gate_stranger', 'pg_temp.lent()');

-- A statement prepared before a rule changed: each execution asks anew, plan and memory or not; so does a function's.
CREATE FUNCTION gate_test.planned() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN secrets.get('g/a'); EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END$$;
CREATE FUNCTION pg_temp.tell_all() RETURNS text LANGUAGE sql AS $$SELECT gate_test.planned() || ' ' || (SELECT count(*) FROM secrets.secrets) || ' ' || (SELECT count(*) FROM secrets.list('g/**'))$$;
SET plan_cache_mode = force_generic_plan;
PREPARE ask AS SELECT pg_temp.tell_all();
PREPARE get AS SELECT secrets.get($1);
\set VERBOSITY sqlstate
SET ROLE gate_other;
EXECUTE ask;
EXECUTE get('g/a');
RESET ROLE;
SELECT secrets.grant('list, read', 'g/a', 'gate_other') IS NOT NULL;
SET ROLE gate_other;
EXECUTE ask;
EXECUTE get('g/a');
RESET ROLE;
SELECT secrets.deny('list, read', 'g/*', 'public') IS NOT NULL;
SET ROLE gate_other;
EXECUTE ask;
EXECUTE get('g/a');
RESET ROLE;
SELECT secrets.undeny('list, read', 'g/*', 'public');
SET ROLE gate_other;
EXECUTE ask;
EXECUTE get('g/a');
RESET ROLE;
\set VERBOSITY default
-- What was given, or denied, in a transaction that rolls back never was; to a savepoint too.
BEGIN;
SELECT secrets.grant('write', 'g/a', 'gate_other') IS NOT NULL, pg_temp.as_role('gate_other', $$secrets.put('g/a', 'never')$$);
SAVEPOINT s;
SELECT secrets.deny('read', 'g/a', 'gate_other') IS NOT NULL, pg_temp.as_role('gate_other', $$secrets.get('g/a')$$);
ROLLBACK TO s;
SELECT pg_temp.as_role('gate_other', $$secrets.get('g/a')$$);
ROLLBACK;
SELECT pg_temp.as_role('gate_other', $$secrets.get('g/a')$$), pg_temp.as_role('gate_other', $$secrets.put('g/a', 'never')$$);
-- Nor does a membership, or its INHERIT, outlive its change.
GRANT gate_write TO gate_other;
SELECT pg_temp.as_role('gate_other', $$secrets.put('g/a', '{"a": "canary 4"}')$$);
REVOKE gate_write FROM gate_other;
SELECT pg_temp.as_role('gate_other', $$secrets.put('g/a', 'never')$$);
BEGIN;
GRANT gate_write TO gate_other;
SELECT pg_temp.as_role('gate_other', $$secrets.put('g/a', '{"a": "canary 5"}')$$);
ROLLBACK;
SELECT pg_temp.as_role('gate_other', $$secrets.put('g/a', 'never')$$);
-- A superuser who becomes none asks for rules like everyone.
SELECT pg_temp.as_role('gate_super', $$secrets.get('g/a')$$);
ALTER ROLE gate_super NOSUPERUSER;
SELECT pg_temp.as_role('gate_super', $$secrets.get('g/a')$$);

SET client_min_messages = error;
DROP SCHEMA gate_test CASCADE;
SELECT pg_temp.forget_rules();
DROP ROLE gate_login, gate_list, gate_read, gate_write, gate_rotate, gate_delete, gate_destroy, gate_grant, gate_encrypt, gate_decrypt, gate_sign, gate_verify, gate_lease, gate_audit, gate_operate,
	gate_other, gate_all, gate_mover, gate_member, gate_super, gate_stranger;
SELECT pg_temp.clean();
