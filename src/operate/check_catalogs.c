/*
 * operate/check_catalogs.c: our own objects as they are, and what others hung on
 * them.
 *
 * Only a superuser, or whoever owns them, can have done any of this; often
 * without meaning to.
 */
#include "postgres.h"

#include "base/compat.h"
#include "operate/check.h"

#define OUR_RELATIONS \
	"pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_depend d ON d.objid = c.oid AND " OF_OURS("pg_class")
#define NAME_OF_C "n.nspname || '.' || c.relname"
#define IDENTIFIER_OF_C "format('%I.%I', n.nspname, c.relname)"

/* ---- what keeps others out ---- */

#define WITHOUT_ROW_SECURITY \
	"SELECT format('row level security is off on table %s: pg_read_all_data reads it, and pg_write_all_data writes it', " NAME_OF_C "), " \
	" format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', " IDENTIFIER_OF_C ") " \
	"FROM " OUR_RELATIONS " WHERE c.relkind = 'r' AND NOT c.relrowsecurity ORDER BY 1"

#define POLICIES \
	"SELECT format('policy \"%s\" lets somebody at rows of table %s', p.polname, " NAME_OF_C "), " \
	" format('DROP POLICY %I ON %s;', p.polname, " IDENTIFIER_OF_C ") " \
	"FROM pg_policy p JOIN " OUR_RELATIONS " ON c.oid = p.polrelid ORDER BY 1"

#define GRANTEE_OF_A "CASE a.grantee WHEN 0 THEN 'everybody' ELSE format('role \"%s\"', pg_get_userbyid(a.grantee)) END"
#define IDENTIFIER_OF_GRANTEE "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"

/* Default privileges of others do that; row level security is what is left then. */
#define GRANTS \
	"SELECT DISTINCT format('%s has privileges on table %s, which is for nobody but the extension', " GRANTEE_OF_A ", " NAME_OF_C "), " \
	" format('REVOKE ALL ON %s FROM %s;', " IDENTIFIER_OF_C ", " IDENTIFIER_OF_GRANTEE ") " \
	"FROM " OUR_RELATIONS " CROSS JOIN LATERAL ( " \
	" SELECT (aclexplode(c.relacl)).grantee UNION SELECT (aclexplode(t.attacl)).grantee FROM pg_attribute t WHERE t.attrelid = c.oid) a " \
	"WHERE n.nspname = 'secrets_catalog' AND a.grantee <> c.relowner ORDER BY 1"

#define CREATORS \
	"SELECT format('%s may create things in schema %s: a function there could be called in place of ours', " GRANTEE_OF_A ", n.nspname), " \
	" format('REVOKE CREATE ON SCHEMA %I FROM %s;', n.nspname, " IDENTIFIER_OF_GRANTEE ") " \
	"FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) a " \
	"WHERE n.nspname IN ('secrets', 'secrets_catalog') AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner ORDER BY 1"

#define OTHER_OWNERS \
	"SELECT format('%s belongs to role \"%s\", and not to the owner of extension secrets', " NAME_OF_C ", pg_get_userbyid(c.relowner)), " \
	" format('ALTER TABLE %s OWNER TO %I;', " IDENTIFIER_OF_C ", pg_get_userbyid(s.relowner)) " \
	"FROM " OUR_RELATIONS " JOIN pg_class s ON s.oid = 'secrets_catalog.secret'::regclass WHERE c.relowner <> s.relowner ORDER BY 1"

/* ---- what comes in between ---- */

#define OF_EXTENSION(class_name, object) \
	"EXISTS (SELECT FROM pg_depend d WHERE d.objid = " object " AND " OF_OURS(class_name) ")"

#define STRANGE_TRIGGERS \
	"SELECT format('trigger \"%s\" on %s is not of the extension: it sees, and can change, what is written there', t.tgname, " NAME_OF_C "), " \
	" format('DROP TRIGGER %I ON %s;', t.tgname, " IDENTIFIER_OF_C ") " \
	"FROM pg_trigger t JOIN " OUR_RELATIONS " ON c.oid = t.tgrelid " \
	"WHERE NOT t.tgisinternal AND NOT " OF_EXTENSION("pg_proc", "t.tgfoid") " ORDER BY 1"

#define STRANGE_RULES \
	"SELECT format('rule \"%s\" on %s is not of the extension: it sees, and can change, what is written there', w.rulename, " NAME_OF_C "), " \
	" format('DROP RULE %I ON %s;', w.rulename, " IDENTIFIER_OF_C ") " \
	"FROM pg_rewrite w JOIN " OUR_RELATIONS " ON c.oid = w.ev_class WHERE w.rulename <> '_RETURN' ORDER BY 1"

/* Of a view there is no ALWAYS. */
#define IDLE_TRIGGERS \
	"SELECT format('trigger \"%s\" on table %s does not fire always: changes are in no log', t.tgname, " NAME_OF_C "), " \
	" format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I;', " IDENTIFIER_OF_C ", t.tgname) " \
	"FROM pg_trigger t JOIN " OUR_RELATIONS " ON c.oid = t.tgrelid " \
	"WHERE NOT t.tgisinternal AND c.relkind = 'r' AND t.tgenabled <> 'A' AND " OF_EXTENSION("pg_proc", "t.tgfoid") " ORDER BY 1"

