/*
 * operate/check_server.c: settings, libraries, the data directory, the version.
 *
 * What redaction covers is no finding: statements may be logged, with their
 * parameters, and to watch sessions is allowed.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/compat.h"
#include "keyring/keyring.h"
#include "operate/check.h"
#include "operate/place.h"

/* ---- settings, one by one ---- */

typedef enum Comparison
{
	IS,							/* a boolean in whatever spelling */
	IS_NOT,
	BEGINS,
	IS_BELOW
} Comparison;

typedef struct Setting
{
	const char *name;
	Comparison	comparison;
	const char *value;
	const char *better;
	Severity	severity;
	const char *danger;
	bool		needs_restart;
	const char *unless;			/* where this setting has that value, it does not matter */
	const char *unless_value;
} Setting;

#define PRINTED_TREES "trees of statements are logged, withheld only where redaction knows of a value or a function of ours in them"
#define ERRORS_UNLOGGED "errors are not logged, so what failed stays in pg_stat_activity as it was written, until the next statement"
#define LOADED_LATE "what a session loads comes after secrets: its hooks come first, and see statements as they were written"
#define OTHERS_PARAMETERS \
	"parameters of statements that name no function of ours, and none in secrets.redact_functions, are logged in the clear"

#define DANGEROUS(n, c, v, b, s, d, ...) \
	{.name = (n), .comparison = (c), .value = (v), .better = (b), .severity = (s), .danger = (d), __VA_ARGS__}

static const Setting known[] = {
	DANGEROUS("secrets.redact_logs", IS, "off", "on", SEVERITY_CRITICAL,
			  "values are written down wherever PostgreSQL and its extensions write statements and parameters"),
	DANGEROUS("secrets.literals", IS, "allow", "warn", SEVERITY_WARNING,
			  "nobody is told when a value stands in a statement, where whoever watches sessions may see it"),
	DANGEROUS("secrets.allow_core", IS, "on", "off", SEVERITY_WARNING,
			  "the server's memory, with keys and values, goes into core files, and to whoever may read files as the server",
			  .needs_restart = true),
	DANGEROUS("secrets.allow_drop", IS, "on", "off", SEVERITY_WARNING,
			  "a DROP may take every secret along"),
	DANGEROUS("secrets.audit_on_failure", IS, "log", "refuse", SEVERITY_INFO,
			  "values are given out while the audit cannot be written, with a line in the server's log that proves nothing"),

	DANGEROUS("debug_print_parse", IS, "on", "off", SEVERITY_INFO, PRINTED_TREES),
	DANGEROUS("debug_print_raw_parse", IS, "on", "off", SEVERITY_INFO, PRINTED_TREES),
	DANGEROUS("debug_print_rewritten", IS, "on", "off", SEVERITY_INFO, PRINTED_TREES),
	DANGEROUS("debug_print_plan", IS, "on", "off", SEVERITY_INFO, PRINTED_TREES),
	DANGEROUS("log_parameter_max_length_on_error", IS_NOT, "0", "0", SEVERITY_WARNING,
			  "an error tells the client what was bound, unmasked, and clients keep logs too"),
	DANGEROUS("log_min_messages", BEGINS, "debug", "warning", SEVERITY_WARNING,
			  "the log tells what was meant for developers only"),
	DANGEROUS("log_min_messages", IS, "log", "warning", SEVERITY_INFO, ERRORS_UNLOGGED),
	DANGEROUS("log_min_messages", IS, "fatal", "warning", SEVERITY_INFO, ERRORS_UNLOGGED),
	DANGEROUS("log_min_messages", IS, "panic", "warning", SEVERITY_INFO, ERRORS_UNLOGGED),
	DANGEROUS("auto_explain.log_parameter_max_length", IS_NOT, "0", "0", SEVERITY_INFO, OTHERS_PARAMETERS,
			  .unless = "auto_explain.log_min_duration", .unless_value = "-1"),
	DANGEROUS("pgaudit.log_parameter", IS, "on", "off", SEVERITY_INFO, OTHERS_PARAMETERS,
			  .unless = "pgaudit.log", .unless_value = "none"),

	DANGEROUS("session_preload_libraries", IS_NOT, "", "", SEVERITY_WARNING, LOADED_LATE),
	DANGEROUS("local_preload_libraries", IS_NOT, "", "", SEVERITY_WARNING, LOADED_LATE),

	DANGEROUS("password_encryption", IS, "md5", "scram-sha-256", SEVERITY_WARNING,
			  "what is kept of new passwords is guessed at great speed, and lets in whoever has it"),
	DANGEROUS("scram_iterations", IS_BELOW, "4096", "4096", SEVERITY_WARNING,
			  "what is kept of new passwords is guessed faster than it need be"),

	DANGEROUS("fsync", IS, "off", "on", SEVERITY_WARNING,
			  "a crash of the machine can take secrets and their log, for good"),
	DANGEROUS("full_page_writes", IS, "off", "on", SEVERITY_WARNING,
			  "a crash of the machine can tear pages of secrets and of their log"),
	DANGEROUS("zero_damaged_pages", IS, "on", "off", SEVERITY_WARNING,
			  "what lies on a damaged page is emptied instead of refused"),
	DANGEROUS("synchronous_commit", IS, "off", "on", SEVERITY_INFO,
			  "a crash can take the last changes of secrets, with their lines, though secrets.audit is durable",
			  .unless = "secrets.audit", .unless_value = "on"),
};

