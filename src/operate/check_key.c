/*
 * operate/check_key.c: where the root key is, who else gets there, and whether it
 * lies beside what it locks.
 *
 * The keyring refuses the worst of it, but only when it takes the key: what has
 * changed since is seen here.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "keyring/keyring.h"
#include "operate/check.h"
#include "operate/place.h"

#define FILE_SCHEME		"file:"
#define COMMAND_SCHEME	"command:"

/* The path in a place of that kind, or NULL.  What follows a command's program are its arguments. */
static char *
path_of(const char *place, const char *scheme)
{
	Size		len = strlen(scheme);
	char	   *path;

	if (strncmp(place, scheme, len) != 0 || place[len] != '/')
		return NULL;
	path = pstrdup(place + len);
	if (strcmp(scheme, COMMAND_SCHEME) == 0)
		path[strcspn(path, " \t")] = '\0';
	return path;
}

/* ---- a file ---- */

static void
look_at_owner_and_mode(Findings *findings, const char *path, const struct stat *st)
{
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		check_found(findings, SEVERITY_CRITICAL,
					psprintf("root key file \"%s\" is open to others than the server's user (mode %04o)",
							 path, (unsigned) st->st_mode & 07777),
					psprintf("chmod 0400 %s; and since others may have read it, another root key: secrets.add_root_key()", path));
	if (st->st_uid != geteuid() && st->st_uid != 0)
		check_found(findings, SEVERITY_CRITICAL,
					psprintf("root key file \"%s\" belongs to user %u, who is neither the server's nor root", path, st->st_uid),
					psprintf("chown %u %s; and since he may have read it, another root key: secrets.add_root_key()", geteuid(), path));
}

/* Base backups take tablespaces along by name, and other backups whatever lies there. */
static void
look_into_tablespaces(Findings *findings, const char *path, const char *advice)
{
	ListCell   *cell;

	foreach(cell, check_ask("SELECT spcname, pg_tablespace_location(oid) FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''"))
	{
		char	  **row = lfirst(cell);

		if (place_is_inside(path, row[1]))
			check_found(findings, SEVERITY_WARNING,
						psprintf("root key file \"%s\" is inside the directory of tablespace \"%s\", beside what it locks", path, row[0]),
						advice);
	}
}

static void
look_at_neighbours(Findings *findings, const char *path)
{
	static const char *const advice =
		"move it, say where in secrets.root_key in postgresql.conf, and: SELECT pg_reload_conf(); SELECT secrets.unseal();";
	const char *log_directory = GetConfigOption("log_directory", true, false);

	if (place_is_in_data_directory(path))
		check_found(findings, SEVERITY_CRITICAL,
					psprintf("root key file \"%s\" is inside the data directory: every base backup takes it along", path), advice);
	else if (log_directory && place_is_inside(path, place_from_data_directory(log_directory)))
		check_found(findings, SEVERITY_WARNING,
					psprintf("root key file \"%s\" is inside log_directory: whoever collects logs takes it along", path), advice);
	look_into_tablespaces(findings, path, advice);
}

static void
look_at_directories(Findings *findings, const char *path, const char *what)
{
	char	   *dir = place_find_open_directory(path);

	if (dir)
		check_found(findings, SEVERITY_WARNING,
					psprintf("directory \"%s\" is writable by others, who can take %s \"%s\" away and put something else there",
							 dir, what, path),
					psprintf("chown root %s; chmod go-w %s", dir, dir));
}

/* One that is not there is seen by whoever needs it: it may lie in a safe. */
static void
look_at_file(Findings *findings, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return;
	if (!S_ISREG(st.st_mode))
	{
		check_found(findings, SEVERITY_WARNING,
					psprintf("root key file \"%s\" is %s, and will be refused", path, S_ISLNK(st.st_mode) ? "a symbolic link" : "no regular file"),
					"put the file itself there");
		return;
	}
	look_at_owner_and_mode(findings, path, &st);
	look_at_neighbours(findings, path);
	look_at_directories(findings, path, "root key file");
}

/* ---- a program ---- */

/* Who can change it hears the key, and is the server. */
static void
look_at_program(Findings *findings, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return;
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_uid != 0 && st.st_uid != geteuid()))
		check_found(findings, SEVERITY_CRITICAL,
					psprintf("program \"%s\", which brings the root key, can be changed by others than root and the server's user", path),
					psprintf("chown root %s; chmod go-w %s", path, path));
	look_at_directories(findings, path, "program");
}

/* ---- all of them ---- */

static void
look_at_place(Findings *findings, const char *place)
{
	char	   *file = path_of(place, FILE_SCHEME);
	char	   *program = path_of(place, COMMAND_SCHEME);

	if (file)
		look_at_file(findings, file);
	if (program)
		look_at_program(findings, program);
}

static void
look_at_configured(Findings *findings)
{
	look_at_place(findings, keyring_root_key_setting());
}

/* Other root keys open as much. */
static void
look_at_registered(Findings *findings)
{
	ListCell   *cell;

	foreach(cell, check_ask("SELECT DISTINCT source FROM secrets_catalog.root_key ORDER BY 1"))
	{
		char	   *place = ((char **) lfirst(cell))[0];

		if (place && strcmp(place, keyring_root_key_setting()) != 0)
			look_at_place(findings, place);
	}
}

static void
look_at_state(Findings *findings)
{
	KeyringStatus status;
	char	   *file = path_of(keyring_root_key_setting(), FILE_SCHEME);

	keyring_get_status(&status);
	if (strcmp(status.state, "sealed") == 0)
		check_found(findings, SEVERITY_WARNING,
					keyring_root_key_setting()[0] == '\0'
					? "secrets.root_key is empty: secrets is sealed, and no value can be read"
					: psprintf("secrets is sealed, and no value can be read: %s", status.why),
					"set secrets.root_key in postgresql.conf, bring the root key there, and: SELECT pg_reload_conf(); SELECT secrets.unseal();");
	else if (file && access(file, F_OK) != 0 && keyring_is_preloaded())
		check_found(findings, SEVERITY_INFO,
					psprintf("root key file \"%s\" is not there: the next start will be sealed", file),
					"put it back, before the server is started again");
}

const CheckTest check_key[] = {
	{.look = look_at_state},
	{.look = look_at_configured},
	{.look = look_at_registered},
	{0}
};
