/*
 * operate/check_stored.c: passwords and the like that PostgreSQL keeps in the clear,
 * in options, connection strings, settings and files.
 */
#include "postgres.h"

#include <ctype.h>

#include "libpq-fe.h"
#include "utils/guc.h"

#include "operate/check.h"

/* ---- options ---- */

/* What an option is called that holds one: password, sslpassword, api_key; not password_required. */
#define SECRET_OPTION "(password|passwd|passphrase|passcode|secret|token|credentials?|(api|access|secret|private)_?key)$"

/* Of an array of name=value the names, as they are written, or NULL. */
#define SECRETS_IN(options) \
	"(SELECT string_agg(DISTINCT quote_ident(split_part(o, '=', 1)), ', ') FROM unnest(" options ") o " \
	"WHERE split_part(o, '=', 1) ~* '" SECRET_OPTION "' AND substr(o, strpos(o, '=') + 1) <> '')"

#define READERS_OF_ALL \
	"coalesce((SELECT ', ' || string_agg(format('role \"%s\"', m.rolname), ', ' ORDER BY m.rolname) " \
	" FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member " \
	" WHERE g.rolname = 'pg_read_all_data'), '')"

#define USER_MAPPINGS \
	"SELECT format('the user mapping of %s for server \"%s\" has %s in the clear, for superusers, pg_read_all_data%s, and every dump', " \
	"  CASE m.umuser WHEN 0 THEN 'everybody' ELSE format('role \"%s\"', pg_get_userbyid(m.umuser)) END, s.srvname, x.names, " READERS_OF_ALL "), " \
	" format('ALTER USER MAPPING FOR %s SERVER %I OPTIONS (DROP %s); with a certificate, or passwords in a passfile, in its place', " \
	"  CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(m.umuser)) END, s.srvname, replace(x.names, ', ', ', DROP ')) " \
	"FROM pg_user_mapping m JOIN pg_foreign_server s ON s.oid = m.umserver " \
	"CROSS JOIN LATERAL (SELECT " SECRETS_IN("m.umoptions") ") x (names) WHERE x.names IS NOT NULL ORDER BY 1"

/* These options are shown to everybody. */
#define SHOWN_OPTIONS(kind, name, identifier, command, options, from) \
	"SELECT format('" kind " %s has %s in the clear, which every role can read', " name ", x.names), " \
	" format('" command " %s OPTIONS (DROP %s);', " identifier ", replace(x.names, ', ', ', DROP ')) " \
	"FROM " from " CROSS JOIN LATERAL (SELECT " SECRETS_IN(options) ") x (names) WHERE x.names IS NOT NULL ORDER BY 1"

#define SERVERS \
	SHOWN_OPTIONS("server", "quote_ident(s.srvname)", "quote_ident(s.srvname)", "ALTER SERVER", "s.srvoptions", "pg_foreign_server s")
#define WRAPPERS \
	SHOWN_OPTIONS("foreign-data wrapper", "quote_ident(w.fdwname)", "quote_ident(w.fdwname)", "ALTER FOREIGN DATA WRAPPER", \
				  "w.fdwoptions", "pg_foreign_data_wrapper w")
#define FOREIGN_TABLES \
	SHOWN_OPTIONS("foreign table", "t.ftrelid::regclass", "t.ftrelid::regclass", "ALTER FOREIGN TABLE", "t.ftoptions", "pg_foreign_table t")
#define FOREIGN_COLUMNS \
	SHOWN_OPTIONS("foreign table", "t.attrelid::regclass", "format('%s ALTER %I', t.attrelid::regclass, t.attname)", \
				  "ALTER FOREIGN TABLE", "t.attfdwoptions", "pg_attribute t")

/* ---- settings of one's own ---- */

/* What somebody calls a setting that holds one: app.jwt_secret, app.api_key; ours hold none. */
#define IS_CALLED_SECRET(name) \
	name " LIKE '%.%' AND " name " !~* '^secrets[.]' AND substr(" name ", strpos(" name ", '.')) ~* " \
	"'pass(word|wd|phrase|code)|secret|token|credential|([^a-z]|api|access|private|crypt|sign|master|service|encryption)key([^a-z]|$)'"

/* Then the view has nothing of what stands in any of them. */
#define WRONG_FILES \
	"SELECT format('line %s of %s is wrong (%s), so settings that stand in files were not looked at', sourceline, sourcefile, error), " \
	" 'mend it before the server is started again: as it is, it will not start' " \
	"FROM pg_file_settings WHERE error IS NOT NULL AND name IS NULL ORDER BY 1"

/* A switch, or a small number, is none; nor is what a library that is loaded has defined. */
#define IS_SECRET_SETTING(name, value) \
	IS_CALLED_SECRET(name) " AND " value " !~* '^(on|off|true|false|yes|no|[0-9]{0,5})$' " \
	"AND NOT EXISTS (SELECT FROM pg_settings k WHERE lower(k.name) = lower(" name "))"

