-- quickstart/walk.sql: a walk through what there is.
--
-- Fed to psql on its standard input, with :here, this directory.  Each step
-- shows its SQL and its result; what must be refused is, and says how.  It
-- touches names under tour/ only, and can be walked any number of times.

\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset null '(null)'
\pset pager off
\set refused :here '/refused.psql'
\set hold :here '/check.psql'

-- What an earlier walk left, wherever it stopped.
SELECT secrets.unseal() \g /dev/null
SELECT secrets.delete(name) FROM secrets.list('tour/**') \g /dev/null
SELECT secrets.purge(name, id) FROM secrets.deleted WHERE name LIKE 'tour/%' \g /dev/null
SET client_min_messages = error;
SELECT CASE effect WHEN 'deny' THEN secrets.undeny('all', pattern, grantee) ELSE secrets.revoke('all', pattern, grantee) END
	FROM secrets.grants WHERE pattern LIKE 'tour/%' \g /dev/null
DROP ROLE IF EXISTS tour_app, tour_team, tour_login;
RESET client_min_messages;
SELECT coalesce(max(event_id), 0) AS begun FROM secrets.audit_log \gset

\echo
\echo '=== Is it ready?'
\echo 'The root key is in a file outside the data directory; the server read it when it started.'
\echo
\set ECHO queries
SELECT version, state, why, root_key_source FROM secrets.status();
\set check '(SELECT state = ''ready'' FROM secrets.status())'
\i :hold

\echo '=== Put and get'
\echo 'A name is a path.  Each put makes a new version; the one before stays.'
\echo
SELECT secrets.put('tour/db/password', 's3cr3t');
SELECT secrets.get('tour/db/password');
SELECT secrets.put('tour/db/password', 'n3w');
SELECT secrets.get('tour/db/password') AS current, secrets.get('tour/db/password', stage => 'previous') AS previous,
	secrets.get('tour/db/password', version => 1) AS version_1;
\set check 'secrets.get(''tour/db/password'') = ''n3w'' AND secrets.get(''tour/db/password'', stage => ''previous'') = ''s3cr3t'''
\i :hold

\echo '=== What is seen of it'
\echo 'The server told above that the value stood in the statement: bound parameters are better ($1).'
\echo 'Literals are masked in logs, statistics and views all the same; names are not.'
\echo
SELECT secrets.put('tour/seen', 'n3w'), query FROM pg_stat_activity WHERE pid = pg_backend_pid();
\set check '(SELECT secrets.put(''tour/seen'', ''n3w'') > 0 AND query LIKE ''%tour/seen%'' AND query NOT LIKE ''%n3w%'' FROM pg_stat_activity WHERE pid = pg_backend_pid())'
-- From here on it need not be told again.
\set ECHO none
SET client_min_messages = warning;
\i :hold

\echo '=== What lies in the table'
\echo 'A sealed box, bound to its secret and version: moved or edited by hand, it does not open.'
\echo
SELECT v.version, left(v.value::text, 40) || '...' AS value
	FROM secrets_catalog.version v JOIN secrets.secrets s ON s.id = v.secret_id
	WHERE s.name = 'tour/db/password' ORDER BY 1;

\echo '=== Check-and-set'
\echo 'Two who change the same secret: the second is told, and nothing is lost.'
\echo
SELECT secrets.put('tour/db/password', 'mine', if_version => 2);
\set ON_ERROR_STOP off
SELECT secrets.put('tour/db/password', 'mine too', if_version => 2);
\set wanted 40002
\set ON_ERROR_STOP on
\i :refused
\echo

\echo '=== Values that stand in no statement'
\echo 'For a moment others may see what stands in a statement.  Drivers bind parameters; psql takes a file, a pipe or its input:'
\echo
\set ECHO none
\echo '\\copy secrets.inbox (name, value) FROM STDIN (FORMAT csv)'
\echo 'tour/app/smtp,hunter2'
\echo 'tour/app/api,abc123'
\echo '\\.'
\copy secrets.inbox (name, value) FROM STDIN (FORMAT csv)
tour/app/smtp,hunter2
tour/app/api,abc123
\.
\echo
\set ECHO queries
SELECT * FROM secrets.get_all('tour/app/*');
\set check '(SELECT count(*) = 2 FROM secrets.get_all(''tour/app/*'') WHERE problem IS NULL)'
\i :hold

