-- kv: list, describe, the views, the inbox.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

SELECT count(secrets.put(n, 'v')) FROM unnest(ARRAY['list/a', 'list/A', 'list/b', 'list/a/b', 'list/a/b/c', 'list/a-b', 'list/ab', 'list/B/password', 'list/a/password', 'list', 'list2', 'other/list/a']) n;

-- In the order of bytes, whatever the database's collation.
SELECT name FROM secrets.list('list/**');
-- Patterns.
SELECT p, (SELECT string_agg(name, ' ') FROM secrets.list(p)) FROM (VALUES
	('list/*'), ('list/**'), ('list'), ('list*'), ('list/a*'), ('list/a/*'), ('list/a/**'), ('list/*/password'), ('**/password'), ('list/**/c'), ('**/a'), ('*/list/*'), ('list/a/b'), ('none')) v (p);
SELECT count(*) = (SELECT count(*) FROM secrets.secrets), bool_and(l.name = e.name) FROM secrets.list() l JOIN secrets.list('**') e USING (id);
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.list($1[1]))$$, 'the canary');
SELECT p, pg_temp.state($$(SELECT count(*) FROM secrets.list($1[1]))$$, p) FROM (VALUES (''), ('/'), ('a//*'), ('***'), ('a**'), ('**a'), ('*a**'), ('lis?'), ('..'), ('a/..')) v (p);
SELECT pg_temp.state($$(SELECT count(*) FROM secrets.list(repeat('*/', 255) || '**'))$$), pg_temp.state($$(SELECT count(*) FROM secrets.list(repeat('*/', 256) || '*'))$$);
-- Stars without end take no time.
SELECT count(*) FROM secrets.list(repeat('*a', 200) || '*');
SELECT count(*) FROM secrets.list(repeat('**/', 150) || 'x');

-- Paging by key: no row twice, none left out, whatever is put in between.
SELECT name FROM secrets.list('list/**', max_rows => 3);
SELECT name FROM secrets.list('list/**', after => 'list/a', max_rows => 3);
SELECT name FROM secrets.list('list/**', 'list/a-b', 100);
SELECT count(*) FROM secrets.list('list/**', after => 'list/b');
SELECT count(*) FROM secrets.list('list/**', after => 'zzz');
-- After a name that is not, or is no name at all, or lies before the pattern's.
SELECT min(name) FROM secrets.list('list/**', after => 'list/a!');
SELECT min(name) FROM secrets.list('list/**', after => '');
SELECT min(name) FROM secrets.list('list/**', after => 'aaa');
WITH RECURSIVE page (n, last) AS (
	SELECT 0, ''::text COLLATE "C"
	UNION ALL
	SELECT n + 1, (SELECT max(l.name) FROM secrets.list('**', after => last, max_rows => 5) l) FROM page WHERE last IS NOT NULL
)
SELECT max(n) FROM page;
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.list(max_rows => 0))$$), pg_temp.state($$(SELECT count(*) FROM secrets.list(max_rows => -1))$$);
SELECT pg_temp.try($$(SELECT count(*) FROM secrets.list(NULL))$$), pg_temp.state($$(SELECT count(*) FROM secrets.list('list/**', NULL, NULL))$$);

-- describe and list say what the view says.
SELECT count(*) FROM secrets.secrets v JOIN secrets.list() l ON v = l WHERE v = secrets.describe(v.name);
SELECT pg_temp.try($$secrets.describe('list/none')$$), pg_temp.try($$secrets.describe(NULL)$$), pg_temp.try($$secrets.describe($1[1])$$, 'a canary');
SELECT name, kind, description, tags, content_type, current_version, created_at = changed_at, last_read_at, expires_at, disabled, next_rotation_at FROM secrets.describe('list/a');

-- The views use the index for =, >= and <.
INSERT INTO secrets_catalog.secret (id, last_version, disabled, created_at, changed_at, kind, name)
	SELECT gen_random_uuid(), 0, false, now(), now(), 'secret', 'list/bulk/' || i FROM generate_series(1, 2000) i;
