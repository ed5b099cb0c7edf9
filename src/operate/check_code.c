/*
 * operate/check_code.c: functions, views, jobs.  Whoever reads their definitions
 * reads the values that stand in them, and that is everybody; and statements that
 * call functions of users are not masked unless these are named.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "common/keywords.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "operate/check.h"
#include "operate/literal.h"
#include "redact/words.h"

#define TICK "CALL secrets.tick()"

/* ---- what takes and gives values ---- */

#define MOST_TAKERS 64

typedef struct Takers
{
	int			n;
	ValueTaker	list[MOST_TAKERS];
} Takers;

static void
add_taker(Takers *takers, const char *name, bool is_relation, int number, const char *value)
{
	if (takers->n < MOST_TAKERS)
		takers->list[takers->n++] = (ValueTaker) {name, is_relation, number, value};
}

/* The rooms have said which they are; the catalogs know what arguments and columns are called. */
static Takers *
read_takers(void)
{
	Takers	   *takers = palloc0(sizeof(Takers));
	ListCell   *cell;

	foreach(cell, check_ask("SELECT DISTINCT p.proname, u.n, u.name FROM pg_proc p "
							"CROSS JOIN unnest(p.proargnames) WITH ORDINALITY u (name, n) WHERE p.pronamespace = 'secrets'::regnamespace ORDER BY 1, 2"))
	{
		char	  **row = lfirst(cell);

		if (words_value_argument(row[0]) == atoi(row[1]))
			add_taker(takers, row[0], false, atoi(row[1]), row[2]);
	}
	foreach(cell, check_ask("SELECT c.relname, a.attnum, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
							"WHERE c.relnamespace = 'secrets'::regnamespace AND a.attnum > 0 ORDER BY 1, 2"))
	{
		char	  **row = lfirst(cell);
		const char *column = words_value_column(row[0]);

		if (column && strcmp(column, row[2]) == 0)
			add_taker(takers, row[0], true, atoi(row[1]), row[2]);
	}
	return takers;
}

static bool
gives_value(const char *function)
{
	static const char *const beginnings[] = {"get", "try_get", "decrypt", "try_decrypt"};

	for (int i = 0; i < lengthof(beginnings); i++)
	{
		Size		len = strlen(beginnings[i]);

		if (strncmp(function, beginnings[i], len) == 0 && (function[len] == '\0' || function[len] == '_'))
			return true;
	}
	return false;
}

static bool
takes_or_gives_value(const char *function)
{
	return gives_value(function) || words_value_argument(function) > 0;
}

/* ---- functions ---- */

typedef struct Function
{
	char	   *oid;
	char	   *identity;		/* app.store(text) */
	char	   *name;			/* app.store */
	char	   *body;			/* NULL: it is too long, or the server is to print it */
	char	   *is_tree;		/* t or f, as the rest: the latter */
	char	   *takes_anything;
	char	   *runs_as_owner;
	char	   *has_own_path;
	char	   *is_for_everybody;
} Function;

/* In the order of the struct.  A trigger's function is called by no statement. */
#define FUNCTIONS \
	"SELECT p.oid, p.oid::regprocedure, p.oid::regproc, CASE WHEN octet_length(p.prosrc) <= 1000000 AND p.prosqlbody IS NULL THEN p.prosrc END, " \
	" p.prosqlbody IS NOT NULL, " \
	" p.pronargs > 0 AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype), p.prosecdef, " \
	" EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%%'), " \
	" has_function_privilege('public', p.oid, 'EXECUTE') AND has_schema_privilege('public', p.pronamespace, 'USAGE') " \
	"FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace " \
	"WHERE p.oid IN (%s) AND l.lanname NOT IN ('c', 'internal') AND p.prokind <> 'a' " \
	"AND n.nspname NOT IN ('secrets', 'secrets_catalog') AND n.nspname !~ '^pg_temp_' ORDER BY 2"

/* What their bodies must have somewhere in them, to be looked at closely: "app.store, keep" are store and keep too. */
static List *
telling_words(void)
{
	const char *named = GetConfigOption("secrets.redact_functions", true, false);
	char	   *rest = pstrdup(named ? named : "");
	List	   *words = list_make2(pstrdup("secrets"), pstrdup("password"));
	char	   *word;

	while ((word = strsep(&rest, ",. \t\r\n\"")) != NULL)
		if (word[0] != '\0')
			words = lappend(words, word);
	return words;
}

static bool
has_any(const char *text, List *words)
{
	ListCell   *cell;

	foreach(cell, words)
		if (strcasestr(text, lfirst(cell)))
			return true;
	return false;
}

