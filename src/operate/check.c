/*
 * operate/check.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/catalog.h"
#include "gate/gate.h"
#include "operate/attempt.h"
#include "operate/check.h"
#include "operate/operate.h"

/* Of one kind so many rows; the rest are counted. */
#define MOST_OF_A_KIND 20

#define MOST_TEXT (1024 * 1024)

static const struct Subject
{
	const char *name;
	const CheckTest *tests;
}			subjects[] = {
	{"settings, libraries and files of the server", check_server},
	{"the place of the root key", check_key},
	{"roles and rules", check_roles},
	{"TLS and pg_hba.conf", check_network},
	{"the extension's own objects", check_catalogs},
	{"what is stored in the clear", check_stored},
	{"functions, views and jobs", check_code}
};

static const char *const severity_names[NUM_SEVERITIES] = {
	[SEVERITY_CRITICAL] = "critical",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_INFO] = "info",
};

typedef struct Row
{
	const char *what;
	const char *advice;
} Row;

struct Findings
{
	List	   *rows[NUM_SEVERITIES];
	int			of_test[NUM_SEVERITIES];	/* that the test at hand has found */
	Patience	patience;
};

/* ---- rows ---- */

static void
append(Findings *findings, Severity severity, const char *what, const char *advice)
{
	Row		   *row = palloc(sizeof(Row));

	row->what = what;
	row->advice = advice;
	findings->rows[severity] = lappend(findings->rows[severity], row);
}

void
check_found(Findings *findings, Severity severity, const char *what, const char *advice)
{
	/* Of what is gone meanwhile the catalogs give NULL. */
	if (what == NULL || advice == NULL)
		return;
	if (++findings->of_test[severity] <= MOST_OF_A_KIND)
		append(findings, severity, what, advice);
}

bool
check_shows(const Findings *findings, Severity severity)
{
	return findings->of_test[severity] < MOST_OF_A_KIND;
}

static void
end_test(Findings *findings)
{
	for (int severity = 0; severity < NUM_SEVERITIES; severity++)
	{
		int			more = findings->of_test[severity] - MOST_OF_A_KIND;

		if (more > 0)
			append(findings, (Severity) severity, psprintf("there are %d more like the one before", more),
				   "mend those that are shown, and look again");
		findings->of_test[severity] = 0;
	}
}

static void
emit_rows(const Findings *findings, row_emitter emit, void *arg)
{
	for (int severity = 0; severity < NUM_SEVERITIES; severity++)
	{
		ListCell   *cell;

		foreach(cell, findings->rows[severity])
		{
			const Row  *row = lfirst(cell);
			Datum		values[CHECK_COLUMNS];
			bool		nulls[CHECK_COLUMNS] = {false};

			values[0] = CStringGetTextDatum(severity_names[severity]);
			values[1] = CStringGetTextDatum(row->what);
			values[2] = CStringGetTextDatum(row->advice);
			emit(values, nulls, arg);
		}
	}
}

/* ---- asking ---- */

/* The owner may have been made no superuser: then whoever calls may be one himself. */
static bool
owner_is_superuser(void)
{
	return superuser_arg(catalog_owner());
}

static bool
sees_everything(void)
{
	return owner_is_superuser() || superuser();
}

static List *
read_rows(MemoryContext context)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	List	   *rows = NIL;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int			ncolumns = SPI_tuptable->tupdesc->natts;
		char	  **row = palloc(sizeof(char *) * (Size) ncolumns);

		for (int column = 0; column < ncolumns; column++)
		{
			char	   *text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column + 1);

			row[column] = text;
		}
		rows = lappend(rows, row);
	}
	MemoryContextSwitchTo(before);
	return rows;
}

List *
check_ask(const char *sql)
{
	MemoryContext context = CurrentMemoryContext;
	bool		as_caller_himself = !owner_is_superuser() && superuser();
	int			settings = NewGUCNestLevel();
	Caller		caller;
	List	   *rows;

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	GetUserIdAndSecContext(&caller.role, &caller.context);
	if (!as_caller_himself)
		caller = as_owner();
	SPI_connect();
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not ask the catalogs: %s", SPI_result_code_string(SPI_result));
	rows = read_rows(context);
	SPI_finish();
	as_caller(caller);
	AtEOXact_GUC(true, settings);
	return rows;
}

