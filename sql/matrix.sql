-- matrix: every shape of role, times every function and procedure that there is,
-- times every way to call it: what comes back, a SQLSTATE or success.
-- The calls are generated from the catalogs: what is added later is called too.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set reload :srcdir '/sql/reload.psql'
-- By a short path: psql puts it before what is refused there.
\cd :srcdir
\set matrix_call sql/matrix_call.psql
\set ECHO none
\i :helpers
\set ECHO all
-- What a parallel worker says of itself is looked for in a context.
SET lc_messages = 'C';

-- The shapes.  Who made the extension owns it, superuser or not by now.
CREATE ROLE matrix_owner SUPERUSER;
DROP EXTENSION secrets;
SET ROLE matrix_owner;
CREATE EXTENSION secrets;
RESET ROLE;
ALTER ROLE matrix_owner NOSUPERUSER;
CREATE ROLE matrix_super SUPERUSER;
CREATE ROLE matrix_team;
CREATE ROLE matrix_member IN ROLE matrix_team;
CREATE ROLE matrix_noinherit NOINHERIT IN ROLE matrix_team;
-- Before 16 a membership has no options of its own: the nearest that there is.
DO $$
BEGIN
	CREATE ROLE matrix_set_only;
	CREATE ROLE matrix_admin_only;
	IF current_setting('server_version_num')::int >= 160000 THEN
		EXECUTE 'GRANT matrix_team TO matrix_set_only WITH INHERIT FALSE, SET TRUE, ADMIN FALSE';
		EXECUTE 'GRANT matrix_team TO matrix_admin_only WITH INHERIT FALSE, SET FALSE, ADMIN TRUE';
	ELSE
		ALTER ROLE matrix_set_only NOINHERIT;
		GRANT matrix_team TO matrix_set_only;
		ALTER ROLE matrix_admin_only NOINHERIT;
		GRANT matrix_team TO matrix_admin_only WITH ADMIN OPTION;
	END IF;
END
$$;
CREATE ROLE matrix_read_all IN ROLE pg_read_all_data;
CREATE ROLE matrix_write_all IN ROLE pg_write_all_data;
CREATE ROLE matrix_monitor IN ROLE pg_monitor;
CREATE ROLE matrix_db_owner;
SELECT current_database() AS database, current_user AS me \gset
ALTER DATABASE :"database" OWNER TO matrix_db_owner;
CREATE ROLE matrix_stranger;
CREATE ROLE matrix_recreated;

-- Who may what: the team, and the one who is dropped.
SELECT count(secrets.grant('all, grant, destroy, audit', 'm/**', r)), count(secrets.grant('operate', '**', r)) FROM unnest('{matrix_team,matrix_recreated}'::text[]) r;
DROP ROLE matrix_recreated;
CREATE ROLE matrix_recreated;
-- Even with the very OID that the rules name.
UPDATE secrets_catalog.rule SET grantee_oid = 'matrix_recreated'::regrole WHERE grantee = 'matrix_recreated';
-- A role to give to, and something to take back.
CREATE ROLE matrix_other;
-- And something that check() tells of, whatever server this is.
ALTER ROLE matrix_other SET matrix.secret = 'x';
SELECT count(secrets.grant('read', 'm/blue', 'matrix_other')), count(secrets.deny('write', 'm/blue', 'matrix_other'));
-- Something to call with: two versions, a stage, and a deleted secret.
SELECT secrets.put('m/blue', '{"blue": "canary"}'), secrets.put('m/blue', '{"blue": "canary"}'), secrets.label('m/blue', 'blue', 1), secrets.schedule_rotation('m/blue', '1 day') > now(), secrets.put('m/gone', 'canary'), secrets.delete('m/gone') > now();
-- Which will have ended soon, and is to be rotated.
SELECT secrets.alter('m/blue', expires_at => now() + interval '1 day');
UPDATE secrets_catalog.rotation SET due_at = now(), next_at = now();

CREATE SCHEMA matrix;
GRANT USAGE ON SCHEMA matrix TO PUBLIC;
CREATE TABLE matrix.shape (n int, title text PRIMARY KEY, role text, bypass bool);
INSERT INTO matrix.shape VALUES
	(1, 'owner', 'matrix_owner', true), (2, 'super', 'matrix_super', true),
	(3, 'owner, no bypass', 'matrix_owner', false), (4, 'super, no bypass', 'matrix_super', false),
	(5, 'member', 'matrix_member', true), (6, 'noinherit', 'matrix_noinherit', true), (7, 'set only', 'matrix_set_only', true),
	(8, 'admin only', 'matrix_admin_only', true), (9, 'read all data', 'matrix_read_all', true), (10, 'write all data', 'matrix_write_all', true),
	(11, 'monitor', 'matrix_monitor', true), (12, 'database owner', 'matrix_db_owner', true), (13, 'stranger', 'matrix_stranger', true),
	(14, 'recreated', 'matrix_recreated', true);