static bool
compares(const Setting *setting, const char *value)
{
	bool		is_on;
	bool		wanted;

	switch (setting->comparison)
	{
		case IS:
			if (parse_bool(setting->value, &wanted) && parse_bool(value, &is_on))
				return is_on == wanted;
			return pg_strcasecmp(value, setting->value) == 0;
		case IS_NOT:
			return strcmp(value, setting->value) != 0;
		case BEGINS:
			return pg_strncasecmp(value, setting->value, strlen(setting->value)) == 0;
		case IS_BELOW:
			return strtol(value, NULL, 10) < strtol(setting->value, NULL, 10);
	}
	return false;
}

/* NULL: there is none of that name here, or somebody made it up for a library that is not loaded. */
static const char *
value_of(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	if (value == NULL || (GetConfigOptionFlags(name, true) & GUC_CUSTOM_PLACEHOLDER))
		return NULL;
	return pstrdup(value);		/* numbers come in a buffer that the next one will be put into */
}

static bool
does_not_matter(const Setting *setting)
{
	const char *other = setting->unless ? value_of(setting->unless) : NULL;

	return other && strcmp(other, setting->unless_value) == 0;
}

static bool
endangers(const Setting *setting, const char *value)
{
	return value && compares(setting, value) && !does_not_matter(setting);
}

/* They go before what stands in files. */
#define SETTINGS_OF_COMMAND \
	"SELECT name FROM pg_settings WHERE source IN ('command line', 'environment variable')"

static bool
is_of_command(List *of_command, const char *name)
{
	ListCell   *cell;

	foreach(cell, of_command)
		if (strcmp(((char **) lfirst(cell))[0], name) == 0)
			return true;
	return false;
}

static char *
mend_for_all(const Setting *setting, List *of_command)
{
	const char *then = setting->needs_restart ? "and restart the server" : "SELECT pg_reload_conf();";

	if (is_of_command(of_command, setting->name))
		return psprintf("take %s out of the command that starts the server, or its environment: that goes before ALTER SYSTEM SET %s = '%s'; and start it again",
						setting->name, setting->name, setting->better);
	/* Of an empty list ALTER SYSTEM makes a list of one empty name, and nobody gets in any more. */
	if (setting->better[0] == '\0')
		return psprintf("in postgresql.conf: %s = ''; ALTER SYSTEM RESET %s; %s", setting->name, setting->name, then);
	if (GetConfigOptionFlags(setting->name, true) & GUC_DISALLOW_IN_AUTO_FILE)
		return psprintf("in postgresql.conf: %s = '%s'; %s", setting->name, setting->better, then);
	return psprintf("ALTER SYSTEM SET %s = '%s'; %s", setting->name, setting->better, then);
}