/* Functions of users that name any of that, or have a body that only the server can print: their OIDs, with commas. */
static char *
find_candidates(void)
{
	Relation	rel = table_open(ProcedureRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List	   *words = telling_words();
	StringInfoData oids;
	HeapTuple	tuple;

	initStringInfo(&oids);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			oid = ((Form_pg_proc) GETSTRUCT(tuple))->oid;
		bool		isnull;
		char	   *body;

		if (oid < FirstNormalObjectId)
			continue;
		CHECK_FOR_INTERRUPTS();
		body = TextDatumGetCString(heap_getattr(tuple, Anum_pg_proc_prosrc, RelationGetDescr(rel), &isnull));
		if (!heap_attisnull(tuple, Anum_pg_proc_prosqlbody, NULL) || has_any(body, words))
			appendStringInfo(&oids, "%s%u", oids.len ? ", " : "", oid);
		pfree(body);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return oids.data;
}

/* NULL: it is gone meanwhile. */
static bool
is_so(const char *flag)
{
	return flag && flag[0] == 't';
}

static bool
is_masked(const char *text)
{
	return words_judge(text, strlen(text)) == MASK_ALL;
}

/* Who is to be named: the setting as it is, and all that are shown so far, so that the last advice is the whole of it. */
typedef struct Naming
{
	StringInfoData list;
	const char *last;			/* of overloads one is enough */
} Naming;

/* select() is named by every statement: app."select" too.  Of the words that are not reserved, these. */
static bool
is_keyword(const char *name)
{
	static const char *const usual[] = {"insert", "update", "delete", "set", "begin", "commit", "copy", "by", "prepare", "execute", "call", "fetch"};
	const char *last = strrchr(name, '.') ? strrchr(name, '.') + 1 : name;
	char	   *bare = pstrdup(last + (last[0] == '"'));
	int			keyword;

	bare[strcspn(bare, "\"")] = '\0';
	for (int i = 0; i < lengthof(usual); i++)
		if (strcmp(bare, usual[i]) == 0)
			return true;
	keyword = ScanKeywordLookup(bare, &ScanKeywords);
	return keyword >= 0 && ScanKeywordCategories[keyword] != UNRESERVED_KEYWORD;
}

static const char *
naming_advice(const Findings *findings, Naming *naming, const char *name)
{
	if (!check_shows(findings, SEVERITY_WARNING))
		return "";
	if (is_keyword(name))
		return psprintf("rename %s: it is called by a word of SQL, which stands in other statements as well", name);
	if (naming->last == NULL || strcmp(naming->last, name) != 0)
		appendStringInfo(&naming->list, "%s%s", naming->list.len ? ", " : "", name);
	naming->last = name;
	return psprintf("ALTER SYSTEM SET secrets.redact_functions = %s; SELECT pg_reload_conf();", quote_literal_cstr(naming->list.data));
}

/* Statements that call it bring values, and nobody knows. */
static void
look_for_wrapper(Findings *findings, const Function *function, Naming *naming)
{
	if (is_so(function->takes_anything) && !is_masked(psprintf("SELECT %s(1)", function->name)))
		check_found(findings, SEVERITY_WARNING,
					psprintf("function %s stores what it is given, and is not in secrets.redact_functions: "
							 "statements that call it are logged as they are", function->identity),
					naming_advice(findings, naming, function->name));
}

#define TABLES_OF_TRIGGER \
	"SELECT DISTINCT t.tgrelid::regclass FROM pg_trigger t WHERE t.tgfoid = %s ORDER BY 1"

/* Nor do statements name a trigger. */
static void
look_for_written_tables(Findings *findings, const Function *function, Naming *naming)
{
	ListCell   *cell;

	foreach(cell, check_ask(psprintf(TABLES_OF_TRIGGER, function->oid)))
	{
		char	   *table = ((char **) lfirst(cell))[0];

		if (!is_masked(psprintf("INSERT INTO %s VALUES (1)", table)))
			check_found(findings, SEVERITY_WARNING,
						psprintf("table %s has a trigger that stores what is written there, by function %s, and is not in "
								 "secrets.redact_functions: statements that write there are logged as they are",
								 table, function->identity),
						naming_advice(findings, naming, table));
	}
}

static void
look_for_unnamed(Findings *findings, const Function *function, Naming *naming)
{
	if (!is_masked(function->body))
		return;
	look_for_wrapper(findings, function, naming);
	look_for_written_tables(findings, function, naming);
}

/* It lends what its owner may read. */
static void
look_for_lender(Findings *findings, const Function *function)
{
	char	   *call = is_so(function->runs_as_owner) ? literal_find_call(function->body, gives_value) : NULL;

	if (call == NULL)
		return;
	if (is_so(function->is_for_everybody))
		check_found(findings, SEVERITY_WARNING,
					psprintf("function %s calls secrets.%s() as its owner, and every role may call it", function->identity, call),
					psprintf("REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC; and grant it to those who need it", function->identity));
	if (!is_so(function->has_own_path))
		check_found(findings, SEVERITY_WARNING,
					psprintf("function %s calls secrets.%s() as its owner, by the search_path of whoever calls it, "
							 "who can have it call functions of his", function->identity, call),
					psprintf("ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp; with all else in it named by its schema", function->identity));
}

/* Somebody may have made it so that the server cannot print it, or have locked what stands in it. */
static bool
read_body(Findings *findings, Function *function)
{
	const char *what = psprintf("function %s", function->identity);
	List	   *rows;

	if (!is_so(function->is_tree))
		return check_is_short(findings, what, function->body);
	rows = check_try(findings, what, psprintf("SELECT coalesce(pg_get_function_sqlbody(%s), '')", function->oid));
	function->body = rows ? ((char **) linitial(rows))[0] : NULL;
	return rows && check_is_short(findings, what, function->body);
}

static void
look_at_function(Findings *findings, const Function *function, const Takers *takers, Naming *naming)
{
	char	   *literal = literal_find(function->body, takers->list, takers->n);

	if (literal)
		check_found(findings, SEVERITY_CRITICAL,
					psprintf("a value stands in function %s, at %s, where every role can read it", function->identity, literal),
					psprintf("take it out of %s, and store another value", function->identity));
	look_for_unnamed(findings, function, naming);
	look_for_lender(findings, function);
}

static void
look_at_functions(Findings *findings)
{
	Takers	   *takers = read_takers();
	char	   *candidates = find_candidates();
	const char *named = GetConfigOption("secrets.redact_functions", true, false);
	Naming		naming = {.last = NULL};
	ListCell   *cell;

	initStringInfo(&naming.list);
	appendStringInfoString(&naming.list, named ? named : "");
	/* Ours are among them. */
	foreach(cell, check_ask(psprintf(FUNCTIONS, candidates)))
	{
		Function   *function = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (read_body(findings, function))
			look_at_function(findings, function, takers, &naming);
	}
}

/* ---- definitions ---- */

/*
 * Whatever depends on a function of ours, or on the inbox, by itself: what it is, and
 * what asks for its definition.  That one by one, as with functions.
 */
#define DEFINITIONS \
	"WITH u AS (SELECT DISTINCT u.classid, u.objid FROM pg_depend u " \
	" JOIN pg_depend d ON d.classid = u.refclassid AND d.objid = u.refobjid AND d.deptype = 'e' " \
	"  AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'secrets') " \
	" WHERE u.deptype = 'n' AND u.refclassid IN ('pg_proc'::regclass, 'pg_class'::regclass) " \
	"  AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = u.classid AND o.objid = u.objid " \
	"   AND o.deptype = 'e' AND o.refobjid = d.refobjid)) " \
	"SELECT * FROM (" \
	" SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'a rule on' END, c.oid::regclass), " \
	"  format('SELECT pg_get_ruledef(%s)', w.oid) " \
	"  FROM u JOIN pg_rewrite w ON u.classid = 'pg_rewrite'::regclass AND w.oid = u.objid JOIN pg_class c ON c.oid = w.ev_class " \
	"  WHERE c.relnamespace NOT IN ('secrets'::regnamespace, 'secrets_catalog'::regnamespace) " \
	" UNION ALL SELECT format('the default of column %I of table %s', a.attname, a.attrelid::regclass), " \
	"  format('SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid = %s', b.oid) " \
	"  FROM u JOIN pg_attrdef b ON u.classid = 'pg_attrdef'::regclass AND b.oid = u.objid " \
	"  JOIN pg_attribute a ON a.attrelid = b.adrelid AND a.attnum = b.adnum " \
	" UNION ALL SELECT format('trigger %I on %s', t.tgname, t.tgrelid::regclass), format('SELECT pg_get_triggerdef(%s)', t.oid) " \
	"  FROM u JOIN pg_trigger t ON u.classid = 'pg_trigger'::regclass AND t.oid = u.objid " \
	" UNION ALL SELECT format('policy %I on %s', p.polname, p.polrelid::regclass), " \
	"  format('SELECT concat_ws('' '', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy WHERE oid = %s', p.oid) " \
	"  FROM u JOIN pg_policy p ON u.classid = 'pg_policy'::regclass AND p.oid = u.objid " \
	" UNION ALL SELECT format('constraint %I of %s', k.conname, " \
	"   coalesce(nullif(k.conrelid, 0)::regclass::text, nullif(k.contypid, 0)::regtype::text)), format('SELECT pg_get_constraintdef(%s)', k.oid) " \
	"  FROM u JOIN pg_constraint k ON u.classid = 'pg_constraint'::regclass AND k.oid = u.objid" \
	") x (what, question) ORDER BY 1"

/* NULL: it is gone, or there is a row about it. */
static const char *
read_definition(Findings *findings, const char *what, const char *question)
{
	List	   *rows = check_try(findings, what, question);
	const char *definition = rows ? ((char **) linitial(rows))[0] : NULL;

	return definition && check_is_short(findings, what, definition) ? definition : NULL;
}

static void
look_at_definitions(Findings *findings)
{
	Takers	   *takers = read_takers();
	ListCell   *cell;

	foreach(cell, check_ask(DEFINITIONS))
	{
		char	  **row = lfirst(cell);
		const char *definition = read_definition(findings, row[0], row[1]);
		char	   *literal = definition ? literal_find(definition, takers->list, takers->n) : NULL;

		if (literal)
			check_found(findings, SEVERITY_CRITICAL,
						psprintf("a value stands in %s, at %s, where every role can read it", row[0], literal),
						psprintf("take it out of %s, and store another value", row[0]));
	}
}

/* A materialized view gets nothing: its query is the server's to run, which is given no value. */
#define DEFAULT_VALUES \
	"SELECT format('column %I of table %s is filled with what functions of ours give, in the clear', a.attname, a.attrelid::regclass), " \
	" format('ALTER TABLE %s ALTER %I DROP DEFAULT;', a.attrelid::regclass, a.attname) " \
	"FROM pg_attrdef b JOIN pg_attribute a ON a.attrelid = b.adrelid AND a.attnum = b.adnum " \
	"WHERE EXISTS (SELECT FROM pg_depend u JOIN pg_proc g ON u.refclassid = 'pg_proc'::regclass AND g.oid = u.refobjid " \
	" WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = b.oid AND g.pronamespace = 'secrets'::regnamespace " \
	" AND g.proname ~ '^(try_)?(get|decrypt)(_|$)') ORDER BY 1"

/* ---- jobs of pg_cron ---- */

/* A schema "cron" is anybody's to make where pg_cron is not: so it is asked for what the extension has. */
#define JOBS_OF_CRON \
	"SELECT c.oid FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' " \
	"JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid " \
	"WHERE e.extname = 'pg_cron' AND c.relname = 'job' AND c.relkind = 'r'"

typedef struct Job
{
	char	   *id;
	char	   *role;
	char	   *command;
} Job;

static char *
column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	int			number = SPI_fnumber(desc, name);
	char	   *text = number > 0 ? SPI_getvalue(tuple, desc, number) : NULL;

	return text ? text : pstrdup("");
}

