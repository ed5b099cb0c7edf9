/*
 * operate/check_roles.c: who may what.
 *
 * Whoever reads files as the server reads the root key; whoever writes them, or
 * runs programs, is the server.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "gate/gate.h"
#include "operate/check.h"
#include "policy/policy.h"

/* Members of predefined roles, superusers apart: role and reason come as rows of d. */
#define MEMBERS_OF(rows) \
	"SELECT DISTINCT format('role \"%s\" is in %s, and %s', m.rolname, g.rolname, d.danger), " \
	" format('REVOKE %I FROM %I;', g.rolname, m.rolname) " \
	"FROM (VALUES " rows ") d (role, danger) JOIN pg_roles g ON g.rolname = d.role " \
	"JOIN pg_auth_members a ON a.roleid = g.oid JOIN pg_roles m ON m.oid = a.member " \
	"WHERE NOT m.rolsuper AND m.oid >= " FIRST_USER_OID " ORDER BY 1"

#define SERVERS_OWN \
	MEMBERS_OF("('pg_read_server_files', 'can read the root key from its file'), " \
			   "('pg_write_server_files', 'can overwrite what the server runs and believes'), " \
			   "('pg_execute_server_program', 'can run programs as the server, and read keys in memory and files')")

#define LESSER \
	MEMBERS_OF("('pg_maintain', 'can rewrite all tables, the log of secrets too, while everybody waits for it'), " \
			   "('pg_create_subscription', 'can have the server log in elsewhere, by a password that is kept in the clear')")

/* What is a function's own to check: initdb lets nobody call these. */
#define FILES_BY_FUNCTION \
	"SELECT format('%s may call %s, which reads or writes files as the server', " \
	" CASE a.grantee WHEN 0 THEN 'everybody' ELSE format('role \"%s\"', pg_get_userbyid(a.grantee)) END, p.oid::regprocedure), " \
	" format('REVOKE EXECUTE ON FUNCTION %s FROM %s;', p.oid::regprocedure, " \
	"  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) " \
	"FROM pg_proc p CROSS JOIN aclexplode(p.proacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee " \
	"WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner " \
	"AND r.rolsuper IS NOT TRUE AND p.proname IN ('lo_import', 'lo_export', 'pg_file_write', 'pg_file_rename') ORDER BY 1"

/* Settings that name programs and libraries, and those that secrets are guarded by. */
#define GRANTED_SETTINGS(names, danger) \
	"SELECT format('%s may set %s, and " danger "', " \
	"  CASE a.grantee WHEN 0 THEN 'everybody' ELSE format('role \"%s\"', pg_get_userbyid(a.grantee)) END, p.parname), " \
	" format('REVOKE %s ON PARAMETER %s FROM %s;', a.privilege_type, p.parname, " \
	"  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) " \
	"FROM pg_parameter_acl p CROSS JOIN aclexplode(p.paracl) a LEFT JOIN pg_roles r ON r.oid = a.grantee " \
	"WHERE r.rolsuper IS NOT TRUE AND p.parname ~ '" names "' ORDER BY 1"

#define PROGRAMS_BY_SETTING \
	GRANTED_SETTINGS("(_command|_libraries|_library|_library_path|^jit_provider)$", "so what the server runs")

#define GUARDS_BY_SETTING \
	GRANTED_SETTINGS("^(secrets|pgaudit|auto_explain)[.]|^(log|debug|ssl)_|^ssl$|^(listen_addresses|password_encryption)$", \
					 "so what keeps secrets from the log and the wire")

#define CREATORS_OF_ROLES \
	"SELECT format('role \"%s\" has CREATEROLE, and can put itself into pg_read_server_files and pg_execute_server_program', rolname), " \
	" format('ALTER ROLE %I NOCREATEROLE;', rolname) " \
	"FROM pg_roles WHERE rolcreaterole AND NOT rolsuper ORDER BY 1"

/* Row level security is what keeps those two predefined roles out of our tables. */
#define PAST_ROW_SECURITY(predefined, danger) \
	"SELECT format('role \"%s\" has BYPASSRLS and the privileges of " predefined ": " danger "', rolname), " \
	" format('ALTER ROLE %I NOBYPASSRLS;', rolname) " \
	"FROM pg_roles WHERE rolbypassrls AND NOT rolsuper AND pg_has_role(oid, '" predefined "', 'USAGE') ORDER BY 1"

/* One that is there to replicate, and for nothing else, is as it should be. */
#define BUSY_REPLICATORS \
	"SELECT format('role \"%s\" has REPLICATION and owns things as well: whoever comes in by it can take base backups', rolname), " \
	" format('ALTER ROLE %I NOREPLICATION; and make a role for replication alone', rolname) " \
	"FROM pg_roles r WHERE rolreplication AND NOT rolsuper AND EXISTS (SELECT FROM pg_shdepend d " \
	" WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o') ORDER BY 1"

#define SUPERUSERS \
	"SELECT format('role \"%s\" is a superuser and may log in: to the holder of its password nothing is closed', rolname), " \
	" format('ALTER ROLE %I NOSUPERUSER; or NOLOGIN, and GRANT %I to whoever may SET ROLE to it', rolname, rolname) " \
	"FROM pg_roles WHERE rolsuper AND rolcanlogin AND oid >= " FIRST_USER_OID " ORDER BY 1"

#define UNTRUSTED_LANGUAGES \
	"SELECT format('language \"%s\" is untrusted: what its functions do, they do as the server, and the root key is open to them', lanname), " \
	" coalesce((SELECT format('DROP EXTENSION %I;', e.extname) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid " \
	"  WHERE d.classid = 'pg_language'::regclass AND d.objid = l.oid AND d.deptype = 'e' LIMIT 1), format('DROP LANGUAGE %I;', lanname)) " \
	"FROM pg_language l WHERE lanispl AND NOT lanpltrusted ORDER BY 1"

