-- encodings: text is taken as its UTF-8 bytes whatever the database's encoding is.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
\getenv builddir PG_ABS_BUILDDIR
\set dir :builddir '/results/encodings_'
\set here :DBNAME
SET client_encoding = 'UTF8';

-- What a UTF8 database stores, to be copied into the others.
SELECT secrets.put('enc/ascii', 'plain'), secrets.put('enc/latin', E'\u00e4'), secrets.put('enc/euro', E'canary \u20ac'), secrets.put('enc/json', E'{"\u00e4": "\u00f6", "e": "\\u20ac"}'), secrets.put_bytes('enc/bytes', '\xe4');
\set f :dir 'secret'
COPY secrets_catalog.secret TO :'f';
\set f :dir 'version'
COPY secrets_catalog.version TO :'f';
\set f :dir 'master_key'
COPY secrets_catalog.master_key TO :'f';

CREATE DATABASE secrets_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C';
\c secrets_latin1
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION secrets;
\i :helpers
\set ECHO all
-- A LATIN1 database: both ways.
SELECT secrets.put('enc/own', E'\xe4');
SELECT secrets.get('enc/own') = E'\xe4', length(secrets.get('enc/own')), secrets.get_bytes('enc/own'), size FROM secrets.versions WHERE name = 'enc/own';
SELECT secrets.put('enc/own', '{"k": 1}'), secrets.patch('enc/own', E'{"\xe4": "\xf6"}'), secrets.get('enc/own', E'\xe4') = E'\xf6', secrets.get_bytes('enc/own');
SELECT secrets.put('enc/own', to_jsonb(E'\xe4'::text)), secrets.get_bytes('enc/own');
SELECT pg_temp.state('secrets.put($1[1], $1[2])', E'enc/\xe4', 'canary');
-- The same value and request from another client encoding is the same value.
SELECT secrets.put('enc/req', E'\xe4', options => '{"request_id": "11111111-2222-3333-4444-555555555555"}');
SELECT secrets.put('enc/req', convert_from('\xc3a4', 'UTF8'), options => '{"request_id": "11111111-2222-3333-4444-555555555555"}');
SELECT pg_temp.clean();
-- What a UTF8 database stored, as a dump brings it: what LATIN1 has is converted, what it has not is refused, and named.
TRUNCATE secrets_catalog.master_key;
\set f :dir 'secret'
COPY secrets_catalog.secret FROM :'f';
\set f :dir 'version'
COPY secrets_catalog.version FROM :'f';
\set f :dir 'master_key'
COPY secrets_catalog.master_key FROM :'f';
SELECT secrets.get('enc/ascii'), secrets.get('enc/latin') = E'\xe4', secrets.get_bytes('enc/latin'), secrets.get_bytes('enc/bytes');
SELECT pg_temp.try('secrets.get($1[1])', 'enc/euro');
SELECT secrets.get_bytes('enc/euro'), pg_temp.state('secrets.try_get($1[1])', 'enc/euro'), pg_temp.state($$(SELECT count(*) FROM secrets.get_many('{enc/ascii,enc/euro}'))$$);
SELECT name, length(value), problem FROM secrets.get_all('enc/*');
SELECT secrets.get('enc/json', E'\xe4') = E'\xf6', pg_temp.state('secrets.get($1[1], $1[2])', 'enc/json', 'e');
SELECT secrets.patch('enc/json', E'{"n": "\xe4"}'), secrets.get('enc/json', 'n') = E'\xe4', secrets.get('enc/json', E'\xe4') = E'\xf6';
-- A value that this database cannot show can be renamed, replaced and rekeyed all the same.
SELECT secrets.rename('enc/euro', 'enc/money'), secrets.get_bytes('enc/money'), secrets.rotate_master_key() > 0;
CALL secrets.rekey();
SELECT secrets.get_bytes('enc/money'), rekey_remaining, secrets.put('enc/money', 'EUR'), secrets.get('enc/money') FROM secrets.status();
-- The inbox takes the client's encoding.
\set f :dir 'inbox'
COPY (SELECT 'enc/in', E'\xe4') TO :'f' (ENCODING 'UTF8');
COPY secrets.inbox (name, value) FROM :'f' (ENCODING 'UTF8');
SELECT secrets.get('enc/in') = E'\xe4', secrets.get_bytes('enc/in');
-- A role's name is as the database has it; in a value, and in a URI, it is UTF-8.
DO $$BEGIN EXECUTE format('CREATE ROLE %I LOGIN', E'enc_\xe4'); END$$;
SELECT secrets.put('enc/role', jsonb_build_object('username', E'enc_\xe4', 'password', E'\xf6', 'uri', 'postgresql://u:p@h/d')), secrets.schedule_rotation('enc/role', 'manual', 'role', '{"adopt": true}'), secrets.rotate('enc/role');
SELECT secrets.get('enc/role', 'username') = E'enc_\xe4', position('\x656e635fc3a4' IN secrets.get_bytes('enc/role')) > 0, secrets.get('enc/role', 'uri') LIKE 'postgresql://enc\_\%C3\%A4:%@h/d', secrets.put('enc/role', secrets.get('enc/role')), secrets.unschedule_rotation('enc/role');
DO $$BEGIN EXECUTE format('DROP ROLE %I', E'enc_\xe4'); END$$;
SET client_encoding = 'UTF8';
SELECT secrets.get('enc/in') = E'\xe4', secrets.get_bytes('enc/in');

