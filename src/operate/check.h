/*
 * operate/check.h: what endangers secrets in this server, inside the room.
 *
 *   critical   a key or a value lies open, somebody short of superuser can get at
 *              it, or nothing protects it at all
 *   warning    one more mistake, of whomever, and it is so
 *   info       what costs proof or recovery; what could not be looked at
 *
 * A well-kept server gives no row, so whatever is found must be something that
 * one can be rid of.  No row shows a value, nor a text that may hold one (a
 * connection string, an option, the body of a function): it says whose it is.
 * Everything is decided by what is there now, changes nothing, and works on a
 * standby.  Whoever can make objects cannot keep it from looking at the rest.
 */
#ifndef SECRETS_OPERATE_CHECK_H
#define SECRETS_OPERATE_CHECK_H

#include "nodes/pg_list.h"

typedef enum Severity
{
	SEVERITY_CRITICAL,
	SEVERITY_WARNING,
	SEVERITY_INFO,
	NUM_SEVERITIES
} Severity;

typedef struct Findings Findings;

/* One row: a sentence that names what it is about, and what is to be typed. */
extern void check_found(Findings *findings, Severity severity, const char *what, const char *advice);

/* Whether the next one is shown, or only counted: for advice that is costly. */
extern bool check_shows(const Findings *findings, Severity severity);

/*
 * The rows of a query, as a List of char *[], NULL for NULL.  It is asked as the
 * owner of the catalogs, with nothing but pg_catalog in the search path: so what is
 * PostgreSQL's stands without its schema, and all else with it.  No backslashes:
 * what they mean is the caller's setting.
 */
extern List *check_ask(const char *sql);

/* The same for what somebody may have made so that it fails: then a row says that what could not be looked at. */
extern List *check_try(Findings *findings, const char *what, const char *sql);

/* Is the text not too long to be read closely?  Then a row says so.  NULL is too long. */
extern bool check_is_short(Findings *findings, const char *what, const char *text);

/*
 * What is looked for: by a query of two columns, what and advice, or by a function
 * that says more.
 */
typedef struct CheckTest
{
	Severity	severity;		/* of the query's rows */
	const char *sql;
	void		(*look) (Findings *findings);
	bool		is_for_superusers;	/* others are not shown what it looks at */
	bool		is_not_here;	/* this PostgreSQL has no such thing */
} CheckTest;

/* Each ends with an empty one. */
extern const CheckTest check_server[];	/* settings, libraries, version */
extern const CheckTest check_key[]; /* the root key's place */
extern const CheckTest check_roles[];	/* who may what, by PostgreSQL and by our rules */
extern const CheckTest check_network[]; /* how one gets in */
extern const CheckTest check_catalogs[];	/* our own objects, and what others hung on them */
extern const CheckTest check_stored[];	/* values in the clear: in options, settings, files */
extern const CheckTest check_code[];	/* and in functions, views, jobs */

/* For the texts of queries: objects of ours, by the class of d, a row of pg_depend. */
#define OF_OURS(class_name) \
	"d.classid = '" class_name "'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass " \
	"AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'secrets')"

/* Whose setting a row s of pg_db_role_setting is (d: its row of pg_database, if it has one), and what changes it. */
#define WHOSE_SETTING \
	"CASE WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'every role' " \
	" WHEN s.setrole = 0 THEN format('database \"%s\"', d.datname) " \
	" WHEN s.setdatabase = 0 THEN format('role \"%s\"', pg_get_userbyid(s.setrole)) " \
	" ELSE format('role \"%s\" in database \"%s\"', pg_get_userbyid(s.setrole), d.datname) END"
#define COMMAND_OF_SETTING \
	"CASE WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'ALTER ROLE ALL' " \
	" WHEN s.setrole = 0 THEN format('ALTER DATABASE %I', d.datname) " \
	" WHEN s.setdatabase = 0 THEN format('ALTER ROLE %I', pg_get_userbyid(s.setrole)) " \
	" ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), d.datname) END"

/* Made by somebody, and not by initdb. */
#define FIRST_USER_OID "16384"

#endif
