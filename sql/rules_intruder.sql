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

-- Nothing stays.
SELECT pg_temp.clean() \g /dev/null
SELECT count(secrets.revoke('all', pattern, grantee)) FROM (SELECT DISTINCT pattern, grantee FROM secrets.grants WHERE effect = 'allow') r;
SELECT count(secrets.undeny('all', pattern, grantee)) FROM (SELECT DISTINCT pattern, grantee FROM secrets.grants WHERE effect = 'deny') r;
SELECT count(*) FROM secrets.grants;
DROP ROLE intruder_one, intruder_two;
