-- contract: what a user types, as the catalogs of PostgreSQL have it.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- Every function: arguments and defaults, result.
SELECT p.prokind, p.proname, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
	FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace ORDER BY p.proname COLLATE "C", pg_get_function_arguments(p.oid) COLLATE "C";
-- Nothing folded, nothing STRICT, nothing parallel, nothing leakproof, no SECURITY DEFINER, no settings, everything C.
SELECT p.provolatile, p.proisstrict, p.proparallel, p.proleakproof, p.prosecdef, p.proconfig, l.lanname, count(*)
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'secrets'::regnamespace GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1;
SELECT p.proname, p.provolatile, p.proisstrict, p.proparallel, p.proleakproof, p.prosecdef FROM pg_proc p WHERE p.pronamespace = 'secrets_catalog'::regnamespace ORDER BY 1;
-- Not for everyone.
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace AND NOT has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY p.oid::regprocedure::text COLLATE "C";
-- Every argument has a name, and no two functions of a name differ in text and bytea alone.
SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace AND p.pronargs > 0 AND (p.proargnames IS NULL OR '' = ANY (p.proargnames));
SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace AND 'bytea'::regtype = ANY (p.proargtypes::oid[]) AND EXISTS (
	SELECT FROM pg_proc q WHERE q.pronamespace = p.pronamespace AND q.proname = p.proname AND q.oid <> p.oid);

-- Every object has its words.
SELECT d.classid::regclass, count(*), count(obj_description(d.objid, d.classid::regclass::name)) = count(*) AS all_described
	FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'secrets')
	AND NOT (d.classid = 'pg_proc'::regclass AND d.objid::regproc::text ~ '^secrets_catalog.ciphertext_')
	AND NOT (d.classid = 'pg_type'::regclass AND (SELECT typelem <> 0 AND typlen = -1 OR typtype = 'c' FROM pg_type WHERE oid = d.objid))
	AND NOT (d.classid = 'pg_class'::regclass AND (SELECT relkind = 'i' FROM pg_class WHERE oid = d.objid))
	GROUP BY 1 ORDER BY 1;
SELECT p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p WHERE p.pronamespace = 'secrets'::regnamespace ORDER BY p.proname COLLATE "C", pg_get_function_arguments(p.oid) COLLATE "C";

-- Views: barriers, grants, columns in their order.
SELECT c.relname, c.relkind, c.reloptions, (SELECT string_agg(a.privilege_type, ',' ORDER BY a.privilege_type) FROM aclexplode(c.relacl) a WHERE a.grantee = 0) AS everybody
	FROM pg_class c WHERE c.relnamespace = 'secrets'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p') ORDER BY c.relname COLLATE "C";
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'secrets'::regnamespace AND c.relkind = 'v' GROUP BY 1 ORDER BY c.relname COLLATE "C";
SELECT co.collname FROM pg_attribute a JOIN pg_collation co ON co.oid = a.attcollation WHERE a.attrelid = 'secrets.secrets'::regclass AND a.attname = 'name';

-- Behind: row level security without a policy on every table; nothing granted to
-- anybody, on tables, columns, the schema, the wrapper or its server; no sequence.
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'secrets_catalog'::regnamespace AND c.relkind IN ('r', 'p', 'm')
	AND (NOT c.relrowsecurity OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid));
SELECT c.relkind, count(*), count(c.relacl), count(*) FILTER (WHERE EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)) AS granted
	FROM pg_class c WHERE c.relnamespace = 'secrets_catalog'::regnamespace AND c.relkind <> 'i' GROUP BY 1 ORDER BY 1;
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace IN ('secrets'::regnamespace, 'secrets_catalog'::regnamespace) AND a.attacl IS NOT NULL;
SELECT n.nspname, string_agg(a.privilege_type, ',' ORDER BY a.privilege_type) FROM pg_namespace n LEFT JOIN LATERAL aclexplode(n.nspacl) a ON a.grantee <> n.nspowner WHERE n.nspname IN ('secrets', 'secrets_catalog') GROUP BY 1 ORDER BY 1;
SELECT fdwname, count(a) FROM pg_foreign_data_wrapper LEFT JOIN LATERAL aclexplode(fdwacl) a ON a.grantee <> fdwowner WHERE fdwname LIKE 'secrets%' GROUP BY 1 ORDER BY 1;
SELECT srvname, count(a) FROM pg_foreign_server LEFT JOIN LATERAL aclexplode(srvacl) a ON a.grantee <> srvowner WHERE srvname LIKE 'secrets%' GROUP BY 1 ORDER BY 1;
-- Triggers fire whatever session_replication_role says; but that of the inbox, of
-- a view, for which PostgreSQL has no ALWAYS: what is put in there then is lost.
SELECT t.tgrelid::regclass, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace IN ('secrets'::regnamespace, 'secrets_catalog'::regnamespace) ORDER BY t.tgrelid::regclass::text COLLATE "C", 2;
SELECT pg_temp.run('ALTER TABLE secrets.inbox ENABLE ALWAYS TRIGGER inbox_insert');
-- What is derived is derived by the server.
SELECT a.attrelid::regclass, a.attname, a.attgenerated, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = 'secrets_catalog'::regnamespace ORDER BY 1, a.attnum;

