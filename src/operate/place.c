/*
 * operate/place.c
 */
#include "postgres.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"

#include "operate/place.h"

bool
place_is_inside(const char *path, const char *dir)
{
	char		real_path[PATH_MAX];
	char		real_dir[PATH_MAX];
	size_t		n;

	if (realpath(path, real_path) == NULL || realpath(dir, real_dir) == NULL)
		return false;
	n = strlen(real_dir);
	return strncmp(real_path, real_dir, n) == 0 && (real_path[n] == '/' || real_path[n] == '\0');
}

bool
place_is_in_data_directory(const char *path)
{
	return place_is_inside(path, DataDir);
}

char *
place_from_data_directory(const char *path)
{
	return is_absolute_path(path) ? pstrdup(path) : psprintf("%s/%s", DataDir, path);
}

static bool
is_open_to_others(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return false;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return true;
	if (st.st_mode & S_ISVTX)
		return false;
	return (st.st_mode & S_IWOTH) || ((st.st_mode & S_IWGRP) && st.st_gid != 0);
}

/* From the top: whoever may change one decides about all below. */
static char *
find_open_above(const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
	{
		char	   *dir = slash == path ? pstrdup("/") : pnstrdup(path, slash - path);

		if (is_open_to_others(dir))
			return dir;
	}
	return NULL;
}

/* As it is written, and as it is where links are followed. */
char *
place_find_open_directory(const char *path)
{
	char	   *dir = find_open_above(path);
	char		real_path[PATH_MAX];

	if (dir == NULL && realpath(path, real_path))
		dir = find_open_above(real_path);
	return dir;
}