/* Not by a query: whoever owns pg_cron decides what its policies call. */
static List *
read_jobs(Oid table)
{
	Relation	rel = try_table_open(table, AccessShareLock);
	List	   *jobs = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Job		   *job = palloc(sizeof(Job));

		job->id = column(tuple, RelationGetDescr(rel), "jobid");
		job->role = column(tuple, RelationGetDescr(rel), "username");
		job->command = column(tuple, RelationGetDescr(rel), "command");
		jobs = lappend(jobs, job);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return jobs;
}

static void
look_at_job(Findings *findings, const Job *job, const Takers *takers)
{
	char	   *literal;
	char	   *call;

	if (!check_is_short(findings, psprintf("job %s of role \"%s\"", job->id, job->role), job->command))
		return;
	literal = literal_find(job->command, takers->list, takers->n);
	if (literal)
		check_found(findings, SEVERITY_CRITICAL,
					psprintf("a value stands in the command of job %s of role \"%s\", at %s: "
							 "pg_cron keeps it, logs it, and keeps it again with each run", job->id, job->role, literal),
					psprintf("SELECT cron.unschedule(%s); DELETE FROM cron.job_run_details WHERE jobid = %s; and store another value",
							 job->id, job->id));
	else if ((call = literal_find_call(job->command, takes_or_gives_value)) != NULL)
		check_found(findings, SEVERITY_INFO,
					psprintf("job %s of role \"%s\" calls secrets.%s(): what goes wrong in it, pg_cron keeps in the clear", job->id, job->role, call),
					psprintf("have it done in a function that catches what goes wrong, or by a rotation, which \"%s\" does", TICK));
}

static void
look_at_jobs(Findings *findings)
{
	Takers	   *takers = read_takers();
	ListCell   *table;
	ListCell   *cell;

	foreach(table, check_ask(JOBS_OF_CRON))
		foreach(cell, read_jobs((Oid) strtoul(((char **) lfirst(table))[0], NULL, 10)))
			look_at_job(findings, lfirst(cell), takers);
}

const CheckTest check_code[] = {
	{.look = look_at_functions},
	{.look = look_at_definitions},
	{.severity = SEVERITY_CRITICAL,.sql = DEFAULT_VALUES},
	{.look = look_at_jobs},
	{0}
};