#define STRANGE_FUNCTIONS \
	"SELECT format('function %s is in our schema and not of the extension: it could be called in place of ours', p.oid::regprocedure), " \
	" format('DROP ROUTINE %s;', p.oid::regprocedure) FROM pg_proc p " \
	"WHERE p.pronamespace IN ('secrets'::regnamespace, 'secrets_catalog'::regnamespace) AND NOT " OF_EXTENSION("pg_proc", "p.oid") " ORDER BY 1"

#define STRANGE_RELATIONS \
	"SELECT format('%s is in our schema and not of the extension', " NAME_OF_C "), " \
	" format('move it away, or drop it, if it is nothing of yours: %s', " IDENTIFIER_OF_C ") " \
	"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace " \
	"WHERE n.nspname IN ('secrets', 'secrets_catalog') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') " \
	"AND NOT " OF_EXTENSION("pg_class", "c.oid") " ORDER BY 1"

/* All of ours are C, of one library. */
#define REPLACED_FUNCTIONS \
	"SELECT format('function %s is not what the extension made', p.oid::regprocedure), " \
	" 'DROP EXTENSION secrets; and make it again, after a dump; and find out who did it' " \
	"FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND " OF_OURS("pg_proc") " " \
	"JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname <> 'c' OR p.probin IS DISTINCT FROM '$libdir/secrets' " \
	"OR p.prosecdef OR p.proconfig IS NOT NULL ORDER BY 1"

#define UNLOGGED_TABLES \
	"SELECT format('table %s is unlogged: a crash empties it', " NAME_OF_C "), " \
	" format('ALTER TABLE %s SET LOGGED;', " IDENTIFIER_OF_C ") " \
	"FROM " OUR_RELATIONS " WHERE c.relkind = 'r' AND c.relpersistence <> 'p' ORDER BY 1"

/* ---- what goes elsewhere ---- */

#define PUBLISHED_WITH_ALL \
	"SELECT format('publication \"%s\" is FOR ALL TABLES: names, rules, the log and sealed values of secrets go to its subscribers', pubname), " \
	" format('DROP PUBLICATION %I; and make one that names what is to be published', pubname) " \
	"FROM pg_publication WHERE puballtables ORDER BY 1"

#define PUBLISHED_SCHEMAS \
	"SELECT format('publication \"%s\" has schema secrets_catalog: names, rules, the log and sealed values go to its subscribers', p.pubname), " \
	" format('ALTER PUBLICATION %I DROP TABLES IN SCHEMA secrets_catalog;', p.pubname) " \
	"FROM pg_publication_namespace s JOIN pg_publication p ON p.oid = s.pnpubid " \
	"WHERE s.pnnspid = 'secrets_catalog'::regnamespace ORDER BY 1"

#define PUBLISHED_TABLES \
	"SELECT format('publication \"%s\" has table %s, which goes to its subscribers', p.pubname, " NAME_OF_C "), " \
	" format('ALTER PUBLICATION %I DROP TABLE %s;', p.pubname, " IDENTIFIER_OF_C ") " \
	"FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN " OUR_RELATIONS " ON c.oid = r.prrelid ORDER BY 1"

#define SUBSCRIBED_TABLES \
	"SELECT format('subscription \"%s\" writes into table %s', s.subname, " NAME_OF_C "), " \
	" format('on the publisher: ALTER PUBLICATION ... DROP TABLE %s; and here: ALTER SUBSCRIPTION %I REFRESH PUBLICATION;', " \
	"  " IDENTIFIER_OF_C ", s.subname) " \
	"FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid JOIN " OUR_RELATIONS " ON c.oid = r.srrelid ORDER BY 1"

const CheckTest check_catalogs[] = {
	{.severity = SEVERITY_CRITICAL,.sql = REPLACED_FUNCTIONS},
	{.severity = SEVERITY_CRITICAL,.sql = STRANGE_FUNCTIONS},
	{.severity = SEVERITY_CRITICAL,.sql = STRANGE_TRIGGERS},
	{.severity = SEVERITY_CRITICAL,.sql = STRANGE_RULES},
	{.severity = SEVERITY_CRITICAL,.sql = WITHOUT_ROW_SECURITY},
	{.severity = SEVERITY_CRITICAL,.sql = POLICIES},
	{.severity = SEVERITY_CRITICAL,.sql = OTHER_OWNERS},
	{.severity = SEVERITY_CRITICAL,.sql = UNLOGGED_TABLES},
	{.severity = SEVERITY_WARNING,.sql = CREATORS},
	{.severity = SEVERITY_WARNING,.sql = GRANTS},
	{.severity = SEVERITY_WARNING,.sql = IDLE_TRIGGERS},
	{.severity = SEVERITY_WARNING,.sql = STRANGE_RELATIONS},
	{.severity = SEVERITY_WARNING,.sql = PUBLISHED_WITH_ALL},
	{.severity = SEVERITY_WARNING,.sql = PUBLISHED_SCHEMAS,.is_not_here = !HAVE_PUBLISHED_SCHEMAS},
	{.severity = SEVERITY_WARNING,.sql = PUBLISHED_TABLES},
	{.severity = SEVERITY_WARNING,.sql = SUBSCRIBED_TABLES},
	{0}
};