\echo '=== Values that nobody has seen'
\echo 'The server makes them.'
\echo
SELECT secrets.generate('tour/app/token', 'token');
SELECT secrets.generate('tour/db/admin', 'password', '{"length": 40, "exclude": "lI1O0"}');
SELECT length(secrets.get('tour/db/admin')), secrets.random_password(16) AS one_kept_nowhere;

\echo '=== JSON has fields, and can be patched'
\echo
SELECT secrets.put('tour/db/login', '{"host": "db1", "user": "app", "password": "p"}'::jsonb);
SELECT secrets.get('tour/db/login', 'user') AS "user", secrets.get('tour/db/login', 'host') AS host;
SELECT secrets.patch('tour/db/login', '{"host": "db2"}');
SELECT secrets.get('tour/db/login');
\set check 'secrets.get(''tour/db/login'', ''host'') = ''db2'' AND secrets.get(''tour/db/login'', ''user'') = ''app'''
\i :hold

\echo '=== What there is, without values'
\echo '* is any run of characters between two slashes, ** any number of whole segments.'
\echo
SELECT secrets.alter('tour/db/password', description => 'main database', tags => '{"team": "core"}',
	expires_at => now() + interval '1 year');
SELECT name, current_version, description, tags FROM secrets.list('tour/db/*');
SELECT version, stages, state, size FROM secrets.versions WHERE name = 'tour/db/password' ORDER BY version;

\echo '=== Labels, and back to an earlier version'
\echo
SELECT secrets.label('tour/db/password', 'known_good', 1);
SELECT secrets.get('tour/db/password', stage => 'known_good');
SELECT secrets.rollback('tour/db/password');
SELECT secrets.get('tour/db/password');
\set check 'secrets.get(''tour/db/password'') = ''n3w'' AND secrets.get(''tour/db/password'', stage => ''known_good'') = ''s3cr3t'''
\i :hold

\echo '=== Disable: no reads for now'
\echo
SELECT secrets.disable('tour/app/smtp');
\set ON_ERROR_STOP off
SELECT secrets.get('tour/app/smtp');
\set wanted 55000
\set ON_ERROR_STOP on
\i :refused
\echo
SELECT secrets.enable('tour/app/smtp');
SELECT secrets.get('tour/app/smtp');

\echo '=== Rename, delete and the way back'
\echo
SELECT secrets.rename('tour/app/smtp', 'tour/mail/smtp');
SELECT secrets.delete('tour/mail/smtp')::date AS purge_after;
\set ON_ERROR_STOP off
SELECT secrets.get('tour/mail/smtp');
\set wanted 42704
\set ON_ERROR_STOP on
\i :refused
\echo
SELECT secrets.undelete('tour/mail/smtp');
SELECT secrets.get('tour/mail/smtp');
\set check 'secrets.get(''tour/mail/smtp'') = ''hunter2'''
\i :hold

\echo '=== For good'
\echo 'Destroying takes one version, purging a whole secret that was deleted before.'
\echo
SELECT secrets.destroy('tour/db/login', 1);
SELECT version, state FROM secrets.versions WHERE name = 'tour/db/login' ORDER BY version;
SELECT secrets.delete('tour/app/api') > now() AS deleted;
SELECT secrets.purge('tour/app/api');
\set check 'NOT EXISTS (SELECT FROM secrets.deleted WHERE name = ''tour/app/api'')'
\i :hold

\echo '=== Hearing of changes'
\echo 'The channel says that there is a new version, never a value.'
\echo
\set ECHO none
\echo 'SELECT secrets.watch(''tour/db/password'') AS channel \\gset'
SELECT secrets.watch('tour/db/password') AS channel \gset
\set ECHO queries
LISTEN :"channel";
SELECT secrets.put('tour/db/password', 'n3wer');
UNLISTEN *;
\echo