-- The least call of each: by the argument's name where it matters, else by its type.
CREATE FUNCTION matrix.argument(p pg_proc, n int) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(quote_literal(CASE p.proargnames[n + 1]
		WHEN 'name' THEN CASE WHEN p.proname IN ('undelete', 'purge') THEN 'm/gone' ELSE 'm/blue' END
		WHEN 'names' THEN '{m/blue}'
		WHEN 'new_name' THEN 'm/green'
		WHEN 'pattern' THEN 'm/blue'
		WHEN 'privileges' THEN 'read'
		WHEN 'privilege' THEN 'read'
		WHEN 'grantee' THEN 'matrix_other'
		WHEN 'stage' THEN 'blue'
		WHEN 'source' THEN 'file:/no/such/file'
		WHEN 'schedule' THEN 'manual'
		WHEN 'id' THEN '0000000000000000'
		ELSE CASE p.proargtypes[n]
			WHEN 'text'::regtype THEN '{"blue": "green"}' WHEN 'jsonb'::regtype THEN '{"blue": "green"}' WHEN 'bytea'::regtype THEN 'x'
			WHEN 'text[]'::regtype THEN '{}' WHEN 'interval'::regtype THEN '2 days' WHEN 'timestamptz'::regtype THEN 'infinity'
			WHEN 'int4'::regtype THEN '1' WHEN 'int8'::regtype THEN '1' WHEN 'bool'::regtype THEN 'false' END
		END), 'NULL') || '::' || format_type(p.proargtypes[n], NULL)
$$;
CREATE TABLE matrix.call AS
	SELECT row_number() OVER (ORDER BY p.proname COLLATE "C", pg_get_function_identity_arguments(p.oid) COLLATE "C") AS n, p.prokind AS kind,
		p.proname || CASE WHEN count(*) OVER (PARTITION BY p.proname) > 1 THEN ' ' || format_type(p.proargtypes[1], NULL) ELSE '' END AS title,
		CASE WHEN p.prokind = 'p' THEN 'CALL ' || c.call
			-- no rows, and the answer no, are told from success
			WHEN p.prorettype = 'bool'::regtype THEN 'SELECT CASE WHEN f THEN ''00000'' ELSE ''no'' END FROM ' || c.call || ' f'
			WHEN 'allowed' = ANY (p.proargnames) THEN 'SELECT CASE WHEN bool_or(f.allowed) THEN ''00000'' ELSE ''no'' END FROM ' || c.call || ' f'
			ELSE 'SELECT CASE WHEN count(*) > 0 THEN ''00000'' ELSE ''none'' END FROM ' || c.call || ' f' END AS call
	FROM pg_proc p, LATERAL (
		SELECT format('%s(%s)', p.oid::regproc, (SELECT string_agg(format('%I => %s', p.proargnames[n + 1], matrix.argument(p, n)), ', ' ORDER BY n)
			FROM generate_series(0, p.pronargs - p.pronargdefaults - 1) n)) AS call) c
	WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind IN ('f', 'p');
SELECT title, call FROM matrix.call ORDER BY n;
CREATE TABLE matrix.cell (call text, context text, shape text, state text);