-- What a driver sends untyped is text; named and positional calls are the same.
PREPARE p1 AS SELECT secrets.put($1, $2, if_version => $3);
PREPARE p2 AS SELECT secrets.get($1), secrets.get(name => $1, stage => $2), secrets.patch($1, $3);
PREPARE p3 AS SELECT secrets.put_bytes($1, $2), secrets.get_bytes($1, $3);
SELECT name, parameter_types FROM pg_prepared_statements WHERE name LIKE 'p_' ORDER BY name;
DEALLOCATE ALL;

CREATE ROLE contract_hostile;
-- NULL: an argument whose default is not NULL, or that has none, is 22004; the rest take it.
-- label's version is the exception that the contract names.
SELECT secrets.put('contract/a', '{"a": 1}'), secrets.put('contract/a', '{"a": 2}');
CREATE FUNCTION pg_temp.value_of(p pg_proc, n int) RETURNS text LANGUAGE sql AS $$
	SELECT p.proargnames[n + 1] || ' => ' || CASE
		WHEN p.proargnames[n + 1] = 'name' THEN '''contract/a'''
		WHEN p.proargnames[n + 1] = 'names' THEN '''{contract/a}'''
		WHEN p.proargnames[n + 1] = 'new_name' THEN '''contract/b'''
		WHEN p.proargnames[n + 1] = 'kind' THEN '''token'''
		WHEN p.proargnames[n + 1] IN ('privilege', 'privileges') THEN '''read'''
		WHEN p.proargnames[n + 1] IN ('pattern', 'after') THEN '''contract/a'''
		WHEN p.proargnames[n + 1] IN ('grantee', 'role') THEN '''contract_hostile'''
		WHEN p.proargnames[n + 1] = 'exclude' THEN ''''''
		WHEN p.proargnames[n + 1] = 'length' THEN '32'
		WHEN p.proargnames[n + 1] = 'schedule' THEN '''manual'''
		WHEN p.proargnames[n + 1] = 'rotator' THEN '''generate'''
		WHEN p.proargtypes[n] = 'interval'::regtype THEN '''2 days'''
		WHEN p.proargtypes[n] = 'text'::regtype THEN '''current'''
		WHEN p.proargtypes[n] = 'jsonb'::regtype THEN '''{}'''
		WHEN p.proargtypes[n] = 'bytea'::regtype THEN '''x'''
		WHEN p.proargtypes[n] = 'inet'::regtype THEN '''192.0.2.1'''
		WHEN p.proargtypes[n] = 'uuid'::regtype THEN '''00000000-0000-0000-0000-000000000000'''
		WHEN p.proargtypes[n] = 'timestamptz'::regtype THEN '''infinity'''
		ELSE '1' END || '::' || format_type(p.proargtypes[n], NULL)
