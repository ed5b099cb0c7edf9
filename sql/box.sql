-- box: the type's input and output, in text and binary, and what is none.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- Boxes of our own making, of several lengths.
SELECT count(secrets.put('box/' || n, repeat('v', n))) FROM (VALUES (0), (1), (15), (16), (64), (4096), (100000)) v (n);
CREATE TEMP TABLE boxes AS SELECT s.name, v.value FROM secrets_catalog.secret s JOIN secrets_catalog.version v ON v.secret_id = s.id;

-- The text form is one printable word that starts with secrets:.
SELECT name, value::text ~ '^secrets:[A-Za-z0-9_-]+$', length(value::text) FROM boxes ORDER BY length(value::text);
-- Round trips: text, binary.
SELECT count(*) FROM boxes WHERE value::text::secrets.ciphertext::text = value::text;
SELECT count(*) FROM boxes WHERE substr(secrets_catalog.ciphertext_send(value), 1, 2) = '\x0101'
	AND length(secrets_catalog.ciphertext_send(value)) = 64 + secrets_catalog.box_size(value);
-- What the header shows.
SELECT count(DISTINCT secrets_catalog.box_key(value)), max(secrets_catalog.box_size(value)) FROM boxes;
SELECT secrets_catalog.box_key(NULL) IS NULL, secrets_catalog.box_size(NULL) IS NULL;

-- COPY, both ways, in text, CSV and binary.
\getenv builddir PG_ABS_BUILDDIR
CREATE TEMP TABLE copied (LIKE boxes);
\set file :builddir '/results/box.copy'
COPY boxes TO :'file';
COPY copied FROM :'file';
COPY boxes TO :'file' (FORMAT csv);
COPY copied FROM :'file' (FORMAT csv);
COPY boxes TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*), count(DISTINCT (name, value::text)) FROM copied;
SELECT count(*) FROM copied c JOIN boxes b USING (name) WHERE c.value::text = b.value::text;

-- The type has no comparison, no cast and nothing that looks inside.
SELECT pg_temp.run('SELECT value = value FROM boxes'), pg_temp.run('SELECT DISTINCT value FROM boxes'), pg_temp.run('SELECT value::bytea FROM boxes'),
	pg_temp.run('SELECT max(value) FROM boxes'), pg_temp.run('CREATE INDEX ON boxes (value)');
SELECT count(*) FROM pg_cast WHERE 'secrets.ciphertext'::regtype IN (castsource, casttarget);
SELECT typstorage, typbyval, typlen, typcategory FROM pg_type WHERE oid = 'secrets.ciphertext'::regtype;

-- Bytes to text form, to make broken ones.
CREATE FUNCTION pg_temp.box(bytes bytea) RETURNS text LANGUAGE sql AS $$
	SELECT 'secrets:' || rtrim(translate(translate(encode(bytes, 'base64'), E'\n', ''), '+/', '-_'), '=')
$$;
SELECT secrets_catalog.ciphertext_send(value) AS bytes, value::text AS t FROM boxes WHERE name = 'box/1' \gset
-- As an expression, not as a string: psql's E'\\x...' is text to most functions.
\set b '\'' :bytes '\'::bytea'
SELECT pg_temp.box(:b) = :'t', pg_temp.state('$1[1]::secrets.ciphertext IS NOT NULL', :'t');

-- What is no ciphertext, as text.
SELECT what, pg_temp.state('$1[1]::secrets.ciphertext', given) FROM (VALUES
	('empty', ''),
	('the prefix only', 'secrets:'),
	('a password', 'canary'),
	('no prefix', substr(:'t', 9)),
	('prefix in capitals', 'SECRETS:' || substr(:'t', 9)),
	('half a prefix', 'secrets'),
	('blank before', ' ' || :'t'),
	('blank after', :'t' || ' '),
	('line end after', :'t' || E'\n'),
	('blank within', overlay(:'t' PLACING ' ' FROM 20 FOR 1)),
	('padding', :'t' || '='),
	('base64 of the other alphabet', overlay(:'t' PLACING '+' FROM 20 FOR 1)),
	('not base64', overlay(:'t' PLACING '!' FROM 20 FOR 1)),
	('not ASCII', overlay(:'t' PLACING chr(228) FROM 20 FOR 1)),
	('two short', left(:'t', -2)),
	('the canary after', :'t' || 'canary canary')) v (what, given);