#define ROLE_SETTINGS \
	"SELECT format('setting %s of %s looks like a secret, and every role can read pg_db_role_setting', x.name, " WHOSE_SETTING "), " \
	" format('keep it by secrets.put(), and: %s RESET %s;', " COMMAND_OF_SETTING ", x.name) " \
	"FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c " \
	"CROSS JOIN LATERAL (SELECT split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)) x (name, value) " \
	"LEFT JOIN pg_database d ON d.oid = s.setdatabase WHERE " IS_SECRET_SETTING("x.name", "x.value") " ORDER BY 1"

#define FILE_SETTINGS \
	"SELECT DISTINCT format('setting %s looks like a secret, and every role can SHOW it', x.name), " \
	" format('keep it by secrets.put(), take it out of %s (line %s), and: SELECT pg_reload_conf();', x.sourcefile, x.sourceline) " \
	"FROM pg_file_settings x WHERE " IS_SECRET_SETTING("x.name", "x.setting") " ORDER BY 1"

/* PGPASSWORD=... before a program, --token ... behind it; not --password-file=..., nor what a shell is to put in. */
static bool
gives_word(const char *command, const char *word)
{
	for (const char *at = strcasestr(command, word); at; at = strcasestr(at + 1, word))
	{
		const char *end = at + strlen(word);
		bool		is_option = at - command >= 2 && at[-1] == '-' && at[-2] == '-';

		while (isalpha((unsigned char) *end) || *end == '_')
			end++;
		if (*end == '=')
			end++;
		else if (is_option && *end == ' ')
			end += strspn(end, " ");
		else
			continue;
		end += strspn(end, "\"'");
		if (*end && strchr(" $`-\"'", *end) == NULL)
			return true;
	}
	return false;
}

/* Not as SHOW has them: that hides what is not in use, and files keep it. */
static void
look_at_commands(Findings *findings)
{
	static const char *const names[] = {
		"archive_command", "restore_command", "archive_cleanup_command", "recovery_end_command",
		"ssl_passphrase_command", "secrets.root_key"
	};
	static const char *const words[] = {"password", "passwd", "passphrase", "secret", "token"};

	for (int i = 0; i < lengthof(names); i++)
	{
		const char *command = GetConfigOption(names[i], true, false);
		bool		found = false;

		for (int j = 0; command && j < lengthof(words); j++)
			found |= gives_word(command, words[j]);
		if (found)
			check_found(findings, SEVERITY_WARNING,
						psprintf("setting %s seems to have a password in it, for pg_read_all_settings, and in a file", names[i]),
						"have the program read it from a file of its own");
	}
}

/* ---- connection strings ---- */

/* libpq itself says which of its options are to be hidden. */
static bool
has_password(const char *conninfo)
{
	PQconninfoOption *options = conninfo ? PQconninfoParse(conninfo, NULL) : NULL;
	bool		found = false;

	for (PQconninfoOption *option = options; option && option->keyword; option++)
		found |= option->dispchar[0] == '*' && option->val && option->val[0];
	PQconninfoFree(options);
	return found;
}

static void
look_at_subscriptions(Findings *findings)
{
	ListCell   *cell;

	foreach(cell, check_ask("SELECT quote_ident(subname), subconninfo FROM pg_subscription "
							"WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1"))
	{
		char	  **row = lfirst(cell);

		if (has_password(row[1]))
			check_found(findings, SEVERITY_WARNING,
						psprintf("subscription %s has a password in the clear, for superusers and every dump", row[0]),
						psprintf("ALTER SUBSCRIPTION %s CONNECTION '...'; with a certificate, or passfile=/path, in place of the password", row[0]));
	}
}

static void
look_at_conninfo_settings(Findings *findings)
{
	static const char *const names[] = {"primary_conninfo", "secrets.audit_conninfo"};

	for (int i = 0; i < lengthof(names); i++)
		if (has_password(GetConfigOption(names[i], true, false)))
			check_found(findings, SEVERITY_WARNING,
						psprintf("setting %s has a password in the clear, for pg_read_all_settings, and in a file", names[i]),
						psprintf("set %s with passfile=/path in place of the password, and: SELECT pg_reload_conf();", names[i]));
}

const CheckTest check_stored[] = {
	{.severity = SEVERITY_CRITICAL,.sql = SERVERS},
	{.severity = SEVERITY_CRITICAL,.sql = WRAPPERS},
	{.severity = SEVERITY_CRITICAL,.sql = FOREIGN_TABLES},
	{.severity = SEVERITY_CRITICAL,.sql = FOREIGN_COLUMNS},
	{.severity = SEVERITY_CRITICAL,.sql = ROLE_SETTINGS},
	{.severity = SEVERITY_CRITICAL,.sql = FILE_SETTINGS,.is_for_superusers = true},
	{.severity = SEVERITY_INFO,.sql = WRONG_FILES,.is_for_superusers = true},
	{.severity = SEVERITY_WARNING,.sql = USER_MAPPINGS,.is_for_superusers = true},
	{.look = look_at_commands},
	{.look = look_at_subscriptions,.is_for_superusers = true},
	{.look = look_at_conninfo_settings},
	{0}
};