\echo '=== Who may'
\echo 'So far a superuser did all this.  Others may what a rule on a path lets them; a deny beats every allow.'
\echo
CREATE ROLE tour_team;
CREATE ROLE tour_app IN ROLE tour_team;
SELECT secrets.grant('list, read', 'tour/db/*', 'tour_team') AS rule;
SELECT secrets.deny('read', 'tour/db/admin', 'public') AS rule;
SET ROLE tour_app;
SELECT secrets.get('tour/db/password');
SELECT name FROM secrets.list();
\set check '(SELECT count(*) = 3 FROM secrets.list())'
\i :hold
\set ON_ERROR_STOP off
SELECT secrets.get('tour/db/admin');
\set wanted 42501
\set ON_ERROR_STOP on
\i :refused
\echo
\echo 'Whoever may not list a name learns nothing of it, not even whether it is there.'
\echo
\set ON_ERROR_STOP off
SELECT secrets.get('tour/app/token');
\i :refused
\echo
\set ON_ERROR_STOP off
SELECT secrets.get('tour/app/no_such_thing');
\i :refused
\echo
\set ON_ERROR_STOP on
RESET ROLE;
\echo 'Why?  And what would be needed?'
\echo
SELECT privilege, allowed, effect, pattern, through, needed FROM secrets.explain('tour/db/admin', 'tour_app')
	WHERE privilege IN ('list', 'read', 'write');
SELECT effect, privileges, pattern, grantee, state FROM secrets.grants WHERE pattern LIKE 'tour/%' ORDER BY effect;
\echo 'A rule ends by itself, if it is told to; and revoke says what still holds.'
\echo
SELECT secrets.grant('read', 'tour/app/*', 'tour_app', valid_until => now() + interval '8 hours') AS rule;
SELECT secrets.can('read', 'tour/app/token', 'tour_app');
SELECT secrets.revoke('read', 'tour/app/*', 'tour_app');
SELECT secrets.can('read', 'tour/app/token', 'tour_app');
\set check 'NOT secrets.can(''read'', ''tour/app/token'', ''tour_app'') AND secrets.can(''read'', ''tour/db/password'', ''tour_app'')'
\i :hold
\echo 'Odd rules are found:'
\echo
SELECT secrets.grant('read', 'tour/nothing/*', 'public') AS rule;
SELECT problem, pattern, grantee, advice FROM secrets.lint() WHERE pattern LIKE 'tour/%';
SELECT secrets.revoke('all', 'tour/nothing/*', 'public');

\echo '=== Who did'
\echo 'Every read, refusal and change is a line of the audit: here, all that tour_app did.'
\echo 'The rule that decided is for auditors to see; whoever is refused does not learn it.'
\echo
SELECT action, name, version, outcome, coalesce(reason, 'rule ' || left(detail->>'rule', 8) || '...') AS why
	FROM secrets.audit_log WHERE role = 'tour_app' AND event_id > :begun ORDER BY event_id;
\set check '(SELECT count(*) = 3 FROM secrets.audit_log WHERE role = ''tour_app'' AND outcome = ''denied'' AND event_id > :begun)'
\i :hold
\echo 'A read that is rolled back has been a read.  And whoever acts for somebody may say for whom.'
\echo
SET secrets.actor = 'alice@example.com';
BEGIN;
SELECT secrets.get('tour/db/password');
ROLLBACK;
RESET secrets.actor;
SELECT action, name, outcome, role, actor FROM secrets.audit_log WHERE actor = 'alice@example.com' AND event_id > :begun;
\set check '(SELECT count(*) = 1 FROM secrets.audit_log WHERE actor = ''alice@example.com'' AND event_id > :begun)'
\i :hold
\echo 'Who read what, and when was each secret read last?'
\echo
SELECT name, count(*) AS reads, string_agg(DISTINCT role, ', ') AS readers FROM secrets.audit_log
	WHERE action = 'read' AND outcome = 'allowed' AND event_id > :begun GROUP BY name ORDER BY name;
SELECT name, now() - last_read_at < interval '1 hour' AS within_the_hour FROM secrets.secrets WHERE name LIKE 'tour/%' ORDER BY name;