-- What is no ciphertext, as bytes in the text form.
SELECT what, pg_temp.state('$1[1]::secrets.ciphertext', pg_temp.box(given)) FROM (VALUES
	('no bytes', ''::bytea),
	('one byte', '\x01'),
	('a header only', substr(:b, 1, 48)),
	('a header and half a tag', substr(:b, 1, 56)),
	('one byte short of an empty box', substr(:b, 1, 63)),
	('format 0', set_byte(:b, 0, 0)),
	('format 2', set_byte(:b, 0, 2)),
	('format 255', set_byte(:b, 0, 255)),
	('kind 0', set_byte(:b, 1, 0)),
	('kind 5', set_byte(:b, 1, 5)),
	('content 3', set_byte(:b, 2, 3)),
	('content 255', set_byte(:b, 2, 255)),
	('a flag', set_byte(:b, 3, 1)),
	('a wrapped key one byte too long', set_byte(set_byte(:b, 1, 2), 2, 0))) v (what, given);
-- The words.
SELECT pg_temp.try('$1[1]::secrets.ciphertext', 'the canary');
-- The last character has bits that stand for nothing: one spelling only.
SELECT count(*) FROM boxes, (VALUES ('B'), ('C'), ('D'), ('E'), ('F'), ('G'), ('H'), ('x'), ('_')) c (c)
	WHERE length(value::text) % 4 <> 0 AND right(value::text, 1) <> c
	AND pg_temp.state('$1[1]::secrets.ciphertext', left(value::text, -1) || c) NOT LIKE '22P02'
	AND pg_temp.try('($1[1]::secrets.ciphertext)::text = $1[1]', left(value::text, -1) || c) = 'false';

-- What is no ciphertext, in binary COPY: the message's field, not its framing.
CREATE TEMP TABLE raw (name text, value bytea);
CREATE FUNCTION pg_temp.recv(given bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text; context text;
BEGIN
	TRUNCATE raw;
	INSERT INTO raw VALUES ('x', given);
	EXECUTE format('COPY raw TO %L (FORMAT binary)', file);
	EXECUTE format('COPY copied FROM %L (FORMAT binary)', file);
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
	RETURN SQLSTATE || CASE WHEN position('canary' IN message || detail || hint || context) > 0 THEN ' LEAK' ELSE '' END;
END
$$;
SELECT what, pg_temp.recv(given, :'file') FROM (VALUES
	('whole', :b),
	('no bytes', ''),
	('the canary', 'the canary'),
	('a header only', substr(:b, 1, 48)),
	('one byte short of an empty box', substr(:b, 1, 63)),
	('format 2', set_byte(:b, 0, 2)),
	('kind 9', set_byte(:b, 1, 9)),
	('content 7', set_byte(:b, 2, 7)),
	('a flag', set_byte(:b, 3, 128))) v (what, given);
-- A tag more or less is for the key to find, not for the type.
SELECT pg_temp.recv(substr(:b, 1, 64), :'file'), pg_temp.recv(:b || '\x00', :'file');

-- In arrays, in composites, in a domain.
SELECT (ARRAY[:'t'::secrets.ciphertext])[1]::text = :'t', (ROW(:'t'::secrets.ciphertext)).f1::text = :'t';
SELECT array_agg(value)::text::secrets.ciphertext[] IS NOT NULL FROM boxes;
SELECT pg_temp.state('$1[1]::secrets.ciphertext[]', '{canary}');

SELECT pg_temp.clean();