-- The ways to call, for each role.  Plain: as it logs in.
CREATE FUNCTION matrix.run(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text = '00000';
BEGIN
	IF call LIKE 'CALL %' THEN EXECUTE call; ELSE EXECUTE call INTO result; END IF;
	RETURN result;
END
$$;
-- By SET ROLE, of somebody who may do nothing else.
CREATE ROLE matrix_login NOINHERIT;
-- In a SECURITY DEFINER function of the role's, called by a stranger.
CREATE ROLE matrix_caller;
-- In a trigger that its INSERT fires.
CREATE TABLE matrix.fired (call text, result text);
GRANT INSERT, SELECT ON matrix.fired TO PUBLIC;
CREATE FUNCTION matrix.fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.result = matrix.run(NEW.call); RETURN NEW; END$$;
CREATE TRIGGER fire BEFORE INSERT ON matrix.fired FOR EACH ROW EXECUTE FUNCTION matrix.fire();
-- In a parallel worker, by a function that says it is safe there.
CREATE FUNCTION matrix.in_worker(call text) RETURNS text PARALLEL SAFE LANGUAGE plpgsql AS $$BEGIN RETURN pg_backend_pid() || ' ' || matrix.run(call); END$$;
-- In ANALYZE, which the server runs as the table's owner, of an index over a function that says it is immutable.
CREATE FUNCTION matrix.pretend(call text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('matrix.armed', true) = 'on' THEN
		RAISE EXCEPTION '%', matrix.run(call) USING ERRCODE = 'U0001';
	END IF;
	RETURN '';
END
$$;
DO $$
DECLARE
	r text;
BEGIN
	FOR r IN SELECT DISTINCT role FROM matrix.shape LOOP
		EXECUTE format('GRANT %I TO matrix_login', r);
		EXECUTE format('CREATE FUNCTION matrix.lend_%s(call text) RETURNS text SECURITY DEFINER LANGUAGE sql AS ''SELECT matrix.run(call)''', r);
		EXECUTE format('ALTER FUNCTION matrix.lend_%s OWNER TO %1$I', r);
		EXECUTE format('CREATE TABLE matrix.of_%s (call text)', r);
		EXECUTE format('CREATE INDEX ON matrix.of_%s (matrix.pretend(call))', r);
		EXECUTE format('ALTER TABLE matrix.of_%s OWNER TO %1$I', r);
	END LOOP;
END
$$;

-- One cell, undone; what it was, or how it failed.
CREATE FUNCTION pg_temp.cell(context text, role text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	me int = pg_backend_pid();
	result text;
	message text; detail text; hint text; where_ text;
BEGIN
	BEGIN
		IF context = 'set role' THEN
			PERFORM set_config('session_authorization', 'matrix_login', true), set_config('role', role, true);
		ELSIF context = 'definer' THEN
			PERFORM set_config('session_authorization', 'matrix_caller', true);
		ELSIF context <> 'analyze' THEN
			PERFORM set_config('session_authorization', role, true);
		END IF;
		CASE context
			WHEN 'plain', 'set role' THEN result = matrix.run(call);
			WHEN 'definer' THEN EXECUTE format('SELECT matrix.lend_%s($1)', role) INTO result USING call;
			WHEN 'trigger' THEN EXECUTE 'INSERT INTO matrix.fired VALUES ($1) RETURNING result' INTO result USING call;
			WHEN 'worker' THEN
				PERFORM set_config(CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END, 'on', true);
				EXECUTE 'SELECT matrix.in_worker($1)' INTO result USING call;
				result = CASE WHEN split_part(result, ' ', 1)::int = me THEN 'not in a worker' ELSE split_part(result, ' ', 2) END;
			WHEN 'analyze' THEN
				EXECUTE format('INSERT INTO matrix.of_%s VALUES ($1)', role) USING call;
				PERFORM set_config('matrix.armed', 'on', true);
				EXECUTE format('ANALYZE matrix.of_%s', role);
				result = 'not called';
		END CASE;
		RAISE EXCEPTION USING ERRCODE = 'U0000';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, where_ = PG_EXCEPTION_CONTEXT;
		IF SQLSTATE = 'U0001' THEN
			result = message;
		ELSIF SQLSTATE <> 'U0000' THEN
			result = SQLSTATE || CASE WHEN position('canary' IN message || detail || hint || where_) > 0 THEN ' LEAK' ELSE '' END
				|| CASE WHEN context = 'worker' AND where_ NOT LIKE '%parallel worker%' THEN ' not in a worker' ELSE '' END;
		END IF;
	END;
	RETURN result;
END
$$;
CREATE FUNCTION pg_temp.fill(with_bypass bool) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c matrix.call;
	s matrix.shape;
	context text;
	result text;
BEGIN
	FOR c IN SELECT * FROM matrix.call ORDER BY n LOOP
		FOREACH context IN ARRAY '{plain,set role,definer,trigger,worker,analyze}'::text[] LOOP
			CONTINUE WHEN c.kind = 'p' AND context IN ('plain', 'set role');
			FOR s IN SELECT * FROM matrix.shape WHERE bypass = with_bypass ORDER BY n LOOP
				result = pg_temp.cell(context, s.role, c.call);
				INSERT INTO matrix.cell VALUES (c.call, context, s.title, result);
				IF session_user <> current_user OR (SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
					RAISE EXCEPTION 'still somebody else after % % %', s.title, context, c.title;
				END IF;
				-- what no transaction takes back
				IF c.title = 'seal' AND result = '00000' THEN PERFORM secrets.unseal(); END IF;
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;
CREATE TABLE matrix.todo (n int, call text, context text, shape text, login text, role text);
CREATE FUNCTION pg_temp.plan(with_bypass bool) RETURNS void LANGUAGE sql AS $$
	INSERT INTO matrix.todo SELECT row_number() OVER (ORDER BY c.n, x.n, s.n), c.call, x.context, s.title, CASE x.n WHEN 1 THEN s.role ELSE 'matrix_login' END, CASE x.n WHEN 1 THEN 'none' ELSE s.role END
		FROM matrix.call c, (VALUES (1, 'plain'), (2, 'set role')) x (n, context), matrix.shape s WHERE c.kind = 'p' AND s.bypass = with_bypass
$$;

-- Filled.  A procedure's refusal is printed too: psql has no way to keep it to itself.
SELECT pg_temp.fill(true);
SELECT pg_temp.plan(true);
\set VERBOSITY sqlstate
\set ECHO none
\i :matrix_call
\set ECHO all
\set VERBOSITY default

-- Without the bypass a superuser, and the owner, is one who was given nothing.
ALTER SYSTEM SET secrets.superuser_bypass = off;
\set setting secrets.superuser_bypass
\set wanted off
\set ECHO none
\i :reload
\set ECHO all
SHOW secrets.superuser_bypass;
SELECT pg_temp.fill(false);
SELECT pg_temp.plan(false);
\set VERBOSITY sqlstate
\set ECHO none
\i :matrix_call
\set ECHO all
\set VERBOSITY default
ALTER SYSTEM RESET secrets.superuser_bypass;
\set wanted on
\set ECHO none
\i :reload
\set ECHO all
SHOW secrets.superuser_bypass;

-- What came back.  "none": no rows, and no error; "no": the answer is no.
SELECT string_agg(n || ' ' || title, ', ' ORDER BY n) FROM matrix.shape;
SELECT rpad(c.title, 20) || rpad(e.context, 9) || string_agg(rpad(e.state, 5), ' ' ORDER BY s.n)
	FROM matrix.cell e JOIN matrix.call c USING (call) JOIN matrix.shape s ON s.title = e.shape
	GROUP BY c.n, c.title, e.context ORDER BY c.n, array_position('{plain,set role,definer,trigger,worker,analyze}'::text[], e.context);
-- Of which: all are there; never an error of ours or the server's own, never the value in a refusal.
SELECT count(*) = (SELECT count(*) FROM matrix.call) * 6 * 14 AS all_cells, count(*) FILTER (WHERE state NOT IN ('none', 'no') AND state !~ '^[0-9A-Z]{5}$') AS odd, count(*) FILTER (WHERE state LIKE 'XX%' OR state LIKE '%LEAK%') AS bad FROM matrix.cell;
-- How it is called makes no difference to who may ...
SELECT c.title, e.context, e.shape, e.state FROM matrix.cell e JOIN matrix.cell p ON p.call = e.call AND p.shape = e.shape AND p.context = 'plain' JOIN matrix.call c ON c.call = e.call
	WHERE c.kind = 'f' AND e.context IN ('set role', 'definer', 'trigger') AND e.state <> p.state;
-- ... but that nothing is changed in a parallel worker, and a procedure wants to be called by itself ...
SELECT c.kind, p.state AS plain, e.context, e.state, count(DISTINCT c.title) FROM matrix.cell e JOIN matrix.cell p ON p.call = e.call AND p.shape = e.shape AND p.context = 'plain' JOIN matrix.call c ON c.call = e.call
	WHERE (e.context = 'worker' OR c.kind = 'p') AND e.context <> 'analyze' AND e.state <> p.state GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
-- ... and that nobody gets anything out of what the server runs in his name.
SELECT c.title, e.state, count(*) FROM matrix.cell e JOIN matrix.call c USING (call) WHERE e.context = 'analyze' AND e.state <> '42501' GROUP BY 1, 2 ORDER BY 1;
-- Who was given nothing gets nothing; a monitor may see the status, and for PostgreSQL a superuser is a monitor.
SELECT c.title, e.shape, e.state, count(*) FROM matrix.cell e JOIN matrix.call c USING (call)
	WHERE e.shape NOT IN ('owner', 'super', 'member') AND e.state NOT IN ('42501', 'none', 'no') AND c.kind = 'f' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- As it was.
SET client_min_messages = error;
DROP SCHEMA matrix CASCADE;
ALTER DATABASE :"database" OWNER TO :"me";
SELECT count(CASE effect WHEN 'allow' THEN secrets.revoke('all', pattern, grantee) ELSE secrets.undeny('all', pattern, grantee) END) FROM secrets.grants;
SELECT pg_temp.clean();
DROP EXTENSION secrets;
CREATE EXTENSION secrets;
DROP ROLE matrix_login, matrix_caller, matrix_other, matrix_owner, matrix_super, matrix_team, matrix_member, matrix_noinherit, matrix_set_only, matrix_admin_only,
	matrix_read_all, matrix_write_all, matrix_monitor, matrix_db_owner, matrix_stranger, matrix_recreated;