\echo '=== Is the log whole?'
\echo 'No rows: it is.  The head is a line to keep elsewhere: it stands for all that is in the log by now.'
\echo
SELECT kind, problem FROM secrets.verify_audit();
SELECT secrets.audit_head();
\set check '(SELECT count(*) = 0 FROM secrets.verify_audit())'
\i :hold
\echo 'A superuser, who can switch triggers off, wants refusals to be forgotten.  It shows (and is undone here):'
\echo
BEGIN;
ALTER TABLE secrets_catalog.audit_event DISABLE TRIGGER ALL;
DELETE FROM secrets_catalog.audit_event WHERE role = 'tour_app' AND outcome = 'denied' AND event_id > :begun;
SELECT kind, regexp_replace(problem, '[0-9]{12,}', '...', 'g') AS problem FROM secrets.verify_audit();
\set check '(SELECT bool_and(kind = ''deleted'') FROM secrets.verify_audit())'
\i :hold
ROLLBACK;
\echo 'Without a server: psql -AtXc ''SELECT secrets.export_audit()'' | tools/verify-audit'
\echo

\echo '=== A new master key'
\echo 'The root key wraps master keys, and they seal the values.  Every value moves to the new one, while everybody works on.'
\echo
SELECT secrets.rotate_master_key() > 1 AS another_key;
SELECT rekey_remaining > 0 AS to_do FROM secrets.status();
CALL secrets.rekey();
SELECT rekey_remaining FROM secrets.status();
SELECT secrets.get('tour/db/password');
\set check '(SELECT rekey_remaining = 0 FROM secrets.status()) AND secrets.get(''tour/db/password'') = ''n3wer'''
\i :hold

\echo '=== Seal and unseal'
\echo 'All keys leave the memory of the whole server at once; then it takes the root key again from its place.'
\echo
SELECT secrets.seal();
SELECT state, why FROM secrets.status();
\set ON_ERROR_STOP off
SELECT secrets.get('tour/db/password');
\set wanted 58000
\set ON_ERROR_STOP on
\i :refused
\echo
SELECT secrets.unseal();
SELECT state, secrets.get('tour/db/password') FROM secrets.status();
\set check '(SELECT state = ''ready'' FROM secrets.status())'
\i :hold

\echo '=== Passwords that change by themselves'
\echo 'A role of this cluster: its password and the new version are one transaction, and the password is in no statement.'
\echo
CREATE ROLE tour_login LOGIN;
SELECT secrets.generate('tour/db/tour_login');
SELECT secrets.schedule_rotation('tour/db/tour_login', '0 3 * * sun', 'role',
	'{"role": "tour_login", "timezone": "Europe/Vienna", "adopt": true}', rotate_now => true) > now() AS scheduled;
SELECT secrets.current_version('tour/db/tour_login'), left(rolpassword, 14) AS kept_of_it FROM pg_authid WHERE rolname = 'tour_login';
\set check '(SELECT rolpassword LIKE ''SCRAM-SHA-256$%'' FROM pg_authid WHERE rolname = ''tour_login'')'
\i :hold
\echo 'Rolled back, nothing has happened: so a rotation can be tried out.'
\echo
BEGIN;
SELECT secrets.rotate('tour/db/tour_login');
ROLLBACK;
SELECT secrets.current_version('tour/db/tour_login');
\set check 'secrets.current_version(''tour/db/tour_login'') = 2'
\i :hold
\set ECHO none
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS has_clock \gset
\if :has_clock
\echo 'The clock is pg_cron: one job calls secrets.tick(), which does what is due, each piece in a transaction of its own.'
\echo
\set ECHO queries
SELECT secrets.enable_scheduler() AS job;
SELECT schedule, command, database, active FROM cron.job WHERE jobname = 'secrets';
\else
\echo 'The clock would be pg_cron, which is not on this machine.  Whatever else calls secrets.tick() will do.'
\echo
\set ECHO queries
\endif
CALL secrets.tick();
SELECT name, schedule, rotator, next_at > now() AS planned, last_status, failures, state FROM secrets.rotations WHERE name LIKE 'tour/%';
SELECT scheduler_job IS NOT NULL AS has_job, scheduler_last IS NOT NULL AS has_ticked FROM secrets.status();
\set check '(SELECT scheduler_last IS NOT NULL FROM secrets.status()) AND (SELECT last_status = ''succeeded'' FROM secrets.rotations WHERE name = ''tour/db/tour_login'')'
\i :hold

\echo '=== More'
\echo '\\df secrets.* and \\dv secrets.* list everything; \\df+ says what each is for.  README.md tells the rest.'