/* ---- what cannot be looked at ---- */

/* The server's words about files, locks and what is too large quote nothing that somebody stores. */
static bool
may_be_quoted(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_IO_ERROR) || category == ERRCODE_PROGRAM_LIMIT_EXCEEDED
		|| category == ERRCODE_INSUFFICIENT_RESOURCES || error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE
		|| error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE;
}

/* A lock is gone some day; what is made so that it cannot be looked at may be made for that. */
static void
tell_of_failure(Findings *findings, const char *what, const ErrorData *error)
{
	bool		is_locked = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	const char *reason = may_be_quoted(error) ? error->message : psprintf("SQLSTATE %s", unpack_sql_state(error->sqlerrcode));

	check_found(findings, is_locked ? SEVERITY_INFO : SEVERITY_WARNING,
				psprintf("%s could not be looked at: %s", what, reason),
				is_locked ? "look again when nobody holds that lock" : "see to it that it can be, and look again");
}

typedef struct Question
{
	const char *sql;
	List	   *rows;
} Question;

static void
ask(void *arg)
{
	Question   *question = arg;

	question->rows = check_ask(question->sql);
}

List *
check_try(Findings *findings, const char *what, const char *sql)
{
	Question	question = {.sql = sql};
	ErrorData  *error = attempt(&findings->patience, ask, &question);

	if (error == NULL)
		return question.rows;
	tell_of_failure(findings, what, error);
	return NIL;
}

bool
check_is_short(Findings *findings, const char *what, const char *text)
{
	if (text && strnlen(text, MOST_TEXT + 1) <= MOST_TEXT)
		return true;
	check_found(findings, SEVERITY_INFO, psprintf("%s is too long to be looked at", what),
				"see for yourself that no value stands in it");
	return false;
}

/* ---- all of it ---- */

static void
run_query(Findings *findings, const CheckTest *test)
{
	ListCell   *cell;

	foreach(cell, check_ask(test->sql))
	{
		char	  **row = lfirst(cell);

		check_found(findings, test->severity, row[0], row[1]);
	}
}

typedef struct Run
{
	Findings   *findings;
	const CheckTest *test;
} Run;

static void
run(void *arg)
{
	const Run  *it = arg;

	if (it->test->sql)
		run_query(it->findings, it->test);
	else
		it->test->look(it->findings);
}

/* False: it was left out, since nobody here may see what it looks at. */
static bool
run_test(Findings *findings, const char *subject, const CheckTest *test)
{
	Run			it = {.findings = findings, .test = test};
	ErrorData  *error;

	CHECK_FOR_INTERRUPTS();
	if (test->is_not_here)
		return true;
	if (test->is_for_superusers && !sees_everything())
		return false;
	error = attempt(&findings->patience, run, &it);
	end_test(findings);
	if (error)
		tell_of_failure(findings, psprintf("a part of %s", subject), error);
	end_test(findings);
	return true;
}

static void
tell_of_blindness(Findings *findings)
{
	char	   *owner = GetUserNameFromId(catalog_owner(), false);

	check_found(findings, SEVERITY_INFO,
				psprintf("extension secrets belongs to role \"%s\", who is no superuser: pg_hba.conf, stored passwords "
						 "and the settings' files were not looked at", owner),
				"SELECT * FROM secrets.check(); once more, as a superuser");
}

void
operate_check(row_emitter emit, void *arg)
{
	Findings	findings = {0};
	bool		saw_all = true;

	gate_require_checker();
	for (int i = 0; i < lengthof(subjects); i++)
		for (const CheckTest *test = subjects[i].tests; test->sql || test->look; test++)
			saw_all &= run_test(&findings, subjects[i].name, test);
	if (!saw_all)
		tell_of_blindness(&findings);
	emit_rows(&findings, emit, arg);
}