ANALYZE secrets_catalog.secret;
-- The plan in one word: whether the condition is one of the index.
CREATE FUNCTION pg_temp.index_cond(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'secret_name|Index Cond|Seq Scan' THEN
			RETURN NEXT regexp_replace(btrim(line, ' ->'), '^(Index Scan|Bitmap Index Scan) (using|on) (\w+).*', 'index \3');
		END IF;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.index_cond($$SELECT * FROM secrets.secrets WHERE name = 'list/bulk/7'$$);
SELECT * FROM pg_temp.index_cond($$SELECT * FROM secrets.secrets WHERE name >= 'list/bulk/7' AND name < 'list/bulk/8'$$);
SELECT * FROM pg_temp.index_cond($$SELECT * FROM secrets.versions WHERE name = 'list/bulk/7'$$) LIMIT 2;
SELECT count(*) FROM secrets.secrets WHERE name >= 'list/bulk/7' AND name < 'list/bulk/8';
-- A secret without a version is listed, and says so when read.
SELECT pg_temp.try($$secrets.get('list/bulk/7')$$), pg_temp.try($$secrets.current_version('list/bulk/7')$$), pg_temp.state($$secrets.try_get('list/bulk/7')$$);
SELECT problem FROM secrets.get_all('list/bulk/7');
DELETE FROM secrets_catalog.secret WHERE name LIKE 'list/bulk/%';

-- The inbox: INSERT is put.
INSERT INTO secrets.inbox (name, value) VALUES ('list/in/1', 'one'), ('list/in/2', 'two'), ('list/in/1', 'three');
SELECT secrets.get('list/in/1'), secrets.get('list/in/1', version => 1), secrets.get('list/in/2');
INSERT INTO secrets.inbox VALUES ('list/in/3', 'x', 'words', '{"t": 1}', 'text/plain', now() + interval '1 day');
SELECT description, tags, content_type, expires_at > now() FROM secrets.describe('list/in/3');
INSERT INTO secrets.inbox (name, value) SELECT 'list/in/many/' || i, i::text FROM generate_series(1, 20) i;
SELECT count(*) FROM secrets.get_all('list/in/many/*') WHERE value = split_part(name, '/', 4);
-- It gives nothing back.
SELECT count(*) FROM secrets.inbox;
SELECT pg_temp.run($$INSERT INTO secrets.inbox (name, value) VALUES (NULL, 'canary')$$), pg_temp.run($$INSERT INTO secrets.inbox (name) VALUES ('list/in/4')$$),
	pg_temp.run($$INSERT INTO secrets.inbox (name, value) VALUES ('the canary', 'x')$$), pg_temp.run($$INSERT INTO secrets.inbox (name, value) VALUES ('list/in/4', repeat('canary', 200000))$$),
	pg_temp.run($$UPDATE secrets.inbox SET value = 'canary'$$), pg_temp.run($$DELETE FROM secrets.inbox$$),
	pg_temp.run($$INSERT INTO secrets.inbox (name, value, tags) VALUES ('list/in/4', 'canary', '[]')$$);
INSERT INTO secrets.inbox (name, value) VALUES ('list/in/5', '') RETURNING name;
SELECT pg_temp.run($$SELECT secrets_catalog.inbox_insert()$$);

-- The inbox: COPY, in text, CSV, and what is refused with the lines before it.
COPY secrets.inbox (name, value) FROM stdin;
list/copy/1	first
list/copy/2	tab\there\nline
\.
SELECT name, replace(replace(value, chr(9), '<tab>'), chr(10), '<line>') FROM secrets.get_all('list/copy/*');
COPY secrets.inbox (name, value, tags) FROM stdin (FORMAT csv);
list/copy/3,"quoted, ""value""","{""a"": 1}"
\.
SELECT secrets.get('list/copy/3'), tags FROM secrets.describe('list/copy/3');
-- The error of a refused row shows neither value nor line.
COPY secrets.inbox (name, value) FROM stdin;
list/copy/4	fine
bad name canary	value canary
\.
COPY secrets.inbox (name, value) FROM stdin;
list/copy/4	\N
\.
SELECT pg_temp.state($$secrets.get('list/copy/4')$$);

SELECT pg_temp.clean();