CREATE DATABASE secrets_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C';
\c secrets_ascii
\set ECHO none
SET client_min_messages = warning;
CREATE EXTENSION secrets;
\i :helpers
\set ECHO all
-- A database that does not know its encoding: bytes go in and come out.
SELECT secrets.put('enc/own', E'\xe4'), secrets.put('enc/ascii', 'plain'), secrets.put('enc/utf8', E'\xc3\xa4');
SELECT secrets.get('enc/own') = E'\xe4', secrets.get_bytes('enc/own'), secrets.get('enc/ascii'), secrets.get_bytes('enc/utf8');
SELECT secrets.put('enc/json', E'{"\xe4": "\xf6"}'), secrets.get('enc/json', E'\xe4') = E'\xf6', secrets.patch('enc/json', '{"a": 1}'), secrets.get_bytes('enc/json');
\set f :dir 'secret2'
COPY secrets_catalog.secret TO :'f';
\set f :dir 'version2'
COPY secrets_catalog.version TO :'f';
\set f :dir 'master_key2'
COPY secrets_catalog.master_key TO :'f';
SELECT pg_temp.clean();
-- A UTF8 database's values come out as their UTF-8.
TRUNCATE secrets_catalog.master_key;
\set f :dir 'secret'
COPY secrets_catalog.secret FROM :'f';
\set f :dir 'version'
COPY secrets_catalog.version FROM :'f';
\set f :dir 'master_key'
COPY secrets_catalog.master_key FROM :'f';
SELECT secrets.get('enc/latin') = E'\xc3\xa4', secrets.get('enc/euro') = E'canary \xe2\x82\xac', secrets.get('enc/json', E'\xc3\xa4') = E'\xc3\xb6', secrets.get('enc/json', 'e') = E'\xe2\x82\xac';

-- And its bytes in a UTF8 database: what is UTF-8 is text there, what is not is refused and given as bytes.
\c :here
\set ECHO none
SET client_min_messages = warning;
\i :helpers
\set ECHO all
SELECT count(*) FROM secrets_catalog.secret;
\set f :dir 'secret2'
COPY secrets_catalog.secret FROM :'f';
\set f :dir 'version2'
COPY secrets_catalog.version FROM :'f';
\set f :dir 'master_key2'
COPY secrets_catalog.master_key FROM :'f';
SELECT pg_temp.try('secrets.get($1[1])', 'enc/own');
SELECT secrets.get_bytes('enc/own'), secrets.get('enc/ascii'), secrets.get('enc/utf8') = E'\u00e4', pg_temp.state('secrets.get($1[1], $1[2])', 'enc/json', 'a'), problem FROM secrets.get_all('enc/own');

DROP DATABASE secrets_latin1;
DROP DATABASE secrets_ascii;
SELECT pg_temp.clean();
