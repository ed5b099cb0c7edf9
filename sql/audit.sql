-- audit: which lines each call writes, and who may see them.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set rules :srcdir '/sql/rules.psql'
\set ECHO none
\i :helpers
\i :rules
\set ECHO all

-- The lines of this session since the last look: action, name, whether it has
-- an id, version, outcome, reason, role, login, via, detail.
CREATE FUNCTION pg_temp.lines() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	seen bigint = coalesce(nullif(current_setting('audit_test.seen', true), ''), '0');
	found record;
BEGIN
	FOR found IN SELECT * FROM secrets.audit_log WHERE event_id > seen AND pid = pg_backend_pid() ORDER BY event_id LOOP
		RETURN NEXT concat_ws('|', found.action, coalesce(found.name, '-'), CASE WHEN found.id IS NULL THEN '-' ELSE 'id' END, coalesce(found.version::text, '-'), found.outcome, coalesce(found.reason, '-'),
			replace(found.role, session_user, 'ME'), replace(found.login, session_user, 'ME'), found.via,
			regexp_replace(found.detail::text, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16}', 'ID', 'g'));
		seen = found.event_id;
	END LOOP;
	PERFORM set_config('audit_test.seen', seen::text, false);
END
$$;
-- What a call says is not the point here.
CREATE FUNCTION pg_temp.quietly(call text) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_temp.state(call); END$$;

DROP EXTENSION secrets;
CREATE EXTENSION secrets;
-- Nothing yet: the first change begins the log.
SELECT count(*) FROM secrets.audit_log;
SELECT secrets.put('audit/a', 'canary one');
SELECT pg_temp.lines();

-- ---- changes, each verb once ----
SELECT secrets.put('audit/a', 'canary two'), secrets.put('audit/a', 'canary three', description => 'd', tags => '{"a": 1}', expires_at => now() + interval '1 day');
SELECT pg_temp.lines();
SELECT secrets.put_bytes('audit/bytes', '\x00'), secrets.put('audit/json', '{"a": 1}'::jsonb), secrets.patch('audit/json', '{"b": 2}'::text), secrets.patch('audit/json', '{"c": null}'::jsonb);
SELECT pg_temp.lines();
SELECT secrets.generate('audit/made') > 0, length(secrets.random_password());
SELECT pg_temp.lines();
INSERT INTO secrets.inbox (name, value, description) VALUES ('audit/in', 'canary', 'd');
\copy secrets.inbox (name, value) FROM STDIN
audit/in	canary
audit/in2	canary
\.
SELECT pg_temp.lines();
-- The same request again writes nothing.
SELECT secrets.put('audit/req', 'canary', options => '{"request_id": "00000000-0000-4000-8000-000000000000"}'), secrets.put('audit/req', 'canary', options => '{"request_id": "00000000-0000-4000-8000-000000000000"}');
SELECT pg_temp.lines();
SELECT secrets.alter('audit/a', description => 'e'), secrets.alter('audit/a', tags => '{}'), secrets.alter('audit/a', content_type => 'text/plain'), secrets.alter('audit/a', expires_at => 'infinity'), secrets.alter('audit/a', max_versions => 3);
SELECT secrets.alter('audit/a', description => 'f', tags => '{"b": 1}', max_versions => 4);
SELECT secrets.alter('audit/a'), secrets.alter('audit/a', description => 'f');
SELECT pg_temp.lines();
SELECT secrets.label('audit/a', 'blue', 1), secrets.label('audit/a', 'blue', 2), secrets.label('audit/a', 'blue', 2), secrets.label('audit/a', 'blue', NULL);
SELECT secrets.label('audit/a', 'pending', 1), secrets.label('audit/a', 'pending', NULL), secrets.label('audit/a', 'current', 2), secrets.label('audit/a', 'previous', 1);
SELECT pg_temp.lines();
SELECT secrets.rollback('audit/a'), secrets.rollback('audit/a', 3), secrets.rollback('audit/a', 3);
SELECT pg_temp.lines();
SELECT secrets.disable('audit/a'), secrets.disable('audit/a'), secrets.enable('audit/a'), secrets.disable('audit/a', 1), secrets.enable('audit/a', 1);
SELECT pg_temp.lines();
-- What is beyond max_versions goes, and says so.
SELECT secrets.put('audit/a', 'canary four'), secrets.put('audit/a', 'canary five'), secrets.put('audit/a', 'canary six');
SELECT pg_temp.lines();
SELECT secrets.alter('audit/a', max_versions => 1);
SELECT pg_temp.lines();
SELECT secrets.put('audit/a', 'canary seven');
SELECT pg_temp.lines();
SELECT secrets.destroy('audit/a', 6), secrets.destroy('audit/a', 6);
SELECT pg_temp.lines();
SELECT secrets.rename('audit/a', 'audit/b');
SELECT pg_temp.lines();
SELECT secrets.delete('audit/b') > now();
SELECT pg_temp.lines();
SELECT secrets.undelete('audit/b'), secrets.delete('audit/b') > now(), secrets.undelete('audit/b', new_name => 'audit/a');
SELECT pg_temp.lines();
SELECT secrets.label('audit/a', 'blue', 7), secrets.delete('audit/a') > now(), secrets.purge('audit/a');
SELECT pg_temp.lines();
SELECT secrets.watch('audit/in') ~ '.', secrets.watch('audit/in') ~ '.', secrets.put('audit/in', 'canary');
SELECT pg_temp.lines();

-- Rules.
CREATE ROLE audit_reader;
CREATE ROLE audit_auditor;
SELECT secrets.grant('read', 'audit/*', 'audit_reader') IS NOT NULL, secrets.grant('read, write', 'audit/*', 'audit_reader') IS NOT NULL, secrets.grant('read', 'audit/*', 'audit_reader') IS NOT NULL;
SELECT secrets.deny('destroy', 'audit/x', 'public') IS NOT NULL, secrets.undeny('destroy', 'audit/x', 'public');
SELECT secrets.revoke('write', 'audit/*', 'audit_reader'), secrets.revoke('all', 'audit/*', 'audit_reader'), secrets.revoke('all', 'audit/*', 'audit_reader');
SELECT pg_temp.lines();

-- Keys, and the server.
SELECT secrets.rotate_master_key();
CALL secrets.rekey();
CALL secrets.rekey();
SELECT pg_temp.lines();
SELECT secrets.seal();
SELECT secrets.unseal();
SELECT pg_temp.lines();