/* In the order of the enum. */
#define SETTINGS_OF_ROLES \
	"SELECT split_part(c, '=', 1), substr(c, strpos(c, '=') + 1), " WHOSE_SETTING ", " COMMAND_OF_SETTING ", " \
	" coalesce(s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) " \
	"  AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user)), false) " \
	"FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_database d ON d.oid = s.setdatabase ORDER BY 3, 1"

enum
{
	ROLE_SETTING_NAME, ROLE_SETTING_VALUE, ROLE_SETTING_WHOSE, ROLE_SETTING_COMMAND, ROLE_SETTING_HOLDS_HERE
};

/* What the session has comes from its role or database: it says nothing of the server. */
static bool
is_of_this_session(List *of_roles, const char *name)
{
	ListCell   *cell;

	foreach(cell, of_roles)
	{
		char	  **row = lfirst(cell);

		if (strcmp(row[ROLE_SETTING_NAME], name) == 0 && strcmp(row[ROLE_SETTING_HOLDS_HERE], "t") == 0)
			return true;
	}
	return false;
}

static void
look_at_roles(Findings *findings, const Setting *setting, List *of_roles)
{
	ListCell   *cell;

	foreach(cell, of_roles)
	{
		char	  **row = lfirst(cell);

		if (strcmp(row[ROLE_SETTING_NAME], setting->name) == 0 && endangers(setting, row[ROLE_SETTING_VALUE]))
			check_found(findings, setting->severity,
						psprintf("setting %s of %s is \"%s\": %s", setting->name, row[ROLE_SETTING_WHOSE],
								 row[ROLE_SETTING_VALUE], setting->danger),
						psprintf("%s RESET %s;", row[ROLE_SETTING_COMMAND], setting->name));
	}
}

static void
look_at_settings(Findings *findings)
{
	List	   *of_roles = check_ask(SETTINGS_OF_ROLES);
	List	   *of_command = check_ask(SETTINGS_OF_COMMAND);

	for (int i = 0; i < lengthof(known); i++)
	{
		const char *value = value_of(known[i].name);

		if (endangers(&known[i], value) && !is_of_this_session(of_roles, known[i].name))
			check_found(findings, known[i].severity,
						psprintf("setting %s is \"%s\": %s", known[i].name, value, known[i].danger),
						mend_for_all(&known[i], of_command));
		look_at_roles(findings, &known[i], of_roles);
	}
}

/* ---- libraries ---- */

/* "/usr/lib/secrets.so" is secrets. */
static char *
library_name(const char *path)
{
	char	   *name = pstrdup(last_dir_separator(path) ? last_dir_separator(path) + 1 : path);
	Size		len = strlen(name);
	Size		suffix = strlen(DLSUFFIX);

	if (len > suffix && strcmp(name + len - suffix, DLSUFFIX) == 0)
		name[len - suffix] = '\0';
	return name;
}

static bool
is_ours(const char *path)
{
	return strcmp(library_name(path), "secrets") == 0;
}

static List *
preloaded_libraries(void)
{
	const char *setting = GetConfigOption("shared_preload_libraries", true, false);
	List	   *paths = NIL;

	if (setting == NULL || !SplitDirectoriesString(pstrdup(setting), ',', &paths))
		return NIL;
	return paths;
}

/* The same list with ours at the end. */
static char *
mend_order(List *paths)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	appendStringInfoString(&text, "ALTER SYSTEM SET shared_preload_libraries = ");
	foreach(cell, paths)
		if (!is_ours(lfirst(cell)))
			appendStringInfo(&text, "%s, ", quote_literal_cstr(lfirst(cell)));
	appendStringInfoString(&text, "'secrets'; and restart the server");
	return text.data;
}

static void
look_at_libraries(Findings *findings)
{
	List	   *paths = preloaded_libraries();
	StringInfoData behind;
	bool		is_behind = false;
	ListCell   *cell;

	if (!keyring_is_preloaded())
	{
		check_found(findings, SEVERITY_CRITICAL,
					"secrets is not in shared_preload_libraries: no value is given or taken, and none is masked in the log",
					mend_order(paths));
		return;
	}
	initStringInfo(&behind);
	foreach(cell, paths)
	{
		if (is_behind && !is_ours(lfirst(cell)))
			appendStringInfo(&behind, "%s\"%s\"", behind.len ? ", " : "", library_name(lfirst(cell)));
		is_behind |= is_ours(lfirst(cell));
	}
	if (behind.len)
		check_found(findings, SEVERITY_WARNING,
					psprintf("behind secrets in shared_preload_libraries: %s, whose hooks come first and see statements "
							 "as they were written", behind.data),
					mend_order(paths));
}