#define UNTRUSTED_FUNCTIONS \
	"SELECT format('function %s is in the untrusted language \"%s\" and belongs to role \"%s\", who is no superuser', " \
	"  p.oid::regprocedure, l.lanname, r.rolname), " \
	" format('DROP FUNCTION %s; or have it belong to a superuser', p.oid::regprocedure) " \
	"FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_roles r ON r.oid = p.proowner " \
	"WHERE l.lanispl AND NOT l.lanpltrusted AND NOT r.rolsuper ORDER BY 1"

/* ---- who watches ---- */

#define WATCHERS \
	"SELECT DISTINCT format('role \"%s\" is in %s, and sees statements of all sessions, with the values that stand in them', " \
	"  m.rolname, g.rolname), " \
	" format('REVOKE %I FROM %I;', g.rolname, m.rolname) " \
	"FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member " \
	"WHERE g.rolname IN ('pg_monitor', 'pg_read_all_stats') AND NOT m.rolsuper AND m.oid >= " FIRST_USER_OID " ORDER BY 1"

/* Masked, a statement is in sight for as long as it takes to understand it: that is what secrets.literals is for. */
static void
look_at_watchers(Findings *findings)
{
	const char *redacts = GetConfigOption("secrets.redact_logs", true, false);
	ListCell   *cell;

	if (redacts == NULL || strcmp(redacts, "off") != 0)
		return;
	foreach(cell, check_ask(WATCHERS))
	{
		char	  **row = lfirst(cell);

		check_found(findings, SEVERITY_WARNING, row[0],
					psprintf("ALTER SYSTEM SET secrets.redact_logs = 'on'; SELECT pg_reload_conf(); or %s", row[1]));
	}
}

/* ---- our rules ---- */

#define TELLING (PRIVILEGE(PRIV_READ) | PRIVILEGE(PRIV_WRITE) | PRIVILEGE(PRIV_DECRYPT) | PRIVILEGE(PRIV_LEASE))

static char *
words_of(PrivilegeSet set)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int privilege = 0; privilege < NUM_PRIVILEGES; privilege++)
		if (set & PRIVILEGE(privilege))
			appendStringInfo(&text, "%s%s", text.len ? ", " : "", privilege_name((Privilege) privilege));
	return text.data;
}

/* Whoever operates need not know names, and a pattern may be one. */
static bool
may_be_named(List *rules, const Rule *rule)
{
	Reach		reach = {.pattern = rule->pattern};

	return gate_reaches(rules, PRIVILEGE(PRIV_AUDIT), &reach) || gate_reaches(rules, PRIVILEGE(PRIV_GRANT), &reach)
		|| gate_reaches(rules, PRIVILEGE(PRIV_LIST), &reach);
}

static void
tell_of_rule(Findings *findings, List *rules, const Rule *rule)
{
	char	   *words = words_of(rule->privileges & TELLING);

	if (may_be_named(rules, rule))
		check_found(findings, SEVERITY_WARNING,
					psprintf("every role of this cluster may %s \"%s\"", words, rule->pattern),
					psprintf("SELECT secrets.revoke(%s, %s, 'public');", quote_literal_cstr(words), quote_literal_cstr(rule->pattern)));
	else
		check_found(findings, SEVERITY_WARNING,
					psprintf("every role of this cluster may %s what rule %s names", words, rule_id_text(rule)),
					"SELECT * FROM secrets.lint(); as a role with grant or audit there says which call takes it away");
}

static void
look_at_rules(Findings *findings)
{
	List	   *rules = policy_read_rules();
	ListCell   *cell;

	foreach(cell, rules)
	{
		const Rule *rule = lfirst(cell);

		if (!rule->deny && (rule->privileges & TELLING) && rule_is_public(rule) && rule->valid_until > GetCurrentTimestamp())
			tell_of_rule(findings, rules, rule);
	}
}

const CheckTest check_roles[] = {
	{.severity = SEVERITY_CRITICAL,.sql = SERVERS_OWN},
	{.severity = SEVERITY_CRITICAL,.sql = FILES_BY_FUNCTION},
	{.severity = SEVERITY_CRITICAL,.sql = PROGRAMS_BY_SETTING,.is_not_here = !HAVE_GRANTED_SETTINGS},
	{.severity = SEVERITY_WARNING,.sql = GUARDS_BY_SETTING,.is_not_here = !HAVE_GRANTED_SETTINGS},
	{.severity = SEVERITY_CRITICAL,.sql = CREATORS_OF_ROLES,.is_not_here = !CREATEROLE_GIVES_ANY_ROLE},
	{.severity = SEVERITY_CRITICAL,.sql = PAST_ROW_SECURITY("pg_write_all_data", "it can write rules for itself")},
	{.severity = SEVERITY_INFO,.sql = PAST_ROW_SECURITY("pg_read_all_data", "it sees names, rules and the log, and values sealed")},
	{.severity = SEVERITY_INFO,.sql = BUSY_REPLICATORS},
	{.severity = SEVERITY_INFO,.sql = SUPERUSERS},
	{.severity = SEVERITY_INFO,.sql = LESSER},
	{.severity = SEVERITY_INFO,.sql = UNTRUSTED_LANGUAGES},
	{.severity = SEVERITY_WARNING,.sql = UNTRUSTED_FUNCTIONS},
	{.look = look_at_watchers},
	{.look = look_at_rules},
	{0}
};