$$;
-- Called and undone: what happens otherwise is no matter here.
CREATE FUNCTION pg_temp.undone(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RAISE EXCEPTION USING ERRCODE = 'U0000';
EXCEPTION WHEN OTHERS THEN RETURN CASE SQLSTATE WHEN '22004' THEN '22004' ELSE 'taken' END;
END
$$;
SELECT p.proname || '(' || p.proargnames[n + 1] || ' ' || format_type(p.proargtypes[n], NULL)
		|| CASE WHEN n >= p.pronargs - p.pronargdefaults THEN ' = ' || pg_get_function_arg_default(p.oid, n + 1) ELSE '' END || ')',
	pg_temp.undone('SELECT count(*) FROM secrets.' || p.proname || '(' || (SELECT string_agg(CASE WHEN m = n THEN p.proargnames[m + 1] || ' => NULL::' || format_type(p.proargtypes[m], NULL)
		ELSE pg_temp.value_of(p, m) END, ', ' ORDER BY m) FROM generate_series(0, GREATEST(p.pronargs - p.pronargdefaults - 1, n)) m WHERE m = n OR m < p.pronargs - p.pronargdefaults) || ')')
	FROM pg_proc p, generate_series(0, p.pronargs - 1) n WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind = 'f'
	ORDER BY p.proname COLLATE "C", pg_get_function_arguments(p.oid) COLLATE "C", n;
SELECT pg_temp.clean();

-- Default privileges that give everything to everybody, and to one by name: nothing comes of it.
DROP EXTENSION secrets;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, contract_hostile;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC, contract_hostile;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC, contract_hostile;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO PUBLIC, contract_hostile;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC, contract_hostile;
CREATE EXTENSION secrets;
SELECT has_table_privilege('contract_hostile', 'secrets_catalog.secret', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'), has_schema_privilege('contract_hostile', 'secrets_catalog', 'USAGE'),
	has_schema_privilege('contract_hostile', 'secrets', 'CREATE'), has_function_privilege('contract_hostile', 'secrets.add_root_key(text)', 'EXECUTE');
SELECT secrets.put('contract/a', '{"a": "canary"}'), secrets.put('contract/b', 'canary'), secrets.delete('contract/b') > now(), secrets.grant('read', 'contract/a', 'pg_monitor') IS NOT NULL;
CREATE SCHEMA contract_test AUTHORIZATION contract_hostile;
SET ROLE contract_hostile;
-- Each function, with arguments that would do: what is not refused.
SELECT p.proname, s FROM pg_proc p, pg_temp.state('(SELECT ' || CASE WHEN 'allowed' = ANY (p.proargnames) THEN 'count(*) FILTER (WHERE f.allowed)' WHEN p.prorettype = 'bool'::regtype THEN 'f' ELSE 'count(*)' END
		|| ' FROM secrets.' || p.proname || '(' || coalesce((SELECT string_agg(pg_temp.value_of(p, m), ', ' ORDER BY m) FROM generate_series(0, p.pronargs - p.pronargdefaults - 1) m), '') || ') f)') s
	WHERE p.pronamespace = 'secrets'::regnamespace AND p.prokind = 'f' AND s <> '42501' ORDER BY p.proname COLLATE "C";
-- Each relation.
SELECT c.oid::regclass, pg_temp.state(format('(SELECT count(*) FROM %s)', c.oid::regclass)) AS rows, pg_temp.run(format('INSERT INTO %s DEFAULT VALUES', c.oid::regclass)) AS insert,
	pg_temp.run(format('TRUNCATE %s', c.oid::regclass)) AS truncate, pg_temp.run(format('CREATE TRIGGER x BEFORE INSERT ON %s FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()', c.oid::regclass)) AS trigger
	FROM pg_class c WHERE c.relnamespace IN ('secrets'::regnamespace, 'secrets_catalog'::regnamespace) AND c.relkind IN ('r', 'v', 'f') ORDER BY c.oid::regclass::text COLLATE "C";
-- And nobody builds on what is ours: a trigger would see what others write, and run as they; a function that fits better would be called instead; a reference would keep what is to go.
CREATE FUNCTION contract_test.steal() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'stolen: %', NEW; RETURN NEW; END$$;
CREATE FUNCTION contract_test.get(name text) RETURNS text LANGUAGE sql AS 'SELECT ''stolen''';
SELECT s, pg_temp.run(s) FROM (VALUES ('CREATE TRIGGER a INSTEAD OF INSERT ON secrets.inbox FOR EACH ROW EXECUTE FUNCTION contract_test.steal()'), ('CREATE TRIGGER a BEFORE INSERT ON secrets_catalog.version FOR EACH ROW EXECUTE FUNCTION contract_test.steal()'),
	('CREATE CONSTRAINT TRIGGER a AFTER INSERT ON secrets_catalog.secret DEFERRABLE FOR EACH ROW EXECUTE FUNCTION contract_test.steal()'),
	('CREATE TABLE contract_test.t (id uuid REFERENCES secrets_catalog.secret (id))'),
	('CREATE FUNCTION secrets.get(name text) RETURNS text LANGUAGE sql AS ''SELECT 1'''), ('ALTER FUNCTION contract_test.get(text) SET SCHEMA secrets'), ('CREATE PROCEDURE secrets.rekey() LANGUAGE sql AS '''''),
	('CREATE AGGREGATE secrets.get(text) (sfunc = textcat, stype = text)'),
	-- elsewhere he may
	('CREATE TABLE contract_test.t (id uuid PRIMARY KEY)'), ('CREATE TRIGGER a BEFORE INSERT ON contract_test.t FOR EACH ROW EXECUTE FUNCTION contract_test.steal()'), ('ALTER FUNCTION contract_test.get(text) RENAME TO take'), ('DROP SCHEMA contract_test CASCADE')) v (s);
RESET ROLE;
SELECT secrets.get('contract/a');
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC, contract_hostile;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC, contract_hostile;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM contract_hostile;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM contract_hostile;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM PUBLIC, contract_hostile;
SELECT count(*) FROM pg_default_acl;
SELECT secrets.revoke('all', 'contract/a', 'pg_monitor'), pg_temp.clean();
DROP EXTENSION secrets;
CREATE EXTENSION secrets;
DROP ROLE contract_hostile;
