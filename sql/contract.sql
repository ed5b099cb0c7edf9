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

-- What a driver sends untyped is text; named and positional calls are the same.
PREPARE p1 AS SELECT secrets.put($1, $2, if_version => $3);
PREPARE p2 AS SELECT secrets.get($1), secrets.get(name => $1, stage => $2), secrets.patch($1, $3);
PREPARE p3 AS SELECT secrets.put_bytes($1, $2), secrets.get_bytes($1, $3);
SELECT name, parameter_types FROM pg_prepared_statements WHERE name LIKE 'p_' ORDER BY name;
DEALLOCATE ALL;

-- NULL: an argument whose default is not NULL, or that has none, is 22004; the rest take it.
-- label's version is the exception that the contract names.
SELECT secrets.put('contract/a', '{"a": 1}'), secrets.put('contract/a', '{"a": 2}');
CREATE FUNCTION pg_temp.value_of(p pg_proc, n int) RETURNS text LANGUAGE sql AS $$
	SELECT p.proargnames[n + 1] || ' => ' || CASE
		WHEN p.proargnames[n + 1] = 'name' THEN '''contract/a'''
		WHEN p.proargnames[n + 1] = 'names' THEN '''{contract/a}'''
		WHEN p.proargnames[n + 1] = 'new_name' THEN '''contract/b'''
		WHEN p.proargnames[n + 1] = 'kind' THEN '''token'''
		WHEN p.proargnames[n + 1] = 'exclude' THEN ''''''
		WHEN p.proargnames[n + 1] = 'length' THEN '32'
		WHEN p.proargnames[n + 1] = 'recovery' THEN '''2 days'''
		WHEN p.proargtypes[n] = 'text'::regtype THEN '''current'''
		WHEN p.proargtypes[n] = 'jsonb'::regtype THEN '''{}'''
		WHEN p.proargtypes[n] = 'bytea'::regtype THEN '''x'''
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
