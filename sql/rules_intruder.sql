-- rules_intruder: ways round the rules that somebody has found once.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE ROLE intruder_one;
CREATE ROLE intruder_two;
GRANT intruder_one, intruder_two TO CURRENT_USER;
SELECT secrets.put('theirs/db', 'canary'), secrets.put('theirs/web', 'canary');

-- Whoever may delete, but not read, does not bring a secret to where he may: that is a rename.
SELECT count(secrets.grant(p, 'theirs/**', 'intruder_one')) FROM unnest('{delete,list}'::text[]) p;
SELECT count(secrets.grant('all', 'mine/**', 'intruder_one'));
SET ROLE intruder_one;
SELECT secrets.delete('theirs/db') > now();
SELECT pg_temp.state($$secrets.rename('theirs/web', 'mine/web')$$), pg_temp.state($$secrets.undelete('theirs/db', new_name => 'mine/db')$$),
	pg_temp.state($$secrets.undelete('theirs/db', new_name => 'theirs/db')$$), pg_temp.state($$secrets.undelete('theirs/none', new_name => 'mine/db')$$);
RESET ROLE;
SELECT count(secrets.grant('read', 'theirs/**', 'intruder_one'));
SET ROLE intruder_one;
SELECT pg_temp.state($$secrets.undelete('theirs/db', new_name => 'mine/db')$$);
RESET ROLE;
SELECT count(secrets.grant('write', 'theirs/**', 'intruder_one'));
SET ROLE intruder_one;
SELECT pg_temp.state($$secrets.undelete('theirs/db', new_name => 'mine/db')$$), secrets.get('mine/db');
SELECT pg_temp.state($$secrets.rename('mine/db', 'theirs/db')$$);
RESET ROLE;

-- What deciding about a hidden name reads is in no counter: else a range that is
-- one name wide tells whether it is there.
CREATE ROLE intruder_group;
GRANT intruder_group, pg_monitor TO intruder_two;
SELECT count(secrets.grant('list', p, 'intruder_two')) FROM unnest('{**/shared,mine/**}'::text[]) p;
SELECT count(secrets.deny('list', 'theirs/**', r)) FROM unnest('{intruder_group,pg_monitor}'::text[]) r;
SELECT secrets.put('mine/two', 'canary');
CREATE TABLE intruder_counts (there bool, scans int8);
GRANT INSERT ON intruder_counts TO PUBLIC;
CREATE FUNCTION intruder_scans() RETURNS int8 LANGUAGE sql
	AS 'SELECT sum(pg_stat_get_xact_numscans(oid) + pg_stat_get_xact_blocks_fetched(oid))::int8 FROM pg_class WHERE oid::regclass::text ~ ''secrets_catalog|_auth|shseclabel''';
\connect -
SET ROLE intruder_two;
BEGIN;
SELECT intruder_scans() AS before \gset
SELECT name FROM secrets.secrets WHERE name >= 'theirs/web' AND name < 'theirs/web0';
INSERT INTO intruder_counts VALUES (true, intruder_scans() - :before);
COMMIT;
\connect -
SET ROLE intruder_two;
BEGIN;
SELECT intruder_scans() AS before \gset
SELECT name FROM secrets.secrets WHERE name >= 'theirs/wen' AND name < 'theirs/wen0';
INSERT INTO intruder_counts VALUES (false, intruder_scans() - :before);
COMMIT;
RESET ROLE;
SELECT count(*), count(DISTINCT scans) FROM intruder_counts;
DROP FUNCTION intruder_scans;
DROP TABLE intruder_counts;
\set ECHO none
\i :helpers
\set ECHO all

-- The warning of revoke shows no rule that secrets.grants would not.
SET client_min_messages = warning;
SELECT count(secrets.grant('grant', 'theirs/**', 'intruder_one')), count(secrets.grant('read', '**/canary/*', 'intruder_two')),
	count(secrets.grant('read', 'theirs/web/*', 'intruder_two'));
UPDATE secrets_catalog.rule SET id = ('00000000-0000-0000-0000-' || CASE WHEN pattern ~ 'canary' THEN '000000000001' ELSE '000000000002' END)::uuid
	WHERE grantee = 'intruder_two' AND 'read' = ANY (privileges);
SET ROLE intruder_one;
SELECT secrets.revoke('read', 'theirs/canary/one', 'intruder_two'), secrets.revoke('read', 'theirs/web/one', 'intruder_two');
RESET ROLE;

-- A role goes, another gets its name and the same rule.  A dump goes without the first one's.
CREATE ROLE intruder_name;
SELECT count(secrets.grant('read', 'theirs/**', 'intruder_name')), count(secrets.grant('write', 'theirs/db', 'intruder_name'));
DROP ROLE intruder_name;
CREATE ROLE intruder_name;
SELECT count(secrets.grant('read', 'theirs/**', 'intruder_name'));
SELECT format('SELECT %L, count(*) FROM secrets_catalog.rule %s', c::regclass, condition)
	FROM pg_extension, unnest(extconfig, extcondition) AS u (c, condition)
	WHERE extname = 'secrets' AND c = 'secrets_catalog.rule'::regclass \gexec
SELECT count(*) FROM secrets_catalog.rule;
-- Restored where nobody bears a tag: one of the two is who has the name, and nothing is in the way of changes.
SECURITY LABEL FOR secrets ON ROLE intruder_name IS NULL;
DELETE FROM secrets_catalog.home;
SELECT secrets.put('theirs/db', 'canary') > 0;
SELECT privileges, pattern, state FROM secrets.grants WHERE grantee = 'intruder_name' ORDER BY granted_at, pattern;
SELECT secrets.can('read', 'theirs/db', 'intruder_name'), secrets.can('write', 'theirs/db', 'intruder_name');

-- Nothing stays.
SET client_min_messages = error;
SELECT pg_temp.clean() \g /dev/null
SELECT count(secrets.revoke('all', pattern, grantee)) FROM (SELECT DISTINCT pattern, grantee FROM secrets.grants WHERE effect = 'allow') r;
SELECT count(secrets.undeny('all', pattern, grantee)) FROM (SELECT DISTINCT pattern, grantee FROM secrets.grants WHERE effect = 'deny') r;
SELECT count(*) FROM secrets.grants;
DROP ROLE intruder_one, intruder_two, intruder_name, intruder_group;