/* ---- places ---- */

static bool
is_on(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value && strcmp(value, "on") == 0;
}

static void
look_at_log_files(Findings *findings)
{
	const char *directory = GetConfigOption("log_directory", true, false);
	const char *mode = GetConfigOption("log_file_mode", true, false);

	if (!is_on("logging_collector"))
		return;
	if (directory && place_is_in_data_directory(place_from_data_directory(directory)))
		check_found(findings, SEVERITY_WARNING,
					psprintf("log_directory \"%s\" is inside the data directory: every base backup takes the log along", directory),
					"ALTER SYSTEM SET log_directory = '/var/log/postgresql'; SELECT pg_reload_conf();");
	/* The number, and not as it is shown. */
	if (mode && (strtol(mode, NULL, 10) & S_IRWXO))
		check_found(findings, SEVERITY_WARNING,
					psprintf("log_file_mode is %04lo: every user of the machine reads the log", strtol(mode, NULL, 10)),
					"ALTER SYSTEM SET log_file_mode = '0600'; SELECT pg_reload_conf();");
}

static void
look_at_data_directory(Findings *findings)
{
	struct stat st;

	if (stat(DataDir, &st) == 0 && (st.st_mode & S_IRWXO))
		check_found(findings, SEVERITY_WARNING,
					psprintf("the data directory is open to every user of the machine (mode %04o)", (unsigned) st.st_mode & 07777),
					psprintf("chmod 0700 %s", DataDir));
	/* A value that is damaged does not open.  But names and rules are there to be damaged too. */
	if (!is_on("data_checksums"))
		check_found(findings, SEVERITY_INFO,
					"data checksums are off: a page that the disk has damaged is noticed late, if at all",
					psprintf("stop the server, and: pg_checksums --enable -D %s", DataDir));
}

/* ---- the version ---- */

typedef struct Release
{
	int			major;
	int			minor;			/* the newest that closes holes */
	const char *end;			/* the day from which on nothing is mended any more */
} Release;

/*
 * As known on 2026-11-21.  Minors: 15 and 17 by Debian's changelogs of their
 * security updates, the others are what came on the same days.  Ends:
 * PostgreSQL's versioning policy.  Nothing here hears of what came later: no row
 * is no proof.
 */
static const Release releases[] = {
	{14, 25, "2026-11-12"},
	{15, 20, "2027-11-11"},
	{16, 16, "2028-11-09"},
	{17, 12, "2029-11-08"},
	{18, 6, "2030-11-14"},
};

static void
look_at_release(Findings *findings, const Release *release, int minor)
{
	TimestampTz end = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(release->end),
															  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));

	if (minor < release->minor)
		check_found(findings, SEVERITY_WARNING,
					psprintf("PostgreSQL %d.%d has holes that are known, and closed in %d.%d", release->major, minor,
							 release->major, release->minor),
					psprintf("install PostgreSQL %d.%d or later, and restart the server", release->major, release->minor));
	if (GetCurrentTimestamp() >= end)
		check_found(findings, SEVERITY_WARNING,
					psprintf("PostgreSQL %d is not mended any more since %s: holes that are found stay open", release->major, release->end),
					"move to a newer major version, by pg_upgrade or by dump and restore");
}

static void
look_at_version(Findings *findings)
{
	int			version = (int) strtol(GetConfigOption("server_version_num", false, false), NULL, 10);

	for (int i = 0; i < lengthof(releases); i++)
		if (releases[i].major == version / 10000)
			look_at_release(findings, &releases[i], version % 10000);
}

const CheckTest check_server[] = {
	{.look = look_at_libraries},
	{.look = look_at_settings},
	{.look = look_at_log_files},
	{.look = look_at_data_directory},
	{.look = look_at_version},
	{0}
};
