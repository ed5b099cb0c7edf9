/*
 * keyring/source_file.c: the root key in a file of its own.
 *
 * Refused: a symbolic link (it can be pointed elsewhere), a file that others
 * may read, and any place inside the data directory, which goes into every
 * base backup: the key beside what it locks.
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"

#include "keyring/keyfile.h"
#include "keyring/source.h"

/* Both as the kernel sees them: a link in the middle of a path fools nobody. */
static bool
is_inside_data_directory(const char *path)
{
	char		real_path[PATH_MAX];
	char		real_dir[PATH_MAX];
	size_t		n;

	if (DataDir == NULL || realpath(path, real_path) == NULL || realpath(DataDir, real_dir) == NULL)
		return false;
	n = strlen(real_dir);
	return strncmp(real_path, real_dir, n) == 0 && (real_path[n] == '/' || real_path[n] == '\0');
}

/* What is wrong with the file itself, or NULL. */
static const char *
find_fault(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return "cannot be examined";
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return "is readable by others: its mode must be 0600 or 0400";
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return "belongs to another user than the server's";
	if (is_inside_data_directory(path))
		return "is inside the data directory, where every base backup would carry it";
	return NULL;
}

static bool
read_key(int fd, uint8_t key[CRYPTO_KEY_LEN])
{
	char		text[KEYFILE_MAX_LEN + 1];
	size_t		len = 0;
	ssize_t		n;
	bool		ok;

	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t) n;
	ok = keyfile_parse(text, len, key);
	crypto_wipe(text, sizeof(text));
	return ok;
}

bool
source_file_load(const char *path, uint8_t key[CRYPTO_KEY_LEN], char why[SOURCE_WHY_LEN])
{
	/* NONBLOCK: a FIFO put there must not hang the server's start. */
	int			fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	const char *fault;

	if (fd < 0)
		fault = errno == ENOENT || errno == ENOTDIR ? "is missing"
			: errno == ELOOP ? "is a symbolic link"
			: errno == EACCES ? "cannot be read by the server's user"
			: "cannot be opened";
	else
	{
		fault = find_fault(fd, path);
		if (fault == NULL && !read_key(fd, key))
			fault = "has the wrong length or form: 64 hex digits or 44 characters of base64 are wanted";
		close(fd);
	}
	if (fault == NULL)
		return true;
	snprintf(why, SOURCE_WHY_LEN, "root key file \"%s\" %s", path, fault);
	return false;
}
